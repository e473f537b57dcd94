"""A red team against step 8 and 9: the folder, the copy, the open files, the command, and what the host keeps."""

import json
import os
import signal
import stat
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from assaymark import guard
from assaymark.core.errors import Malformed, Untrusted, UsageError
from assaymark.core.manifest import Manifest, ManifestFile
from assaymark.registry.verify import NotVerified
from assaymark.storage import proven, seen
from tests.registry.makers import FILES, NOW
from tests.registry.test_verifying import WORLD, Host, assay, executed


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.mark.parametrize("sent", [b"", b"{}", b"\x00" * 100, b"[" * 100_000, b'{"schema":"assaymark/bundle/v1"}'])
def test_a_mirror_that_sends_nonsense(host: Host, sent: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    """It is refused as everything else is: by the error, and the exit code, that callers look for."""
    host.bundle.write_bytes(sent)
    host.refused("bundle", 0)
    code, out, err = assay(host, capsys=capsys)
    assert (code, out) == (1, "")
    assert "not verified, step 0 (bundle)" in err


def test_a_root_that_its_own_keys_did_not_sign(host: Host) -> None:
    host.root.write_text(json.dumps(host.world.root(by=("root1",)).to_json()))
    host.refused("signed by 1 of the 2", 1)
    host.root.write_text("{}")
    host.refused("DSSE", 1)


# The state


def test_a_state_behind_a_link_is_kept_behind_it(host: Host) -> None:
    """A link into a volume that outlives the container: a file in the link's place would be gone with it."""
    volume = host.place / "volume"
    volume.mkdir()
    (host.place / "state").mkdir()
    host.state.symlink_to(volume / "kept.json")
    assert host.verify().counter == 3
    assert host.state.is_symlink()
    assert json.loads((volume / "kept.json").read_text())["roots"]["example"]["channels"][WORLD.place][0] == 3
    assert host.verify().counter == 3


def test_two_activations_of_one_counter_at_the_same_time(host: Host) -> None:
    """Two processes verify at once, and the server shows each another activation: the second to keep it notices."""
    seen.store(str(host.state), "example", (1, {WORLD.place: (3, "sha256:one")}))
    with pytest.raises(Untrusted, match="another activation has the counter 3"):
        seen.store(str(host.state), "example", (1, {WORLD.place: (3, "sha256:two")}))
    assert seen.load(str(host.state), "example")[1] == {WORLD.place: (3, "sha256:one")}


def test_a_state_that_went_back_is_not_noticed_but_one_that_is_broken_is(host: Host) -> None:
    host.verify()
    text = host.state.read_text()
    for broken in (text[:-5], text.replace('"root": 1', '"root": -1'), text.replace("3,", "-3,"), text.replace("3,", "true,"),
                   text.replace('"example"', '"example": {}, "example"')):  # fmt: skip
        assert broken != text
        host.state.write_text(broken)
        with pytest.raises(Malformed):
            host.verify()


def test_a_state_is_nobody_elses_to_read(host: Host) -> None:
    host.verify()
    assert stat.S_IMODE(host.state.stat().st_mode) == 0o600
    assert stat.S_IMODE(host.state.parent.stat().st_mode) == 0o700


# The folder


def test_what_cannot_be_listed_is_refused(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails, a share that went away: a refusal, no crash."""

    def failing(_place: Any = ".") -> Any:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "scandir", failing)
    with pytest.raises(NotVerified, match="Input/output error") as caught:
        host.verify()
    assert caught.value.number == 8


def test_very_deep_folders(tmp_path: Path) -> None:
    """Each is opened from the one above it."""
    deep = "/".join(["d"] * 400) + "/x"
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(400):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("x", os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=here))
    os.close(here)
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    proven.check(str(tmp_path), Manifest.of([ManifestFile(deep, 0, empty)]))
    with pytest.raises(Untrusted):
        proven.check(str(tmp_path), Manifest.of([ManifestFile(deep + "y", 0, empty)]))


def test_a_file_and_a_folder_of_one_name(tmp_path: Path) -> None:
    """Such a manifest is that of no folder."""
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises((Untrusted, Malformed)):
        proven.check(str(tmp_path), Manifest.of([ManifestFile("a", 0, empty), ManifestFile("a/b", 0, empty)]))


def test_a_sparse_file_of_a_terabyte_costs_nothing(host: Host) -> None:
    with (host.folder / "config.json").open("r+b") as file:
        try:
            file.truncate(1 << 40)
        except OSError:
            pytest.skip("no sparse files here")
    host.refused("has 1,099,511,627,776 bytes, not 2")


def test_a_file_that_grows_while_it_is_read(host: Host) -> None:
    stop = threading.Event()

    def grow() -> None:
        while not stop.is_set():
            with (host.folder / "deep/tokenizer.json").open("ab") as file:
                file.write(b"x")
            os.truncate(host.folder / "deep/tokenizer.json", 200)

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        for number in range(20):
            copy = host.place / f"copy{number}"
            try:
                host.verify(into=copy, state=False)
            except NotVerified:
                assert not copy.exists()
            else:
                assert (copy / "deep/tokenizer.json").read_bytes() == FILES["deep/tokenizer.json"]
    finally:
        stop.set()
        thread.join()


# The copy


def test_nothing_is_left_where_the_disk_is_full(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write

    def full(descriptor: int, data: Any) -> int:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(28, "No space left on device")
        return real(descriptor, data)

    before = sorted(host.place.rglob("*"))
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(UsageError, match="No space left"):
        host.verify(into=host.place / "copy")
    assert sorted(host.place.rglob("*")) == before


def test_another_folder_in_place_of_the_copy_at_the_last_moment(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may rename in the parent puts his own folder where the copy was made."""
    real = os.rename

    def swap(source: Any, target: Any, **options: Any) -> None:
        if os.path.basename(str(source)).startswith(".assay-verify-"):
            real(source, str(host.place / "stolen"))
            os.mkdir(source)
        real(source, target, **options)

    monkeypatch.setattr(os, "rename", swap)
    host.refused("another folder took the place of the copy", into=host.place / "copy")


def test_a_mask_that_takes_everything(host: Host) -> None:
    mask = os.umask(0o077)
    try:
        found = host.verify(into=host.place / "copy")
    finally:
        os.umask(mask)
    assert {stat.S_IMODE(p.stat().st_mode) for p in Path(found.path).rglob("*") if p.is_file()} == {0o600}


def test_a_link_in_place_of_the_copy(host: Host) -> None:
    (host.place / "copy").symlink_to(host.place / "elsewhere")
    with pytest.raises(UsageError, match="is there already"):
        host.verify(into=host.place / "copy")


def test_no_copy_is_left_where_the_state_cannot_be_kept(host: Host) -> None:
    (host.place / "state").write_text("a file")
    before = sorted(host.place.rglob("*"))
    with pytest.raises(UsageError, match="state"):
        host.verify(into=host.place / "copy")
    assert sorted(host.place.rglob("*")) == before


def test_no_copy_is_left_where_another_process_saw_another_activation(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = proven.copy

    def copy(*arguments: Any) -> None:
        real(*arguments)
        seen.store(str(host.state), "example", (1, {WORLD.place: (3, "sha256:other")}))

    monkeypatch.setattr(proven, "copy", copy)
    with pytest.raises(NotVerified, match="another activation has the counter 3") as caught:
        host.verify(into=host.place / "copy")
    assert caught.value.number == 9
    assert not (host.place / "copy").exists()


# Open files


def test_writing_within_one_tick_of_the_clock_is_noticed(host: Host) -> None:
    """The times of a file have the grain of the kernel's clock: a write in the tick of the one before does not move them."""
    path = host.folder / "deep/tokenizer.json"
    good = FILES["deep/tokenizer.json"]
    for _ in range(60):
        with path.open("r+b", buffering=0) as file:
            file.write(good)
            with guard.open_verified(host.folder, host.bundle, host.root, WORLD.place, state=False, now=NOW) as files:
                os.pwrite(file.fileno(), b"evil", 0)
                with pytest.raises(Untrusted, match="other bytes"):
                    files.open("deep/tokenizer.json").read()


# The command


def test_the_command_that_it_becomes_has_signals_and_files_of_its_own(host: Host) -> None:
    show = [sys.executable, "-c", "import os; print(open('/proc/self/status').read().split('SigIgn:')[1].split()[0], *sorted(os.listdir('/proc/self/fd')))"]  # fmt: skip
    done = executed(host, "--into", host.place / "copy", "--exec", "--", *show)
    assert done.returncode == 0, done.stderr
    ignored, *descriptors = done.stdout.split()
    # Python, which the command is here, ignores SIGPIPE and SIGXFSZ anew itself: look at a command that does not.
    anew = 1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1
    ours = int(
        Path("/proc/self/status").read_text().split("SigIgn:")[1].split()[0], 16
    )  # as nohup gave it to the tests
    assert int(ignored, 16) & ~(anew | ours) == 0
    assert descriptors in (["0", "1", "2"], ["0", "1", "2", "3"])
    done = executed(host, "--into", host.place / "copy2", "--exec", "--", "grep", "SigIgn", "/proc/self/status")
    assert int(done.stdout.split()[1], 16) & (anew | ~ours) == 0


def test_a_clock_that_runs_ahead_keeps_nothing(host: Host) -> None:
    with pytest.raises(NotVerified):
        host.verify(now=NOW + timedelta(days=3650))
    assert not host.state.exists()
