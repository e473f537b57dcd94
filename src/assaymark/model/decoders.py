"""Decoders with one face: those of the standard library have it, the others are given it here."""

import zlib
from typing import Protocol


class Decoder(Protocol):
    """The common face of bz2, lzma, lz4 and zstd decompressors."""

    @property
    def eof(self) -> bool:
        """The end mark of the stream was met."""
        ...

    @property
    def needs_input(self) -> bool:
        """Nothing more comes out without more input."""
        ...

    @property
    def unused_data(self) -> bytes:
        """Input that follows the end mark."""
        ...

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """At most `max_length` bytes of output."""
        ...


class Zlib:
    """zlib's decompressor with the face of the others."""

    def __init__(self, wbits: int) -> None:
        self._inner = zlib.decompressobj(wbits)
        self._full = False

    @property
    def eof(self) -> bool:
        """See Decoder."""
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        """See Decoder."""
        return not self._full and not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        """See Decoder."""
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """See Decoder."""
        produced = self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
        self._full = len(produced) == max_length
        return produced


class Sized:
    """A decoder of a stream that need not have an end mark: it ends when `size` bytes have come out."""

    def __init__(self, inner: Decoder, size: int) -> None:
        self._inner = inner
        self._left = size

    @property
    def eof(self) -> bool:
        """See Decoder."""
        return self._inner.eof or not self._left

    @property
    def needs_input(self) -> bool:
        """See Decoder."""
        return self._inner.needs_input

    @property
    def unused_data(self) -> bytes:
        """See Decoder."""
        return self._inner.unused_data if self._inner.eof else b""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """See Decoder."""
        produced = self._inner.decompress(data, min(max_length, self._left))
        self._left -= len(produced)
        return produced


class Filter:
    """A filter of liblzma on plain bytes. It only takes filters before a coder: LZMA2 chunks that store."""

    def __init__(self, chain: list[dict[str, int]], size: int) -> None:
        import lzma

        self._inner = lzma.LZMADecompressor(
            lzma.FORMAT_RAW, filters=[*chain, {"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16}]
        )
        self._left = size
        self._reset = b"\x01"

    @property
    def eof(self) -> bool:
        """See Decoder."""
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        """See Decoder."""
        return self._inner.needs_input

    @property
    def unused_data(self) -> bytes:
        """See Decoder."""
        return b""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """See Decoder."""
        stored = []
        for at in range(0, len(data), 1 << 16):
            piece = data[at : at + (1 << 16)]
            stored.append(self._reset + (len(piece) - 1).to_bytes(2, "big") + piece)
            self._reset = b"\x02"
        self._left -= len(data)
        if data and self._left <= 0:
            stored.append(b"\0")
        return self._inner.decompress(b"".join(stored), max_length)
