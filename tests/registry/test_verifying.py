"""Verify before load, from files: every byte, copies, open files, what the host keeps, and the command line."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assaymark import guard
from assaymark.core.clock import timestamp
from assaymark.core.errors import Malformed, Untrusted, UsageError
from assaymark.registry.verify import NotVerified, Verified
from assaymark.verifying import STATELESS
from tests.registry.makers import FILES, NOW, World, at, sign_root

WORLD = World()


class Host:
    """A serving host: the folder that it got, the bundle, the root that it pinned."""

    def __init__(self, place: Path, world: World = WORLD) -> None:
        self.place, self.world = place, world
        self.folder, self.bundle, self.root = place / "model", place / "model.bundle", place / "root.json"
        self.state = place / "state" / "verified.json"
        self.folder.mkdir()
        world.write(self.folder)
        self.bundle.write_bytes(world.bundle().to_bytes())
        self.root.write_text(json.dumps(world.root().to_json()))

    def verify(self, **options: Any) -> Verified:
        usual: dict[str, Any] = {"state": self.state, "now": NOW}
        return guard.verify(self.folder, self.bundle, self.root, self.world.place, **{**usual, **options})

    def refused(self, saying: str, step: int = 8, **options: Any) -> None:
        with pytest.raises(NotVerified, match=saying) as caught:
            self.verify(**options)
        assert caught.value.number == step
        assert caught.value.step
        assert not self.state.exists()


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_folder_is_verified(host: Host) -> None:
    found = host.verify()
    assert found.path == str(host.folder)
    assert found.people == ("bea", "cid")
    assert json.loads(host.state.read_text())["roots"]["example"]["channels"] == {WORLD.place: [3, found.activation]}
    assert guard.verify(host.folder, host.bundle.read_bytes(), host.root.read_bytes(), "production",
                        model="fraud/scorer", state=host.state, now=NOW).counter == 3  # fmt: skip


def test_it_is_what_guard_says_it_raises() -> None:
    assert guard.NotVerified is NotVerified
    with pytest.raises(AttributeError):
        guard.nothing  # type: ignore[attr-defined] # noqa: B018 - the attribute is what is tested


# Bytes and names


def changed(host: Host) -> None:
    data = bytearray((host.folder / "deep/tokenizer.json").read_bytes())
    data[77] ^= 1
    (host.folder / "deep/tokenizer.json").write_bytes(data)


def linked(host: Host) -> None:
    (host.folder / "config.json").rename(host.place / "elsewhere")
    (host.folder / "config.json").symlink_to(host.place / "elsewhere")


def folder_linked(host: Host) -> None:
    (host.folder / "deep").rename(host.place / "elsewhere")
    (host.folder / "deep").symlink_to(host.place / "elsewhere")


def piped(host: Host) -> None:
    (host.folder / "config.json").unlink()
    os.mkfifo(host.folder / "config.json")


def socketed(host: Host) -> None:
    (host.folder / "config.json").unlink()
    here = os.getcwd()
    os.chdir(host.folder)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("config.json")
    os.chdir(here)


def swapped(host: Host) -> None:
    (host.folder / "config.json").rename(host.place / "x")
    (host.folder / "deep/tokenizer.json").rename(host.folder / "config.json")
    (host.place / "x").rename(host.folder / "deep/tokenizer.json")


DAMAGE: dict[str, tuple[Callable[[Host], object], str]] = {
    "one bit": (changed, "'deep/tokenizer.json' has other bytes"),
    "longer": (lambda h: (h.folder / "config.json").write_bytes(b"{} "), "'config.json' has 3 bytes, not 2"),
    "empty": (lambda h: (h.folder / "config.json").write_bytes(b""), "'config.json' has 0 bytes"),
    "missing": (lambda h: (h.folder / "config.json").unlink(), "'config.json' is missing"),
    "extra": (lambda h: (h.folder / "deep/evil.py").write_bytes(b""), "'deep/evil.py' is not in the manifest"),
    "hidden": (lambda h: (h.folder / ".gitattributes").write_bytes(b""), "'.gitattributes' is not in the manifest"),
    "version control": (lambda h: (h.folder / ".git").mkdir(), "'.git' is not in the manifest"),
    "empty folder": (lambda h: (h.folder / "deep/more").mkdir(), "'deep/more' is not in the manifest"),
    "case twin": (lambda h: (h.folder / "Config.json").write_bytes(b"{}"), "'Config.json' is not in the manifest"),
    "renamed": (lambda h: (h.folder / "config.json").rename(h.folder / "CONFIG.JSON"), "'config.json' is missing"),
    "not text": (lambda h: Path(os.fsdecode(os.fsencode(h.folder) + b"/\xff")).write_bytes(b""), r"is not in the manifest"),
    "link": (linked, "'config.json' is not a regular file"),
    "dangling link": (lambda h: (h.folder / "x").symlink_to("nowhere"), "'x' is not in the manifest"),
    "linked folder": (folder_linked, "'deep/' is no folder"),
    "pipe": (piped, "'config.json' is not a regular file"),
    "socket": (socketed, "'config.json' is not a regular file"),
    "two swapped": (swapped, "has .* bytes, not"),
    "folder for a file": (lambda h: ((h.folder / "config.json").unlink(), (h.folder / "config.json").mkdir()), "regular file"),
}  # fmt: skip


@pytest.mark.parametrize("into", [False, True], ids=["in place", "copied"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_folder_that_is_not_what_was_approved(host: Host, damage: str, into: bool) -> None:
    act, saying = DAMAGE[damage]
    act(host)
    copy = host.place / "copy"
    host.refused(saying, into=copy if into else None)
    assert {entry.name for entry in host.place.iterdir()} <= {"model", "model.bundle", "root.json", "elsewhere"}


def test_all_that_is_wrong_with_the_names_is_said_at_once(host: Host) -> None:
    for number in range(20):
        (host.folder / f"evil{number}").write_bytes(b"")
    (host.folder / "config.json").unlink()
    with pytest.raises(NotVerified) as caught:
        host.verify()
    assert caught.value.message.count("is not in the manifest") == 10
    assert caught.value.message.endswith("; and more")


def test_a_single_file_is_no_folder(host: Host) -> None:
    with pytest.raises(NotVerified, match="Not a directory"):
        guard.verify(host.folder / "config.json", host.bundle, host.root, WORLD.place, state=False, now=NOW)


# Copies


def test_a_private_copy(host: Host) -> None:
    copy = host.place / "copy"
    found = host.verify(into=copy)
    assert found.path == str(copy)
    assert {str(p.relative_to(copy)): p.read_bytes() for p in copy.rglob("*") if p.is_file()} == FILES
    assert {oct(p.stat().st_mode & 0o777) for p in (copy, copy / "deep")} == {"0o700"}
    assert {oct(p.stat().st_mode & 0o777) for p in copy.rglob("*") if p.is_file()} == {"0o600"}
    with pytest.raises(UsageError, match="is there already"):
        host.verify(into=copy)
    with pytest.raises(UsageError, match="No such file"):
        host.verify(into=host.place / "no" / "copy")


def test_swap_after_check(host: Host) -> None:
    """What took the files' names after the check is not what is loaded."""
    found = host.verify(into=host.place / "copy")
    with guard.open_verified(host.folder, host.bundle, host.root, WORLD.place, state=False, now=NOW) as files:
        for name in FILES:
            (host.folder / name).unlink()
            (host.folder / name).write_bytes(b"evil")
        assert {name: files.open(name).read() for name in files.paths} == FILES
        assert {name: files.read(name) for name in files.paths} == FILES
        assert files.verified.people == ("bea", "cid")
    assert {name: (Path(found.path) / name).read_bytes() for name in FILES} == FILES


def test_swap_while_checking(host: Host) -> None:
    """Someone renames files in and out all the time: refused or copied, and a copy has the approved bytes."""
    stop = threading.Event()
    evil = host.place / "evil"
    evil.write_bytes(b"[]" * 99 + b"![")

    def swap() -> None:
        target, aside = host.folder / "deep/tokenizer.json", host.place / "aside"
        while not stop.is_set():
            os.rename(target, aside)
            os.link(evil, target)
            os.replace(aside, target)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for number in range(40):
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


def test_writing_into_an_open_file_is_noticed(host: Host) -> None:
    with guard.open_verified(host.folder, host.bundle, host.root, WORLD.place, state=False, now=NOW) as files:
        target = host.folder / "deep/tokenizer.json"
        os.utime(target, ns=(1, 1))
        with target.open("r+b") as file:
            file.write(b"evil")
        with pytest.raises(Untrusted, match="other bytes"):
            files.open("deep/tokenizer.json").read()
        with pytest.raises(Untrusted, match="other bytes"):
            files.read("deep/tokenizer.json")
    with pytest.raises(UsageError, match="was closed"):
        files.open("config.json")


def test_open_files_have_places_of_their_own(host: Host) -> None:
    with guard.open_verified(host.folder, host.bundle, host.root, WORLD.place, state=False, now=NOW) as files:
        one, two = files.open("deep/tokenizer.json"), files.open("deep/tokenizer.json")
        assert one.read(3) == b"[][" and two.read(2) == b"[]" and one.tell() == 3
        assert one.seek(-2, os.SEEK_END) == 198 and one.read() == b"[]" and one.read() == b""
        assert not one.writable()
        with pytest.raises(UsageError, match="not in the manifest"):
            files.open("../root.json")


# What the host keeps


def test_rollback_after_a_newer_one_was_seen(host: Host) -> None:
    newer = WORLD.bundle(request={"counter": 4}, activation={"counter": 4}, timestamp={"counter": 4},
                         approvals=[{"approver": "bea", "counter": 4}, {"approver": "cid", "counter": 4}])  # fmt: skip
    older = host.bundle.read_bytes()
    assert host.verify().counter == 3
    host.bundle.write_bytes(newer.to_bytes())
    assert host.verify().counter == 4
    host.bundle.write_bytes(older)
    with pytest.raises(NotVerified, match="rollback"):
        host.verify()
    assert host.verify(state=False).warnings == (STATELESS,)


def test_a_newer_root_is_kept_and_an_older_chain_refused(host: Host) -> None:
    document = WORLD.document(version=2, expires=at(days=-200))
    host.bundle.write_bytes(WORLD.bundle(roots=[WORLD.root(), sign_root(document, ("root2", "root3"))]).to_bytes())
    assert host.verify().root.version == 2
    host.bundle.write_bytes(WORLD.bundle().to_bytes())
    with pytest.raises(NotVerified, match="older than 2"):
        host.verify()


def test_nothing_is_kept_of_what_was_refused(host: Host) -> None:
    (host.folder / "evil").write_bytes(b"")
    host.refused("evil")


@pytest.mark.parametrize("text", ["", "{}", "[]", "x", '{"schema":"assaymark/verify-state/v1","roots":{"example":{}}}',
                                  '{"schema":"assaymark/verify-state/v1","roots":{"example":{"root":1,"channels":{"a":[1]}}}}'])  # fmt: skip
def test_a_damaged_state_is_no_fresh_start(host: Host, text: str) -> None:
    host.state.parent.mkdir()
    host.state.write_text(text)
    with pytest.raises(Malformed, match=r"state|JSON"):
        host.verify()
    assert host.state.read_text() == text


def test_a_state_that_cannot_be_kept_is_said(host: Host) -> None:
    (host.place / "state").write_text("a file")
    with pytest.raises(UsageError, match="state"):
        host.verify()


def test_states_of_several_hosts_at_once_only_grow(host: Host) -> None:
    """Two processes that keep what they saw at the same time lose nothing of each other."""
    from assaymark.storage import seen

    def keep(number: int) -> None:
        for counter in range(1, 15):
            seen.store(str(host.state), "example", (1, {f"a/b{number}:c": (counter, "x"), "a/b:c": (counter, "x")}))

    threads = [threading.Thread(target=keep, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _, channels = seen.load(str(host.state), "example")
    assert channels == {**{f"a/b{number}:c": (14, "x") for number in range(4)}, "a/b:c": (14, "x")}
    seen.store(str(host.state), "example", (1, {"a/b:c": (2, "y")}))
    assert seen.load(str(host.state), "example")[1]["a/b:c"] == (14, "x")


# What it needs


ALONE = """
import socket, sys
allowed = sys.stdlib_module_names | {"assaymark", "cryptography", "_cffi_backend", "cffi"}
class Only:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in allowed:
            raise ImportError(f"{name} is not there")
sys.meta_path.insert(0, Only())
def no(*_, **__):
    raise OSError("no network")
socket.socket = socket.create_connection = socket.getaddrinfo = no
from datetime import datetime
from assaymark import guard
folder, bundle, root, channel, now, into = sys.argv[1:]
found = guard.verify(folder, bundle, root, channel, now=datetime.fromisoformat(now), into=into)
with guard.open_verified(folder, bundle, root, channel, now=datetime.fromisoformat(now)) as files:
    assert files.read("config.json") == b"{}"
print(*found.people, *sorted({n.partition(".")[0] for n in sys.modules} - sys.stdlib_module_names))
"""


def test_it_needs_cryptography_and_the_standard_library_alone(host: Host) -> None:
    command = [
        sys.executable,
        "-c",
        ALONE,
        host.folder,
        host.bundle,
        host.root,
        WORLD.place,
        timestamp(NOW),
        host.place / "copy",
    ]
    environment = {**os.environ, "ASSAY_HOME": str(host.place / "home"), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[:2] == ["bea", "cid"]
    assert "cryptography" in done.stdout.split()
    assert (host.place / "home" / "verified.json").exists()


# Arrays


def test_arrays_of_verified_bytes(tmp_path: Path) -> None:
    import numpy as np
    from safetensors.numpy import save

    tensors = {"w": np.arange(6, dtype="f4").reshape(2, 3), "b": np.array([1, 2], "i8"), "e": np.zeros((0, 4), "f2")}
    other = {"x": np.array([True, False])}
    brain = (np.array([1.5, -2.0], "f4").view("u4") >> 16).astype("<u2").tobytes()
    header = b'{"h":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}'
    files = {"a.safetensors": save(tensors), "deep/b.safetensors": save(other), "c.json": b"{}",
             "h.safetensors": len(header).to_bytes(8, "little") + header + brain}  # fmt: skip
    host = Host(tmp_path, World(content=files))
    found = guard.load_safetensors(host.folder, host.bundle, host.root, WORLD.place, state=host.state, now=NOW)
    assert found.keys() == {"w", "b", "e", "x", "h"}
    for name, array in {**tensors, **other, "h": np.array([1.5, -2.0], "f4")}.items():
        assert np.array_equal(found[name], array) and found[name].dtype == array.dtype
    assert host.state.exists()
    data = bytearray((host.folder / "a.safetensors").read_bytes())
    data[-1] ^= 1
    (host.folder / "a.safetensors").write_bytes(data)
    with pytest.raises(Untrusted, match="other bytes"):
        guard.load_safetensors(host.folder, host.bundle, host.root, WORLD.place, state=False, now=NOW)


@pytest.mark.parametrize(
    "header",
    [
        "[]", "{", '{"a":{}}', '{"a":1}', '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,3]}}',
        '{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}', '{"a":{"dtype":"F9","shape":[1],"data_offsets":[0,4]}}',
        '{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}', '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}',
        '{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}',
        '{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}', '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{}}',
    ],
)  # fmt: skip
def test_arrays_of_odd_files_are_refused(header: str) -> None:
    from assaymark.model.weights.arrays import arrays

    with pytest.raises(Malformed):
        arrays(len(header).to_bytes(8, "little") + header.encode() + b"1234", "odd")
    with pytest.raises(Malformed, match="does not fit"):
        arrays(b"\xff" * 8, "odd")


# The command line


def assay(host: Host, *arguments: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    from assaymark.faces.cli import run

    usual = [
        "verify",
        host.folder,
        "--bundle",
        host.bundle,
        "--root",
        host.root,
        "--channel",
        host.world.place,
        "--state",
        host.state,
    ]
    code = run([str(part) for part in (*usual, *arguments)])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture
def today(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host for which it is NOW, on the command line too."""
    from datetime import datetime

    from assaymark import verifying

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override] # its tests only ask for UTC
            return NOW.astimezone(tz)

    monkeypatch.setattr(verifying, "datetime", Clock)
    return Host(tmp_path)


def test_the_command_says_what_was_verified(today: Host, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = assay(today, capsys=capsys)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        f"verified     fraud/scorer@7 {WORLD.manifest.digest}", "channel      fraud/scorer:production, counter 3",
        "approved by  bea, cid", f"holds until  {at(hours=-23)}", f"load from    {today.folder}",
    ]  # fmt: skip
    code, out, _ = assay(today, "--format", "json", capsys=capsys)
    assert code == 0
    assert json.loads(out)["approved_by"] == ["bea", "cid"]


def test_the_command_refuses_with_step_and_what_to_do(today: Host, capsys: pytest.CaptureFixture[str]) -> None:
    (today.folder / "evil.py").write_bytes(b"")
    code, out, err = assay(today, capsys=capsys)
    assert (code, out) == (1, "")
    assert "not verified, step 8 (bytes)" in err and "'evil.py' is not in the manifest" in err and "next: " in err


def test_break_glass_is_loud(today: Host, capsys: pytest.CaptureFixture[str]) -> None:
    made = WORLD.bundle(
        request={"break_glass": True, "reason": "fraud wave"}, evidence=[], activation={"break_glass_until": at(hours=-6)},
        approvals=[{"approver": "eve"}, {"approver": "fay"}],
    )  # fmt: skip
    today.bundle.write_bytes(made.to_bytes())
    code, _, err = assay(today, capsys=capsys)
    assert code == 0
    assert "warning: BREAK-GLASS until" in err


EXEC = """
import os, sys
from datetime import datetime
from assaymark import verifying
now = datetime.fromisoformat(sys.argv[1])
class Clock(datetime):
    @classmethod
    def now(cls, tz=None):
        return now
verifying.datetime = Clock
from assaymark.faces.cli import run
sys.exit(run(sys.argv[2:]))
"""


def executed(host: Host, *arguments: object) -> "subprocess.CompletedProcess[str]":
    usual = [
        sys.executable,
        "-c",
        EXEC,
        timestamp(NOW),
        "verify",
        host.folder,
        "--bundle",
        host.bundle,
        "--root",
        host.root,
    ]
    command = [str(part) for part in (*usual, "--channel", WORLD.place, *arguments)]
    environment = {**os.environ, "ASSAY_HOME": str(host.place / "home"), "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_exec_becomes_the_command_after_success_only(host: Host) -> None:
    show = [sys.executable, "-c", "import os; print(sorted(os.listdir(os.environ['ASSAY_MODEL'])))"]
    done = executed(host, "--into", host.place / "copy", "--exec", "--", *show)
    assert (done.returncode, done.stdout) == (0, "['config.json', 'deep', 'model.safetensors']\n"), done.stderr
    assert "verified     fraud/scorer@7" in done.stderr
    (host.folder / "evil.py").write_bytes(b"")
    done = executed(host, "--into", host.place / "copy2", "--exec", "--", *show)
    assert (done.returncode, done.stdout) == (1, "")
    assert not (host.place / "copy2").exists()


@pytest.mark.parametrize("more", [["--exec"], ["--exec", "--", "true"], ["--", "true"], ["--no-state"]])
def test_what_makes_no_sense_is_usage(today: Host, more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = assay(today, *more, capsys=capsys)
    assert code == 2
    assert "next: " in err
    code, _, err = assay(today, "--into", today.place / "copy", "--exec", "--", "/no/such", capsys=capsys)
    assert code == 2 and "No such file" in err
