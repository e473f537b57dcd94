"""INF008: a script installs Python packages without a version."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.infra.packages import Unpinned


@check("INF008", layer=Layer.INFRA, severity=Severity.LOW, since="0.1", refs=("CWE:1357", "ATLAS:AML.T0010.001"))
def unpinned_install(install: Unpinned) -> Iterator[Hit]:
    """A script installs Python packages without a version.

    Why: Each build takes the newest release there is; a poisoned one is in your image with the next build.
    Fix: Pin them: `pip install name==version`, better `pip install --require-hashes -r requirements.txt`.
    """
    yield Hit(
        f"not pinned: {', '.join(install.names[:8])}{' …' if len(install.names) > 8 else ''}",
        line=install.line,
        symbol=", ".join(install.names),
        excerpt=install.excerpt,
    )
