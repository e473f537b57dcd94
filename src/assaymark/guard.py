"""Safe loading, and loading of nothing but what was approved.

    from assaymark import guard

    model = guard.load_joblib("model.joblib", digest="sha256:…")
    found = guard.verify("model/", "model.bundle", "root.json", "fraud/scorer:production", into="/run/model")

Verifying (docs/verify-before-load.md) needs `cryptography` alone, and no network. Loading is of `pickle`, `joblib` and `torch`
files, of nothing but what the vetted table and your policy allow:

The bytes are read once, into memory or a file without a name. Those bytes are compared with the digest, judged as
`assay scan` judges them, and only then handed to an unpickler that resolves nothing but what was judged. All else raises
`guard.Refused`, which says what, why and the next step. docs/safe-loading.md has what this cannot promise.
"""

import io
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from assaymark.core.errors import AssayError
from assaymark.model.judge import Refused

if TYPE_CHECKING:
    from datetime import datetime

    from assaymark.core.blob import Blob
    from assaymark.core.budget import Budget
    from assaymark.model.allow import AllowPolicy
    from assaymark.verifying import NotVerified, OpenModel, Verified

__all__ = [
    "NotVerified",
    "Refused",
    "load_joblib",
    "load_pickle",
    "load_safetensors",
    "load_torch",
    "loads",
    "open_verified",
    "policy",
    "verify",
]

_Path = str | os.PathLike[str]
_IN_MEMORY = 64 << 20
_CHUNK = 1 << 20


def __getattr__(name: str) -> Any:
    """`NotVerified` is imported when it is asked for: loading a pickle needs no cryptography."""
    if name == "NotVerified":
        from assaymark.verifying import NotVerified

        return NotVerified
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def verify(
    path: _Path,
    bundle: "_Path | bytes",
    trust_root: "_Path | bytes",
    channel: str,
    *,
    model: str = "",
    state: "_Path | bool | None" = None,
    now: "datetime | None" = None,
    into: _Path | None = None,
) -> "Verified":
    """Prove that a folder is what the approvers approved for a channel, `project/model:channel`; raises NotVerified.

    bundle, trust_root: files, or their bytes. The trust root is the one that this host was given out of band.
    state: where this host keeps what it has seen [verified.json in the home]; False keeps nothing, which gives up
    protection against rollback within the time that a bundle is fresh.
    into: a folder that is made, private, with the bytes that were hashed: load from there and nobody can swap them.
    """
    from assaymark.verifying import verify_folder

    return verify_folder(path, bundle, trust_root, channel, model=model, state=state, now=now, into=into)


def open_verified(  # noqa: PLR0913 - each says something of its own
    path: _Path,
    bundle: "_Path | bytes",
    trust_root: "_Path | bytes",
    channel: str,
    *,
    model: str = "",
    state: "_Path | bool | None" = None,
    now: "datetime | None" = None,
    lazy: bool = False,
    copy: bool = False,
) -> "OpenModel":
    """As `verify`, and gives the files open: `with guard.open_verified(…) as files: files.open("model.onnx")`.

    lazy: files whose shards a scanner hashed are not read at the start; each shard is verified when it is first touched.
    copy: with `lazy`, into memory of this process, where nobody else can change it afterwards.
    """
    from assaymark.verifying import open_verified as opened

    return opened(path, bundle, trust_root, channel, model=model, state=state, now=now, lazy=lazy, copy=copy)


def load_safetensors(  # noqa: PLR0913 - each says something of its own
    path: _Path,
    bundle: "_Path | bytes",
    trust_root: "_Path | bytes",
    channel: str,
    *,
    model: str = "",
    state: "_Path | bool | None" = None,
    now: "datetime | None" = None,
    lazy: bool = False,
    copy: bool = False,
) -> "Mapping[str, Any]":
    """Tensor name -> NumPy array, of all safetensors files of a verified folder; needs numpy.

    Each file is read once; the bytes that were hashed are those that the arrays lie on. BF16 becomes float32.
    lazy, copy: as in `open_verified`; a tensor is read and verified when it is asked for, until `close()` of what is returned.
    """
    from assaymark.verifying import open_verified as opened

    if lazy or copy:
        from assaymark.model.weights.lazyarrays import LazyArrays

        files = opened(path, bundle, trust_root, channel, model=model, state=state, now=now, lazy=lazy, copy=copy)
        return LazyArrays.of(files)
    from assaymark.model.weights.arrays import arrays

    found: dict[str, Any] = {}
    with opened(path, bundle, trust_root, channel, model=model, state=state, now=now, hashed=False) as files:
        for name in files.paths:
            if not name.endswith(".safetensors"):
                continue
            for tensor, array in arrays(files.read(name), name).items():
                if tensor in found:
                    raise Refused(f"{tensor!r} is in {name} and in a file before it", step="load the files one by one")
                found[tensor] = array
        files.keep()
    return found


def load_pickle(path: _Path, policy: "AllowPolicy | None" = None, *, digest: str | None = None, **options: Any) -> Any:
    """`pickle.load` of a file. `digest`: `sha256:…` that the bytes must have. `options` are `encoding` and `errors`.

    Raises Refused, or what unpickling itself raises where a class is not installed.
    """
    with _Copy(path, digest) as copy:
        return _unpickle(copy.blob, copy.file, copy.name, policy, options)


def loads(
    data: "bytes | bytearray | memoryview",
    policy: "AllowPolicy | None" = None,
    *,
    digest: str | None = None,
    **options: Any,
) -> Any:
    """`pickle.loads`; see load_pickle."""
    from assaymark.core.blob import Bytes

    own = bytes(data)
    if digest is not None:
        import hashlib

        _compare("these bytes", digest, hashlib.sha256(own).hexdigest())
    return _unpickle(Bytes(own), io.BytesIO(own), "data", policy, options)


def load_joblib(path: _Path, policy: "AllowPolicy | None" = None, *, digest: str | None = None) -> Any:
    """`joblib.load` of a file, compressed or not; needs joblib. Arrays are read into memory, never mapped."""
    from assaymark.core.blob import Bytes
    from assaymark.model import guard

    with _Copy(path, digest) as copy:
        budget = _budget()
        plain = Bytes(_unpacked(copy, budget))
        allowed = _judged(plain, copy.name, budget, policy, as_pickle=True)
        return guard.joblib_load(io.BytesIO(plain.read(0, plain.size)), allowed)


def load_torch(
    path: _Path, policy: "AllowPolicy | None" = None, *, digest: str | None = None, map_location: Any = "cpu"
) -> Any:
    """`torch.load` of a file, in the zip or the legacy format; needs torch. TorchScript programs are refused."""
    from assaymark.model import guard

    with _Copy(path, digest) as copy:
        allowed = _judged(copy.blob, copy.name, _budget(), policy, as_pickle=False)
        _refuse_programs(copy)
        return guard.torch_load(copy.file, allowed, map_location=map_location)


def policy(path: _Path, key: str | Sequence[str], *, home: str | None = None) -> "AllowPolicy":
    """A signed allow policy (`assay model learn --sign`), verified with a public key, or any of several.

    Raises Untrusted where none of the keys signed it, UsageError where it expired or has not the form of one.
    """
    from assaymark.allowing import read_allow

    return read_allow(os.fspath(path), [key] if isinstance(key, str) else list(key), home)


def _unpickle(blob: "Blob", file: BinaryIO, name: str, policy: "AllowPolicy | None", options: dict[str, Any]) -> Any:
    from assaymark.model import guard

    if options.keys() - {"encoding", "errors", "fix_imports"}:
        raise TypeError(f"unknown options: {', '.join(sorted(options))}")
    allowed = _judged(blob, name, _budget(), policy, as_pickle=True)
    return guard.load(file, allowed, **options)


def _judged(
    blob: "Blob", name: str, budget: "Budget", policy: "AllowPolicy | None", *, as_pickle: bool
) -> frozenset[tuple[str, str]]:
    from assaymark.model.allow import AllowPolicy
    from assaymark.model.judge import judge

    if policy is not None and not isinstance(policy, AllowPolicy):
        raise TypeError("policy is what guard.policy(path, key) gives")
    allowed, formats = judge(blob, name, budget, policy, as_pickle=as_pickle)
    if "pickle" not in formats:
        raise Refused(f"{name} was not loaded: no pickle is in it", step="load it with the library of its format")
    return allowed


def _unpacked(copy: "_Copy", budget: "Budget") -> bytes:
    """The content of the one compressed stream that the file is, or the file as it is."""
    from assaymark.core.format import Context, Head, Member
    from assaymark.model.formats import compressed
    from assaymark.model.formats.magic import is_compressed, is_zfile

    start = copy.blob.read(0, 4096)
    if is_zfile(start):
        raise Refused(
            f"{copy.name} was not loaded: joblib before 0.10 wrote it, in a layout of several files",
            step="load it where you trust it, and dump it again with a current joblib",
        )
    if not is_compressed(Head(copy.blob, copy.name)):
        return copy.blob.read(0, copy.blob.size)
    try:
        items = list(compressed.parse(copy.blob, Context(budget, copy.name)))
    except AssayError as error:
        raise Refused(f"{copy.name} was not loaded: {error.message}", step=error.step) from error
    if len(items) != 1 or not isinstance(items[0], Member):
        raise Refused(f"{copy.name} was not loaded: bytes follow its compressed stream", step="dump it again")
    return items[0].blob.read(0, items[0].blob.size)


def _refuse_programs(copy: "_Copy") -> None:
    """torch.load hands an archive with such a member to torch.jit.load."""
    from assaymark.model.zipindex import read_index

    if copy.blob.read(0, 2) != b"PK":
        return
    names = {name.casefold() for part in read_index(copy.blob, _budget()).parts for name in part.names}
    if any(name.rpartition("/")[2] == "constants.pkl" for name in names):
        step = "ask for the weights as safetensors and build the model from code you have reviewed"
        raise Refused(f"{copy.name} was not loaded: it is a TorchScript program", step=step)


class _Copy:
    """The bytes of a file, read once: in memory, or in a temporary file that has no name. `file` begins at 0."""

    def __init__(self, path: _Path, digest: str | None) -> None:
        self._path, self._digest = os.fspath(path), digest
        self.name = os.path.basename(self._path)

    def __enter__(self) -> Self:
        import hashlib
        import stat
        import tempfile

        from assaymark.core.blob import Bytes
        from assaymark.storage.files import FileBlob

        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        try:
            source = os.fdopen(os.open(self._path, flags), "rb", buffering=0)
        except OSError as error:
            raise Refused(f"{self._path} cannot be opened: {error.strerror}") from error
        total = hashlib.sha256()
        with source:
            status = os.fstat(source.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise Refused(f"{self._path} is not a regular file", step="name the file itself")
            large = status.st_size > _IN_MEMORY
            memory = io.BytesIO()
            self.file: Any = tempfile.TemporaryFile() if large else memory
            try:
                while piece := source.read(_CHUNK):
                    total.update(piece)
                    self.file.write(piece)
                self.file.flush()
            except OSError as error:
                self.file.close()
                raise Refused(f"{self._path} cannot be read: {error.strerror}") from error
        self.file.seek(0)
        self.blob: Blob
        self.blob = FileBlob(self.file.fileno(), digest=False) if large else Bytes(memory.getvalue())
        if self._digest is not None:
            try:
                _compare(self.name, self._digest, total.hexdigest())
            except Refused:
                self.file.close()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


def _compare(name: str, wanted: str, actual: str) -> None:
    import hmac

    if not hmac.compare_digest(wanted.removeprefix("sha256:").lower().encode(), actual.encode()):
        step = "fetch it again from where the digest comes from, or find out who changed it"
        raise Refused(f"{name} was not loaded: it has digest sha256:{actual}, not {wanted}", step=step)


def _budget() -> "Budget":
    import time

    from assaymark.core.budget import Budget
    from assaymark.storage.spool import FileSpool

    return Budget(monotonic=time.monotonic, spool=FileSpool)
