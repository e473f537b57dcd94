"""Which versions a range means, in the order that the package's own ecosystem has.

A pre-release below a bound is in the range: 2.6rc1 is older than 2.6, and who asks for `<2.6` asks for all that lacks what 2.6
has. (Resolvers leave pre-releases out for another reason: they choose what to install.) Local versions (2.5.1+cu121) are what
they were built from. A version that its ecosystem cannot read may be in any range: it is said to be unknown, not left out.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from assaymark.core.errors import UsageError

Test = Callable[[str], bool]
"""Whether a version is in a range; raises Unread where that cannot be said."""
LONGEST = 2_000
"""Characters of a range."""
_CLAUSE = re.compile(r"(===|==|~=|!=|<=|>=|<|>|=)?(.*)", re.DOTALL)
_UNIVERS = {"cargo", "composer", "conan", "gem", "golang", "hex", "maven", "npm", "nuget", "deb", "apk", "rpm", "alpm"}
_SIMPLE = re.compile(r"\s*(<=|>=|<|>|==|=|!=)\s*([^\s<>=!|,]+)\s*")
_STEP = "write it as <2.6, >=2,<2.6 or vers:TYPE/>=2|<2.6"


class Unread(Exception):
    """A version that the ecosystem's rules cannot read."""


def is_range(text: str) -> bool:
    """Whether this is a range and not a version."""
    return text.startswith(("<", ">", "=", "!", "~", "^", "vers:")) or "," in text or "|" in text


def in_range(scheme: str, text: str) -> Test:
    """The test of a range written by hand; raises UsageError for one that nobody can read. `scheme` is the type of the purl."""
    if len(text) > LONGEST:
        raise UsageError(f"a range of {len(text)} characters; {LONGEST} are allowed", step=_STEP)
    if text.startswith("vers:"):
        named, slash, text = text[5:].partition("/")
        if not slash or named != scheme:
            raise UsageError(f"a range of {named[:40]!r} for a package of {scheme!r}", step=f"write vers:{scheme}/…")
        text = ">=0" if text.strip() == "*" and scheme == "pypi" else text
        if scheme == "pypi":
            return _vers_pypi(text)
    if scheme == "pypi":
        return _pep440(text)
    return _univers(scheme, text)


def order(scheme: str) -> Callable[[str], Any]:
    """What makes versions comparable; raises Unread for one that cannot be read, and for an ecosystem without an order."""
    if scheme == "pypi":
        return _version
    if scheme not in _UNIVERS:
        return _never
    from univers.version_range import RANGE_CLASS_BY_SCHEMES

    kind: Any = RANGE_CLASS_BY_SCHEMES[scheme].version_class

    def read(text: str) -> Any:
        try:
            return kind(text)
        except Exception as error:  # each of univers' twenty schemes raises its own, and some whatever comes
            raise Unread(text) from error

    return read


def in_osv(scheme: str, affected: Mapping[str, Any]) -> Test:
    """The test of one `affected` of an OSV record: its versions, and the events of its ranges."""
    read = order(scheme)
    listed = {str(version) for version in _list(affected.get("versions"))}
    ranges = [entry for entry in _list(affected.get("ranges")) if isinstance(entry, dict)]
    normal = {found for found in (_normal(read, version) for version in listed) if found is not None}
    ordered = [_events(entry) for entry in ranges if entry.get("type") != "GIT"]

    def test(version: str) -> bool:
        if version in listed or (listed and _spelt_otherwise(read, version, normal)):
            return True
        if not ordered:
            if ranges or not listed:  # commits alone, or nothing: the record does not say which versions
                raise Unread(version)
            return False
        return any(_hit(read, events, version) for events in ordered)

    return test


def _events(entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(kind, version) of the events of a range, in the record's order."""
    events = [(kind, str(value)) for event in _list(entry.get("events")) if isinstance(event, dict)
              for kind, value in event.items()]  # fmt: skip
    return [event for event in events if event[0] in {"introduced", "fixed", "last_affected"}]


def _hit(read: Callable[[str], Any], events: Sequence[tuple[str, str]], version: str) -> bool:
    """The evaluation that OSV's schema describes: events in the order of versions, each that is not after ours decides anew."""
    if all(event == ("introduced", "0") for event in events):
        return bool(events)
    own = read(version)
    state = any(event == ("introduced", "0") for event in events)
    known = [(read(value), kind) for kind, value in events if (kind, value) != ("introduced", "0")]
    for value, kind in sorted(known, key=lambda event: event[0]):
        if kind == "introduced" and own >= value:
            state = True
        elif (kind == "fixed" and own >= value) or (kind == "last_affected" and own > value):
            state = False
    return state


def _normal(read: Callable[[str], Any], version: str) -> Any:
    try:
        return read(version)
    except Unread:
        return None


def _spelt_otherwise(read: Callable[[str], Any], version: str, normal: set[Any]) -> bool:
    """1.0 and 1.0.0 are one version."""
    return _normal(read, version) in normal


def _version(text: str) -> Any:
    """A version of PyPI without its local part."""
    from packaging.version import InvalidVersion, Version

    try:
        return Version(Version(text).public)
    except (InvalidVersion, ValueError) as error:
        raise Unread(text) from error


def _never(text: str) -> Any:
    raise Unread(text)


def _vers_pypi(text: str) -> Test:
    """vers: a version is in it where one of the intervals has it, and it is not excluded."""
    clauses = [_clause(part.strip()) for part in text.split("|") if part.strip()]
    exact = {value for sign, value in clauses if sign == "=="}
    without = {value for sign, value in clauses if sign == "!="}
    bounds = sorted((value, sign) for sign, value in clauses if sign in {"<", "<=", ">", ">="})

    def test(text: str) -> bool:
        own = _version(text)
        if own in exact:
            return True
        if own in without or not bounds:
            return bool(without) and own not in without and not exact and not bounds
        for place, (value, sign) in enumerate(bounds):  # the first bound above decides, else the last one
            if own < value or (own == value and sign in {"<=", ">"}):
                return sign in {"<", "<="}
            if own == value:
                return sign == ">="
            if place == len(bounds) - 1:
                return sign in {">", ">="}
        return False

    return test


def _clause(text: str) -> tuple[str, Any]:
    found = _CLAUSE.fullmatch(text)
    sign, value = (found[1] or "==", found[2].strip()) if found else ("", "")
    try:
        return ("==" if sign == "=" else sign), _version(value)
    except Unread as error:
        raise UsageError(f"no version of PyPI: {value!r:.60}", step=_STEP) from error


def _pep440(text: str) -> Test:
    """Clauses with commas, all of which hold. Bounds by order; `==`, `!=` and `~=` as PEP 440 has them."""
    from packaging.specifiers import InvalidSpecifier, Specifier

    tests: list[Callable[[Any], bool]] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        found = _CLAUSE.fullmatch(part)
        sign = found[1] or "==" if found else ""
        if sign in {"<", "<=", ">", ">="}:
            tests.append(_bound(*_clause(part)))
            continue
        try:
            rule = Specifier(part if part.startswith(("==", "!=", "~=")) else f"=={part.lstrip('=').strip()}")
        except InvalidSpecifier as error:
            raise UsageError(f"no range of versions of PyPI: {part!r:.60}", step=_STEP) from error
        tests.append(lambda own, rule=rule: rule.contains(own, prereleases=True))  # type: ignore[misc] # bound here
    if not tests:
        raise UsageError("an empty range", step=_STEP)

    def test(version: str) -> bool:
        own = _version(version)
        return all(one(own) for one in tests)

    return test


def _bound(sign: str, value: Any) -> Callable[[Any], bool]:
    return {
        "<": lambda own: own < value, "<=": lambda own: own <= value,
        ">": lambda own: own > value, ">=": lambda own: own >= value,
    }[sign]  # fmt: skip


def _univers(scheme: str, text: str) -> Test:
    if scheme not in _UNIVERS:
        return _never
    from univers.version_range import RANGE_CLASS_BY_SCHEMES

    kind: Any = RANGE_CLASS_BY_SCHEMES[scheme]
    clauses = [part for part in re.split(r"[,|]", text) if part.strip()]
    simple = [_SIMPLE.fullmatch(part) for part in clauses]
    try:
        if all(simple) and simple:
            signs = {"==": "", "=": ""}
            text = "|".join(f"{signs.get(m[1], m[1])}{m[2]}" for m in simple if m)
            found = kind.from_string(f"vers:{scheme}/{text}")
        else:
            found = kind.from_native(text)
    except Exception as error:  # as above
        raise UsageError(f"no range of versions of {scheme}: {text!r:.80}", step=_STEP) from error
    read = order(scheme)

    def test(version: str) -> bool:
        own = read(version)
        try:
            return bool(own in found)
        except Exception as error:  # as above
            raise Unread(version) from error

    return test


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
