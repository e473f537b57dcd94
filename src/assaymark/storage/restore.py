"""Restoring a backup: every digest is verified, and the place appears whole or not at all."""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

from assaymark.core.clock import SystemClock
from assaymark.core.errors import Malformed, Untrusted, UsageError
from assaymark.core.manifest import check_path
from assaymark.core.ports import ObjectStore, blob_name
from assaymark.storage.backup import (
    BLOBS,
    DATABASE,
    DOCUMENT,
    DUMP,
    LOG,
    OBJECTS,
    SCHEMA,
    Checkpoint,
    copy_file,
    faults,
    listed_blobs,
    whole,
)
from assaymark.storage.files import open_blob
from assaymark.storage.objects_folder import FolderStore

_MOST = 64 << 20
"""Bytes of a backup's document."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did; `checkpoint` is the log's root, if there was one to compare."""

    at: str
    files: int
    blobs: int
    bytes: int
    checkpoint: str | None


def restore(
    folder: str,
    target: str,
    *,
    expected: str | None = None,
    checkpoint: Checkpoint | None = None,
    store: ObjectStore | None = None,
) -> Restored:
    """Restore the backup in `folder` to `target`, which is empty or not there; blobs go to `store`, else `target/objects`.

    Raises UsageError for a target that holds anything, Malformed for what is no backup, Untrusted where a digest differs.
    """
    # 1. Nothing is overwritten.
    with faults("look at the target"):
        if os.path.lexists(target) and (os.path.islink(target) or not os.path.isdir(target) or os.listdir(target)):
            raise UsageError(f"{target} is not an empty folder", step="restore to a new folder, then move it")
    # 2. The document is the one that was noted when the backup was made.
    document = _document(folder, expected)
    with faults("restore the backup"), whole(os.path.abspath(target)) as partial:
        # 3. Database, log and list: what is written is hashed, and is what the document says.
        for file in document["files"]:
            done = copy_file(os.path.join(folder, file["path"]), os.path.join(partial, file["path"]))
            if done != (file["sha256"], file["size"]):
                raise Untrusted(f"{file['path']} of the backup is damaged or was changed", step="take another backup")
        # 4. Blobs: each is stored only under the name that its bytes have.
        count, size = _blobs(os.path.join(os.path.dirname(os.path.abspath(folder)), OBJECTS), partial, store)
        # 5. The log of the restored database ends where it ended when the backup was made.
        root = document["checkpoint"]
        if checkpoint is not None and (found := checkpoint(partial)) != root:
            step = "take another backup; do not start a server on this one"
            raise Untrusted(f"the restored log ends at {found!r}, the backup says {root!r}", step=step)
        os.unlink(os.path.join(partial, BLOBS))
    return Restored(document["at"], len(document["files"]), count, size, root)


def _blobs(source: str, partial: str, store: ObjectStore | None) -> tuple[int, int]:
    if not os.path.isdir(source):
        raise UsageError(f"there is no {source}", step="the backups of one folder share `objects` in it: copy that too")
    with ExitStack() as stack:
        objects = stack.enter_context(closing(FolderStore(source, SystemClock())))
        to = store or stack.enter_context(closing(FolderStore(os.path.join(partial, OBJECTS), SystemClock())))
        count = size = 0
        for sha256, length in listed_blobs(partial):
            with objects.open(blob_name(sha256)) as reader:
                if to.put(reader, sha256) != (sha256, length):
                    raise Untrusted(f"blob {sha256} of the backup has another size", step="take another backup")
            count += 1
            size += length
        return count, size


def _document(folder: str, expected: str | None) -> dict[str, Any]:
    with open_blob(os.path.join(folder, DOCUMENT), digest=False) as blob:
        content = blob.read(0, _MOST)
    found = hashlib.sha256(content).hexdigest()
    if expected is not None and found != expected:
        raise Untrusted(f"the backup is {found}, not {expected}", step="take the backup whose digest you noted")
    try:
        document = json.loads(content)
        paths = _paths(document)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Malformed(f"{folder} is no backup: {error}", step="name a folder that holds backup.json") from error
    if BLOBS not in paths or len(set(paths)) != len(paths):
        raise Malformed(f"{folder} is no backup: its list of blobs is missing, or a file is named twice")
    return dict(document)


def _paths(document: Mapping[str, Any]) -> list[str]:
    if set(document) != {"schema", "at", "checkpoint", "files"} or document["schema"] != SCHEMA:
        raise ValueError("its fields are not those of a backup")
    if not isinstance(document["at"], str) or not isinstance(document["checkpoint"], str | None):
        raise TypeError("its time or checkpoint is no text")
    return [_file(file) for file in document["files"]]


def _file(file: Mapping[str, Any]) -> str:
    path, size, sha256 = file["path"], file["size"], file["sha256"]
    if not isinstance(path, str) or not isinstance(sha256, str) or type(size) is not int or len(file) != 3:
        raise ValueError("a file is not given by path, size and sha256")
    if check_path(path) not in {DATABASE, DUMP, BLOBS} and not path.startswith(f"{LOG}/"):
        raise ValueError(f"{path!r} is not part of a backup")
    return path
