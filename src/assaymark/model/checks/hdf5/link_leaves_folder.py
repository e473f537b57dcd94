"""MDL060."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.hdf5 import ExternalLink, leaves_folder


@check(
    "MDL060",
    layer=Layer.MODEL,
    severity=Severity.HIGH,
    since="0.1",
    refs=("CWE:22", "CWE:73", "ATLAS:AML.T0010.003"),
)
def link_leaves_folder(link: ExternalLink) -> Iterator[Hit]:
    """An HDF5 link reaches a file outside the model's folder.

    Why: The library follows an external link as if the object were in the file. Whoever loads the model reads a file
    of the machine that the author chose, and its content goes on as weights, into outputs and into saved copies.
    Fix: Do not load it. Have the file written again without the link: with h5py, `del f[path]`, then store the object
    itself (`f.copy(source, path, expand_external=True)`).
    """
    if leaves_folder(link.file):
        yield Hit(
            f"{link.path} is a link to {link.target or '/'} in {link.file}, outside the model's folder: loading the "
            "model reads that file",
            offset=link.offset,
            symbol=f"{link.path} -> {link.file}",
            excerpt=f"{link.path} -> {link.file}:{link.target}",
        )
