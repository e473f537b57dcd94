"""A cluster's snapshot of a registry: bundles in a folder, verified in full whenever a pod asks, from a pinned trust root.

The registry is trusted with nothing but to be asked: what it gives is what it signed and people approved, or it is refused.
When it is down the snapshot still serves, for as long as the timestamps in it are fresh.
"""

import json
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, Self

from assaymark.core.bundle import LIMIT, Bundle
from assaymark.core.clock import Clock, SystemClock, timestamp
from assaymark.core.errors import AssayError, Conflict, NotFound, Unreadable, Untrusted, UsageError
from assaymark.core.trust import TrustRoot
from assaymark.registry.verify import Channel, State, Verified, verify
from assaymark.storage import seen
from assaymark.verifying import judge, read_root, verify_folder

if TYPE_CHECKING:
    from assaymark.client import Client
    from assaymark.core.manifest import ManifestFile

__all__ = ["Refresher", "Snapshot", "Synced", "Verified", "load", "read_root", "sync"]

_MODELS = 10_000
_AWAY = 3
_STOPPED = 64 << 10


class Registry(Protocol):
    """What a snapshot is fetched from (assaymark.client)."""

    def bundle(self, model: str, channel: str) -> Bundle:
        """See Desk."""
        ...


@dataclass(frozen=True, slots=True)
class Synced:
    """What came of one channel: `fetched`, `stopped` (the registry vouches for nothing there) or `kept` (it was not reached)."""

    channel: str
    state: str
    reason: str = ""


class Snapshot:
    """A folder of bundles, `PROJECT/MODEL/CHANNEL.bundle`. Threads may share it."""

    def __init__(self, folder: str, root: TrustRoot, state: str, clock: Clock | None = None) -> None:
        """`state`: the file that keeps what was seen of each channel, so that nothing older is accepted again."""
        self._folder, self._root, self._state = folder, root, state
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._read: dict[str, tuple[tuple[int, int, int], Bundle]] = {}
        self._seen = State(*seen.load(state, root.name))

    def resolve(self, name: str, *, keep: bool = True) -> Verified:
        """What stands in `project/model:channel`, by steps 1 to 7 of registry.verify at this moment; raises AssayError."""
        channel = Channel.parse(name)
        path = place(self._folder, channel)
        if (why := _stopped(path)) is not None:
            raise Untrusted(
                f"the registry vouches for nothing in {channel} {why}", step="promote another version to it"
            )
        checked = verify(self._bundle(path, channel), self._root, channel, self._seen, self._clock.now())
        if keep and checked.state != self._seen:
            self._keep(channel, checked)
        return checked

    def check(self, bundle: Bundle, channel: Channel) -> None:
        """Raise NotVerified unless the bundle may take its place in the snapshot."""
        verify(bundle, self._root, channel, self._seen, self._clock.now())

    def ages(self) -> list[float]:
        """Of each bundle, the seconds since it was fetched."""
        now = self._clock.now().timestamp()
        return [max(0.0, now - os.stat(path).st_mtime) for path in _bundles(self._folder)]

    def _keep(self, channel: Channel, checked: Verified) -> None:
        with self._lock:
            now = (checked.state.root, {str(channel): checked.state.seen(channel)})
            seen.store(self._state, self._root.name, now)
            self._seen = State(*seen.load(self._state, self._root.name))

    def _bundle(self, path: str, channel: Channel) -> Bundle:
        """Read once for each file that takes the name; nothing of it is believed."""
        try:
            with open(path, "rb") as file:
                status = os.fstat(file.fileno())
                print_ = (status.st_ino, status.st_size, status.st_mtime_ns)
                known = self._read.get(path)
                if known is not None and known[0] == print_:
                    return known[1]
                bundle = Bundle.read(file.read(LIMIT + 1))
        except FileNotFoundError:
            step = f"assay admission sync --model {channel}"
            raise Untrusted(f"{channel} is not in the snapshot of this cluster", step=step) from None
        except OSError as error:
            raise Untrusted(f"the snapshot of {channel} cannot be read: {error.strerror}") from error
        self._read[path] = (print_, bundle)
        return bundle


def place(folder: str, channel: Channel) -> str:
    """Where the bundle of a channel is. Its names are those of a grammar without separators (core.statements.is_name)."""
    return os.path.join(folder, channel.project, channel.model, f"{channel.name}.bundle")


def sync(
    registry: Registry,
    folder: str,
    models: Iterable[str],
    snapshot: Snapshot | None = None,
    now: datetime | None = None,
) -> list[Synced]:
    """Fetch the bundles of channels, each in one step. What `snapshot` would refuse does not replace what is there.

    Where the registry says that nothing stands in a channel (quarantine, withdrawal, deletion), the channel is stopped.
    """
    channels = [Channel.parse(name) for name in models]
    if not channels or len(channels) > _MODELS:
        raise UsageError(f"1 to {_MODELS:,} models make a snapshot", step="--model PROJECT/MODEL:CHANNEL")
    done: list[Synced] = []
    away = 0
    for channel in channels:
        if away >= _AWAY:  # each further wait would make the others older
            done.append(Synced(str(channel), "kept", "the registry was not reached just before"))
            continue
        one, reached = _sync_one(registry, folder, channel, snapshot, now or SystemClock().now())
        away = 0 if reached else away + 1
        done.append(one)
    return done


def _sync_one(
    registry: Registry, folder: str, channel: Channel, snapshot: Snapshot | None, now: datetime
) -> tuple[Synced, bool]:
    """What came of it, and whether the registry was reached."""
    path = place(folder, channel)
    try:
        bundle = registry.bundle(f"{channel.project}/{channel.model}", channel.name)
        if snapshot is not None:
            snapshot.check(bundle, channel)
    except (NotFound, Conflict) as error:
        said = {"since": _since(path) or timestamp(now), "reason": error.message[:1_000]}
        _write(f"{path}.stopped", json.dumps(said).encode())
        return Synced(str(channel), "stopped", error.message), True
    except AssayError as error:
        return Synced(str(channel), "kept", error.message), not isinstance(error, Unreadable)
    _write(path, bundle.to_bytes())
    if os.path.lexists(f"{path}.stopped"):
        os.unlink(f"{path}.stopped")
    return Synced(str(channel), "fetched"), True


class Refresher:
    """A thread that syncs every `seconds`: so long, at most, a quarantine takes to reach the cluster while the registry answers."""

    def __init__(self, once: Callable[[], list[Synced]], seconds: float, say: Callable[[Synced], None]) -> None:
        self._once, self._seconds, self._say = once, seconds, say
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="snapshot", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                for done in self._once():
                    if done.state != "fetched":
                        self._say(done)
            except Exception as error:  # noqa: BLE001 - the edge of the thread: the next look may find things better
                self._say(Synced("*", "kept", f"{type(error).__name__}: {error}"))
            self._over.wait(self._seconds)


def load(
    name: str, digest: str, root: str, into: str, *, folder: str = "", server: str = "", scratch: str = ""
) -> Verified:
    """What the init container of a pod does: fetch a model, prove that it is the one with this digest, and put it in place.

    The files come from `folder`, its bundle beside it, or through `scratch` from a server. Neither they, nor the trust root of the
    namespace, are trusted with more than to be there: the digest is the one that the webhook resolved. May be repeated.
    """
    channel = Channel.parse(name)
    if bool(folder) == bool(server) or bool(server) != bool(scratch):
        raise UsageError("a model comes from a folder, or from a server through a scratch folder", step="--from DIR")
    if not server:
        return _put(folder, _expected(_content(f"{folder}.bundle"), name, digest, root), name, root, into)
    from assaymark.client import Client

    with Client(server) as client:
        # Nothing is fetched before it is known to be approved, and of no file more than was.
        bundle = client.bundle(f"{channel.project}/{channel.model}", channel.name).to_bytes()
        expected = _expected(bundle, name, digest, root)
        _clear(scratch)
        for file in expected[1].manifest.files:
            _fetch(client, expected[1].subject.name, file, os.path.join(scratch, *file.path.split("/")))
    return _put(scratch, expected, name, root, into)


def _expected(bundle: bytes, name: str, digest: str, root: str) -> tuple[bytes, Verified]:
    """The bundle, and what it proves, which has to be the model with this digest."""
    found = judge(bundle, root, name, state=False)
    if str(found.manifest.digest) != digest:
        step = "make the pod anew: what it was admitted with no longer stands in the channel"
        raise Untrusted(f"{name} is {found.manifest.digest} by now, not {digest}", step=step)
    return bundle, found


def _fetch(client: "Client", version: str, file: "ManifestFile", path: str) -> None:
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    total = 0
    with open(path, "xb") as target:
        for piece in client.read_file(version, file.path, file.sha256):
            total += len(piece)
            if total > file.size:
                raise Untrusted(
                    f"{file.path} has more bytes than were approved", step="find out what the registry does"
                )
            target.write(piece)


def _put(folder: str, expected: tuple[bytes, Verified], name: str, root: str, into: str) -> Verified:
    _clear(into)
    verified = verify_folder(folder, expected[0], root, name, state=False, into=into)
    for above, _, files in os.walk(into):  # containers run as whoever they run as; the volume is read-only for them
        os.chmod(above, 0o755)  # noqa: S103 - see above
        for file in files:
            os.chmod(os.path.join(above, file), 0o444)
    return verified


def _clear(path: str) -> None:
    """Remove what an earlier try of the same container left behind."""
    try:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.unlink(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be cleared: {error.strerror}") from error


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(LIMIT + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", step="the bundle lies beside the folder") from error


def _stopped(path: str) -> str | None:
    """Since when, and why, nothing stands there; None where something does."""
    try:
        with open(f"{path}.stopped", "rb") as file:
            said = json.loads(file.read(_STOPPED))
        return f"since {str(said['since'])[:20]}: {str(said['reason'])[:1_000]}"
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "any more"


def _since(path: str) -> str:
    try:
        with open(f"{path}.stopped", "rb") as file:
            return str(json.loads(file.read(_STOPPED))["since"])[:20]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""


def _write(path: str, content: bytes) -> None:
    folder = os.path.dirname(path)
    try:
        os.makedirs(folder, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".assay-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}", step="name another folder with --into"
        ) from error


def _bundles(folder: str) -> Iterator[str]:
    for above, _, names in os.walk(folder):
        yield from (os.path.join(above, name) for name in names if name.endswith(".bundle"))
