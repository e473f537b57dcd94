"""MDL143."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.torch.views import RunText


@check("MDL143", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:95",))
def exported_program_has_odd_text(text: RunText) -> Iterator[Hit]:
    """A shape or guard of an exported program is not of the form that torch writes.

    Why: torch evaluates these texts with sympy. What this one does could not be read.
    Fix: Export the model again from its source with `torch.export.save`.
    """
    if not text.does:
        yield Hit(f"{text.key} cannot be read as an expression", symbol=text.text, excerpt=text.text)
