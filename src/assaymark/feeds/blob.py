"""A remote file as a blob: what is read is fetched in pages and kept for a while; what is not read is never fetched."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from assaymark.core.blob import Blob, Bytes
from assaymark.core.budget import Spool
from assaymark.core.errors import Unreadable
from assaymark.core.remote import NoRanges, Remote

PAGE = 4 << 10
_SMALL = 512 << 10
"""Files up to here come in one request, and their digest with them."""
_GLANCE = 512
"""Bytes: a read this short costs one page; a longer one is a sign of more to come there."""
_FIRST = 128 << 10
_WINDOW = 16 << 10
_WIDEST = 4 << 20
_PIECE = 8 << 20
"""Bytes of one request at most."""
_KEPT = 4_096
"""Pages kept, 16 MiB."""
_WHOLE = 64 << 20
"""Files up to here are fetched whole where the host sends no parts."""
_NOTHING = hashlib.sha256(b"").hexdigest()


class RemoteBlob:
    """core.blob.Blob over a file of a source. Reading on doubles what is fetched ahead; jumping starts small again."""

    far = True

    def __init__(self, remote: Remote, spool: Callable[[], Spool]) -> None:
        self.size = remote.file.size
        self.traffic = remote.traffic
        self._source = remote.source
        self._file = remote.file
        self._shelf = remote.shelf
        self._spool = spool
        self._pages: OrderedDict[int, bytes] = OrderedDict()
        self._window = _FIRST // 2
        self._next = 0
        self._last = 0
        self._glance = False
        self._reads_on = True
        self._whole: Blob | None = None
        self._sha256 = None if self.size else _NOTHING

    def sha256(self) -> str | None:
        """Digest of the whole content where it was fetched whole."""
        return self._sha256

    def read(self, offset: int, length: int) -> bytes:
        """See core.blob.Blob."""
        end = min(offset + length, self.size)
        if offset >= end:
            return b""
        start = self._shelf.start(self._file.path)
        if end <= len(start):
            return start[offset:end]
        if self._whole is None and self.size <= _SMALL:
            self._take_small()
        out = bytearray()
        self._glance = end - offset <= _GLANCE
        self._reads_on = offset - self._last <= PAGE
        self._last = end
        while self._whole is None and offset < end:
            number, inside = divmod(offset, PAGE)
            page = self._pages.get(number)
            if page is None:
                page = self._fetch(number, end)
            else:
                self._pages.move_to_end(number)
            piece = page[inside : inside + end - offset]
            out += piece
            offset += len(piece)
        if self._whole is not None:
            return bytes(out) + self._whole.read(offset, end - offset)
        return bytes(out)

    def _fetch(self, number: int, end: int) -> bytes:
        """Fetch from a page on, up to `end` or as far ahead as has paid before. Returns everything from there."""
        start = number * PAGE
        if start == self._next and self._reads_on:
            self._window = min(self._window * 2, _WIDEST)
        else:
            self._window = PAGE if self._glance else _WINDOW
        stop = min(-(-max(end, start + self._window) // PAGE) * PAGE, start + _PIECE)
        known = next((n for n in range(number + 1, -(-stop // PAGE)) if n in self._pages), None)
        stop = min(stop if known is None else known * PAGE, self.size)
        data = self._ask(start, stop - start)
        if self._whole is not None:
            return b""
        self._next = stop
        if not number:
            self._shelf.put_start(self._file.path, data)
        for at in range(0, len(data), PAGE):
            self._pages[number + at // PAGE] = data[at : at + PAGE]
        while len(self._pages) > _KEPT:
            self._pages.popitem(last=False)
        return data

    def _ask(self, start: int, length: int) -> bytes:
        """One request; where the host sends only the whole, and that is not much, all of it is fetched instead."""
        try:
            data = self._source.read(self._file.path, start, length, self.traffic)
        except NoRanges as error:
            if self.size > _WHOLE:
                raise _with_step(error) from error
            self.fetch_whole()
            return b""
        except Unreadable as error:
            raise _with_step(error) from error
        if len(data) != length:
            raise Unreadable(f"{self._file.path}: sent {len(data):,} bytes where {length:,} were asked for")
        return data

    def _take_small(self) -> None:
        content = self._shelf.get(self._file.path)
        if content is None:
            content = self._ask(0, self.size)
        if self._whole is None:
            self._verify(hashlib.sha256(content).hexdigest())
            self._shelf.put(self._file.path, content)
            self._whole = Bytes(content)

    def fetch_whole(self) -> None:
        """Fetch everything once, hash it, hold it against what the host declared, and read from there on locally."""
        room = self._spool()
        total = hashlib.sha256()
        size = 0
        try:
            for piece in self._everything():
                size += len(piece)
                total.update(piece)
                room.write(piece)
        except Unreadable as error:
            raise _with_step(error) from error
        except OSError as error:
            raise Unreadable(
                f"no room for {self.size:,} bytes: {error.strerror}", step="set TMPDIR to a disk that has it"
            ) from error
        if size != self.size:
            raise Unreadable(f"{self._file.path}: sent {size:,} bytes where {self.size:,} were declared")
        self._verify(total.hexdigest())
        self._pages.clear()
        self._whole = room.blob()
        self._shelf.put_start(self._file.path, self._whole.read(0, _FIRST))

    def _verify(self, digest: str) -> None:
        if self._file.sha256 not in {None, digest}:
            raise Unreadable(
                f"is not what its host declares: sha256 {self._file.sha256} declared, {digest} sent",
                step="do not use it; tell the host",
            )
        self._sha256 = digest

    def _everything(self) -> Iterator[bytes]:
        """In pieces that can be asked for again one by one; in one stream where the host knows no pieces."""
        at = 0
        try:
            while at < self.size:
                piece = self._source.read(self._file.path, at, min(_PIECE, self.size - at), self.traffic)
                if not piece:
                    return
                yield piece
                at += len(piece)
        except NoRanges:
            if at:
                raise
            yield from self._source.stream(self._file.path, self.traffic)


def _with_step(error: Unreadable) -> Unreadable:
    """The same, with what to do about it: what a finding says is the message alone."""
    return Unreadable(f"{error.message}; {error.step}") if error.step else error


@contextmanager
def open_remote(remote: Remote, spool: Callable[[], Spool], *, full: bool) -> Iterator[RemoteBlob]:
    """The file as a blob; with `full`, all of it is fetched and verified before the first read."""
    blob = RemoteBlob(remote, spool)
    if full:
        blob.fetch_whole()
    yield blob
