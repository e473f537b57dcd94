"""The OSV API, as stock clients ask it."""

import json
from pathlib import Path
from typing import Any

import pytest

from assaymark.auditing import import_feed
from assaymark.faces.http import osv
from tests.http.conftest import Stage
from tests.library.advisories.records import record


@pytest.fixture
def client(stage: Stage, tmp_path: Path) -> Any:
    place = tmp_path / "feed"
    place.mkdir()
    documents = [record(f"PYSEC-2026-{n}", events=[{"introduced": "0"}, {"fixed": "2.0"}]) for n in range(150)]
    documents += [record("pypi/2026-05-campaign/evil", name="evil", versions=["6.6.6"])]
    for at, document in enumerate(documents):
        (place / f"{at}.json").write_text(json.dumps(document))
    import_feed(str(place), home=str(tmp_path / "home"), clock=stage.clock)
    return stage.client("", osv.routes)


def ask(client: Any, document: Any, path: str = "query") -> Any:
    return client.post(f"/v1/{path}", content=json.dumps(document))  # no token, and no Content-Type: as pip-audit


def package(name: str = "demo", version: str = "1.0", **more: Any) -> dict[str, Any]:
    return {"package": {"name": name, "ecosystem": "PyPI"}, "version": version, **more}


def test_query_by_name_and_by_purl_in_pages(client: Any) -> None:
    first = ask(client, package()).json()
    assert len(first["vulns"]) == 100 and first["vulns"][0]["affected"]
    second = ask(client, package(page_token=first["next_page_token"])).json()
    assert len(second["vulns"]) == 50 and "next_page_token" not in second
    assert ask(client, {"package": {"purl": "pkg:pypi/evil@6.6.6"}}).json()["vulns"][0]["id"].endswith("/evil")
    assert ask(client, package(version="2.0")).json() == {}


def test_querybatch_has_ids_in_order(client: Any) -> None:
    asked = {"queries": [package("nobody"), package("evil", "6.6.6"), package()]}
    results = ask(client, asked, "querybatch").json()["results"]
    assert results[0] == {} and results[1]["vulns"] == [
        {"id": "pypi/2026-05-campaign/evil", "modified": "2026-11-24T10:00:00Z"}
    ]
    assert len(results[2]["vulns"]) == 150


def test_vulns_by_id_also_with_slashes(client: Any) -> None:
    assert client.get("/v1/vulns/PYSEC-2026-7").json()["id"] == "PYSEC-2026-7"
    assert client.get("/v1/vulns/pypi/2026-05-campaign/evil").json()["affected"]
    missing = client.get("/v1/vulns/CVE-1")
    assert missing.status_code == 404 and missing.json() == {"code": 5, "message": "Bug not found."}


@pytest.mark.parametrize(
    "bad",
    [
        None, [], {}, {"package": {}}, {"commit": "abc"}, package(page_token="x"), package(page_token="9" * 9), package("", "1"),
        {"package": {"name": "a"}}, {"package": {"purl": "nonsense"}}, {"package": {"purl": "pkg:pypi/a@1"}, "version": "1"},
        package("a" * 501), {"package": {"name": 1, "ecosystem": "PyPI"}},
    ],
)  # fmt: skip
def test_a_query_that_makes_no_sense(client: Any, bad: Any) -> None:
    answer = ask(client, bad)
    assert answer.status_code == 400 and answer.json()["code"] == 3


def test_bodies_and_batches_are_bounded(client: Any) -> None:
    assert ask(client, {"queries": [package()] * 1_001}, "querybatch").status_code == 400
    assert ask(client, {"queries": "x" * (5 << 20)}, "querybatch").status_code == 413
    assert client.post("/v1/query", content=b'{"a": NaN').status_code == 400


def test_missing_and_stale_feeds_are_a_failure_never_an_empty_answer(client: Any, stage: Stage) -> None:
    npm = {"package": {"name": "a", "ecosystem": "npm"}, "version": "1.0.0"}
    assert ask(client, npm).status_code == 503
    stage.later(days=8)
    answer = ask(client, package())
    assert answer.status_code == 503 and "days ago" in answer.json()["message"]
    assert client.get("/v1/vulns/PYSEC-2026-7").status_code == 200


def test_without_advisories_nothing_is_answered(stage: Stage) -> None:
    client = stage.client("", osv.routes)
    assert ask(client, package()).status_code == 503
    assert client.get("/v1/vulns/PYSEC-2026-7").status_code == 404
