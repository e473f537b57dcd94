"""Pickles that torch's own C++ unpickler reads (torch/csrc/jit/serialization/unpickler.cpp): native classes and operators.

As pickles they are looked at like any other. Here only two things are taken from their bytes, wherever they stand: names
of native classes, whose `__setstate__` is native code, and the operators of byte code for mobile phones.
"""

import re
from collections.abc import Iterator

from assaymark.core.blob import CHUNK, Blob
from assaymark.core.budget import Budget
from assaymark.model.torch.operators import acts, computes, knows_class
from assaymark.model.torch.views import Operator

_CLASS = re.compile(rb"(?:X(.{4}))?__torch__\.torch\.classes\.([\w.]{1,200}(?:\n\w{1,200})?)", re.DOTALL)
"""A GLOBAL (module, line end, name), or a text with its length; other letters may follow the text at once."""
_PREFIX = len("__torch__.torch.classes.")
_OPERATOR = re.compile(rb"X(.{4})([A-Za-z_]\w*::\w+)", re.DOTALL)
"""BINUNICODE, its length, and the text: the only way that torch's unpickler reads one."""
_OVERLAP = 1_000
_MOST = 2_000


def classes(blob: Blob, budget: Budget) -> Iterator[Operator]:
    """Native classes that are not torch's own."""
    for at, (length, found) in _search(_CLASS, blob, budget):
        text = found[: max(int.from_bytes(length, "little") - _PREFIX, 0)] if length else found
        name = "::".join(re.split(r"[.\n]", text.decode("latin-1"))[:2])
        if not knows_class(name):
            yield Operator(f"class {name}", "", "", None, f"offset {at}")


def operators(blob: Blob, budget: Budget) -> Iterator[Operator]:
    """Operators of byte code that are not known to compute only."""
    for at, (length, text) in _search(_OPERATOR, blob, budget):
        name = text[: int.from_bytes(length, "little")].decode("latin-1")
        if not computes(name):
            yield Operator(name[:200], acts(name), "byte code", None, f"offset {at}")


def _search(pattern: re.Pattern[bytes], blob: Blob, budget: Budget) -> Iterator[tuple[int, tuple[bytes, ...]]]:
    """Offset and groups of each different match, in pieces that overlap."""
    seen: set[tuple[bytes, ...]] = set()
    at = 0
    while at < blob.size and len(seen) < _MOST:
        budget.tick()
        piece = blob.read(at, CHUNK)
        last = at + len(piece) >= blob.size
        for match in pattern.finditer(piece):
            groups = match.groups()
            if not last and match.end() == len(piece) and match.start() > len(piece) - _OVERLAP:
                continue  # cut short: the next piece has it whole
            if groups not in seen:
                seen.add(groups)
                yield at + match.start(), groups
        at += len(piece) if last else max(len(piece) - _OVERLAP, 1)
