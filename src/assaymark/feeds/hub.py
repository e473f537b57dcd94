"""`hf://org/name[@revision][/path]`, `hf://datasets/…`, `hf://spaces/…`: repositories of a Hugging Face Hub.

Three endpoints, as huggingface_hub uses them: `/api/{kind}s/{id}/revision/{revision}` gives the commit that a revision
stands for; `/api/{kind}s/{id}/tree/{commit}?recursive=true` lists it, page by page; `/{id}/resolve/{commit}/{path}` gives
a file, most often by a redirect to a content network, which is never sent the token.
"""

import json
import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from assaymark.core.errors import AssayError, Unauthorized, Unreadable, UsageError
from assaymark.core.remote import Pinned, RemoteFile, Traffic
from assaymark.feeds.access import header, shown, split
from assaymark.feeds.pin import Pin
from assaymark.feeds.wire import Wire

if TYPE_CHECKING:
    import httpx

ENDPOINT = "https://huggingface.co"
_KINDS = {"datasets": "datasets", "spaces": "spaces", "models": "models"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REFS = re.compile(r"(refs/(?:pr/\d+|convert/[^/]+))(?:/(.*))?", re.DOTALL)
_MOST_FILES = 100_000
_MOST_PAGES = 2_000
_TOKEN_STEP = "set HF_TOKEN to a token that may read it"  # noqa: S105 - its name, not a token


class Repository:
    """core.remote.RemoteSource of one repository at one commit, or of a file or folder in it."""

    def __init__(self, kind: str, repository: str, revision: str, inside: str, given: str) -> None:
        self.given = given
        self.name = (inside or repository).rpartition("/")[2]
        self.is_folder = True
        self._kind = kind
        self._repository = repository
        self._revision = revision
        self._inside = inside
        self._commit = ""
        self._gated = False
        self._pins: dict[str, Pin] = {}
        self._endpoint = (os.environ.get("HF_ENDPOINT") or ENDPOINT).rstrip("/")
        split(self._endpoint)
        token = (os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN") or "").strip()
        self._wire = Wire(self._endpoint, header(token) if token else "", _TOKEN_STEP)
        self._api = f"{self._endpoint}/api/{kind}/{repository}"

    def resolve(self) -> Pinned:
        """The commit, once; every later request names it."""
        what = self._json(f"{self._api}/revision/{quote(self._revision, safe='')}")[0]
        commit = what.get("sha") if isinstance(what, dict) else None
        if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
            raise Unreadable(f"{self.given}: the hub names no commit for revision {self._revision!r}")
        self._commit = commit
        self._gated = bool(what.get("gated"))
        lead = "" if self._kind == "models" else f"{self._kind}/"
        inside = f"/{self._inside}" if self._inside else ""
        return Pinned(f"hf://{lead}{self._repository}@{commit}{inside}", "git-commit", commit)

    def files(self) -> list[RemoteFile]:
        """The files of the commit, or the part of them that was asked for."""
        files: list[RemoteFile] = []
        url: str | None = f"{self._api}/tree/{self._commit}?recursive=true&expand=false"
        for _ in range(_MOST_PAGES):
            if url is None or len(files) > _MOST_FILES:
                break
            page, url = self._json(url)
            if not isinstance(page, list):
                raise Unreadable(f"{self.given}: the hub's listing is not one")
            files.extend(self._file(entry) for entry in page if not _is_folder(entry))
        if url is not None:
            raise Unreadable(
                f"{self.given}: more than {_MOST_FILES:,} files", step="name a folder: hf://org/name/folder"
            )
        files = self._below(sorted(files, key=lambda file: file.path))
        if self._gated and files:
            self._try(files[0])
        return files

    def read(self, path: str, offset: int, length: int, traffic: Traffic) -> bytes:
        """See core.remote."""
        return self._wire.span(self._pins[path], offset, length, traffic)

    def stream(self, path: str, traffic: Traffic) -> Iterator[bytes]:
        """See core.remote."""
        return self._wire.stream(self._pins[path], traffic)

    def close(self) -> None:
        """See core.remote."""
        self._wire.close()

    @property
    def kind(self) -> str:
        """`models`, `datasets` or `spaces`."""
        return self._kind

    @property
    def repository(self) -> str:
        """`org/name`."""
        return self._repository

    @property
    def revision(self) -> str:
        """As it was asked for."""
        return self._revision

    @property
    def inside(self) -> str:
        """The path in it that was asked for."""
        return self._inside

    def ask(self, path: str, *, whole: bool = False) -> Any:
        """An answer of the API about this repository; with `whole`, of the hub itself. For feeds.hub_record."""
        return self._json(f"{self._endpoint}{path}" if whole else f"{self._api}{path}")[0]

    def _below(self, files: list[RemoteFile]) -> list[RemoteFile]:
        """What of the repository was asked for; paths relative to it."""
        lead = "" if self._kind == "models" else f"{self._kind}/"
        asked = self._inside
        if not asked:
            chosen = [(file.path, file) for file in files]
        elif any(file.path == asked for file in files):
            self.is_folder = False
            chosen = [(self.name, file) for file in files if file.path == asked]
        else:
            chosen = [(f.path[len(asked) + 1 :], f) for f in files if f.path.startswith(f"{asked}/")]
        if not chosen:
            what = f"has no file or folder {asked!r}" if asked else "has no files"
            raise Unreadable(f"{self.given}: the repository {what} at commit {self._commit[:12]}", step=_LOOK)
        if len({path for path, _ in chosen}) != len(chosen):
            raise Unreadable(f"{self.given}: the hub lists a path twice")
        root = f"{self._endpoint}/{lead}{self._repository}/resolve/{self._commit}"
        self._pins = {path: Pin(f"{root}/{quote(file.path)}", file.size) for path, file in chosen}
        return [RemoteFile(path, file.size, file.sha256, file.problem) for path, file in chosen]

    def _file(self, entry: Any) -> RemoteFile:
        path, size = entry.get("path"), entry.get("size")
        lfs = entry.get("lfs")
        digest = None
        if isinstance(lfs, dict):
            digest, size = lfs.get("oid"), lfs.get("size", size)
        if not isinstance(path, str) or not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 1 << 62:
            raise Unreadable(f"{self.given}: the hub lists a file without path or size")
        if digest is not None and not (isinstance(digest, str) and _SHA256.fullmatch(digest)):
            raise Unreadable(f"{self.given}: the hub declares a digest that is none, for {path!r}")
        odd = any(part in {"", ".", ".."} for part in path.split("/"))
        return RemoteFile(path, size, digest, "has a path that leaves the repository" if odd else "")

    def _try(self, file: RemoteFile) -> None:
        """Of a gated repository everybody may see the list; only a byte of a file shows whether we may read it."""
        if not file.size or file.problem:
            return
        try:
            self.read(file.path, 0, 1, Traffic())
        except Unauthorized as error:
            raise self._closed_gate() from error

    def _closed_gate(self) -> Unauthorized:
        page = f"{self._endpoint}/{self._repository}"
        return Unauthorized(
            f"{self.given}: the repository is gated", step=f"accept its terms at {page}, then {_TOKEN_STEP}"
        )

    def _json(self, url: str) -> tuple[Any, str | None]:
        """A document of the API, and the URL of its next page."""
        answer = self._wire.document(url, refuse=self._refuse)
        try:
            data = json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise Unreadable(
                f"{shown(url)}: is not JSON: is this a Hugging Face Hub?", step="look at HF_ENDPOINT"
            ) from error
        match = re.search(r'<([^<>]{1,4096})>\s*;\s*rel="?next"?', answer.headers.get("link", ""))
        return data, self._wire.same_origin(match[1], answer.url) if match else None

    def _refuse(self, response: "httpx.Response") -> AssayError | None:
        code = response.headers.get("x-error-code", "")
        if code == "GatedRepo":
            return self._closed_gate()
        if code == "RevisionNotFound":
            return Unreadable(f"{self.given}: there is no revision {self._revision!r}", step=_LOOK)
        if code == "RepoNotFound" or response.status_code == 401:
            why = "no such repository, or a private one"
            return Unauthorized(
                f"{self.given}: {why} ({response.status_code})", step=f"look at the name, or {_TOKEN_STEP}"
            )
        return None


_LOOK = "look at its files on the hub, or give another @revision"


def _is_folder(entry: Any) -> bool:
    if not isinstance(entry, dict):
        raise Unreadable("the hub's listing is not one")
    return entry.get("type") == "directory"


def connect(url: str) -> Repository:
    """See feeds.connect."""
    rest = url.partition("://")[2].strip("/")
    kind = "models"
    head, _, tail = rest.partition("/")
    if head in _KINDS and tail:
        kind, rest = _KINDS[head], tail
    name, inside, revision = _name(rest)
    if revision.startswith("refs/"):
        match = _REFS.fullmatch(f"{revision}/{inside}" if inside else revision)
        if match:
            revision, inside = match[1], match[2] or ""
    if not name or not all(_NAME.fullmatch(part) for part in name.split("/")):
        raise UsageError(f"{url!r} names no repository", step="hf://org/name[@revision][/path]")
    if any(part in {"", ".", ".."} for part in inside.split("/")) and inside:
        raise UsageError(f"{url!r}: a path with an empty, '.' or '..' part")
    return Repository(kind, name, unquote(revision) or "main", unquote(inside), shown(url))


def _name(rest: str) -> tuple[str, str, str]:
    """Repository, path in it, revision. One part alone, or one with a revision, is a name without an organisation."""
    parts = rest.split("/")
    count = 1 if "@" in parts[0] or len(parts) == 1 else 2
    name, _, revision = "/".join(parts[:count]).partition("@")
    if revision == "refs":  # refs/pr/1 and refs/convert/parquet are the revisions that hold slashes
        return name, "/".join(parts[count + 2 :]), "/".join([revision, *parts[count : count + 2]])
    return name, "/".join(parts[count:]), revision
