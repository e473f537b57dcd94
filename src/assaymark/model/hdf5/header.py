"""Object headers: the messages that say what an object is (specification, section IV.A)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from assaymark.core.errors import Malformed, OverBudget
from assaymark.model.hdf5 import fractal
from assaymark.model.hdf5.source import Fields, Source

DATASPACE, LINK_INFO, DATATYPE, LINK, EXTERNAL_FILES, LAYOUT = 0x01, 0x02, 0x03, 0x06, 0x07, 0x08
FILTERS, ATTRIBUTE, SHARED_TABLE, CONTINUATION, SYMBOL_TABLE, DRIVER, ATTRIBUTE_INFO = (
    0x0B,
    0x0C,
    0x0F,
    0x10,
    0x11,
    0x14,
    0x15,
)
HEADER_BYTES = 64 << 20
"""Bytes that all blocks of one object header may have together."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `offset` is where its body stands in the blob."""

    kind: int
    flags: int
    body: bytes
    offset: int

    def fields(self, source: Source, what: str) -> Fields:
        """A cursor over the body."""
        return Fields(self.body, self.offset, what, source)


def messages(source: Source, address: int) -> Iterator[Message]:
    """The messages of the object header at `address`, continuation blocks included, shared ones resolved."""
    for found in _raw(source, address):
        yield resolve(source, found) if found.flags & 2 else found


def _raw(source: Source, address: int) -> Iterator[Message]:
    start = source.read(address, 4, "object header").take(4)
    if start == b"OHDR":
        return _modern(source, address)
    if start[:1] == b"\x01":
        return _classic(source, address)
    message = f"an object header begins with version 1 or OHDR, here stands {start.hex(' ')}"
    raise Malformed(message, offset=source.base + address)


def _classic(source: Source, address: int) -> Iterator[Message]:
    fields = source.read(address, 12, "object header")
    fields.take(8)
    blocks = [(address + 16, fields.number(4))]
    for start, length in _blocks(source, blocks):
        block = source.read(start, length, "object header block")
        while block.left >= 8:
            source.step()
            prefix = block.take(8)  # type, size, flags, three bytes reserved
            kind, size = int.from_bytes(prefix[:2], "little"), int.from_bytes(prefix[2:4], "little")
            offset = block.offset
            found = Message(kind, prefix[4], block.take(size), offset)
            if kind == CONTINUATION:
                blocks.append(_continuation(source, found))
            yield found


def _modern(source: Source, address: int) -> Iterator[Message]:
    fields = source.block(address, b"OHDR", 6, "object header")
    version, flags = fields.number(1), fields.number(1)
    if version != 2:
        message = f"object header of version {version} with the signature of version 2"
        raise Malformed(message, offset=fields.origin)
    before = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
    size_of_size = 1 << (flags & 3)
    first = source.read(address + before, size_of_size, "object header").number(size_of_size)
    blocks = [(address + before + size_of_size, first)]
    ordered = 2 if flags & 4 else 0
    for number, (start, length) in enumerate(_blocks(source, blocks)):
        if number:  # continuation blocks stand between a signature and a checksum
            block = source.block(start, b"OCHK", length, "object header continuation")
            block = block.part(block.left - 4, "object header continuation")
        else:
            block = source.read(start, length, "object header")
        while block.left >= 4 + ordered:
            source.step()
            kind, size, message_flags = block.number(1), block.number(2), block.number(1)
            block.take(ordered)
            offset = block.offset
            found = Message(kind, message_flags, block.take(size), offset)
            if kind == CONTINUATION:
                blocks.append(_continuation(source, found))
            yield found


def _continuation(source: Source, message: Message) -> tuple[int, int]:
    fields = message.fields(source, "continuation message")
    address, length = fields.address(), fields.length()
    if address is None:
        text = "a continuation message without an address"
        raise Malformed(text, offset=message.offset)
    return address, length


def _blocks(source: Source, blocks: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Each block once, in the order found; the list grows while it is read."""
    seen: set[int] = set()
    total = 0
    for start, length in blocks:
        if start in seen:
            message = "an object header continues in a block that it already has"
            raise Malformed(message, offset=source.base + start)
        seen.add(start)
        total += length
        if total > HEADER_BYTES:
            message = f"an object header of more than {HEADER_BYTES >> 20} MiB"
            raise OverBudget(message)
        yield start, length


def resolve(source: Source, message: Message, depth: int = 0) -> Message:
    """The message that a shared message stands for (section IV.A.2, "Shared Message")."""
    fields = message.fields(source, "shared message")
    version, where = fields.number(1), fields.number(1)
    if version == 1:
        fields.take(6)
    if version == 3 and where == 1:
        body, offset = fractal.shared(source, message.kind, fields.take(8))
        return replace(message, body=body, offset=offset, flags=0)
    address = fields.address()
    if version not in {1, 2, 3} or address is None or depth > 3:
        text = "a shared message that leads nowhere"
        raise Malformed(text, offset=message.offset)
    for found in _raw(source, address):
        if found.kind == message.kind:
            return resolve(source, found, depth + 1) if found.flags & 2 else found
    text = f"a shared message refers to an object without a message of type {message.kind:#04x}"
    raise Malformed(text, offset=message.offset)
