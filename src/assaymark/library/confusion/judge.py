"""Judges a name against popular ones: what it may be taken for, how, and whether that is worth stopping for.

Which slip counts, from how many letters on and down to which rank of the target, is in one table, set on names that the
index did not hold (benchmarks/names.py says how they were split). A popular name is cleared of every charge but that of
looking like a more popular one to the eye.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from assaymark.core.finding import Severity
from assaymark.library.confusion import spelling
from assaymark.library.confusion.index import Index

_SLIPS: dict[str, tuple[tuple[int, int], ...]] = {
    "swapped": ((5, 15_000), (4, 500)),
    "repeated": ((6, 15_000), (5, 5_000), (4, 500), (3, 50)),
    "dropped": ((8, 10_000), (6, 2_500), (5, 1_500), (4, 100)),
    "neighbour": ((8, 8_000), (7, 5_000), (5, 1_500), (4, 100)),
    "vowel": ((8, 8_000), (7, 3_000), (5, 1_500), (4, 100)),
    "added": ((8, 5_000), (6, 4_000), (5, 1_500), (4, 100)),
    "replaced": ((8, 2_000), (6, 800), (5, 150)),
    "plural": ((6, 1_500), (5, 500)),
    "ending": ((8, 1_000), (6, 300)),
    "first": ((8, 1_000), (6, 300), (5, 50)),
    "digit": ((8, 100), (5, 200), (4, 50)),
}
"""Slip -> (letters of the target at least, rank at most), widest first."""
_SAID = {
    "swapped": "two letters are swapped", "repeated": "a letter is doubled, or a double one single",
    "dropped": "a letter is missing", "neighbour": "a key beside the right one", "vowel": "one vowel for another",
    "added": "a letter too many", "replaced": "one letter differs", "plural": "an s at the end", "digit": "a digit differs",
    "ending": "the last letter is missing, or there is one more", "first": "the first letter differs",
}  # fmt: skip
_TWO_RANK, _AFFIX_RANK, _CORE_RANK, _ORDER_RANK = 2_000, 2_000, 900, 3_000
_BOTH_RANK, _BAIT_RANK = 500, 2_000
_SILENT = frozenset({"python", "python2", "python3", "py", "py2", "py3", "pip", "pypi"})
_BAIT = frozenset(
    {
        "dev", "devel", "fix", "fixed", "free", "full", "genuine", "hotfix", "install", "installer", "latest", "new",
        "newest", "nightly", "official", "original", "patch", "patched", "plus", "premium", "pro", "real", "secure",
        "setup", "stable", "test", "update", "updated", "updater", "upgrade", "v2", "v3", "sdk", "lib",
        "libs", "python", "python2", "python3", "py", "py2", "py3", "pip", "pypi", "module", "package", "pkg",
    }
)  # fmt: skip
"""What is put beside a known name to say "the real one, only better", or to say nothing."""
_COMMON = frozenset(
    {
        "ai", "api", "app", "async", "auth", "bot", "cli", "client", "common", "core", "easy", "ext", "extra", "extras",
        "fast", "gpu", "helper", "helpers", "http", "io", "kit", "lite", "manager", "mini", "server", "simple", "tool",
        "testing", "toolkit", "tools", "utils", "util", "web", "wrapper",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Suspicion:
    """One thing that may be wrong with a name. `flagged`: worth stopping for; else advice."""

    code: str
    """`homoglyph`, `typosquat`, `separators`, `order`, `combosquat`, `internal`, `internal-public`, `internal-like`,
    `invented`."""
    severity: Severity
    name: str
    target: str
    rank: int | None
    """Of the target among the popular names, from 1."""
    reason: str

    @property
    def flagged(self) -> bool:
        """Whether it is more than advice."""
        return self.severity >= Severity.MEDIUM


def judge(name: str, index: Index) -> Suspicion | None:
    """What a name is most likely meant to be taken for, or None. As written: case and script count."""
    written = name.strip()[: spelling.LONGEST]
    normal = spelling.normal(spelling.plain(written))
    if not written.isascii():
        return _foreign(written, normal, index)
    own = index.ranks.get(normal)
    shown = _capital_i(written, index)
    if shown is not None:
        return shown
    best: tuple[int, int, Suspicion] | None = None
    for rank in index.near(normal):
        if rank == own or (own is not None and rank > own):
            continue
        found = _compare(normal, rank, index, popular=own is not None)
        if found is not None:
            key = (-found.severity, rank)
            if best is None or key < best[:2]:
                best = (*key, found)
    if best is not None and best[2].flagged:
        return best[2]
    if own is not None:
        return None
    return _combined(normal, index) or (best[2] if best else None) or _invented(normal, index)


def _foreign(written: str, normal: str, index: Index) -> Suspicion:
    rank = index.ranks.get(normal)
    odd = next(c for c in written if not c.isascii())
    if rank is not None:
        reason = f"reads as {normal}, and has U+{ord(odd):04X} in it"
        return Suspicion("homoglyph", Severity.HIGH, written, normal, rank + 1, reason)
    reason = f"has U+{ord(odd):04X}, which no name at an index has"
    return Suspicion("homoglyph", Severity.MEDIUM, written, normal, None, reason)


def _capital_i(written: str, index: Index) -> Suspicion | None:
    """A capital I that stands for a small l: installers fold it to i, readers see l."""
    if "I" not in written or written.upper() == written:
        return None
    meant = spelling.normal(written.replace("I", "l"))
    rank = index.ranks.get(meant)
    own = index.ranks.get(spelling.normal(written))
    if rank is None or (own is not None and own < rank):
        return None
    reason = f"a capital I where {meant} has a small l"
    return Suspicion("homoglyph", Severity.HIGH, written, meant, rank + 1, reason)


def _compare(name: str, rank: int, index: Index, *, popular: bool) -> Suspicion | None:
    """One name against one target of higher rank."""
    target = index.names[rank]
    mine, right = spelling.squash(name), spelling.squash(target)
    if mine != right and spelling.skeleton(mine) == spelling.skeleton(right) and len(right) > 3:
        if popular and not _eye(mine, right):
            return None
        reason = f"differs from {target} only by letters that look alike"
        severity = Severity.HIGH if not popular else Severity.MEDIUM
        return Suspicion("homoglyph", severity, name, target, rank + 1, reason)
    if popular:
        return None
    if mine == right:
        reason = f"is {target} with other separators, which the index takes for another project"
        severity = Severity.MEDIUM if rank < 6_000 else Severity.LOW
        return Suspicion("separators", severity, name, target, rank + 1, reason)
    if sorted(name.split("-")) == sorted(target.split("-")):
        severity = Severity.MEDIUM if rank < _ORDER_RANK else Severity.LOW
        return Suspicion("order", severity, name, target, rank + 1, f"has the parts of {target} in another order")
    return _typo(name, target, rank, index) or _affixed(name, target, rank)


def _eye(mine: str, right: str) -> bool:
    """Differs by a digit for a letter, or by rn for m: shapes that a popular name has no other reason for."""
    pairs = {frozenset(pair) for pair in zip(mine, right, strict=False) if pair[0] != pair[1]}
    return len(mine) == len(right) and pairs <= {frozenset("0o"), frozenset("1l"), frozenset("il")}


def _typo(name: str, target: str, rank: int, index: Index) -> Suspicion | None:
    mine, right = spelling.squash(name), spelling.squash(target)
    edits = spelling.distance(mine, right)
    if edits == 1:
        kind = spelling.slip(mine, right)
        if kind == "digit" and spelling.core(name) == spelling.core(target):
            return None  # python3- for python-
        within = any(len(right) >= length and rank < most for length, most in _SLIPS[kind])
        severity = Severity.MEDIUM if within and not _other_part(name, target, index) else Severity.INFO
        reason = f"{_SAID[kind]}: one edit away from {target}"
    elif edits == 2 and len(right) >= 7 and rank < _TWO_RANK and _two_slips(mine, right):
        severity = Severity.INFO if _other_part(name, target, index) else Severity.MEDIUM
        reason = f"two slips away from {target}"
    else:
        return None
    if severity < Severity.MEDIUM:
        return None
    return Suspicion("typosquat", severity, name, target, rank + 1, reason)


def _other_part(name: str, target: str, index: Index) -> bool:
    """The edit makes one known part of a name into another: smtp and sftp, core and cors are two things."""
    mine, right = name.split("-"), target.split("-")
    if len(mine) != len(right) or len(mine) < 2:
        return False
    changed = [i for i, (a, b) in enumerate(zip(mine, right, strict=True)) if a != b]
    if len(changed) != 1:
        return False
    part, lead = mine[changed[0]], "-".join(mine[: changed[0]])
    return index.parts.get(part, 0) >= 2 or (len(part) <= 5 and index.families.get(lead, 0) >= 5)


def _two_slips(mine: str, right: str) -> bool:
    """The same first letter, and no more than one letter of another kind; or an s at the end beside one slip."""
    if mine[0] != right[0]:
        return False
    if mine.endswith("s") and not right.endswith("s") and spelling.distance(mine[:-1], right, 1) == 1:
        return spelling.slip(mine[:-1], right) not in {"digit", "first", "ending", "replaced"}
    if right.endswith("s") and not mine.endswith("s") and spelling.distance(mine, right[:-1], 1) == 1:
        return spelling.slip(mine, right[:-1]) in {"swapped", "repeated", "dropped"}
    more, less = Counter(mine) - Counter(right), Counter(right) - Counter(mine)
    return max(more.total(), less.total()) <= 1


def _affixed(name: str, target: str, rank: int) -> Suspicion | None:
    """The same but for what says "for Python", or one slip beside that."""
    mine, right = spelling.core(name), spelling.core(target)
    if len(mine) < 3:
        return None
    if mine == right and rank < _AFFIX_RANK:
        severity = Severity.MEDIUM if rank < _CORE_RANK and len(mine) > 3 else Severity.LOW
        reason = f"is {target} but for an affix that says nothing"
        return Suspicion("combosquat", severity, name, target, rank + 1, reason)
    bare = mine == spelling.squash(name) and right == spelling.squash(target)
    if bare or rank >= _BOTH_RANK or min(len(mine), len(right)) < 6 or mine[0] != right[0]:
        return None
    if spelling.distance(mine, right, 1) != 1:
        return None
    kind = spelling.slip(mine, right)
    if kind not in {"swapped", "repeated", "dropped", "neighbour", "vowel", "added"}:
        return None
    reason = f"{_SAID[kind]}, and another affix: {target}"
    return Suspicion("combosquat", Severity.MEDIUM, name, target, rank + 1, reason)


def _combined(name: str, index: Index) -> Suspicion | None:
    """A popular name with a part before or behind it."""
    for affix, rest in _cuts(name):
        rank = index.ranks.get(rest)
        target = rest
        if rank is None and affix in _BAIT and len(rest) >= 5:
            near = _slipped(rest, index)
            if near is not None:
                rank, target = near, index.names[near]
        if rank is None or len(rest) < 3 or rank >= _AFFIX_RANK:
            continue
        bait = affix in _BAIT and rank < (_CORE_RANK if affix in _SILENT else _BAIT_RANK)
        reason = f"is {target} with {affix!r} beside it; nothing says that the two have one owner"
        return Suspicion("combosquat", Severity.MEDIUM if bait else Severity.LOW, name, target, rank + 1, reason)
    return None


def _slipped(rest: str, index: Index) -> int | None:
    """The rank of a well-known name that is one slip away."""
    for rank in sorted(index.near(rest)):
        if rank >= _BOTH_RANK:
            return None
        found = _compare(rest, rank, index, popular=False)
        if found is not None and found.code == "typosquat" and found.flagged:
            return rank
    return None


def _cuts(name: str) -> Iterator[tuple[str, str]]:
    parts = name.split("-")
    if len(parts) > 1:
        for affix, rest in ((parts[-1], parts[:-1]), (parts[0], parts[1:])):
            if affix in _BAIT or affix in _COMMON or affix.isdigit():
                yield affix, "-".join(rest)
        return
    for affix in ("sdk", "lib", "dev", "python", "pro", "plus"):
        if name.endswith(affix) and len(name) - len(affix) >= 5:
            yield affix, name[: -len(affix)]
    for affix in ("lib", "python"):
        if name.startswith(affix) and len(name) - len(affix) >= 5:
            yield affix, name[len(affix) :]


def _invented(name: str, index: Index) -> Suspicion | None:
    """Made of known parts, and not known itself: what a language model makes up when it does not know a name."""
    parts = name.split("-")
    if len(parts) < 2 or any(index.parts.get(part, 0) < 3 for part in parts):
        return None
    known = next((part for part in parts if index.ranks.get(part, _AFFIX_RANK) < _AFFIX_RANK), "")
    if not known:
        return None
    reason = (
        "is made of known parts and is not among the known names: look whether it exists, since when, and whose it is"
    )
    return Suspicion("invented", Severity.INFO, name, known, index.ranks[known] + 1, reason)
