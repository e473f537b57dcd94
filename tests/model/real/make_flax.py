"""Makes the files of flax/: flax 0.12.8, optax 0.2.8, orbax-checkpoint 0.12.8, zarr 3.1.6, msgpack-numpy 0.4.8.

python make_flax.py FOLDER
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import jax.numpy as jnp
import msgpack
import msgpack_numpy
import numcodecs
import numpy as np
import optax
import orbax.checkpoint as ocp
import zarr
from flax import serialization

folder = Path(sys.argv[1])
layer = {"kernel": jnp.ones((3, 4)), "bias": jnp.zeros(4, jnp.bfloat16)}
parameters = {
    "params": {"Dense_0": layer, "e": np.zeros((0, 3)), "s": np.float32(3), "c": 1 + 2j, "l": [1, "a", None, True, -3]},
    "step": 7,
    "f8": jnp.ones(3, jnp.float8_e4m3fn),
}
(folder / "flax_model.msgpack").write_bytes(serialization.to_bytes(parameters))
(folder / "opt_checkpoint_10").write_bytes(
    serialization.to_bytes({"params": layer, "opt": optax.adam(1e-3).init(layer)})
)
serialization.MAX_CHUNK_SIZE = 64
(folder / "chunked.msgpack").write_bytes(serialization.msgpack_serialize({"a": np.arange(100.0)}))


class Payload:
    """Unpickled by msgpack-numpy; made only to be looked at."""

    def __reduce__(self):
        return os.system, ("touch /tmp/marker",)


(folder / "numpy.msgpack").write_bytes(msgpack.packb({"a": np.ones(3)}, default=msgpack_numpy.encode))
objects = np.array([Payload(), None], dtype=object)
(folder / "pickled.msgpack").write_bytes(msgpack.packb({"a": objects}, default=msgpack_numpy.encode))

with tempfile.TemporaryDirectory() as scratch:
    at = Path(scratch)
    ocp.PyTreeCheckpointer().save(at / "orbax", {"a": np.arange(8.0), "b": {"c": jnp.ones((3, 3))}})
    shutil.copy(at / "orbax" / "manifest.ocdbt", folder)
    shutil.copy(next((at / "orbax" / "d").iterdir()), folder / "ocdbt_data")
    group = zarr.open_group(at / "v2", mode="w", zarr_format=2)
    array = group.create_array(
        "a", shape=(10,), chunks=(5,), dtype="f4", compressors=numcodecs.Blosc(), filters=[numcodecs.Delta("f4")]
    )
    array[:] = np.arange(10)
    zarr.consolidate_metadata(at / "v2")
    shutil.copy(at / "v2" / "a" / ".zarray", folder / "zarray")
    shutil.copy(at / "v2" / "a" / "0", folder / "blosc_chunk")
    shutil.copy(at / "v2" / ".zmetadata", folder / "zmetadata")
    zarr.open_group(at / "v3", mode="w", zarr_format=3).create_array("a", shape=(10,), chunks=(5,), dtype="f4")
    shutil.copy(at / "v3" / "zarr.json", folder / "zarr.json")
