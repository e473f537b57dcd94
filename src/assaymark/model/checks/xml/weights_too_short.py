"""MDL191."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.xml.openvino_folder import OpenvinoWeights


@check("MDL191", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:125", "CWE:1284"))
def weights_too_short(weights: OpenvinoWeights) -> Iterator[Hit]:
    """An OpenVINO model reads beyond the end of its weights.

    Why: The file of weights is mapped into memory and constants point into it: one that points past the end discloses or
    crashes what lies there. It may also be that the two files do not belong together.
    Fix: Do not load it. Fetch both files again from one revision and compare their digests.
    """
    if weights.reach > weights.size:
        yield Hit(
            f"a constant ends at byte {weights.reach:,} of {weights.name}, which has {weights.size:,}",
            symbol=weights.name,
        )
