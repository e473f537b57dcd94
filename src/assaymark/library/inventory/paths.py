"""Who asked for a package: direct or transitive, with one shortest path, and the groups that it comes by."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from assaymark.core.errors import OverBudget
from assaymark.library.inventory.model import Package
from assaymark.library.lock_details import Need

_MOST_EDGES = 500_000
_MOST_GROUPS = 50
_LONGEST = 64
"""Packages of one path that are named."""


class Entry(NamedTuple):
    """A package and what it needs of the others."""

    package: Package
    needs: tuple[Need, ...] = ()


def asked_of(needs: Iterable[Need]) -> dict[str, set[str]]:
    """Name -> groups, of what a project asks for."""
    names: dict[str, set[str]] = {}
    for need in needs:
        names.setdefault(need.name, set()).add(need.group or "default")
    return names


def traced(entries: Sequence[Entry], asked: Mapping[str, set[str]] | None, tick: Callable[[], object]) -> list[Package]:
    """The packages with `direct`, `via`, `groups` and `marker` filled in, as far as anything says so.

    `asked` is what the project asks for; None where no file says it, then each package's own word stands.
    """
    below = _below(entries, tick)
    direct = [_direct(entry.package, asked) for entry in entries]
    paths = _shortest(below, [n for n, is_direct in enumerate(direct) if is_direct])
    groups = _groups(entries, below, asked or {})
    markers = _markers(entries, below)
    made = []
    for number, (package, _) in enumerate(entries):
        via = tuple(entries[n].package.name for n in paths.get(number, ()))
        kept = package.groups or tuple(sorted(groups.get(number, ())))
        marker = package.marker or markers.get(number, "")
        made.append(replace(package, direct=direct[number], via=via, groups=kept, marker=marker))
    return made


def _direct(package: Package, asked: Mapping[str, set[str]] | None) -> bool | None:
    if package.direct is not None or asked is None:
        return package.direct
    return package.name in asked


def _below(entries: Sequence[Entry], tick: Callable[[], object]) -> list[list[tuple[int, str]]]:
    """For each package those that it needs, with the marker under which it does."""
    by_name: dict[str, list[int]] = {}
    for number, (package, _) in enumerate(entries):
        by_name.setdefault(package.name, []).append(number)
    below: list[list[tuple[int, str]]] = []
    count = 0
    for number, (_, needs) in enumerate(entries):
        if number % 1_000 == 0:
            tick()
        targets: list[tuple[int, str]] = []
        for need in needs:
            known = by_name.get(need.name, ())[:100]
            fitting = [n for n in known if need.version and entries[n].package.version == need.version]
            targets += ((n, need.marker) for n in (fitting or known)[:10] if n != number)
        count += len(targets)
        if count > _MOST_EDGES:
            raise OverBudget(f"more than {_MOST_EDGES:,} edges between packages")
        below.append(targets)
    return below


def _shortest(below: Sequence[Sequence[tuple[int, str]]], starts: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """Package -> the packages above it, from a direct one on; breadth first, so no path is shorter."""
    parent: dict[int, int | None] = dict.fromkeys(starts)
    pending = deque(starts)
    while pending:
        number = pending.popleft()
        for other, _ in below[number]:
            if other not in parent:
                parent[other] = number
                pending.append(other)
    found: dict[int, tuple[int, ...]] = {}
    for number, first in parent.items():
        above: list[int] = []
        at = first
        while at is not None and len(above) < _LONGEST:
            above.append(at)
            at = parent[at]
        found[number] = tuple(reversed(above))
    return found


def _groups(
    entries: Sequence[Entry], below: Sequence[Sequence[tuple[int, str]]], asked: Mapping[str, set[str]]
) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for group in sorted({group for names in asked.values() for group in names})[:_MOST_GROUPS]:
        pending = [n for n, (package, _) in enumerate(entries) if group in asked.get(package.name, ())]
        seen: set[int] = set()
        while pending:
            number = pending.pop()
            if number not in seen:
                seen.add(number)
                found.setdefault(number, set()).add(group)
                pending += (other for other, _ in below[number])
    return found


def _markers(entries: Sequence[Entry], below: Sequence[Sequence[tuple[int, str]]]) -> dict[int, str]:
    """A package that every other one asks for under one condition is there only under it."""
    asked: dict[int, set[str]] = {}
    for targets in below:
        for other, marker in targets:
            asked.setdefault(other, set()).add(marker)
    return {n: next(iter(markers)) for n, markers in asked.items() if len(markers) == 1 and n < len(entries)}
