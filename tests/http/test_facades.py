"""Every route of the facades for MLflow and for the Hugging Face hub, generated from their declarations."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from assaymark.faces.http.app import FACADES
from assaymark.faces.http.routes import PUBLIC, Declared
from tests.http.facade import Facade, facade
from tests.registry.org import a_model

ROUTES = [(method, route) for routes in FACADES for route in routes.declared for method in route.methods]
FILLED = {
    "project": "fraud",
    "model": "scorer",
    "revision": "1",
    "path": "config.json",
    "sha256": "0" * 64,
    "branch": "b",
}
HARMLESS = {"/api/whoami-v2", "/api/validate-yaml", "/api/3.0/mlflow/server-info"}
"""Of whoever is known, about no object."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facade]:
    folder: Path = tmp_path_factory.mktemp("facades")
    with facade(folder / "home") as made:
        made.org.publish(a_model(folder / "m"))
        yield made


@pytest.fixture(scope="module")
def stranger(server: Facade) -> str:
    return server.token("zoe", *(f"{role} on speech" for role in ("publisher", "releaser", "security", "auditor")))


def ask(server: Facade, method: str, route: Declared, token: str) -> httpx.Response:
    path = re.sub(r"\{(\w+)(?::\w+)?\}", lambda name: FILLED.get(name[1], "1"), route.path)
    body = {
        "name": "fraud~scorer", "version": "1", "alias": "champion", "stage": "Production", "key": "a", "value": "b",
        "experiment_id": "1", "run_id": "0" * 32, "source": "mlflow-artifacts:/versions/fraud/scorer/1", "status": "FINISHED",
        "organization": "fraud", "operation": "upload", "objects": [], "files": [], "experiment_name": "fraud/x",
        "metric_key": "a", "path": "versions/fraud/scorer/1", "paths": ["config.json"], "stages": ["None"],
    }  # fmt: skip
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if method == "GET":
        given = {name: value for name, value in body.items() if isinstance(value, str)}
        return httpx.request(method, server.url + path, headers=headers, params=given)
    return httpx.request(method, server.url + path, headers=headers, json=body)


@pytest.mark.parametrize(("method", "route"), [pytest.param(m, r, id=f"{m} {r.path}") for m, r in ROUTES])
def test_without_credentials_nothing(server: Facade, method: str, route: Declared) -> None:
    for token in ("", "nonsense", "hf_assay_" + "0" * 43 + "_000000"):
        answer = ask(server, method, route, token)
        if route.permission == PUBLIC:  # its address is the right
            assert answer.status_code == 422
            continue
        assert answer.status_code == 401
        if method != "HEAD":
            assert {"error", "error_code"} & answer.json().keys() and "urn:" not in answer.text


@pytest.mark.parametrize(("method", "route"), [pytest.param(m, r, id=f"{m} {r.path}") for m, r in ROUTES])
def test_a_stranger_neither_reads_nor_changes_nor_learns_of_anything(
    server: Facade, stranger: str, method: str, route: Declared
) -> None:
    if route.permission == PUBLIC or route.path in HARMLESS:
        return
    answer = ask(server, method, route, stranger)
    assert answer.status_code < 500 or answer.status_code == 501
    assert "model.safetensors" not in answer.text and "verified" not in answer.text
    if answer.status_code == 200:  # a search that finds nothing
        found = answer.json()
        assert found in ([], {"runs": []}) or all(not value for value in found.values()), found
    else:
        assert answer.status_code in {400, 404, 501}
