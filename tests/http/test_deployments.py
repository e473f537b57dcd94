"""Deployments and bills of materials over HTTP, by those who may."""

import json
from pathlib import Path

import pytest

from assaymark.core.clock import timestamp
from assaymark.faces.http.services import LOOPBACK, Services
from tests.http.conftest import Stage
from tests.registry.org import Org
from tests.registry.test_graph_filling import TWO, dataset, publish


@pytest.fixture
def org(tmp_path: Path):
    made = Org(tmp_path / "home")
    publish(made, tmp_path / "model")
    publish(made, tmp_path / "other", TWO)
    yield made
    made.registrar.close()


@pytest.fixture
def place(org: Org) -> Stage:
    services = Services(org.registrar.database, org.clock, registrar=org.registrar, hosts=LOOPBACK)
    return Stage(org.registrar.database, services, org.clock)


PATH = "/api/v1/projects/fraud/models/scorer/versions/{}/deployments"


def test_an_attester_reports_and_readers_see(place: Stage) -> None:
    gil = place.client(place.user("gil", "attester on fraud"))
    assert gil.post(PATH.format(1), json={"name": "api"}).status_code == 201
    done = gil.post(PATH.format(2), json={"name": "api"}).json()
    assert done["version"] == "fraud/scorer@2" and done["reported_by"] == "gil"
    reader = place.client(place.user("rea", "reader on fraud"))
    assert [one["version"] for one in reader.get("/api/v1/deployments").json()] == ["fraud/scorer@2"]
    assert len(reader.get("/api/v1/deployments?ended=true&model=fraud/scorer").json()) == 2
    assert reader.post(PATH.format(1), json={"name": "api"}).status_code == 403
    assert reader.post("/api/v1/undeployments", json={"name": "api"}).status_code == 403
    stranger = place.client(place.user("sol", "attester on vision"))
    assert stranger.get("/api/v1/deployments").json() == []
    assert stranger.post("/api/v1/undeployments", json={"name": "api"}).status_code == 404
    ended = gil.post("/api/v1/undeployments", json={"name": "api"}).json()
    assert ended["until"] == timestamp(place.clock.moment)
    assert gil.post("/api/v1/undeployments", json={"name": "api"}).status_code == 404
    assert gil.post(PATH.format(1), json={"name": "a b"}).status_code in {400, 422}


def test_nobody_ends_what_another_project_runs(place: Stage, org: Org) -> None:
    with org.registrar.work() as work:
        from assaymark.registry import models
        from assaymark.registry.names import ModelName

        models.create_project(work, "vision")
        models.create_model(work, ModelName("vision", "cat"), "ann")
    gil = place.client(place.user("gil", "attester on fraud"))
    gil.post(PATH.format(1), json={"name": "api"})
    sol = place.client(place.user("sol", "attester on vision"))
    answer = sol.post("/api/v1/projects/vision/models/cat/versions/1/deployments", json={"name": "api"})
    assert answer.status_code == 404 and "scorer" not in answer.text


def test_a_bill_of_materials_is_for_attesters_of_the_organisation(place: Stage) -> None:
    document = dataset("rows", "d" * 64).decode()
    gil = place.client(place.user("gil", "attester on fraud"))
    assert gil.post("/api/v1/boms", json={"document": document}).status_code == 403
    hal = place.client(place.user("hal", "attester"))
    done = hal.post("/api/v1/boms", json={"document": document, "series": "rows"})
    assert done.status_code == 201 and done.json()["signed_by"] == "nobody"
    assert hal.post("/api/v1/boms", json={"document": document}).status_code == 409
    assert hal.post("/api/v1/boms", json={"document": json.dumps({"a": 1})}).status_code in {400, 422}
