"""MDL163."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.coreml.model import CoremlPath


@check(
    "MDL163",
    layer=Layer.MODEL,
    severity=Severity.HIGH,
    since="0.1",
    refs=(
        "CWE:22",
        "ATLAS:AML.T0011.000",
    ),
)
def coreml_path_leaves_package(item: CoremlPath) -> Iterator[Hit]:
    """A Core ML model or package names a file outside of itself.

    Why: The file of whoever loads the model is mapped into its weights or taken for a part of it.
    Fix: Do not load it. Values of a program lie below `@model_path/`, items of a package below `Data/`.
    """
    path = item.path.replace("\\", "/").removeprefix("@model_path/")
    if path.startswith(("/", "~", "@")) or ".." in path.split("/") or ":" in path or not path.isprintable():
        message = f"{item.owner} names the file {item.path[:200]!r}"
        yield Hit(message, offset=item.offset, symbol=item.path[:300])
