"""Documents are written whole or not at all."""

import os
from pathlib import Path

import pytest

from assaymark.core.errors import UsageError
from assaymark.storage import output


@pytest.fixture
def target(tmp_path: Path) -> Path:
    place = tmp_path / "report.json"
    place.write_text("old")
    return place


def test_the_old_document_is_replaced(target: Path) -> None:
    output.write(str(target), "new é\n")
    assert target.read_bytes() == "new é\n".encode()
    assert os.listdir(target.parent) == ["report.json"]


def test_a_new_document_has_the_permissions_that_the_user_wants(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        output.write(str(tmp_path / "new"), "x")
    finally:
        os.umask(old)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("step", ["os.replace", "os.fdopen", "os.chmod"])
@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), OSError(28, "No space left on device")], ids=["interrupt", "disk full"]
)
def test_a_failure_leaves_the_old_document_and_nothing_else(
    target: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr(step, fail)
    with pytest.raises((UsageError, KeyboardInterrupt)):
        output.write(str(target), "new")
    monkeypatch.undo()
    assert target.read_text() == "old"
    assert os.listdir(target.parent) == ["report.json"]


def test_a_text_that_cannot_be_written_leaves_the_old_document(target: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        output.write(str(target), "\udcff")
    assert target.read_text() == "old"
    assert os.listdir(target.parent) == ["report.json"]


@pytest.mark.parametrize("path", ["no/such/folder/x", ".", ""])
def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="cannot write") as caught:
        output.write(path, "x")
    assert caught.value.step
    assert os.listdir(tmp_path) == []


def test_a_link_stays_and_its_target_is_written(target: Path) -> None:
    link = target.parent / "link"
    link.symlink_to(target.name)
    output.write(str(link), "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_device_is_written_to_directly(tmp_path: Path) -> None:
    output.write("/dev/null", "x")
    assert os.path.exists("/dev/null")
    assert not os.path.isfile("/dev/null")
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    output.write(str(tmp_path / "pipe"), "through")
    assert os.read(reading, 100) == b"through"
    os.close(reading)
