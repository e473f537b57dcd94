"""The library layer: what a project installs, and whether it is pinned, hashed and what it says it is."""
