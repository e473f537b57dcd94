"""`assay model origin` on disk: files, bases, snapshots and advisories are brought together; the verdict is a scan's.

The evidence is of a type of its own, so that a policy can ask for it and a scan never stands in for it.
"""

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from assaymark.app import agree, conclude, rules_of, with_projects
from assaymark.app import render as render_scan
from assaymark.core.blob import Blob
from assaymark.core.budget import Budget, Limits
from assaymark.core.clock import Clock, SystemClock, timestamp
from assaymark.core.errors import AssayError, Malformed, OverBudget, Unreadable, UsageError
from assaymark.core.evidence import ORIGIN
from assaymark.core.finding import Severity
from assaymark.core.format import FileFacts, Project
from assaymark.core.look import UNREADABLE, Catalog, unseen
from assaymark.core.manifest import Manifest, ManifestFile
from assaymark.core.scan import FileReport, Root, ScanReport
from assaymark.core.snapshot import Snapshot
from assaymark.model.origin import asked, examine, history, incidents, record, written
from assaymark.model.origin.base import Kinship, compare
from assaymark.model.origin.model import Model
from assaymark.model.origin.session import saying
from assaymark.model.origin.stock import kind_of
from assaymark.storage import keys, output
from assaymark.storage.spool import FileSpool
from assaymark.survey import Found, Progress, find, hang_up, name_of, open_item

FORMATS = ("text", "json", "markdown", "html", "sarif", "junit")
_CATALOG = Catalog((), (Project("origin", "assaymark.model.origin.session", ("assaymark.model.checks.origin",)),), ())
_THREADS = 4
_HELD = 4000
"""Files that are open at once."""
_SNAPSHOTS = 1000
_CACHED = re.compile(r"models--([^/]+?)--([^/]+)/snapshots/([0-9a-f]{40})$")


@dataclass(frozen=True)
class Origin:
    """The report of the scan with its verdict, and the document of the claims."""

    report: ScanReport
    document: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The json report, `assaymark/origin/v1`."""
        from assaymark.report.json import to_dict

        scan = to_dict(self.report, rules_of(self.report))
        return {**self.document, "verdict": scan["verdict"], "scan": scan}


class _Tree:
    """core.format.Tree over files that stay open as long as the run."""

    def __init__(self, found: Mapping[str, Found], stack: ExitStack, *, digest: bool, full: bool) -> None:
        self.files = {
            path: FileFacts(path, item.entry.size, ()) for path, item in found.items() if not item.entry.problem
        }
        self._found, self._stack, self._digest, self._full = found, stack, digest, full
        self._open: dict[str, Any] = {}

    def open(self, path: str) -> AbstractContextManager[Blob]:
        """See core.format.Tree."""
        if path not in self._open:
            if len(self._open) >= _HELD:
                raise OverBudget(f"more than {_HELD:,} files at once")
            local = self._found[path].remote is None
            blob = open_item(self._found[path], digest=self._digest and (local or self._full), full=self._full)
            self._open[path] = self._stack.enter_context(blob)
        return nullcontext(self._open[path])

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

    def digests(self, progress: Progress | None) -> tuple[dict[str, str], dict[str, str]]:
        """sha256 by path, and why there is none for the others. Threads read, since hashing lets go of the interpreter."""
        done: dict[str, str] = {}
        failed: dict[str, str] = {}
        total = sum(item.entry.size for item in self._found.values())

        def take(path: str) -> tuple[str, str | None, str]:
            try:
                with self.open(path) as blob:
                    return path, blob.sha256(), ""  # type: ignore[attr-defined] # survey.Opened
            except AssayError as error:
                return path, None, error.message

        with ThreadPoolExecutor(_THREADS) as pool:
            for path, digest, fault in pool.map(take, self.files):
                if digest:
                    done[path] = digest
                elif fault:
                    failed[path] = fault
                if progress is not None:
                    seen = sum(self._found[name].entry.size for name in (*done, *failed))
                    progress(len(done) + len(failed), len(self.files), seen, total)
        return done, failed


def verify(  # noqa: PLR0913 - the options of the command
    path: str,
    *,
    base: str | None = None,
    claims: str | None = None,
    snapshots: Sequence[str] = (),
    advisories: Sequence[str] = (),
    expected: Sequence[str] = (),
    fail_on: str | None = None,
    exclude: Sequence[str] = (),
    config: str | None = None,
    follow_links: bool = False,
    full: bool = False,
    seconds: float = 86_400.0,
    progress: Progress | None = None,
    clock: Clock | None = None,
) -> Origin:
    """Hold everything that is said of a model against its bytes, its base, its past and the records that are given.

    `expected`: names that the user means; those that look alike are told. `seconds`: limit for all that is read. Raises
    UsageError where the request makes no sense, Malformed for claims, snapshots and advisories that are none.
    """
    terms = agree(fail_on, None, config, None, clock)
    asks = asked.read_claims(_read(claims, asked.LIMIT), claims) if claims else {}
    seen = _snapshots(snapshots)
    records = [one for place in advisories for one in _advisories(place)]
    roots, found, excluded = find([path], (*exclude, *terms.settings.exclude), follow_links=follow_links)
    budget = _budgets(seconds)
    with ExitStack() as stack:
        stack.callback(hang_up, found)
        files = {item.path: item for item in found}
        tree = _Tree(files, stack, digest=True, full=full)
        digests, failed = tree.digests(progress)
        name, revision = _identity(roots[0], path)
        model = Model(tree, name, digests, budget, _manifest(roots[0], found, digests), _etags(found))
        kin, other, named = _kin(model, base, stack, budget, digest=bool(records))
        told = examine.examine(
            model, revision=revision, kin=kin, base=other, base_name=named, asked=asks, asked_in=claims or "",
            snapshots=_of(name, seen), advisories=records, expected=expected,
        )  # fmt: skip
        reports = [_report(item, digests, failed, model) for item in found]
        with saying(told.views):
            reports = with_projects(reports, found, roots, _CATALOG)
    report = conclude(terms, roots, reports, excluded)
    subject = report.roots[0].subject
    document = {
        "at": report.at,
        "subject": {"name": name, "revision": revision, "digest": str(subject.digest) if subject else None},
    }
    return Origin(report, {"schema": examine.SCHEMA, **document, **told.document})


def render(origin: Origin, form: str, *, verbose: bool = False) -> str:
    """`text`, `json`, `markdown`; `html`, `sarif` and `junit` have the findings."""
    if form == "json":
        return json.dumps(origin.to_json(), indent=2) + "\n"
    if form == "text":
        return written.text(origin.document, verbose=verbose) + render_scan(
            origin.report, "text", verbose=verbose, color=False
        )
    if form == "markdown":
        return written.markdown(origin.document) + render_scan(origin.report, "markdown")
    if form not in FORMATS:
        raise UsageError(f"{form!r} is no format", step=f"formats are {', '.join(FORMATS)}")
    return render_scan(origin.report, form)


def write(origin: Origin, form: str, path: str) -> None:
    """Render to a file, whole or not at all; raises UsageError."""
    output.write(path, render(origin, form))


def write_evidence(origin: Origin, key: keys.PrivateKey, path: str) -> None:
    """Sign what was found: a test result of our type about the manifest's digest. Raises UsageError where there is no digest."""
    from assaymark.signing import write_evidence as sign

    statement = origin.report.statement
    if statement is not None:
        kept = {key: value for key, value in origin.document.items() if key in examine.SIGNED}
        predicate = {**statement.predicate, "origin": kept}
        statement = replace(statement, predicate_type=ORIGIN, predicate=predicate)
    sign(replace(origin.report, statement=statement), key, path)


def take_snapshot(url: str, clock: Clock | None = None) -> Snapshot:
    """What the hub says of a model now. The only step that dials out."""
    from assaymark.feeds.hub_record import answers

    of, found = answers(url)
    return Snapshot(record.KIND, of, timestamp((clock or SystemClock()).now()), record.content(found))


def write_snapshot(snapshot: Snapshot, path: str) -> None:
    """As a document, whole or not at all."""
    output.write(path, json.dumps(record.to_json(snapshot), indent=2, sort_keys=True) + "\n")


def compare_snapshots(old: str, new: str) -> dict[str, Any]:
    """The document of what changed, worst first; raises UsageError where the two are of different things."""
    before, after = (record.read_snapshot(_read(path, record.LIMIT), path) for path in (old, new))
    try:
        found = history.shifts(before, after)
    except ValueError as error:
        raise UsageError(str(error), step="give two snapshots of one repository") from None
    return {
        "schema": "assaymark/origin-diff/v1", "of": after.of,
        "from": {"at": before.at, "digest": str(before.digest)}, "to": {"at": after.at, "digest": str(after.digest)},
        "findings": [shift.to_json() for shift in found],
        "changes": [written.change_to_json(change) for change in history.changes(before, after)],
    }  # fmt: skip


def diff_text(document: Mapping[str, Any]) -> str:
    """The document of `compare_snapshots` for people."""
    return written.diff_text(document)


def denies(findings: Sequence[Mapping[str, Any]], fail_on: str | None) -> bool:
    """Whether one of a diff's findings is at the threshold or above."""
    word = (fail_on or "high").upper()
    if word not in Severity.__members__:
        raise UsageError(f"{fail_on!r} is no severity", step="info, low, medium, high or critical")
    return any(Severity[str(finding["severity"]).upper()] >= Severity[word] for finding in findings)


def _kin(
    model: Model, base: str | None, stack: ExitStack, budget: Callable[[], Budget], *, digest: bool
) -> tuple[Kinship | None, Model | None, str]:
    """The comparison with the base; raises UsageError where that has no tensors."""
    if base is None:
        return None, None, ""
    roots, found, _ = find([base], (), follow_links=True)
    stack.callback(hang_up, found)
    tree = _Tree({item.path: item for item in found}, stack, digest=digest, full=False)
    name, _revision = _identity(roots[0], base)
    other = Model(tree, name, tree.digests(None)[0] if digest else {}, budget)
    if not any(one.tensors for one in other.main):
        why = next((f": {path}: {fault}" for one in other.sets for path, fault in one.unread), "")
        raise UsageError(f"the base {base} has no tensors that can be read{why}", step="give its folder or its weights")
    return compare(model.main, other.main, name, budget()), other, name if "/" in name else ""


def _identity(root: Root, path: str) -> tuple[str, str]:
    """`org/name` and commit where they are known: of a hub's repository, or of its client's cache; else the folder's name."""
    if root.source is not None and root.source.url.startswith("hf://"):
        return root.source.url.removeprefix("hf://").partition("@")[0], root.source.value
    match = _CACHED.search(os.path.realpath(path).replace(os.sep, "/"))
    if match:
        return f"{match[1]}/{match[2]}", match[3]
    return name_of(path) if root.source is None else root.given, ""


def _etags(found: Sequence[Found]) -> dict[str, str]:
    """Of files that are links into `blobs/` of the hub client's cache, the names that they have there."""
    places = ((item.path, item.entry.real.replace(os.sep, "/").split("/")) for item in found if item.remote is None)
    return {
        path: parts[-1]
        for path, parts in places
        if len(parts) > 2 and parts[-2] == "blobs" and path.rsplit("/", 1)[-1] != parts[-1]
    }


def _manifest(root: Root, found: Sequence[Found], digests: Mapping[str, str]) -> str:
    """The digest of a folder, or an empty text where a byte or a name cannot be bound."""
    if not root.is_folder or any(item.path not in digests for item in found):
        return ""
    try:
        return str(Manifest.of(ManifestFile(item.path, item.entry.size, digests[item.path]) for item in found).digest)
    except Malformed:
        return ""


def _report(item: Found, digests: Mapping[str, str], failed: Mapping[str, str], model: Model) -> FileReport:
    why = item.entry.problem or failed.get(item.path, "")
    if why:
        return unseen(item.path, item.entry.size, UNREADABLE, why)
    read = {path for one in model.sets if one.tensors for path in one.files}
    kind = kind_of(item.path)
    return FileReport(
        item.path, item.entry.size, digests.get(item.path), (kind,) if kind else (), analysed=item.path in read
    )


def _of(name: str, every: Sequence[Snapshot]) -> list[Snapshot]:
    """Those of the model's own repository; where its name says none, all, which then have to be of one. Raises UsageError."""
    mine = [
        one
        for one in every
        if name.lower() in {one.content["id"].lower(), one.of.removeprefix("hf://").partition("@")[0].lower()}
    ]
    chosen = mine or list(every)
    for old, new in pairwise(chosen):
        try:
            history.shifts(old, new)
        except ValueError as error:
            raise UsageError(str(error), step="give the snapshots of several repositories one at a time") from None
    return chosen


def _snapshots(places: Sequence[str]) -> list[Snapshot]:
    paths = [path for place in places for path in _jsons(place, (".json",))]
    if len(paths) > _SNAPSHOTS:
        raise UsageError(f"{len(paths):,} snapshots, at most {_SNAPSHOTS:,} are read", step="name the ones that matter")
    return sorted((record.read_snapshot(_read(path, record.LIMIT), path) for path in paths), key=lambda one: one.at)


def _advisories(place: str) -> Iterator[incidents.Advisory]:
    for path in _jsons(place, (".json", ".jsonl")):
        yield from incidents.read_advisories(_read(path, 64 << 20), path)


def _jsons(place: str, ends: tuple[str, ...]) -> list[str]:
    """A file, or those below a folder."""
    if not os.path.isdir(place):
        return [place]
    found = [os.path.join(top, name) for top, _, names in os.walk(place) for name in names if name.endswith(ends)]
    if not found:
        raise UsageError(f"{place} has no {' or '.join(ends)} file")
    return sorted(found)


def _read(path: str, limit: int) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    if len(data) > limit:
        raise Unreadable(f"{path} has more than the {limit:,} bytes that are read")
    return data


def _budgets(seconds: float) -> Callable[[], Budget]:
    """Budgets that all end at the same moment."""
    until = time.monotonic() + seconds
    return lambda: Budget(Limits(seconds=max(0.0, until - time.monotonic())), monotonic=time.monotonic, spool=FileSpool)
