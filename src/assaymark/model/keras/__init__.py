"""What Keras configurations may name: Keras' own classes and functions, and those that act on the machine."""
