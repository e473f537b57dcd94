"""XGBoost models as JSON and UBJSON, with or without the training state around them.

Formats: https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html. A model is data: names of objectives and
boosters are looked up in tables that are compiled in, an unknown one fails.
"""

import json
from collections import Counter
from collections.abc import Iterator

from assaymark.core.blob import Blob, Slice
from assaymark.core.errors import Malformed
from assaymark.core.format import Context, Item, Member
from assaymark.model.boosters.trees import examine, objective_of
from assaymark.model.boosters.ubjson import Reader
from assaymark.model.boosters.views import BoosterView, Findings

_LIBRARY = "XGBoost"


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """One view of the model; bytes behind a UBJSON document are looked at by content."""
    found = Findings()
    if blob.read(1, 1) in {b"L", b"i", b"U", b"I", b"l"}:
        reader = Reader(blob, context.budget)
        root = reader.document()
        for key in reader.twice:
            found.add("the document", f"has the key {key!r} twice in one object: readers take different ones")
        end = reader.at
    else:
        root, end = _json(blob, context, found), blob.size
    if isinstance(root, dict) and isinstance(root.get("Model"), dict):
        root = root["Model"]
    learner = root.get("learner") if isinstance(root, dict) else None
    if isinstance(learner, dict):
        trees = examine(learner, found)
        yield BoosterView(_LIBRARY, objective_of(learner), trees, tuple(found.listed), found.more)
    elif found.listed:
        yield BoosterView(_LIBRARY, "", 0, tuple(found.listed), found.more)
    if end < blob.size:
        yield Member(f"bytes after the document, at {end}", Slice(blob, end, blob.size - end))


def _json(blob: Blob, context: Context, found: Findings) -> object:
    context.budget.header(blob.size, "the XGBoost model")

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        made = dict(items)
        if len(made) < len(items):
            counts = Counter(key for key, _ in items)
            twice = next(key for key, count in counts.items() if count > 1)
            found.add("the document", f"has the key {twice[:80]!r} twice in one object: readers take different ones")
        return made

    try:
        return json.loads(blob.read(0, blob.size), object_pairs_hook=pairs)
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)[:200]
        raise Malformed(f"the XGBoost model is no JSON: {reason}") from None
