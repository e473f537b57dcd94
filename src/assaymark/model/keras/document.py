"""JSON of a stranger as Keras reads it: any encoding of Unicode, the last of two equal keys, nothing too large."""

import json
from typing import Any

from assaymark.core.blob import Blob, exact
from assaymark.core.budget import Budget
from assaymark.core.errors import Malformed, OverBudget

NODES = 5_000_000
"""Values of one document, counted by their separators: each costs some sixty bytes of memory."""
SHADOWED = object()
"""Key, in an object that has a key twice, of the values that `json.loads` drops."""
_BLANK = " \t\n\r"


def read(blob: Blob, budget: Budget) -> tuple[Any, int, str]:
    """The first JSON value, the offset in characters behind it, and the text."""
    budget.header(blob.size, "JSON document")
    data = exact(blob, 0, blob.size, "JSON document")
    encoding = json.detect_encoding(data)
    try:
        text = data.decode(encoding, "surrogatepass")
    except UnicodeDecodeError as error:
        message = f"a JSON document that is no {encoding}: {error.reason}"
        raise Malformed(message, offset=error.start) from None
    if sum(map(text.count, ",[{")) > NODES:
        message = f"a JSON document of more than {NODES:,} values"
        raise OverBudget(message)
    start = len(text) - len(text.lstrip(_BLANK))
    try:
        value, end = json.JSONDecoder(object_pairs_hook=_object).raw_decode(text, start)
    except RecursionError:
        message = "JSON nested deeper than its readers follow"
        raise OverBudget(message, step="no model is nested so deep; do not load it") from None
    except ValueError as error:
        message = f"broken JSON: {error}"
        raise Malformed(message, offset=getattr(error, "pos", None)) from None
    return value, end, text


def _object(pairs: list[tuple[str, Any]]) -> dict[Any, Any]:
    found: dict[Any, Any] = dict(pairs)
    if len(found) < len(pairs):
        found[SHADOWED] = [value for key, value in pairs if found[key] is not value]
    return found
