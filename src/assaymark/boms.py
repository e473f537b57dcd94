"""Bills of materials on disk: what is below a path is looked at once, hashed on the way, and told as a BOM.

`build` costs the reading of every byte (for its digest) and of the headers; nothing is executed, imported or fetched.
"""

import os
import re
import time
from collections.abc import Sequence
from contextlib import ExitStack

from assaymark.bom.build.draft import Sight
from assaymark.bom.document import Bom
from assaymark.catalog import catalog
from assaymark.core.budget import Budget, Limits
from assaymark.core.errors import AssayError, Malformed, Unreadable, UsageError
from assaymark.core.format import Head
from assaymark.core.manifest import Manifest, ManifestFile
from assaymark.core.scan import FileReport, Root
from assaymark.storage.files import printable
from assaymark.storage.spool import FileSpool
from assaymark.survey import FolderTree, Found, Progress, find, hang_up, name_of, open_item

FORMS = ("text", "json", "cyclonedx", "cyclonedx-1.6", "cyclonedx-1.7", "spdx")
"""How a BOM can be written."""
_LIMITS = Limits(seconds=3_600.0)
_SNAPSHOT = re.compile(r"(?:models|datasets)--[^/]+/snapshots/[0-9a-f]{40}$")
_READ = 256 << 20
"""Bytes of a document."""
_POOL_FROM = 64 << 20
_PULSE = 0.25


def build(
    path: str | os.PathLike[str],
    *,
    exclude: Sequence[str] = (),
    at: str = "",
    author: str = "",
    progress: Progress | None = None,
) -> Bom:
    """The BOM of a file or folder, here or on another machine; the same bytes give the same BOM.

    `at` (RFC 3339) and `author` are written as given. Raises UsageError where the path makes no sense, Unreadable where
    a file cannot be had: a BOM that leaves one out would be bound to bytes that nobody saw.
    """
    from assaymark.bom.build.gather import build as gather

    given = os.fspath(path)
    real = os.path.realpath(given)
    snapshot = bool(_SNAPSHOT.search(real.replace(os.sep, "/")))  # its files are links to the blobs beside it
    roots, found, _ = find([given], exclude, follow_links=snapshot)
    try:
        passed = [item for item in found if _passed(item, real)]
        entered = [item for item in found if item not in passed]
        sight = _sight(roots[0], entered, real if snapshot else "", progress)
        return gather(sight, _moment(at), author, [item.path for item in passed])
    finally:
        hang_up(found)


def _passed(item: Found, top: str) -> bool:
    """A link to a folder below `top`, such as `lib64` of a virtual environment: its files stand under their own names."""
    if not item.entry.problem or not os.path.islink(item.entry.real):
        return False
    real = os.path.realpath(item.entry.real)
    return os.path.isdir(real) and real.startswith(top.rstrip(os.sep) + os.sep)


def _moment(at: str) -> str:
    if at and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)", at):
        raise UsageError(f"{at[:100]!r} is no moment", step="write it as 2026-01-31T12:00:00Z")
    return at


def _sight(root: Root, found: list[Found], snapshot: str, progress: Progress | None) -> Sight:
    """Every file, its formats and digest, and the digest of all of them."""
    for item in found:
        if item.entry.problem:
            raise Unreadable(
                f"{item.path} {item.entry.problem}",
                step="leave it out with --exclude, or make it readable: a BOM is bound to every file",
            )
    reports: list[FileReport] = []
    total = sum(item.entry.size for item in found)
    for done, report in enumerate(_looked(found, total), 1):
        reports.append(report)
        if progress is not None:
            progress(done, len(found), sum(one.size for one in reports), total)
    files = {report.path: report for report in sorted(reports, key=lambda report: report.path)}
    sha256 = {path: str(report.sha256) for path, report in files.items()}
    tree = _Surroundings(files, {item.path: item for item in found}, root)
    budget = Budget(_LIMITS, monotonic=time.monotonic, spool=FileSpool)
    return Sight(tree, sha256, _called(root, snapshot), _bound(root, files, sha256), budget)


def _called(root: Root, snapshot: str) -> str:
    """What the folder is called; of a snapshot in a cache of huggingface_hub, with the folders that tell of what."""
    if snapshot:
        return printable("/".join(snapshot.split(os.sep)[-3:]))
    return name_of(root.given) if root.source is None else root.given.rstrip("/").rpartition("/")[2]


def _bound(root: Root, files: dict[str, FileReport], sha256: dict[str, str]) -> str:
    """The digest that evidence about the path is bound to: the manifest's, or of a single file its own."""
    if not root.is_folder:
        return f"sha256:{next(iter(sha256.values()))}"
    return str(Manifest.of(ManifestFile(path, report.size, sha256[path]) for path, report in files.items()).digest)


def _looked(found: list[Found], total: int) -> "list[FileReport]":
    """Formats and digest of each file: one read of each byte. Hashing of large files runs side by side."""
    catalog()
    if total < _POOL_FROM or len(found) < 2:
        return [_look(item) for item in found]
    from assaymark.jobs import threads

    jobs = min(len(found), os.cpu_count() or 1, 8)
    answers = threads.run(lambda index: _look(found[index]), len(found), jobs=jobs, pulse=_PULSE)
    made = {answer[0]: answer[1] for answer in answers if answer is not None}
    return [made[index] for index in range(len(found))]


def _look(item: Found) -> FileReport:
    with open_item(item, digest=True, full=True) as blob:
        formats = tuple(known.name for known in catalog().recognise(Head(blob, item.path)))
        return FileReport(item.path, blob.size, blob.sha256(), formats)


class _Surroundings(FolderTree):
    """A folder, and what lies beside it where a base is named by `../folder`."""

    def __init__(self, reports: dict[str, FileReport], found: dict[str, Found], root: Root) -> None:
        super().__init__(reports, found)
        self._root = root
        self._known: dict[str, tuple[str, int, int] | None] = {}

    def beside(self, name: str) -> tuple[str, int, int] | None:
        """Digest, files and bytes of a sibling folder by its plain name; None where there is none that is no link."""
        if self._root.source is not None or not name or "/" in name or "\0" in name or name in {".", ".."}:
            return None
        if name not in self._known:
            self._known[name] = self._identified(
                os.path.join(os.path.dirname(os.path.realpath(self._root.given)), name)
            )
        return self._known[name]

    def _identified(self, path: str) -> tuple[str, int, int] | None:
        if os.path.islink(path) or not os.path.isdir(path):
            return None
        files = []
        try:
            _, found, _ = find([path], (), follow_links=False)
            for item in found:
                if item.entry.problem:
                    return None
                with ExitStack() as stack:
                    blob = stack.enter_context(open_item(item, digest=True))
                    files.append(ManifestFile(item.path, blob.size, str(blob.sha256())))
            return str(Manifest.of(files).digest), len(files), sum(file.size for file in files)
        except AssayError:
            return None


def read(path: str | os.PathLike[str]) -> Bom:
    """A BOM document of any format that is known; raises UsageError, Unreadable, Malformed."""
    from assaymark.bom.formats import read as parse
    from assaymark.storage.files import open_blob

    given = os.fspath(path)
    if not os.path.lexists(given):
        raise UsageError(f"{given}: no such file")
    with open_blob(os.path.realpath(given), digest=False) as blob:
        if blob.size > _READ:
            raise Malformed(f"{given} has {blob.size:,} bytes, at most {_READ:,} are read")
        return parse(blob.read(0, blob.size), os.path.basename(given))


def render(bom: Bom, form: str) -> str:
    """The BOM as `text`, `json`, `cyclonedx` (1.7), `cyclonedx-1.6`, `cyclonedx-1.7` or `spdx` (3.0.1)."""
    if form == "text":
        from assaymark.bom.text import render as picture

        return picture(bom)
    if form not in FORMS:
        raise UsageError(f"{form!r} is no format of a BOM", step=f"one of {', '.join(FORMS)}")
    from assaymark.bom.formats import write as written

    return written(bom, "assaymark" if form == "json" else form)


def write(bom: Bom, form: str, path: str) -> None:
    """Render to a file, whole or not at all; raises UsageError."""
    from assaymark.storage.output import write as write_file

    write_file(path, render(bom, form))
