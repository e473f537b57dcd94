"""The composition root: what is found on disk, the pure core, settings and the clock are joined here."""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from assaymark import __version__
from assaymark.catalog import catalog, checkset
from assaymark.core.attest import scan_statement
from assaymark.core.check import RULES, Rule
from assaymark.core.clock import Clock, SystemClock, timestamp
from assaymark.core.digest import SHA256, Digest
from assaymark.core.errors import Malformed, Unreadable, UsageError
from assaymark.core.evidence import Evidence
from assaymark.core.finding import Finding, Persona, Severity
from assaymark.core.ignore import apply_ignores, read_baseline, split_known
from assaymark.core.look import BAD_NAME, Catalog, look_at_tree, merged, unseen
from assaymark.core.manifest import Manifest, ManifestFile, path_problems
from assaymark.core.policy import Policy, decide, scan_policy
from assaymark.core.record import dataclass
from assaymark.core.scan import FileReport, Gap, Root, ScanReport, Tool
from assaymark.core.subject import Subject
from assaymark.settings import Settings
from assaymark.settings import home as home_folder
from assaymark.settings import load as load_settings
from assaymark.survey import FolderTree, Found, Options, Progress, find, hang_up, look_at_all, name_of, open_item

if TYPE_CHECKING:
    from assaymark.library.confusion.index import Index


def scan(  # noqa: PLR0913 - the options of the product's main command
    *paths: str | os.PathLike[str],
    jobs: int | None = None,
    digest: bool = True,
    fail_on: str | None = None,
    persona: str | None = None,
    exclude: Sequence[str] = (),
    follow_links: bool = False,
    config: str | None = None,
    baseline: object = None,
    cache: bool = True,
    seconds: float = 600.0,
    full: bool = False,
    allow: str | None = None,
    allow_keys: Sequence[str] = (),
    base: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    clock: Clock | None = None,
    home: str | None = None,
) -> ScanReport:
    """Look at files and folders, here or on other machines (`hf://…`); the same as `assay scan`.

    `fail_on`: severity that denies (default `high`). `persona`: `regular`, `pedantic` or `auditor`. `config`: a settings
    file; by default the nearest to the current folder, and `""` for none. `baseline`: an earlier json report, parsed.
    `seconds`: limit for one file. `full`: fetch remote files whole and verify them, not only what is looked at.
    `allow`: a signed policy of globals that pickles may name beside the vetted table; `allow_keys`: who may have signed it.
    `base`: a file or folder of the base model; chat templates are held against its own.
    Raises UsageError when the request makes no sense, Untrusted for such a policy; what files hold never raises.
    """
    terms = agree(fail_on, persona, config, baseline, clock)
    settings = terms.settings
    allowed, allowing = _allow(allow or settings.allow, allow_keys or settings.allow_keys, home, clock)
    kept = os.path.join(home_folder(home), "cache", *([allowed.removeprefix("sha256:")[:32]] if allowed else []))
    options = Options(digest, seconds, kept if cache and digest else None, full)

    given = [os.fspath(path) for path in paths]
    roots, found, excluded = find(given, (*exclude, *settings.exclude), follow_links=follow_links)
    try:
        with allowing:
            # Workers inherit the policy where they are forked, and only there.
            reports = look_at_all(found, options, 1 if allowed and sys.platform != "linux" else jobs, progress)
        with _base(base), _popular(home):
            reports = with_projects(reports, found, roots, catalog())
    finally:
        hang_up(found)
    return conclude(terms, roots, reports, excluded, allowed)


def _base(path: str | os.PathLike[str] | None) -> AbstractContextManager[None]:
    """The block in which chat templates are held against those of this file or folder."""
    if path is None:
        return nullcontext()
    from assaymark.comparing import held_against

    return held_against(os.fspath(path))


def _popular(given: str | None) -> AbstractContextManager[None]:
    """The block in which names are held against the list of popular ones that the home keeps, where it keeps one."""
    folder = os.path.join(home_folder(given), "names")
    if not os.path.exists(os.path.join(folder, "latest")):
        return nullcontext()
    from assaymark.library.confusion.session import known

    return known(lambda: kept_names(folder))


def kept_names(folder: str) -> "Index | None":
    """The index that was made last of a list of popular names, or None where there is none that can be read."""
    from assaymark.library.confusion.index import Index

    try:
        with open(os.path.join(folder, "latest"), "rb") as file:
            name = file.read(100).decode("ascii", "replace").strip()
        with open(os.path.join(folder, os.path.basename(name)), "rb") as file:
            return Index(file.read())
    except (OSError, Malformed):
        return None


@dataclass(frozen=True, slots=True)
class Terms:
    """By which what was seen is judged, and when."""

    now: datetime
    settings: Settings
    policy: Policy
    audience: Persona
    known: Sequence[str] | None
    """Fingerprints of the baseline."""


def agree(fail_on: str | None, persona: str | None, config: str | None, baseline: object, clock: Clock | None) -> Terms:
    """The terms of a run, from its options and the settings; raises UsageError."""
    now = (clock or SystemClock()).now()
    settings = Settings() if config == "" else load_settings(config, start=os.getcwd(), today=now.date())
    return Terms(
        now,
        settings,
        scan_policy(_severity(fail_on or settings.fail_on or "high")),
        _persona(persona or settings.persona or "regular"),
        None if baseline is None else read_baseline(baseline),
    )


def conclude(
    terms: Terms, roots: Sequence[Root], reports: list[FileReport], excluded: Sequence[Gap], allowed: str | None = None
) -> ScanReport:
    """The report and the verdict on what was seen."""
    manifests, roots = _identify(roots, reports)
    settings, policy, now = terms.settings, terms.policy, terms.now
    findings = sorted((f for r in reports for f in r.findings), key=_order)
    visible = [f for f in findings if _heard(f, terms.audience)]
    standing, ignored, expired = apply_ignores(visible, settings.ignores, now.date())
    new, known = (standing, []) if terms.known is None else split_known(standing, terms.known)
    subjects = tuple(root.subject for root in roots if root.subject is not None)
    said: dict[str, Any] = {
        "at": timestamp(now), "tool": Tool(__version__, checkset()), "findings": tuple(new), "ignored": tuple(ignored),
        "known": tuple(known), "gaps": (*expired, *(gap for r in reports for gap in r.gaps)),
        "checks": _checks_run(reports), "excluded": tuple(excluded),
    }  # fmt: skip
    about: dict[str, Any] = {
        "subjects": subjects, "policy": policy.digest, "analysed": sum(r.analysed for r in reports),
        "allow": allowed,
    }  # fmt: skip
    evidence = Evidence.unsigned(scan_statement(**said, **about, manifests={}))
    verdict = decide("scan", subjects[0] if subjects else None, [evidence], policy, now)
    complete = len(subjects) == len(roots)
    sources = tuple(root.source for root in roots if root.source is not None)
    return ScanReport(
        **said, roots=tuple(roots), files=tuple(reports), verdict=verdict, hidden=len(findings) - len(visible),
        statement=scan_statement(**said, **about, manifests=manifests, sources=sources, verdict=verdict)
        if complete else None,
    )  # fmt: skip


def _allow(
    path: str | None, keys: Sequence[str], home: str | None, clock: Clock | None
) -> tuple[str | None, AbstractContextManager[None]]:
    """The digest of a signed allow policy, and the block in which it counts."""
    if path is None:
        if keys:
            raise UsageError("a key for an allow policy, and no policy", step="--allow FILE --allow-key PUB")
        return None, nullcontext()
    from assaymark.allowing import in_force, read_allow

    policy = read_allow(path, keys, home, clock)
    return policy.digest, in_force(policy)


def render(report: ScanReport, form: str, **options: Any) -> str:
    """The report as `text`, `json`, `sarif`, `junit`, `markdown` or `html`; options are those of report.text."""
    from assaymark.report import render as render_report

    return render_report(form, report, rules_of(report), **options)


def write(report: ScanReport, form: str, path: str) -> None:
    """Render to a file, whole or not at all; raises UsageError."""
    from assaymark.storage.output import write as write_file

    write_file(path, render(report, form))


def environment(*, verify: bool = True) -> dict[str, Any]:
    """The environment that this interpreter runs in (bom.build.environment); `verify` hashes the files of its packages."""
    from assaymark.storage.machine import snapshot

    return snapshot(verify=verify)


def write_text(path: str, text: str) -> None:
    """Write a document, whole or not at all; raises UsageError."""
    from assaymark.storage.output import write as write_file

    write_file(path, text)


def rules_of(report: ScanReport) -> Mapping[str, Rule]:
    """The rules that a report speaks of, by id. Where workers or the cache looked they have to be imported first."""
    findings = (*report.findings, *report.known, *(ignored.finding for ignored in report.ignored))
    named = {finding.id for finding in findings} | report.checks.keys()
    if not RULES.keys() >= named:
        catalog().load_rules({name for file in report.files for name in file.formats})
    if not RULES.keys() >= named:
        catalog().load_rules()
    return {rule_id: RULES[rule_id] for rule_id in sorted(named)}


def all_rules() -> Mapping[str, Rule]:
    """Every rule of the product, by id."""
    catalog().load_rules()
    return dict(sorted(RULES.items()))


def identify(path: str, *, exclude: Sequence[str] = ()) -> tuple[Digest, Manifest | None]:
    """The digest that a scan of `path` binds its evidence to, and the manifest of a folder. Raises Unreadable, Malformed."""
    roots, found, _ = find([path], exclude, follow_links=False)
    files = []
    try:
        for item in found:
            if item.entry.problem:
                raise Unreadable(f"{item.path} {item.entry.problem}")
            with open_item(item, digest=True, full=True) as blob:
                files.append(ManifestFile(item.path, blob.size, str(blob.sha256())))
    finally:
        hang_up(found)
    if roots[0].is_folder:
        manifest = Manifest.of(files)
        return manifest.digest, manifest
    return Digest(SHA256, files[0].sha256), None


def with_projects(
    reports: list[FileReport], found: Sequence[Found], roots: Sequence[Root], known: Catalog
) -> list[FileReport]:
    """Add what is only seen across the files of each folder, and names that cannot be bound."""
    real = {item.path: item for item in found}
    more: dict[str, FileReport] = {}
    for root in roots:
        lead, mine = _below(root, reports)
        below = {r.path[len(lead) :]: r for r in mine if not real[r.path].entry.problem}
        tree = FolderTree(below, {path: real[lead + path] for path in below})
        for path, extra in look_at_tree(tree, known if root.is_folder else known.alone()).items():
            # What is said of a path that is not there is kept with a file that is.
            home = lead + path if path in below else next((r.path for r in mine), "")
            more[home] = _merged(_moved(extra, lead), more.get(home))
    problems = path_problems(report.path for report in reports)
    for path, problem in problems.items():
        named = unseen(path, 0, BAD_NAME, problem)
        more[path] = _merged(more[path], named) if path in more else named
    return [_merged(report, more.get(report.path)) for report in reports]


def _below(root: Root, reports: Sequence[FileReport]) -> tuple[str, list[FileReport]]:
    """What leads the paths of a root's files, and their reports. A file that was named alone is a folder of one."""
    if root.is_folder or not root.prefix:
        lead = f"{root.prefix}/" if root.prefix else ""
        return lead, [report for report in reports if report.path.startswith(lead)]
    folder, slash, _ = root.prefix.rpartition("/")
    return folder + slash, [report for report in reports if report.path == root.prefix]


def _moved(report: FileReport, lead: str) -> FileReport:
    if not lead:
        return report
    moved = tuple(replace(f, where=replace(f.where, path=lead + f.where.path), fingerprint="") for f in report.findings)
    return replace(report, path=lead + report.path, findings=moved)


def _merged(report: FileReport, extra: FileReport | None) -> FileReport:
    return report if extra is None else merged(report, extra)


def _identify(roots: Sequence[Root], reports: Sequence[FileReport]) -> tuple[dict[str, Manifest], list[Root]]:
    """The manifest of each folder and the subject of each root, where every byte and every name can be bound."""
    manifests: dict[str, Manifest] = {}
    named: list[Root] = []
    for root in roots:
        lead = f"{root.prefix}/" if root.prefix else ""
        mine = [r for r in reports if r.path == root.prefix or r.path.startswith(lead)]
        name = root.prefix or name_of(root.given)
        subject = None
        if all(r.sha256 and not any(f.id == BAD_NAME for f in r.findings) for r in mine):
            if root.is_folder:
                files = (ManifestFile(r.path[len(lead) :], r.size, str(r.sha256)) for r in mine)
                manifests[name] = Manifest.of(files)
                subject = Subject(name, manifests[name].digest)
            else:
                subject = Subject(name, Digest(SHA256, str(mine[0].sha256)))
        named.append(replace(root, subject=subject))
    return manifests, named


def _checks_run(reports: Iterable[FileReport]) -> dict[str, int]:
    """Check id -> number of files it ran on."""
    counts: dict[str, int] = {}
    for report in reports:
        for rule_id in report.checks:
            counts[rule_id] = counts.get(rule_id, 0) + 1
    return dict(sorted(counts.items()))


def _order(finding: Finding) -> tuple[int, str, str, int, str]:
    """Worst first, then by place."""
    where = finding.where
    return -finding.severity, where.path, where.member, where.line or where.offset or 0, finding.fingerprint


def _heard(finding: Finding, audience: Persona) -> bool:
    order = list(Persona)
    return order.index(finding.persona) <= order.index(audience)


def _severity(word: str) -> Severity:
    try:
        return Severity[word.upper()]
    except KeyError:
        raise UsageError(f"{word!r} is no severity", step="info, low, medium, high or critical") from None


def _persona(word: str) -> Persona:
    try:
        return Persona(word)
    except ValueError:
        raise UsageError(f"{word!r} is no persona", step="regular, pedantic or auditor") from None
