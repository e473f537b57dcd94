"""What conda and pixi install from: environment.yml, conda-lock.yml, pixi.lock, explicit lists (`@EXPLICIT`).

Known by name and beginning; no format of a scan. YAML of megabytes is read a few hundred packages at a time.
"""

import re
from collections.abc import Iterable, Iterator

from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.record import dataclass
from assaymark.core.source.secrets import redact
from assaymark.core.source.yaml_tree import Node, documents
from assaymark.library.lock_details import Detail, Need, hashes
from assaymark.library.urls import split

LIMIT = 32 << 20
"""Bytes of one document."""
_MOST = 50_000
_BATCH = 256 << 10
"""Characters that are parsed at once."""
_EXPLICIT = re.compile(r"^@EXPLICIT[ \t]*\r?$", re.MULTILINE)
_LIST = re.compile(r"^packages?:[ \t]*\r?\n", re.MULTILINE)
_ITEM = re.compile(r"([ \t]*)- ")
_SPEC = re.compile(
    r"(?:(?P<channel>[\w./:-]+)::)?(?P<name>[A-Za-z0-9_][\w.-]*)\s*(?P<rest>(?:\[|[=<>!~*\d ]).*)?", re.DOTALL
)
_EXACT = re.compile(r"==?\s*([\w.!+-]+)(?:=([\w.*-]+))?")
_FILE = re.compile(r"(?P<name>.+)-(?P<version>[^-]+)-(?P<build>[^-]+?)(?:\.tar\.bz2|\.conda)?")
_SUBDIRS = re.compile(r"noarch|(?:linux|osx|win|emscripten|wasi|freebsd|zos)-[\w-]+")


@dataclass(frozen=True, slots=True)
class CondaPackage:
    """One package. `version` is "" where the document leaves it open."""

    name: str
    version: str
    line: int
    build: str = ""
    channel: str = ""
    subdir: str = ""
    address: str = ""
    pypi: bool = False
    """From a Python index, by pip."""
    spec: str = ""
    """As asked for; empty in a lock."""
    exact: bool = True
    """Only this version can be meant."""
    detail: Detail = Detail()


@dataclass(frozen=True, slots=True)
class CondaFile:
    """A whole document. `tool`: conda (what is asked for), conda-lock, pixi, conda-explicit."""

    tool: str
    packages: tuple[CondaPackage, ...]
    pip: tuple[tuple[int, str], ...] = ()
    """(line, requirement or option) of the lines that are handed to pip."""

    @property
    def locked(self) -> bool:
        """It says every package that is installed."""
        return self.tool != "conda"


def kind_of(name: str, start: bytes) -> str:
    """Which tool's document this is by its name and its beginning; "" where it is none."""
    base = name.rsplit("/", 1)[-1].lower()
    if base == "pixi.lock":
        return "pixi"
    if re.fullmatch(r"(?:.*[.-])?conda-lock(?:\.[\w-]+)?\.ya?ml", base):
        return "conda-lock"
    if base.endswith((".txt", ".lock")) and re.search(rb"^@EXPLICIT[ \t]*\r?$", start, re.MULTILINE):
        return "conda-explicit"
    likely = re.fullmatch(r"(?:.*[-_.])?(?:environment|conda|env|conda_env)(?:[-_.].*)?\.ya?ml", base)
    if (
        likely
        and re.search(rb"^dependencies:", start, re.MULTILINE)
        and not re.search(rb"^package:", start, re.MULTILINE)
    ):
        return "conda"
    return ""


def read(text: str, tool: str) -> CondaFile:
    """The document; raises Malformed where it is none, OverBudget beyond the limits."""
    if len(text) > LIMIT:
        raise OverBudget(f"a conda document of {len(text):,} characters, more than the {LIMIT >> 20} MiB that are read")
    if tool == "conda":
        return _environment(text)
    found = _explicit(text) if tool == "conda-explicit" else _listed(text, tool)
    kept: list[CondaPackage] = []
    for package in found:
        if len(kept) == _MOST:
            raise OverBudget(f"a lock of more than {_MOST:,} packages")
        kept.append(package)
    return CondaFile(tool, tuple(kept))


def _environment(text: str) -> CondaFile:
    root = next(documents(text), None)
    listed = root.get("dependencies") if root is not None and root.kind == "mapping" else None
    if listed is None or listed.kind != "sequence":
        raise Malformed("an environment without a list of dependencies")
    packages: list[CondaPackage] = []
    pip: list[tuple[int, str]] = []
    for item in listed.items[:_MOST]:
        if item.kind == "scalar":
            packages += _asked(item.text, item.line)
        elif item.kind == "mapping" and (node := item.get("pip")) is not None:
            pip += ((line.line, line.text) for line in node.items[:_MOST] if line.kind == "scalar")
    return CondaFile("conda", tuple(packages), tuple(pip))


def _asked(spec: str, line: int) -> Iterator[CondaPackage]:
    """`channel::name=version=build`: `==`, or a version with a build, means one version; `=1.2.3` takes 1.2.3.x too."""
    match = _SPEC.fullmatch(spec.strip()[:1_000])
    if match is None:
        return
    rest = (match["rest"] or "").strip()
    words = rest.split()
    if len(words) == 2 and words[0][:1].isdigit():  # `name version build`, as `conda list --export` has it
        rest = f"={words[0]}={words[1]}"
    pinned = _EXACT.fullmatch(rest)
    version, build = (pinned[1], pinned[2] or "") if pinned else ("", "")
    exact = bool(pinned) and (rest.startswith("==") or bool(build and "*" not in build))
    if not exact and version.count(".") < 2:
        version = ""
    if "*" in version:
        version = ""
    yield CondaPackage(
        match["name"].lower(), version, line, build if "*" not in build else "", (match["channel"] or "")[:200],
        spec=spec.strip()[:300], exact=exact, detail=Detail(direct=True),
    )  # fmt: skip


def _explicit(text: str) -> Iterator[CondaPackage]:
    if not _EXPLICIT.search(text):
        raise Malformed("an explicit list without @EXPLICIT")
    for number, line in enumerate(text.splitlines(), 1):
        address, _, digest = line.strip().partition("#")
        if "://" in address:
            found = hashes([f"md5:{digest}", f"sha256:{digest}", digest])
            yield _from_url(address, number, Detail(found))


def _from_url(address: str, line: int, detail: Detail) -> CondaPackage:
    parts = [part for part in split(address).path.split("/") if part]
    match = _FILE.fullmatch(parts[-1][:300]) if parts else None
    if match is None:
        raise Malformed(f"line {line}: {redact(address)[:200]} names no conda package")
    subdir = parts[-2] if len(parts) > 1 and _SUBDIRS.fullmatch(parts[-2]) else ""
    channel = parts[-3] if subdir and len(parts) > 2 else ""
    return CondaPackage(
        match["name"].lower(), match["version"], line, match["build"], channel, subdir, redact(address)[:500],
        detail=detail,
    )  # fmt: skip


def _listed(text: str, tool: str) -> Iterator[CondaPackage]:
    for item in _items(text, tool):
        if item.kind == "mapping":
            package = _locked(item) if tool == "conda-lock" else _pixi(item)
            if package is not None:
                yield package


def _items(text: str, tool: str) -> Iterator[Node]:
    """The items of the top-level list of packages, a batch at a time."""
    start = _LIST.search(text)
    if start is None:
        raise Malformed(f"{tool}: no list of packages")
    line = text.count("\n", 0, start.end())
    indent, pending, length = None, list[str](), 0
    for piece in text[start.end() :].splitlines(keepends=True):
        item = _ITEM.match(piece)
        if item and indent is None:
            indent = item[1]
        if piece[:1] not in "- \t#\r\n":
            break
        if item and item[1] == indent and length > _BATCH:
            yield from _batch(pending, line)
            line, pending, length = line + len(pending), [], 0
        pending.append(piece)
        length += len(piece)
    yield from _batch(pending, line)


def _batch(lines: list[str], before: int) -> Iterator[Node]:
    for root in documents("".join(lines)):
        for item in root.items:
            item.line += before
            yield item


def _texts(node: Node | None) -> Iterator[str]:
    return (item.text for item in (node.items if node is not None else ()) if item.kind == "scalar")


def _text(node: Node | None) -> str:
    return node.text if node is not None and node.kind == "scalar" else ""


def _needs(names: Iterable[str]) -> tuple[Need, ...]:
    """Conda's specs begin with a name; what begins with `__` is a virtual package, such as glibc or the CUDA driver."""
    found = {re.split(r"[\s=<>!~;\[(]", name.strip(), maxsplit=1)[0].lower()[:200] for name in names}
    return tuple(Need(name) for name in sorted(found) if name and not name.startswith("__"))


def _locked(item: Node) -> CondaPackage | None:
    name, version = _text(item.get("name")), _text(item.get("version"))
    address = _text(item.get("url"))
    pypi = _text(item.get("manager")) == "pip"
    wanted = item.get("dependencies")
    hashed = item.get("hash")
    found = hashes(f"{key}:{value.text}" for key, value in hashed.named()) if hashed is not None else ()
    category = _text(item.get("category"))
    needs = _needs(key for key, _ in wanted.named()) if wanted is not None else ()
    detail = Detail(found, needs, (category,) if category else ())
    if not name:
        return None
    if pypi:
        return CondaPackage(name, version, item.line, address=redact(address)[:500], pypi=True, detail=detail)
    try:
        made = _from_url(address, item.line, detail)
    except Malformed:
        return CondaPackage(name, version, item.line, detail=detail)
    return CondaPackage(
        name, version, item.line, made.build, made.channel, made.subdir, made.address, detail=detail
    )  # fmt: skip


def _pixi(item: Node) -> CondaPackage | None:
    kind = _text(item.get("kind"))
    pypi = _text(item.get("pypi")) or (_text(item.get("url")) or _text(item.get("path")) if kind == "pypi" else "")
    found = hashes(f"{key}:{_text(item.get(key))}" for key in ("sha256", "md5"))
    if pypi:
        detail = Detail(found, _needs(_texts(item.get("requires_dist"))))
        name = _text(item.get("name"))
        if not name:
            return None
        return CondaPackage(
            name, _text(item.get("version")), item.line, address=redact(pypi)[:500], pypi=True, detail=detail
        )
    address = _text(item.get("conda")) or _text(item.get("url"))
    return _from_url(address, item.line, Detail(found, _needs(_texts(item.get("depends"))))) if address else None
