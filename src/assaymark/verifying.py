"""Verify before load, from files: a bundle, a pinned trust root, what this host has seen, and the model's folder.

Root of its own (no scanner, no registry's database): of third parties it needs `cryptography` alone, and no network.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import BinaryIO, Self

from assaymark.core.bundle import LIMIT, Bundle
from assaymark.core.envelope import Envelope
from assaymark.core.errors import AssayError, Malformed, Untrusted, UsageError
from assaymark.core.trust import TrustRoot, pinned
from assaymark.registry.shards import trusted
from assaymark.registry.verify import Channel, NotVerified, State, Verified, verify
from assaymark.settings import home as home_folder
from assaymark.storage import proven, seen
from assaymark.storage.heldfiles import Held
from assaymark.storage.keys import public_of
from assaymark.storage.lazymap import VerifiedMap
from assaymark.storage.mapped import Mapped

__all__ = ["NotVerified", "OpenModel", "Verified", "VerifiedMap", "judge", "open_verified", "verify_folder"]

_Path = str | os.PathLike[str]
_ROOT = 8 << 20
STATELESS = "no state is kept: a bundle that is fresh but older than what this host has seen is not noticed"


def verify_folder(
    path: _Path,
    bundle: "_Path | bytes",
    trust_root: "_Path | bytes",
    channel: str,
    *,
    model: str = "",
    state: "_Path | bool | None" = None,
    now: datetime | None = None,
    into: _Path | None = None,
) -> Verified:
    """Steps 1 to 9 for a folder, or for the copy of it that `into` becomes; see assaymark.guard.verify.

    A bundle that cannot be read is refused as step 0.
    """
    checked, place, name = _judge(bundle, trust_root, channel, model, state, now)
    # 8. Every byte: where they lie, or on the way into a private copy.
    with _bytes_step():
        if into is None:
            proven.check(os.fspath(path), checked.manifest)
        else:
            proven.copy(os.fspath(path), checked.manifest, os.fspath(into))
    # 9. Only what was proven to the end is what this host has seen; without that there is no copy either.
    try:
        _keep(place, name, checked)
    except BaseException:
        if into is not None:
            proven.discard(os.fspath(into))
        raise
    return replace(checked, path=os.path.abspath(path if into is None else into))


def judge(
    bundle: "_Path | bytes",
    trust_root: "_Path | bytes",
    channel: str,
    *,
    model: str = "",
    state: "_Path | bool | None" = None,
    now: datetime | None = None,
) -> Verified:
    """Steps 1 to 7 alone: what the bytes would have to be. Keeps no state."""
    return _judge(bundle, trust_root, channel, model, state, now)[0]


class OpenModel:
    """The files of a model, opened before they were hashed: what is read comes from just those files, whatever takes their names.

    Someone who can write into the files themselves is noticed by their times, at the next read; against him use a private copy.
    Opened lazily, large files are verified by the shards that are touched; after a wrong one nothing is given.
    """

    def __init__(self, verified: Verified, files: Mapped, place: str, name: str) -> None:
        self.verified = verified
        self._files = files
        self._place, self._name = place, name

    def open(self, path: str) -> BinaryIO:
        """A file of the manifest, from its start; any number of times."""
        return self._files.open(path)

    def map(self, path: str) -> VerifiedMap:
        """A file in memory, without reading it: `map("model.safetensors").view(offset, length)`."""
        with _bytes_step():
            return self._files.map(path)

    def read(self, path: str) -> bytes:
        """A whole file, hashed again as it is read: for what is loaded into memory anyway."""
        return self._files.read(path)

    def prefetch(self, threads: int = 2, *, wait: bool = False) -> None:
        """Verify what was not touched yet, in the background, and each file as a whole by the digest that people sealed."""
        with _bytes_step():
            self._files.prefetch(threads, wait=wait)

    def complete(self) -> bool:
        """Whether every file was proven as a whole: at the start, or by `prefetch`."""
        return self._files.is_complete()

    @property
    def paths(self) -> tuple[str, ...]:
        """The files of the manifest."""
        return tuple(file.path for file in self.verified.manifest.files)

    def keep(self) -> None:
        """Step 9, for whoever read what he needed with `read` and had nothing hashed before."""
        _keep(self._place, self._name, self.verified)

    def close(self) -> None:
        """Let go of the files."""
        self._files.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_verified(  # noqa: PLR0913 - each says something of its own
    path: _Path,
    bundle: "_Path | bytes",
    trust_root: "_Path | bytes",
    channel: str,
    *,
    model: str = "",
    state: "_Path | bool | None" = None,
    now: datetime | None = None,
    hashed: bool = True,
    lazy: bool = False,
    copy: bool = False,
) -> OpenModel:
    """Steps 1 to 9, and the files open; see assaymark.guard.open_verified.

    Without `hashed` take them by `read` or `map` alone, which hash, and `keep` the state then.
    """
    if copy and not lazy:
        raise UsageError("copy=True is for lazy=True", step="use guard.verify(…, into=FOLDER) for a copy on disk")
    checked, place, name = _judge(bundle, trust_root, channel, model, state, now)
    with _bytes_step():
        parts = trusted(checked.evidence, checked.root, checked.channel.project, checked.manifest) if lazy else {}
        held = Held(os.fspath(path), checked.manifest)
        if hashed:
            try:
                held.check(parts)
            except BaseException:
                held.close()
                raise
    files = Mapped(held, parts, _refused, hashed=hashed, copy=copy)
    opened = OpenModel(replace(checked, path=os.path.abspath(path)), files, place, name)
    if hashed:
        opened.keep()
    return opened


def read_root(source: "_Path | bytes") -> TrustRoot:
    """A pinned trust root: a DSSE envelope in a file, or its bytes. Raises Malformed, Untrusted, UsageError."""
    return pinned(Envelope.from_json(_content(source, _ROOT, "the trust root")), public_of)


def state_in(home: str | None) -> str:
    """The state file of a home, which is where it is kept unless said otherwise."""
    return os.path.join(home_folder(home), "verified.json")


def _judge(
    bundle: "_Path | bytes",
    trust_root: "_Path | bytes",
    channel: str,
    model: str,
    state: "_Path | bool | None",
    now: datetime | None,
) -> tuple[Verified, str, str]:
    """What was verified, where its state goes ("" is nowhere), and the name of the root that it stands under."""
    wanted = Channel.parse(channel, model)
    with _refusing(1, "trust root"):
        root = read_root(trust_root)
    place = _state_file(state)
    known = State(*seen.load(place, root.name)) if place else State()
    with _refusing(0, "bundle"):
        given = Bundle.read(_content(bundle, LIMIT, "the bundle"))
    checked = verify(given, root, wanted, known, now or datetime.now(UTC))
    if not place:
        checked = replace(checked, warnings=(*checked.warnings, STATELESS))
    return checked, place, root.name


def _keep(place: str, name: str, checked: Verified) -> None:
    if not place:
        return
    with _refusing(9, "state"):
        seen.store(place, name, (checked.state.root, checked.state.channels))


def _state_file(state: "_Path | bool | None") -> str:
    if state is False:
        return ""
    if state is None or state is True:
        return state_in(None)
    return os.fspath(state)


class _bytes_step:  # noqa: N801 - used as a statement
    """Say that it is step 8 that refused."""

    def __enter__(self) -> None:
        return

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, AssayError) and not isinstance(error, UsageError | NotVerified):
            raise _refused(error.message, error.step) from error


@contextmanager
def _refusing(number: int, word: str) -> Iterator[None]:
    """Say which step refused."""
    try:
        yield
    except (Untrusted, Malformed) as error:
        raise _refused(error.message, error.step, number, word) from error


def _refused(message: str, step: str, number: int = 8, word: str = "bytes") -> NotVerified:
    refused = NotVerified(f"not verified, step {number} ({word}): {message}", step=step)
    refused.number = number
    return refused


def _content(source: "_Path | bytes", limit: int, what: str) -> bytes:
    """Of a file, at most `limit` bytes of it (endless data), or the bytes that were given."""
    if isinstance(source, bytes):
        return source
    try:
        with open(source, "rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise UsageError(
            f"{what} {os.fspath(source)}: {error.strerror}", step="name a file that can be read"
        ) from error
    if len(data) > limit:
        raise Malformed(f"{what} has more than {limit:,} bytes", step="this is another file than was meant")
    return data
