"""Digests that are claimed of files: in the card, in lists of checksums, in git-lfs pointers, in what the hub's client notes."""

import hashlib
import re
from collections.abc import Iterator

from assaymark.core.errors import AssayError
from assaymark.core.finding import Severity
from assaymark.model.origin.claims import Place, Result
from assaymark.model.origin.model import Model

_LIST = 1 << 20
_GIT = 64 << 20
"""Bytes of a file that git itself keeps: its digest is taken again."""
_HEX = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{64}(?![0-9a-fA-F])")
_FILE = re.compile(r"[\w./+-]+")
_SUMS = re.compile(r"(?:.*/)?(?:sha256sums?|checksums?|sha256|.*\.sha256(?:sums?)?)(?:\.txt)?", re.IGNORECASE)
_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
_CLAIMS = 10_000


def check(model: Model) -> None:
    """Enter every digest that is claimed of a file which is there."""
    for count, (path, digest, place) in enumerate(_claimed(model)):
        if count > _CLAIMS:
            model.faults.append((place.path, f"more than {_CLAIMS:,} digests are claimed"))
            return
        _say(model, path, digest, place)


def _say(model: Model, path: str, digest: str, place: Place) -> None:
    about, short = f"digest of {path}", f"sha256:{digest}"
    actual = model.sha256.get(path)
    if actual is None:
        why = "the file was not read whole" if path in model.tree.files else "there is no such file"
        model.ledger.say(about, short, "unknown", Result.UNVERIFIABLE, (place,), [Place(path)], note=why)
        return
    model.ledger.match(about, short, f"sha256:{actual}", place, [Place(path)], Severity.HIGH)


def _claimed(model: Model) -> Iterator[tuple[str, str, Place]]:
    """(path, sha256, where)."""
    files = model.tree.files
    if model.card is not None:
        for number, line in model.card.lines(code=True):
            found = _HEX.findall(line[:4000])
            named = [name for name in _FILE.findall(line[:4000]) if name.lstrip("./") in files]
            if len(found) == 1 and len(set(named)) == 1:
                yield named[0].lstrip("./"), found[0].lower(), Place(model.card.path, f"line {number}")
    for path, etag in model.etags.items():
        yield from _etag(model, path, etag, Place("cache of the hub's client", f"blobs/{etag}"))
    for path in sorted(files):
        if _SUMS.fullmatch(path):
            yield from _sums(model, path)
        elif path.startswith(".cache/huggingface/download/") and path.endswith(".metadata"):
            yield from _noted(model, path)
        elif _size(model, path) < 1024 and path.lower().endswith(
            (".safetensors", ".bin", ".gguf", ".onnx", ".pt", ".h5", ".msgpack")
        ):
            _pointer(model, path)


def _size(model: Model, path: str) -> int:
    return model.tree.files[path].size


def _sums(model: Model, path: str) -> Iterator[tuple[str, str, Place]]:
    """Lines of `sha256sum`; in `x.sha256` a digest alone is that of x."""
    folder = path.rpartition("/")[0]
    for number, line in enumerate((model.text(path, _LIST) or "").split("\n"), 1):
        match = re.fullmatch(r"\s*([0-9a-fA-F]{64})(?:[ \t]+[*]?(\S.{0,400}?))?\s*", line[:600])
        if match:
            name = (match[2] or re.sub(r"\.sha256(?:sums?)?$", "", path.rsplit("/", 1)[-1])).removeprefix("./")
            yield f"{folder}/{name}" if folder else name, match[1].lower(), Place(path, f"line {number}")


def _noted(model: Model, path: str) -> Iterator[tuple[str, str, Place]]:
    """Commit, ETag and time that `huggingface_hub` writes down: the ETag is sha256, or git's sha1 of a small file."""
    target = path.removeprefix(".cache/huggingface/download/").removesuffix(".metadata")
    rows = (model.text(path, 4096) or "").split("\n")
    if len(rows) < 2 or target not in model.tree.files:
        return
    yield from _etag(model, target, rows[1].strip(), Place(path, "line 2"))


def _etag(model: Model, target: str, etag: str, place: Place) -> Iterator[tuple[str, str, Place]]:
    """sha256 of a large file; of a small one git's digest, which is taken here."""
    if re.fullmatch(r"[0-9a-f]{64}", etag):
        yield target, etag, place
    elif re.fullmatch(r"[0-9a-f]{40}", etag):
        try:
            data = model.tree.read(target, _GIT)
        except AssayError:
            return
        actual = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        model.ledger.match(f"digest of {target}", f"git:{etag}", f"git:{actual}", place, [Place(target)], Severity.HIGH)


def _pointer(model: Model, path: str) -> None:
    """A pointer stands where the weights ought to be."""
    text = model.tree.start(path, 1024)
    match = re.search(rb"^oid sha256:([0-9a-f]{64})$", text, re.MULTILINE) if text.startswith(_POINTER) else None
    if match:
        note = "only the git-lfs pointer is there: git lfs pull"
        model.ledger.say(
            f"digest of {path}",
            f"sha256:{match[1].decode()}",
            "unknown",
            Result.UNVERIFIABLE,
            (Place(path),),
            note=note,
        )
