"""One inventory of packages, whatever file, folder or image says so."""
