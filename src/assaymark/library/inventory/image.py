"""An image layout (OCI) as a container sees it: layer over layer, and of them the files that tell of packages."""

import posixpath
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from assaymark.core.blob import Blob, Bytes
from assaymark.core.errors import AssayError, Malformed, OverBudget
from assaymark.core.format import FileFacts
from assaymark.library.documents import load_json, rows, text
from assaymark.library.inventory.model import Gap
from assaymark.library.inventory.tar import Stream, members

Open = Callable[[str], AbstractContextManager[Blob]]
_LAYER = 32 << 30
_KEPT = 512 << 20
"""Bytes of an image's documents that are held at once."""
_ONE = 64 << 20
_INDEX = 16 << 20


class Held:
    """core.format.Tree over what was kept of an image."""

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self.files = {path: FileFacts(path, len(data), ()) for path, data in contents.items()}
        self._contents = contents

    def read(self, path: str, limit: int) -> bytes:
        """See core.format.Tree."""
        return self._contents[path][:limit]

    def start(self, path: str, length: int) -> bytes:
        """See core.format.Tree."""
        return self._contents[path][:length]

    @contextmanager
    def open(self, path: str) -> Iterator[Blob]:
        """See core.format.Tree."""
        yield Bytes(self._contents[path])


def contents(give: Open, tick: Callable[[], object]) -> tuple[dict[str, bytes], list[Gap]]:
    """What a container of an image layout would see of files that tell of packages. `give` opens a file of the layout."""
    kept: dict[str, bytes] = {}
    gaps: list[Gap] = []
    for digest in _layers(give, tick):
        try:
            with _blob(give, digest) as blob:
                _lay(Stream(blob, f"layer {digest}", _LAYER, tick), kept, gaps)
        except AssayError as error:
            gaps.append(Gap(digest, error.message))
    return kept, gaps


def _blob(give: Open, digest: str) -> AbstractContextManager[Blob]:
    algorithm, _, coded = digest.partition(":")
    if algorithm != "sha256" or len(coded) != 64 or not coded.isalnum():
        raise Malformed(f"{digest[:100]!r} is no digest of a blob")
    return give(f"blobs/{algorithm}/{coded}")


def _json(give: Open, digest: str) -> dict[str, object]:
    with _blob(give, digest) as blob:
        if blob.size > _INDEX:
            raise OverBudget(f"{digest} is longer than the {_INDEX >> 20} MiB that are looked at")
        return load_json(blob.read(0, blob.size).decode("utf-8", "replace"), digest)


def _layers(give: Open, tick: Callable[[], object]) -> Iterator[str]:
    """Digests of the layers of the first image, bottom first."""
    with give("index.json") as blob:
        found = load_json(blob.read(0, _INDEX).decode("utf-8", "replace"), "index.json")
    for _ in range(8):
        tick()
        listed = rows(found.get("manifests"))
        if not listed:
            yield from (text(row.get("digest")) for row in rows(found.get("layers"))[:1_000])
            return
        found = _json(give, text(listed[0].get("digest")))
    raise Malformed("index.json: indexes within indexes within indexes")


def _lay(stream: Stream, contents: dict[str, bytes], gaps: list[Gap]) -> None:
    """One layer over those below it (OCI image layer: `.wh.` files take away)."""
    for member in members(stream):
        name = posixpath.normpath("/" + member.name).lstrip("/")
        folder, _, base = name.rpartition("/")
        if base == ".wh..wh..opq":
            _take_away(contents, folder + "/")
        elif base.startswith(".wh."):
            gone = f"{folder}/{base[4:]}".lstrip("/")
            contents.pop(gone, None)
            _take_away(contents, gone + "/")
        elif member.is_file and tells(name):
            if member.size > _ONE or sum(map(len, contents.values())) + member.size > _KEPT:
                gaps.append(Gap(name, f"{member.size:,} bytes, more than is held of one image"))
            else:
                contents[name] = member.read(member.size)
        else:
            contents.pop(name, None)


def _take_away(contents: dict[str, bytes], lead: str) -> None:
    for path in [path for path in contents if path.startswith(lead)]:
        del contents[path]


def tells(name: str) -> bool:
    """A file of this path may say which packages there are."""
    folder, _, base = name.rpartition("/")
    if folder.endswith((".dist-info", ".egg-info")):
        return base in {"METADATA", "PKG-INFO", "REQUESTED", "direct_url.json"}
    if folder.endswith("conda-meta"):
        return base.endswith(".json")
    lower = base.lower()
    return lower.endswith((".lock", ".whl")) or (
        lower in {"pyproject.toml", "setup.cfg", "pipfile", "package.json", "package-lock.json", "npm-shrinkwrap.json"}
        or lower.startswith(("requirements", "constraints", "pylock", "environment"))
    )
