"""Core ML: `model` parses .mlmodel, `package` the manifest of an .mlpackage, `weights` its weight.bin."""
