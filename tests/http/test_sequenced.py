"""The ledger beside a server: one thread integrates what all requests logged, mends its files first, and ends in order."""

import os
import threading
from pathlib import Path

import pytest

from assaymark.core.errors import Unreadable
from assaymark.desk import Desk
from assaymark.feeds.witness import HttpWitness
from assaymark.serving import ledger_files, sequencer
from assaymark.storage.ledger import Quorum
from tests.registry.org import MODEL, ONE, Org, a_model
from tests.storage.ledgers import WITNESS_KEY


@pytest.fixture
def org(tmp_path: Path) -> Org:
    made = Org(tmp_path / "home")
    made.publish(a_model(tmp_path / "model"))
    return made


def test_what_a_request_logged_is_integrated_without_being_asked_for(org: Org) -> None:
    with sequencer(org.registrar) as thread:
        org.request()
        thread.wait(thread.notify(), 60)
        assert not org.registrar.ledger.waiting()
    org.registrar.close()


def test_activations_share_one_integration(org: Org, tmp_path: Path) -> None:
    from dataclasses import replace

    names = [ONE] + [replace(ONE, version=str(number)) for number in (2, 3)]
    for name in names[1:]:
        org.publish(a_model(tmp_path / name.version), name)
    nonces = [org.request(name, channel) for name, channel in zip(names, ("production", "staging"), strict=False)]
    org.approve(nonces[0], "bea")
    org.approve(nonces[0], "cid")
    org.approve(nonces[1], "bea")
    indexes: list[int] = []
    with sequencer(org.registrar):
        threads = [
            threading.Thread(target=lambda nonce=nonce: indexes.append(org.registrar.activate(nonce, "dan").index))
            for nonce in nonces
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join(60)
    assert len(set(indexes)) == 2
    assert org.registrar.sequencer is None
    org.registrar.close()


def test_what_was_logged_last_is_integrated_before_the_end(org: Org) -> None:
    with sequencer(org.registrar):
        org.request()
    assert not org.registrar.ledger.waiting()
    org.registrar.close()


def test_damaged_files_are_mended_at_the_start_and_named(org: Org) -> None:
    org.registrar.ledger.integrate()
    files = ledger_files(org.registrar)
    path = next(path for path in files.paths() if path.startswith("tile/entries/"))
    place = Path(files.root, path)
    whole = place.read_bytes()
    os.chmod(place, 0o600)
    place.write_bytes(whole[:-1] + b"?")
    said: list[str] = []
    with sequencer(org.registrar, said.append) as thread:
        thread.wait(thread.notify(), 60)
    assert place.read_bytes() == whole
    assert [text for text in said if path in text]
    org.registrar.close()


def test_a_log_that_was_rolled_back_is_told_and_not_signed(org: Org) -> None:
    import sqlalchemy as sa

    org.registrar.ledger.integrate()
    before = org.registrar.ledger.checkpoint()
    with org.registrar.database.write() as connection:
        connection.execute(
            sa.text('DELETE FROM ledger_leaves WHERE "index" = (SELECT max("index") FROM ledger_leaves)')
        )
    said: list[str] = []
    with sequencer(org.registrar, said.append):
        pass
    assert any("rolled back" in text for text in said), said
    assert org.registrar.ledger.checkpoint() == before
    org.registrar.close()


def test_a_promotion_stands_while_the_witnesses_are_silent(org: Org) -> None:
    nonce = org.request()
    org.approve(nonce, "bea")
    org.approve(nonce, "cid")
    silent = HttpWitness("http://127.0.0.1:9", WITNESS_KEY, timeout=1.0)
    org.registrar.ledger._quorum = Quorum((silent,), 1)
    done = Desk(org.registrar, "dan").activate(nonce)
    assert done["state"] == "active"
    assert done["leaf"] is None
    assert "witnesses" in done["waits"]
    with pytest.raises(Unreadable, match="0 of 1 witnesses"):
        org.registrar.bundle(MODEL, "production")
    silent.close()
    org.registrar.close()
