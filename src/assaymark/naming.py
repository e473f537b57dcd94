"""`assay deps names` and `assay deps monitor` on disk: lists, their index in the home, files, indexes, snapshots."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assaymark.app import kept_names
from assaymark.core.clock import Clock, SystemClock, timestamp
from assaymark.core.errors import AssayError, Malformed, OverBudget, Unreadable, UsageError
from assaymark.core.snapshot import Snapshot
from assaymark.library.confusion import lists
from assaymark.library.confusion.index import Index, build
from assaymark.library.confusion.internal import Internal, Named
from assaymark.library.confusion.judge import Suspicion, judge
from assaymark.library.confusion.reading import names_in, names_libraries
from assaymark.settings import home as home_folder
from assaymark.storage import output

if TYPE_CHECKING:
    from assaymark.library.maintainers.history import Shift

SCHEMA = "assaymark/names-report/v1"
_FILE_LIMIT = 64 << 20
_MOST_FILES = 2_000
_MOST_MEMBERS, _MOST_EXPANDED = 50_000, 2 << 30
_VENDORED = frozenset({"node_modules", "site-packages", ".venv", "venv", ".git", ".tox", "__pycache__"})


@dataclass(frozen=True, slots=True)
class Checked:
    """What was said of every name. `unread`: (file, why) of what could not be looked at."""

    names: tuple[Named, ...]
    found: tuple[tuple[Named, Suspicion], ...]
    unread: tuple[tuple[str, str], ...]
    popular: str
    """Digest of the list; empty: there was none."""
    listed: int


def load_popular(path: str | None, home: str | None = None, *, keep: bool = True) -> Index | None:
    """The index of a list, made once and kept in the home under the list's digest; without a path the one last kept.

    Raises UsageError for a file that cannot be read, Malformed for what is no list.
    """
    folder = os.path.join(home_folder(home), "names")
    if path is None:
        return kept_names(folder)
    data = _read(path, lists.LIMIT)
    kept = os.path.join(folder, f"{hashlib.sha256(data).hexdigest()}.idx")
    index = _opened(kept)
    if index is None:
        block = build(lists.read(data, path))
        index = Index(block)
        if keep:
            _write(kept, block)
    if keep:
        _write(os.path.join(folder, "latest"), os.path.basename(kept).encode())
    return index


def _opened(path: str) -> Index | None:
    try:
        with open(path, "rb") as file:
            return Index(file.read())
    except (OSError, Malformed):
        return None


def _write(path: str, data: bytes) -> None:
    """Whole or not at all; a home that cannot be written only costs the time to build again."""
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".names-")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError:
        return


def check(
    given: Iterable[str],
    popular: Index | None,
    internal: Sequence[str] = (),
    index_url: str | None = None,
) -> Checked:
    """Judge names, and those in files and folders. `index_url`: a public index that is asked about internal names."""
    own = Internal(internal)
    names: list[Named] = []
    unread: list[tuple[str, str]] = []
    for one in given:
        names += _named(one, unread) if os.path.exists(one) or os.sep in one else [Named(one)]
    names += [Named(name) for name in own.names if index_url and name not in {one.name for one in names}]
    exists = _asker(index_url)
    found: list[tuple[Named, Suspicion]] = []
    known: dict[str, Suspicion | None] = {}
    for named in names:
        mine = own.has(named.name)
        found += ((named, one) for one in own.judge(named, popular, public=exists(named.name) if mine else None))
        if popular is not None and not mine:
            if named.name not in known:
                known[named.name] = judge(named.name, popular)
            suspicion = known[named.name]
            if suspicion is not None:
                found.append((named, suspicion))
    found.sort(key=lambda pair: (-pair[1].severity, pair[1].rank or 0, pair[0].path, pair[0].line, pair[0].name))
    listed = len(popular.names) if popular else 0
    return Checked(tuple(names), tuple(found), tuple(unread), popular.digest if popular else "", listed)


def _asker(url: str | None) -> Callable[[str], bool | None]:
    if url is None:
        return lambda _: None
    from assaymark.feeds.pypi import Projects

    return Projects(url).exists


def report(checked: Checked) -> dict[str, Any]:
    """The document (docs/schemas/names-report-v1.schema.json)."""
    return {
        "schema": SCHEMA,
        "popular": {"digest": f"sha256:{checked.popular}" if checked.popular else None, "names": checked.listed},
        "checked": len(checked.names),
        "findings": [
            {
                "code": one.code, "severity": one.severity.word, "flagged": one.flagged, "name": one.name,
                "target": one.target, "rank": one.rank, "reason": one.reason, "path": named.path, "line": named.line,
            }
            for named, one in checked.found
        ],
        "unread": [{"path": path, "why": why} for path, why in checked.unread],
    }  # fmt: skip


def _named(path: str, unread: list[tuple[str, str]]) -> Iterator[Named]:
    """The names in a file, or in those below a folder that name libraries."""
    if not os.path.isdir(path):
        yield from _in_file(path, unread)
        return
    count = 0
    for top, folders, files in os.walk(path):
        folders[:] = sorted(set(folders) - _VENDORED)
        for name in sorted(files):
            if not names_libraries(name):
                continue
            count += 1
            if count > _MOST_FILES:
                unread.append((path, f"more than {_MOST_FILES:,} files"))
                return
            yield from _in_file(os.path.join(top, name), unread)


def _in_file(path: str, unread: list[tuple[str, str]]) -> list[Named]:
    try:
        return list(names_in(_read(path, _FILE_LIMIT), path))
    except AssayError as error:
        unread.append((path, error.message))
        return []


def _read(path: str, limit: int) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    if len(data) > limit:
        raise Unreadable(f"{path} has more than the {limit:,} bytes that are read")
    return data


# the release monitor


def take_snapshot(names: Sequence[str], index_url: str, clock: Clock | None = None) -> Snapshot:
    """What an index says of projects now. The only step that dials out."""
    from assaymark.feeds.pypi import Projects
    from assaymark.library.maintainers import record

    with Projects(index_url) as projects:
        content = record.content({name: projects.answers(name) for name in names})
        return Snapshot(record.KIND, projects.shown, timestamp((clock or SystemClock()).now()), content)


def write_snapshot(snapshot: Snapshot, path: str) -> None:
    """As a document, whole or not at all."""
    from assaymark.library.maintainers import record

    output.write(path, json.dumps(record.to_json(snapshot), indent=2, sort_keys=True) + "\n")


def compare_snapshots(
    old: str, new: str, popular: Index | None = None, tags: str | None = None, archives: str | None = None
) -> Mapping[str, Any]:
    """The document of what changed, worst first.

    `tags`: a file of a repository's tags, one a line. `archives`: a folder with wheels and source archives of releases.
    """
    from assaymark.library.maintainers import history, record

    before, after = (record.read_snapshot(_read(path, record.LIMIT), path) for path in (old, new))
    listed = None
    if tags is not None:
        listed = frozenset(line.strip() for line in _read(tags, 16 << 20).decode("utf-8", "replace").split("\n"))
    similar = None if popular is None else lambda name: judge(name, popular)
    try:
        found = history.shifts(before, after, similar, listed)
    except ValueError as error:
        raise UsageError(str(error), step="give two snapshots of one index") from None
    if archives is not None:
        found = tuple(sorted((*found, *_archives(archives)), key=lambda one: (-one.severity, one.project, one.code)))
    return {
        "schema": "assaymark/release-diff/v1",
        "of": after.of,
        "from": {"at": before.at, "digest": str(before.digest)},
        "to": {"at": after.at, "digest": str(after.digest)},
        "findings": [shift.to_json() for shift in found],
    }


def _archives(folder: str) -> Iterator["Shift"]:
    """Every wheel of the folder beside the source archive of its release, where that is there, too."""
    from assaymark.library.maintainers import archives, record

    files = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    if not files:
        raise UsageError(f"{folder} is no folder with archives")
    sources = {_release(name): name for name in files if not name.endswith(".whl") and record.version_of(name)}
    for name in files[:_MOST_FILES]:
        source = sources.get(_release(name)) if name.endswith(".whl") else None
        if source:
            wheel, sdist = (_members(os.path.join(folder, one)) for one in (name, source))
            yield from archives.differ(_release(name)[0], name, wheel, sdist)


def _release(filename: str) -> tuple[str, str]:
    from assaymark.library.maintainers import record

    version = record.version_of(filename)
    return record.normal(filename.partition(f"-{version}")[0]) if version else "", version


def _members(path: str) -> list[str]:
    """The names in a zip or tar, nothing unpacked; raises Unreadable, OverBudget."""
    import lzma
    import tarfile
    import zipfile
    import zlib

    names: list[str] = []
    total = 0
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as opened:
                return [info.filename for info in opened.infolist()[:_MOST_MEMBERS]]
        with tarfile.open(path) as tar:
            for member in tar:
                total += max(member.size, 0)
                if total > _MOST_EXPANDED or len(names) >= _MOST_MEMBERS:
                    raise OverBudget(f"{path} unpacks to more than is looked at")
                names.append(member.name)
    except (OSError, EOFError, ValueError, tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError) as error:
        raise Unreadable(f"{path} cannot be read: {str(error)[:200]}") from error
    return names
