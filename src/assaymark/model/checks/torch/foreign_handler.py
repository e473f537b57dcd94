"""MDL138."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.torch.views import ForeignHandler


@check("MDL138", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:829",))
def handler_is_not_in_the_archive(handler: ForeignHandler) -> Iterator[Hit]:
    """A TorchServe archive names a handler that it does not hold.

    Why: The server imports whatever module has that name on its path, of any package, and calls the function for each request.
    Fix: Archive the handler with the model (`torch-model-archiver --handler handler.py`), or name one of the server's own, such as
        `image_classifier`.
    """
    message = f"the server imports the handler {handler.handler}, which is not in the archive"
    yield Hit(message, line=handler.line, symbol=handler.handler)
