"""The runner: finds out what a file is, has it parsed, gives each view to the checks that read it.

It alone owns budgets and the only broad `except`: a crash of ours is a finding and holds the verdict. Pure: bytes come
in through Blob, time and spool through Budget, formats and checks through Catalog.
"""

import importlib
from collections.abc import Callable, Collection
from dataclasses import field, replace
from functools import cache, cached_property

from assaymark.core.blob import Blob, Bytes
from assaymark.core.budget import Budget, Limits
from assaymark.core.bytemap import ByteMap, Marks
from assaymark.core.check import RULES, Rule, load_checks, runner_rule
from assaymark.core.errors import Malformed, Opaque, OverBudget, Unreadable
from assaymark.core.finding import Finding, Hit, Severity, Where, fingerprint
from assaymark.core.format import (
    Context,
    FileFacts,
    Format,
    Head,
    Item,
    Member,
    ParseFunction,
    Project,
    Region,
    Skipped,
    Tree,
    Values,
)
from assaymark.core.record import dataclass
from assaymark.core.scan import FileReport, Gap

CRASHED = runner_rule(
    "CHK001",
    severity=Severity.MEDIUM,
    since="0.1",
    refs=("CWE:755",),
    doc="""A check or parser of ours failed.

    Why: What was not looked at is never clean. A crash may also be what a hostile file was made for.
    Fix: Report it with the file or its digest; `--debug` shows where it happened. Until then treat the file as unseen.
    """,
)
MALFORMED = runner_rule(
    "CHK002",
    severity=Severity.MEDIUM,
    since="0.1",
    refs=("CWE:20", "ATLAS:AML.T0011.000"),
    doc="""The content breaks the rules of its format.

    Why: Loaders differ in what they do with broken files: some run what comes before the fault. Evasions live there.
    Fix: Fetch the file again and compare its digest; if it stays so, ask its producer for a well-formed one.
    """,
)
OVER_BUDGET = runner_rule(
    "CHK003",
    severity=Severity.MEDIUM,
    since="0.1",
    refs=("CWE:400", "CWE:409"),
    doc="""Looking was stopped by a limit before everything was seen.

    Why: Bombs and endless nesting exhaust a scanner, so that what stands behind them is not seen.
    Fix: The message names the limit. Raise it for a file you have reason to trust, or unpack and scan the parts.
    """,
)
UNREADABLE = runner_rule(
    "CHK004",
    severity=Severity.MEDIUM,
    since="0.1",
    refs=("CWE:59",),
    doc="""A path could not be read, or is not a regular file.

    Why: Links lead out of the folder, pipes and devices never end, and what cannot be read cannot be vouched for.
    Fix: Give read permission, replace the link by the file (or scan with `--follow-links`), or take the path away.
    """,
)
OPAQUE = runner_rule(
    "CHK005",
    severity=Severity.LOW,
    since="0.1",
    refs=("ATLAS:AML.T0010",),
    doc="""Content that no check of ours can look into.

    Why: Native code, encrypted or unknown binary content may do anything when it is loaded; not looked is never clean.
    Fix: Remove it, replace it by a format that can be looked into, or accept it with a reasoned, expiring ignore.
    """,
)
BAD_NAME = runner_rule(
    "CHK006",
    severity=Severity.MEDIUM,
    since="0.1",
    refs=("CWE:176", "CWE:178"),
    doc="""A file name that means different files on different systems.

    Why: A name with control characters, two spellings or a clash of case cannot be bound into the folder's digest.
    Fix: Rename the file to portable characters, unique when case is ignored.
    """,
)

_TEXT_LIMIT = 2_000
_UNSAFE = {c: f"\\x{c:02x}" for c in (*range(9), *range(11, 32), *range(127, 160))} | {
    c: f"\\u{c:04x}" for c in (0x061C, 0x200E, 0x200F, 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}


def clean(text: str, limit: int = _TEXT_LIMIT) -> str:
    """Text of a stranger made fit for terminals and documents: controls, bidi marks and surrogates are escaped."""
    text = text[: limit + 1].encode("utf-8", "backslashreplace").decode()
    return (text[:limit] + " …" if len(text) > limit else text).translate(_UNSAFE)


@dataclass(frozen=True)
class Catalog:
    """All formats, projects and check packages, in the order of recognition. `facts` are the packages that read FileFacts."""

    formats: tuple[Format, ...]
    projects: tuple[Project, ...]
    facts: tuple[str, ...]

    @cached_property
    def _by_first(self) -> tuple[tuple[Format, ...], ...]:
        """For each first byte the formats that may begin with it; the last entry is that of empty content."""
        by_byte = (tuple(f for f in self.formats if not f.first or byte in f.first) for byte in range(256))
        return (*by_byte, tuple(f for f in self.formats if not f.first))

    def recognise(self, head: Head) -> list[Format]:
        """The formats that the content has, in order; what no content says is left to the name."""
        formats = [f for f in self._by_first[head.start[0] if head.start else -1] if f.recognise(head)]
        return formats or [f for f in self.formats if f.suffixes and head.basename.endswith(f.suffixes)]

    def alone(self) -> "Catalog":
        """What is asked of a file that is looked at without its folder."""
        asked = (replace(project, reads=project.alone, within=()) for project in self.projects if project.alone)
        return replace(self, projects=tuple(asked))

    def load_rules(self, formats: Collection[str] | None = None) -> None:
        """Import the check packages of these formats and those that read no one format; by default, all there are."""
        for packages in (self.facts, *(f.checks for f in self.formats if formats is None or f.name in formats)):
            for package in packages:
                _rules(package)
        for project in self.projects if formats is None else ():
            for package in project.checks:
                _rules(package)


_rules = cache(load_checks)


@cache
def _rules_for(view: type, packages: tuple[str, ...]) -> tuple[Rule, ...]:
    """The rules of these packages that read this class of view."""
    return tuple(rule for package in packages for rule in _rules(package) if rule.view is view)


@cache
def _parser(module: str) -> ParseFunction:
    parse: ParseFunction = importlib.import_module(module).parse
    return parse


@dataclass
class _Log:
    """What has been seen of one file so far."""

    path: str
    limits_findings: int
    marks: Marks
    findings: dict[str, Finding] = field(default_factory=dict)
    per_rule: dict[str, int] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    formats: dict[str, None] = field(default_factory=dict)
    checks: set[str] = field(default_factory=set)
    analysed: bool = False
    explained: bool = False
    """Another file of the folder says what the raw values in it are."""

    def add(self, rule: Rule, hit: Hit, member: str) -> None:
        """Turn a hit into a finding; the same thing seen again only counts."""
        where = Where(self.path, clean(member, 500), hit.offset, hit.line, clean(hit.symbol, 300))
        message = clean(hit.message)
        key = fingerprint(rule.id, where, message)
        known = self.findings.get(key)
        if known is not None:
            self.findings[key] = replace(known, count=known.count + 1)
            return
        seen = self.per_rule[rule.id] = self.per_rule.get(rule.id, 0) + 1
        if seen > self.limits_findings:
            if seen == self.limits_findings + 1:
                why = f"more than {self.limits_findings} different findings of {rule.id}; the rest are not listed"
                self.gaps.append(Gap(self.path, why))
            return
        self.findings[key] = Finding(
            rule.id, rule.title, rule.severity, rule.confidence, rule.persona,
            where, message, clean(hit.excerpt), rule.holds, 1, key,
        )  # fmt: skip

    def own(self, rule_id: str, message: str, member: str, offset: int | None = None) -> None:
        """A finding of the runner itself."""
        self.add(RULES[rule_id], Hit(message, offset=offset), member)


def look(blob: Blob, path: str, catalog: Catalog, budget: Budget) -> FileReport:
    """Look at one file's content. `path` is its manifest path. Never raises for what the content is."""
    marks = Marks(blob)
    log = _Log(path, budget.limits.findings, marks)
    _Look(catalog, budget, log).at(blob, "", path, 0)
    found = marks.result()
    held = any(f.holds or f.severity >= Severity.HIGH for f in log.findings.values())
    if found.unexplained and not held:  # never clean, whatever the checks thought of them
        log.own(OPAQUE, f"{found.unexplained:,} bytes are explained by no format", "", found.first)
    return FileReport(
        path, blob.size, None, tuple(log.formats), tuple(sorted(log.checks)),
        tuple(log.findings.values()), tuple(log.gaps), log.analysed, byte_map=found,
    )  # fmt: skip


def look_at_tree(tree: Tree, catalog: Catalog) -> dict[str, FileReport]:
    """Look at what needs several files of a folder at once; a report for each path that something was said about."""
    logs: dict[str, _Log] = {}
    for project in _concerned(catalog.projects, [path.casefold() for path in tree.files]):
        _look_across(tree, project, logs)
    return {path: _across(log, tree.files.get(path)) for path, log in logs.items()}


def _concerned(projects: Collection[Project], names: Collection[str]) -> list[Project]:
    """Those that are asked about every folder, and those with a file here to start from: others are not even imported."""
    ends = tuple(end for project in projects for end in project.reads)
    parts = {part for project in projects for part in project.within}
    ending = [name for name in names if name.endswith(ends)]
    within = [part for part in parts if any(part in name for name in names)]
    return [
        project
        for project in projects
        if not (project.reads or project.within)
        or any(name.endswith(project.reads) for name in ending)
        or any(part in project.within for part in within)
    ]


def _across(log: _Log, file: FileFacts | None) -> FileReport:
    """What was seen of one path; `byte_map` says so where its bytes were explained."""
    found = ByteMap(data=file.size) if file and log.explained else ByteMap()
    findings, gaps = tuple(log.findings.values()), tuple(log.gaps)
    return FileReport(log.path, 0, None, (), tuple(sorted(log.checks)), findings, gaps, byte_map=found)


def merged(report: FileReport, extra: FileReport) -> FileReport:
    """Add what was seen across the files of a folder. Content of no format of its own may have been explained there."""
    explained = extra.byte_map.data == report.size > 0 and not report.formats
    own = (f for f in report.findings if not (explained and f.id == OPAQUE and not f.where.member))
    return replace(
        report,
        checks=tuple(sorted({*report.checks, *extra.checks})),
        findings=(*own, *extra.findings),
        gaps=(*report.gaps, *extra.gaps),
        analysed=report.analysed or bool(extra.checks),
        byte_map=extra.byte_map if explained else report.byte_map,
    )


def _look_across(tree: Tree, project: Project, logs: dict[str, _Log]) -> None:
    """Run one project parser. What goes wrong is said of the last path that it spoke of."""
    place = ""

    def log() -> _Log:
        return logs.setdefault(place, _Log(place, Limits().findings, Marks(Bytes(b""))))

    def views() -> None:
        nonlocal place
        for path, view in importlib.import_module(project.module).views(tree):
            place = path
            if isinstance(view, Values):
                place = view.path
                log().explained = True
            else:
                _take(view, "", project.checks, log())

    _guarded(views, log, "", project.name)


def unseen(path: str, size: int, rule_id: str, message: str) -> FileReport:
    """The report on something whose bytes could not be had."""
    log = _Log(path, 1, Marks(Bytes(b"")))
    log.own(rule_id, message, "")
    unread = ByteMap(unexplained=size, first=0 if size else None)
    return FileReport(path, size, findings=tuple(log.findings.values()), byte_map=unread)


@dataclass(frozen=True, slots=True)
class _Look:
    """One file and all that is nested in it."""

    catalog: Catalog
    budget: Budget
    log: _Log

    def at(self, blob: Blob, member: str, name: str, depth: int) -> None:
        """Find out what a content is, check that, and have it parsed as each of the formats that it has."""
        log = self.log
        formats: list[Format] = []

        def recognise() -> None:
            head = Head(blob, name)
            formats.extend(self.catalog.recognise(head))
            known = bool(formats) or head.is_text
            if not known:
                log.own(OPAQUE, _opaque(head), member)
            if not any(f.module for f in formats):
                log.marks.add(log.marks.data if known else log.marks.unexplained, blob, 0, blob.size)

        _guarded(recognise, lambda: log, member)
        names = tuple(f.name for f in formats)
        log.formats.update(dict.fromkeys(names))
        _check(FileFacts(name, blob.size, names), member, self.catalog.facts, log)
        for found in formats:
            if found.module is not None:
                self._parse(found, blob, member, name, depth)

    def _parse(self, fmt: Format, blob: Blob, member: str, name: str, depth: int) -> None:
        log, marks = self.log, self.log.marks

        def parse() -> None:
            context = Context(self.budget, name.rsplit("/", 1)[-1])
            for item in _parser(str(fmt.module))(blob, context):
                if isinstance(item, Member):
                    inner = f"{member}!{item.name}" if member else item.name
                    self._enter(item, inner, depth)
                elif isinstance(item, Region):
                    marks.add(marks.data if item.data else marks.unexplained, blob, item.offset, item.length)
                else:
                    _take(item, member, fmt.checks, log)

        log.analysed = True
        fault = _guarded(parse, lambda: log, member, fmt.name)
        if fault is not None:
            at = fault.offset or 0 if isinstance(fault, Malformed) else 0
            marks.add(marks.unread, blob, at, blob.size)

    def _enter(self, item: Member, inner: str, depth: int) -> None:
        self.budget.member()
        if depth >= self.budget.limits.depth:
            message = f"containers nested deeper than {self.budget.limits.depth}"
            raise OverBudget(message, step="unpack it with a tool you trust and scan the folder")
        self.at(item.blob, inner, item.name, depth + 1)


def _opaque(head: Head) -> str:
    if not head.size:
        return "empty file"
    return f"unknown binary content, beginning with {head.start[:8].hex(' ')}"


def _take(item: Item, member: str, packages: tuple[str, ...], log: _Log) -> None:
    """A view is checked; what was left out is a finding that holds, or a line of coverage."""
    if not isinstance(item, Skipped):
        _check(item, member, packages, log)
    elif item.holds:
        log.add(RULES[OPAQUE], Hit(f"{item.what}: {item.why}", symbol=item.what), member)
    else:
        log.gaps.append(Gap(_place(log.path, member, item.what), clean(item.why)))


def _check(view: Item, member: str, packages: tuple[str, ...], log: _Log) -> None:
    for rule in _rules_for(type(view), packages):  # type: ignore[arg-type] # a class can be hashed
        log.checks.add(rule.id)
        try:
            for hit in rule.run(view):  # type: ignore[misc] # a rule with a view has a function
                log.add(rule, hit, member)
        except Exception as error:  # noqa: BLE001 - as in _guarded, which costs more than most checks do
            _fault(error, log, member, rule.id)


def _place(path: str, member: str, what: str = "") -> str:
    return clean("!".join(part for part in (path, member, what) if part), 500)


def _guarded(step: Callable[[], None], log: Callable[[], _Log], member: str, what: str = "") -> Exception | None:
    """Run one step. What goes wrong becomes a finding, is returned, and the next step runs."""
    try:
        step()
    except Exception as error:  # noqa: BLE001 - a crash of ours becomes a finding
        _fault(error, log(), member, what)
        return error
    return None


def _fault(error: Exception, log: _Log, member: str, what: str) -> None:
    """What went wrong, as a finding."""
    rule_id, message = _blame(error)
    offset = error.offset if isinstance(error, Malformed) else None
    log.own(rule_id, f"{what}: {message}" if what else message, member, offset)


def _blame(error: Exception) -> tuple[str, str]:
    """The rule that speaks of what went wrong, and its message."""
    if isinstance(error, MemoryError):
        return OVER_BUDGET, "needs more memory than there is"
    for kind, rule_id in (
        (Malformed, MALFORMED),
        (OverBudget, OVER_BUDGET),
        (Unreadable, UNREADABLE),
        (Opaque, OPAQUE),
    ):
        if isinstance(error, kind):
            return rule_id, error.message
    return CRASHED, f"{type(error).__name__}: {error} ({_place_of(error)})"


def _place_of(error: Exception) -> str:
    """Where it was raised, so that a report of ours can be acted on."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return f"{at.tb_frame.f_code.co_qualname}, line {at.tb_lineno}" if at is not None else "unknown place"
