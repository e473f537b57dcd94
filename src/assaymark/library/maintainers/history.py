"""What between two snapshots of an index is how a taken-over project looks: each shift with its evidence, worst first.

One shift alone is seldom an attack; the whole is ranked, and a release that follows a change of people is ranked highest.
"""

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

from assaymark.core.clock import parse_timestamp, timestamp
from assaymark.core.finding import Severity
from assaymark.core.snapshot import Snapshot, diff
from assaymark.library.confusion.judge import Suspicion
from assaymark.library.names import listed

DORMANT = timedelta(days=365)
BURST, BURST_WITHIN = 5, timedelta(hours=24)
LATE = timedelta(days=7)
"""From which on a file that joins an old release is told."""
_FREE = frozenset(
    {
        "gmail.com", "outlook.com", "hotmail.com", "yahoo.com", "proton.me", "protonmail.com", "mail.ru", "yandex.ru",
        "qq.com", "163.com", "gmx.de", "gmx.com", "icloud.com", "tutanota.com", "aol.com",
    }
)  # fmt: skip
"""Mail that anybody has: from a domain of one's own to one of these is a step that a thief of an account takes."""
Project = Mapping[str, Any]
Similar = Callable[[str], Suspicion | None]


@dataclass(frozen=True, slots=True)
class Shift:
    """One thing that changed. `evidence`: places in the newer snapshot (RFC 6901), else in the older."""

    code: str
    severity: Severity
    project: str
    what: str
    evidence: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As in the report."""
        return {
            "code": self.code, "severity": self.severity.word, "project": self.project, "what": self.what,
            "evidence": list(self.evidence),
        }  # fmt: skip


def shifts(
    before: Snapshot, after: Snapshot, similar: Similar | None = None, tags: AbstractSet[str] | None = None
) -> tuple[Shift, ...]:
    """What changed, worst first. `similar` judges names of new dependencies; `tags` are those of the repository.

    Raises ValueError where the two are of different indexes.
    """
    touched = {change.pointer.split("/")[1].replace("~1", "/").replace("~0", "~") for change in diff(before, after)}
    found: list[Shift] = []
    for name in sorted(touched & before.content.keys() & after.content.keys()):
        found += _project(name, before.content[name], after.content[name], similar, tags)
    for name in sorted(before.content.keys() - after.content.keys()):
        found.append(Shift("not-seen", Severity.LOW, name, "was not asked for this time", (f"/{name}",)))
    return tuple(sorted(found, key=lambda one: (-one.severity, one.project, one.code, one.what)))


def _project(
    name: str, old: Project, new: Project, similar: Similar | None, tags: AbstractSet[str] | None
) -> Iterator[Shift]:
    if old.get("known") and not new.get("known"):
        yield Shift(
            "project-gone", Severity.HIGH, name, "is no longer at the index: its name may be taken", (f"/{name}",)
        )
        return
    if old["status"] != new["status"]:
        bad = new["status"] in {"quarantined", "archived", "deprecated"}
        severity = Severity.HIGH if new["status"] == "quarantined" else Severity.MEDIUM if bad else Severity.LOW
        what = f"the index calls it {new['status'] or 'active'}, before {old['status'] or 'active'}"
        yield Shift("status", severity, name, what, (f"/{name}/status",))
    people = list(_people(name, old, new))
    yield from people
    fresh = [version for version in new["releases"] if version not in old["releases"]]
    if fresh and old.get("known"):
        yield from _fresh(name, old, new, fresh, tags)
        if any(one.code in {"owner-added", "owners-replaced", "organization"} for one in people):
            what = f"{listed(fresh)}: the first release after its owners changed"
            places = (*(_at(name, version) for version in fresh[:5]), f"/{name}/owners")
            yield Shift("new-owner-release", Severity.HIGH, name, what, places)
    yield from _files(name, old, new)
    yield from _dependencies(name, old, new, similar)


def _at(name: str, version: str, file: str = "") -> str:
    parts = (name, "releases", version, *([file] if file else []))
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


def _people(name: str, old: Project, new: Project) -> Iterator[Shift]:
    place = (f"/{name}/owners",)
    was, now = set(old["owners"]), set(new["owners"])
    if was and now and not was & now:
        what = f"all owners were replaced: {listed(sorted(was))} by {listed(sorted(now))}"
        yield Shift("owners-replaced", Severity.HIGH, name, what, place)
    elif was or old["maintainers"]:
        if now - was:
            raised = now - was <= set(old["maintainers"])
            severity = Severity.LOW if raised else Severity.MEDIUM
            what = f"{listed(sorted(now - was))} became owner{', maintainer before' if raised else ''}"
            yield Shift("owner-added", severity, name, what, place)
        if was - now:
            yield Shift("owner-removed", Severity.MEDIUM, name, f"{listed(sorted(was - now))} is owner no more", place)
    known = {*old["maintainers"], *old["owners"]}
    joined = sorted(set(new["maintainers"]) - known)
    if joined and known:
        what = f"{listed(joined)} may upload now"
        yield Shift("maintainer-added", Severity.MEDIUM, name, what, (f"/{name}/maintainers",))
    left = sorted(set(old["maintainers"]) - {*new["maintainers"], *new["owners"]})
    if left:
        yield Shift("maintainer-removed", Severity.LOW, name, f"{listed(left)} left", (f"/{name}/maintainers",))
    if old["organization"] != new["organization"]:
        what = f"organisation: {old['organization'] or 'none'}, now {new['organization'] or 'none'}"
        severity = Severity.MEDIUM if old["organization"] else Severity.LOW
        code = "organization" if old["organization"] else "organization-joined"
        yield Shift(code, severity, name, what, (f"/{name}/organization",))
    yield from _mail(name, old, new)


def _mail(name: str, old: Project, new: Project) -> Iterator[Shift]:
    was, now = ({address.rpartition("@")[2] for address in one["mail"]} for one in (old, new))
    if was and now - was:
        to_free = bool((now - was) & _FREE) and not was & _FREE
        gone = f", {listed(sorted(was - now))} is gone" if was - now else ""
        severity = Severity.HIGH if to_free and was - now else Severity.MEDIUM if was - now else Severity.LOW
        what = f"mail addresses at {listed(sorted(now - was))}{gone}"
        yield Shift("mail-domain", severity, name, what, (f"/{name}/mail",))
    elif was and set(old["mail"]) != set(new["mail"]):
        yield Shift("mail", Severity.LOW, name, "the mail addresses of its authors changed", (f"/{name}/mail",))


def _fresh(name: str, old: Project, new: Project, fresh: list[str], tags: AbstractSet[str] | None) -> Iterator[Shift]:
    """What is odd about new releases."""
    times = {version: moment for version in new["releases"] if (moment := _first(new["releases"][version]))}
    earlier = sorted(times[version] for version in old["releases"] if version in times)
    later = sorted((times[version], version) for version in fresh if version in times)
    if earlier and later and later[0][0] - earlier[-1] >= DORMANT:
        moment, version = later[0]
        what = f"{version} came after {(moment - earlier[-1]).days} days without a release"
        yield Shift("dormant-active", Severity.MEDIUM, name, what, (_at(name, version),))
    yield from _burst(name, earlier, later)
    yield from _jump(name, old, fresh)
    yield from _provenance(name, old, new, fresh, times)
    if tags is not None:
        for version in fresh:
            if not any(_is_tag(tag, name, version) for tag in tags):
                what = f"the repository has no tag for {version}"
                yield Shift("no-tag", Severity.MEDIUM, name, what, (_at(name, version),))
    had_sdist = any(_has_sdist(release) for release in list(old["releases"].values())[-5:])
    for version in fresh:
        if had_sdist and not _has_sdist(new["releases"][version]):
            what = f"{version} has no source archive, as those before had"
            yield Shift("sdist-missing", Severity.LOW, name, what, (_at(name, version),))


def _has_sdist(release: Mapping[str, Any]) -> bool:
    return any(not file.endswith((".whl", ".egg", ".exe")) for file in release)


def _first(release: Mapping[str, Any]) -> datetime | None:
    moments = [parse_timestamp(row["at"]) for row in release.values() if row["at"]]
    return min(moments, default=None)


def _burst(name: str, earlier: list[datetime], later: list[tuple[datetime, str]]) -> Iterator[Shift]:
    """Many releases within a day, of a project that is not used to that."""
    for i in range(len(later) - BURST + 1):
        inside = [pair for pair in later[i:] if pair[0] - later[i][0] <= BURST_WITHIN]
        if len(inside) < BURST:
            continue
        gaps = [(b - a).total_seconds() for a, b in pairwise(earlier)]
        if len(gaps) >= BURST and median(gaps) <= BURST_WITHIN.total_seconds():
            return
        what = f"{len(inside)} releases within {BURST_WITHIN.total_seconds() / 3600:.0f} hours from {timestamp(later[i][0])}"
        yield Shift("burst", Severity.MEDIUM, name, what, tuple(_at(name, version) for _, version in inside[:10]))
        return


def _jump(name: str, old: Project, fresh: list[str]) -> Iterator[Shift]:
    from packaging.version import InvalidVersion, Version

    def read(text: str) -> Version | None:
        try:
            return Version(text)
        except InvalidVersion:
            return None

    known = [version for text in old["releases"] if (version := read(text)) and not version.is_prerelease]
    if not known:
        return
    top = max(known)
    for text in fresh:
        version = read(text)
        if version is None:
            what = f"{text[:60]} is no version by PEP 440"
            yield Shift("bad-version", Severity.LOW, name, what, (_at(name, text),))
            continue
        years = version.major >= 2000 > top.major  # a step to calendar versions
        step = version.major - top.major
        if version.epoch > top.epoch or step > 1:
            far = version.epoch == top.epoch and step >= 10 and not years
            what = f"{version} follows {top}: more than one major version higher"
            yield Shift("version-jump", Severity.HIGH if far else Severity.MEDIUM, name, what, (_at(name, text),))


def _provenance(
    name: str, old: Project, new: Project, fresh: list[str], times: Mapping[str, datetime]
) -> Iterator[Shift]:
    """The newest of the old releases had attestations for all its files, a new one has none for some."""
    dated = [version for version in old["releases"] if version in times and old["releases"][version]]
    if not dated:
        return
    last = max(dated, key=lambda version: times[version])
    if not all(row["provenance"] for row in old["releases"][last].values()):
        return
    for version in fresh:
        bare = [file for file, row in new["releases"][version].items() if not row["provenance"]]
        if bare:
            what = f"{version} has no provenance for {listed(bare, 3)}; {last} had it for every file (PEP 740)"
            places = tuple(_at(name, version, file) for file in bare[:10])
            yield Shift("provenance-lost", Severity.HIGH, name, what, places)


def _is_tag(tag: str, name: str, version: str) -> bool:
    """`1.2`, `v1.2`, `name-1.2`, `name/v1.2`, `release-1.2`, `1.2.0` for 1.2; any lead that ends in no digit or dot."""
    bare = tag.rpartition("/")[2].lower()
    for spelled in {version.lower(), version.lower().removesuffix(".0"), f"{version.lower()}.0"}:
        if bare.endswith(spelled):
            lead = bare.removesuffix(spelled).rstrip("-_. ")
            if lead in {"", "v", "version", "rel", "release", "ver"} or lead.removesuffix("v").rstrip("-_@=") == name:
                return True
    return False


def _files(name: str, old: Project, new: Project) -> Iterator[Shift]:
    """What happened to releases that were there."""
    for version, release in old["releases"].items():
        now = new["releases"].get(version)
        if now is None:
            yield Shift("release-gone", Severity.MEDIUM, name, f"{version} was removed", (_at(name, version),))
            continue
        changed = [
            f
            for f, row in release.items()
            if f in now and row["sha256"] and now[f]["sha256"] not in {"", row["sha256"]}
        ]
        if changed:
            what = f"{listed(changed, 3)} has other bytes than before under the same name"
            yield Shift(
                "file-replaced", Severity.CRITICAL, name, what, tuple(_at(name, version, f) for f in changed[:10])
            )
        yanked = [f for f, row in now.items() if row["yanked"] and f in release and not release[f]["yanked"]]
        if yanked:
            reason = now[yanked[0]]["yanked"]
            what = f"{version} was yanked{f': {reason[:100]}' if reason != 'yes' else ''}"
            yield Shift("yanked", Severity.MEDIUM, name, what, tuple(_at(name, version, f) for f in yanked[:10]))
        first = _first(release)
        late = [
            f for f, row in now.items()
            if f not in release and first and row["at"] and parse_timestamp(row["at"]) - first >= LATE
        ]  # fmt: skip
        if late:
            what = f"{listed(late, 3)} joined {version} more than {LATE.days} days after its release"
            yield Shift("late-file", Severity.MEDIUM, name, what, tuple(_at(name, version, f) for f in late[:10]))


def _dependencies(name: str, old: Project, new: Project, similar: Similar | None) -> Iterator[Shift]:
    if not old.get("known"):
        return
    for added in sorted(set(new["requires"]) - set(old["requires"])):
        found = similar(added) if similar else None
        place = (f"/{name}/requires",)
        if found is not None and found.flagged:
            what = f"now depends on {added}: {found.reason}"
            yield Shift("look-alike-dependency", Severity.HIGH, name, what, place)
        else:
            yield Shift("new-dependency", Severity.LOW, name, f"now depends on {added}", place)
