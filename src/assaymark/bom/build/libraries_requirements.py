"""Requirement files: what is pinned, by which hashes, who asked for it (`# via`), and what `-c` and `-r` bring in."""

import posixpath

from assaymark.bom.build.draft import Draft, Sight, Sketch
from assaymark.bom.build.libraries_laid import Laid
from assaymark.bom.build.libraries_lay import environment, joined, library
from assaymark.bom.document import Place, Status
from assaymark.core.errors import AssayError, Malformed, OverBudget
from assaymark.core.graph import EdgeKind, NodeKind
from assaymark.core.source.secrets import redact
from assaymark.library import urls
from assaymark.library.inventory.lines import Asked, pinned_version
from assaymark.library.lock_details import Detail, Need
from assaymark.library.requirements import Document, Requirement, text_of
from assaymark.library.requirements import read as read_document
from assaymark.library.requirements_via import via

_LIMIT = 4 << 20
_MOST = 50
"""Constraint files of one requirement file."""
_STEP = "uv pip compile --generate-hashes requirements.in -o requirements.txt"


def read(sight: Sight, draft: Draft, path: str) -> None:
    """Lay one requirement file into the draft."""
    source, document = _document(sight, path)
    sketch = environment(sight, draft, path, "requirements")
    lay(sight, draft, sketch, Lines(path, document, via(source, (r.line for r in document.requirements))))
    for line, option, value in document.options:
        if option == "requirement" and "://" not in value:
            other = posixpath.normpath(posixpath.join(posixpath.dirname(path), value))
            if other in sight.tree.files:
                place = Place(path, f"line {line.number}")
                draft.relate(
                    sketch, EdgeKind.DEPENDS_ON, environment(sight, draft, other, "requirements"), Status.DECLARED,
                    place, how="direct",
                )  # fmt: skip
            else:
                draft.gap(sketch, "libraries", f"{path} includes {redact(value)[:200]}, which is not here", "")
    for bad in document.bad:
        draft.gap(sketch, f"line {bad.line}", f"{path}: {bad.why}"[:500], "write the line as pip reads it")


class Lines(Asked):
    """A requirement file as far as it is laid: `asked` by line number, from `# via`."""

    def __init__(self, path: str, document: Document, asked: dict[int, tuple[str, ...]], *, lead: int = 0) -> None:
        super().__init__(document, asked)
        self.path = path
        self.document = document
        self.lead = lead
        """Lines before it, where it stands in another file."""


def lay(sight: Sight, draft: Draft, sketch: Sketch, lines: Lines) -> None:
    """Every requirement of the file as a library of `sketch`."""
    pins = _constraints(sight, lines.path, lines.document)
    laid = Laid(draft, sketch, lines.path, None)
    needs: dict[str, list[Need]] = {}
    for wanted in lines.document.requirements:
        for asker in lines.askers(wanted.line):
            needs.setdefault(asker, []).append(Need(wanted.name))
    for wanted in lines.document.requirements:
        sight.budget.tick()
        place = Place(lines.path, f"line {wanted.line + lines.lead}")
        version, pinned_by = pinned_version(wanted), place
        if not version and wanted.name in pins and wanted.form == "index":
            version, pinned_by = pins[wanted.name]
        made = _library(draft, wanted, version, place, pinned_by)
        joined(made, "digests", wanted.hashes, Status.DECLARED, place)
        direct, why = lines.direct(wanted.line)
        detail = Detail((), tuple(needs.get(wanted.name, ())), (), wanted.marker[:1_000], direct)
        laid.add(made, wanted.name, version, detail, place, note=why)
        _gaps(draft, made, wanted, version, place)
    laid.edges(tick=sight.budget.tick)


def _library(draft: Draft, wanted: Requirement, version: str, place: Place, pinned_by: Place) -> Sketch:
    if not wanted.name:
        made = draft.component(NodeKind.LIBRARY, f"library:{wanted.text[:200]}")
        made.say("name", wanted.text[:200], Status.DECLARED, place)
    else:
        made = library(draft, "pypi", wanted.name, version, place, Status.DECLARED, pinned_by)
    if wanted.form != "index":
        address = wanted.text.partition(" @ ")[2] or wanted.text
        made.say("download", address[:1_000], Status.DECLARED, place)
        made.say("revision", wanted.reference if urls.is_commit(wanted.reference) else "", Status.DECLARED, place)
    elif not version:
        made.say("specifier", wanted.specifier, Status.DECLARED, place)
    return made


def _gaps(draft: Draft, made: Sketch, wanted: Requirement, version: str, place: Place) -> None:
    where = f"{place.path}, {place.at}"
    if wanted.form == "index" and not version:
        draft.gap(made, "version", f"asked for as `{wanted.text[:200]}` in {where}: not pinned", _STEP)
    elif wanted.form != "index" and not wanted.pinned:
        step = "name a full commit, or a sha256 of the file"
        draft.gap(made, "version", f"`{wanted.text[:200]}` in {where} may mean something else tomorrow", step)
    elif not wanted.hashed and wanted.form == "index":
        draft.gap(made, "digests", f"no hash beside it in {where}", _STEP)


def _constraints(sight: Sight, path: str, document: Document) -> dict[str, tuple[str, Place]]:
    """Name -> version and place, of the constraint files that are here."""
    pins: dict[str, tuple[str, Place]] = {}
    pending = [(path, value) for _, option, value in document.options if option == "constraint"]
    seen: set[str] = set()
    while pending and len(seen) < _MOST:
        base, value = pending.pop()
        other = posixpath.normpath(posixpath.join(posixpath.dirname(base), value))
        if other in seen or other not in sight.tree.files:
            continue
        seen.add(other)
        try:
            _, found = _document(sight, other)
        except AssayError:
            continue  # its own format says so in a scan
        for wanted in found.requirements:
            if pinned_version(wanted):
                pins.setdefault(wanted.name, (pinned_version(wanted), Place(other, f"line {wanted.line}")))
        pending += [(other, value) for _, option, value in found.options if option in {"constraint", "requirement"}]
    return pins


def _document(sight: Sight, path: str) -> tuple[str, Document]:
    if sight.tree.files[path].size > _LIMIT:
        raise OverBudget(f"{path} is longer than the {_LIMIT >> 20} MiB that are looked at")
    source = text_of(sight.tree.read(path, _LIMIT))
    document = read_document(source, path, sight.budget.tick)
    if len(document.bad) > 100 and not document.requirements:
        raise Malformed(f"{path} is no requirement file")
    return source, document
