"""What both versions of SPDX are looked at for: digests, package URLs, circles; and the places where problems are."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from assaymark.bom.problems.codes import CODES
from assaymark.bom.spdx.terms import LENGTHS
from assaymark.bom.validate import Problem
from assaymark.core.graph import EdgeKind

LIMIT = 10_000
"""Problems of one document that are told."""
_CIRCLES_TOLD = 1000
_HEX = re.compile(r"[0-9A-Fa-f]+")
MOMENT = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)Z")
_CIRCLES = {EdgeKind.DESCENDANT_OF: "BOM010", EdgeKind.CONTAINS: "BOM009", EdgeKind.DEPENDS_ON: "BOM009"}


def step(at: str, key: str | int) -> str:
    """A JSON pointer one step further (RFC 6901)."""
    return f"{at}/{key}" if isinstance(key, int) else f"{at}/{key.replace('~', '~0').replace('/', '~1')}"


def digest(at: str, algorithm: str, value: str) -> Iterator[Problem]:
    """Whether a digest can be one of its algorithm, which is spelt as in SPDX 3."""
    length = LENGTHS.get(algorithm)
    if algorithm in {"other", "crystalsDilithium", "crystalsKyber", "falcon"}:
        return
    if not _HEX.fullmatch(value) or (length and len(value) != length):
        wanted = f"{length} hexadecimal digits" if length else "hexadecimal digits"
        yield CODES["BOM004"].problem(
            at, f"the {algorithm} digest '{value[:24]}' has {len(value)} characters, not {wanted}"
        )


def purl(at: str, value: str) -> Iterator[Problem]:
    """Whether a package URL can be read."""
    from packageurl import PackageURL

    try:
        PackageURL.from_string(value)
    except ValueError as error:
        yield CODES["BOM005"].problem(at, f"'{value[:80]}' is no package URL: {str(error)[:120]}")


def circles(edges: Iterable[tuple[str, EdgeKind, str]], places: Mapping[str, str]) -> Iterator[Problem]:
    """Elements that come from themselves by way of others, each circle once, at its first element."""
    by_kind: dict[EdgeKind, dict[str, list[str]]] = {}
    for source, kind, target in edges:
        if kind in _CIRCLES:
            by_kind.setdefault(kind, {}).setdefault(source, []).append(target)
    for kind, graph in sorted(by_kind.items()):
        for circle, length in islice(_circles(graph), _CIRCLES_TOLD):
            names = " -> ".join((*circle, *(["…"] if length > len(circle) else []), circle[0]))
            at = places.get(circle[0], "")
            yield CODES[_CIRCLES[kind]].problem(at, f"by {kind} it comes from itself: {names}")


def _circles(graph: Mapping[str, list[str]]) -> Iterator[tuple[list[str], int]]:
    """The first elements and the length of a circle, one for each edge that leads back to the path that is being walked."""
    done: set[str] = set()
    for start in graph:
        if start in done:
            continue
        path, at = [start], {start: 0}
        walk = [iter(graph[start])]
        while walk:
            following = next(walk[-1], None)
            if following is None:
                last = path.pop()
                del at[last]
                done.add(last)
                walk.pop()
            elif following in at:
                yield path[at[following] : at[following] + 4], len(path) - at[following]
            elif following not in done:
                at[following] = len(path)
                path.append(following)
                walk.append(iter(graph.get(following, ())))
