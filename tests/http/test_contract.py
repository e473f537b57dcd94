"""The description of the interface, and that every answer is one of those that it describes."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from assaymark.faces.http.app import OWN, bare_app, create_app
from assaymark.faces.http.authentication import Failures
from assaymark.faces.http.contract import contract, described, said
from assaymark.registry.access import ROLES
from tests.http.conftest import Stage

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # schemathesis's own
    from scripts.fuzz_http import accounts, fuzz

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = 2
"""For each operation and way; `scripts/fuzz_http.py` asks more."""


def document() -> dict[str, Any]:
    return contract(bare_app(None, OWN))  # type: ignore[arg-type] # nothing is asked


def test_every_operation_says_its_permission_and_how_it_refuses() -> None:
    made = document()
    assert made["openapi"].startswith("3.1") and made["security"] == [{"token": []}]
    count = 0
    for path, operations in made["paths"].items():
        for method, operation in operations.items():
            count += 1
            assert operation["x-permission"], (method, path)
            assert (operation.get("security") == []) == (operation["x-permission"] == "public")
            assert "application/problem+json" in operation["responses"]["4XX"]["content"]
            assert "422" not in operation["responses"]
    routes = list(described(bare_app(None, OWN)))  # type: ignore[arg-type] # nothing is asked
    assert count == sum(len(route.methods or ()) for route in routes) > 40
    assert {said(route.permission) for route in routes} >= {"public", "known", "admin", "approve on the object"}


def test_operations_have_names_of_their_own() -> None:
    names = [one["operationId"] for operations in document()["paths"].values() for one in operations.values()]
    assert len(set(names)) == len(names)


def test_the_copy_in_the_documentation_is_what_the_server_says(stage: Stage) -> None:
    answer = stage.client(stage.user("alice")).get("/api/v1/openapi.json")
    assert answer.json() == json.loads((ROOT / "docs" / "schemas" / "openapi.json").read_text())
    assert stage.client().get("/api/v1/openapi.json").status_code == 401


@pytest.mark.parametrize("role", sorted(ROLES))
def test_no_answer_is_outside_the_contract(stage: Stage, role: str) -> None:
    tokens = accounts(stage.services.registrar)
    app = create_app(stage.services, failures=Failures(most=1_000_000))
    wanted = {"admin": None}.get(role, {"reader": {"get"}}.get(role, {"post", "put", "delete"}))
    found = list(
        fuzz(app, tokens[role], EXAMPLES, seeded=True, chosen=lambda method, _: not wanted or method in wanted)
    )
    assert not found, "\n".join(found)
    assert not [record for record in stage.logged if "bug" in record]


# what was found


def test_an_envelope_with_keys_outside_of_ascii(stage: Stage) -> None:
    answer = stage.client(stage.user("root", "admin")).post("/api/v1/trust", json={"envelope": {"\b\u00deM": 207}})
    assert answer.status_code == 400
