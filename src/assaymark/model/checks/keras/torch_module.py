"""MDL074."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.keras import KerasObject


@check(
    "MDL074",
    layer=Layer.MODEL,
    severity=Severity.CRITICAL,
    since="0.1",
    refs=("CWE:502", "ATLAS:AML.T0011.000", "CVE:CVE-2025-49655"),
)
def torch_module(item: KerasObject) -> Iterator[Hit]:
    """A Keras layer unpickles a PyTorch module.

    Why: `TorchModuleWrapper` hands the text in its configuration to `torch.load(..., weights_only=False)`: a pickle, which
    runs code. Keras 3.11.0 to 3.11.2 do so in safe mode too. The pickle itself was looked at as a member of this file.
    Fix: Do not load it. Ask the producer for the weights as safetensors and for the module's source, and build the layer
    from those.
    """
    if item.leaf == "TorchModuleWrapper" and any(key == "module" for key, _ in item.texts):
        yield Hit(
            f"{item.place or 'the document'} is a TorchModuleWrapper: its configuration is unpickled",
            symbol=f"{item.leaf} {item.label}",
            excerpt=item.reference,
        )
