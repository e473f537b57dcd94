"""INF020: a script installs from several package indexes at once."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.infra.packages import MixedIndexes


@check(
    "INF020",
    layer=Layer.INFRA,
    severity=Severity.MEDIUM,
    since="0.1",
    refs=("CWE:427", "ATLAS:AML.T0010.001", "OWASP-LLM:LLM03"),
)
def mixed_indexes(mixed: MixedIndexes) -> Iterator[Hit]:
    """A script installs from several package indexes at once.

    Why: pip takes the highest version from whichever index offers it. Whoever registers the name of a private package on the
        public index decides what is installed (dependency confusion).
    Fix: Give one index (`pip install --index-url https://…`), in a step of its own for what only that index has, or install with
        `--require-hashes`.
    """
    yield Hit(
        f"pip takes the newest version that either the default index or {mixed.url} offers",
        line=mixed.line,
        symbol=mixed.url,
        excerpt=mixed.excerpt,
    )
