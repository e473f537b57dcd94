"""MDL068."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.huggingface.loose import LooseScript


@check(
    "MDL068",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:94", "ATLAS:AML.T0011.000"),
)
def loose_script_runs_what_nobody_saw(script: LooseScript) -> Iterator[Hit]:
    """A script beside a model runs text that nobody can read beforehand, or sends keys away.

    Why: No loader starts it, but a model card that says "run this first" is enough. Fetched or decoded text that runs as code
    is how a payload is kept out of sight; training and conversion scripts need neither that nor the files of keys.
    Fix: Do not run the script. Load the weights with the library itself, and ask the publisher for readable code.
    """
    if script.unseen:
        yield Hit(
            f"{script.name}, when it is {script.when}: {script.told(script.unseen)}",
            line=script.unseen[0][0],
            symbol=f"{script.name}: {script.unseen[0][1]}",
        )
