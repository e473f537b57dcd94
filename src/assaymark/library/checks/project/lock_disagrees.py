"""LIB010: a lock does not satisfy its manifest."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.project import ManifestAndLock


@check("LIB010", layer=Layer.LIBRARY, severity=Severity.MEDIUM, since="0.1", refs=("CWE:1357", "OWASP-LLM:LLM03"))
def lock_disagrees(pair: ManifestAndLock) -> Iterator[Hit]:
    """A lock does not satisfy its manifest.

    Why: Some installers then refuse, others quietly resolve anew: what is installed is neither what was reviewed nor
        what was tested.
    Fix: Lock again and commit both files: `uv lock`, `poetry lock`, `pdm lock`, `pipenv lock`,
        `npm install --package-lock-only`, `uv pip compile requirements.in -o requirements.txt`.
    """
    for found in pair.disagreements:
        yield Hit(
            f"{found.name} {found.problem}: run `{pair.command}`",
            line=found.line,
            symbol=found.name,
            excerpt=found.excerpt,
        )
