"""The manifest of a Core ML package (.mlpackage): which files below `Data/` it is made of."""

import json
from collections.abc import Iterator

from assaymark.core.blob import Blob
from assaymark.core.errors import Malformed
from assaymark.core.format import Context, Item
from assaymark.model.coreml.model import CoremlPath

_ENTRIES = 10_000


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """A CoremlPath for each item."""
    context.budget.header(blob.size, "the package's manifest")
    try:
        document = json.loads(blob.read(0, blob.size), object_pairs_hook=_single)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the package's manifest is no JSON: {error}", offset=0) from None
    entries = document.get("itemInfoEntries") if isinstance(document, dict) else None
    if not isinstance(entries, dict) or len(entries) > _ENTRIES:
        raise Malformed("the package's manifest has no list of items", offset=0)
    root = document.get("rootModelIdentifier")
    if not isinstance(root, str) or root not in entries:
        raise Malformed("the package's manifest names a root model that it does not list", offset=0)
    for key, entry in entries.items():
        path = entry.get("path") if isinstance(entry, dict) else None
        if not isinstance(path, str):
            raise Malformed(f"the item {key[:100]!r} of the package's manifest has no path", offset=0)
        yield CoremlPath(path, f"the item {key[:100]!r} of the manifest", None)


def _single(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object; of two values of one key, which counts is each reader's choice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found
