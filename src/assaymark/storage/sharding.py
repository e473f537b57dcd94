"""The sha256 of each part of large files, taken in the pass that proves the whole file."""

import hashlib
import os
from threading import Lock

from assaymark.core.errors import Unreadable
from assaymark.core.manifest import Manifest, ManifestFile
from assaymark.storage import proven


def digests(root: str, manifest: Manifest, shard: int) -> dict[str, list[str]]:
    """Of each file over `shard` bytes, by path; raises Untrusted, Unreadable where one is not what the manifest says."""
    found: dict[str, list[str]] = {}
    lock = Lock()

    def work(file: ManifestFile) -> None:
        if file.size > shard:
            listed = _of_file(top, file, shard)
            with lock:
                found[file.path] = listed

    with proven.opened(root) as top:
        proven.each(manifest, work)
    return found


def _of_file(top: int, file: ManifestFile, shard: int) -> list[str]:
    listed: list[str] = []
    current, room = hashlib.sha256(), shard

    def take(piece: memoryview) -> None:
        nonlocal current, room
        while len(piece):
            part, piece = piece[:room], piece[room:]
            current.update(part)
            room -= len(part)
            if not room:
                listed.append(current.hexdigest())
                current, room = hashlib.sha256(), shard

    descriptor = proven.open_file(top, file)
    try:
        proven.feed(descriptor, file, take)
    except OSError as error:
        raise Unreadable(f"{file.path!r}: {error.strerror}") from error
    finally:
        os.close(descriptor)
    if room < shard:
        listed.append(current.hexdigest())
    return listed
