"""LIB505: the package hides what it does."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.malware.model import Chain


@check("LIB505", layer=Layer.LIBRARY, severity=Severity.HIGH, since="0.1", refs=("CWE:1007", "ATLAS:AML.T0010.001"))
def disguise(chain: Chain) -> Iterator[Hit]:
    """The package hides what it does.

    Why: Letters that look like others, marks that turn text, code far to the right and switched-off logs have
        one use: that a reader does not see.
    Fix: Look at the named line in an editor that shows such characters; do not install it unless its maintainer
        explains them.
    """
    if chain.rule == "LIB505":
        yield chain.hit()
