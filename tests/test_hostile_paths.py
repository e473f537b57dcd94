"""What may lie in a folder beside files: told in every form of the report, never waited for, never allowed."""

import json
import os
import socket
from pathlib import Path

import pytest

from assaymark.faces.cli import run
from tests.corpus import corpus


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path.parent / f"{tmp_path.name}-home"))
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "clean.pkl").write_bytes(corpus()["plain4.pkl"])
    return tmp_path


FORMS = ("text", "json", "sarif", "junit", "markdown", "html")


def held(capfd: pytest.CaptureFixture[str], path: str | Path, *said: str) -> None:
    """Every form of the report comes out, and the exit code is 3."""
    for form in FORMS:
        code = run(["scan", "--no-config", "--format", form, str(path)])
        out, err = capfd.readouterr()
        assert code == 3, (form, out, err)
        assert (err, "Traceback" in out) == ("", False)
        out.encode()
        assert not set(out) & {chr(c) for c in (*range(9), *range(11, 32), 127, 0x9B, 0x202E)}
        if form in {"json", "sarif"}:
            json.loads(out)
        if form in {"text", "json"}:
            for text in said:
                assert text in out, out


def test_what_can_be_read_is_allowed(folder: Path) -> None:
    assert run(["scan", "--no-config", "d"]) == 0


def test_loops_of_links(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "d" / "self").symlink_to("self")
    (folder / "d" / "up").symlink_to("..")
    (folder / "d" / "here").symlink_to(".")
    held(
        capfd,
        "d",
        "CHK004",
        "a symbolic link to a folder, never followed",
        "Too many levels of symbolic links",
        "out of the folder",
    )
    (folder / "loop").symlink_to("loop")
    held(capfd, "loop", "CHK004", "cannot be read")


def test_a_link_out_of_the_folder(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "d" / "secrets").symlink_to("/etc/passwd")
    held(capfd, "d", "CHK004", "out of the folder")


def test_a_pipe(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(folder / "d" / "pipe.pkl")
    held(capfd, "d", "is a pipe, not a file")
    held(capfd, "d/pipe.pkl", "is not a regular file")


def test_a_socket(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("d/socket.pkl")
        held(capfd, "d", "is a socket, not a file")
        held(capfd, "d/socket.pkl", "CHK004")


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/full"])
def test_a_device(folder: Path, capfd: pytest.CaptureFixture[str], device: str) -> None:
    held(capfd, device, "is not a regular file")


@pytest.mark.skipif(
    os.geteuid() == 0, reason="nothing is unreadable for root; tests/storage/test_walk.py gives that up"
)
def test_an_unreadable_file(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "d" / "clean.pkl").chmod(0)
    held(capfd, "d", "Permission denied")
    held(capfd, "d/clean.pkl", "Permission denied")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"a\nb.pkl", "\\n"),
        (b"a\x1b[31mb.pkl", "\\x1b"),
        (b"a\x9b\xff.pkl", "\\xff"),
        (b"\xff\xfe", "\\xff"),
        ("a\u202eb.pkl".encode(), "b.pkl"),
        (b"back\\slash.pkl", "slash.pkl"),
        (b"<script>alert(1)<\\script>.pkl", "script"),
        (b"::error::x\r.pkl", "\\x0d"),
        ("e\u0301.pkl".encode(), "CHK006"),
    ],
)
def test_names_of_any_bytes(folder: Path, capfd: pytest.CaptureFixture[str], name: bytes, shown: str) -> None:
    for place in (b"d/", b"d/" + name + b".d/"):
        os.makedirs(place, exist_ok=True)
        with open(place + name, "wb") as file:
            file.write(corpus()["plain4.pkl"])
    if "\u202e".encode() in name:  # a name of the grammar: shown with its mark escaped, and allowed
        assert run(["scan", "--no-config", "d"]) == 0
        assert "\u202e" not in capfd.readouterr().out
        return
    held(capfd, "d", "CHK006")
    with open(b"d/" + name, "wb") as file:
        file.write(b"cos\nsystem\n.")
    assert run(["scan", "--no-config", "d"]) == 1
    out = capfd.readouterr().out
    assert "MDL001" in out
    assert (shown in out) or shown == "CHK006"


@pytest.mark.parametrize("name", [b"\xff.pkl", b"a\nb.pkl", b"\x1b[2J.pkl"])
def test_a_name_of_any_bytes_as_argument(folder: Path, capfd: pytest.CaptureFixture[str], name: bytes) -> None:
    with open(name, "wb") as file:
        file.write(corpus()["plain4.pkl"])
    held(capfd, os.fsdecode(name), "CHK006")


def test_names_that_differ_only_by_case(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "d" / "CLEAN.pkl").write_bytes(corpus()["plain4.pkl"])
    held(capfd, "d", "differ only by case")


def test_a_file_that_vanishes(folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from assaymark import survey

    real = survey.open_blob
    monkeypatch.setattr(survey, "open_blob", lambda path, **rest: os.unlink(path) or real(path, **rest))
    assert run(["scan", "--no-config", "d"]) == 3
    assert "cannot be opened: No such file or directory" in capfd.readouterr().out


def test_nothing_is_written_where_it_is_looked_at(folder: Path) -> None:
    for name, data in corpus().items():
        place = folder / "d" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    run(["scan", "--no-config", "."])
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
