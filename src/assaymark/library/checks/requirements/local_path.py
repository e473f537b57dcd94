"""LIB007: a requirement is taken from a path outside the project."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.requirements import Requirement


@check("LIB007", layer=Layer.LIBRARY, severity=Severity.LOW, since="0.1", refs=("CWE:427",))
def path_outside(requirement: Requirement) -> Iterator[Hit]:
    """A requirement is taken from a path outside the project.

    Why: What lies there differs from machine to machine, is in no lock and was not looked at with this project.
    Fix: Publish the package to your index and pin it (`name==version`), or keep it inside the project (`./libs/name`).
    """
    path = requirement.text.removeprefix("file:")
    if requirement.form == "path" and (path.startswith(("/", "~", "..", "${")) or "/../" in path):
        yield Hit(
            f"{path} is outside the project",
            line=requirement.line,
            symbol=requirement.text,
            excerpt=requirement.excerpt,
        )
