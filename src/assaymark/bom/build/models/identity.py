"""Where a folder says which repository it was fetched from, and at which commit: only then does a model have a purl."""

import re
from dataclasses import dataclass

from assaymark.bom.build.models.folder import paths
from assaymark.bom.document import Place
from assaymark.core.errors import AssayError
from assaymark.core.format import Tree

_SNAPSHOT = re.compile(
    r"(?:^|/)(?P<kind>models|datasets)--(?P<name>[\w.-]+?(?:--[\w.-]+?)?)/snapshots/(?P<commit>[0-9a-f]{40})(?P<rest>/|$)"
)
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(?:/[A-Za-z0-9][\w.-]{0,95})?")
_DOWNLOADS = (".cache/huggingface/download/", ".huggingface/download/")
_METADATA = 4096
_ENTRIES = 5_000


@dataclass(frozen=True, slots=True)
class Identity:
    """A repository of a hub at one commit."""

    name: str
    commit: str
    place: Place
    kind: str = "model"

    @property
    def purl(self) -> str:
        """`pkg:huggingface/owner/name@commit`."""
        return purl(self.name, self.commit)


@dataclass(frozen=True, slots=True)
class Download:
    """What the downloader noted of one file: commit, and the etag, which is the sha256 of large files."""

    path: str
    commit: str
    etag: str
    place: Place


def purl(name: str, commit: str) -> str:
    """The purl of a repository at a commit, "" without one."""
    if not commit or not is_hub_name(name):
        return ""
    from packageurl import PackageURL

    namespace, _, last = name.rpartition("/")
    return PackageURL("huggingface", namespace or None, last, commit.lower()).to_string()


def is_hub_name(name: str) -> bool:
    """`name` or `owner/name` as huggingface.co has them."""
    return bool(_HUB_NAME.fullmatch(name)) and "--" not in name and ".." not in name


def cached(path: str) -> tuple[Identity, str] | None:
    """The repository whose snapshot this path of a cache of huggingface_hub is in, and the snapshot's folder."""
    match = _SNAPSHOT.search(path)
    if match is None:
        return None
    name = match["name"].replace("--", "/")
    folder = path[: match.start("rest")] + "/"
    kind = "data" if match["kind"] == "datasets" else "model"
    return Identity(name, match["commit"], Place(folder.rstrip("/"), "name of the folder"), kind), folder


def is_cache(path: str) -> bool:
    """A file of a cache's own: blobs that snapshots link to, locks, notes of the downloader."""
    return bool(
        re.search(r"(?:^|/)(?:models|datasets)--[^/]+/(?:blobs|refs|\.no_exist)/|(?:^|/)\.locks/", path)
    ) or any(mark in f"/{path}" for mark in ("/.cache/huggingface/", "/.huggingface/"))


def downloads(tree: Tree, folder: str) -> list[Download]:
    """Notes of `hf download --local-dir` in `folder`, sorted by path."""
    found = []
    for lead in _DOWNLOADS:
        base = folder + lead
        names = [path for path in paths(tree).below(base) if path.endswith(".metadata")]
        for path in names[:_ENTRIES]:
            note = _note(tree, path)
            if note is not None:
                about = folder + path[len(base) :].removesuffix(".metadata")
                found.append(Download(about, *note, Place(path, "line 2")))
    return found


def _note(tree: Tree, path: str) -> tuple[str, str] | None:
    """Commit and etag: the first two of three lines."""
    try:
        lines = tree.start(path, _METADATA).decode("ascii", "replace").split("\n")
    except AssayError:
        return None
    if len(lines) < 2 or not re.fullmatch(r"[0-9a-f]{40}", lines[0].strip()):
        return None
    return lines[0].strip(), lines[1].strip().strip('"')[:64]
