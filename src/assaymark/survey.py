"""Finds what is below the paths of a scan and looks at each file, in this process or in several."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Protocol

from assaymark.catalog import catalog, checkset
from assaymark.core.blob import Blob
from assaymark.core.budget import Budget, Limits, Spool
from assaymark.core.errors import OverBudget, Unreadable, UsageError
from assaymark.core.format import FileFacts
from assaymark.core.look import CRASHED, UNREADABLE, look, unseen
from assaymark.core.record import dataclass
from assaymark.core.remote import Remote, RemoteSource, Shelf
from assaymark.core.scan import Fetched, FileReport, Gap, Root, file_from_json, file_to_json
from assaymark.core.witness import Witness
from assaymark.storage.cache import ResultCache
from assaymark.storage.files import Entry, Excluder, open_blob, printable, walk

Progress = Callable[[int, int, int, int], None]
"""Files done, files in all, bytes done, bytes in all; of remote files the bytes fetched, and 0 in all."""

_POOL_FROM_BYTES = 64 << 20
_POOL_FROM_FILES = 3_000
_ALONE_FOR = 0.1
_POOL_FROM_SECONDS = 0.3
_BATCH_BYTES = 8 << 20
_CALLS_AT_ONCE = 8
_PULSE = 0.25


@dataclass(frozen=True, slots=True)
class Options:
    """How to look. `seconds` is the limit for one file; `cache` a folder, or None for none.

    `full`: remote files are fetched whole and hashed; without it only what is looked at is fetched.
    """

    digest: bool = True
    seconds: float = 600.0
    cache: str | None = None
    full: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A file to look at, or a path that cannot be; `path` is its name in the report."""

    path: str
    entry: Entry
    remote: Remote | None = None
    """Of a file on another machine."""


def find(
    paths: Sequence[str], exclude: Sequence[str], *, follow_links: bool
) -> tuple[list[Root], list[Found], list[Gap]]:
    """The roots, every path below them, and what was left out."""
    if not paths:
        raise UsageError("no path was given", step="assay scan PATH")
    roots: list[Root] = []
    found: list[Found] = []
    excluded: list[Gap] = []
    sources = _connected(paths)
    labels = _labels(paths, sources)
    for path, label in zip(paths, labels, strict=True):
        folder = os.path.isdir(path)
        prefix = label if len(paths) > 1 else ""
        if path in sources:
            try:
                root, files, left_out = _behind(sources[path], label, prefix, exclude)
            except BaseException:
                for source in sources.values():
                    source.close()
                raise
            roots.append(root)
            found.extend(files)
            excluded.extend(left_out)
            continue
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


def _connected(paths: Sequence[str]) -> dict[str, RemoteSource]:
    """The sources of those paths that are references to other machines."""
    remote = [path for path in paths if "://" in path and not os.path.lexists(path)]
    if not remote:
        return {}
    from assaymark.feeds import connect

    return {path: connect(path) for path in remote}


def _behind(
    source: RemoteSource, label: str, prefix: str, exclude: Sequence[str]
) -> tuple[Root, list[Found], list[Gap]]:
    """What is behind a reference. It is resolved here, once; all that is read later is of what it then stood for."""
    root = Root(source.given, prefix, is_folder=True, subject=None, source=source.resolve())
    files = source.files()
    root = replace(root, is_folder=source.is_folder)
    lead = f"{prefix}/" if prefix else ""
    excluder = Excluder(tuple(exclude), git=False)
    shelf = Shelf()
    found: list[Found] = []
    for file in files:
        parts = file.path.split("/")
        if source.is_folder and any(excluder("/".join(parts[:end]), "") for end in range(1, len(parts) + 1)):
            continue
        name = lead + printable(file.path) if source.is_folder else label
        found.append(Found(name, Entry(name, file.path, file.size, file.problem), Remote(source, file, shelf)))
    return root, found, [Gap(lead + left, why) for left, why in dict.fromkeys(excluder.left_out)]


def hang_up(found: Sequence[Found]) -> None:
    """Close all connections to other machines."""
    for item in found:
        if item.remote is not None:
            item.remote.source.close()


def _labels(paths: Sequence[str], sources: Mapping[str, RemoteSource]) -> list[str]:
    """How each path is called in the report: its base name, all behind their numbers where two have the same."""
    for path in paths:
        if path not in sources and not os.path.lexists(path):
            raise UsageError(f"{path}: no such file or folder")
    names = [printable(sources[path].name) if path in sources else name_of(path) for path in paths]
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
    """A report for each path, in the same order. Leaves no process behind."""
    try:
        return _look_at_all(found, options, jobs, progress)
    finally:
        if "assaymark.sandbox.witness" in sys.modules:
            from assaymark.sandbox.witness import dismiss

            dismiss()


def _look_at_all(
    found: Sequence[Found], options: Options, jobs: int | None, progress: Progress | None
) -> list[FileReport]:
    if any(item.remote for item in found):
        return _look_in_threads(found, options, jobs or _CALLS_AT_ONCE, progress)
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


def _look_in_threads(
    found: Sequence[Found], options: Options, jobs: int, progress: Progress | None
) -> list[FileReport]:
    """The same where some of it is on other machines: what takes time is the wait for them."""
    from assaymark.jobs import threads

    reports: list[FileReport | None] = [None] * len(found)
    done = 0
    for answer in threads.run(lambda i: look_at_path(found[i], options), len(found), jobs=jobs, pulse=_PULSE):
        if answer is not None:
            done += 1
            reports[answer[0]] = answer[1]
        if progress is not None:
            progress(done, len(found), sum(i.remote.traffic.bytes for i in found if i.remote), 0)
    return [report for report in reports if report is not None]


def _one_by_one(
    found: Sequence[Found], costs: Sequence[int], options: Options, jobs: int
) -> Iterator[tuple[int, FileReport]]:
    """In this process, until the rest is seen to be long work: that is pooled. Workers inherit what was imported."""
    began = 0.0
    for index, item in enumerate(found):
        yield index, look_at_path(item, options)
        if not index:  # the first pays for what is imported and for the witness
            began = time.monotonic()
            continue
        done = index + 1
        spent = time.monotonic() - began
        if jobs > 1 and spent > _ALONE_FOR and spent / index * (len(found) - done) > _POOL_FROM_SECONDS:
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
        with open_item(item, digest=options.digest, full=options.full) as blob:
            store = ResultCache(options.cache, checkset()) if options.cache and not item.remote else None
            if store and store.may_hold(blob.size):
                hit = store.get(blob.size, str(blob.sha256()), item.path)
                if hit is not None:
                    return hit
            budget = Budget(Limits(seconds=options.seconds), monotonic=time.monotonic, spool=_spool, witness=_witness)
            report = replace(look(blob, item.path, catalog(), budget), sha256=blob.sha256())
            if store:
                store.put(report)
    except Unreadable as error:
        report = unseen(item.path, entry.size, UNREADABLE, error.message)
    if item.remote is not None:
        traffic, declared = item.remote.traffic, item.remote.file.sha256
        verified = declared is not None and report.sha256 == declared
        report = replace(report, fetched=Fetched(traffic.bytes, traffic.requests, declared, verified))
    return report


class Opened(Blob, Protocol):
    """A blob that may know the digest of all of it."""

    def sha256(self) -> str | None:
        """Digest of the whole content, or None when it was not asked for."""
        ...


def open_item(item: Found, *, digest: bool, full: bool = False) -> AbstractContextManager[Opened]:
    """The content of what was found; of a remote file everything is fetched and verified where `full` asks for it."""
    if item.remote is None:
        return open_blob(item.entry.real, digest=digest)
    from assaymark.feeds.blob import open_remote

    return open_remote(item.remote, _spool, full=full)


def _witness() -> Witness:
    """CPython's unpickler in a process of its own, made at the first pickle."""
    from assaymark.sandbox.witness import witness

    return witness()


def _spool() -> Spool:
    from assaymark.storage.spool import FileSpool

    return FileSpool()


class FolderTree:
    """core.format.Tree over a folder that was walked."""

    def __init__(self, reports: Mapping[str, FileReport], found: Mapping[str, Found]) -> None:
        self.files = {path: FileFacts(path, report.size, report.formats) for path, report in reports.items()}
        self._found = found

    def read(self, path: str, limit: int) -> bytes:
        """See core.format.Tree."""
        with open_item(self._found[path], digest=False) as blob:
            if blob.size > limit:
                raise OverBudget(f"{path} is {blob.size:,} bytes long, more than the {limit:,} that are looked at")
            return blob.read(0, limit)

    def start(self, path: str, length: int) -> bytes:
        """See core.format.Tree."""
        with open_item(self._found[path], digest=False) as blob:
            return blob.read(0, length)

    def open(self, path: str) -> AbstractContextManager[Blob]:
        """See core.format.Tree."""
        return open_item(self._found[path], digest=False)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
