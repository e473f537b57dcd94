"""`oci://registry/name[:tag|@sha256:…]`: images and model artifacts of an OCI registry.

Distribution spec 1.1: a manifest is named by the sha256 of its bytes, and names every blob by its own. A tag is
resolved once; what it names is verified here. Layers are files: by their annotation `org.opencontainers.image.title`
(ORAS, Docker models) or `org.cncf.model.filepath` (ModelPack), else numbered, by media type (images, Ollama).
"""

import hashlib
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from assaymark.core.errors import Unreadable, UsageError
from assaymark.core.remote import Pinned, RemoteFile, Traffic
from assaymark.feeds.access import authorization, base_of, shown, split, variable
from assaymark.feeds.pin import Pin
from assaymark.feeds.wire import Wire

if TYPE_CHECKING:
    import httpx

_REFERENCE = re.compile(
    r"(?P<name>[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_ACCEPT = ", ".join(
    (*_INDEXES, "application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
)
_TITLES = ("org.opencontainers.image.title", "org.cncf.model.filepath")
_MANIFEST = 4 << 20
"""Bytes: what registries accept at most."""
_MOST_MANIFESTS = 64
_MOST_BLOBS = 10_000
_CHALLENGE = re.compile(r'(realm|service|scope|error)="([^"]{0,2048})"')


class Image:
    """core.remote.RemoteSource of one manifest, or of all manifests that an index names."""

    is_folder = True

    def __init__(self, host: str, name: str, reference: str, given: str) -> None:
        self.given = given
        self.name = name.rpartition("/")[2]
        self._host = host
        self._repository = name
        self._reference = reference
        self._base = f"{base_of(host)}/v2/{name}"
        split(self._base)
        self._secret = authorization(split(self._base).hostname or "")
        step = f"set {variable(split(self._base).hostname or host)}=user:password (or a token) for it"
        self._step = step
        self._wire = Wire(self._base, "", step)
        self._wire.challenge = self._renew
        self._documents: dict[str, bytes] = {}
        self._pins: dict[str, Pin] = {}
        self._digest = ""

    def resolve(self) -> Pinned:
        """The manifest's digest, computed here."""
        self._digest = self._manifest(self._reference)
        return Pinned(f"oci://{self._host}/{self._repository}@{self._digest}", "oci-digest", self._digest)

    def files(self) -> list[RemoteFile]:
        """Manifests, configurations and layers as files; those of an index each in a folder of its own."""
        top = self._document(self._digest)
        files: dict[str, RemoteFile] = {}
        nested = [entry for entry in _objects(top.get("manifests"))] if "manifests" in top else []  # noqa: C416 - narrows
        if len(nested) > _MOST_MANIFESTS:
            raise Unreadable(f"{self.given}: the index names more than {_MOST_MANIFESTS} manifests", step=_ONE)
        self._add_document(files, "index.json" if nested else "manifest.json", self._digest)
        if not nested:
            self._add_blobs(files, "", top)
        for number, entry in enumerate(nested):
            digest = _digest_of(entry, self.given)
            self._manifest(digest)
            folder = f"{_platform(entry) or 'manifest'}-{number}"
            self._add_document(files, f"{folder}/manifest.json", digest)
            inner = self._document(digest)
            if "manifests" in inner:
                raise Unreadable(f"{self.given}: an index within an index is not followed", step=_ONE)
            self._add_blobs(files, f"{folder}/", inner)
        return sorted(files.values(), key=lambda file: file.path)

    def read(self, path: str, offset: int, length: int, traffic: Traffic) -> bytes:
        """See core.remote."""
        known = self._documents.get(path)
        if known is not None:
            return known[offset : offset + length]
        return self._wire.span(self._pins[path], offset, length, traffic)

    def stream(self, path: str, traffic: Traffic) -> Iterator[bytes]:
        """See core.remote."""
        known = self._documents.get(path)
        return iter((known,)) if known is not None else self._wire.stream(self._pins[path], traffic)

    def close(self) -> None:
        """See core.remote."""
        self._wire.close()

    # manifests

    def _manifest(self, reference: str) -> str:
        """Fetch one; its digest, which is the one that was asked for where a digest was."""
        body = self._wire.document(f"{self._base}/manifests/{reference}", accept=_ACCEPT, limit=_MANIFEST).body
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        if reference.startswith("sha256:") and digest != reference:
            raise Unreadable(
                f"{self.given}: the registry sent {digest} where {reference} was asked for", step="do not use it"
            )
        self._documents[digest] = body
        return digest

    def _document(self, digest: str) -> dict[str, Any]:
        try:
            document = json.loads(self._documents[digest])
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"{self.given}: the manifest is not JSON") from error
        if not isinstance(document, dict):
            raise Unreadable(f"{self.given}: the manifest is not an object")
        return document

    def _add_document(self, files: dict[str, RemoteFile], path: str, digest: str) -> None:
        self._documents[path] = self._documents[digest]
        files[path] = RemoteFile(path, len(self._documents[path]), digest.removeprefix("sha256:"))

    def _add_blobs(self, files: dict[str, RemoteFile], folder: str, manifest: dict[str, Any]) -> None:
        config = manifest.get("config")
        blobs = [("config", entry) for entry in _objects([config] if config is not None else [])]
        blobs += [(f"layer-{n:03}", entry) for n, entry in enumerate(_objects(manifest.get("layers", [])))]
        if len(files) + len(blobs) > _MOST_BLOBS:
            raise Unreadable(f"{self.given}: more than {_MOST_BLOBS:,} blobs", step=_ONE)
        for label, entry in blobs:
            digest, size = _digest_of(entry, self.given), entry.get("size")
            if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 1 << 62:
                raise Unreadable(f"{self.given}: the manifest gives no size for {digest}")
            title = _title(entry)
            path = folder + (title or f"{label}{_suffix(str(entry.get('mediaType', '')))}")
            while path in files:  # a title that is used twice, or that of a manifest
                path = f"{folder}{label}/{path[len(folder) :]}"
            files[path] = RemoteFile(path, size, digest.removeprefix("sha256:"))
            self._pins[path] = Pin(f"{self._base}/blobs/{digest}", size)

    # tokens

    def _renew(self, response: "httpx.Response") -> bool:
        """Answer a challenge: Basic with what the environment holds, Bearer with a token that the realm gives for it."""
        said = response.headers.get("www-authenticate", "")
        if said.lower().startswith("basic"):
            fresh = self._secret if self._secret.startswith("Basic ") else ""
        elif not said.lower().startswith("bearer"):
            return False
        elif self._secret.startswith("Bearer ") and self._wire.authorization != self._secret:
            fresh = self._secret
        else:
            fresh = self._token(dict(_CHALLENGE.findall(said)), str(response.url))
        renewed = bool(fresh) and fresh != self._wire.authorization
        self._wire.authorization = fresh or self._wire.authorization
        return renewed

    def _token(self, challenge: dict[str, str], base: str) -> str:
        """Distribution's token flow. Credentials go to the registry's own domain only; elsewhere it is asked without."""
        realm = challenge.get("realm", "")
        try:
            parts = split(realm)
        except UsageError as error:
            raise Unreadable(f"{shown(base)}: asks for a token of a realm that is no URL") from error
        mine = split(base)
        if parts.scheme != "https" and (parts.scheme, mine.scheme) != ("http", "http"):
            raise Unreadable(f"{shown(base)}: asks for a token of {shown(realm)}, over plain http; not followed")
        same = _domain(parts.hostname or "") == _domain(mine.hostname or "")
        wanted = {"service": challenge.get("service", ""), "scope": f"repository:{self._repository}:pull"}
        query = urlencode({name: value for name, value in wanted.items() if value})
        url = f"{realm}{'&' if '?' in realm else '?'}{query}"
        secret = self._secret if same and self._secret.startswith("Basic ") else ""
        guide = Wire(realm, secret, self._step, self._wire.fence)
        try:
            answer = json.loads(guide.document(url, limit=1 << 20).body)
            token = answer.get("token") or answer.get("access_token")
        except (ValueError, RecursionError, AttributeError) as error:
            raise Unreadable(f"{shown(realm)}: the token that it gives is not JSON") from error
        finally:
            guide.close()
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise Unreadable(f"{shown(realm)}: gives no token")
        return f"Bearer {token}"


_ONE = "name one of its manifests by digest: oci://registry/name@sha256:…"


def _domain(host: str) -> str:
    """`docker.io` of `auth.docker.io`: whom a registry may name to ask for a token with our credentials."""
    parts = host.lower().split(".")
    return host.lower() if len(parts) < 3 or parts[-1].isdigit() or ":" in host else ".".join(parts[-2:])


def _objects(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise Unreadable("the manifest's list of blobs is not one")
    return value


def _digest_of(entry: dict[str, Any], given: str) -> str:
    digest = entry.get("digest")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise Unreadable(f"{given}: the manifest names a blob by {str(digest)[:80]!r}, which is no sha256")
    return digest


def _title(entry: dict[str, Any]) -> str:
    notes = entry.get("annotations")
    titles = (notes.get(name) for name in _TITLES) if isinstance(notes, dict) else ()
    return next((title for title in titles if isinstance(title, str) and title), "")


def _platform(entry: dict[str, Any]) -> str:
    platform = entry.get("platform")
    if not isinstance(platform, dict):
        return ""
    words = (platform.get(name) for name in ("os", "architecture", "variant"))
    return "-".join(re.sub(r"[^A-Za-z0-9._-]", "_", word)[:40] for word in words if isinstance(word, str) and word)


def _suffix(media_type: str) -> str:
    """What to call a blob without a title: `.tar.gz`, or the kind that Ollama and Docker give it."""
    kind = media_type.partition(";")[0].lower()
    for ending, suffix in (("tar+gzip", ".tar.gz"), ("tar.gzip", ".tar.gz"), ("tar+zstd", ".tar.zst"), ("tar", ".tar")):
        if kind.endswith(ending):
            return suffix
    if kind.endswith("json"):
        return ".json"
    match = re.search(r"(?:ollama\.image|docker\.ai)\.([a-z]+)", kind)
    return f".{match[1]}" if match else ""


def connect(url: str) -> Image:
    """See feeds.connect."""
    host, _, rest = url.partition("://")[2].partition("/")
    match = _REFERENCE.fullmatch(rest)
    if not host or not match:
        raise UsageError(f"{url!r} names no image", step="oci://registry/name:tag, or …@sha256:…")
    if host == "docker.io":
        host = "registry-1.docker.io"
    return Image(host, match["name"], match["digest"] or match["tag"] or "latest", shown(url))
