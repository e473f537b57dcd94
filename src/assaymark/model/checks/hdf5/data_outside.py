"""MDL061."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.hdf5 import OutsideData, leaves_folder


@check(
    "MDL061",
    layer=Layer.MODEL,
    severity=Severity.HIGH,
    since="0.1",
    refs=("CWE:22", "CWE:73", "ATLAS:AML.T0010.003"),
)
def data_outside(data: OutsideData) -> Iterator[Hit]:
    """An HDF5 dataset takes its data from an arbitrary file of the machine.

    Why: External storage reads the raw bytes of any file, whatever its format, and a relative name counts from the
    directory in which the program runs: keys, tokens and configuration come back as weights. A virtual dataset does the
    same with any HDF5 file that its name reaches.
    Fix: Do not load it. Have the data stored in the file: with h5py, `data = f[path][...]`, `del f[path]`, `f[path] = data`,
    on the machine of its author.
    """
    for file in data.files:
        if not data.virtual or leaves_folder(file):
            how = "a virtual dataset over" if data.virtual else "stored as the raw bytes of"
            yield Hit(
                f"{data.path} is {how} {file}: loading it reads that file of the machine",
                offset=data.offset,
                symbol=f"{data.path} -> {file}",
            )
