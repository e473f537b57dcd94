"""WHAT -> the nodes that it means: the seeds of a question to the graph.

    sha256:HEX, assaymark-manifest-v1:HEX, HEX      bytes
    pkg:pypi/torch@2.5.1                            a package; without version all of its versions
    pkg:pypi/torch@>=2,<2.6                         those in a range, also as pkg:pypi/torch@vers:pypi/>=2|<2.6
    publisher:NAME, dataset:NAME, model:NAME, …     what has that name, in all its versions
    project/model@version                           a version of the registry
    CVE-2024-1234, GHSA-…, PYSEC-…, MAL-…           what an advisory affects
    NAME                                            the same where only one kind of thing has that name

What may be meant and cannot be decided (a version that nobody can read, a dependency without version) is among the seeds, and
is named in `unsure`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import sqlalchemy as sa

from assaymark.bom import selectors_versions as versions
from assaymark.bom.claims import party_key
from assaymark.bom.graph_purls import canonical, split
from assaymark.bom.graph_tables import NODE_KINDS, NODE_NUMBER, aliases, nodes, packages
from assaymark.core.errors import NotFound, UsageError
from assaymark.core.graph import NodeKind

Advisory = Callable[[str], Mapping[str, Any] | None]
"""An advisory's OSV record by its id or one of its aliases; None where it is not known."""
_HEX = re.compile(r"[0-9a-fA-F]{64}")
_DIGEST = re.compile(r"[a-z0-9-]+:(?:[0-9a-fA-F]{2}){16,64}")
_ADVISORY = re.compile(r"(?:CVE-\d{4}-\d{3,}|GHSA(?:-\w{4}){3}|[A-Z][A-Z0-9]+-\d{4}-[\w:.-]+)", re.IGNORECASE)
_MANIFESTS = ("assaymark-manifest-v1:", "assaymark-manifest:")
_WORDS = {
    "publisher": NodeKind.PARTY, "vendor": NodeKind.PARTY, "supplier": NodeKind.PARTY, "dataset": NodeKind.DATA,
    "base": NodeKind.MODEL,
} | {str(kind): kind for kind in NodeKind}  # fmt: skip
_TYPES = {
    "pypi": "pypi", "npm": "npm", "crates.io": "cargo", "go": "golang", "maven": "maven", "nuget": "nuget", "rubygems": "gem",
    "packagist": "composer", "hex": "hex", "pub": "pub", "cran": "cran", "conancenter": "conan", "hackage": "hackage",
    "hugging face": "huggingface",
}  # fmt: skip
_DISTRIBUTIONS = {
    "debian": "deb",
    "ubuntu": "deb",
    "alpine": "apk",
    "red hat": "rpm",
    "rocky linux": "rpm",
    "almalinux": "rpm",
}
_NAMED = (NodeKind.MODEL, NodeKind.DATA, NodeKind.IMAGE)
"""Kinds that answer to `kind:name` too (bom.claims)."""
_LONGEST = 3_000
_CHOICES = 12


@dataclass(frozen=True, slots=True)
class Unsure:
    """A node that may be meant: its version, and why that cannot be said."""

    node: int
    version: str
    why: str


@dataclass(slots=True)
class Selection:
    """What was meant. `seeds` are ascending ids, those of `unsure` among them; `notes` are for people."""

    what: str
    seeds: tuple[int, ...] = ()
    unsure: tuple[Unsure, ...] = ()
    notes: list[str] = field(default_factory=list)
    withdrawn: str = ""
    """When the advisory was taken back; then there are no seeds."""


def select(connection: sa.Connection, what: str | Mapping[str, Any], advisory: Advisory | None = None) -> Selection:
    """Find the seeds. Raises NotFound where nothing in the graph has that name, UsageError where it can mean several things."""
    if isinstance(what, Mapping):
        return _osv(connection, what)
    text = what.strip()
    if not text or len(text) > _LONGEST or "\0" in text:
        raise UsageError(f"not a selector: {what!r:.80}", step="give a digest, a purl, a name or an advisory's id")
    if _HEX.fullmatch(text):
        return _named(connection, what, [f"{head}{text.lower()}" for head in ("sha256:", *_MANIFESTS)])
    if text.startswith("pkg:"):
        return _purl(connection, text)
    if _DIGEST.fullmatch(text):
        head, _, value = text.lower().partition(":")
        heads = _MANIFESTS if f"{head}:" in _MANIFESTS else (f"{head}:",)
        return _named(connection, what, [f"{one}{value}" for one in heads])
    if _ADVISORY.fullmatch(text):
        return _advisory(connection, text, advisory)
    return _by_name(connection, text)


def _seeds(what: str, found: Iterable[int], unsure: Iterable[Unsure] = (), notes: Iterable[str] = ()) -> Selection:
    more = tuple(sorted(unsure, key=lambda one: one.node))
    return Selection(what, tuple(sorted({*found, *(one.node for one in more)})), more, [*notes])


def _nothing(what: str) -> NotFound:
    step = "assay bom build makes the BOM of a folder; assay impact knows what such documents have named"
    return NotFound(f"nothing that the graph knows is called {what!r:.200}", step=step)


def _ids(connection: sa.Connection, names: list[str]) -> set[int]:
    found = set(connection.execute(sa.select(nodes.c.id).where(nodes.c.key.in_(names))).scalars())
    return found | set(connection.execute(sa.select(aliases.c.node).where(aliases.c.alias.in_(names))).scalars())


def _named(connection: sa.Connection, what: str, names: list[str]) -> Selection:
    """All nodes with one of these names, and those that share a purl with one of them: a name that others use for it."""
    found = _ids(connection, names)
    if not found:
        raise _nothing(what)
    return _seeds(what, found)


def _purl(connection: sa.Connection, text: str) -> Selection:
    at = next((place for place, sign in enumerate(text) if sign == "@" and text[place - 1] != "/"), -1)
    version = unquote(text[at + 1 :]) if at > 0 else ""
    if version and versions.is_range(version):
        purl = canonical(text[:at])
        if not purl:
            raise UsageError(f"not a purl: {text[:at]!r:.80}", step="write it as pkg:pypi/torch@<2.6")
        scheme = purl[4:].partition("/")[0]
        found = _tested(connection, split(purl)[0], versions.in_range(scheme, version))
        if found is None:
            raise _nothing(split(purl)[0])
        seeds, unsure, of = found
        return _seeds(text, seeds, unsure, [f"{len(seeds)} of {of} versions here are in the range"])
    purl = canonical(text)
    if not purl:
        raise UsageError(f"not a purl: {text!r:.80}", step="write it as pkg:TYPE/NAME@VERSION")
    package, version = split(purl)
    if version:
        unsure = [
            Unsure(node, "", "it is needed without a version")
            for node, own in _versions(connection, package)
            if not own
        ]
        found_ids = _ids(connection, [purl]) | {node for node, own in _versions(connection, package) if own == version}
        if not found_ids and not unsure:
            raise _nothing(text)
        return _seeds(text, found_ids, unsure)
    found_ids = _ids(connection, [purl]) | {node for node, _ in _versions(connection, package)}
    if not found_ids:
        raise _nothing(text)
    return _seeds(text, found_ids)


def _versions(connection: sa.Connection, package: str) -> list[tuple[int, str]]:
    rows = sa.select(packages.c.node, packages.c.version).where(packages.c.package == package)
    return [(node, version) for node, version in connection.execute(rows.order_by(packages.c.version, packages.c.node))]


def _tested(connection: sa.Connection, package: str, test: versions.Test) -> tuple[set[int], list[Unsure], int] | None:
    """Nodes of a package whose version passes; those of which that cannot be said; and how many versions there are."""
    held = _versions(connection, package)
    if not held:
        return None
    seeds: set[int] = set()
    unsure = []
    answers: dict[str, bool | None] = {}
    for node, version in held:
        if version not in answers:
            try:
                answers[version] = test(version) if version else None
            except versions.Unread:
                answers[version] = None
        if answers[version] is None:
            why = "its version cannot be read or compared" if version else "it is needed without a version"
            unsure.append(Unsure(node, version, why))
        elif answers[version]:
            seeds.add(node)
    return seeds, [one for one in unsure if one.node not in seeds], len(answers)


def _by_name(connection: sa.Connection, text: str) -> Selection:
    word, colon, name = text.partition(":")
    if word == "vers":
        step = "name the package too: pkg:pypi/torch@vers:pypi/<2.6"
        raise UsageError("a range alone does not say of which package", step=step)
    if colon and word.lower() in _WORDS:
        return _of_kind(connection, text, _WORDS[word.lower()], name.strip())
    return _plain(connection, text)


def _of_kind(connection: sa.Connection, what: str, kind: NodeKind, name: str) -> Selection:
    if not name:
        raise UsageError(f"{what!r:.80} names nothing", step="write a name behind the colon")
    own = nodes.c.kind == NODE_NUMBER[kind]
    found = set(connection.execute(sa.select(nodes.c.id).where(own, nodes.c.name == name)).scalars())
    calls = [party_key(name)] if kind is NodeKind.PARTY else [f"{kind}:{name}", what]
    # Another document may have called a thing of another kind so: then it answers to that as well.
    found |= _ids(connection, calls)
    if not found:
        raise _nothing(what)
    return _seeds(what, found)


def _plain(connection: sa.Connection, text: str) -> Selection:
    """A version of the registry, or a name."""
    found = _ids(connection, [text])
    if found:
        return _seeds(text, found)
    alias = sa.select(aliases.c.node).where(aliases.c.alias.in_([f"{kind}:{text}" for kind in _NAMED]))
    calls = sa.or_(nodes.c.name == text, nodes.c.key == party_key(text), nodes.c.id.in_(alias))
    rows = connection.execute(
        sa.select(nodes.c.id, nodes.c.kind, nodes.c.key, nodes.c.purl).where(calls).order_by(nodes.c.key)
    ).all()
    if not rows:
        raise _nothing(text)
    things = {(row.kind, split(row.purl)[0] if NODE_KINDS[row.kind] is NodeKind.LIBRARY else "") for row in rows}
    if len(things) > 1:
        choices = [f"{NODE_KINDS[row.kind]} {row.purl or row.key}" for row in rows]
        more = f" and {len(choices) - _CHOICES} more" if len(choices) > _CHOICES else ""
        step = f"name one of them, or write {NODE_KINDS[rows[0].kind]}:{text[:80]}"
        raise UsageError(f"{text!r:.80} can mean {', '.join(choices[:_CHOICES])}{more}", step=step)
    return _seeds(text, (row.id for row in rows))


def _advisory(connection: sa.Connection, name: str, advisory: Advisory | None) -> Selection:
    record = advisory(name) if advisory else None
    if record is None:
        step = "bring in a bundle that has it, or give the package and its range: pkg:pypi/torch@<2.6"
        raise NotFound(f"no advisory {name[:60]} is known here", step=step)
    selection = _osv(connection, record)
    selection.what = name
    return selection


def _osv(connection: sa.Connection, record: Mapping[str, Any]) -> Selection:
    """All versions here that an OSV record says are affected."""
    name = str(record.get("id", ""))
    if record.get("withdrawn"):
        return Selection(name, withdrawn=str(record["withdrawn"]), notes=[f"{name} was withdrawn"])
    seeds: set[int] = set()
    unsure: dict[int, Unsure] = {}
    notes = []
    entries = record.get("affected")
    for entry in entries if isinstance(entries, list) else ():
        for package in _packages(entry):
            scheme = package[4:].partition("/")[0]
            found = _tested(connection, package, versions.in_osv(scheme, entry))
            if found is None:
                notes.append(f"no version of {package} is here")
                continue
            seeds |= found[0]
            unsure |= {one.node: one for one in found[1]}
            notes.append(f"{package}: {len(found[0])} of {found[2]} versions here")
    if not notes:
        notes.append(f"{name} names no package that this program can look for")
    return _seeds(name, seeds, (one for one in unsure.values() if one.node not in seeds), dict.fromkeys(notes))


def _packages(entry: Any) -> Iterator[str]:
    """The package of an `affected`, as the tables name it."""
    package = entry.get("package") if isinstance(entry, dict) else None
    if not isinstance(package, dict):
        return
    purl = canonical(str(package.get("purl", ""))[:_LONGEST])
    if purl:
        yield split(purl)[0]
        return
    ecosystem, _, _ = str(package.get("ecosystem", "")).lower().partition(":")
    name = str(package.get("name", ""))[:_LONGEST]
    if ecosystem in _DISTRIBUTIONS:
        text = f"pkg:{_DISTRIBUTIONS[ecosystem]}/{ecosystem.replace(' ', '')}/{name}"
    elif ecosystem in _TYPES:
        text = f"pkg:{_TYPES[ecosystem]}/{name.replace(':', '/') if ecosystem == 'maven' else name}"
    else:
        return
    found = canonical(text)
    if found:
        yield split(found)[0]
