"""MDL008."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.torch.views import UnreadProgram


@check("MDL008", layer=Layer.MODEL, severity=Severity.LOW, holds=True, since="0.1", refs=("CWE:829",))
def torchscript_code_is_unread(code: UnreadProgram) -> Iterator[Hit]:
    """TorchScript code that could not be read.

    Why: `torch.jit.load` compiles the code in the archive; its operators can read and write files. What this code does was not
        seen: it is not of the form that torch writes.
    Fix: Ask for the weights as safetensors and build the model from code you have reviewed, or have the archive written anew
        by `torch.jit.save`.
    """
    yield Hit(f"{code.what} {code.reason}", line=code.line, symbol=code.reason)
