"""`https://host/file`: one file of any web server."""

from collections.abc import Iterator
from urllib.parse import unquote

from assaymark.core.errors import Unreadable
from assaymark.core.remote import NoRanges, Pinned, RemoteFile, Traffic
from assaymark.feeds.access import authorization, shown, split, variable
from assaymark.feeds.pin import Pin
from assaymark.feeds.wire import Wire


class WebFile:
    """core.remote.RemoteSource of one URL."""

    is_folder = False

    def __init__(self, url: str) -> None:
        parts = split(url)
        host = parts.hostname or ""
        self.name = unquote(parts.path.rstrip("/").rpartition("/")[2]) or host
        self.given = shown(url)
        self._pin = Pin(url.partition("#")[0])
        step = f"set {variable(host)} to a token, or to user:password"
        self._wire = Wire(url, authorization(host), step)

    def resolve(self) -> Pinned:
        """One byte, for the size and the name of this version."""
        pin = self._pin
        try:
            self._wire.span(pin, 0, 1, Traffic())
        except NoRanges:
            if pin.size is None:
                raise
        if pin.size is None:
            raise Unreadable(
                f"{self.given}: the host does not say how long it is", step="download it and scan the file"
            )
        if pin.etag:
            return Pinned(self.given, "etag", pin.etag)
        if pin.modified:
            return Pinned(self.given, "last-modified", pin.modified)
        return Pinned(self.given, "none", "")

    def files(self) -> list[RemoteFile]:
        """The one file."""
        return [RemoteFile(self.name, self._pin.size or 0)]

    def read(self, path: str, offset: int, length: int, traffic: Traffic) -> bytes:  # noqa: ARG002 - there is one
        """See core.remote."""
        return self._wire.span(self._pin, offset, length, traffic)

    def stream(self, path: str, traffic: Traffic) -> Iterator[bytes]:  # noqa: ARG002 - there is one
        """See core.remote."""
        return self._wire.stream(self._pin, traffic)

    def close(self) -> None:
        """See core.remote."""
        self._wire.close()


def connect(url: str) -> WebFile:
    """See feeds.connect."""
    return WebFile(url)
