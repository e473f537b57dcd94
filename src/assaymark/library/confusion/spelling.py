"""How one name is written in place of another: the forms in which names are compared, and what kind of slip lies between.

Names are compared without their separators (`squash`), without what says only "for Python" (`core`), and as the eye
reads them (`skeleton`, after UTS 39 with the ASCII shapes that fonts keep apart badly).
"""

import re
import unicodedata
from itertools import pairwise

LONGEST = 100
"""Characters of a name that is looked at; PyPI's longest has 80."""
_SEPARATORS = re.compile(r"[-_.]+")
_WEAK = frozenset({"python", "python2", "python3", "py", "py2", "py3", "lib", "pip", "pypi"})
_GLUED = re.compile(r"(?:python3?|py)(?=[a-z0-9]{3})|(?<=[a-z0-9]{3})(?:python3?|py3?)$")
_LOOKS = str.maketrans({"1": "l", "i": "l", "|": "l", "!": "l", "0": "o", "5": "s", "$": "s"})
_FOREIGN = str.maketrans(
    "аӏіјеоорсухһԁԛԝѕкмнтвАВЕКМНОРСТХІЈЅαβεικνορτυχωΑΒΕΖΗΙΚΜΝΟΡΤΥΧıɡɑʏʀᴏոսօցհⅼ",
    "alijeoopcyxhdqwskmhtbABEKMHOPCTXIJSabeiKvoptuxwABEZHIKMNOPTYXigayronuoghl",
)
_ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")
_VOWELS = frozenset("aeiouy")


def _neighbours() -> dict[str, frozenset[str]]:
    """Keys that touch on a QWERTY keyboard: beside each other, or in the next row half a key apart."""
    near: dict[str, set[str]] = {key: set() for row in _ROWS for key in row}
    pairs = [pair for row in _ROWS for pair in pairwise(row)]
    for above, below in pairwise(_ROWS):
        pairs += [(above[i], key) for i, key in enumerate(below) if i < len(above)]
        pairs += [(above[i + 1], key) for i, key in enumerate(below) if i + 1 < len(above)]
    for one, other in pairs:
        near[one].add(other)
        near[other].add(one)
    return {key: frozenset(keys) for key, keys in near.items()}


NEAR = _neighbours()


def normal(name: str) -> str:
    """PEP 503."""
    return _SEPARATORS.sub("-", name.strip().lower())


def plain(name: str) -> str:
    """What a reader takes a name for: NFKC, letters of other scripts that look like ASCII as ASCII, marks left out."""
    if name.isascii():
        return name
    folded = unicodedata.normalize("NFKC", name).translate(_FOREIGN)
    bare = unicodedata.normalize("NFKD", folded)
    return "".join(c for c in bare if c.isascii() and c.isprintable())


def squash(name: str) -> str:
    """A normal name without separators."""
    return name.replace("-", "")


def skeleton(name: str) -> str:
    """A squashed name as the eye reads it."""
    return name.translate(_LOOKS).replace("rn", "m").replace("vv", "w").replace("cl", "d")


def core(name: str) -> str:
    """A normal name without what says only "for Python", its parts in order of the alphabet; itself where nothing is left."""
    parts = [part for part in name.split("-") if part not in _WEAK]
    if len(parts) == 1:
        parts = [_GLUED.sub("", parts[0], count=1) or parts[0]]
    return "".join(sorted(parts)) or squash(name)


def distance(one: str, other: str, most: int = 2) -> int:
    """Edits between two texts: insert, delete, replace, swap of neighbours (optimal string alignment); most + 1: more."""
    start = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        start += 1
    one, other = one[start:], other[start:]
    while one and other and one[-1] == other[-1]:
        one, other = one[:-1], other[:-1]
    if not one or not other:
        return min(len(one) + len(other), most + 1)
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        older, before, row = before, row, [i] + [0] * len(other)
        for j, right in enumerate(other, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (left != right))
            if i > 1 and j > 1 and left == other[j - 2] and one[i - 2] == right:
                best = min(best, older[j - 2] + 1)
            row[j] = best
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)


def slip(wrong: str, right: str) -> str:
    """What kind of single edit makes `wrong` of `right`.

    `repeated`, `dropped`, `swapped`, `neighbour` (of the keyboard), `vowel`, `digit`, `plural`, `first` (letter), `ending`,
    `added`, `replaced`.
    """
    at = next((i for i, (a, b) in enumerate(zip(wrong, right, strict=False)) if a != b), min(len(wrong), len(right)))
    if len(wrong) > len(right):
        return _extra(wrong, at, len(right))
    if len(wrong) < len(right):
        kind = _extra(right, at, len(wrong))
        return "dropped" if kind in {"neighbour", "added"} else kind
    return "swapped" if wrong[at + 1 :] != right[at + 1 :] else _replaced(wrong[at], right[at], at)


def _extra(longer: str, at: int, end: int) -> str:
    """What the letter at `at` is that the longer of two has more; the shorter one ends at `end`."""
    extra = longer[at]
    before, after = longer[at - 1] if at else "", longer[at + 1] if at < end else ""
    if extra.isdigit():
        return "digit"
    if extra in {before, after}:
        return "repeated"
    if at == end:
        return "plural" if extra == "s" else "ending"
    if not at:
        return "first"
    return "neighbour" if extra in NEAR.get(before, frozenset()) or extra in NEAR.get(after, frozenset()) else "added"


def _replaced(wrong: str, right: str, at: int) -> str:
    if wrong.isdigit() or right.isdigit():
        return "digit"
    if not at:
        return "first"
    if wrong in NEAR.get(right, frozenset()):
        return "neighbour"
    return "vowel" if wrong in _VOWELS and right in _VOWELS else "replaced"
