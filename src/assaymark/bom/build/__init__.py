"""Gathers a BOM from bytes: one module for each layer, each adding to one draft. Nothing is executed, nothing is fetched."""
