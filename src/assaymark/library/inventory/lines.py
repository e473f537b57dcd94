"""Requirement and constraint files by pip's rules: pins, hashes, `# via`, and what `-r`, `-c` and `-i` bring in."""

import posixpath
import re
from collections.abc import Iterator

from assaymark.core.errors import AssayError, OverBudget
from assaymark.core.source.secrets import redact
from assaymark.library.inventory.look import Look
from assaymark.library.inventory.model import Package
from assaymark.library.inventory.paths import Entry, traced
from assaymark.library.lock_details import Need
from assaymark.library.requirements import Document, Requirement, role_of, text_of
from assaymark.library.requirements import read as read_document
from assaymark.library.requirements_via import via

LIMIT = 4 << 20
_MOST = 50
"""Constraint files of one requirement file."""
_ORIGINS = {"index": "index", "vcs": "git", "url": "url", "path": "local"}


class Asked:
    """Who asks for each line, from `# via`."""

    def __init__(self, document: Document, asked: dict[int, tuple[str, ...]]) -> None:
        self._asked = asked
        self._hashed = any(requirement.hashed for requirement in document.requirements)

    def direct(self, line: int) -> tuple[bool | None, str]:
        """Whether the project asks for what stands on this line, and why we think so where that is not said."""
        if not self._asked:
            if self._hashed:
                return None, "hashes and no `# via`: compiled, and by whom each line is asked for is not said"
            return True, "no `# via` in the file: each line is taken as asked for"
        who = self._asked.get(line, ())
        return not who or any(is_project(asker) for asker in who), ""

    def askers(self, line: int) -> Iterator[str]:
        """Packages that ask for it."""
        from packaging.utils import canonicalize_name

        for asker in self._asked.get(line, ()):
            if not is_project(asker):
                yield canonicalize_name(re.split(r"[\s\[]", asker, maxsplit=1)[0])


def is_project(asker: str) -> bool:
    """A `# via` that names a file or the project itself, not a package."""
    return asker.startswith("-") or "(" in asker or asker.endswith((".in", ".txt", ".toml"))


def pinned_version(requirement: Requirement) -> str:
    """The one version that `==` or `===` names, or ""."""
    match = re.fullmatch(r"={2,3}\s*([^,=*\s]+)", requirement.specifier)
    return match[1] if match else ""


def read(look: Look, path: str) -> tuple[str, list[Package]]:
    """The role of the file, and every requirement in it; files behind `-r` are files of their own, or gaps."""
    source, document = _document(look, path)
    for bad in document.bad:
        look.gap(path, f"pip would refuse the line: {bad.why}", bad.line)
    for line, option, value in document.options:
        if option in {"requirement", "constraint"}:
            other = posixpath.normpath(posixpath.join(posixpath.dirname(path), value))
            if "://" in value or other.startswith("..") or other not in look.tree.files:
                look.gap(path, f"includes {redact(value)[:200]}, which is not in what was looked at", line.number)
    role = "constraints" if role_of(path) == "constraints" else "requirements"
    return role, packages(look, path, source, document, role)


def packages(look: Look, path: str, source: str, document: Document, role: str, lead: int = 0) -> list[Package]:
    """Every requirement; `lead` are the lines before it, where it stands in another file."""
    asked = Asked(document, via(source, (r.line for r in document.requirements)))
    pins = _constraints(look, path, document)
    index = next((redact(value) for _, option, value in document.options if option in {"index-url", "pypi-url"}), "")
    needs: dict[str, list[Need]] = {}
    for wanted in document.requirements:
        for asker in asked.askers(wanted.line):
            needs.setdefault(asker, []).append(Need(wanted.name))
    entries = []
    for wanted in document.requirements:
        version = pinned_version(wanted)
        if not version and wanted.form == "index":
            version = pins.get(wanted.name, "")
        address = wanted.text.partition(" @ ")[2] or wanted.text
        made = Package(
            "PyPI", wanted.name or wanted.text[:200], version, path, wanted.line + lead, role,
            tuple(sorted(wanted.hashes)), index if wanted.form == "index" else address[:1_000], _ORIGINS[wanted.form],
            None if role == "constraints" else asked.direct(wanted.line)[0], marker=wanted.marker[:1_000],
            specifier=wanted.specifier, fixed=wanted.hashed or (wanted.form == "vcs" and wanted.pinned),
        )  # fmt: skip
        entries.append(Entry(made, tuple(needs.get(wanted.name, ()))))
    return traced(entries, None, look.tick)


def _constraints(look: Look, path: str, document: Document) -> dict[str, str]:
    """Name -> version, of the constraint files that are here."""
    pins: dict[str, str] = {}
    pending = [(path, value) for _, option, value in document.options if option == "constraint"]
    seen: set[str] = set()
    while pending and len(seen) < _MOST:
        base, value = pending.pop()
        other = posixpath.normpath(posixpath.join(posixpath.dirname(base), value))
        if other in seen or other not in look.tree.files:
            continue
        seen.add(other)
        try:
            _, found = _document(look, other)
        except AssayError:
            continue  # it is read for itself, too, and says so there
        for wanted in found.requirements:
            if pinned_version(wanted):
                pins.setdefault(wanted.name, pinned_version(wanted))
        pending += [(other, value) for _, option, value in found.options if option in {"constraint", "requirement"}]
    return pins


def _document(look: Look, path: str) -> tuple[str, Document]:
    size = look.tree.files[path].size
    if size > LIMIT:
        raise OverBudget(f"{path} is {size:,} bytes long, more than the {LIMIT >> 20} MiB that are looked at")
    source = text_of(look.tree.read(path, LIMIT))
    return source, read_document(source, path, look.tick)
