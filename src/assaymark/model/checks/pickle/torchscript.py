"""MDL008."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.pickle import PickleView


@check(
    "MDL008",
    layer=Layer.MODEL,
    severity=Severity.LOW,
    holds=True,
    since="0.1",
    refs=("CWE:829",),
)
def pickle_names_torchscript_code(pickle: PickleView) -> Iterator[Hit]:
    """A TorchScript archive brings its own program.

    Why: `torch.jit.load` compiles the code in the archive; its operators can read and write files. This version looks at
    the data of such an archive, not at its code.
    Fix: Ask for the weights as safetensors and build the model from code you have reviewed.
    """
    for event in pickle.of("torchscript"):
        yield Hit(
            "objects of classes that the archive's own TorchScript code defines",
            offset=event.offset,
            symbol="torchscript",
            excerpt=f"{event.opcode} {event.module}",
        )
