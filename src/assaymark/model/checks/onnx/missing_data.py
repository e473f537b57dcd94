"""MDL230."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.onnx_folder import OnnxMissing


@check("MDL230", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:353",))
def onnx_external_data_missing(missing: OnnxMissing) -> Iterator[Hit]:
    """An ONNX model's weights lie in a file that was not looked at.

    Why: The model is not whole without it, and whoever puts a file of that name there later decides what it computes: no digest
    of this scan speaks of these weights.
    Fix: Scan the folder with the data file in it (download it, or take it off `--exclude`), or merge the two with
    `onnx.save_model(onnx.load(path), path)`.
    """
    more = f", and {missing.tensors - 1:,} more tensors" if missing.tensors > 1 else ""
    yield Hit(
        f"{missing.location!r} is not among the files that were looked at; tensor {missing.tensor} lies in it{more}",
        symbol=missing.location,
    )
