"""TLG013."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.tooling.pipelines import ShellStep


@check("TLG013", layer=Layer.TOOLING, severity=Severity.HIGH, since="0.1", refs=("CWE:494", "CWE:829"))
def step_runs_a_download(step: ShellStep) -> Iterator[Hit]:
    """A pipeline step runs a script straight from the network.

    Why: Codecov's uploader was changed for two months and read the secrets of every pipeline that piped it to bash
    (2021). Whoever holds the address decides at each start what runs with the pipeline's rights.
    Fix: Keep the script in the repository, or check it: `curl -fsSLo i.sh URL && echo "SHA256  i.sh" | sha256sum -c &&
        sh i.sh`; for tools, use an action pinned to a commit.
    """
    yield Hit(f"a step {step.does}", line=step.line, symbol=step.command[:200], excerpt=step.command)
