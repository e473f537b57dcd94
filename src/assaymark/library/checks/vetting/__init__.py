"""What chains of capabilities amount to, LIB501 to LIB517."""
