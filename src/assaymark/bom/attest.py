"""A bill of materials as a statement to sign, in-toto Statement v1: about a model's digest and every file that it names.

What it says of files is held against the bytes first (core.bom), so nothing is signed that its reader would refuse.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from assaymark.bom.document import Bom, Component, Fact, Place, Relation, Status
from assaymark.core import bom as named
from assaymark.core.digest import MANIFEST, SHA256, Digest
from assaymark.core.envelope import Envelope
from assaymark.core.errors import Malformed, Untrusted
from assaymark.core.evidence import PAYLOAD_TYPE, Statement, read_statement
from assaymark.core.graph import EdgeKind, NodeKind
from assaymark.core.manifest import Manifest
from assaymark.core.subject import Subject

_SHOWN = 20
_ROOM = re.compile(r"[^A-Za-z0-9._~@/:+-]+")
"""What refs are not made of (bom.build.draft)."""


def predicate_type(document: Mapping[str, Any]) -> str:
    """By which a document is signed; raises Malformed for none of CycloneDX, SPDX 2 and SPDX 3 in JSON."""
    if document.get("bomFormat") == "CycloneDX":
        return named.CYCLONEDX
    if isinstance(document.get("@graph"), list):
        return named.SPDX3
    if str(document.get("spdxVersion")).startswith("SPDX-2."):
        return named.SPDX
    step = "sign CycloneDX or SPDX in JSON: assay bom convert BOM --to cyclonedx"
    raise Malformed("this is no bill of materials of a format that is signed", step=step)


def statement(document: Mapping[str, Any], digest: Digest, manifest: Manifest | None) -> Statement:
    """What to sign about the model of that digest; `manifest` is what its files are, None where nobody can look.

    Raises Untrusted with every disagreement between document and files. Without files the document itself has to say that it
    is about the digest. Raises Malformed for numbers of which there is no one form (RFC 8785 in I-JSON): beyond 2^53.
    """
    kind = predicate_type(document)
    listed = named.read(document, kind)
    wrong = named.disagreements(listed, manifest) if manifest is not None else _unbound(listed, digest)
    if wrong:
        more = f"\n  and {len(wrong) - _SHOWN:,} more" if len(wrong) > _SHOWN else ""
        lines = "".join(f"\n  {line}" for line in wrong[:_SHOWN])
        step = "make it of these very files: assay bom build"
        raise Untrusted(f"the bill of materials does not agree with {digest}:{lines}{more}", step=step)
    subjects = {digest: Subject(name_of(document, kind), digest)}
    for path, sha256 in listed.files:
        subjects.setdefault(Digest(SHA256, sha256), Subject(path, Digest(SHA256, sha256)))
    made = Statement(tuple(subjects.values()), kind, document)
    _check_form(made)
    return made


def _unbound(listed: named.Listed, digest: Digest) -> list[str]:
    if digest.algorithm == MANIFEST and digest.value in listed.manifests:
        return []
    if digest.algorithm == SHA256 and digest.value in listed.digests:
        return []
    return ["it does not name that digest; let the files themselves be looked at: --model PATH"]


def _check_form(made: Statement) -> None:
    """What is signed reads as what was given: all else would be another document for the next reader."""
    import rfc8785

    try:
        payload = made.payload()
    except (rfc8785.CanonicalizationError, ValueError, RecursionError) as error:
        raise Malformed(f"the bill of materials has no canonical form: {error}", step=_NUMBERS) from error
    if len(payload) > named.LIMIT:
        step = "leave out what is not of the model, as the files of large datasets"
        raise Malformed(f"a statement of {len(payload):,} bytes; at most {named.LIMIT:,} are taken", step=step)
    try:
        same = read_statement(Envelope(PAYLOAD_TYPE, payload, ()))
    except Malformed as error:
        raise Malformed(
            f"the bill of materials has no form that is read again: {error.message}", step=_NUMBERS
        ) from error
    if same != made:
        raise Malformed("the bill of materials reads otherwise in canonical form (RFC 8785)", step=_NUMBERS)


_NUMBERS = "write whole numbers beyond 2^53 as texts, or with an exponent from e21"


def name_of(document: Mapping[str, Any], kind: str) -> str:
    """What a document says that its subject is called; "" where it says nothing."""
    if kind == named.CYCLONEDX:
        root: Any = document.get("metadata", {}).get("component")
        return _text(root, "name")
    if kind == named.SPDX:
        return _text(document, "name")
    graph = {item.get("spdxId"): item for item in document["@graph"] if isinstance(item, dict)}
    tops = (item for item in graph.values() if item.get("type") in {"software_Sbom", "SpdxDocument"})
    roots = [graph.get(one) for item in tops for one in item.get("rootElement", ()) if isinstance(one, str)]
    return next((_text(item, "name") for item in roots if item and item.get("type") != "software_Sbom"), "")


def _text(item: Any, field: str) -> str:
    found = item.get(field) if isinstance(item, Mapping) else None
    return found if isinstance(found, str) else ""


def complete(bom: Bom, manifest: Manifest, *, name: str = "", version: str = "") -> Bom:
    """The same with every file of the folder in it, as it was observed; and called what the registry calls it."""
    known = {digest for component in bom.components if (digest := component.text(SHA256))}
    parts = dict(bom.by_ref)
    links = {(link.source, link.kind, link.target): link for link in bom.relations}
    for file in manifest.files:
        if file.sha256 in known:
            continue
        place = (Place(file.path),)
        plain = _ROOM.sub("-", file.path)[:300]
        ref = f"file:{file.path}" if plain == file.path else f"file:{plain}-{file.sha256[:12]}"
        facts = {"name": file.path, "path": file.path, SHA256: file.sha256, "size": file.size}
        said = {word: Fact(value, Status.OBSERVED, place) for word, value in facts.items()}
        old = parts.get(ref)
        parts[ref] = Component(
            ref, NodeKind.FILE, dict(sorted((said | dict(old.facts if old else {}) | {SHA256: said[SHA256]}).items()))
        )
        links.setdefault(
            (bom.subject, EdgeKind.CONTAINS, ref),
            Relation(bom.subject, EdgeKind.CONTAINS, ref, status=Status.OBSERVED, places=place),
        )
    root = parts[bom.subject]
    called = {word: Fact(text, Status.DECLARED) for word, text in (("name", name), ("version", version)) if text}
    parts[bom.subject] = replace(root, facts=dict(sorted((dict(root.facts) | called).items())))
    return replace(
        bom,
        components=tuple(parts[ref] for ref in sorted(parts)),
        relations=tuple(links[key] for key in sorted(links)),
        gaps=tuple(gap for gap in bom.gaps if gap.ref != bom.subject or gap.what not in called),
    )
