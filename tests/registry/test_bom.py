"""Bills of materials as evidence: who may sign one, what it has to name, and that a host loads nothing that it does not name."""

import json
from dataclasses import replace
from typing import Any

import pytest

from assaymark.core import bom as documents
from assaymark.core.bundle import Bundle
from assaymark.core.clock import timestamp
from assaymark.core.digest import Digest
from assaymark.core.envelope import Envelope
from assaymark.core.errors import Conflict, Malformed, Untrusted, UsageError
from assaymark.core.evidence import PAYLOAD_TYPE, Statement, read_statement
from assaymark.core.strictjson import canonical
from assaymark.core.subject import Subject
from assaymark.registry import models, queries, versions
from assaymark.registry.states import VersionState
from tests.registry.makers import (
    World,
    bom,
    bom_document,
    key,
    manifest_of,
    payload_digest,
    policy_digest,
    scan,
    sign,
)
from tests.registry.org import MODEL, ONE, Org, a_model
from tests.registry.test_registrar import judged as host
from tests.registry.test_verify import judged, refused

WORLD = World()
OTHER = manifest_of({"config.json": b"{}", "model.safetensors": b"other"})


@pytest.fixture
def org(tmp_path):
    made = Org(tmp_path / "home")
    yield made
    made.registrar.close()


@pytest.fixture
def published(org, tmp_path):
    org.publish(a_model(tmp_path / "model"))
    return org


def manifest(org: Org):
    with org.registrar.look() as work:
        return versions.manifest_of(work.connection, models.find_version(work.connection, ONE).id)


def attest(org: Org, envelope: Envelope) -> VersionState:
    return org.registrar.attest(ONE, canonical(envelope.to_json()))


def swapped(made: Bundle, *boms: Envelope) -> Bundle:
    """What a thief of the server makes of a bundle: all that he cannot sign is as it was."""
    return replace(made, evidence=(made.evidence[0], *boms))


# On the host: what counts


@pytest.mark.parametrize("by", ["ann", "scanner"])
def test_a_host_takes_the_publishers_and_the_scanners(by: str) -> None:
    assert judged(WORLD.bundle(boms=[bom(WORLD.manifest, by)])).people == ("bea", "cid")


SPDX3 = {
    "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
    "@graph": [
        {
            "type": "software_File", "spdxId": f"https://example.org/{number}", "name": file.path,
            "verifiedUsing": [{"type": "Hash", "algorithm": "sha256", "hashValue": file.sha256}],
        }
        for number, file in enumerate(WORLD.manifest.files)
    ],
}  # fmt: skip
SPDX2 = {
    "spdxVersion": "SPDX-2.3",
    "files": [
        {"fileName": f"./{file.path}", "checksums": [{"algorithm": "SHA256", "checksumValue": file.sha256}]}
        for file in WORLD.manifest.files
    ],
}


@pytest.mark.parametrize(("kind", "document"), [(documents.SPDX, SPDX2), (documents.SPDX3, SPDX3)])
def test_a_host_takes_spdx(kind: str, document: dict[str, Any]) -> None:
    judged(WORLD.bundle(boms=[sign(Statement((WORLD.subject,), kind, document), "ann")]))
    text = json.dumps(document).replace(WORLD.manifest.files[2].sha256, "0" * 64)
    wrong = sign(Statement((WORLD.subject,), kind, json.loads(text)), "ann")
    refused(5, "bill of materials.*is named with sha256 0000", WORLD.bundle(boms=[wrong]))


def test_a_document_of_another_format_than_its_type() -> None:
    wrong = sign(Statement((WORLD.subject,), documents.SPDX, bom_document(WORLD.manifest)), "ann")
    refused(5, "no document of its type", WORLD.bundle(boms=[wrong]))


def test_a_bundle_without_one() -> None:
    refused(5, "no evidence of type https://cyclonedx.org/bom", WORLD.bundle(boms=[]))


@pytest.mark.parametrize("by", ["bea", "dan", "eve", "server", "log"])
def test_one_that_somebody_without_the_role_signed(by: str) -> None:
    refused(5, "no evidence of type https://cyclonedx.org/bom", WORLD.bundle(boms=[bom(WORLD.manifest, by)]))


def test_one_that_nobody_of_the_trust_root_signed() -> None:
    refused(4, "nobody of the trust root", WORLD.bundle(boms=[bom(WORLD.manifest, "mallory")]))


def test_one_of_another_model() -> None:
    refused(4, "another model", WORLD.bundle(boms=[bom(OTHER)]))
    refused(5, "is of other bytes", WORLD.bundle(boms=[bom(OTHER, subject=WORLD.manifest.digest)]))


def test_one_whose_digests_are_not_those_of_the_bytes() -> None:
    changed = manifest_of(WORLD.content | {"config.json": b'{"auto_map": 1}'})
    false = bom(changed, subject=WORLD.manifest.digest)
    refused(5, "'config.json' is named with sha256", WORLD.bundle(boms=[false]))


def test_one_that_says_two_things_of_a_file() -> None:
    parts = bom_document(WORLD.manifest)["components"]
    twice = bom(WORLD.manifest, components=[*parts, bom_document(OTHER)["components"][1]])
    refused(5, "'model.safetensors' is named with sha256", WORLD.bundle(boms=[twice]))


def test_weights_that_are_not_named_are_not_loaded() -> None:
    """A file that was slipped into the folder before it was sealed, and approved by people who looked at the bill alone."""
    world = World(content=WORLD.content | {"adapter.bin": b"more"})
    honest = bom(WORLD.manifest, subject=world.manifest.digest)
    refused(5, "'adapter.bin' is not named", world.bundle(boms=[honest]), root=world.trust())
    judged(world.bundle(), root=world.trust())


def test_a_false_one_is_refused_where_the_policy_asks_for_none() -> None:
    """Beside a good one as well: which of the two would be right?"""
    false = bom(OTHER, "scanner", subject=WORLD.manifest.digest)
    refused(5, "is of other bytes", WORLD.bundle(boms=[bom(WORLD.manifest), false]))
    world = World()
    world.channel, world.place = "staging", "fraud/scorer:staging"
    usual: dict[str, Any] = {"approvals": [{"approver": "bea"}]}
    from assaymark.registry.verify import Channel, State, verify
    from tests.registry.makers import NOW

    channel = Channel("fraud", "scorer", "staging")
    verify(world.bundle(boms=[], **usual), world.trust(), channel, State(), NOW)
    with pytest.raises(Untrusted, match=r"step 5 \(bill of materials"):
        verify(world.bundle(boms=[false], **usual), world.trust(), channel, State(), NOW)


def test_the_first_policy_that_shipped_asks_for_none() -> None:
    """Trust roots that name its digest go on as before."""
    from assaymark.policies import read_policy

    first = read_policy("production-1").to_json()
    root = WORLD.root(policies={"production": policy_digest(first)})
    judged(
        WORLD.bundle(boms=[], policy_document=first, roots=[root]),
        root=WORLD.trust(policies={"production": policy_digest(first)}),
    )


# On the host: nothing can be changed afterwards


def test_one_that_is_swapped_after_the_approvals() -> None:
    """Each is good by itself: the set of evidence that people signed names one of them."""
    made = WORLD.bundle()
    for other in (bom(WORLD.manifest, version=2), bom(WORLD.manifest, "scanner", version=2), scan(WORLD.subject)):
        refused(4, "not the set that was approved", swapped(made, other))
    refused(4, "not the set that was approved", swapped(made, made.evidence[1], bom(WORLD.manifest, version=2)))


def test_one_that_is_taken_out_of_the_bundle() -> None:
    refused(4, "not the set that was approved", swapped(WORLD.bundle()))


def test_one_that_has_a_key_twice() -> None:
    """Two readers would see two documents."""
    good = bom(WORLD.manifest)
    payload = good.payload.replace(b'"specVersion":', b'"components":[],"specVersion":')
    assert payload != good.payload and json.loads(payload)
    refused(4, "a key stands there twice", WORLD.bundle(boms=[Envelope.sign(PAYLOAD_TYPE, payload, [key("ann")])]))


# In the registry


def test_publishing_and_promoting_carries_it_to_the_host(published) -> None:
    published.promote()
    made = published.registrar.bundle(MODEL, "production")
    assert documents.CYCLONEDX in {read_statement(one).predicate_type for one in made.evidence}
    assert host(published).people == ("bea", "cid")
    with published.registrar.look() as work:
        shown = queries.show_version(work.connection, ONE)
        digest = next(one["digest"] for one in shown["statements"] if one["type"] == documents.CYCLONEDX)
        said = Envelope.from_object(queries.statement(work.connection, ONE, digest))
    assert payload_digest(said) == digest


@pytest.mark.parametrize("by", ["bea", "dan", "eve"])
def test_the_registry_takes_none_of_somebody_without_the_role(published, by: str) -> None:
    with pytest.raises(Untrusted, match="publisher or scanner"):
        attest(published, bom(manifest(published), by))


def test_the_registry_takes_none_of_other_bytes(published) -> None:
    here = manifest(published)
    with pytest.raises(Untrusted, match="not about fraud/scorer@1"):
        attest(published, bom(OTHER))
    for false in (bom(OTHER, subject=here.digest), bom(here, components=[])):
        with pytest.raises(Untrusted, match="is of other bytes"):
            attest(published, false)


def test_the_registry_takes_none_that_is_malformed(published) -> None:
    here = manifest(published)
    payload = bom(here).payload.replace(b'"specVersion":', b'"components":[],"specVersion":')
    with pytest.raises(Malformed, match="twice"):
        attest(published, Envelope.sign(PAYLOAD_TYPE, payload, [key("ann")]))
    with pytest.raises(Malformed, match="not a list of objects"):
        attest(published, bom(here, components=["model.safetensors"]))


def test_the_registry_takes_none_that_no_bundle_has_room_for(published) -> None:
    here = manifest(published)
    with pytest.raises(UsageError, match=r"a bill of materials of 8,\d{3},\d{3} bytes: at most 8,388,608"):
        attest(published, bom(here, padding="x" * documents.LIMIT))
    most = "x" * (documents.LIMIT - 4_000)
    spdx = {
        **SPDX2,
        "files": [
            {"fileName": f.path, "checksums": [{"algorithm": "SHA256", "checksumValue": f.sha256}]} for f in here.files
        ],
    }
    about = (Subject("m", here.digest),)
    attest(published, bom(here, padding=most))
    attest(published, sign(Statement(about, documents.SPDX, spdx | {"comment": most}), "ann"))
    with pytest.raises(UsageError, match="16,777,216 of all"):
        attest(published, bom(here, "scanner", padding=most))
    attest(published, bom(here, version=2))  # it takes the place of the first, so there is room again
    attest(published, bom(here, "scanner", version=3, padding=most))
    published.promote()
    assert len(published.registrar.bundle(MODEL, "production").to_bytes()) < 64 << 20


def test_an_attesters_is_kept_and_counts_for_nothing(org, tmp_path) -> None:
    people = org.document()["people"]
    people["dan"]["roles"] = ["releaser", "attester"]
    org.registrar.install_root(org.root(2, people=people))
    org.publish(a_model(tmp_path / "model"))
    here = manifest(org)
    attest(org, bom(here, "dan", components=[]))
    org.promote()
    assert host(org).counter == 1


def test_a_version_without_one_is_not_promoted_to_production(org, tmp_path) -> None:
    """The approver is told what is missing; staging takes it."""
    from tests.registry.crashing import subject_of

    folder = a_model(tmp_path / "model")
    org.registrar.upload(ONE, str(folder), "ann")
    from assaymark.core.statements import Seal

    seal = Seal(project="fraud", model="scorer", version="1", publisher="ann", at=timestamp(org.clock.moment))
    about = Subject(str(ONE), manifest(org).digest)
    org.registrar.seal(ONE, canonical(sign(seal.statement(about), "ann").to_json()))
    attest(org, scan(subject_of(org, ONE), made=timestamp(org.clock.moment)))
    org.promote(channel="staging")
    nonce = org.request()
    for by in ("bea", "cid"):
        org.approve(nonce, by)
    with pytest.raises(Conflict, match="open cannot become active"):
        org.registrar.activate(nonce, "dan")
    from assaymark.desk import Desk

    verdict = Desk(org.registrar, "dan").request_of(nonce)["verdict"]
    assert [reason["message"][:46] for reason in verdict["reasons"]] == [
        "no evidence of type https://cyclonedx.org/bom "
    ]
    # Handed in, it is part of the next request, not of this one.
    attest(org, bom(manifest(org)))
    with pytest.raises(Conflict, match="open cannot become active"):
        org.registrar.activate(nonce, "dan")
    org.promote()
    assert host(org).counter == 1


def test_a_newer_one_after_the_request_changes_nothing_of_what_was_approved(published) -> None:
    nonce = published.request()
    for by in ("bea", "cid"):
        published.approve(nonce, by)
    attest(published, bom(manifest(published), version=2))
    published.registrar.activate(nonce, "dan")
    bound = [read_statement(one).predicate for one in published.registrar.bundle(MODEL, "production").evidence]
    assert [one.get("version") for one in bound if "bomFormat" in one] == [None]
    assert host(published).counter == 1


def test_it_comes_with_the_seal_or_nothing_does(org, tmp_path) -> None:
    from assaymark.core.statements import Seal

    subject = org.registrar.upload(ONE, str(a_model(tmp_path / "model")), "ann")
    seal = Seal(project="fraud", model="scorer", version="1", publisher="ann", at=timestamp(org.clock.moment))
    envelope = canonical(sign(seal.statement(subject), "ann").to_json())
    false = bom(OTHER, subject=Digest.parse(str(subject.digest)))
    with pytest.raises(Untrusted, match="is of other bytes"):
        org.registrar.seal(ONE, envelope, canonical(false.to_json()))
    with org.registrar.look() as work:
        assert models.find_version(work.connection, ONE).state == VersionState.DRAFT


# Without being asked


def sealed(org: Org, tmp_path) -> None:
    """A version as another client leaves it: nobody made a bill of materials."""
    from assaymark.core.statements import Seal

    subject = org.registrar.upload(ONE, str(a_model(tmp_path / "model")), "ann")
    seal = Seal(project="fraud", model="scorer", version="1", publisher="ann", at=timestamp(org.clock.moment))
    org.registrar.seal(ONE, canonical(sign(seal.statement(subject), "ann").to_json()))


def boms(org: Org):
    with org.registrar.look() as work:
        row = models.find_version(work.connection, ONE)
        found = versions.all_evidence(work, row.id)
    return [item for item in found if item.statement.predicate_type in documents.TYPES]


def test_the_scan_job_makes_one_where_the_publisher_made_none(org, tmp_path) -> None:
    sealed(org, tmp_path)
    assert org.registrar.scan(ONE) == VersionState.VERIFIED
    (made,) = boms(org)
    assert made.evidence.signers == {org.registrar.keys.scanner.keyid}
    root = made.statement.predicate["metadata"]["component"]
    assert (root["name"], root["version"]) == ("fraud/scorer", "1")
    assert "/tmp" not in json.dumps(made.statement.predicate)
    named = documents.read(made.statement.predicate, documents.CYCLONEDX)
    assert {path for path, _ in named.files} == {"config.json", "deep/vocab.txt", "model.safetensors"}
    org.clock.moment = org.clock.moment.replace(minute=1)
    org.registrar.scan(ONE)
    assert len(boms(org)) == 1
    org.promote()
    assert host(org).counter == 1


def test_the_scan_job_makes_none_beside_the_publishers(published) -> None:
    (made,) = boms(published)
    assert made.evidence.signers == {key("ann").keyid}


def test_a_scan_stands_where_no_bill_of_materials_could_be_made(org, tmp_path, monkeypatch) -> None:
    """The job fails with the reason, and makes it when it is tried again."""
    from assaymark import attesting, worker
    from assaymark.tending import Keeping

    sealed(org, tmp_path)
    with monkeypatch.context() as patched:

        def broken(*_: Any) -> Any:
            raise Malformed("the card cannot be read", step="mend it")

        patched.setattr(attesting, "build", broken)
        other = org.open()
        patched.setattr(worker.Registrar, "open", lambda *_, **__: other)
        worker.drain(org.home)
    (job,) = Keeping.of(org.registrar).jobs()
    assert job["state"] == "failed" and job["error"] == "the card cannot be read mend it"
    with org.registrar.look() as work:
        assert models.find_version(work.connection, ONE).state == VersionState.VERIFIED
    assert not boms(org)
    org.clock.moment = org.clock.moment.replace(minute=1)
    org.registrar.scan(ONE)
    assert len(boms(org)) == 1


def test_publishing_signs_one_with_the_publishers_key_and_it_can_be_fetched(org, tmp_path, monkeypatch, capsys) -> None:
    """The commands, on a registry in the home."""
    from assaymark.faces.cli import run

    monkeypatch.chdir(tmp_path)
    a_model(tmp_path / "model")
    key("ann").save(str(tmp_path / "ann.key"))
    real = replace_clock(org)
    assert (
        run(["--home", org.home, "registry", "publish", "model", "fraud/scorer@1", "--as", "ann", "--key", "./ann.key"])
        == 0
    )
    (made,) = boms(org)
    assert made.evidence.signers == {key("ann").keyid} and made.statement.predicate["metadata"]["timestamp"] >= real
    capsys.readouterr()
    assert run(["--home", org.home, "registry", "show", "fraud/scorer@1"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if documents.CYCLONEDX in line)
    digest = line.split()[-1]
    fetch = ["--home", org.home, "registry", "evidence", "fraud/scorer@1"]
    assert run([*fetch, digest, "-o", "s.json"]) == 0
    assert run(["bom", "verify", "s.json", "model", "--key", "./ann.pub"]) == 0
    assert run([*fetch, digest, "--predicate", "-o", "bom.json"]) == 0
    assert run(["bom", "sign", "bom.json", "--model", "model", "--key", "./ann.key"]) == 0
    assert run([*fetch, "sha256:" + "0" * 64]) == 2


def replace_clock(org: Org) -> str:
    """Commands have the machine's own time: a trust root that was made now."""
    from datetime import UTC, datetime, timedelta

    now = datetime.now(UTC)
    document = org.document(2, expires=timestamp(now + timedelta(days=300)))
    for person in document["people"].values():
        for grant in person["keys"]:
            grant["from"] = timestamp(now - timedelta(days=1))
    from tests.registry.makers import sign_root

    org.clock.moment = now
    org.registrar.install_root(canonical(sign_root(document, ("root1", "root2")).to_json()))
    return timestamp(now)
