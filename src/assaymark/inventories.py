"""Inventories on disk: which packages the files below a path name or hold, read where they lie.

Nothing is resolved, fetched, executed or unpacked. Image layouts (OCI) are read layer by layer, as a container would
see them: a later layer hides what lies below it.
"""

import difflib
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from assaymark.app import agree, conclude, with_projects
from assaymark.catalog import catalog
from assaymark.core.blob import Blob
from assaymark.core.budget import Budget, Limits
from assaymark.core.check import RULES, load_checks
from assaymark.core.clock import Clock
from assaymark.core.errors import AssayError, OverBudget, UsageError
from assaymark.core.finding import Finding, Severity, Where
from assaymark.core.format import FileFacts
from assaymark.core.look import MALFORMED
from assaymark.core.record import dataclass
from assaymark.core.scan import FileReport, Root, ScanReport
from assaymark.core.source.text import decode
from assaymark.library.inventory import image
from assaymark.library.inventory.archives import is_archive
from assaymark.library.inventory.model import Gap, Inventory, Package, Source, digest_of
from assaymark.library.inventory.read import read
from assaymark.library.lockcheck import fix
from assaymark.storage.files import open_blob
from assaymark.storage.spool import FileSpool
from assaymark.survey import Found, Options, find, hang_up, look_at_all, name_of, open_item

_LIMITS = Limits(seconds=600.0)
_ONE = 64 << 20
_SETTINGS = ("pip.conf", "pip.ini", ".npmrc", "uv.toml", "pyproject.toml", "pipfile", ".pypirc", "setup.py")
_FOR_THE_SCAN = frozenset({"LIB005", "LIB007", "LIB008", "LIB015", "LIB017", "LIB018"})
"""Secrets, and what code of a setup.py does."""


class Files:
    """core.format.Tree over files that nobody looked at yet."""

    def __init__(self, found: Mapping[str, Found]) -> None:
        """`found`: those that can be read."""
        self.files = {path: FileFacts(path, item.entry.size, ()) for path, item in found.items()}
        self._found = found

    def read(self, path: str, limit: int) -> bytes:
        """See core.format.Tree."""
        with self.open(path) as blob:
            if blob.size > limit:
                raise OverBudget(f"{path} is {blob.size:,} bytes long, more than the {limit:,} that are looked at")
            return blob.read(0, limit)

    def start(self, path: str, length: int) -> bytes:
        """See core.format.Tree."""
        with self.open(path) as blob:
            return blob.read(0, length)

    def open(self, path: str) -> AbstractContextManager[Blob]:
        """See core.format.Tree."""
        return open_item(self._found[path], digest=False)


def inventory(paths: Sequence[str], *, exclude: Sequence[str] = ()) -> Inventory:
    """One inventory of all that lies below these paths; raises UsageError where a path makes no sense."""
    made = [_one(path, exclude) for path in paths]
    if not made:
        raise UsageError("no path was given", step="assay deps inventory PATH")
    if len(made) == 1:
        return made[0]
    packages: list[Package] = []
    sources: list[Source] = []
    gaps: list[Gap] = []
    for path, one in zip(paths, made, strict=True):
        lead = path.rstrip("/") + "/" if os.path.isdir(path) else os.path.join(os.path.dirname(path), "")
        packages += (replace(package, path=lead + package.path) for package in one.packages)
        sources += (replace(source, path=lead + source.path) for source in one.sources)
        gaps += (replace(gap, path=lead + gap.path) for gap in one.gaps)
    return Inventory(", ".join(paths), digest_of(sources), tuple(packages), tuple(gaps), tuple(sources))


def lock_check(
    path: str,
    *,
    exclude: Sequence[str] = (),
    fail_on: str = "medium",
    pages: Sequence[str] = (),
    config: str | None = None,
    clock: Clock | None = None,
) -> tuple[ScanReport, Inventory]:
    """What is wrong with how the packages below a path are locked, and the inventory that it was seen in.

    The checks of a scan over the files that name packages, those that compare them, and the one gate. `pages`: project
    pages of an index as files (PEP 691), which say what was yanked.
    """
    terms = agree(fail_on, None, config, None, clock)
    kept, gaps = files(path, exclude)
    account = budget()
    tree = Files(kept)
    made = read(tree, path, account.tick, tuple(gaps))
    names = {package.path for package in made.packages} | {source.path for source in made.sources}
    names |= {gap.path for gap in made.gaps if gap.path in kept}
    chosen = [item for name, item in kept.items() if name in names or name.lower().endswith(_SETTINGS)]
    chosen = [item for item in chosen if not item.path.endswith((".whl", "METADATA", "PKG-INFO", ".gz", ".zip"))]
    roots = [Root(path, "", os.path.isdir(path), None)]
    reports = look_at_all(chosen, Options(cache=None), 1, None)
    reports = [replace(r, findings=_of_locks(r.findings)) for r in with_projects(reports, chosen, roots, catalog())]
    held = {report.path for report in reports if any(finding.holds for finding in report.findings)}
    more = _across(made, tree, pages, held)
    known = {report.path for report in reports}
    reports = [replace(r, findings=(*r.findings, *more.get(r.path, ()))) for r in reports]
    reports += [
        FileReport(place, kept[place].entry.size if place in kept else 0, findings=tuple(found))
        for place, found in more.items()
        if place not in known
    ]
    return conclude(terms, roots, reports, ()), made


def _of_locks(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """What the library layer and the runner itself say; what could not be read holds and does not deny."""
    kept = [f for f in findings if f.id.startswith(("LIB", "CHK")) and f.id not in _FOR_THE_SCAN]
    return tuple(replace(f, severity=Severity.LOW) if f.id.startswith("CHK") else f for f in kept)


def _across(made: Inventory, tree: Files, pages: Sequence[str], held: set[str]) -> dict[str, list[Finding]]:
    from assaymark.library.lockcheck import index_page, look

    yanked: dict[tuple[str, str], str] = {}
    for page in pages:
        with open_blob(os.path.realpath(page), digest=False) as blob:
            if blob.size > index_page.LIMIT:
                raise OverBudget(f"{page} is longer than the {index_page.LIMIT >> 20} MiB that are looked at")
            yanked |= index_page.yanked(decode(blob.read(0, blob.size), page), page)
    by_view = {rule.view: rule for rule in load_checks("assaymark.library.checks.lockcheck")}
    found: dict[str, list[Finding]] = {}
    for package, view in look.views(made, tree, yanked):
        rule = by_view[type(view)]
        for hit in rule.run(view) if rule.run else ():
            where = Where(package.path, "", None, hit.line, hit.symbol)
            finding = Finding(
                rule.id, rule.title, rule.severity, rule.confidence, rule.persona, where, hit.message, hit.excerpt
            )
            found.setdefault(package.path, []).append(finding)
    for gap in made.gaps:
        if gap.path not in held:
            where = Where(gap.path, "", None, gap.line or None, gap.why[:100])
            rule = RULES[MALFORMED]
            found.setdefault(gap.path, []).append(
                Finding(rule.id, rule.title, Severity.LOW, rule.confidence, rule.persona, where, gap.why, holds=True)
            )
    return found


def budget() -> Budget:
    """What one look may cost."""
    return Budget(_LIMITS, monotonic=time.monotonic, spool=FileSpool)


def files(path: str, exclude: Sequence[str] = ()) -> tuple[dict[str, Found], list[Gap]]:
    """Every file below a path that can be read, and what cannot; a link to a folder inside is no gap."""
    _, found, _ = find([path], exclude, follow_links=False)
    kept, gaps = {}, []
    for item in found:
        if item.entry.problem:
            if _may_tell(item, path):
                gaps.append(Gap(item.path, item.entry.problem))
        else:
            kept[item.path] = item
    return kept, gaps


def _may_tell(item: Found, path: str) -> bool:
    """What cannot be had may tell of packages. Not so a link to a folder that is entered by its own name, nor `bin/python`."""
    if not os.path.islink(item.entry.real):
        return os.path.isdir(item.entry.real) or image.tells(item.path) or is_archive(item.path)
    real = os.path.realpath(item.entry.real)
    if os.path.isdir(real):
        return not real.startswith(os.path.realpath(path) + os.sep)
    return image.tells(item.path) or is_archive(item.path)


def _one(path: str, exclude: Sequence[str]) -> Inventory:
    account = budget()
    if os.path.isfile(os.path.join(path, "oci-layout")) and os.path.isfile(os.path.join(path, "index.json")):
        contents, gaps = image.contents(lambda name: open_blob(os.path.join(path, name), digest=False), account.tick)
        return read(image.Held(contents), path, account.tick, tuple(gaps))
    kept, gaps = files(path, exclude)
    try:
        made = read(Files(kept), path if path not in {".", ""} else name_of(path), account.tick, tuple(gaps))
    finally:
        hang_up(list(kept.values()))
    return made


@dataclass(frozen=True, slots=True)
class Change:
    """What a command would write into one lock. Without `text` nothing is written, and `why` says for what reason."""

    path: str
    command: str
    text: str | None
    difference: str
    why: str = ""


def fixes(path: str, report: ScanReport, made: Inventory, *, exclude: Sequence[str] = ()) -> list[Change]:
    """Lock anew what something was said of, in a copy, and check again. Nothing below `path` is written."""
    if not os.path.isdir(path):
        raise UsageError(f"{path} is no folder", step="name the folder that the lock lies in")
    kept, _ = files(path, exclude)
    faulty = {finding.where.path for finding in report.findings}
    return [_change(path, step, kept) for step in fix.steps(made.sources, faulty, kept)]


def apply(path: str, changes: Sequence[Change]) -> None:
    """Write what was made, each file whole or not at all."""
    from assaymark.storage.output import write

    for change in changes:
        if change.text is not None:
            write(os.path.join(path, change.path), change.text)


def _change(path: str, step: fix.Step, kept: Mapping[str, Found]) -> Change:
    command = " ".join(step.command)
    if step.by_hand:
        return Change(step.path, command, None, "", f"run `{command}` yourself: it is neither uv's nor pip's")
    from assaymark.jobs import tools

    with tempfile.TemporaryDirectory(prefix="assay-lock-") as copy:
        before = _copied(kept, copy)
        try:
            ran = tools.run(step.command, os.path.join(copy, step.folder))
            if ran.code:
                told = " ".join(ran.output.split())[-400:]
                return Change(step.path, command, None, "", f"ended with {ran.code}: {told}")
            with open_blob(os.path.join(copy, step.path), digest=False) as blob:
                text = decode(blob.read(0, _ONE), step.path)
            worse = _worse(path, copy, step.path)
        except AssayError as error:
            return Change(step.path, command, None, "", error.message)
    old = before.get(step.path, "")
    lines = difflib.unified_diff(old.splitlines(keepends=True), text.splitlines(keepends=True), step.path, step.path)
    difference = "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
    if not difference:
        return Change(step.path, command, None, "", "nothing changes")
    return Change(step.path, command, None if worse else text, difference, worse)


def _copied(kept: Mapping[str, Found], copy: str) -> dict[str, str]:
    """The documents that uv reads, copied; nothing that it could run."""
    before: dict[str, str] = {}
    for name, item in kept.items():
        if item.entry.size <= _ONE and name.lower().endswith((".txt", ".in", ".toml", ".lock", ".cfg", ".pip")):
            with open_item(item, digest=False) as blob:
                data = blob.read(0, blob.size)
            target = os.path.join(copy, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "xb") as file:
                file.write(data)
            before[name] = data.decode("utf-8", "replace")
    return before


def _worse(path: str, copy: str, lock: str) -> str:
    """Why the new lock is not taken, or ""."""
    old = _about(lock_check(path, config="")[0], lock)
    new = _about(lock_check(copy, config="")[0], lock)
    more = sorted(new - old)
    return f"the new lock has what the old one had not: {', '.join(more[:5])}" if more else ""


def _about(report: ScanReport, lock: str) -> set[str]:
    return {f"{f.id} {f.where.symbol}" for f in report.findings if f.where.path == lock}
