"""Start-up is short because little is imported: tested by module names, never by time."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = frozenset(
    {
        # third parties that only some commands and files need
        "numpy", "cryptography", "jinja2", "markupsafe", "jsonschema_rs", "yaml", "packaging", "lz4",
        # of the standard library: what is large, or opens doors that a look at bytes never needs
        "asyncio", "concurrent", "ctypes", "decimal", "email", "ftplib", "html", "http", "logging", "multiprocessing",
        "pdb", "pickle", "pickletools", "random", "secrets", "selectors", "signal", "socket", "sqlite3", "ssl",
        "statistics", "subprocess", "tarfile", "tempfile", "traceback", "unittest", "urllib", "xml", "zipfile",
    }
)  # fmt: skip
"""(`select` waits for the witness of a pickle: `assaymark.sandbox`.) Top-level modules that `assay --help` and the scan of a small pickle do without."""


_RUN = "import sys; from assaymark.faces.cli import run; code = run(sys.argv[1:]); print(*sys.modules, code, file=sys.stderr)"


def imported(*arguments: str, folder: Path) -> set[str]:
    """Names of all modules that the command imports. (`-X importtime` is blind to `importlib.import_module`.)"""
    environment = {**os.environ, "ASSAY_HOME": str(folder / "home")}
    command = [sys.executable, "-c", _RUN, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)
    *names, code = done.stderr.split()
    assert code == "0", done.stderr[-2_000:]
    return set(names)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    (tmp_path / "small.pkl").write_bytes(pickle.dumps({"weights": [0.5] * 100}))
    assert 500 < (tmp_path / "small.pkl").stat().st_size < 1_500
    return tmp_path


def test_the_test_sees_what_is_imported(tmp_path: Path) -> None:
    found = imported("explain", "MDL001", folder=tmp_path)
    assert {"click", "assaymark.app", "assaymark.model.checks.onnx"} <= found


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    found = imported("--help", folder=tmp_path)
    assert {name.partition(".")[0] for name in found} & HEAVY == set()
    assert {
        name for name in found if name.startswith(("assaymark.app", "assaymark.catalog", "assaymark.model"))
    } == set()


@pytest.mark.parametrize("options", [[], ["--no-digest"], ["--format", "json"], ["-q"]], ids=" ".join)
def test_the_scan_of_a_small_pickle_imports_nothing_heavy(small: Path, options: list[str]) -> None:
    found = imported("scan", "small.pkl", *options, folder=small)
    assert {name.partition(".")[0] for name in found} & HEAVY == set()


def test_the_scan_of_a_small_pickle_imports_one_parser(small: Path) -> None:
    found = imported("scan", "small.pkl", folder=small)
    parsers = {name for name in found if name.startswith("assaymark.model.formats.")}
    assert {name.rpartition(".")[2] for name in parsers} == {"magic", "passive", "pickle"}
    checks = {
        name.split(".")[3] for name in found if name.startswith("assaymark.model.checks.") and name.count(".") > 2
    }
    assert checks <= {"pickle", "facts"}
    for room in ("data", "infra", "library", "tooling"):
        light = {"catalog", "names", "recognise", "checks"}
        assert {name.split(".")[2] for name in found if name.startswith(f"assaymark.{room}.")} <= light
    assert {name for name in found if name.startswith("assaymark.report.")} <= {
        "assaymark.report.text",
        "assaymark.report.summary",
    }


def test_a_pool_is_imported_only_where_there_is_much_to_do(small: Path) -> None:
    for number in range(50):
        (small / f"{number}.pkl").write_bytes(pickle.dumps(number))
    found = imported("scan", ".", "--jobs", "4", folder=small)
    assert not any(name.startswith("multiprocessing") for name in found)


def test_a_folder_of_pickles_imports_no_parser_of_repositories(small: Path) -> None:
    found = imported("scan", ".", folder=small)
    assert not any(name.startswith(("assaymark.core.source", "assaymark.model.repository")) for name in found)
    assert "assaymark.model.formats.huggingface" not in found
    assert "assaymark.model.oci.stores" not in found
    assert "assaymark.model.torch.folder" not in found
