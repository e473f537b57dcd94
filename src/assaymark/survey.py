"""Finds what is below the paths of a scan and looks at each file, in this process or in several."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from assaymark.catalog import catalog, checkset
from assaymark.core.budget import Budget, Limits, Spool
from assaymark.core.errors import OverBudget, Unreadable, UsageError
from assaymark.core.format import FileFacts
from assaymark.core.look import CRASHED, UNREADABLE, look, unseen
from assaymark.core.scan import FileReport, Gap, Root, file_from_json, file_to_json
from assaymark.storage.cache import ResultCache
from assaymark.storage.files import Entry, Excluder, open_blob, printable, walk

Progress = Callable[[int, int, int, int], None]
"""Files done, files in all, bytes done, bytes in all."""

_POOL_FROM_BYTES = 64 << 20
_POOL_FROM_FILES = 3_000
_ALONE_FOR = 0.1
_POOL_FROM_SECONDS = 0.3
_BATCH_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Options:
    """How to look. `seconds` is the limit for one file; `cache` a folder, or None for none."""

    digest: bool = True
    seconds: float = 600.0
    cache: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A file to look at, or a path that cannot be; `path` is its name in the report."""

    path: str
    entry: Entry


def find(
    paths: Sequence[str], exclude: Sequence[str], *, follow_links: bool
) -> tuple[list[Root], list[Found], list[Gap]]:
    """The roots, every path below them, and what was left out."""
    if not paths:
        raise UsageError("no path was given", step="assay scan PATH")
    roots: list[Root] = []
    found: list[Found] = []
    excluded: list[Gap] = []
    labels = _labels(paths)
    for path, label in zip(paths, labels, strict=True):
        folder = os.path.isdir(path)
        prefix = label if len(paths) > 1 else ""
        roots.append(Root(path, prefix, folder, None))
        if not folder:
            found.append(Found(label, _single(path, label)))
            continue
        excluder = Excluder(tuple(exclude), git=True)
        lead = f"{prefix}/" if prefix else ""
        found.extend(
            Found(lead + entry.path, entry) for entry in walk(path, follow_links=follow_links, excluded=excluder)
        )
        excluded.extend(Gap(lead + left, why) for left, why in excluder.left_out)
    return roots, found, excluded


def _labels(paths: Sequence[str]) -> list[str]:
    """How each path is called in the report: its base name, all behind their numbers where two have the same."""
    for path in paths:
        if not os.path.lexists(path):
            raise UsageError(f"{path}: no such file or folder")
    names = [name_of(path) for path in paths]
    if len({name.casefold() for name in names}) == len(names):
        return names
    return [f"{number}/{name}" for number, name in enumerate(names, 1)]


def name_of(path: str) -> str:
    """The last part of a path as the user named it; of `.` and the like, of what it stands for."""
    name = os.path.basename(os.path.normpath(path))
    if name in {"", ".", ".."}:
        name = os.path.basename(os.path.realpath(path))
    return printable(name) or "root"


def _single(path: str, name: str) -> Entry:
    """A path that the user named is followed when it is a link."""
    try:
        size = os.stat(path).st_size
    except OSError as error:
        return Entry(name, path, 0, f"cannot be read: {error.strerror}")
    return Entry(name, os.path.realpath(path), size)


def look_at_all(
    found: Sequence[Found], options: Options, jobs: int | None, progress: Progress | None
) -> list[FileReport]:
    """A report for each path, in the same order."""
    costs = [item.entry.size for item in found]
    total = sum(costs)
    count = jobs or _cores()
    done_bytes = 0
    reports: list[FileReport | None] = [None] * len(found)
    pooled = count > 1 and len(found) > 1 and (total >= _POOL_FROM_BYTES or len(found) >= _POOL_FROM_FILES)
    results = _pooled(found, costs, options, count) if pooled else _one_by_one(found, costs, options, count)
    for done, (index, report) in enumerate(results, 1):
        reports[index] = report
        done_bytes += costs[index]
        if progress is not None:
            progress(done, len(found), done_bytes, total)
    return [report for report in reports if report is not None]


def _one_by_one(
    found: Sequence[Found], costs: Sequence[int], options: Options, jobs: int
) -> Iterator[tuple[int, FileReport]]:
    """In this process, until the rest is seen to be long work: that is pooled. Workers inherit what was imported."""
    began = time.monotonic()
    for index, item in enumerate(found):
        yield index, look_at_path(item, options)
        done = index + 1
        spent = time.monotonic() - began
        if jobs > 1 and spent > _ALONE_FOR and spent / done * (len(found) - done) > _POOL_FROM_SECONDS:
            for later, report in _pooled(found[done:], costs[done:], options, jobs):
                yield done + later, report
            return


def _pooled(
    found: Sequence[Found], costs: Sequence[int], options: Options, jobs: int
) -> Iterator[tuple[int, FileReport]]:
    from assaymark.jobs import pool

    checkset()  # computed once, before the workers are made
    tasks = [
        [
            i.path,
            i.entry.real,
            i.entry.size,
            i.entry.problem,
            options.digest,
            options.seconds,
            options.cache,
        ]
        for i in found
    ]
    patience = options.seconds * 1.5 + 30
    for index, result in pool.run(_work, tasks, costs, jobs=jobs, batch_cost=_BATCH_BYTES, patience=patience):
        if result is None:
            lost = "the process that looked at it died or never answered; it may be made to do that"
            yield index, unseen(found[index].path, costs[index], CRASHED, lost)
        else:
            yield index, file_from_json(result)


def _work(task: list[object]) -> dict[str, object]:
    """One task of the pool: JSON in, JSON out."""
    path, real, size, problem, digest, seconds, cache = task
    entry = Entry(str(path), str(real), int(str(size)), str(problem))
    options = Options(bool(digest), float(str(seconds)), None if cache is None else str(cache))
    return file_to_json(look_at_path(Found(str(path), entry), options))


def look_at_path(item: Found, options: Options) -> FileReport:
    """Open, look, hash: one read of each byte. Whatever goes wrong is in the report."""
    entry = item.entry
    if entry.problem:
        return unseen(item.path, entry.size, UNREADABLE, entry.problem)
    try:
        with open_blob(entry.real, digest=options.digest) as blob:
            store = ResultCache(options.cache, checkset()) if options.cache else None
            if store and store.may_hold(blob.size):
                hit = store.get(blob.size, str(blob.sha256()), item.path)
                if hit is not None:
                    return hit
            budget = Budget(Limits(seconds=options.seconds), monotonic=time.monotonic, spool=_spool)
            report = replace(look(blob, item.path, catalog(), budget), sha256=blob.sha256())
            if store:
                store.put(report)
    except Unreadable as error:
        return unseen(item.path, entry.size, UNREADABLE, error.message)
    return report


def _spool() -> Spool:
    from assaymark.storage.spool import FileSpool

    return FileSpool()


class FolderTree:
    """core.format.Tree over a folder that was walked."""

    def __init__(self, reports: Mapping[str, FileReport], entries: Mapping[str, Entry]) -> None:
        self.files = {path: FileFacts(path, report.size, report.formats) for path, report in reports.items()}
        self._entries = entries

    def read(self, path: str, limit: int) -> bytes:
        """See core.format.Tree."""
        entry = self._entries[path]
        with open_blob(entry.real, digest=False) as blob:
            if blob.size > limit:
                raise OverBudget(f"{path} is {blob.size:,} bytes long, more than the {limit:,} that are looked at")
            return blob.read(0, limit)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
