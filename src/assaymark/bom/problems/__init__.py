"""What is wrong with a document, found by what no schema sees; one table of codes."""
