"""What is known of one file across requests: an answer that says otherwise means that it changed, or that the host lies."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assaymark.core.errors import Unreadable
from assaymark.feeds.access import shown

if TYPE_CHECKING:
    import httpx

CHANGED = "scan again when nothing writes to it, or name a fixed revision"
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")


@dataclass(slots=True)
class Pin:
    """A file by its URL. `size` and `etag` are filled by the first answer where a listing did not."""

    url: str
    size: int | None = None
    etag: str | None = None
    modified: str = ""
    at: str | None = None
    """Where a redirect led to; asked first, until it is refused."""

    def same(self, response: "httpx.Response") -> None:
        """Raise Unreadable unless the answer is about the file that earlier ones were about."""
        etag = response.headers.get("etag", "")
        modified = response.headers.get("last-modified", "")
        if self.etag is None:
            self.etag, self.modified = etag, modified
        elif (self.etag or etag) and etag != self.etag:
            raise Unreadable(f"{shown(self.url)}: changed while it was read (its ETag did)", step=CHANGED)
        elif not etag and modified != self.modified:
            raise Unreadable(f"{shown(self.url)}: changed while it was read (Last-Modified did)", step=CHANGED)
        length = length_of(response) if response.status_code == 200 else None
        if self.size is not None and length is not None and length != self.size:
            raise self._resized(length)

    def span(self, response: "httpx.Response", offset: int, last: int) -> int:
        """How many bytes a 206 holds (RFC 9110, 14.4); raises Unreadable where they are not those that were asked for."""
        said = response.headers.get("content-range", "")
        match = _CONTENT_RANGE.fullmatch(said.strip())
        if match is None:
            raise Unreadable(f"{shown(self.url)}: sent a part without saying which ({said[:80]!r})")
        begin, end = int(match[1]), int(match[2])
        total = None if match[3] == "*" else int(match[3])
        if total is not None and self.size is not None and total != self.size:
            raise self._resized(total)
        if self.size is None:
            self.size = total
        wanted = last if total is None else min(last, total - 1)
        if (begin, end) != (offset, wanted):
            raise Unreadable(f"{shown(self.url)}: was asked for bytes {offset}-{last} and sent {begin}-{end}")
        length = length_of(response)
        if length is not None and length != end - begin + 1:
            raise Unreadable(f"{shown(self.url)}: its Content-Length and Content-Range contradict each other")
        return end - begin + 1

    def _resized(self, size: int) -> Unreadable:
        return Unreadable(f"{shown(self.url)}: has {size:,} bytes where {self.size:,} were declared", step=CHANGED)


def length_of(response: "httpx.Response") -> int | None:
    """Content-Length, or None."""
    text = response.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
