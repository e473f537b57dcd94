"""`s3://bucket/key-or-prefix`, `gs://…`, `az://container/…`: object stores, through obstore.

Credentials, regions and endpoints are those of each cloud's own environment variables (`AWS_…`, `GOOGLE_…`, `AZURE_…`).
Every read names the version that was listed: by version id where the bucket keeps versions, else by ETag (If-Match).
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from assaymark.core.errors import AssayError, Unauthorized, Unreadable, UsageError
from assaymark.core.remote import Pinned, RemoteFile, Traffic
from assaymark.feeds.access import plain_allowed, shown, split

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import ObjectStore

_MOST_FILES = 100_000
_PIECE = 8 << 20
_ENDPOINTS = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
_STEPS = {
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_REGION); AWS_SKIP_SIGNATURE=true for a public bucket",
    "gs": "set GOOGLE_APPLICATION_CREDENTIALS; GOOGLE_SKIP_SIGNATURE=true for a public bucket",
    "az": "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN",
}


class Objects:
    """core.remote.RemoteSource of one object, or of all below a prefix."""

    def __init__(self, scheme: str, bucket: str, key: str, given: str) -> None:
        self.given = given
        self.name = key.rpartition("/")[2] or bucket
        self.is_folder = True
        self._scheme = scheme
        self._bucket = bucket
        self._key = key
        self._metas: dict[str, Any] = {}
        self._store = _store(scheme, bucket, given)
        self._closed = False

    def resolve(self) -> Pinned:
        """The object's version or ETag; of a prefix, a digest of the listing with the ETags of all objects in it."""
        meta = self._head() if self._key else None
        if meta is not None:
            self.is_folder = False
            self._metas = {self.name: meta}
            if meta.get("version"):
                return Pinned(self.given, "version", str(meta["version"]))
            if meta.get("e_tag"):
                return Pinned(self.given, "etag", str(meta["e_tag"]))
            return Pinned(self.given, "last-modified", meta["last_modified"].isoformat())
        self._metas = self._below()
        said = [[path, m["size"], m.get("e_tag"), m.get("version")] for path, m in sorted(self._metas.items())]
        return Pinned(self.given, "listing-sha256", hashlib.sha256(json.dumps(said).encode()).hexdigest())

    def files(self) -> list[RemoteFile]:
        """The objects, by the rest of their keys."""
        return [RemoteFile(path, meta["size"]) for path, meta in sorted(self._metas.items())]

    def read(self, path: str, offset: int, length: int, traffic: Traffic) -> bytes:
        """See core.remote."""
        import obstore
        from obstore.exceptions import BaseError

        meta = self._metas[path]
        end = min(offset + length, meta["size"])
        if offset >= end:
            return b""
        if self._closed:
            raise Unreadable("interrupted")
        options: GetOptions = {"range": (offset, end)}
        if meta.get("version"):
            options["version"] = meta["version"]
        elif meta.get("e_tag") and not meta["e_tag"].startswith("W/"):
            options["if_match"] = meta["e_tag"]
        traffic.requests += 1
        try:
            answer = obstore.get(self._store, meta["path"], options=options)
            now = answer.meta
            data = bytes(answer.bytes())
        except (BaseError, OSError) as error:
            raise self._error(error) from error
        traffic.bytes += len(data)
        if now["size"] != meta["size"] or now.get("e_tag") != meta.get("e_tag"):
            raise Unreadable(f"{self.given}: {path} changed while it was read", step=_CHANGED)
        if len(data) != end - offset:
            raise Unreadable(f"{self.given}: sent {len(data):,} bytes of {path} where {end - offset:,} were asked for")
        return data

    def stream(self, path: str, traffic: Traffic) -> Iterator[bytes]:
        """See core.remote."""
        at = 0
        while data := self.read(path, at, _PIECE, traffic):
            yield data
            at += len(data)

    def close(self) -> None:
        """See core.remote."""
        self._closed = True

    def _head(self) -> Any:
        import obstore
        from obstore.exceptions import BaseError, NotFoundError

        try:
            return obstore.head(self._store, self._key)
        except (NotFoundError, FileNotFoundError):
            return None
        except (BaseError, OSError) as error:
            raise self._error(error) from error

    def _below(self) -> dict[str, Any]:
        import obstore
        from obstore.exceptions import BaseError

        lead = f"{self._key}/" if self._key else ""
        found: dict[str, Any] = {}
        try:
            for page in obstore.list(self._store, prefix=self._key or None):
                found |= {meta["path"][len(lead) :]: meta for meta in page if meta["path"].startswith(lead)}
                if len(found) > _MOST_FILES:
                    raise Unreadable(f"{self.given}: more than {_MOST_FILES:,} objects", step="name a longer prefix")
        except (BaseError, OSError) as error:
            raise self._error(error) from error
        if not found:
            raise Unreadable(f"{self.given}: there is no such object, and nothing below it", step="look at the key")
        return found

    def _error(self, error: Exception) -> AssayError:
        """What happened in a few words; obstore's own run over many lines and may hold a signed URL."""
        from obstore import exceptions as x

        words = re.sub(r"\?[^\s\"']*", "", " ".join(str(error).split()))[:300]
        if isinstance(error, (x.PermissionDeniedError, x.UnauthenticatedError, PermissionError)):
            return Unauthorized(f"{self.given}: the store refuses access", step=_STEPS[self._scheme])
        if isinstance(error, x.PreconditionError):
            return Unreadable(f"{self.given}: changed while it was read", step=_CHANGED)
        if isinstance(error, (x.NotFoundError, FileNotFoundError)) or "404 Not Found" in words:
            return Unreadable(f"{self.given}: there is no such bucket or object", step="look at bucket and key")
        if "credential" in words.lower() or "169.254.169.254" in words:
            return Unauthorized(f"{self.given}: there are no credentials for it", step=_STEPS[self._scheme])
        return Unreadable(f"{self.given}: {words}", step=f"look at {_ENDPOINTS[self._scheme][0]}, region and network")


_CHANGED = "scan again when nothing writes to it"


def _store(scheme: str, bucket: str, given: str) -> "ObjectStore":
    from obstore.exceptions import BaseError
    from obstore.store import AzureStore, GCSStore, S3Store

    endpoint = next((os.environ[name] for name in _ENDPOINTS[scheme] if os.environ.get(name)), "")
    plain = False
    if endpoint:
        parts = split(endpoint)
        plain = parts.scheme == "http"
        if plain and not plain_allowed(parts.hostname or ""):
            raise UsageError(
                f"{shown(endpoint)}: plain http can be read and changed on the way; nothing was dialled",
                step=f"use https, or set ASSAY_PLAIN_HTTP={parts.hostname} if that net is yours",
            )
    options: Any = {"allow_http": plain, "connect_timeout": "15s", "timeout": "120s"}
    patience: Any = {"max_retries": 4, "retry_timeout": timedelta(seconds=90)}
    try:
        if scheme == "s3":
            return S3Store(bucket, client_options=options, retry_config=patience)
        if scheme == "gs":
            return GCSStore(bucket, client_options=options, retry_config=patience)
        return AzureStore(bucket, client_options=options, retry_config=patience)
    except (BaseError, ValueError) as error:
        raise UsageError(f"{given}: {' '.join(str(error).split())[:300]}", step=_STEPS[scheme]) from error


def connect(url: str) -> Objects:
    """See feeds.connect."""
    scheme, _, rest = url.partition("://")
    bucket, _, key = rest.partition("/")
    key = key.strip("/")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}", bucket):
        raise UsageError(f"{shown(url)!r} names no bucket", step=f"{scheme}://bucket/key-or-prefix")
    if any(part in {"", ".", ".."} for part in key.split("/")) and key:
        raise UsageError(f"{shown(url)!r}: a key with an empty, '.' or '..' part cannot be asked for")
    return Objects(scheme.lower(), bucket, key, f"{scheme.lower()}://{bucket}{f'/{key}' if key else ''}")
