"""The routes of impact on a real server: pages, lines, and nothing of other people's projects."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assaymark import registering
from assaymark.core.errors import NotFound, Unreadable, UsageError
from assaymark.faces.cli import run
from tests.bom.test_impact import MORE, filled, rivals
from tests.http.test_registry import Site
from tests.registry.org import ONE, Org


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    org = Org(tmp_path / "home")
    monkeypatch.setattr(registering, "SystemClock", lambda: org.clock)
    filled(org, tmp_path)
    rivals(org, tmp_path)
    made = Site(org)
    made.tokens["all"] = made.stage.user("all", "reader")
    made.tokens["none"] = made.stage.user("none")
    made.tokens["one"] = made.stage.user("one", "reader on rivals/ranker")
    yield made
    made.close()
    org.registrar.close()


def names(lines: list[dict[str, Any]]) -> list[str]:
    return [line["name"] for line in lines if "key" in line]


def test_lines_and_pages(site: Site) -> None:
    with site.client("all") as at:
        head, *rest = at.impact("dataset:reviews")
        first = at.impact_page("dataset:reviews", limit=1)
        second = at.impact_page("dataset:reviews", limit=1_000, after=1)
    assert head["counts"]["hits"] == len(rest) - 1 == rest[-1]["hits"]
    assert names(rest)[:2] == [str(ONE), str(MORE)]
    assert names(first["hits"] + second["hits"]) == names(rest) and second["next"] is None


def test_each_sees_his_own(site: Site) -> None:
    for name in ("mal", "one"):
        with site.client(name) as at:
            head, *rest = at.impact("dataset:reviews")
            assert names(rest) == [str(MORE)] and head["counts"]["hits"] == 1
            assert "fraud" not in json.dumps([head, *rest])
            assert at.why(str(MORE), "dataset:reviews")["path"][0]["name"] == "not for you to see"
            with pytest.raises(NotFound):
                at.why(str(ONE), "dataset:reviews")
            with pytest.raises(NotFound):
                at.ancestry(str(ONE))
    with site.client("none") as at, pytest.raises(NotFound):
        list(at.impact("dataset:reviews"))


def test_a_token_that_may_not_read_sees_nothing(site: Site) -> None:
    site.tokens["narrow"] = site.stage.token("all", frozenset({"publish"}))
    with site.client("narrow") as at, pytest.raises(NotFound):
        list(at.impact("dataset:reviews"))


def test_why_and_ancestry(site: Site) -> None:
    with site.client("all") as at:
        assert [step["name"] for step in at.why(str(ONE), "dataset:reviews")["path"]][-1] == str(ONE)
        assert "numpy" in {node["name"] for node in at.ancestry(str(ONE))["nodes"]}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("what=pkg:pypi/numpy", 200),
        ("what=pkg:pypi/nothing", 404),
        ("", 400),
        ("what=", 400),
        ("what=" + "x" * 4_000, 400),
        ("what=pkg:pypi/numpy&as_of=x", 400),
        ("what=pkg:pypi/numpy&limit=0", 400),
        ("what=%00", 400),
        ("what=CVE-2026-12345", 404),
        ("what=/etc/passwd.json", 404),
    ],
)
def test_answers(site: Site, query: str, status: int) -> None:
    found = site.ask("all", "GET", f"/impact?{query}").status_code
    assert found == status or (status == 400 and found in {400, 422})


def test_an_answer_that_breaks_off_is_an_error(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with site.client("all") as at:
        whole = list(at.impact("dataset:reviews"))
        monkeypatch.setattr(type(at), "lines", lambda *_: iter(whole[:-1]))
        with pytest.raises(Unreadable, match="broke off"):
            list(at.impact("dataset:reviews"))
        with pytest.raises(UsageError):
            list(at.impact({"affected": []}))


def test_the_command_asks_a_server(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ASSAY_TOKEN", site.tokens["mal"])
    assert run(["impact", "dataset:reviews", "--server", site.url]) == 1
    shown = capsys.readouterr().out
    assert str(MORE) in shown and "fraud" not in shown
    assert run(["impact", "pkg:pypi/nothing", "--server", site.url]) == 3
