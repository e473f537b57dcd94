"""The documents say what the code does."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/adr/*.md"), *ROOT.glob("docs/formats/*.md")]
)


def test_generated_pages_are_current() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/docs.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_export_is_the_lock() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/check_lock.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_look_in_the_readme_is_what_one_sees(tmp_path: Path) -> None:
    block = re.search(r"## A look\n\n```console\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert block
    first, command, *expected = block[1].splitlines()
    script = f"{first.removeprefix('$ ')}\n{command.removeprefix('$ ').replace('assay', ASSAY, 1)} --no-config"
    environment = {**os.environ, "ASSAY_HOME": str(tmp_path), "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stdout.splitlines()[: len(expected)] == expected


ASSAY = f"{shlex.quote(sys.executable)} -m assaymark"


@pytest.mark.parametrize("path", DOCUMENTS, ids=[str(p.relative_to(ROOT)) for p in DOCUMENTS])
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=[str(p.relative_to(ROOT)) for p in DOCUMENTS])
def test_named_options_and_commands_exist(path: Path) -> None:
    if path.name == "cli.md":
        return
    known = (ROOT / "docs" / "cli.md").read_text()
    for line in re.findall(r"^(?:\$ )?(assay .*)$", path.read_text(), re.MULTILINE):
        words = shlex.split(line, comments=True)
        assert f"## assay {words[1]}" in known, line
        for option in (word for word in words if word.startswith("--")):
            assert option in known, f"{option} in {line!r}"


def test_every_rule_of_the_demo_is_found_by_the_demo() -> None:
    done = subprocess.run(
        [sys.executable, "examples/demo.py", "--quiet"], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    report = re.search(r"HTML report\s+(\S+)", done.stdout)
    assert report
    html = Path(report[1]).read_text()
    for rule_id in ("MDL001", "MDL100", "DAT001", "DAT007", "LIB001", "INF001", "INF003", "INF005", "TLG001"):
        assert rule_id in html
