"""Two or more BOMs beside each other: matched by identity, compared, joined."""
