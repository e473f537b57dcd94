"""Looks at a member of an archive as the PyTorch loader that reads it does."""

import re
from collections.abc import Iterator

from assaymark.core.blob import Blob, exact
from assaymark.core.format import Context, Item
from assaymark.core.source.python import LIMIT
from assaymark.model.torch.part import Role, TorchPart
from assaymark.model.torch.views import NativeCode, RunText, UnreadProgram

_FLAGS = 1 << 20
_SHELL = re.compile(rb"[;|&`]|\$\(")
"""What ends a command, begins another or has one run: torch pastes the flags into a command line."""


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Yield what the member has its loader do; nothing for one that only computes."""
    if not isinstance(blob, TorchPart):
        return
    budget = context.budget
    budget.tick()
    if blob.role is Role.SCRIPT:
        yield from _script(blob)
    elif blob.role in {Role.OBJECTS, Role.BYTECODE}:
        from assaymark.model.torch.objects import classes, operators

        yield from classes(blob, budget)
        if blob.role is Role.BYTECODE:
            yield from operators(blob, budget)
    elif blob.role is Role.GRAPH:
        from assaymark.model.torch.exported import read_graph

        yield from read_graph(blob, budget, context.name)
    elif blob.role is Role.NATIVE:
        yield NativeCode(blob.path, "when `torch._inductor.aoti_load_package` loads the file")
        if blob.path.lower().endswith("flags.json") and _SHELL.search(blob.read(0, _FLAGS)):
            yield RunText(blob.path, "", "gives the shell that compiles the model more than flags")
    elif blob.role is Role.MANIFEST:
        from assaymark.model.torch.served import read_manifest

        yield from read_manifest(blob)
    else:
        from assaymark.model.torch.bundled import read_code

        yield from read_code(blob)


def _script(part: TorchPart) -> Iterator[Item]:
    from assaymark.model.torch.script import read_script

    if part.size > LIMIT:
        yield UnreadProgram(part.path, f"has {part.size:,} bytes, more than the {LIMIT >> 20} MiB that are read")
        return
    yield from read_script(exact(part, 0, part.size, part.path), part.path)
