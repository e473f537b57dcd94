"""One check a file; the folder is the view that they read."""
