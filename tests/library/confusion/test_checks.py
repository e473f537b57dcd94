"""LIB080, LIB081: names in a scan, with a list of popular names and without one."""

from pathlib import Path

import pytest

from assaymark.app import scan
from assaymark.library.confusion.index import Index, build
from assaymark.library.confusion.session import known
from assaymark.naming import load_popular
from tests.conftest import look_at_folder

POPULAR = Index(build(["requests", "numpy", "colorama", "urllib3"]))
HASH = f"--hash=sha256:{'0' * 64}"


def told(contents: dict[str, str]) -> set[tuple[str, str, str, int | None]]:
    with known(lambda: POPULAR):
        reports = look_at_folder({path: text.encode() for path, text in contents.items()})
    found = [finding for report in reports.values() for finding in report.findings]
    return {(f.id, f.where.path, f.where.symbol, f.where.line) for f in found if f.id in {"LIB080", "LIB081"}}


def test_lib080_bad_letters_of_another_shape() -> None:
    lines = f"numpy==1 {HASH}\nc0lorama==1 {HASH}\nr\u0435quests==1 {HASH}\n"
    assert told({"a/requirements.txt": lines}) == {
        ("LIB080", "a/requirements.txt", "c0lorama", 2),
        ("LIB080", "a/requirements.txt", "r\u0435quests", 3),
    }


def test_lib080_good_the_known_names() -> None:
    assert told({"requirements.txt": f"numpy==1 {HASH}\nRequests==1 {HASH}\n"}) == set()


def test_lib081_bad_slips_in_every_kind_of_file() -> None:
    lock = (
        'version = 1\n[[package]]\nname = "urlib3"\nversion = "1"\nsource = { registry = "https://pypi.org/simple" }\n'
    )
    manifest = '[project]\nname = "x"\nversion = "1"\ndependencies = [\n  "nunpy",\n]\n'
    found = told({"uv.lock": lock, "pyproject.toml": manifest, "requirements.txt": "reqeusts\nreqeusts\n"})
    assert {row[:3] for row in found} == {
        ("LIB081", "uv.lock", "urlib3"), ("LIB081", "pyproject.toml", "nunpy"), ("LIB081", "requirements.txt", "reqeusts")
    }  # fmt: skip


def test_lib081_good_other_names_and_files() -> None:
    assert told({"requirements.txt": "pandas\nnumpy\n", "notes.txt": "reqeusts\n", "uv.lock": "not toml ["}) == set()


def test_without_a_list_a_scan_says_nothing(tmp_path: Path) -> None:
    reports = look_at_folder({"requirements.txt": b"reqeusts\n"})
    assert not any(f.id in {"LIB080", "LIB081"} for report in reports.values() for f in report.findings)


@pytest.mark.parametrize("name", ["requirements.txt", "folder"])
def test_a_list_in_the_home_is_used_by_a_scan(tmp_path: Path, name: str) -> None:
    folder, home = tmp_path / "folder", str(tmp_path / "home")
    folder.mkdir()
    (folder / "requirements.txt").write_text("reqeusts==1\n")
    (tmp_path / "popular.txt").write_text("requests\nnumpy\n")
    target = str(folder / name) if name != "folder" else str(folder)

    def ids() -> set[str]:
        return {f.id for f in scan(target, config="", home=home, jobs=1).findings}

    assert "LIB081" not in ids()
    load_popular(str(tmp_path / "popular.txt"), home)
    assert "LIB081" in ids()
    for kept in (tmp_path / "home" / "names").glob("*.idx"):
        kept.write_bytes(b"damaged")
    assert "LIB081" not in ids()
