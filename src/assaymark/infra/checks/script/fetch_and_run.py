"""INF003: a script runs what it has just downloaded, unseen."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.source.fetch_run import risks
from assaymark.core.subject import Layer
from assaymark.infra.script import ShellScript


@check("INF003", layer=Layer.INFRA, severity=Severity.HIGH, since="0.1", refs=("CWE:494", "CWE:829", "ATLAS:AML.T0010"))
def fetch_and_run(script: ShellScript) -> Iterator[Hit]:
    """A script runs what it has just downloaded, unseen.

    Why: Whoever controls the server, the domain or the way there runs code in your build. The server can even tell a pipe from
        a browser and answer with something else.
    Fix: Download to a file, compare its hash, then run it:
        `curl -fsSLo i.sh URL && echo "<sha256>  i.sh" | sha256sum -c - && sh i.sh`; better, install a pinned package.
    """
    for risk in risks(script.text):
        excerpt = script.excerpt_at(risk.offset)
        yield Hit(f"{risk.what} at {script.when}", line=script.line_at(risk.offset), symbol=excerpt, excerpt=excerpt)
