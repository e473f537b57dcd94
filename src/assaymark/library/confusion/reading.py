"""The names of libraries in requirement files, locks and pyproject.toml, as they are written there."""

import re
from collections.abc import Iterator

from assaymark.core.source.text import decode, line_at
from assaymark.library.confusion.internal import Named

_NAME = re.compile(r"[^\s=<>!~;\[\]#@(),]+")
_LOCKS = frozenset({"uv.lock", "poetry.lock", "pdm.lock", "pylock.toml", "pipfile.lock"})


def names_libraries(name: str) -> bool:
    """Whether a file of this name is one that `names_in` reads."""
    base = name.rpartition("/")[2].lower()
    if base in _LOCKS or base == "pyproject.toml" or (base.startswith("pylock.") and base.endswith(".toml")):
        return True
    return base.endswith((".txt", ".in")) and ("requirements" in base or "constraints" in base)


def names_in(data: bytes, path: str) -> Iterator[Named]:
    """The names in one file. Raises Malformed or OverBudget for what cannot be read."""
    base = path.replace("\\", "/").rpartition("/")[2].lower()
    if base == "pyproject.toml":
        yield from _manifest(data, path)
    elif base in _LOCKS or base.startswith("pylock."):
        yield from _lock(data, path)
    else:
        yield from _requirements(data, path)


def _requirements(data: bytes, path: str) -> Iterator[Named]:
    from assaymark.library.requirements import read, text_of

    document = read(text_of(data), path)
    mixed = any(option == "extra-index-url" for _, option, _ in document.options)
    index = next((value for _, option, value in document.options if option == "index-url"), "")
    for one in document.requirements:
        written = _NAME.match(one.text) if one.name else None
        if written:
            yield Named(written[0], path, one.line, index, mixed=mixed and not one.hashed)
    for bad in document.bad:
        written = _NAME.match(bad.excerpt)
        if written and not written[0].isascii() and "://" not in written[0]:
            yield Named(written[0], path, bad.line, index, mixed=mixed)


def _lock(data: bytes, path: str) -> Iterator[Named]:
    from assaymark.library.lock import read

    for package in read(decode(data, path), path).packages:
        if package.origin == "index" and not package.npm:
            yield Named(package.name, path, package.line, package.address)


def _manifest(data: bytes, path: str) -> Iterator[Named]:
    from assaymark.library.manifest import pyproject

    document = decode(data, path)
    for wanted in pyproject(document).dependencies:
        match = re.search(wanted.pattern, document, re.MULTILINE)
        yield Named(wanted.name, path, line_at(document, match.end()) if match else 1)
