"""The pure heart: records and functions without I/O."""
