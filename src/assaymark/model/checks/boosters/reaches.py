"""MDL171."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.boosters.views import BoosterView


@check("MDL171", layer=Layer.MODEL, severity=Severity.LOW, since="0.1", refs=("CWE:200", "CWE:918"))
def reaches(model: BoosterView) -> Iterator[Hit]:
    """A boosted-tree model keeps settings that name hosts or files.

    Why: The training parameters travel with the model; `Booster.refit` and continued training use them again, and
    connect to the hosts and read the files that they name.
    Fix: Clear the settings before the model is published (`machines`, `forcedsplits_filename` and the like), and set
    your own before you go on training it.
    """
    for name, value in model.reaches:
        yield Hit(f"{model.library}: {name} is {value!r}", symbol=name)
