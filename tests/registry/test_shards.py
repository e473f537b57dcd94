"""Digests of shards in the registry: made with the scan, bound by request and approvals, loaded by; and by the command line."""

import json
import os
import threading
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from assaymark import guard, sharding
from assaymark.core.bom import CYCLONEDX
from assaymark.core.clock import timestamp
from assaymark.core.envelope import Envelope
from assaymark.core.errors import Malformed, Untrusted
from assaymark.core.evidence import TEST_RESULT
from assaymark.core.manifest import Manifest, ManifestFile
from assaymark.faces.cli import run
from assaymark.registrar import sign
from assaymark.registry import shards
from assaymark.registry.models import find_version
from assaymark.registry.versions import all_evidence, manifest_of
from assaymark.storage.sharding import digests
from tests.registry.lazy import BIG, SHARD, WORLD, flip, listed, pieces
from tests.registry.makers import NOW, key
from tests.registry.makers import manifest_of as manifest_for
from tests.registry.org import MODEL, ONE, Org, a_model

SIZE = shards.SHARD + (1 << 20)


@pytest.fixture
def org(tmp_path: Path) -> Org:
    return Org(tmp_path / "home")


def big_model(folder: Path) -> Path:
    """A model with one file of a little more than a shard."""
    a_model(folder)
    header = b'{"w2":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}' % (SIZE, SIZE)
    with (folder / "big.safetensors").open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.write(bytes(SIZE - 1) + b"\x07")
    return folder


def test_the_scan_job_signs_them_and_hosts_load_by_them(org: Org, tmp_path: Path) -> None:
    folder = big_model(tmp_path / "model")
    org.publish(folder)
    with org.registrar.look() as work:
        row = find_version(work.connection, ONE)
        kinds = [item.statement.predicate_type for item in all_evidence(work, row.id)]
        manifest = manifest_of(work.connection, row.id)
    assert kinds == [CYCLONEDX, shards.TYPE, TEST_RESULT] and row.state == "verified"
    org.promote()
    bundle, root = tmp_path / "bundle", tmp_path / "root"
    bundle.write_bytes(org.registrar.bundle(MODEL, "production").to_bytes())
    root.write_bytes(org.root())
    flip(folder / "big.safetensors", (folder / "big.safetensors").stat().st_size - 1)
    common: dict[str, Any] = {"state": False, "now": NOW, "lazy": True}
    with guard.open_verified(folder, bundle, root, "fraud/scorer:production", **common) as files:
        assert files.verified.manifest.digest == manifest.digest
        assert files.map("big.safetensors").view(100, 5) == bytes(5)
        with pytest.raises(guard.NotVerified, match="from 67,108,864 to"):
            files.map("big.safetensors").view(shards.SHARD, 1)
    # Scanned again it is not hashed again, and what was approved stands.
    org.clock.moment = org.clock.moment.replace(minute=1)
    org.registrar.scan(ONE)
    with org.registrar.look() as work:
        assert [item.statement.predicate_type for item in all_evidence(work, row.id)].count(shards.TYPE) == 1


def test_a_model_of_small_files_gets_none(org: Org, tmp_path: Path) -> None:
    org.publish(a_model(tmp_path / "model"))
    with org.registrar.look() as work:
        row = find_version(work.connection, ONE)
        assert shards.TYPE not in {item.statement.predicate_type for item in all_evidence(work, row.id)}
        assert sharding.due(work, ONE, "") is None


def test_the_registry_takes_right_ones_of_scanners_only(org: Org, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    a_model(folder)
    (folder / "data.bin").write_bytes(BIG)
    org.publish(folder)
    with org.registrar.look() as work:
        manifest = manifest_of(work.connection, find_version(work.connection, ONE).id)
    said = sharding.statement(str(folder), str(ONE), manifest, NOW, SHARD)
    with pytest.raises(Untrusted, match="scanner of fraud"):
        org.registrar.attest(ONE, sign(said, key("bea")))
    wrong = sign(listed(WORLD), key("scanner"))
    with pytest.raises(Untrusted, match="not about"):
        org.registrar.attest(ONE, wrong)
    said.predicate["files"][0]["shards"].append(sha256(b"").hexdigest())
    with pytest.raises(Malformed, match="has not just 6"):
        org.registrar.attest(ONE, sign(said, key("scanner")))
    said.predicate["files"][0]["shards"].pop()
    assert org.registrar.attest(ONE, sign(said, key("scanner"))) == "sealed"  # it is held: nothing reads data.bin


# Making them


def test_digests_are_those_of_the_parts(tmp_path: Path) -> None:
    WORLD.write(tmp_path)
    found = digests(str(tmp_path), WORLD.manifest, SHARD)
    assert found == {"big.bin": pieces(BIG), "deep/even.bin": pieces(BIG[SHARD : 3 * SHARD])}
    assert digests(str(tmp_path), WORLD.manifest, SHARD * 8) == {}


@pytest.mark.parametrize("length", [SHARD + 1, 2 * SHARD - 1, 2 * SHARD, 4 * SHARD, 4 * SHARD + 1])
@pytest.mark.parametrize("shard", [SHARD, 2 * SHARD])
def test_digests_at_borders(tmp_path: Path, length: int, shard: int) -> None:
    (tmp_path / "a").write_bytes(BIG[:length])
    manifest = manifest_for({"a": BIG[:length]})
    found = digests(str(tmp_path), manifest, shard)
    assert found == ({"a": pieces(BIG[:length], shard)} if length > shard else {})
    assert shards.read(shards.make("a/b@1", manifest, found, timestamp(NOW), shard), manifest).keys() == found.keys()


def test_nothing_is_made_of_other_bytes(tmp_path: Path) -> None:
    WORLD.write(tmp_path)
    flip(tmp_path / "big.bin", 9)
    with pytest.raises(Untrusted, match=r"'big.bin' has other bytes"):
        sharding.statement(str(tmp_path), "a/b@1", WORLD.manifest, NOW, SHARD)
    os.truncate(tmp_path / "big.bin", SHARD)
    with pytest.raises(Untrusted, match="has 65,536 bytes"):
        digests(str(tmp_path), WORLD.manifest, SHARD)


def test_nothing_is_made_while_someone_writes(tmp_path: Path) -> None:
    """What was hashed as parts is what was hashed as a whole: one pass."""
    WORLD.write(tmp_path)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            flip(tmp_path / "big.bin", SHARD)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(30):
            try:
                found = digests(str(tmp_path), WORLD.manifest, SHARD)
            except Untrusted:
                continue
            assert found["big.bin"] == pieces(BIG)
    finally:
        stop.set()
        thread.join()


def test_a_manifest_of_hundred_gigabytes_fits_a_bundle() -> None:
    size = 5_000_000_000
    manifest = Manifest.of(ManifestFile(f"{n:05}.safetensors", size, f"{n:064x}") for n in range(20))
    count = -(-size // shards.SHARD)
    made = shards.make(
        "a/b@1", manifest, {f.path: [f"{n:064x}" for n in range(count)] for f in manifest.files}, timestamp(NOW)
    )
    assert len(made.payload()) < 200_000


# The command line


def test_scanners_elsewhere(org: Org, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = big_model(tmp_path / "model"), tmp_path / "shards.json"
    key("scanner").save(str(tmp_path / "scanner.key"))
    arguments = [
        "model",
        "shards",
        str(folder),
        "--key",
        str(tmp_path / "scanner.key"),
        "--version",
        str(ONE),
        "-o",
        str(out),
    ]
    assert run(arguments) == 0
    assert "2 shards of 1 files" in capsys.readouterr().out
    envelope = Envelope.from_json(out.read_bytes())
    assert envelope.signatures[0].keyid == key("scanner").keyid
    assert json.loads(envelope.payload)["subject"][0]["name"] == "fraud/scorer@1"
    (folder / "big.safetensors").unlink()
    assert run(arguments) == 2
    assert "no file in" in capsys.readouterr().err
    arguments[2] = str(folder / "config.json")
    assert run(arguments) == 2
