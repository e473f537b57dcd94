"""MDL250."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.origin.views import Lookalike


@check("MDL250", layer=Layer.MODEL, severity=Severity.LOW, since="0.1", refs=("ATLAS:AML.T0010.003", "CWE:1007"))
def name_looks_alike(name: Lookalike) -> Iterator[Hit]:
    """A model has a name that could be taken for another.

    Why: Names that differ in a letter are how people are led to the wrong repository. This is advice: no name proves anything.
    Fix: Compare the name letter by letter with the one that you mean, and pin the commit.
    """
    yield Hit(f"{name.name} could be taken for {name.other}", symbol=name.name)
