"""DAT011."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.data.yamltags import PythonTag


@check("DAT011", layer=Layer.DATA, severity=Severity.LOW, since="0.1", refs=("CWE:502",))
def yaml_needs_an_unsafe_loader(tag: PythonTag) -> Iterator[Hit]:
    """A YAML file can be read with an unsafe loader only.

    Why: The objects in it are harmless, but whoever must use `yaml.unsafe_load` for this file will use it for the next.
    Fix: Write the values as plain lists and texts (`list(path.parts)`, `str(path)`, `dict(ordered)`).
    """
    if tag.inert:
        yield Hit(
            f"!!python/{tag.form}:{tag.name}", line=tag.line, symbol=f"{tag.form}:{tag.name}", excerpt=tag.excerpt
        )
