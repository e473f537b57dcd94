"""Bills of materials that are signed: for `assay bom sign|verify`, for whoever publishes, and for the registry's scan job."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assaymark.app import identify
from assaymark.bom import attest
from assaymark.bom.document import Bom
from assaymark.core import bom
from assaymark.core.clock import timestamp
from assaymark.core.digest import SHA256, Digest
from assaymark.core.envelope import Envelope, Verifier
from assaymark.core.errors import Malformed, Untrusted, UsageError
from assaymark.core.evidence import PAYLOAD_TYPE, Statement, read_statement
from assaymark.core.manifest import Manifest, ManifestFile
from assaymark.core.strictjson import loads
from assaymark.registry import listed
from assaymark.registry.models import find_version
from assaymark.registry.names import VersionName
from assaymark.registry.versions import evidence_of, manifest_of
from assaymark.registry.work import Work
from assaymark.signing import private_key
from assaymark.storage import output

_LARGEST = 64 << 20
"""Bytes of a document that is read."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a verification that held: its number, what was found, or why it was not made."""

    number: int
    what: str
    made: bool = True


def sign(path: str, key: str, home: str | None, *, model: str | None, digest: str | None, out: str) -> Statement:
    """Sign the document in a file about a model, and write the envelope; raises Untrusted with every disagreement.

    `model`: the folder or file that it is about, whose bytes are compared. `digest`: that the document has to name itself.
    """
    if (model is None) == (digest is None):
        raise UsageError("a bill of materials is about one model", step="name it with --model PATH or --digest DIGEST")
    private = private_key(key, home)
    document = _document(_content(path), path)
    _check_schema(document, path)
    if model is None:
        made = attest.statement(document, _digest(str(digest)), None)
    else:
        made = attest.statement(document, *_files(model))
    output.write(out, json.dumps(Envelope.sign(PAYLOAD_TYPE, made.payload(), [private]).to_json(), indent=2) + "\n")
    return made


def verify(path: str, keys: Sequence[Verifier], model: str | None) -> Iterator[Step]:
    """Each step as it held; raises Untrusted or Malformed at the one that does not.

    1. The envelope is signed by one of the keys.
    2. It is a statement, and its predicate a document of the type that it names.
    3. The document is as its schema asks.
    4. The model has the digest of one of its subjects.
    5. Every file that the document names is there as it says, and no file that may hold weights is beyond it.
    """
    envelope = Envelope.from_json(_content(path, _LARGEST * 2))
    signers = envelope.verify(keys)
    yield Step(1, f"signed by {', '.join(sorted(signers))}")
    said = read_statement(envelope)
    if said.predicate_type not in bom.TYPES:
        step = f"known are {', '.join(sorted(bom.TYPES))}"
        raise Untrusted(f"step 2: {said.predicate_type!r:.100} is no bill of materials", step=step)
    named = bom.read(said.predicate, said.predicate_type)
    yield Step(2, f"{said.predicate_type}, {len(named.files):,} files named")
    _check_schema(said.predicate, path)
    yield Step(3, "as its schema asks")
    if model is None:
        yield Step(4, "no model was named to compare it with", made=False)
        yield Step(5, "no model was named to compare it with", made=False)
        return
    digest, manifest = _files(model)
    if all(subject.digest != digest for subject in said.subjects):
        step = "it is of another model, or of other bytes"
        raise Untrusted(f"step 4: {model} has digest {digest}, which is none of its subjects", step=step)
    yield Step(4, str(digest))
    if wrong := bom.disagreements(named, manifest):
        raise Untrusted("step 5: " + "; ".join(wrong[:20]), step="the bill of materials is of other bytes")
    yield Step(5, f"{len(manifest.files):,} files")


def build(folder: str, now: datetime) -> Bom:
    """What stands in a folder; nothing of it is executed. With the time, so that it can be said anew by another key."""
    from assaymark import boms

    return boms.build(folder, at=timestamp(now))


def statement(made: Bom, name: str, manifest: Manifest) -> Statement:
    """The statement on files that are `manifest` and are called `project/model@version`: CycloneDX, every file in it.

    Raises Untrusted where it was made of other files.
    """
    from assaymark import boms

    called, _, version = name.partition("@")
    text = boms.render(attest.complete(made, manifest, name=called, version=version), "cyclonedx")
    return attest.statement(_document(text.encode(), "the bill of materials"), manifest.digest, manifest)


def due(work: Work, name: VersionName) -> Manifest | None:
    """The manifest of a version of which nobody who may has signed a bill of materials yet."""
    row = find_version(work.connection, name)
    known = listed.signers(work.trust, name.model.project, work.at)
    boms = [item for item in evidence_of(work, row.id) if item.statement.predicate_type in bom.TYPES]
    return None if any(item.evidence.signers & known.keys() for item in boms) else manifest_of(work.connection, row.id)


def _files(model: str) -> tuple[Digest, Manifest]:
    """The digest of a folder or file, and what is in it."""
    digest, manifest = identify(model)
    if manifest is None:
        file = ManifestFile(os.path.basename(os.path.abspath(model)), os.path.getsize(model), digest.value)
        manifest = Manifest((file,))
    return digest, manifest


def _check_schema(document: Any, path: str) -> None:
    from assaymark.bom import formats
    from assaymark.bom.validate import validate

    form = formats.recognise(json.dumps(document).encode())
    wrong = [problem for problem in validate(document, form, schema_only=True) if problem.error]
    if wrong:
        first = wrong[0]
        more = f" ({len(wrong) - 1:,} more)" if len(wrong) > 1 else ""
        step = f"{first.fix}; all of them: assay bom validate"
        raise Malformed(f"{path}: {first.code} at {first.at or '/'}: {first.message}{more}", step=step)


def _digest(text: str) -> Digest:
    try:
        return Digest.parse(text)
    except ValueError as error:
        step = f"see it with: assay scan MODEL --format json; it begins with assaymark-manifest-v1: or {SHA256}:"
        raise UsageError(f"{text[:200]!r} is no digest", step=step) from error


def _document(data: bytes, what: str) -> dict[str, Any]:
    found = loads(data, what, limit=_LARGEST, floats=True, step="sign CycloneDX or SPDX in JSON: assay bom convert")
    if not isinstance(found, dict):
        raise Malformed(f"{what} is not a JSON object", step="sign CycloneDX or SPDX in JSON: assay bom convert")
    return found


def _content(path: str, limit: int = _LARGEST) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", step="name a file that can be read") from error
    if len(data) > limit:
        raise Malformed(f"{path} has more than {limit:,} bytes", step="this is another file than was meant")
    return data
