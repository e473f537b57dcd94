"""MDL062."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.hdf5 import PickledDataset


@check(
    "MDL062",
    layer=Layer.MODEL,
    severity=Severity.LOW,
    since="0.1",
    refs=("CWE:502", "ATLAS:AML.T0011.000"),
)
def pickled_dataset(dataset: PickledDataset) -> Iterator[Hit]:
    """An HDF5 dataset is unpickled when it is read.

    Why: A pickle runs code of its author's choice. These were looked at as members of this file, but the next version
    of the file may hold others, and `pandas.read_hdf` and PyTables unpickle whatever stands there.
    Fix: Store the table without Python objects: `df.to_parquet(path)`, or columns of plain types and
    `df.to_hdf(path, key=key, format="table")`.
    """
    yield Hit(
        f"{dataset.path} holds Python objects that {dataset.loader} unpickles on reading",
        offset=dataset.offset,
        symbol=dataset.path,
    )
