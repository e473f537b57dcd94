"""Names that look like ones the user means. Advice only: no name makes anything trusted, and none condemns."""

import unicodedata
from collections.abc import Iterable

_LOOKS = str.maketrans("013578", "oiests") | {ord("l"): "i", ord("_"): "-", ord("."): "-", ord("|"): "i"}
_LONGEST = 120


def lookalikes(name: str, meant: Iterable[str]) -> list[str]:
    """Those of the names that are meant which this one is not, but could be taken for: publisher, model, or both."""
    return [other for other in meant if name.casefold() != other.casefold() and _alike(name, other)]


def _alike(one: str, other: str) -> bool:
    a, b = (name[:_LONGEST].casefold().split("/") for name in (one, other))
    if len(a) == len(b) == 2 and a[0] == b[0]:
        return _close(a[1], b[1])
    if len(a) == len(b) == 2 and a[1] == b[1]:
        return _close(a[0], b[0]) or _folded(a[0]) in _folded(b[0])
    return _close("/".join(a), "/".join(b))


def _close(one: str, other: str) -> bool:
    if _folded(one) == _folded(other):
        return True
    if any(c.isdigit() for c in one + other) and "".join(filter(str.isdigit, one)) != "".join(
        filter(str.isdigit, other)
    ):
        return False  # another version or size is another model, not a slip
    return min(len(one), len(other)) >= 5 and _distance(one, other) <= (1 if min(len(one), len(other)) < 9 else 2)


def _folded(name: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    return plain.translate(_LOOKS)


def _distance(one: str, other: str) -> int:
    """Edits between two short texts: insert, drop, change, swap neighbours."""
    if abs(len(one) - len(other)) > 2:
        return 3
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        last, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
