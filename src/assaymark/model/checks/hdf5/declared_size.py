"""MDL064."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.hdf5 import LargeDataset

EXPANSION = 1_000
"""Declared bytes for each byte of the file; DEFLATE cannot pass 1,032."""


@check(
    "MDL064",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:789", "CWE:409", "CVE:CVE-2026-0897"),
)
def declared_size(dataset: LargeDataset) -> Iterator[Hit]:
    """An HDF5 dataset declares far more data than the file can hold.

    Why: Loaders allocate what the shape says before they read. A few bytes of file then take all memory of the machine.
    Fix: Do not load it. If the array is meant to be empty, have its author store it with the shape that is in use.
    """
    if dataset.declared > EXPANSION * dataset.file_size:
        yield Hit(
            f"{dataset.path} declares {dataset.declared:,} bytes (shape {list(dataset.dims)}) in a file of "
            f"{dataset.file_size:,}: loading it allocates them",
            offset=dataset.offset,
            symbol=dataset.path,
        )
