"""Inventories held against the advisories, and judged by the one gate."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from assaymark.auditing.held import Advisories
from assaymark.core.clock import Clock, parse_timestamp
from assaymark.core.finding import Finding, Severity, Where
from assaymark.core.record import dataclass
from assaymark.library.advisories.known import Known
from assaymark.library.inventory.model import Inventory, Package
from assaymark.settings import home as home_folder
from assaymark.storage.advisories import Feed, open_store

if TYPE_CHECKING:
    from assaymark.core.check import Rule
    from assaymark.core.scan import ScanReport
    from assaymark.library.advisories.views import View

FRESH = timedelta(days=7)
"""Age from which a feed is stale, unless the policy says otherwise."""


@dataclass(frozen=True, slots=True)
class Audit:
    """The report of an audit; `report` is the same as a scan's, judged by the one gate."""

    report: "ScanReport"
    inventories: tuple[Inventory, ...]
    known: tuple[Known, ...]
    feeds: tuple[Feed, ...]
    safe: Mapping[tuple[str, str, str], str]
    """(ecosystem, name, version) -> the smallest version against which nothing is known."""


def audit(
    inventories: Sequence[Inventory],
    *,
    home: str | None = None,
    max_age: timedelta = FRESH,
    fail_on: str | None = None,
    config: str | None = None,
    clock: Clock | None = None,
) -> Audit:
    """Hold inventories against the advisories. A feed that is missing, or older than `max_age`, holds the verdict."""
    from assaymark.app import agree, conclude

    terms = agree(fail_on, None, config, None, clock)
    store = open_store(home_folder(home))
    imported: list[Feed] = []
    found: list[Known] = []
    safe: dict[tuple[str, str, str], str] = {}
    packages = [package for inventory in inventories for package in inventory.packages]
    if store is not None:
        with store:
            imported = store.feeds()
            advisories = Advisories(store)
            found = advisories.known([p for p in packages if _is_of_index(p) and (p.version or p.hashes)])
            groups: dict[tuple[str, str, str], list[Known]] = {}
            for one in found:
                groups.setdefault((one.ecosystem, one.name, one.version), []).append(one)
            safe = {key: text for key, group in groups.items() if (text := advisories.safe(group))}
    said = _said(inventories, packages, found, imported, terms.now, max_age)
    roots, files = _files(inventories, said)
    return Audit(conclude(terms, roots, files, []), tuple(inventories), tuple(found), tuple(imported), safe)


def _is_of_index(package: Package) -> bool:
    """What the project itself is, is in no advisory."""
    return package.origin != "local"


def _said(
    inventories: Sequence[Inventory], packages: Sequence[Package], found: Sequence[Known], imported: Sequence[Feed],
    now: datetime, max_age: timedelta,
) -> dict[str, list[Finding]]:  # fmt: skip
    """Path -> findings."""
    from assaymark.library.advisories import views

    said: dict[str, list[Finding]] = {}

    def say(path: str, view: "View", severity: Severity | None = None) -> None:
        said.setdefault(path, []).extend(_findings(view, path, severity))

    for one in found:
        worst = Severity.CRITICAL if one.kev else one.severity
        say(one.path, views.view_of(one), worst if not (one.possibly or one.malicious) else None)
    first = next((s.path for i in inventories for s in i.sources), inventories[0].source if inventories else "")
    for what, why in feed_troubles({p.ecosystem for p in packages}, imported, now, max_age):
        say(first, views.FeedTrouble(what, why))
    for inventory in inventories:
        for gap in inventory.gaps:
            say(gap.path, views.Unaudited(gap.path, gap.why, gap.line or None))
    for package in packages:
        if not package.version and _is_of_index(package):
            asked = f" ({package.specifier})" if package.specifier else ""
            say(package.path, views.Unaudited(package.name, f"no single version is said{asked}", package.line or None))
    return said


def feed_troubles(
    ecosystems: Iterable[str], imported: Sequence[Feed], now: datetime, max_age: timedelta
) -> Iterable[tuple[str, str]]:
    """(what, why) of each feed that is missing or stale. Records of malicious releases alone are no advisories."""
    osv = [feed for feed in imported if feed.kind == "osv"]
    for ecosystem in sorted(set(ecosystems)):
        if not any(ecosystem in feed.ecosystems and feed.records > feed.malicious for feed in osv):
            yield ecosystem, f"no feed of vulnerabilities of {ecosystem} was imported: nothing can be said to be clean"
    for feed in imported:
        age = now - parse_timestamp(feed.as_of)
        if age > max_age and feed.kind != "epss":
            yield (
                feed.name,
                (
                    f"the feed {feed.name} is known to be complete until {feed.as_of[:10]}, {age.days} days ago; "
                    f"at most {max_age.days} are allowed"
                ),
            )


@cache
def _rules() -> "dict[type[Any] | None, Rule]":
    """The rule of each view."""
    from assaymark.core.check import load_checks

    return {rule.view: rule for rule in load_checks("assaymark.library.checks.advisories")}


def _findings(view: "View", path: str, severity: Severity | None) -> Iterable[Finding]:
    from assaymark.core.look import clean

    rule = _rules()[type(view)]
    run: Callable[[Any], Iterable[Any]] = rule.run  # type: ignore[assignment] # all six have a function
    for hit in run(view):
        where = Where(path, "", None, hit.line, clean(hit.symbol, 500))
        yield Finding(
            rule.id, rule.title, severity if severity is not None else rule.severity, rule.confidence, rule.persona,
            where, clean(hit.message), holds=rule.holds,
        )  # fmt: skip


def _files(inventories: Sequence[Inventory], said: Mapping[str, list[Finding]]) -> tuple[list[Any], list[Any]]:
    """The subject of each inventory and a report of each of its sources."""
    from assaymark.core.digest import Digest
    from assaymark.core.scan import FileReport, Root
    from assaymark.core.subject import Subject

    checks = tuple(sorted(rule.id for rule in _rules().values()))
    roots: list[Any] = []
    files: dict[str, Any] = {}
    for inventory in inventories:
        subject = Subject(inventory.source, Digest.parse(inventory.digest))
        roots.append(Root(inventory.source, "", is_folder=os.path.isdir(inventory.source), subject=subject))
        for source in inventory.sources:
            files[source.path] = FileReport(
                source.path, 0, source.digest.removeprefix("sha256:"), (source.kind,), checks,
                tuple(said.get(source.path, ())), analysed=True,
            )  # fmt: skip
    for path, findings in said.items():
        if path not in files:
            files[path] = FileReport(path, 0, None, (), checks, tuple(findings))
    return roots, list(files.values())
