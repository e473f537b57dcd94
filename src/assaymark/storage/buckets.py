"""A prefix of a bucket in S3, Google Cloud Storage or Azure: the few requests a store is made of, through obstore.

Files go as paths or bytes and come as ranges of 8 MiB; obstore's file objects and streams cost several times the CPU.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from assaymark.core.errors import AssayError, Unauthorized, UsageError
from assaymark.core.ports import StoreFault

if TYPE_CHECKING:
    from obstore.store import AzureStore, GCSStore, S3Store

PIECE = 8 << 20
_ONE_REQUEST = 64 << 20
"""Up to here an object is one conditional put; obstore sends larger ones in parts, which know no condition."""
_MOST_COPIED = 5_000_000_000
"""Bytes that S3 copies by itself (5 GB)."""
_ENDPOINTS = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
_STEPS = {
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_REGION)",
    "gs": "set GOOGLE_APPLICATION_CREDENTIALS",
    "az": "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN",
}


class Meta(NamedTuple):
    """An object: its key below the prefix, size in bytes, and when it was written by the service's clock."""

    key: str
    size: int
    written: datetime


class Bucket:
    """Keys are relative to the prefix. Raises Unauthorized and StoreFault."""

    def __init__(self, url: str, store: "S3Store | GCSStore | AzureStore", prefix: str) -> None:
        self.url = url
        self._store = store
        self._lead = f"{prefix}/" if prefix else ""

    def head(self, key: str) -> Meta | None:
        """What is known of an object, or None."""
        import obstore

        with self._faults("look at", key) as missing:
            try:
                return self._meta(obstore.head(self._store, self._lead + key))
            except missing:
                return None

    def create(self, key: str, path: str, size: int) -> bool:
        """Write a file; False when the key is taken. Above 64 MiB in parts, replacing what is there."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        with self._faults("write", key):
            if size > _ONE_REQUEST:
                obstore.put(self._store, self._lead + key, Path(path), chunk_size=_part(size), max_concurrency=4)
                return True
            with open(path, "rb") as file:
                content = file.read()
            try:
                obstore.put(self._store, self._lead + key, content, mode="create")
            except AlreadyExistsError:
                return False
        return True

    def write(self, key: str, content: bytes) -> None:
        """Write or replace a small object."""
        import obstore

        with self._faults("write", key):
            obstore.put(self._store, self._lead + key, content, mode="overwrite")

    def read(self, key: str, offset: int, length: int) -> bytes | None:
        """A range, shorter where the object is; None where there is no object."""
        import obstore

        found: list[bytes] = []
        for at in range(offset, offset + length, PIECE):
            end = min(at + PIECE, offset + length)
            with self._faults("read", key) as missing:
                try:
                    found.append(bytes(obstore.get_range(self._store, self._lead + key, start=at, end=end)))
                except missing:
                    return None
        return found[0] if len(found) == 1 else b"".join(found)

    def below(self, folder: str, after: str = "") -> Iterator[Meta]:
        """The objects below `folder/` in the order of their keys, from the first after `after`."""
        import obstore

        offset = self._lead + after if after else None
        with self._faults("list", folder):
            for page in obstore.list(self._store, prefix=self._lead + folder, offset=offset):
                yield from map(self._meta, page)

    def copy(self, key: str, to: str, size: int) -> None:
        """Copy an object within the bucket, through this machine where the service copies no object so large."""
        import obstore

        with self._faults("copy", key):
            if size < _MOST_COPIED:
                obstore.copy(self._store, self._lead + key, self._lead + to)
                return
            parts = (self.read(key, at, min(PIECE, size - at)) or b"" for at in range(0, size, PIECE))
            obstore.put(self._store, self._lead + to, parts, chunk_size=_part(size), max_concurrency=4)

    def remove(self, key: str) -> None:
        """Delete; nothing happens when it is not there."""
        import obstore

        with self._faults("delete", key) as missing:
            try:
                obstore.delete(self._store, self._lead + key)
            except missing:
                return

    def _meta(self, meta: Any) -> Meta:
        return Meta(meta["path"][len(self._lead) :], int(meta["size"]), meta["last_modified"])

    @contextmanager
    def _faults(self, doing: str, key: str) -> Iterator[tuple[type[Exception], ...]]:
        """Gives the errors that say that there is no such object."""
        from obstore.exceptions import BaseError, NotFoundError

        try:
            yield (NotFoundError, FileNotFoundError)
        except (BaseError, OSError) as error:
            raise self._fault(f"cannot {doing} {key}", error) from error

    def _fault(self, what: str, error: Exception) -> AssayError:
        """What happened in a few words; obstore's own run over many lines and may hold a signed URL."""
        from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

        words = re.sub(r"\?[^\s\"']*", "", " ".join(str(error).split()))[:300]
        refused = isinstance(error, (PermissionDeniedError, UnauthenticatedError, PermissionError))
        if refused or "credential" in words.lower() or "169.254.169.254" in words:
            step = _STEPS[self.url.partition("://")[0]]
            return Unauthorized(f"{self.url}: the store refuses access", step=step)
        return StoreFault(f"{self.url}: {what}: {words}", step="look at bucket, endpoint, region and network")


def _part(size: int) -> int:
    """Bytes of a part: 16 MiB, more where that would take over 10,000 parts, the most that S3 takes."""
    return max(16 << 20, -(-size // 9_000))


def connect(url: str) -> Bucket:
    """`s3://bucket/prefix`, `gs://…`, `az://container/…`, with `?endpoint=https://host` and `&region=…` if wanted.

    Credentials, and what the URL does not say, are those of each cloud's environment variables. Raises UsageError.
    """
    from obstore.exceptions import BaseError
    from obstore.store import AzureStore, GCSStore, S3Store

    scheme, bucket, prefix, asked = _parts(url)
    shown = f"{scheme}://{bucket}/{prefix}".rstrip("/")
    endpoint = asked.get("endpoint") or next((os.environ[n] for n in _ENDPOINTS[scheme] if os.environ.get(n)), "")
    common: Any = {
        "client_options": {"allow_http": _plain(endpoint), "connect_timeout": "15s", "timeout": "120s"},
        "retry_config": {"max_retries": 4, "retry_timeout": timedelta(seconds=90)},
    }
    region = {"region": asked["region"]} if "region" in asked else {}
    config: Any = {"base_url" if scheme == "gs" else "endpoint": endpoint} if endpoint else {}
    try:
        store: S3Store | GCSStore | AzureStore
        if scheme == "s3":
            store = S3Store(bucket, config=config | region | {"checksum_algorithm": "sha256"}, **common)
        elif scheme == "gs":
            store = GCSStore(bucket, config=config, **common)
        else:
            store = AzureStore(bucket, config=config, **common)
    except (BaseError, ValueError, TypeError) as error:
        raise UsageError(f"{shown}: {' '.join(str(error).split())[:300]}", step=_STEPS[scheme]) from error
    return Bucket(shown, store, prefix)


def _parts(url: str) -> tuple[str, str, str, dict[str, str]]:
    """Scheme, bucket, prefix and options."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UsageError(f"not a URL of a store: {error}") from error
    asked = dict(parse_qsl(parts.query))
    prefix = parts.path.strip("/")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}", parts.netloc):
        raise UsageError(f"{parts.scheme}:// names no bucket", step=f"{parts.scheme}://bucket/prefix")
    if prefix and any(part in {"", ".", ".."} for part in prefix.split("/")):
        raise UsageError(f"{prefix!r}: a prefix has no empty, '.' or '..' part")
    if unknown := set(asked) - {"endpoint", "region"}:
        raise UsageError(f"there is no option {min(unknown)!r} of a store", step="endpoint=https://host, region=name")
    return parts.scheme, parts.netloc, prefix, asked


def _plain(endpoint: str) -> bool:
    """Whether the endpoint is spoken to without TLS: on this machine, or where `ASSAY_PLAIN_HTTP` names the host."""
    parts = urlsplit(endpoint)
    if parts.username is not None or parts.password is not None:
        raise UsageError("an endpoint that holds a password ends up in logs", step=f"{_STEPS['s3']} instead")
    if parts.scheme != "http":
        return False
    host = (parts.hostname or "").lower()
    named = os.environ.get("ASSAY_PLAIN_HTTP", "").lower().replace(",", " ").split()
    if host in {"127.0.0.1", "::1", "localhost", *named}:
        return True
    step = f"use https, or set ASSAY_PLAIN_HTTP={host} if that net is yours"
    raise UsageError(f"http://{host}: plain http can be read and changed on the way; nothing was dialled", step=step)
