"""`assay explain`, `assay --help`, and what is the same for all commands."""

import json
import subprocess
import sys

import pytest

from assaymark import __version__
from assaymark.app import all_rules
from tests.faces.conftest import Assay


@pytest.mark.parametrize("name", ["MDL001", "mdl001"])
def test_a_check_explains_itself(assay: Assay, name: str) -> None:
    ran = assay("explain", name)
    rule = all_rules()["MDL001"]
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"MDL001  {rule.title}\n")
    folded = " ".join(ran.out.split())
    for part in (f"Why: {rule.why}", f"Fix: {rule.fix}", "severity critical", "CWE:502"):
        assert part in folded


def test_the_list_has_every_check(assay: Assay) -> None:
    lines = assay("explain").out.splitlines()
    assert [line.split()[0] for line in lines] == list(all_rules())
    assert len(lines) > 50


def test_json(assay: Assay) -> None:
    one = json.loads(assay("explain", "CHK001", "--format", "json").out)
    assert (one["id"], one["layer"], one["holds"]) == ("CHK001", "platform", True)
    every = json.loads(assay("explain", "--format", "json").out)
    assert [rule["id"] for rule in every] == list(all_rules())
    assert one in every


def test_markdown(assay: Assay) -> None:
    assert assay("explain", "MDL001", "--format", "markdown").out.startswith("## MDL001: ")
    every = assay("explain", "--format", "markdown").out
    assert [line.split(":")[0][3:] for line in every.splitlines() if line.startswith("## ")] == list(all_rules())


@pytest.mark.parametrize(
    "arguments", [["explain", "MDL"], ["explain", "XYZ999"], ["explain", "MDL001", "--format", "x"]]
)
def test_an_unknown_check_is_wrong_usage(assay: Assay, arguments: list[str]) -> None:
    ran = assay(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err


def test_help_and_version(assay: Assay) -> None:
    ran = assay("--help")
    assert ran.code == 0
    for command in ("scan", "explain", "evidence", "key"):
        assert f"  {command}" in ran.out
    assert ran.out == assay("-h").out
    assert assay("--version").out == f"assay, version {__version__}\n"
    for command in (["scan"], ["explain"], ["evidence", "verify"], ["key", "create"]):
        assert assay(*command, "--help").out.startswith(f"Usage: assay {' '.join(command)}")


@pytest.mark.parametrize(
    "arguments", [["frobnicate"], ["key"], ["evidence"], ["evidence", "verify"], ["--no-such"], []]
)
def test_a_command_that_does_not_exist(assay: Assay, arguments: list[str]) -> None:
    ran = assay(*arguments)
    assert ran.code == 2
    assert "Usage" in ran.err + ran.out


@pytest.mark.parametrize("command", [[sys.executable, "-m", "assaymark"], ["assay"]])
def test_the_installed_command(command: list[str], folder: object) -> None:
    import os

    path = f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*command, "scan", "evil.pkl", "-q"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": path},
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert "DENY" in done.stdout


def test_an_option_that_is_named_debug_in_a_path_is_no_flag(assay: Assay) -> None:
    ran = assay("scan", "--", "--debug")
    assert ran.code == 2
    assert "no such file" in ran.err
