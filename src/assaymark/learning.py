"""`assay model learn` on disk: read trusted files, write the policy that would let them pass, for a person to review."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from assaymark.catalog import catalog
from assaymark.core.budget import Budget
from assaymark.core.clock import Clock, SystemClock
from assaymark.core.errors import AssayError, Unreadable, UsageError
from assaymark.model.allow import AllowPolicy, write_policy
from assaymark.model.judge import Refused, judge
from assaymark.model.learn import Pair, Reader, Seen, learn, source_notes
from assaymark.storage import output
from assaymark.storage.files import Excluder, open_blob, walk
from assaymark.storage.spool import FileSpool

_SOURCE = 4 << 20


@dataclass(frozen=True, slots=True)
class Learned:
    """Lines of the policy, files that were read, and those that it would not let pass: (path, why)."""

    globals: int
    files: int
    refused: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]


def learn_policy(paths: Sequence[str], out: str, *, source: str | None = None, clock: Clock | None = None) -> Learned:
    """Write to `out` what the pickles below `paths` need beside the table; raises UsageError."""
    if os.path.lexists(out):
        raise UsageError(f"{out} exists", step="choose another name: a policy that was reviewed is never overwritten")
    seen: dict[Pair, Seen] = {}
    files = [file for path in paths for file in _files(path)]
    for file in files:
        try:
            with open_blob(os.path.realpath(file)) as blob:
                found = learn(blob, file, _budget(), catalog())
                digest = f"sha256:{blob.sha256()}"
        except AssayError as error:
            raise Unreadable(f"{file}: {error.message}", step=error.step) from error
        for pair, one in found.items():
            known = seen.setdefault(pair, Seen())
            known.uses |= one.uses
            known.active = known.active or one.active
            known.files[digest] = file
    lines = [(one.allowed(pair), _notes(pair, one, source)) for pair, one in sorted(seen.items())]
    output.write(out, write_policy(lines, (clock or SystemClock()).now().date()))
    policy = AllowPolicy(tuple(line for line, _ in lines), "", "", date.max)
    warnings = tuple(note for _, notes in lines for note in notes if "DANGER" in note)
    return Learned(len(lines), len(files), tuple(_refused(files, policy)), warnings)


def _files(path: str) -> list[str]:
    if not os.path.exists(path):
        raise UsageError(f"{path}: no such file or folder")
    if not os.path.isdir(path):
        return [path]
    found = walk(path, follow_links=False, excluded=Excluder((), git=True))
    return [entry.real for entry in found if not entry.problem]


def _notes(pair: Pair, one: Seen, source: str | None) -> tuple[str, ...]:
    names = sorted(one.files.values())
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    seen = f"seen in {names[0]}{more}" if names else "seen"
    return (seen, *(source_notes(pair, one.uses, _reader(source)) if source else ()))


def _reader(folder: str) -> Reader:
    def read(path: str) -> bytes | None:
        try:
            with open(os.path.join(folder, *path.split("/")), "rb") as file:
                return file.read(_SOURCE)
        except OSError:
            return None

    return read


def _refused(files: Sequence[str], policy: AllowPolicy) -> list[tuple[str, str]]:
    """Files that would not pass even so: they do more than name globals of their own."""
    refused = []
    for file in files:
        with open_blob(os.path.realpath(file), digest=False) as blob:
            try:
                judge(blob, os.path.basename(file), _budget(), policy)
            except Refused as error:
                refused.append((file, error.reasons[0]))
    return refused


def _budget() -> Budget:
    return Budget(monotonic=time.monotonic, spool=FileSpool)
