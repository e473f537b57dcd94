"""Which payloads of an exported program are unpickled: its configurations say `use_pickle` of each.

The rest are raw numbers that torch maps (torch/export/pt2_archive/_package.py), whatever they look like.
"""

import json
import re
import zlib
from collections.abc import Iterable
from typing import Any

from assaymark.core.blob import Blob
from assaymark.model.zipindex import Part

_CONFIG = re.compile(r"(?:.*/)?data/(?:weights|constants|aotinductor/[^/]*)/[^/]*config\.json", re.IGNORECASE)
_LIMIT = 64 << 20
"""Bytes of all configurations together: many members may share the same packed bytes."""
ALL = "*"
"""Stands for every payload: a configuration could not be read."""


def pickled(blob: Blob, parts: Iterable[Part]) -> frozenset[str]:
    """Base names, in lower case, of the payloads that a loader hands to `torch.load` or `pickle.loads`."""
    names: set[str] = set()
    left = _LIMIT
    for part in parts:
        if part.data is None or not any(_CONFIG.fullmatch(name) for name in part.names):
            continue
        text = _content(blob, part, part.data, left)
        left -= max(len(text), part.packed)
        if left <= 0:
            return frozenset({ALL})
        names |= _named(text)
    return frozenset(names)


def _content(blob: Blob, part: Part, data: int, limit: int) -> bytes:
    if part.packed > limit:
        return b""
    packed = blob.read(data, part.packed)
    if part.header.method == 0:
        return packed
    try:
        return zlib.decompressobj(-15).decompress(packed, limit) if part.header.method == 8 else b""
    except zlib.error:
        return b""


def _named(text: bytes) -> set[str]:
    twice: list[Any] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(items)
        if len(made) < len(items):
            twice.extend(items)
        return made

    try:
        document = json.loads(text, object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        return {ALL}
    config = document.get("config") if isinstance(document, dict) else None
    if not isinstance(config, dict) or twice:
        return {ALL}
    found: set[str] = set()
    for payload in config.values():
        path = payload.get("path_name") if isinstance(payload, dict) else None
        if isinstance(path, str) and payload.get("use_pickle") is not False:
            found.add(path.replace("\\", "/").rsplit("/", 1)[-1].lower())
    return found
