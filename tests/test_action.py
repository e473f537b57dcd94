"""action.yml runs in the folder of whoever opened the pull request: no Python in it may be taken for ours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
STEPS = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]


def test_the_environment_is_made_without_the_current_folder() -> None:
    assert '"$PYTHON" -I -m venv' in STEPS[0]["run"]


@pytest.mark.skipif(os.name != "posix", reason="the action's steps are for bash")
def test_modules_of_the_scanned_folder_are_not_run(tmp_path: Path) -> None:
    folder, bin_folder = tmp_path / "repository", tmp_path / "assaymark" / "bin"
    (folder / "assaymark").mkdir(parents=True)
    bin_folder.mkdir(parents=True)
    for name in ("click.py", "json.py", "assaymark/__init__.py", "assaymark/__main__.py"):
        (folder / name).write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    (bin_folder / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (bin_folder / "python").chmod(0o755)
    environment = {
        **os.environ, "ACTION": str(ROOT), "RUNNER_TEMP": str(tmp_path), "SCAN_PATH": ".", "FAIL_ON": "high",
        "SARIF": "a.sarif", "REPORT_ONLY": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "ASSAY_HOME": str(tmp_path / "home"),
    }  # fmt: skip
    command = ["bash", "-e", "-c", STEPS[1]["run"]]
    ran = subprocess.run(command, check=False, cwd=folder, env=environment, capture_output=True)
    assert not (tmp_path / "ran").exists(), ran.stderr
    assert ran.returncode == 0, ran.stderr
    assert (folder / "a.sarif").exists()
    assert (tmp_path / "summary.md").exists()


def test_the_hook_takes_what_follows_for_paths() -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert hook["args"][-1] == "--"
