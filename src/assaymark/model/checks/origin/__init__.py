"""Claims about a model that do not hold, incidents that speak of it, and what changed of it where it is published."""
