"""MDL020."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.npy import NpyView


@check("MDL020", layer=Layer.MODEL, severity=Severity.LOW, since="0.1", refs=("CWE:502", "ATLAS:AML.T0011.000"))
def npy_object_array(array: NpyView) -> Iterator[Hit]:
    """An array of Python objects is a pickle.

    Why: It loads only with `allow_pickle=True`, and then runs whatever the pickle says. What this one says is judged by
    the pickle checks; the switch, once on, holds for every other file that is loaded the same way.
    Fix: Save texts and numbers with their own dtype (`np.save(path, np.array(values, dtype="U"))`), ragged data as one
    flat array with offsets, and load with `np.load(path, allow_pickle=False)`.
    """
    if array.objects:
        shape = "scalar" if not array.shape else " x ".join(map(str, array.shape))
        yield Hit(
            f"array of Python objects ({array.dtype}, {shape}): loading it unpickles",
            offset=array.offset,
            symbol=array.dtype,
        )
