"""What `assay deps lock-check` sees across files and entries."""
