"""Metadata of Zarr 2 and 3 arrays: which codecs turn the chunks into values.

numcodecs' `pickle` codec unpickles each chunk when the array is read; all others of the table move bytes.
"""

import json
from collections.abc import Iterator

from assaymark.core.blob import Blob
from assaymark.core.errors import Malformed
from assaymark.core.format import Context, Item
from assaymark.model.msgpack.views import Codec, ZarrView

_MOST = 50
_PICKLES = frozenset({"pickle", "numcodecs.pickle"})
_CODECS = frozenset(
    """
zlib gzip bz2 lzma lz4 zstd blosc zfpy pcodec snappy delta fixedscaleoffset quantize bitround packbits categorize astype
base64 shuffle crc32 crc32c adler32 fletcher32 jenkins_lookup3 json2 msgpack2 vlen-utf8 vlen-bytes vlen-array n5_wrapper
bytes transpose sharding_indexed endian numpy string vlen-string cast_value scale_offset
imagecodecs_delta imagecodecs_zstd imagecodecs_png imagecodecs_jpeg imagecodecs_lz4 imagecodecs_blosc
""".split()  # noqa: SIM905 - a table of words
)
"""Codecs of numcodecs, the Zarr 3 specification and imagecodecs, which move bytes and run nothing."""


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """One view of all codecs that the document names."""
    context.budget.header(blob.size, "the Zarr metadata")
    try:
        root = json.loads(blob.read(0, blob.size))
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)[:200]
        raise Malformed(f"the Zarr metadata is no JSON: {reason}") from None
    pickled: dict[Codec, None] = {}
    unknown: dict[Codec, None] = {}
    for codec in _codecs(root):
        kept = pickled if codec.name in _PICKLES else unknown
        plain = codec.name.removeprefix("numcodecs.").removeprefix("https://codec.zarrs.dev/") in _CODECS
        if (kept is pickled or not plain) and len(kept) < _MOST:
            kept[codec] = None
    yield ZarrView(tuple(pickled), tuple(unknown))


def _codecs(root: object) -> Iterator[Codec]:
    """Every compressor, filter and codec, with the key of the array it belongs to."""
    pending: list[tuple[str, str, object]] = [("", "", root)]
    while pending:
        array, use, value = pending.pop()
        if isinstance(value, dict):
            name = value.get("id", value.get("name")) if use else None
            if isinstance(name, str):
                yield Codec(array, use, name[:80])
            for key, inner in value.items():
                below = key if key in {"compressor", "filters", "codecs", "index_codecs"} else ""
                named = key if isinstance(inner, dict) and ("/" in key or key.startswith(".z")) else array
                pending.append((named[:200], below or (use if key == "configuration" else ""), inner))
        elif isinstance(value, list):
            pending.extend((array, use, inner) for inner in value)
        elif isinstance(value, str) and use:
            yield Codec(array, use, value[:80])
