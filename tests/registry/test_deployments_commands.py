"""`assay registry deploy|undeploy|deployments|graph` and `assay bom add`, on the registry of a home."""

import json
from pathlib import Path

import pytest

from assaymark.faces.cli import run
from tests.registry.org import Org
from tests.registry.test_bom import replace_clock
from tests.registry.test_graph_filling import dataset, publish


@pytest.fixture
def home(tmp_path: Path) -> str:
    org = Org(tmp_path / "home")
    replace_clock(org)
    publish(org, tmp_path / "model")
    org.registrar.close()
    return org.home


def test_what_runs_is_told_and_seen(home: str, capsys: pytest.CaptureFixture[str]) -> None:
    registry = ["--home", home, "registry"]
    assert run([*registry, "deploy", "fraud/scorer@1", "--as", "api", "--environment", "staging"]) == 0
    capsys.readouterr()
    assert run([*registry, "deployments"]) == 0
    line = capsys.readouterr().out
    assert line.startswith("staging/api  fraud/scorer@1  ") and "since" in line
    assert run([*registry, "undeploy", "api"]) == 2
    assert run([*registry, "undeploy", "api", "--environment", "staging"]) == 0
    capsys.readouterr()
    assert run([*registry, "deployments", "fraud/scorer", "--ended", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert one["until"]
    assert run([*registry, "fsck"]) == 0


def test_a_bill_of_materials_goes_in_and_the_graph_is_made_anew(
    home: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rows.json").write_bytes(dataset("rows", "d" * 64))
    assert run(["--home", home, "bom", "add", str(tmp_path / "rows.json"), "--series", "rows"]) == 0
    assert "nobody" in capsys.readouterr().out
    assert run(["--home", home, "bom", "add", str(tmp_path / "rows.json")]) == 2
    (tmp_path / "none.json").write_text("{}")
    assert run(["--home", home, "bom", "add", str(tmp_path / "none.json")]) in {2, 3}
    assert run(["--home", home, "registry", "graph", "rebuild"]) == 0
    assert run(["--home", home, "registry", "fsck"]) == 0
