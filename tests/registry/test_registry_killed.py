"""kill -9 at any moment of publish, seal, approve and activate: what is there holds, and the registry goes on."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from assaymark.core.ports import StoreFault
from assaymark.registry import models
from assaymark.tending import Keeping
from tests.registry.crashing import publish
from tests.registry.org import ONE, Org, a_model

ROOT = Path(__file__).parents[2]
SHARED = Path("/dev/shm")
CYCLES = 52
SEEDS = (1, 2, 3, 4)
"""In all, more than two hundred."""


@pytest.fixture
def quick() -> Iterator[Path]:
    """A folder in memory where there is one: what is tested is the order of things, not the disk."""
    place = Path(tempfile.mkdtemp(prefix="assay-killed-", dir=SHARED if os.access(SHARED, os.W_OK) else None))
    yield place
    shutil.rmtree(place)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.parametrize("seed", SEEDS)
def test_killed_at_random_moments(quick: Path, seed: int) -> None:
    command = [sys.executable, "-m", "tests.registry.registry_killed", quick, str(seed), str(CYCLES)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.fspath(ROOT), os.fspath(ROOT / "src")])}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    assert done.stdout.startswith(f"{CYCLES} cycles")


@pytest.mark.parametrize("size", [0, 1 << 10, 100 << 10, 1 << 20])
def test_a_disk_that_is_full_leaves_nothing_half_there(tmp_path: Path, size: int) -> None:
    """No file may grow beyond `size` while a model of 2 MB is published: the process has an error, and afterwards it goes on."""
    org = Org(tmp_path / "home")
    folder = a_model(tmp_path / "model")
    (folder / "weights.bin").write_bytes(os.urandom(2 << 20))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        with pytest.raises(StoreFault, match="no room") as caught:
            publish(org, folder, ONE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.full
    assert Keeping.of(org.registrar).check() == []
    with org.registrar.look() as work, pytest.raises(models.NotFound):
        models.find_version(work.connection, ONE)
    assert not os.listdir(Path(org.registrar.folder, "objects", "tmp"))
    assert publish(org, folder, ONE) == "verified"
    assert Keeping.of(org.registrar).check() == []
    org.registrar.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
def test_the_database_has_no_room(tmp_path: Path) -> None:
    """The disk of the records fills while versions are published: each is there whole or not at all."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", small], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount a disk")
    try:
        _fill(small, tmp_path)
    finally:
        subprocess.run(["umount", small], check=True)


def _fill(small: Path, tmp_path: Path) -> None:
    from assaymark.core.errors import AssayError
    from assaymark.registry.names import VersionName
    from tests.registry.org import MODEL

    store = str(tmp_path / "objects")
    org = Org(small / "home", store=store)
    folder = a_model(tmp_path / "model")
    for number in range(2_000):
        (folder / "config.json").write_text(str(number))
        try:
            publish(org, folder, VersionName(MODEL, str(number)))
            org.registrar.ledger.integrate()
        except AssayError as error:
            assert getattr(error, "full", True), error
            break
    else:
        pytest.fail("it was never full")
    assert number > 3
    org.registrar.close()
    freed = subprocess.run(["mount", "-o", "remount,size=64m", small], check=True)
    assert freed.returncode == 0
    org.registrar = org.open()
    assert Keeping.of(org.registrar).check() == []
    publish(org, folder, VersionName(MODEL, "after"))
    org.registrar.ledger.integrate()
    assert Keeping.of(org.registrar).check() == []
    org.registrar.close()
