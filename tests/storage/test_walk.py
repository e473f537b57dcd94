"""What lies below a folder: every file, no link followed out of it, no folder entered twice, every name told."""

import multiprocessing
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from assaymark.storage.files import Entry, Excluder, walk

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


def entries(root: Path, *, follow_links: bool = False, exclude: tuple[str, ...] = ()) -> dict[str, Entry]:
    found = list(walk(str(root), follow_links=follow_links, excluded=Excluder(exclude, git=True)))
    assert len({entry.path for entry in found}) == len(found)
    return {entry.path: entry for entry in found}


def problems(root: Path, **options: bool) -> dict[str, str]:
    return {path: entry.problem for path, entry in entries(root, **options).items()}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root" / "b" / "c").mkdir(parents=True)
    for name in ("z.bin", "a.bin", "b/x.bin", "b/c/y.bin", "b.bin"):
        (tmp_path / "root" / name).write_bytes(name.encode())
    (tmp_path / "outside.bin").write_bytes(b"outside")
    return tmp_path / "root"


def test_every_file_in_the_same_order_each_time(root: Path) -> None:
    (root / "empty").mkdir()
    found = list(walk(str(root), follow_links=False, excluded=Excluder((), git=True)))
    assert [entry.path for entry in found] == ["a.bin", "b.bin", "z.bin", "b/x.bin", "b/c/y.bin"]
    assert [(e.size, e.problem, e.real) for e in found if e.path == "b/x.bin"] == [(7, "", str(root / "b" / "x.bin"))]


def test_a_link_inside_of_the_folder_has_the_content_of_its_target(root: Path) -> None:
    (root / "link").symlink_to("b/x.bin")
    (root / "b" / "up").symlink_to("../a.bin")
    (root / "absolute").symlink_to(root / "a.bin")
    (root / "twice").symlink_to("link")
    found = entries(root)
    assert {found[name].problem for name in ("link", "b/up", "absolute", "twice")} == {""}
    assert found["link"].real == found["twice"].real == str(root / "b" / "x.bin")
    assert found["link"].size == 7


def test_a_link_out_of_the_folder_is_a_problem_unless_it_may_be_followed(root: Path) -> None:
    (root / "out").symlink_to("../outside.bin")
    (root / "b" / "out").symlink_to("/etc/hostname")
    (root / "dots").symlink_to("b/../../outside.bin")
    (root / "via").symlink_to("out")
    for name in ("out", "b/out", "dots", "via"):
        assert problems(root)[name].startswith("is a symbolic link out of the folder, to '")
    followed = entries(root, follow_links=True)
    assert {followed[name].problem for name in ("out", "b/out", "dots", "via")} == {""}
    assert followed["via"].real == str(root.parent / "outside.bin")


def test_a_sibling_with_a_longer_name_is_outside(root: Path) -> None:
    sibling = root.parent / "root2"
    sibling.mkdir()
    (sibling / "s.bin").write_bytes(b"s")
    (root / "near").symlink_to(sibling / "s.bin")
    assert "out of the folder" in problems(root)["near"]


@pytest.mark.parametrize("follow_links", [False, True])
def test_links_to_folders_and_loops_are_told_and_never_entered(root: Path, follow_links: bool) -> None:
    (root / "self").symlink_to("self")
    (root / "b" / "top").symlink_to("..")
    (root / "folder").symlink_to("b")
    (root / "ping").symlink_to("pong")
    (root / "pong").symlink_to("ping")
    (root / "dangling").symlink_to("nothing")
    told = problems(root, follow_links=follow_links)
    assert set(told) == {
        "a.bin",
        "b.bin",
        "z.bin",
        "b/x.bin",
        "b/c/y.bin",
        "self",
        "b/top",
        "folder",
        "ping",
        "pong",
        "dangling",
    }
    assert all(told[name] for name in ("self", "b/top", "folder", "ping", "pong", "dangling"))
    assert "to a folder, never followed" in told["folder"]


def test_the_root_may_be_a_link(root: Path) -> None:
    (root.parent / "alias").symlink_to("root")
    (root / "link").symlink_to("a.bin")
    assert problems(root.parent / "alias") == problems(root)


def test_everything_at_the_top_of_the_file_system_is_inside(root: Path) -> None:
    link = root / "out"
    link.symlink_to("/etc/hostname")
    with os.scandir(root) as items:
        from assaymark.storage import files

        item = next(item for item in items if item.name == "out")
        assert (
            files._entry("out", item, os.path.realpath("/").rstrip(os.sep) + os.sep, follow_links=False).problem == ""
        )


def test_what_is_no_file_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        (root / "to-pipe").symlink_to("pipe")
        (root / "device").symlink_to("/dev/zero")
        told = problems(root, follow_links=True)
    assert told["pipe"] == "is a pipe, not a file"
    assert told["socket"] == "is a socket, not a file"
    assert told["to-pipe"] == "is a symbolic link to a pipe, never followed"
    assert told["device"] == "is a symbolic link to a device, never followed"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"a\nb", "a\nb"),
        (b"a\x1b[31mb", "a\x1b[31mb"),
        (b"\xff\xfe", "\\xff\\xfe"),
        ("größe".encode("latin-1"), "gr\\xf6\\xdfe"),
        ("größe 模".encode(), "größe 模"),
        ("a\u202eb".encode(), "a\u202eb"),
        (b"back\\slash", "back\\slash"),
        (b" ", " "),
    ],
)
def test_names_of_any_bytes(root: Path, name: bytes, shown: str) -> None:
    with open(os.path.join(os.fsencode(root), name), "wb") as file:
        file.write(b"x")
    os.mkdir(os.path.join(os.fsencode(root), b"d" + name))
    with open(os.path.join(os.fsencode(root), b"d" + name, b"f"), "wb") as file:
        file.write(b"x")
    found = entries(root)
    for path in (shown, f"d{shown}/f"):
        path.encode()  # valid Unicode
        with open(found[path].real, "rb") as file:
            assert file.read() == b"x"


def test_a_path_too_long_for_the_system_is_told(root: Path) -> None:
    descriptor = os.open(root, os.O_RDONLY)
    for _ in range(25):
        os.mkdir("d" * 200, dir_fd=descriptor)
        deeper = os.open("d" * 200, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = deeper
    os.close(descriptor)
    told = [problem for problem in problems(root).values() if problem]
    assert told == ["folder cannot be listed: File name too long"]


def unprivileged(function: Callable[[], object]) -> object:
    """The function's value as a user whom permissions bind."""
    if os.geteuid():
        return function()
    function()  # what it imports may be out of reach later
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()

    def child() -> None:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        theirs.send(function())

    process = context.Process(target=child)
    process.start()
    answer = ours.recv() if ours.poll(60) else None
    process.join()
    return answer


def test_what_must_not_be_read_is_told(root: Path) -> None:
    (root / "b").chmod(0)
    (root / "a.bin").chmod(0)
    for place in (root, *root.parents[:4]):
        if place.owner() == root.owner() and str(place).startswith("/tmp/"):
            place.chmod(0o755)

    def look() -> dict[str, str]:
        from assaymark.survey import Found, Options, look_at_path

        told = {}
        for entry in walk(str(root), follow_links=False, excluded=Excluder((), git=True)):
            report = look_at_path(Found(entry.path, entry), Options())
            told[entry.path] = " ".join(finding.message for finding in report.findings)
        return told

    try:
        told = unprivileged(look)
    finally:
        (root / "b").chmod(0o755)
    assert told["b"] == "folder cannot be listed: Permission denied"  # type: ignore[index]
    assert told["a.bin"] == "cannot be opened: Permission denied"  # type: ignore[index]


# Left out on purpose


def test_what_is_excluded_is_remembered(root: Path) -> None:
    excluder = Excluder(("b", "*.nothing", "z*"), git=True)
    found = [entry.path for entry in walk(str(root), follow_links=False, excluded=excluder)]
    assert found == ["a.bin", "b.bin"]
    assert excluder.left_out == [("b", "excluded by --exclude"), ("z.bin", "excluded by --exclude")]


@pytest.mark.parametrize(
    ("pattern", "left"), [("b/", 3), ("b/*", 3), ("*.bin", 0), ("b/c", 4), ("B", 5), ("x.bin", 5), ("*/x.bin", 4)]
)
def test_patterns_match_the_whole_path(root: Path, pattern: str, left: int) -> None:
    assert len(entries(root, exclude=(pattern,))) == left


def test_only_a_real_git_store_at_the_top_is_left_out(root: Path) -> None:
    for place in (".git", "b/.git"):
        (root / place).mkdir()
        (root / place / "file").write_text("x")
    (root / "b" / ".git" / "HEAD").write_text("x")
    assert {".git/file", "b/.git/file", "b/.git/HEAD"} <= set(entries(root))
    (root / ".git" / "HEAD").write_text("x")
    assert not any(path.startswith(".git/") for path in entries(root))


def test_a_git_file_of_a_worktree_is_kept(root: Path) -> None:
    (root / ".git").write_text("gitdir: /elsewhere")
    assert ".git" in entries(root)
