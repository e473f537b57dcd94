"""What changed in one component: its bytes, its version, its facts, and how well they are known."""

from collections.abc import Iterator
from typing import Any

from assaymark.bom.compare import diff_rules
from assaymark.bom.compare.diff_record import BYTES, STRENGTH, Change, Side, same, side
from assaymark.bom.compare.matching import Pair, digests_of, name_of, natural, purl_base, version_of
from assaymark.bom.document import MANIFEST, Component, Fact, Status
from assaymark.core.finding import Severity
from assaymark.core.graph import NodeKind

_SHOWN = 6


def changes_of(pair: Pair, *, weights_rest: bool) -> Iterator[Change]:
    """All changes of a component. `weights_rest`: the files of its weights are the same, whatever its folder's digest says."""
    old, new = pair.old, pair.new
    yield from _bytes(pair, weights_rest=weights_rest)
    yield from _version(pair)
    if old.kind is not new.kind:
        yield _change(
            pair, "kind-changed", Severity.LOW, "kind", Side(str(old.kind)), Side(str(new.kind)), diff_rules.OTHER[1]
        )
    bases = [purl_base(component.text("purl")) for component in (old, new)]
    if all(bases) and bases[0] != bases[1]:
        sides = (side(old.facts.get("purl"), old.ref), side(new.facts.get("purl"), new.ref))
        why = "the same thing goes by another name, or somebody else gives it out"
        yield _change(pair, "purl-changed", Severity.HIGH, "purl", *sides, why)
    known: dict[tuple[Status, Status], list[str]] = {}
    for name in sorted({*old.facts, *new.facts}):
        one, other = old.facts.get(name), new.facts.get(name)
        if one and other and one.status is not other.status and same(name, one.value, other.value):
            known.setdefault((one.status, other.status), []).append(name)
        elif name not in BYTES and name not in ("version", "purl"):
            yield from _fact(pair, name, one, other)
    yield from _statuses(pair, known)


def _change(pair: Pair, code: str, severity: Severity, what: str, old: Side, new: Side, why: str) -> Change:
    layer = diff_rules.LAYER[pair.new.kind]
    return Change(code, severity, layer, pair.new.name, what, old, new, why, matched=pair.by)


def _bytes(pair: Pair, *, weights_rest: bool) -> Iterator[Change]:
    """Other bytes, a digest that is no longer there, one that is now, and files that a library may be installed from."""
    old, new = digests_of(pair.old), digests_of(pair.new)
    layer = diff_rules.LAYER[pair.new.kind]
    differing = [name for name in old if name in new and not old[name] & new[name]]
    if differing:
        name = next((name for name in differing if name != MANIFEST), MANIFEST)
        word, severity, why = _weight_of_bytes(pair, folder_only=differing == [MANIFEST], weights_rest=weights_rest)
        code = f"{word}-{'swapped' if severity is Severity.CRITICAL else 'changed'}"
        yield _change(pair, code, severity, f"{word} ({name})", *_digest_sides(pair, name), why)
    elif old and not new:
        severity = Severity.HIGH if version_of(pair.old) == version_of(pair.new) else Severity.MEDIUM
        why = "without a digest nobody can tell whether it is still the same"
        name = next(iter(old))
        yield _change(pair, f"{layer}-digest-lost", severity, f"digest ({name})", *_digest_sides(pair, name), why)
    elif new and not old:
        name = next(iter(new))
        why = "from now on it can be recognised"
        yield _change(
            pair, f"{layer}-digest-learnt", Severity.INFO, f"digest ({name})", *_digest_sides(pair, name), why
        )
    elif old and not old.keys() & new.keys():
        why = "the documents use other algorithms, so nothing shows that the bytes are the same"
        one, other = next(iter(old)), next(iter(new))
        sides = _digest_sides(pair, one)[0], _digest_sides(pair, other)[1]
        yield _change(pair, f"{layer}-digest-incomparable", Severity.MEDIUM, f"digest ({one}, {other})", *sides, why)
    elif any(new[name] - old[name] for name in old.keys() & new.keys()):
        name = next(name for name in old if name in new and new[name] - old[name])
        why = "files that were not there before may be installed under the same version"
        severity = Severity.MEDIUM if version_of(pair.old) == version_of(pair.new) else Severity.INFO
        yield _change(pair, f"{layer}-files-added", severity, f"files ({name})", *_digest_sides(pair, name), why)


def _version_side(component: Component, version: str) -> Side:
    return side(component.facts.get("version") or component.facts.get("purl"), component.ref, version or None)


def _known_side(component: Component, names: list[str]) -> Side:
    fact = component.facts[names[0]]
    return side(fact, component.ref, fact.value if len(names) == 1 else names)


def _digest_sides(pair: Pair, name: str) -> tuple[Side, Side]:
    sides = []
    for component in (pair.old, pair.new):
        values = sorted(digests_of(component).get(name, ()))
        fact = component.facts.get(name) or (component.facts.get("digests") if values else None)
        value: Any = None if not values else values[0] if len(values) == 1 else values
        sides.append(side(fact if values else None, component.ref, value))
    return sides[0], sides[1]


def _weight_of_bytes(pair: Pair, *, folder_only: bool, weights_rest: bool) -> tuple[str, Severity, str]:
    """What the bytes are, how bad it is that they are others, and why."""
    kind, layer = pair.new.kind, diff_rules.LAYER[pair.new.kind]
    if kind is NodeKind.FILE:
        return _weight_of_a_file((pair.new.text("path") or pair.new.name).lower())
    if kind is NodeKind.MODEL and folder_only and (weights_rest or _other_digests(pair)):
        return "folder", Severity.MEDIUM, "files beside the weights changed: configuration, code, tokenizer or card"
    word = "weights" if kind is NodeKind.MODEL else str(kind)
    releases = [(version_of(component), component.text("revision")) for component in (pair.old, pair.new)]
    if any(releases[0]) and releases[0] == releases[1] and kind is not NodeKind.ENVIRONMENT:
        return word, Severity.CRITICAL, diff_rules.SWAPPED
    if kind is NodeKind.LIBRARY and any(releases[0]):  # another version has other bytes: the version is the news
        return word, Severity.INFO, diff_rules.DIGEST[layer]
    high = layer in ("model", "data") or kind in (NodeKind.IMAGE, NodeKind.LIBRARY)
    return word, Severity.HIGH if high else Severity.MEDIUM, diff_rules.DIGEST[layer]


def _weight_of_a_file(path: str) -> tuple[str, Severity, str]:
    if path.endswith(diff_rules.CODE):
        return "code", Severity.HIGH, "code that comes with the model is other code"
    if path.endswith(diff_rules.WEIGHTS):
        return "weights", Severity.HIGH, diff_rules.DIGEST["model"]
    return "file", Severity.MEDIUM, "a file that it is read with has other content"


def _other_digests(pair: Pair) -> bool:
    """Whether both have digests of the model itself, and not of its folder alone."""
    return bool((digests_of(pair.old).keys() & digests_of(pair.new).keys()) - {MANIFEST})


def _version(pair: Pair) -> Iterator[Change]:
    old, new = version_of(pair.old), version_of(pair.new)
    if old == new:
        return
    kind = pair.new.kind
    sides = (_version_side(pair.old, old), _version_side(pair.new, new))
    if kind is not NodeKind.LIBRARY or not old or not new:
        severity = Severity.MEDIUM if diff_rules.LAYER[kind] in ("infrastructure", "tooling") else Severity.LOW
        severity = Severity.MEDIUM if old and not new else severity
        code = f"{kind}-version-{'changed' if old and new else 'lost' if old else 'learnt'}"
        yield _change(
            pair, code, severity, "version", *sides, "it is another release, with faults and fixes of its own"
        )
        return
    order = _order(old, new)
    if order > 0:
        yield _change(
            pair,
            "library-downgraded",
            Severity.HIGH,
            "version",
            *sides,
            "an older version has faults that were mended since",
        )
    elif order < 0:
        yield _change(
            pair, "library-upgraded", Severity.LOW, "version", *sides, "other code runs than the code that was tested"
        )
    elif name_of(pair.old) == name_of(pair.new) and not same("version", _plain(old), _plain(new)):
        yield _change(pair, "library-version-changed", Severity.LOW, "version", *sides, "it is another release")


def _plain(version: str) -> str:
    return version.removeprefix("v").removeprefix("==")


def _order(old: str, new: str) -> int:
    """Above 0 where `old` is the later version: by PEP 440 where both follow it, else number by number."""
    from packaging.version import InvalidVersion, Version

    try:
        one, other = Version(old[:200]), Version(new[:200])
    except InvalidVersion:
        first, second = natural(_plain(old)), natural(_plain(new))
        return (first > second) - (first < second)
    return (one > other) - (one < other)


def _fact(pair: Pair, name: str, one: Fact | None, other: Fact | None) -> Iterator[Change]:
    old = one.value if one and one.status is not Status.UNKNOWN else None
    new = other.value if other and other.status is not Status.UNKNOWN else None
    if (old is None and new is None) or (old is not None and new is not None and same(name, old, new)):
        return
    severity, why = diff_rules.FACTS.get(name, diff_rules.OTHER)
    severity = Severity.INFO if name in diff_rules.QUIET and name not in diff_rules.FACTS else severity
    verb = "changed" if old is not None and new is not None else "lost" if new is None else "learnt"
    if name == "runs_code":
        severity, why = (severity, why) if new else (Severity.INFO, "loading it no longer runs code of its own")
    elif verb == "lost" and name not in diff_rules.WITHOUT_IS_A_VALUE:
        severity, why = Severity(max(severity - 1, 0)), "it was known, and is not told any more"
    elif verb == "learnt" and name not in diff_rules.WITHOUT_IS_A_VALUE:
        severity, why = Severity.INFO, "it was not told before"
    if (name == "size" and _digests_told(pair)) or (name == "name" and name_of(pair.old) == name_of(pair.new)):
        return
    sides = (side(one, pair.old.ref), side(other, pair.new.ref))
    yield _change(pair, f"{name.replace('_', '-')}-{verb}", severity, name.replace("_", " "), *sides, why)


def _digests_told(pair: Pair) -> bool:
    return bool(digests_of(pair.old)) and bool(digests_of(pair.new))


def _statuses(pair: Pair, known: dict[tuple[Status, Status], list[str]]) -> Iterator[Change]:
    """Facts whose value is the same and that are known better or less well, one change for each way."""
    for (old, new), names in sorted(known.items()):
        weaker = STRENGTH[new] < STRENGTH[old]
        shown = ", ".join(name.replace("_", " ") for name in names[:_SHOWN])
        rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        digest = bool(BYTES.intersection(names))
        severity = Severity.INFO if not weaker else Severity.MEDIUM if digest else Severity.LOW
        sides = (_known_side(pair.old, names), _known_side(pair.new, names))
        why = f"{'the same value, known less well' if weaker else 'the same value, known better'}: {old} before, {new} now"
        yield _change(
            pair, "known-less" if weaker else "known-better", severity, f"status of {shown}{rest}", *sides, why
        )
