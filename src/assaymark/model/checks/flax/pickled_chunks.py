"""MDL175."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.msgpack.views import ZarrView


@check("MDL175", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:502", "ATLAS:AML.T0011.000"))
def pickled_chunks(store: ZarrView) -> Iterator[Hit]:
    """The chunks of a Zarr array are pickles.

    Why: numcodecs' `pickle` codec unpickles each chunk when the array is read: it runs what the chunk says, whoever opens
    the store.
    Fix: Do not read it. Ask the producer to write the array with `JSON`, `MsgPack` or `VLenUTF8` as object codec.
    """
    for codec in store.pickled:
        yield Hit(f"{codec.array or 'the array'}: {codec.use} {codec.name} unpickles every chunk", symbol=codec.array)
