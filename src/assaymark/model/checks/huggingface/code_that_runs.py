"""MDL111."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.huggingface.views import CodeThatRuns


@check("MDL111", layer=Layer.MODEL, severity=Severity.INFO, since="0.1", refs=("CWE:829", "ATLAS:AML.T0010.003"))
def code_that_runs(code: CodeThatRuns) -> Iterator[Hit]:
    """What a loader of this folder runs: whose code, at which revision, under which flag.

    Why: A model folder can bring code, or name that of others. This is the list to review before the flag is set.
    Fix: Read the files named here at a fixed commit and load exactly that: `from_pretrained(..., revision="<commit>",
        code_revision="<commit>")`.
    """
    yield Hit("; ".join(code.lines), symbol="code that runs")
