"""MDL176."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.msgpack.views import ZarrView


@check("MDL176", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:829",))
def unknown_codec(store: ZarrView) -> Iterator[Hit]:
    """A Zarr array needs a codec that nobody has vetted.

    Why: The codec is code of whatever installed package claims its name; what it does with the chunks is not known here.
    Fix: Name the package that brings the codec, review it, and accept the finding with a reasoned, expiring ignore; or
    write the array with a codec of numcodecs.
    """
    for codec in store.unknown:
        yield Hit(f"{codec.array or 'the array'}: {codec.use} {codec.name} is not known", symbol=codec.name)
