"""Which component of one document is which of another: by what it is, never by what a document calls it (its ref).

The rules are tried in order, each pairs what is left: the digest of the bytes, the purl without its version, name and path,
path, name, and last the subjects of the two documents. Several that one rule cannot tell apart are paired by what else they
have in common, so the answer does not depend on the order of anything.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass

from assaymark.bom.document import HASHES, MANIFEST, Bom, Component
from assaymark.core.graph import NodeKind

STRONG = tuple(name for name in HASHES if name not in ("md5", "sha1"))
"""Algorithms of which no two contents share a digest. Two files with one MD5 or SHA-1 can be made by anybody."""
_PYPI = re.compile(r"[-_.]+")
_NUMBER = re.compile(r"(\d{1,18})")

Key = Callable[[Component], Hashable | None]
May = Callable[[Component, Component], bool]


@dataclass(frozen=True, slots=True)
class Pair:
    """The same thing in two documents, and by what it was recognised."""

    old: Component
    new: Component
    by: str


@dataclass(frozen=True, slots=True)
class Matching:
    """Pairs sorted by the ref of the old one; what only one of the two has."""

    pairs: tuple[Pair, ...]
    removed: tuple[Component, ...]
    added: tuple[Component, ...]


def purl_base(purl: str) -> str:
    """A purl without version, qualifiers and subpath; names of PyPI as PEP 503 has them. "" for what is no purl."""
    if not purl.startswith("pkg:"):
        return ""
    body = purl.split("#", 1)[0].split("?", 1)[0]
    slash, at = body.rfind("/"), body.rfind("@")
    base = body[:at] if at > slash else body
    kind, _, rest = base[4:].strip("/").partition("/")
    kind = kind.lower()
    return f"pkg:{kind}/{_PYPI.sub('-', rest).lower() if kind == 'pypi' else rest}"


def purl_version(purl: str) -> str:
    """The version that a purl names, "" where it names none."""
    body = purl.split("#", 1)[0].split("?", 1)[0]
    slash, at = body.rfind("/"), body.rfind("@")
    return body[at + 1 :].replace("%2B", "+").replace("%3A", ":") if purl.startswith("pkg:") and at > slash else ""


def version_of(component: Component) -> str:
    """Its version: as the document gives it, else as its purl does."""
    return component.text("version") or purl_version(component.text("purl"))


def name_of(component: Component) -> str:
    """Its name; those of libraries in the spelling of PEP 503, for tools differ there."""
    name = component.text("name")
    return _PYPI.sub("-", name).lower() if component.kind is NodeKind.LIBRARY else name


def natural(version: str) -> tuple[tuple[int, int | str], ...]:
    """A version as people order it: numbers by value."""
    parts = (part for part in _NUMBER.split(version) if part)
    return tuple((1, int(part)) if part.isdigit() and part.isascii() else (0, part) for part in parts)


def digests_of(component: Component) -> dict[str, frozenset[str]]:
    """Algorithm -> digests. A library's `digests` are those of the files that it may be installed from."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, value in component.hashes.items():
        found[name].add(value.lower())
    if manifest := component.text(MANIFEST):
        found[MANIFEST].add(manifest.lower())
    listed = component.value("digests")
    for entry in listed if isinstance(listed, list) else ():
        name, colon, value = str(entry).lower().partition(":")
        if colon and value:
            found[name].add(value)
    return {name: frozenset(values) for name, values in sorted(found.items())}


def clashes(one: Component, other: Component) -> tuple[str, ...]:
    """Algorithms by which the two cannot be the same bytes."""
    mine, theirs = digests_of(one), digests_of(other)
    return tuple(name for name in mine if name in theirs and not mine[name] & theirs[name])


def match(old: Bom, new: Bom) -> Matching:
    """Pair the components of an older and a newer document, changed ones too."""
    subjects = (old.subject, new.subject)
    subject: tuple[str, Key] = ("both documents are about it", lambda c: "subject" if c.ref in subjects else None)
    return paired(old.components, new.components, [*_rules(), subject], _may_have_become)


def paired(
    olds: Iterable[Component], news: Iterable[Component], rules: Iterable[tuple[str, Key]], may: May
) -> Matching:
    """Pair by the rules in their order; `may` has the last word on each pair."""
    left = {component.ref: component for component in olds}
    right = {component.ref: component for component in news}
    pairs: list[Pair] = []
    for by, key in rules:
        if not left or not right:
            break
        here, there = _groups(left.values(), key), _groups(right.values(), key)
        for value in here.keys() & there.keys():
            for one, other in _alike(here[value], there[value]):
                if may(one, other):
                    pairs.append(Pair(one, other, by))
                    del left[one.ref], right[other.ref]
    pairs.sort(key=lambda pair: pair.old.ref)
    return Matching(tuple(pairs), *(tuple(side[ref] for ref in sorted(side)) for side in (left, right)))


def same_rules() -> list[tuple[str, Key]]:
    """Rules for things that are the same and not a later state of each other, for a merge."""
    return _rules(versions=True)


def _rules(*, versions: bool = False) -> list[tuple[str, Key]]:
    rules: list[tuple[str, Key]] = [("ref, name and digest", _exact)]
    rules += [(f"digest ({name})", _digest(name, kind=True)) for name in (MANIFEST, *STRONG)]
    if versions:
        rules += [("purl with its version", _purl_and_version)]
    return [
        *rules,
        ("purl", _purl),
        ("kind, name and path", lambda c: _all(c.kind, name_of(c), c.text("path"))),
        ("kind and path", lambda c: _all(c.kind, c.text("path"))),
        ("kind and name", lambda c: _all(c.kind, name_of(c))),
        *((f"digest ({name}), though of another kind", _digest(name, kind=False)) for name in (MANIFEST, *STRONG)),
        ("purl, though of another kind", lambda c: purl_base(c.text("purl")) or None),
    ]


def _exact(component: Component) -> Hashable:
    text = component.text
    return (
        component.ref,
        component.kind,
        text("name"),
        version_of(component),
        text("purl"),
        text("sha256"),
        text(MANIFEST),
    )


def _digest(name: str, *, kind: bool) -> Key:
    def key(component: Component) -> Hashable | None:
        value = component.text(name).lower()
        return None if not value else (component.kind, value) if kind else value

    return key


def _purl(component: Component) -> Hashable | None:
    return _all(component.kind, purl_base(component.text("purl")))


def _purl_and_version(component: Component) -> Hashable | None:
    return _all(component.kind, purl_base(component.text("purl")), version_of(component))


def _all(*parts: str) -> Hashable | None:
    return parts if all(parts) else None


def _may_have_become(old: Component, new: Component) -> bool:
    """A library of one ecosystem never becomes one of another that has its name."""
    if old.kind is not NodeKind.LIBRARY or new.kind is not NodeKind.LIBRARY:
        return True
    one, other = purl_base(old.text("purl")), purl_base(new.text("purl"))
    return not one or not other or one == other


def _groups(components: Iterable[Component], key: Key) -> dict[Hashable, list[Component]]:
    groups: dict[Hashable, list[Component]] = defaultdict(list)
    for component in components:
        if (value := key(component)) is not None:
            groups[value].append(component)
    return groups


_FURTHER: tuple[Key, ...] = (
    lambda c: (c.kind, name_of(c), version_of(c), c.text("path"), c.text("sha256")),
    lambda c: (c.kind, name_of(c), version_of(c)),
    lambda c: (c.kind, name_of(c), c.text("path")),
    lambda c: (c.kind, c.text("path")),
    lambda c: (c.kind, name_of(c)),
    version_of,
    lambda c: c.ref,
)


def _alike(olds: list[Component], news: list[Component]) -> Iterator[tuple[Component, Component]]:
    """Pair within a group by what else is the same, then in the order of versions and names."""
    if len(olds) > 1 or len(news) > 1:
        for key in _FURTHER:
            here, there = _groups(olds, key), _groups(news, key)
            done: set[int] = set()
            for value in here.keys() & there.keys():
                for pair in zip(_sorted(here[value]), _sorted(there[value]), strict=False):
                    done.update(map(id, pair))
                    yield pair
            olds, news = ([c for c in side if id(c) not in done] for side in (olds, news))
    yield from zip(_sorted(olds), _sorted(news), strict=False)


def _sorted(components: list[Component]) -> list[Component]:
    return sorted(components, key=lambda c: (natural(version_of(c)), name_of(c), c.text("path"), c.ref))
