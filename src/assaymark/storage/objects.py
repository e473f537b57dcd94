"""Content-addressed stores by URL: a folder here, or S3, Google Cloud Storage or Azure through obstore.

What all of them share: sources are read once, and the bytes that are hashed are the bytes that are stored.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

from assaymark.core.clock import Clock, SystemClock
from assaymark.core.errors import Malformed, Untrusted, UsageError
from assaymark.core.manifest import Manifest, ManifestFile, path_problems
from assaymark.core.ports import ObjectStore, Source
from assaymark.storage.files import Entry, Excluder, open_blob, walk

PIECE = 1 << 20
_REMOTE = ("s3", "gs", "az")
_THREADS = 4
"""Two hash, and two wait for the disk."""


def open_store(url: str, clock: Clock | None = None) -> ObjectStore:
    """The store at a folder's path, `file:///path`, or `s3|gs|az://bucket/prefix`; raises UsageError, StoreFault."""
    scheme, mark, rest = url.partition("://")
    if not mark or scheme == "file":
        from assaymark.storage.objects_folder import FolderStore

        return FolderStore(rest if mark else url, clock or SystemClock())
    if scheme in _REMOTE:
        from assaymark.storage.buckets import connect
        from assaymark.storage.objects_remote import RemoteStore

        return RemoteStore(connect(url), clock or SystemClock())
    raise UsageError(f"no store speaks {scheme}://", step="give a folder, s3://, gs:// or az://")


def pieces(source: Source) -> Iterator[bytes]:
    """The content of a source. A file that changes meanwhile raises Unreadable."""
    if isinstance(source, bytes):
        yield source
    elif isinstance(source, str):
        with open_blob(source, digest=False) as blob:
            for at in range(0, blob.size, PIECE):
                yield blob.read(at, PIECE)
            blob.verify_unchanged()
    elif callable(read := getattr(source, "read", None)):
        while data := read(PIECE):
            yield data
    else:
        yield from source


def consume(source: Source, expected: str | None, write: Callable[[bytes], object]) -> tuple[str, int]:
    """Hash all of it and hand it on; raises Untrusted when it is not `expected`."""
    total = hashlib.sha256()
    size = 0
    for data in pieces(source):
        total.update(data)
        write(data)
        size += len(data)
    sha256 = total.hexdigest()
    if expected is not None and sha256 != expected:
        step = "send the file again; if it happens again, whoever named the digest means another file"
        raise Untrusted(f"the content is {sha256}, not {expected}", step=step)
    return sha256, size


def ingest(
    store: ObjectStore, folder: str, *, excluded: Excluder | None = None, progress: Callable[[int], None] | None = None
) -> Manifest:
    """Put every file below `folder` and give their manifest, the one that a scan of that folder states.

    Nothing is put when a name or a kind of file cannot be part of a manifest. `progress` is told the bytes of each file.
    """
    from concurrent.futures import ThreadPoolExecutor

    entries = _ingestible(folder, excluded or Excluder((), git=True))
    entries.sort(key=lambda entry: -entry.size)

    def put(entry: Entry) -> ManifestFile:
        sha256, size = store.put(entry.real)
        if progress:
            progress(size)
        return ManifestFile(entry.path, size, sha256)

    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(_THREADS, thread_name_prefix="ingest"))
        stack.callback(pool.shutdown, wait=True, cancel_futures=True)  # what failed once is not gone on with
        futures = [pool.submit(put, entry) for entry in entries]
        return Manifest.of([future.result() for future in futures])


def _ingestible(folder: str, excluded: Excluder) -> list[Entry]:
    if not os.path.isdir(folder):
        raise UsageError(f"{folder}: is not a folder", step="name the folder that holds the model")
    entries = list(walk(folder, follow_links=False, excluded=excluded))
    problems: Sequence[str] = [f"{entry.path}: {entry.problem}" for entry in entries if entry.problem]
    problems = [*problems, *path_problems(entry.path for entry in entries).values()]
    if problems:
        more = f", and {len(problems) - 1} more like it" if len(problems) > 1 else ""
        raise Malformed(problems[0] + more, step="take it out of the folder, or rename it; a manifest cannot hold it")
    return entries
