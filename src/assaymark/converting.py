"""`assay model convert` on disk: judge, read, write beside the destination, compare, and only then put it in its place."""

import json
import os
import tempfile
import time
from dataclasses import dataclass
from typing import Any

from assaymark.core.budget import Budget, Limits
from assaymark.core.errors import UsageError
from assaymark.model.convert.flatten import Flattener
from assaymark.model.convert.sources import open_source
from assaymark.model.convert.write import Plan, compare, plan, write
from assaymark.model.judge import judge
from assaymark.storage import output
from assaymark.storage.files import open_blob
from assaymark.storage.spool import FileSpool

SCHEMA = "assaymark/convert-report/v1"
_BUFFER = 1 << 20


@dataclass(frozen=True, slots=True)
class Conversion:
    """What was written, what was left behind, and the digests of both files (sha256, hexadecimal)."""

    source: str
    source_sha256: str
    destination: str
    destination_sha256: str
    plan: Plan
    left: tuple[tuple[str, str], ...]
    left_count: int

    def to_json(self) -> dict[str, Any]:
        """The report that `--report` writes; the digest of a tensor is the same in both files."""
        return {
            "schema": SCHEMA,
            "source": {"path": self.source, "sha256": self.source_sha256},
            "destination": {"path": self.destination, "sha256": self.destination_sha256},
            "tensors": [
                {"name": t.name, "dtype": t.dtype, "shape": list(t.shape), "sha256": self.plan.digests[t.name]}
                for t in self.plan.tensors
            ],
            "tied": [
                {"name": name, "with": other, "written": name in self.plan.digests} for name, other in self.plan.tied
            ],
            "left_behind": [{"name": name, "what": what} for name, what in self.left],
            "left_behind_count": self.left_count,
        }


def convert(
    source: str,
    destination: str,
    *,
    tied: str = "refuse",
    leave_unknown: bool = False,
    force: bool = False,
    seconds: float = 3_600.0,
) -> Conversion:
    """Write the tensors of `source` to `destination` as safetensors. Nothing is unpickled.

    `tied` says what becomes of tensors that share memory: `refuse`, `copy` or `drop`. With `leave_unknown`, classes that
    nobody vetted are only names, and tensors that safetensors cannot hold are left behind. Raises Refused, Malformed,
    Opaque, OverBudget, Unreadable or UsageError; the destination is then as it was.
    """
    if os.path.lexists(destination) and not force:
        raise UsageError(f"{destination} exists", step="choose another name, or say --force to replace it")
    budget = Budget(Limits(seconds=seconds), monotonic=time.monotonic, spool=FileSpool)
    real = os.path.realpath(source)
    name = os.path.basename(source)
    with open_blob(real) as blob:
        judge(blob, name, budget, tolerated=frozenset({"MDL002"} if leave_unknown else ()))
        found = open_source(blob, name, budget)
        flattener = Flattener(found.storages, budget, leave=leave_unknown)
        flattener.walk(found.value)
        flat = flattener.flat
        if not flat.tensors:
            raise UsageError(f"{source} holds no tensor", step="nothing was written")
        planned = plan(flat.tensors, tied, found.framework)
        temporary = _write(planned, destination, budget)
        try:
            with open_blob(temporary) as written:
                compare(planned, written, budget)
                digest = str(written.sha256())
            source_digest = str(blob.sha256())  # last: it also says whether the source changed meanwhile
            _place(temporary, destination, force=force)
        except BaseException:
            os.unlink(temporary)
            raise
    return Conversion(source, source_digest, destination, digest, planned, tuple(flat.left), flat.left_count)


def write_report(done: Conversion, path: str) -> None:
    """Write the json report, whole or not at all; raises UsageError."""
    output.write(path, json.dumps(done.to_json(), indent=2) + "\n")


def _write(planned: Plan, destination: str, budget: Budget) -> str:
    """A file beside the destination; what goes wrong leaves nothing behind."""
    folder = os.path.dirname(os.path.abspath(destination))
    try:
        descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".assay-")
    except OSError as error:
        raise UsageError(f"cannot write in {folder}: {error.strerror}", step="choose another place") from error
    try:
        with os.fdopen(descriptor, "wb", buffering=_BUFFER) as file:
            write(planned, file.write, budget)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        os.unlink(temporary)
        raise UsageError(f"cannot write {destination}: {error.strerror}") from error
    except BaseException:
        os.unlink(temporary)
        raise
    return temporary


def _place(temporary: str, destination: str, *, force: bool) -> None:
    """Give the file its name; without `force` an existing one is never replaced, not even one that appeared just now."""
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(temporary, 0o666 & ~mask)
    try:
        if force:
            os.replace(temporary, destination)
            return
        os.link(temporary, destination)
    except FileExistsError:
        raise UsageError(f"{destination} exists", step="choose another name, or say --force to replace it") from None
    except OSError as error:
        if os.path.lexists(destination):
            raise UsageError(f"cannot write {destination}: {error.strerror}") from error
        os.rename(temporary, destination)  # a file system without hard links
        return
    os.unlink(temporary)
