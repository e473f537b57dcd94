"""The calls that data may reach, for `python_taint`: where they stand, and which of their arguments count."""

import ast
from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from assaymark.core.source.python_folding import Folder, Scope
from assaymark.core.source.python_labels import UPLOADS, Label

Key = Hashable
"""A node of the graph: a name, an attribute, a result or an expression."""


@dataclass(frozen=True, slots=True)
class At:
    """Where the walk is."""

    path: str
    scope: Scope
    function: Key = None
    within: str = ""
    on_import: bool = True
    main: bool = False


@dataclass(frozen=True, slots=True)
class Sink:
    """A call that data may reach."""

    what: str
    name: str
    watched: tuple[Label, ...]
    given: tuple[Key, ...]
    line: int
    at: At
    said: str = ""
    """Set where what is written there says it already, whatever flows."""


def carried_out(node: ast.Call, name: str) -> list[ast.expr]:
    """The arguments that leave the machine, the address of a plain fetch left out."""
    last = name.rpartition(".")[2]
    bodies = [
        k.value
        for k in node.keywords
        if k.arg in {"data", "json", "files", "content", "body", "params", "headers", "fields"}
    ]
    if not UPLOADS.match(last):
        extra = node.args[1:2] if name.startswith("urllib") and last != "urlretrieve" else []
        return [*bodies, *extra]
    address = 1 if name.startswith(("requests", "httpx", "aiohttp")) else 0
    return [*node.args[address:], *(k.value for k in node.keywords)]


def writes(node: ast.Call, name: str, folder: Folder, scope: Scope) -> bool:
    """Say whether this call of an opener opens for writing."""
    if not name.endswith("open"):
        return True
    modes: Iterator[ast.expr] = iter([k.value for k in node.keywords if k.arg in {"mode", "flags"}])
    place = 0 if name.startswith("pathlib") else 1
    mode = next(modes, node.args[place] if len(node.args) > place else None)
    values = folder.values(mode, scope) if mode is not None else ()
    return any(isinstance(v, str) and set(v) & set("wax+") for v in values) or (name == "os.open" and mode is not None)


def is_text(node: ast.expr) -> bool:
    """A text or bytes written out."""
    return isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)) and bool(node.value)
