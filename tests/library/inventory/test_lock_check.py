"""`assaymark.inventories.lock_check` and its fixes; no network: uv is a stand-in where it would be asked."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.library.inventory.test_inventory import SHA, UV, put, wheel

from assaymark.core.errors import OverBudget, UsageError
from assaymark.inventories import apply, fixes, lock_check
from assaymark.jobs import tools


def ids(folder: Path, **options: object) -> list[str]:
    report, _ = lock_check(str(folder), config="", **options)  # type: ignore[arg-type] # as the test has it
    return sorted({finding.id for finding in report.findings})


def hashed(version: str = "1", digest: str = SHA) -> str:
    return f"a=={version} --hash=sha256:{digest}\n"


def test_lib020_bad_address(tmp_path: Path) -> None:
    put(tmp_path, "requirements.txt", f"a @ git+https://example.invalid/a@{'b' * 40}\n")
    assert ids(tmp_path) == ["LIB020"]


def test_lib020_good_index(tmp_path: Path) -> None:
    put(tmp_path, "requirements.txt", hashed())
    assert ids(tmp_path) == []


def test_lib021_bad_two_locks_and_bytes_at_hand(tmp_path: Path) -> None:
    put(tmp_path, "1/requirements.txt", hashed())
    put(tmp_path, "2/requirements.txt", hashed(digest="b" * 64))
    put(tmp_path, "3/a-1-py3-none-any.whl", wheel())
    report, _ = lock_check(str(tmp_path), config="")
    found = [finding.where.path for finding in report.findings if finding.id == "LIB021"]
    assert found.count("1/requirements.txt") == 1
    assert "2/requirements.txt" in found
    assert report.verdict.outcome.value == "deny"


def test_lib021_good_one_in_common(tmp_path: Path) -> None:
    data = wheel()
    digest = hashlib.sha256(data).hexdigest()
    put(tmp_path, "1/requirements.txt", f"a==1 --hash=sha256:{SHA} --hash=sha256:{digest}\n")
    put(tmp_path, "2/requirements.txt", hashed(digest=digest))
    put(tmp_path, "a-1-py3-none-any.whl", data)
    assert ids(tmp_path) == []


def source_alone(folder: Path) -> list[str]:
    put(folder, "uv.lock", UV)
    report, _ = lock_check(str(folder), config="")
    return [f.where.symbol for f in report.findings if f.id == "LIB022"]


def test_lib022_bad_sdist_alone(tmp_path: Path) -> None:
    assert "markupsafe" in source_alone(tmp_path)


def test_lib022_good_wheel(tmp_path: Path) -> None:
    assert source_alone(tmp_path) == ["markupsafe"]  # all others of that lock have wheels


def page(*yanked: object) -> str:
    names = ("a-1-py3-none-any.whl", "a-1.tar.gz")
    files = [{"filename": name, "yanked": value} for name, value in zip(names, yanked, strict=False)]
    return json.dumps({"name": "A", "files": files, "meta": {"api-version": "1.0"}})


def test_lib023_bad_yanked(tmp_path: Path) -> None:
    put(tmp_path, "p/requirements.txt", hashed())
    put(tmp_path, "page.json", page("leaks keys"))
    assert ids(tmp_path / "p", pages=[str(tmp_path / "page.json")]) == ["LIB023"]


def test_lib023_good_one_file_stands(tmp_path: Path) -> None:
    put(tmp_path, "p/requirements.txt", hashed())
    put(tmp_path, "page.json", page("x", False))
    assert ids(tmp_path / "p", pages=[str(tmp_path / "page.json")]) == []


def marked(*pairs: tuple[str, str]) -> str:
    return "".join(f"a=={version} ; {marker} --hash=sha256:{SHA}\n" for version, marker in pairs)


@pytest.mark.parametrize(
    "pairs",
    [
        (("1", "python_version < '3.10'"), ("2", "python_version > '3.10'")),
        (("1", "python_version < '3.12'"), ("2", "python_version >= '3.10'")),
    ],
)
def test_lib024_bad_markers(tmp_path: Path, pairs: tuple[tuple[str, str], ...]) -> None:
    put(tmp_path, "requirements.txt", marked(*pairs))
    assert ids(tmp_path) == ["LIB024"]


def test_lib024_good_markers(tmp_path: Path) -> None:
    put(tmp_path, "requirements.txt", marked(("1", "python_version < '3.10'"), ("2", "python_version >= '3.10'")))
    assert ids(tmp_path) == []


def test_what_a_scan_knows_is_said_here_too(tmp_path: Path) -> None:
    put(tmp_path, "requirements.txt", "--extra-index-url https://x.invalid/simple\na>=1\nb==1\n")
    put(tmp_path, "pyproject.toml", '[project]\nname = "m"\ndependencies = ["zlib-ng"]\n')
    put(tmp_path, "uv.lock", UV)
    assert {"LIB001", "LIB002", "LIB003", "LIB010", "LIB022"} <= set(ids(tmp_path))


def test_what_cannot_be_read_holds(tmp_path: Path) -> None:
    put(tmp_path, "uv.lock", "version = 1\nversion = 2\n")
    report, _ = lock_check(str(tmp_path), config="")
    assert report.verdict.outcome.value == "hold"


def stand_in(monkeypatch: pytest.MonkeyPatch, text: str, code: int = 0) -> list[tuple[str, ...]]:
    asked: list[tuple[str, ...]] = []

    def run(command: Sequence[str], folder: str, *, seconds: float = 0) -> tools.Ran:
        asked.append(tuple(command))
        if not code:
            (Path(folder) / "requirements.txt").write_text(text)
        return tools.Ran(tuple(command), code, "no solution")

    monkeypatch.setattr(tools, "run", run)
    return asked


def test_fix_shows_then_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "requirements.txt", "a==1\n")
    asked = stand_in(monkeypatch, hashed())
    report, made = lock_check(str(tmp_path), config="")
    changes = fixes(str(tmp_path), report, made)
    assert (tmp_path / "requirements.txt").read_text() == "a==1\n"
    assert f"+{hashed()}" in changes[0].difference
    apply(str(tmp_path), changes)
    assert ids(tmp_path) == []
    assert asked[0][:3] == ("uv", "pip", "compile")


@pytest.mark.parametrize(("text", "code"), [("a>=1\n", 0), ("", 1), ("a==1\n", 0)])
def test_fix_that_fails_or_is_worse_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, code: int
) -> None:
    put(tmp_path, "requirements.txt", "a==1\n")
    stand_in(monkeypatch, text, code)
    report, made = lock_check(str(tmp_path), config="")
    changes = fixes(str(tmp_path), report, made)
    apply(str(tmp_path), changes)
    assert changes[0].why
    assert (tmp_path / "requirements.txt").read_text() == "a==1\n"


def program(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    file = folder / "bin/uv"
    put(folder, "bin/uv", f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:/usr/bin:/bin")


def test_tools_run_only_what_they_are_for(tmp_path: Path) -> None:
    for command in (["sh", "-c", "true"], ["uv", "run", "x"], ["uv", "pip", "install", "x"], ["pip", "install"]):
        with pytest.raises(UsageError):
            tools.run(command, str(tmp_path))


def test_tools_build_nothing_and_see_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "hidden")
    program(tmp_path, monkeypatch, 'echo "$@"; env; exit 3')
    ran = tools.run(["uv", "lock"], str(tmp_path))
    assert ran.code == 3
    assert "--no-build" in ran.output
    assert "hidden" not in ran.output


def test_tools_are_ended_with_all_they_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "sleep 60 & sleep 60")
    with pytest.raises(OverBudget):
        tools.run(["uv", "lock"], str(tmp_path), seconds=0.2)


def test_tools_output_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "head -c 3000000 /dev/zero")
    assert len(tools.run(["uv", "lock"], str(tmp_path)).output) == 1 << 20
