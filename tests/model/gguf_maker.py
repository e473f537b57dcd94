"""GGUF files made by hand, well-formed or not."""

import struct


def text(value: str, order: str = "<", width: str = "Q") -> bytes:
    raw = value.encode()
    return struct.pack(order + width, len(raw)) + raw


def pair(key: str, kind: int, value: bytes, order: str = "<", width: str = "Q") -> bytes:
    """A metadata key with a value of this type, already packed."""
    return text(key, order, width) + struct.pack(order + "I", kind) + value


def text_pair(key: str, value: str, order: str = "<", width: str = "Q") -> bytes:
    return pair(key, 8, text(value, order, width), order, width)


def row(name: str, shape: tuple[int, ...], kind: int, offset: int, order: str = "<", width: str = "Q") -> bytes:
    """One row of the tensor table."""
    sizes = struct.pack(f"{order}I{len(shape)}{width}", len(shape), *shape)
    return text(name, order, width) + sizes + struct.pack(order + "IQ", kind, offset)


def gguf(pairs=(), rows=(), data: bytes = b"", *, version=3, order="<", keys=None, tensors=None, align=32) -> bytes:
    """The file; `keys` and `tensors` are the declared counts where they are to lie."""
    counts = (len(rows) if tensors is None else tensors, len(pairs) if keys is None else keys)
    head = b"GGUF" + struct.pack(order + "I" + ("II" if version == 1 else "QQ"), version, *counts)
    head += b"".join(pairs) + b"".join(rows)
    return head + bytes(-len(head) % align) + data if data else head
