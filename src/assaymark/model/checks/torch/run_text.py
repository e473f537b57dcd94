"""MDL133."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.torch.views import RunText


@check(
    "MDL133",
    layer=Layer.MODEL,
    severity=Severity.CRITICAL,
    since="0.1",
    refs=("CWE:94", "CWE:95", "ATLAS:AML.T0010.003"),
)
def exported_program_runs_text(text: RunText) -> Iterator[Hit]:
    """A text of an exported program is run as Python when it is loaded.

    Why: `torch.export.load` hands shapes to `sympy.sympify`, which evaluates them, compiles guards, and imports the modules that
        trees name. Arithmetic is all that belongs there.
    Fix: Do not load it. Export the model again from its source: `torch.export.save(torch.export.export(model, args), "model.pt2")`.
    """
    if text.does:
        yield Hit(f"{text.key} {text.does} when the program is loaded or called", symbol=text.text, excerpt=text.text)
