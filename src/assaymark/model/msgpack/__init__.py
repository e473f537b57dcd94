"""MessagePack checkpoints of JAX libraries (Flax), and the JSON beside array stores (Zarr, Orbax)."""
