"""INF021: a script runs a file that it has downloaded, without looking at its hash."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.source.fetch_file import unchecked
from assaymark.core.subject import Layer
from assaymark.infra.script import ShellScript


@check(
    "INF021", layer=Layer.INFRA, severity=Severity.MEDIUM, since="0.1", refs=("CWE:494", "CWE:829", "ATLAS:AML.T0010")
)
def unchecked_download(script: ShellScript) -> Iterator[Hit]:
    """A script runs a file that it has downloaded, without looking at its hash.

    Why: Whoever controls the server or the way there runs code in your build, on the day of their choice.
    Fix: Compare it first: `echo "<sha256>  install.sh" | sha256sum -c - && sh install.sh`; better, install a pinned package.
    """
    for risk in unchecked(script.text):
        excerpt = script.excerpt_at(risk.offset)
        yield Hit(f"{risk.what} ({script.when})", line=script.line_at(risk.offset), symbol=excerpt, excerpt=excerpt)
