"""The infrastructure layer: what a model is built in and runs on."""
