"""MDL139."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.torch.part import CarriesModel


@check(
    "MDL139",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:829", "ATLAS:AML.T0010.003"),
)
def executable_carries_model(program: CarriesModel) -> Iterator[Hit]:
    """An executable that carries a model.

    Why: A llamafile is a program: whoever starts it runs its machine code, with the arguments that it brings. Only the model in
        it was looked at.
    Fix: Take the model out (`unzip FILE MODEL.gguf`), scan it and run it with a llama.cpp that you built or that is signed.
    """
    carried = ", ".join(program.models) or "no model, only arguments"
    ready = ", and the arguments it starts with (.args)" if program.arguments else ""
    yield Hit(f"this is {program.kind} that carries {carried}{ready}; it runs when it is opened", symbol=program.kind)
