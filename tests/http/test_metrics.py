"""Figures of the registry, and when it is not ready."""

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from assaymark.faces.http.metrics import Metrics
from assaymark.measuring import KEEP, READY, Measures
from assaymark.registry import tables
from assaymark.storage.ledger_tables import leaves
from tests.http.conftest import Stage
from tests.registry.org import Org, a_model


def samples(metrics: Metrics) -> dict[str, float]:
    """Name and labels -> value."""
    lines = metrics.text().decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def test_figures_of_a_registry(tmp_path: Path) -> None:
    org = Org(tmp_path / "home")
    org.publish(a_model(tmp_path / "model"))
    org.request()
    moment = [0.0]
    measures = Measures(org.registrar, monotonic=lambda: moment[0])
    found = samples(Metrics(measures))
    assert found['assaymark_versions{state="verified"}'] == 1 and found['assaymark_versions{state="draft"}'] == 0
    assert found['assaymark_promotion_requests{state="open"}'] == 1
    assert found['assaymark_jobs{state="waiting"}'] == 0
    assert found["assaymark_ledger_leaves"] == 0
    tail = found["assaymark_ledger_unsigned_leaves"]
    assert tail >= 5 and found["assaymark_outbox_events"] == tail - 1  # the trust root is in the log alone
    assert found["assaymark_database_up"] == 1 and found["assaymark_trust_root_left_seconds"] > 0
    assert "assaymark_ledger_checkpoint_age_seconds" not in found
    for by in ("bea", "cid"):
        org.approve(_open(org), by)
    assert samples(Metrics(measures))["assaymark_ledger_unsigned_leaves"] == tail  # what was counted just now is kept
    org.registrar.ledger.integrate()
    org.clock.moment += timedelta(minutes=5)
    moment[0] += KEEP + 1
    found = samples(Metrics(measures))
    assert found["assaymark_ledger_unsigned_leaves"] == 0 and found["assaymark_ledger_leaves"] > tail
    assert found['assaymark_promotion_requests{state="approved"}'] == 1
    assert found["assaymark_ledger_checkpoint_age_seconds"] >= 0
    org.registrar.close()


def _open(org: Org) -> str:
    with org.registrar.look() as work:
        return str(work.connection.execute(sa.select(tables.requests.c.nonce)).scalar_one())


def test_failed_authentications_are_counted(stage: Stage) -> None:
    client = stage.client("nonsense")
    for _ in range(3):
        assert client.get("/api/v1/whoami").status_code == 401
    auditor = stage.client(stage.user("ada", "auditor"))
    assert auditor.get("/metrics").status_code == 200  # each application counts for itself
    counted = samples(client.app._metrics)  # type: ignore[attr-defined] # the shell's
    assert counted['assaymark_authentications_failed_total{why="refused"}'] == 3


def test_a_database_that_does_not_answer(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise sa.exc.OperationalError("select", {}, Exception("gone"))

    measures = Measures(stage.services.registrar)
    monkeypatch.setattr(stage.services.registrar, "look", broken)
    monkeypatch.setattr(stage.services.registrar.ledger, "waiting", broken)
    assert samples(Metrics(measures))["assaymark_database_up"] == 0
    assert measures.trouble() == "the database does not answer"


def test_ready_while_the_ledger_can_sign(stage: Stage) -> None:
    registrar = stage.services.registrar
    client = stage.client()
    assert client.get("/readyz").status_code == 200
    with registrar.database.write() as connection:
        registrar.ledger.append(connection, {"type": "x"})
        registrar.ledger.append(connection, {"type": "y"})
    moment = [0.0]
    measures = Measures(registrar, monotonic=lambda: moment[0])
    assert measures.trouble() == ""
    with registrar.database.write() as connection:  # somebody with the database takes leaves away
        connection.execute(leaves.delete())
    registrar.ledger._frontier = None
    assert measures.trouble() == ""  # of a moment ago
    moment[0] += READY + 1
    assert measures.trouble() == "the ledger cannot sign"
    refused = stage.client().get("/readyz")
    assert refused.status_code == 503 and refused.json()["detail"] == "the ledger cannot sign"
    assert stage.client().get("/healthz").status_code == 200
