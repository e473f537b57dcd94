"""Two processes on one database promote at once: each transition is made once, and one of them integrates at a time."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from assaymark.registry import tables
from assaymark.registry.names import VersionName
from assaymark.tending import Keeping
from tests.registry.crashing import publish
from tests.registry.org import MODEL, Org, a_model

ROOT = Path(__file__).parents[2]
MODELS = 12


@pytest.fixture
def org(tmp_path, database_url):
    made = Org(tmp_path / "home", database=database_url)
    yield made
    made.registrar.close()


def together(org: Org, url: str, nonces: list[str]) -> list[list]:
    """What each of two processes says of its activations of the same requests, one from each end."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.fspath(ROOT), os.fspath(ROOT / "src")])}
    order = {"home": org.home, "database": url, "now": org.clock.moment.isoformat()}
    command = [sys.executable, "-m", "tests.registry.promoting"]
    processes = []
    for activate in (nonces, nonces[::-1]):
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        process.stdin.write(json.dumps({**order, "activate": activate}) + "\n")
        process.stdin.flush()
        processes.append(process)
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    found = []
    for process in processes:
        out, _ = process.communicate()
        assert process.returncode == 0
        found += json.loads(out)
    return found


def test_each_request_is_activated_once(org, database_url, tmp_path):
    """Two requests for each of several channels' next counter: one of each pair, by one of the processes."""
    folder = a_model(tmp_path / "model")
    names = [VersionName(MODEL, str(n)) for n in range(2)]
    for name in names:
        (folder / "config.json").write_text(str(name))
        publish(org, folder, name)
    pairs = []
    for channel, people in (("staging", ("bea",)), ("production", ("bea", "cid"))):
        for name in names:
            nonce = org.request(name, channel)
            for by in people:
                org.approve(nonce, by)
            pairs.append(nonce)
    done = together(org, database_url, pairs)
    won = [nonce for nonce, said in done if isinstance(said, int)]
    assert len(done) == 8 and len(won) == len(set(won)) == 2
    assert {said for _, said in done if isinstance(said, str)} <= {
        "the channel moved since this was requested",
        "somebody else did the same meanwhile",
        "the channel moved meanwhile",
        "this request is active",
    }
    with org.registrar.database.read() as connection:
        rows = connection.execute(tables.requests.select().where(tables.requests.c.state == "active")).all()
    assert {row.nonce for row in rows} == set(won) and {row.channel for row in rows} == {"staging", "production"}
    assert Keeping.of(org.registrar).check() == []


def test_different_models_promoted_by_both_are_all_promoted(org, database_url, tmp_path):
    from assaymark.registry import models
    from assaymark.registry.names import ModelName

    folder = a_model(tmp_path / "model")
    nonces = []
    for number in range(MODELS):
        name = VersionName(ModelName("fraud", f"m{number}"), "1")
        with org.registrar.work() as work:
            models.create_model(work, name.model, "ann")
        publish(org, folder, name)
        nonces.append(org.request(name, "staging"))
        org.approve(nonces[-1], "bea")
    done = together(org, database_url, nonces)
    won = [(nonce, said) for nonce, said in done if isinstance(said, int)]
    assert sorted(nonce for nonce, _ in won) == sorted(nonces)
    assert len({index for _, index in won}) == MODELS
    assert Keeping.of(org.registrar).check() == []
