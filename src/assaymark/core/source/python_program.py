"""Python files that import each other, read as one program.

    program = Program()
    program.add("modeling.py", data)
    for path in program.wanted("modeling.py"): ...   # add those that are there
    sources = program.read()

A name that one file takes from another is followed into it, and data through the calls between them.
"""

import ast
from collections.abc import Iterator

from assaymark.core.errors import OverBudget
from assaymark.core.source.python import lines_of, parse_python
from assaymark.core.source.python_bindings import Binder, Binding
from assaymark.core.source.python_folding import Folder, Ref, Scope
from assaymark.core.source.python_reader import Reach, Reader
from assaymark.core.source.python_seen import PySource
from assaymark.core.source.python_taint import Taint

_LAST = 1 << 29
_STEPS = 300_000
_MOST_STEPS = 6_000_000
_STARS = 5
"""Rounds in which names go from file to file through `import *`."""


class Program:
    """Add files, then `read` once."""

    def __init__(self, roots: tuple[str, ...] = ()) -> None:
        """`roots` are folders in which absolute imports are looked for, beside that of the file itself."""
        self._folder = Folder()
        self._roots = roots
        self._binders: dict[str, Binder] = {}
        self._lines: dict[str, list[str]] = {}

    def add(self, path: str, source: bytes) -> None:
        """Take in one file; raises Malformed or OverBudget as `calls` does."""
        tree = parse_python(source)
        try:
            binder = Binder(tree, self._folder)
        except RecursionError:
            raise OverBudget("Python source nested too deeply to be followed") from None
        self._binders[path] = binder
        self._lines[path] = lines_of(source)
        self._folder.steps = min(self._folder.steps + _STEPS, _MOST_STEPS)

    def widen(self, roots: tuple[str, ...]) -> None:
        """Look for absolute imports in these folders too: the code changes `sys.path`."""
        self._roots = (*self._roots, *(root for root in roots if root not in self._roots))

    def wanted(self, path: str) -> list[str]:
        """Paths at which what this file imports would lie in the same folder tree."""
        found: dict[str, None] = {}
        for binding in self._binders[path].bindings:
            for base in self._bases(path, binding.level):
                parts = [p for p in (*binding.module.split("."), binding.name) if p and p != "*"]
                for end in range(1, len(parts) + 1):
                    stem = "/".join([*base, *parts[:end]])
                    found[f"{stem}.py"] = found[f"{stem}/__init__.py"] = None
        return list(found)

    def read(self) -> dict[str, PySource]:
        """What each file does. Raises OverBudget where they bind their names in too many ways."""
        try:
            return self._read()
        except RecursionError:
            raise OverBudget("Python source nested too deeply to be followed") from None

    def _read(self) -> dict[str, PySource]:
        self._link()
        reach = Reach()
        taint = Taint(self._folder)
        readers = {}
        for path, binder in self._binders.items():
            readers[path] = Reader(binder, self._folder, reach, self._lines[path])
            readers[path].walk()
        for path, binder in self._binders.items():
            taint.add(path, binder, self._lines[path])
        reached = reach.reached()
        flows = taint.flows(reached)
        made = {}
        for path, reader in readers.items():
            seen = reader.result(reached)
            made[path] = PySource(seen.calls, seen.imports, seen.classes, seen.urls, tuple(flows.get(path, ())))
        return made

    # --- which file an import means

    def _bases(self, path: str, level: int) -> Iterator[list[str]]:
        folder = path.rpartition("/")[0]
        own = folder.split("/") if folder else []
        if level:
            yield own[: max(len(own) - level + 1, 0)]
            return
        yield own
        for root in self._roots:
            if root != folder:
                yield root.split("/") if root else []

    def _module(self, path: str, level: int, module: str) -> str | None:
        """The file that a module's name means, or None."""
        parts = [p for p in module.split(".") if p]
        for base in self._bases(path, level):
            stem = "/".join([*base, *parts])
            for candidate in (f"{stem}.py", f"{stem}/__init__.py" if stem else "__init__.py"):
                if candidate in self._binders and candidate != path:
                    return candidate
        return None

    def _link(self) -> None:
        """Bind what each file imports to what the other file binds."""
        keys = {path: f"@{at}" for at, path in enumerate(self._binders)}
        for path, key in keys.items():
            self._folder.modules[key] = self._binders[path].root
        stars: list[tuple[Scope, Scope]] = []
        for path, binder in self._binders.items():
            for binding in binder.bindings:
                self._bind(path, binding, keys, stars)
        for _ in range(_STARS):
            for scope, other in stars:
                for name in list(other.names):
                    if not name.startswith("_") and name not in scope.names:
                        scope.bind(name, _name(name), other)

    def _bind(self, path: str, binding: Binding, keys: dict[str, str], stars: list[tuple[Scope, Scope]]) -> None:
        scope = binding.scope
        if binding.name == "*":
            found = self._module(path, binding.level, binding.module)
            if found:
                stars.append((scope, self._binders[found].root))
        elif binding.name:
            inner = self._module(path, binding.level, f"{binding.module}.{binding.name}")
            found = self._module(path, binding.level, binding.module)
            if inner:
                scope.bind(binding.alias, Ref(keys[inner]))
            if found:
                scope.bind(binding.alias, _name(binding.name), self._binders[found].root)
        else:
            self._bind_module(path, binding, keys)

    def _bind_module(self, path: str, binding: Binding, keys: dict[str, str]) -> None:
        """`import a.b as x` binds the last, `import a.b` the first, which holds the others."""
        parts = binding.module.split(".")
        if binding.renamed:
            found = self._module(path, 0, binding.module)
            if found:
                binding.scope.bind(binding.alias, Ref(keys[found]))
            return
        holder = binding.scope
        for end in range(1, len(parts) + 1):
            found = self._module(path, 0, ".".join(parts[:end]))
            key = keys[found] if found else f"@{path}:{'/'.join(parts[:end])}".replace(".", "/")
            below = any(self._module(path, 0, ".".join(parts[:e])) for e in range(end, len(parts) + 1))
            if not below:
                return
            inner = self._folder.modules.setdefault(key, Scope("module", ""))
            holder.bind(parts[end - 1], Ref(key))
            holder = inner


def _name(name: str) -> ast.Name:
    """A read of this name after all that its file does."""
    return ast.Name(name, ast.Load(), lineno=_LAST, col_offset=0)
