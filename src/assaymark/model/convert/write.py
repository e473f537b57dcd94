"""safetensors: the layout of a file, its bytes in one pass, and the comparison of what was written with its source.

Format: 8 bytes little-endian length, a JSON header padded with blanks, then the tensors without gaps
(https://huggingface.co/docs/safetensors).
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from assaymark.core.blob import Blob, exact
from assaymark.core.budget import Budget
from assaymark.core.errors import Malformed, OverBudget, UsageError
from assaymark.model.convert.tensors import SIZES, Tensor

_HEADER = 100_000_000
"""Longest header that the library reads."""
_PIECE = 1 << 20
_REPEATS = 4
"""Tensors may show the bytes of all storages so many times over, and a GiB."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be written. `tied` are (name, other): `name` was copied or dropped since it shares memory with `other`."""

    tensors: tuple[Tensor, ...]
    tied: tuple[tuple[str, str], ...]
    metadata: Mapping[str, str]
    digests: dict[str, str] = field(default_factory=dict)
    """sha256 of each tensor's bytes as they came from the source."""


def plan(tensors: Mapping[str, Tensor], tied: str, framework: str) -> Plan:
    """Order the tensors and settle those that share memory. `tied` is `refuse`, `copy` or `drop`."""
    kept = dict(tensors)
    pairs = _shared(tensors)
    if pairs and tied == "refuse":
        name, other = pairs[0]
        more = f" (and {len(pairs) - 1} more)" if len(pairs) > 1 else ""
        step = "--tied drop writes one of them and notes the other; --tied copy writes both"
        raise UsageError(f"{name!r} shares memory with {other!r}{more}, which safetensors does not allow", step=step)
    metadata = {"format": framework}
    for name, other in pairs if tied == "drop" else ():
        if not _same(tensors[name], tensors[other]):
            step = "--tied copy writes both"
            raise UsageError(f"{name!r} overlaps {other!r} in part, so that neither can be dropped", step=step)
        del kept[name]
        metadata[name] = other
    stored = {(tensor.storage.key, tensor.storage.size) for tensor in kept.values()}
    if sum(tensor.size for tensor in kept.values()) > _REPEATS * sum(size for _, size in stored) + (1 << 30):
        raise OverBudget("the tensors repeat their storages many times over", step="save contiguous copies of the few")
    order = sorted(kept.values(), key=lambda t: (-SIZES[t.dtype], t.name))
    return Plan(tuple(order), tuple(pairs), metadata)


def _shared(tensors: Mapping[str, Tensor]) -> list[tuple[str, str]]:
    """(name, an earlier one whose bytes it shares), by name."""
    by_storage: dict[object, list[tuple[int, int, str]]] = {}
    for name in sorted(tensors):
        start, stop = tensors[name].span
        if stop > start:
            by_storage.setdefault(tensors[name].storage.key, []).append((start, stop, name))
    pairs = []
    for spans in by_storage.values():
        reach, holder = -1, ""
        for start, stop, name in sorted(spans):
            if start < reach:
                pairs.append((name, holder))
            if stop > reach:
                reach, holder = stop, name
    return sorted(pairs)


def _same(one: Tensor, other: Tensor) -> bool:
    return (one.dtype, one.shape, one.strides, one.offset) == (other.dtype, other.shape, other.strides, other.offset)


def header(plan: Plan) -> bytes:
    """Length and JSON header."""
    entries: dict[str, object] = {"__metadata__": dict(plan.metadata)}
    at = 0
    for tensor in plan.tensors:
        end = at + tensor.size
        entries[tensor.name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": [at, end]}
        at = end
    try:
        text = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        raise Malformed("the name of a tensor is no valid Unicode") from None
    text += b" " * (-len(text) % 8)
    if len(text) > _HEADER:
        raise OverBudget(f"a header of {len(text):,} bytes, more than safetensors reads")
    return len(text).to_bytes(8, "little") + text


def write(plan: Plan, put: Callable[[bytes], object], budget: Budget) -> None:
    """Write everything through `put`, in pieces; the digests of what was read are kept in the plan."""
    put(header(plan))
    for tensor in plan.tensors:
        digest, size = hashlib.sha256(), 0
        for piece in tensor.pieces():
            budget.tick()
            digest.update(piece)
            size += len(piece)
            put(piece)
        if size != tensor.size:
            raise Malformed(f"tensor {tensor.name!r} gave {size:,} bytes, not {tensor.size:,}")
        plan.digests[tensor.name] = digest.hexdigest()


def compare(plan: Plan, written: Blob, budget: Budget) -> None:
    """Read the file again as a loader would and hold each tensor against its source; raises Malformed."""
    length = int.from_bytes(exact(written, 0, 8, "the header length"), "little")
    if length > _HEADER:
        raise Malformed("what was written does not read back")
    entries = json.loads(exact(written, 8, length, "the header"))
    names: Sequence[str] = [name for name in entries if name != "__metadata__"]
    if names != [tensor.name for tensor in plan.tensors]:
        raise Malformed("what was written does not read back: it has other tensors")
    for tensor in plan.tensors:
        entry = entries[tensor.name]
        start, stop = (8 + length + offset for offset in entry["data_offsets"])
        digest = hashlib.sha256()
        for at in range(start, stop, _PIECE):
            budget.tick()
            digest.update(exact(written, at, min(_PIECE, stop - at), tensor.name))
        same = (entry["dtype"], entry["shape"], digest.hexdigest())
        if same != (tensor.dtype, list(tensor.shape), plan.digests[tensor.name]):
            raise Malformed(f"tensor {tensor.name!r} does not read back as it was written", step="check the disk")
