"""MDL136."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.torch.views import BundledCode


@check(
    "MDL136",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:829", "ATLAS:AML.T0010.003"),
)
def archive_brings_code(code: BundledCode) -> Iterator[Hit]:
    """A model archive brings Python that its loader imports.

    Why: `torch.package` and TorchServe run it with your rights. What it does was read here as far as names tell; only a person
        can say whether it should.
    Fix: Read the file, and pin the archive by its digest; or ask for the weights alone and use code you have reviewed. Accept
        it with a reasoned, expiring ignore.
    """
    if code.fault:
        said = f"which cannot be read: {code.fault}"
    else:
        said = f"which {', '.join(code.does) or 'does nothing that a known name gives away'}"
    yield Hit(f"the {code.bundle} has its loader import {code.file}, {said}", symbol=code.file)
