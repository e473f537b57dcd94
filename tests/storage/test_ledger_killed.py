"""kill -9 at any moment: no leaf is lost, none is there twice, and what is published always holds."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from assaymark.core.tiles import unpack
from tests.storage.ledgers import Place

ROOT = Path(__file__).parents[2]
CYCLES = 32


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_moments(tmp_path: Path, seed: int) -> None:
    command = [sys.executable, "-m", "tests.storage.ledger_killed", tmp_path, str(seed), str(CYCLES)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.fspath(ROOT), os.fspath(ROOT / "src")])}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    place = Place(tmp_path)
    ledger = place.open().ledger
    size = ledger.integrate().size
    audit = place.audit()
    assert not audit.problems and not audit.unexplained
    assert not ledger.repair()
    place.close()
    logged = [int(re.fullmatch(rb'\{"n":(\d+)\}', leaf)[1]) for leaf in leaves(place.folder, size)]  # type: ignore[index]
    assert len(set(logged)) == len(logged) == size > CYCLES
    committed = {int(line) for line in (tmp_path / "journal").read_text().split()}
    assert committed <= set(logged)
    unspoken = set(logged) - committed  # committed, and killed before it could say so
    assert len({number // 10 for number in unspoken}) <= CYCLES
    assert logged == sorted(logged)


def leaves(folder: Path, size: int) -> list[bytes]:
    found = []
    for index in range(-(-size // 256)):
        width = min(256, size - index * 256)
        name = f"{index:03}" if width == 256 else f"{index:03}.p/{width}"
        found += unpack((folder / "tile/entries" / name).read_bytes(), width)
    return found
