"""What an index says of a project over time: a snapshot's content, and what between two of them is worth a look. Pure."""
