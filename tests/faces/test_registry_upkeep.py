"""`assay registry scrub|gc|quota|backup|restore|jobs|work|fsck` as they are typed."""

import os
import shutil
from pathlib import Path

import pytest

from tests.faces.conftest import Assay
from tests.registry.crashing import seal
from tests.registry.org import ONE, Org, a_model


@pytest.fixture
def org(folder: Path, tmp_path: Path) -> Org:
    """The home's registry, with a version that waits for its scan; nobody has it open."""
    made = Org(tmp_path / "home")
    made.registrar.upload(ONE, str(a_model(tmp_path / "to-publish")), "ann")
    seal(made, ONE)
    made.registrar.close()
    return made


def blobs(org: Org) -> list[Path]:
    return sorted(path for path in Path(org.home, "registry", "objects", "blobs").rglob("*") if path.is_file())


def test_a_sound_registry(assay: Assay, org: Org) -> None:
    assert assay("registry", "fsck").code == 0
    done = assay("registry", "scrub")
    assert done.code == 0 and "blobs    4" in done.out
    part = assay("registry", "scrub", "--bytes", "1")
    assert "blobs    1" in part.out
    after = part.out.split("after")[1].strip()
    assert "blobs    3" in assay("registry", "scrub", "--after", after).out


def test_a_damaged_blob_is_found_and_then_missed(assay: Assay, org: Org) -> None:
    blob = blobs(org)[0]
    blob.write_bytes(b"x" * blob.stat().st_size)
    done = assay("registry", "scrub")
    assert done.code == 1 and f"damaged  {blob.parent.name}{blob.name}" in done.out and "in quarantine now" in done.out
    done = assay("registry", "fsck")
    assert done.code == 3 and "is not in the store" in done.out and "1 problems" in done.err


def test_the_jobs_are_done_once(assay: Assay, org: Org) -> None:
    assert "scan  fraud/scorer@1  waiting" in assay("registry", "jobs").out
    done = assay("registry", "work")
    assert done.code == 0 and done.out.split() == ["done", "1"]
    assert assay("registry", "jobs", "--json").out.strip() == "[]"
    assert assay("registry", "jobs", "--retry", "1").code == 2
    assert assay("registry", "jobs", "--retry", "x").code == 2
    assert assay("registry", "jobs", "--retry", "all").code == 0


def test_gc_says_what_would_go(assay: Assay, org: Org) -> None:
    loose = blobs(org)[0].parent / ("0" * 62)
    loose.write_bytes(b"x")
    os.utime(loose, (0, 0))
    assert "freed   1" in assay("registry", "gc", "--dry-run").out
    assert loose.exists()
    assert "freed   1" in assay("registry", "gc", "--grace", "48").out
    assert not loose.exists() and len(blobs(org)) == 4
    assert assay("registry", "gc", "--grace", "0").code == 2


def test_a_quota_is_set(assay: Assay, org: Org) -> None:
    assert "quota    none" in assay("registry", "quota", "fraud").out
    assert "quota    1000" in assay("registry", "quota", "fraud", "--set", "1000").out
    assert "quota    none" in assay("registry", "quota", "fraud", "--none").out
    assert assay("registry", "quota", "nobody").code == 2


def test_there_and_back(assay: Assay, org: Org, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = assay("registry", "backup", tmp_path / "backups")
    assert made.code == 0, made.err
    said = dict(line.split() for line in made.out.splitlines())
    refused = assay("registry", "restore", said["backup"])
    assert refused.code == 2 and "not an empty folder" in refused.err
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "other"))
    refused = assay("registry", "restore", said["backup"])
    assert refused.code == 2 and "no backup has them" in refused.err
    shutil.copytree(Path(org.home, "keys"), tmp_path / "other" / "keys")
    refused = assay("registry", "restore", said["backup"], "--digest", "0" * 64)
    assert refused.code == 1 and not (tmp_path / "other" / "registry").exists()
    done = assay("registry", "restore", said["backup"], "--digest", said["digest"])
    assert done.code == 0, done.err
    assert assay("registry", "fsck").code == 0
    assert assay("registry", "show", ONE).code == 0
