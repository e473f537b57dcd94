"""LIB002: pinned requirements carry no hash."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.names import listed
from assaymark.library.requirements import RequirementsFile


@check(
    "LIB002",
    layer=Layer.LIBRARY,
    severity=Severity.LOW,
    since="0.1",
    refs=("CWE:494", "ATLAS:AML.T0010.001", "OWASP-LLM:LLM03"),
)
def unhashed_requirements(file: RequirementsFile) -> Iterator[Hit]:
    """Pinned requirements carry no hash.

    Why: A version is a name that the index, a mirror or a proxy fills with bytes. Only a hash says which bytes were tested.
    Fix: `uv pip compile --generate-hashes requirements.in -o requirements.txt` (or `pip-compile --generate-hashes`), then
        install with `pip install --require-hashes -r requirements.txt`.
    """
    if file.unhashed:
        yield Hit(
            f"{len(file.unhashed)} of {file.pins} pinned requirements have no hash: {listed(file.unhashed)}",
            line=file.line,
            symbol="hashes",
            excerpt=file.excerpt,
        )
