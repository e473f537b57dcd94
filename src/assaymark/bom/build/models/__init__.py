"""Models: what weights, configurations and cards say of them, and of the base that they were made from."""
