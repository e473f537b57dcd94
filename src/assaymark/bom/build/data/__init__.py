"""Data: what cards, Croissant, DVC and the files themselves say of it."""
