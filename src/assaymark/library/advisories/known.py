"""What is known against one package of an inventory: matches of several databases are one thing, by their aliases."""

from collections.abc import Callable, Iterable, Sequence

from assaymark.core.finding import Severity
from assaymark.core.record import dataclass
from assaymark.library.advisories import severity, versions
from assaymark.library.advisories.matching import Match, match
from assaymark.library.advisories.osv import Advisory

Exploits = tuple[float | None, tuple[str, str, bool] | None]
"""EPSS probability; (added to KEV, due, used by ransomware)."""


@dataclass(frozen=True, slots=True)
class Known:
    """One vulnerability, or malicious release, of one package at one place."""

    ecosystem: str
    name: str
    version: str
    id: str
    """The one by which it goes: a MAL, else the CVE, else the first."""
    aliases: tuple[str, ...]
    """Every other id of it."""
    summary: str
    why: str
    malicious: bool
    possibly: bool
    severity: Severity | None
    """None: nobody says."""
    score: float | None
    """CVSS base score."""
    fixed: tuple[str, ...]
    published: str
    feeds: tuple[str, ...]
    symbols: tuple[str, ...] = ()
    epss: float | None = None
    kev: tuple[str, str, bool] | None = None
    path: str = ""
    line: int = 0
    direct: bool | None = None

    @property
    def symbol(self) -> str:
        """What the fingerprint rests on."""
        return f"{self.name}=={self.version} {self.id}"


def matches(
    advisories: Iterable[Advisory], ecosystem: str, name: str, version: str, hashes: Sequence[str] = ()
) -> list[Match]:
    """All that mean this package."""
    found = (match(advisory, ecosystem, name, version, hashes) for advisory in advisories)
    return [one for one in found if one is not None]


def merged(found: Sequence[Match]) -> list[list[Match]]:
    """Matches that speak of the same, by id and aliases, in the order in which each is first met."""
    parent = list(range(len(found)))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    owners: dict[str, int] = {}
    for at, one in enumerate(found):
        for name in (one.advisory.id, *one.advisory.aliases):
            owner = owners.setdefault(name, at)
            low, high = sorted((root(owner), root(at)))
            parent[high] = low
    groups: dict[int, list[Match]] = {}
    for at, one in enumerate(found):
        groups.setdefault(root(at), []).append(one)
    return list(groups.values())


def known(group: Sequence[Match], ecosystem: str, name: str, version: str) -> Known:
    """One group of matches as one thing: a sure match before a possible one, the worst severity that anybody gives."""
    sure = [one for one in group if not one.possibly]
    first = (sure or group)[0]
    ids = sorted({text for one in group for text in (one.advisory.id, *one.advisory.aliases)}, key=_rank)
    rated = [severity.severity(one.severity) for one in group]
    worst = max((grade for grade, _ in rated if grade is not None), default=None)
    fixed = {text for one in (sure or group) for text in one.fixed}
    return Known(
        ecosystem, name, version, ids[0], tuple(ids[1:]),
        next((one.advisory.summary for one in (first, *group) if one.advisory.summary), ""),
        first.why, any(one.advisory.malicious for one in sure or group), not sure, worst,
        max((score for _, score in rated if score is not None), default=None),
        _ordered(ecosystem, fixed), min((one.advisory.published for one in group if one.advisory.published), default=""),
        tuple(sorted({one.advisory.feed for one in group})),
        tuple(dict.fromkeys(text for one in group for affected in one.advisory.affected for text in affected.symbols)),
    )  # fmt: skip


def smallest_safe(known_: Sequence[Known], ecosystem: str, is_bad: Callable[[str], bool]) -> str:
    """The lowest version told to be fixed that nothing here speaks against; empty where none is known."""
    told = {text for one in known_ for text in one.fixed}
    return next((text for text in _ordered(ecosystem, told) if not is_bad(text)), "")


def _ordered(ecosystem: str, told: Iterable[str]) -> tuple[str, ...]:
    keyed = [(key, text) for text in set(told) if (key := versions.read(ecosystem, text)) is not None]
    return tuple(text for _, text in sorted(keyed, key=lambda pair: (pair[0], pair[1])))


def _rank(identity: str) -> tuple[int, str]:
    order = ("MAL-", "CVE-", "PYSEC-", "GHSA-")
    return next((at for at, lead in enumerate(order) if identity.startswith(lead)), len(order)), identity
