"""The Python files that a loader imports from the repository: what they do, and where."""

from collections.abc import Iterator
from dataclasses import dataclass

from assaymark.core.errors import AssayError
from assaymark.core.format import Tree
from assaymark.core.source.python import LIMIT, Call, Deed, calls
from assaymark.model.huggingface.views import CodeReference, RepositoryAct

_FILES = 50
_ACTS = 200
_TELLS = (Deed.PROCESS, Deed.EXECUTION, Deed.UNPICKLING, Deed.NATIVE, Deed.NETWORK, Deed.DELETION, Deed.DYNAMIC)


@dataclass(slots=True)
class _File:
    """One file that was read: its calls, and the files beside it that it imports."""

    acts: tuple[Call, ...]
    beside: tuple[str, ...]
    fault: str = ""


class Repository:
    """Reads each Python file of the tree once."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._files: dict[str, _File] = {}

    def reference(self, key: str, named: str, folder: str, *, line: int = 1) -> CodeReference:
        """Describe `named` (`repo--module.Class`, `module.Class` or a module's path), said by a file in `folder`."""
        repository, _, rest = named.rpartition("--")
        module = rest.rpartition(".")[0] or rest
        path = f"{folder}{module.replace('.', '/')}.py"
        if repository or path not in self._tree.files:
            return CodeReference(key, named, repository, "", (), "", line)
        files = [self._read(p) for p in self._closure(path)]
        deeds = {call.deed for file in files for call in file.acts}
        does = tuple(deed.value for deed in Deed if deed in deeds)
        fault = next((file.fault for file in files if file.fault), "")
        return CodeReference(key, named, "", path, does, fault, line)

    def acts(self, reference: CodeReference) -> Iterator[tuple[str, RepositoryAct]]:
        """Yield (path, act) for each call that does something, in the named file and those that it imports."""
        if not reference.file:
            return
        for path in self._closure(reference.file):
            for call in self._read(path).acts[:_ACTS]:
                if call.deed is not None:
                    yield (
                        path,
                        RepositoryAct(
                            call.deed, call.name, call.line, call.on_import, call.within, call.excerpt, call.hidden
                        ),
                    )

    def _closure(self, path: str) -> list[str]:
        """The file and what it imports from beside it, as `get_relative_import_files` of transformers collects it."""
        found = [path]
        for at in found:
            found.extend(p for p in self._read(at).beside if p not in found and p in self._tree.files)
            if len(found) > _FILES:
                break
        return found[:_FILES]

    def _read(self, path: str) -> _File:
        known = self._files.get(path)
        if known is None:
            known = self._files[path] = self._parse(path)
        return known

    def _parse(self, path: str) -> _File:
        folder = path.rpartition("/")[0]
        try:
            source = calls(self._tree.read(path, LIMIT))
        except AssayError as error:
            return _File((), (), error.message)
        beside = []
        for imported in source.imports:
            dots = len(imported.name) - len(imported.name.lstrip("."))
            if dots:
                base = folder.split("/") if folder else []
                base = base[: len(base) - dots + 1] if dots > 1 else base
                parts = imported.name.lstrip(".").split(".")
                beside += ["/".join([*base, *parts[:end]]) + ".py" for end in range(1, len(parts) + 1)]
        acts = tuple(c for c in source.deeds(*_TELLS) if c.called or c.deed is not Deed.NETWORK)
        return _File(acts, tuple(dict.fromkeys(beside)))
