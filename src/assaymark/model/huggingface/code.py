"""The Python files that a loader imports from the repository: what they do, and where."""

import re
from collections.abc import Iterator

from assaymark.core.errors import AssayError
from assaymark.core.format import Tree
from assaymark.core.source.python import LIMIT, Call, Deed, PySource
from assaymark.core.source.python_program import Program
from assaymark.model.huggingface.views import CodeReference, RepositoryAct, RepositoryFlow, UnseenCode

_FILES = 80
_ROOTS = 40
_BYTES = 16 << 20
"""Bytes of Python that are read for one scan, each time that a file is read anew."""
_TELLS = (Deed.PROCESS, Deed.EXECUTION, Deed.UNPICKLING, Deed.NATIVE, Deed.NETWORK, Deed.DELETION, Deed.DYNAMIC)
_HARMFUL = (Deed.PROCESS, Deed.EXECUTION, Deed.UNPICKLING, Deed.NATIVE, Deed.DELETION)
_BINARY = re.compile(r"(?P<stem>.+?)(?:\.(?:cpython|cp|abi|pypy)[\w-]*)?\.(?:so|pyd|dll|dylib|pyc|pyo)")
_SAFE_BY_DEFAULT = frozenset({"torch.load", "torch.serialization.load", "numpy.load", "numpy.lib.npyio.load"})
_UNFOLLOWED = frozenset({
    "antigravity", "bdb", "cgi", "code", "codeop", "compileall", "doctest", "ensurepip", "ftplib", "idlelib", "imaplib",
    "imp", "lib2to3", "nntplib", "pip", "poplib", "pty", "py_compile", "rlcompleter", "smtplib", "socketserver", "tabnanny",
    "telnetlib", "tkinter", "turtle", "venv", "webbrowser", "winreg", "wsgiref", "xmlrpc", "zipapp", "zipimport", "marshal",
    "_ctypes", "_interpreters", "_posixsubprocess", "_winapi", "_xxsubinterpreters", "_pyrepl", "_testcapi", "_osx_support",
    "_aix_support", "pexpect", "paramiko", "fabric", "plumbum", "pyautogui", "pynput", "keyring", "browser_cookie3", "win32api",
    "win32crypt", "scapy", "nmap", "Crypto", "mss", "keyboard",
})  # fmt: skip
"""Modules that can act in more ways than names are known of, and that no model needs: their import alone is said."""
_COMMIT = re.compile(r"[0-9a-f]{40}")
_RUNS_OTHERS = re.compile(
    r"(?:\w+\.)*(?:from_pretrained|from_config|load_dataset|pipeline|SentenceTransformer|CrossEncoder)|kernels\.get_kernel|evaluate\.load|timm\.create_model"
)
_PATHS = frozenset({"sys.path.append", "sys.path.insert", "sys.path.extend", "site.addsitedir"})
_ARCHIVES = (".zip", ".whl", ".egg", ".pyz")
_BY_PATH = frozenset(
    {"importlib.util.spec_from_file_location", "importlib.machinery.SourceFileLoader", "imp.load_source"}
)

View = RepositoryAct | RepositoryFlow | UnseenCode


class Repository:
    """Reads the files that configurations name, each with those that it imports, as one program."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._programs: list[tuple[str, dict[str, PySource], str]] = []
        self._left = _BYTES
        self._wanted: dict[str, list[str]] = {}
        self._binaries: dict[str, str] = {}
        """Native and compiled modules by the path that their source would have."""
        for path in tree.files:
            match = _BINARY.fullmatch(path)
            if match:
                self._binaries.setdefault(match["stem"], path)

    @property
    def paths(self) -> set[str]:
        """Every file that was read because something names it."""
        return {path for _, files, _ in self._programs for path in files}

    def reference(self, key: str, named: str, folder: str, *, line: int = 1, flag: str = "") -> CodeReference:
        """Describe `named` (`repo--module.Class`, `module.Class` or a module's path), said by a file in `folder`."""
        repository, _, rest = named.rpartition("--")
        module = rest.rpartition(".")[0] or rest
        path = f"{folder}{module.replace('.', '/')}.py"
        if path not in self._tree.files and f"{path[:-3]}/__init__.py" in self._tree.files:
            path = f"{path[:-3]}/__init__.py"
        if repository or path not in self._tree.files:
            return CodeReference(key, named, repository, "", (), "", line, flag)
        files, fault = self._program(path, folder)
        own = self._closure(path, files)
        deeds = {call.deed for at in own for call in _telling(files[at])}
        does = tuple(deed.value for deed in Deed if deed in deeds)
        return CodeReference(key, named, "", path, does, fault, line, flag, len(own))

    def views(self, reference: CodeReference, folder: str) -> Iterator[tuple[str, View]]:
        """Yield (path, view) for all that the named file, and those that it imports, do."""
        if not reference.file:
            return
        files, _ = self._program(reference.file, folder)
        for path, source in files.items():
            for call in _telling(source):
                if call.deed is not None and (call.on_import or call.hidden or call.deed in _HARMFUL):
                    yield path, _act(call, call.deed)
            for flow in source.flows:
                yield path, RepositoryFlow(flow)
            for unseen in _unseen(source):
                yield path, unseen
        for path in files:
            yield from self._beside(path)

    def _program(self, path: str, folder: str) -> tuple[dict[str, PySource], str]:
        """The files read for this one, and why not all could be. What another program of the folder has is not read again."""
        for known_folder, files, fault in self._programs:
            if known_folder == folder and path in files:
                return files, fault
        files, fault = self._read(path, folder)
        if not files:
            # So that it is found again.
            files = {path: PySource((), (), (), ())}
        self._programs.append((folder, files, fault))
        return files, fault

    def _closure(self, path: str, files: dict[str, PySource]) -> list[str]:
        """The file and those that it imports."""
        found = {path: None}
        pending = [path]
        while pending:
            new = [p for p in self._wanted.get(pending.pop(), ()) if p in files and p not in found]
            found.update(dict.fromkeys(new))
            pending.extend(new)
        return list(found)

    def _read(self, path: str, folder: str) -> tuple[dict[str, PySource], str]:
        program = Program((folder.rstrip("/"),))
        fault = ""
        found, added = [path], 0
        for at in found:
            if added >= _FILES:
                return {}, f"it imports more than {_FILES} files"
            try:
                self._left -= self._tree.files[at].size
                if self._left < 0:
                    return {}, f"the configurations name more than {_BYTES >> 20} MiB of Python"
                data = self._tree.read(at, LIMIT)
                if b"sys.path" in data or b"addsitedir" in data:
                    program.widen(self._folders(folder))
                program.add(at, data)
            except AssayError as error:
                fault = fault or (error.message if at == path else f"{at}: {error.message}")
                continue
            added += 1
            self._wanted[at] = program.wanted(at)
            known = set(found)
            found.extend(p for p in self._wanted[at] if p in self._tree.files and p not in known)
        try:
            return program.read(), fault
        except AssayError as error:
            return {}, error.message

    def _folders(self, folder: str) -> tuple[str, ...]:
        """Folders below this one that hold Python, as far as they are few."""
        found = {p.rpartition("/")[0] for p in self._tree.files if p.startswith(folder) and p.endswith(".py")}
        return tuple(sorted(found)[:_ROOTS])

    def _beside(self, path: str) -> Iterator[tuple[str, View]]:
        """Native and compiled modules that an import finds where the source of no module lies."""
        for wanted in self._wanted.get(path, ()):
            stem = wanted.removesuffix(".py")
            if wanted not in self._tree.files and stem in self._binaries:
                yield path, UnseenCode(f"imports {self._binaries[stem]}", "native or compiled code", "", pinned=False)


def _telling(source: PySource) -> list[Call]:
    return [c for c in source.deeds(*_TELLS) if c.called or c.deed is not Deed.NETWORK]


def _act(call: Call, deed: Deed) -> RepositoryAct:
    explicit = ("weights_only", False) in call.keywords
    mild = not call.on_import and (
        (call.name in _SAFE_BY_DEFAULT and not explicit and "numpy" not in call.name)
        or (deed is Deed.DELETION and not call.strings)
    )
    return RepositoryAct(deed, call.name, call.line, call.on_import, call.within, call.excerpt, call.hidden, mild)


def _unseen(source: PySource) -> Iterator[UnseenCode]:
    """Code of other repositories that this one loads, files run by their path, and modules that are not followed."""
    for call in source.calls:
        given = dict(call.keywords)
        if call.called and call.strings and _RUNS_OTHERS.fullmatch(call.name.replace("()", "")):
            trusted = given.get("trust_remote_code") is True or "custom_pipeline" in given or "custom_generate" in given
            if trusted or call.name == "kernels.get_kernel":
                revision = str(given.get("code_revision") or given.get("revision") or "")
                pinned = _COMMIT.fullmatch(revision) is not None
                yield UnseenCode(f"{call.name} loads code", call.strings[0][:100], revision[:60], pinned, call.line)
        elif call.called and call.name in _BY_PATH:
            where = next((s for s in call.strings if "/" in s or s.endswith(".py")), "a path that is computed")
            yield UnseenCode(f"{call.name} loads code", where[:100], "", pinned=False, line=call.line)
        elif call.called and call.name in _PATHS:
            where = next((s for s in call.strings if s.startswith(("/", "~")) or s.lower().endswith(_ARCHIVES)), "")
            if where:
                yield UnseenCode(f"{call.name} has modules found", where[:100], "", pinned=False, line=call.line)
    for imported in source.imports:
        top = imported.name.partition(".")[0]
        if top in _UNFOLLOWED:
            yield UnseenCode(
                f"imports {top}",
                "a module that acts in more ways than are followed",
                "",
                pinned=False,
                line=imported.line,
            )
