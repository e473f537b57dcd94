"""The store as an audit sees it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from assaymark.library.advisories import versions
from assaymark.library.advisories.known import Known, known, matches, merged, smallest_safe
from assaymark.library.advisories.matching import match
from assaymark.library.advisories.osv import Advisory, Affected
from assaymark.library.inventory.model import Package
from assaymark.storage.advisories import Store, Stored


def advisory_of(stored: Stored) -> Advisory:
    """The record of a row."""
    affected = tuple(Affected.from_row(system, package, rules) for system, package, rules in stored.affected)
    return Advisory.from_head(stored.head, affected, stored.feed)


class Advisories:
    """The store as the audit sees it; what was looked up is kept, so that one package's records are read once."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._kept: dict[tuple[str, str], tuple[Advisory, ...]] = {}

    def prepare(self, packages: Iterable[tuple[str, str]]) -> None:
        """Look up (ecosystem, name) pairs together."""
        wanted: dict[str, set[str]] = {}
        for ecosystem, name in packages:
            if (ecosystem, name) not in self._kept:
                wanted.setdefault(ecosystem, set()).add(name)
        for ecosystem, names in wanted.items():
            found = self.store.lookup(ecosystem, names)
            for name in names:
                self._kept[ecosystem, name] = tuple(map(advisory_of, found.get(name, ())))

    def of(self, ecosystem: str, name: str) -> tuple[Advisory, ...]:
        """The records that name a package."""
        name = versions.name(ecosystem, name)
        self.prepare([(ecosystem, name)])
        return self._kept[ecosystem, name]

    def known(self, packages: Sequence[Package]) -> list[Known]:
        """What is known against these packages; equal ones are judged once."""
        from dataclasses import replace

        self.prepare({(p.ecosystem, versions.name(p.ecosystem, p.name)) for p in packages})
        judged: dict[tuple[str, str, str, tuple[str, ...]], list[Known]] = {}
        found: list[Known] = []
        for package in packages:
            key = (package.ecosystem, package.name, package.version, package.hashes)
            if key not in judged:
                judged[key] = self._judge(*key)
            found += (replace(k, path=package.path, line=package.line, direct=package.direct) for k in judged[key])
        cves = {text for one in found for text in (one.id, *one.aliases) if text.startswith("CVE-")}
        used = self.store.exploits(cves) if cves else {}
        return [_with_exploits(one, used) for one in found] if used else found

    def safe(self, found: Sequence[Known]) -> str:
        """The smallest version that all of these, of one package, say is fixed and that no record means."""
        if not found:
            return ""
        system, name = found[0].ecosystem, found[0].name
        records = self.of(system, name)
        return smallest_safe(found, system, lambda v: any(match(a, system, name, v) for a in records))

    def _judge(self, ecosystem: str, name: str, version: str, hashes: tuple[str, ...]) -> list[Known]:
        found = matches(self.of(ecosystem, name), ecosystem, name, version, hashes)
        return [known(group, ecosystem, name, version) for group in merged(found)]


def _with_exploits(one: Known, used: Mapping[str, Any]) -> Known:
    from dataclasses import replace

    here = [used[text] for text in (one.id, *one.aliases) if text in used]
    if not here:
        return one
    scores = [score for score, _ in here if score is not None]
    listed = [kev for _, kev in here if kev is not None]
    return replace(one, epss=max(scores, default=None), kev=min(listed, default=None))
