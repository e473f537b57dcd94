"""MDL069."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.huggingface.loose import LooseScript


@check("MDL069", layer=Layer.MODEL, severity=Severity.LOW, since="0.1", refs=("CWE:829", "ATLAS:AML.T0011"))
def loose_script_acts(script: LooseScript) -> Iterator[Hit]:
    """A script beside a model acts as soon as it is imported or run, and nothing in the folder names it.

    Why: Nothing loads it by itself, so it is no part of the model; whoever runs it runs what is named here. Scripts for training
    and installation do so honestly.
    Fix: Read it before you run it; publishers: put the code below `if __name__ == "__main__":`, and pin and check what is fetched.
    """
    if script.acts:
        yield Hit(
            f"{script.name}, when it is {script.when}: {script.told(script.acts)}",
            line=script.acts[0][0],
            symbol=f"{script.name}: {script.acts[0][1]}",
        )
