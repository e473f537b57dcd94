"""Tooling: scripts, pipelines and the runs that trackers kept on disk."""
