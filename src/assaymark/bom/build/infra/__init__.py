"""Infrastructure: images, what a machine was seen to have, accelerators."""
