"""MDL144."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.pickle import PickleView


@check("MDL144", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:829",))
def pickle_names_code_that_is_not_there(pickle: PickleView) -> Iterator[Hit]:
    """A pickle names TorchScript classes outside of a TorchScript archive.

    Why: The code of these classes is not in the file. Python looks for a module `__torch__` on its path instead, and runs
        it where somebody has put one there.
    Fix: Load the whole archive that `torch.jit.save` wrote, not a part of it; scan that archive.
    """
    if pickle.program:
        return
    for event in pickle.of("torchscript"):
        yield Hit(
            "objects of classes whose TorchScript code is not in this file",
            offset=event.offset,
            symbol="torchscript",
            excerpt=f"{event.opcode} {event.module}",
        )
