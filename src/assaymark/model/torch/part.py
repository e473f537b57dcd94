"""Which members of a zip or tar PyTorch's loaders give a meaning to, by the names of all members.

Light, for every archive passes here. Names are compared without case, as torch's zip reader does. A member with a meaning
is handed on as a `TorchPart`, so that it is looked at as what its loader takes it for and not only as what it looks like.
"""

from collections.abc import Collection, Iterator
from enum import StrEnum

from assaymark.core.blob import Blob, Slice
from assaymark.core.format import Head, Item, Member
from assaymark.core.record import dataclass


class Role(StrEnum):
    """What a loader takes a member for."""

    SCRIPT = "TorchScript code"
    OBJECTS = "TorchScript objects"
    BYTECODE = "TorchScript byte code"
    GRAPH = "exported graph"
    NATIVE = "compiled model"
    PACKAGE = "code of a torch.package"
    MANIFEST = "TorchServe manifest"
    HANDLER = "code of a TorchServe archive"
    SETTINGS = "settings of a model"
    REPOSITORY = "code of a model folder in an archive"
    PROGRAM = "program of a zip application"


class TorchPart(Slice):
    """A member with its role, and the names of all members of its archive."""

    def __init__(self, blob: Blob, role: Role, path: str, names: Collection[str]) -> None:
        super().__init__(blob, 0, blob.size)
        self.role = role
        self.path = path
        self.names = names


_SCRIPT_MARKS = ("constants.pkl", "bytecode.pkl", "model.json", "mobile_debug_handles.pkl")
"""One of them stands beside a version, without which torch opens no archive."""
_EXPORTED = "serialized_exported_program.json"
"""torch.export up to 2.7."""
MANIFEST = "mar-inf/manifest.json"
"""TorchServe, at the top of the archive."""


SETTINGS = frozenset({
    "config.json", "tokenizer_config.json", "processor_config.json", "preprocessor_config.json", "generation_config.json",
    "adapter_config.json", "model_index.json", "modules.json", "router_config.json", "chat_template.json", "chat_template.jinja",
})  # fmt: skip
"""Files of a model folder that make a loader import, fetch or render."""
_SOURCES = frozenset({"setup.py", "pyproject.toml", "pkg-info", "setup.cfg"})
"""Above a folder with settings they say that it is data of a package's source; beside them they say nothing."""
_DEEPEST = 8
"""Folders above the root of an archive that are thought of; torch itself knows one."""


class Layout:
    """The roots of PyTorch archives among these names."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = frozenset(_key(name) for name in names)
        self._scripts: set[str] = set()
        self._exports: set[str] = set()
        self._packages: set[str] = set()
        self._models: set[str] = set()
        for name in self._names:
            folder, _, base = name.rpartition("/")
            root = f"{folder}/" if folder else ""
            if name.endswith(".data/extern_modules"):
                self._packages.add(root.removesuffix(".data/"))
            elif base in {"archive_format", _EXPORTED}:
                self._exports.add(root)
            elif base in _SCRIPT_MARKS and not self._names.isdisjoint({f"{root}version", f"{root}.data/version"}):
                self._scripts.add(root)
            elif base in SETTINGS or base.endswith(".index.json"):
                self._models.add(root)
        self._served = MANIFEST in self._names
        self._program = "__main__.py" in self._names
        self._sources = {
            name.removesuffix(base)
            for name in self._names
            if name.count("/") <= 1 and (base := name.rpartition("/")[2]) in _SOURCES
        }
        self.any = bool(
            self._scripts or self._exports or self._packages or self._served or self._models or self._program
        )

    def mark(self, item: Item) -> Item:
        """The member as a part with its role; anything else as it is."""
        if not self.any or not isinstance(item, Member):
            return item
        role = self._role(_key(item.name))
        return Member(item.name, TorchPart(item.blob, role, item.name, self._names)) if role else item

    def _role(self, name: str) -> Role | None:
        for root in _roots(name):
            inner = name[len(root) :]
            role = _packed(inner) if root in self._packages else None
            role = role or (_exported(inner) if root in self._exports else None)
            role = role or (_scripted(inner) if root in self._scripts else None)
            if role:
                return role
        if self._served:
            return Role.MANIFEST if name == MANIFEST else Role.HANDLER if name.endswith((".py", ".pyc")) else None
        if self._program and name == "__main__.py":
            return Role.PROGRAM
        folder, _, base = name.rpartition("/")
        if base in SETTINGS or base.endswith(".index.json"):
            return Role.SETTINGS
        here = f"{folder}/" if folder else ""
        if here not in self._models or not name.endswith(".py"):
            return None
        return None if any(here != root and here.startswith(root) for root in self._sources) else Role.REPOSITORY


def _roots(name: str) -> Iterator[str]:
    """The folders above a name, from the archive itself on. torch takes the first folder of the first member."""
    yield ""
    at = 0
    for _ in range(_DEEPEST):
        at = name.find("/", at) + 1
        if not at:
            return
        yield name[:at]


def _packed(inner: str) -> Role | None:
    """By the place below the root of a torch.package."""
    if inner.startswith(".data/ts_code/"):
        return Role.SCRIPT if inner.endswith(".py") else Role.OBJECTS if inner.endswith(".pkl") else None
    return Role.PACKAGE if inner.endswith(".py") else None


def _key(name: str) -> str:
    return name.removeprefix("./").casefold()


def _scripted(inner: str) -> Role | None:
    """By the place below the root of a TorchScript archive."""
    if inner.startswith("code/"):
        return Role.SCRIPT if inner.endswith(".py") else None
    if inner == "bytecode.pkl":
        return Role.BYTECODE
    return Role.OBJECTS if inner.endswith(".pkl") and "/" not in inner else None


def _exported(inner: str) -> Role | None:
    """By the place below the root of an exported program."""
    if (inner.startswith("models/") and inner.endswith(".json")) or inner == _EXPORTED:
        return Role.GRAPH
    if inner.startswith("data/aotinductor/") and (inner.endswith("flags.json") or not inner.endswith((".json", "/"))):
        return Role.NATIVE
    return Role.OBJECTS if inner.startswith("data/constants/custom_obj_") else None


def is_part(head: Head) -> bool:
    """A member that `Layout.mark` gave a role."""
    return isinstance(head.blob, TorchPart) and head.blob.role is not Role.SETTINGS


def is_settings(head: Head) -> bool:
    """A file of a model folder that lies in an archive."""
    return isinstance(head.blob, TorchPart) and head.blob.role is Role.SETTINGS


@dataclass(frozen=True, slots=True)
class CarriesModel:
    """An executable that carries a model in a zip at its end."""

    kind: str
    models: tuple[str, ...]
    arguments: bool
    """It has a member `.args`, whose lines stand before those of the command line."""


def program_in(blob: Blob, names: Collection[str]) -> Iterator[CarriesModel]:
    """An executable that a zip follows which has a model or the arguments of a llamafile in it."""
    start = blob.read(0, 6)
    kind = next((kind for magic, kind in _EXECUTABLES.items() if start.startswith(magic)), "")
    if not kind:
        return
    models = tuple(sorted(n[:200] for n in names if n.lower().endswith((".gguf", ".llamafile"))))
    if models or ".args" in names:
        yield CarriesModel(kind, models[:20], ".args" in names)


_EXECUTABLES = {
    b"MZqFpD": "an Actually Portable Executable",
    b"jartsr": "an Actually Portable Executable",
    b"MZ": "a Windows executable",
    b"\x7fELF": "an ELF executable",
    b"#!": "a script",
}
