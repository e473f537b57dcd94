"""The model layer: what would this file do when it is loaded."""
