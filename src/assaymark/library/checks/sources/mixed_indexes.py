"""LIB003: several package indexes answer for every name."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.sources import Source


@check(
    "LIB003",
    layer=Layer.LIBRARY,
    severity=Severity.MEDIUM,
    since="0.1",
    refs=("CWE:427", "ATLAS:AML.T0010.001", "OWASP-LLM:LLM03"),
)
def mixed_indexes(place: Source) -> Iterator[Hit]:
    """Several package indexes answer for every name.

    Why: The highest version wins, from whichever index offers it. Whoever registers the name of your private package on
        the public index decides what you install (dependency confusion; `torchtriton` in December 2022).
    Fix: Give one index that has it all (`--index-url`), or bind each package to its index (uv: `explicit = true` and
        `[tool.uv.sources]`; Poetry: `priority = "explicit"`), or hash every requirement.
    """
    if place.mixes:
        yield Hit(
            f"{place.tool} takes the newest version that either the default index or {place.url} offers",
            line=place.line,
            symbol=place.url,
            excerpt=place.excerpt,
        )
