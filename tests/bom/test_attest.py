"""Signing bills of materials: what is bound to which bytes, what is refused, and what a verifier says step by step."""

import json
import struct
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.bom import attest
from assaymark.bom.document import Bom, Component, Fact, Gap, Status
from assaymark.core import bom as named
from assaymark.core.digest import Digest
from assaymark.core.envelope import Envelope
from assaymark.core.errors import Malformed, Untrusted
from assaymark.core.evidence import PAYLOAD_TYPE, read_statement
from assaymark.core.graph import NodeKind
from assaymark.core.manifest import Manifest, ManifestFile
from assaymark.core.strictjson import loads
from assaymark.faces.cli import run
from assaymark.storage.keys import PrivateKey

FILES = {"config.json": b"{}", "model.safetensors": b"weights", "deep/tokenizer.model": b"pieces"}


def manifest_of(content: dict[str, bytes]) -> Manifest:
    return Manifest.of(ManifestFile(path, len(data), sha256(data).hexdigest()) for path, data in content.items())


MANIFEST = manifest_of(FILES)


def cyclonedx(content: dict[str, bytes] = FILES, **more: Any) -> dict[str, Any]:
    parts = [
        {
            "type": "file", "bom-ref": f"file:{path}", "name": path,
            "hashes": [{"alg": "SHA-256", "content": sha256(data).hexdigest()}],
        }
        for path, data in content.items()
    ]  # fmt: skip
    root = {"type": "machine-learning-model", "bom-ref": "model", "name": "scorer"}
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "metadata": {"component": root}, "components": parts,
    } | more  # fmt: skip


def spdx2(content: dict[str, bytes] = FILES) -> dict[str, Any]:
    files = [
        {
            "SPDXID": f"SPDXRef-File{number}", "fileName": f"./{path}",
            "checksums": [
                {"algorithm": "SHA1", "checksumValue": "0" * 40},
                {"algorithm": "SHA256", "checksumValue": sha256(data).hexdigest().upper()},
            ],
            "licenseConcluded": "NOASSERTION", "copyrightText": "NOASSERTION",
        }
        for number, (path, data) in enumerate(content.items())
    ]  # fmt: skip
    return {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "scorer",
        "documentNamespace": "https://example.org/scorer", "files": files,
        "creationInfo": {"created": "2026-11-24T10:00:00Z", "creators": ["Tool: a tool"]},
        "packages": [
            {"SPDXID": "SPDXRef-M", "name": "scorer", "downloadLocation": "NOASSERTION", "filesAnalyzed": False}
        ],
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-M"}
        ],
    }  # fmt: skip


# What a document names


@pytest.mark.parametrize(
    ("path", "holds"),
    [
        ("model.safetensors", True), ("pytorch_model.bin", True), ("weights", True), ("a/b.unknown", True), ("model.json", True),
        ("xgb_model.json", True), ("model2.txt", True), ("lightgbm-model.txt", True), ("tokenizer.model", True),
        ("config.json", False), ("tokenizer.json", False), ("README.md", False), ("LICENSE", False), ("a/LICENSE.txt", False),
        ("requirements.txt", False), ("modeling.py", False), (".gitattributes", False), ("logo.PNG", False), ("README", False),
        ("model_index.json", False), ("Dockerfile", False), ("x.json.bin", True),
    ],
)  # fmt: skip
def test_names_of_files_that_may_hold_weights(path: str, holds: bool) -> None:
    assert named.holds_weights(path) is holds


def test_every_component_is_seen_and_no_ancestor() -> None:
    part = {"type": "file", "name": "inner.bin", "hashes": [{"alg": "SHA-256", "content": "AB" * 32}]}
    shard = {
        "type": "machine-learning-model", "name": "weights", "components": [part],
        "properties": [{"name": "assaymark:fact:path", "value": "model.safetensors"}],
        "hashes": [{"alg": "SHA-256", "content": "2" * 64}, {"alg": "MD5", "content": "3" * 32}],
        "pedigree": {"ancestors": [{"type": "file", "name": "base.bin", "hashes": part["hashes"]}]},
    }  # fmt: skip
    library = {"type": "library", "name": "numpy", "hashes": [{"alg": "SHA-256", "content": "4" * 64}]}
    library["properties"] = [{"name": "assaymark:fact:path", "value": "requirements.txt"}]
    document = {"bomFormat": "CycloneDX", "metadata": {"component": shard}, "components": [library]}
    found = named.read(document, named.CYCLONEDX)
    assert found.files == (("inner.bin", "ab" * 32), ("model.safetensors", "2" * 64))
    assert found.digests == {"ab" * 32, "2" * 64, "4" * 64}


def test_a_path_that_reads_as_json() -> None:
    item = {"type": "file", "name": "x", "hashes": [{"alg": "SHA-256", "content": "5" * 64}]}
    item["properties"] = [{"name": "assaymark:fact:path", "value": '"true"'}]
    assert named.read(cyclonedx({}, components=[item]), named.CYCLONEDX).files == (("true", "5" * 64),)


def test_hashes_of_spdx_3_may_stand_apart() -> None:
    graph = [
        {"@id": "_:h", "type": "Hash", "algorithm": "sha256", "hashValue": "6" * 64},
        {"type": "software_File", "spdxId": "u:f", "name": "m.bin", "verifiedUsing": ["_:h", "_:none"]},
        {
            "type": "software_File",
            "spdxId": "u:d",
            "name": "d",
            "software_fileKind": "directory",
            "verifiedUsing": ["_:h"],
        },
        {"type": "ai_AIPackage", "spdxId": "u:a", "name": "scorer", "comment": f"assaymark-manifest-v1:{'7' * 64}"},
        {"type": "SpdxDocument", "rootElement": ["u:a"]},
    ]
    found = named.read({"@graph": graph}, named.SPDX3)
    assert found.files == (("m.bin", "6" * 64),) and found.manifests == {"7" * 64}
    assert attest.name_of({"@graph": graph}, named.SPDX3) == "scorer"


KEYS = (
    "components", "metadata", "component", "hashes", "alg", "content", "properties", "name", "value", "@graph", "type", "@id",
    "verifiedUsing", "files", "packages", "checksums", "relationships", "documentDescribes", "rootElement",
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5) | st.just("ab" * 32),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["metadata", "components", "@graph", "files", "packages", "relationships"]), JSON)
)
def test_any_document_is_read_or_malformed(document: dict[str, Any]) -> None:
    for kind, more in (
        (named.CYCLONEDX, {"bomFormat": "CycloneDX"}), (named.SPDX, {"spdxVersion": "SPDX-2.3"}), (named.SPDX3, {}),
    ):  # fmt: skip
        try:
            found = named.read(document | more, kind)
            attest.name_of(document | more, kind)
        except Malformed:
            continue
        assert named.disagreements(found, MANIFEST)


# What is signed


@pytest.mark.parametrize(
    ("document", "kind"), [(cyclonedx(), named.CYCLONEDX), (spdx2(), named.SPDX)], ids=["cyclonedx", "spdx-2.3"]
)
def test_the_statement_is_about_the_model_and_every_file(document: dict[str, Any], kind: str) -> None:
    made = attest.statement(document, MANIFEST.digest, MANIFEST)
    payload = json.loads(made.payload())
    assert payload["_type"] == "https://in-toto.io/Statement/v1" and payload["predicateType"] == kind
    assert payload["predicate"] == document
    assert payload["subject"][0] == {"name": "scorer", "digest": {"assaymark-manifest-v1": MANIFEST.digest.value}}
    files = {(one["name"], one["digest"]["sha256"]) for one in payload["subject"][1:]}
    assert files == {(file.path, file.sha256) for file in MANIFEST.files}


def test_every_disagreement_is_named() -> None:
    changed = FILES | {"model.safetensors": b"other"}
    del changed["config.json"]
    changed["more.bin"] = b"more"
    with pytest.raises(Untrusted) as caught:
        attest.statement(cyclonedx(), manifest_of(changed).digest, manifest_of(changed))
    for part in (
        "'model.safetensors' is named with sha256", "'config.json' is named", "not there", "'more.bin' is not named",
        "'model.safetensors' is not named",
    ):  # fmt: skip
        assert part in caught.value.message


def test_a_document_of_another_folder() -> None:
    root = {
        "type": "application",
        "name": "m",
        "properties": [{"name": "x", "value": f"assaymark-manifest-v1:{'a' * 64}"}],
    }
    with pytest.raises(Untrusted, match="is about the folder aaaa"):
        attest.statement(cyclonedx(metadata={"component": root}), MANIFEST.digest, MANIFEST)


def test_without_the_files_the_document_has_to_name_the_digest() -> None:
    root = {"type": "application", "name": "m", "properties": [{"name": "x", "value": str(MANIFEST.digest)}]}
    assert attest.statement(cyclonedx(metadata={"component": root}), MANIFEST.digest, None).subjects[0].name == "m"
    one = Digest("sha256", MANIFEST.files[0].sha256)
    assert attest.statement(cyclonedx(), one, None).subjects[0].digest == one
    for other in (MANIFEST.digest, Digest("sha256", "9" * 64)):
        with pytest.raises(Untrusted, match="--model PATH"):
            attest.statement(cyclonedx(), other, None)


@pytest.mark.parametrize("number", [0.1, 1.5, -0.0, 1e-7, 1e21, 3.1e300, 5e-324, 2**53 - 1, -1, 1.0, 123456.789e3])
def test_numbers_that_read_again_as_they_were(number: float) -> None:
    made = attest.statement(cyclonedx(x=[number]), MANIFEST.digest, MANIFEST)
    again = read_statement(Envelope(PAYLOAD_TYPE, made.payload(), ()))
    assert again == made and again.predicate["x"] == [number]
    assert again.payload() == made.payload()


@pytest.mark.parametrize("number", [2**53, 1e20, 2.0**60, -(2**60), float("nan"), float("inf"), "\ud800"])
def test_what_has_no_one_form_is_not_signed(number: Any) -> None:
    with pytest.raises(Malformed, match=r"canonical form|read again"):
        attest.statement(cyclonedx(x=[number]), MANIFEST.digest, MANIFEST)


@settings(max_examples=100, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8))
def test_what_is_signed_reads_as_what_was_given(number: float, text: str) -> None:
    document = cyclonedx(x={text: number})
    try:
        made = attest.statement(document, MANIFEST.digest, MANIFEST)
    except Malformed:
        assert abs(number) >= 2**53 or any("\ud800" <= c <= "\udfff" for c in text)
        return
    assert read_statement(Envelope(PAYLOAD_TYPE, made.payload(), ())).predicate == document


def test_a_document_that_is_too_large() -> None:
    with pytest.raises(Malformed, match="at most 8,388,608"):
        attest.statement(cyclonedx(x="x" * (8 << 20)), MANIFEST.digest, MANIFEST)


@pytest.mark.parametrize("document", [{}, {"bomFormat": "Other"}, {"spdxVersion": "SPDX-1.0"}, {"@graph": {}}])
def test_what_is_no_bill_of_materials(document: dict[str, Any]) -> None:
    with pytest.raises(Malformed, match="no bill of materials"):
        attest.statement(document, MANIFEST.digest, MANIFEST)


# What publishing adds


def test_every_file_is_in_it_and_it_is_called_what_the_registry_calls_it() -> None:
    known = Component("file:config.json", NodeKind.FILE, {"sha256": Fact(MANIFEST.files[0].sha256, Status.OBSERVED)})
    root = Component("model:.", NodeKind.MODEL, {"name": Fact("folder", Status.INFERRED)})
    gaps = (Gap("model:.", "license", "none"), Gap("model:.", "version", "none"))
    bom = Bom("model:.", (known, root), gaps=gaps)
    odd = manifest_of({**FILES, "ein Name é.bin": b"1", "ein-Name-.bin": b"2"})
    made = attest.complete(bom, odd, name="fraud/scorer", version="7")
    assert made.root.text("name") == "fraud/scorer" and made.root.text("version") == "7"
    assert [gap.what for gap in made.gaps] == ["license"]
    assert {part.text("sha256") for part in made.components} == {"", *(file.sha256 for file in odd.files)}
    assert len(made.by_ref) == len(made.components) == len(odd.files) + 1
    assert [part.ref for part in made.components] == sorted(made.by_ref)
    assert {link.target for link in made.relations} == set(made.by_ref) - {"model:.", "file:config.json"}
    assert attest.complete(made, odd, name="fraud/scorer", version="7") == made


# On the command line


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where there is a real model, and two keys."""
    monkeypatch.chdir(tmp_path)
    weights = struct.pack("<4f", 1, 2, 3, 4)
    header = json.dumps({"w": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}).encode()
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + weights)
    (tmp_path / "model" / "config.json").write_text('{"model_type": "bert"}')
    for name in ("ann", "bob"):
        PrivateKey.generate("ed25519").save(str(tmp_path / f"{name}.key"))
    return tmp_path


def assay(*arguments: str) -> int:
    return run(["--home", "home", *arguments])


def handmade(place: Path, **more: Any) -> str:
    content = {path.name: path.read_bytes() for path in (place / "model").iterdir()}
    (place / "bom.json").write_text(json.dumps(cyclonedx(content, **more)))
    return "bom.json"


def signed(place: Path, **more: Any) -> None:
    assert assay("bom", "sign", handmade(place, **more), "--key", "./ann.key", "--model", "model", "-o", "s.json") == 0


@pytest.mark.parametrize("form", ["cyclonedx", "cyclonedx-1.6", "spdx"])
def test_what_is_built_is_signed_and_verified(place: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    assert assay("bom", "build", "model", "-o", f"{form}:bom.json") == 0
    assert assay("bom", "sign", "bom.json", "--key", "./ann.key", "--model", "model") == 0
    said = capsys.readouterr().out
    assert "signed   model  assaymark-manifest-v1:" in said and "bom.signed.json" in said
    assert assay("bom", "verify", "bom.signed.json", "model", "--key", "./ann.pub") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:5] for line in lines] == [f"{number}  ok" for number in range(1, 6)]
    digest = said.split()[2]
    assert assay("bom", "sign", "bom.json", "--key", "./ann.key", "--digest", digest) == 0
    assert assay("bom", "verify", "bom.signed.json", "model", "--key", "./ann.pub") == 0


def test_verification_refuses_step_by_step(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signed(place)
    verify = ("bom", "verify", "s.json", "model", "--key")

    def refused(code: int, saying: str, *arguments: str) -> None:
        capsys.readouterr()
        assert assay(*arguments) == code
        assert saying in capsys.readouterr().err

    refused(1, "none of the 1 signatures", *verify, "./bob.pub")
    assert assay(*verify, "./bob.pub", "--key", "./ann.pub") == 0
    capsys.readouterr()
    assert assay("bom", "verify", "s.json", "--key", "./ann.pub") == 0
    assert "4  --   no model was named" in capsys.readouterr().out
    file = place / "model" / "model.safetensors"
    whole = file.read_bytes()
    for damage in (lambda: file.write_bytes(whole[:-1] + b"?"), file.unlink):
        damage()
        refused(1, "step 4: model has digest", *verify, "./ann.pub")
    file.write_bytes(whole)
    (place / "model" / "adapter.bin").write_bytes(b"1")
    refused(1, "step 4", *verify, "./ann.pub")


def resigned(place: Path, predicate: dict[str, Any], kind: str = named.CYCLONEDX) -> None:
    """What the holder of the key can sign with another tool: about the right folder, whatever it says."""
    from assaymark.app import identify
    from assaymark.core.evidence import Statement
    from assaymark.core.subject import Subject
    from assaymark.storage.keys import load_private

    made = Statement((Subject("m", identify("model")[0]),), kind, predicate)
    envelope = Envelope.sign(PAYLOAD_TYPE, made.payload(), [load_private(str(place / "ann.key"))])
    (place / "s.json").write_text(json.dumps(envelope.to_json()))


@pytest.mark.parametrize(
    ("predicate", "kind", "code", "saying"),
    [
        (cyclonedx(FILES), named.CYCLONEDX, 1, "step 5: "),
        (cyclonedx({}), named.CYCLONEDX, 1, "'model.safetensors' is not named"),
        (cyclonedx(version="one"), named.CYCLONEDX, 3, "/version"),
        (cyclonedx(), "https://in-toto.io/attestation/test-result/v0.1", 1, "step 2: "),
        (cyclonedx(), named.SPDX, 3, "no document of its type"),
    ],
)
def test_what_another_tool_signed(
    place: Path, capsys: pytest.CaptureFixture[str], predicate: dict[str, Any], kind: str, code: int, saying: str
) -> None:
    resigned(place, predicate, kind)
    assert assay("bom", "verify", "s.json", "model", "--key", "./ann.pub") == code
    assert saying in capsys.readouterr().err


def test_nothing_is_signed_that_is_not_so(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sign = ("bom", "sign", "bom.json", "--key", "./ann.key", "-o", "s.json")

    def refused(code: int, saying: str, *more: str) -> None:
        capsys.readouterr()
        assert assay(*sign, *more) == code
        assert saying in capsys.readouterr().err
        assert not (place / "s.json").exists()

    handmade(place)
    refused(2, "about one model")
    refused(2, "about one model", "--model", "model", "--digest", "sha256:" + "0" * 64)
    refused(2, "is no digest", "--digest", "0" * 64)
    refused(2, "No such option", "--model", "model", "--allow-unverified")
    (place / "model" / "adapter.bin").write_bytes(b"1")
    refused(1, "'adapter.bin' is not named", "--model", "model")
    refused(1, "'model.safetensors' is named with sha256", "--model", "model/config.json")
    (place / "bom.json").write_text('{"bomFormat": "CycloneDX", "bomFormat": "CycloneDX"}')
    refused(3, "a key stands there twice", "--model", "model")
    (place / "bom.json").write_text('<bom xmlns="http://cyclonedx.org/schema/bom/1.6"/>')
    refused(3, "assay bom convert", "--model", "model")
    handmade(place, components=[{"type": "file"}])
    refused(3, "/components/0", "--model", "model")


def test_a_model_in_one_file(place: Path) -> None:
    content = {"model.safetensors": (place / "model" / "model.safetensors").read_bytes()}
    (place / "bom.json").write_text(json.dumps(cyclonedx(content)))
    model = "model/model.safetensors"
    assert assay("bom", "sign", "bom.json", "--key", "./ann.key", "--model", model, "-o", "s.json") == 0
    assert assay("bom", "verify", "s.json", model, "--key", "./ann.pub") == 0
    subjects = read_statement(Envelope.from_json((place / "s.json").read_bytes())).subjects
    assert [str(one.digest) for one in subjects] == [f"sha256:{sha256(content['model.safetensors']).hexdigest()}"]


def test_documents_of_other_peoples_libraries(place: Path) -> None:
    """CycloneDX and SPDX 2.3 as their own libraries write them."""
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.bom import Bom as Theirs
    from cyclonedx.model.component import Component as Part
    from cyclonedx.model.component import ComponentType
    from cyclonedx.output.json import JsonV1Dot6

    files = {path.name: sha256(path.read_bytes()).hexdigest() for path in (place / "model").iterdir()}
    theirs = Theirs(
        components=[
            Part(name=name, type=ComponentType.FILE, hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)])
            for name, digest in files.items()
        ]
    )
    theirs.metadata.component = Part(name="scorer", type=ComponentType.MACHINE_LEARNING_MODEL)
    theirs.register_dependency(theirs.metadata.component, theirs.components)
    (place / "bom.json").write_text(JsonV1Dot6(theirs).output_as_string())
    (place / "spdx.json").write_text(json.dumps(spdx2({p.name: p.read_bytes() for p in (place / "model").iterdir()})))
    for name in ("bom.json", "spdx.json"):
        assert assay("bom", "sign", name, "--key", "./ann.key", "--model", "model", "-o", "s.json") == 0
        assert assay("bom", "verify", "s.json", "model", "--key", "./ann.pub") == 0


def test_the_envelope_is_dsse_and_in_toto_for_anybody(place: Path) -> None:
    """Verified with nothing of ours: PAE by hand, the signature by its library, canonical JSON by another one."""
    import base64

    import rfc8785
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    root = {"type": "data", "name": "é", "evidence": {"identity": {"field": "hash", "confidence": 0.5}}}
    signed(place, metadata={"component": root})
    envelope = json.loads((place / "s.json").read_text())
    payload = base64.b64decode(envelope["payload"])
    kind = b"application/vnd.in-toto+json"
    assert envelope["payloadType"].encode() == kind
    pae = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    public: Any = load_pem_public_key((place / "ann.pub").read_bytes())
    public.verify(base64.b64decode(envelope["signatures"][0]["sig"]), pae)
    assert rfc8785.dumps(json.loads(payload)) == payload
    assert loads(payload, "it", floats=True)["predicate"]["metadata"]["component"] == root


def test_changing_one_digit_of_the_payload_ends_it(place: Path) -> None:
    signed(place)
    envelope = Envelope.from_json((place / "s.json").read_bytes())
    changed = replace(envelope, payload=envelope.payload.replace(b"scorer", b"scored"))
    (place / "s.json").write_text(json.dumps(changed.to_json()))
    assert assay("bom", "verify", "s.json", "model", "--key", "./ann.pub") == 1
