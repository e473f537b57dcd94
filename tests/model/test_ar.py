import lzma
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.finding import Severity
from assaymark.core.scan import FileReport
from tests.conftest import ids, look_at, severe
from tests.model.test_tar import info, tar
from tests.model.zipmaker import EVIL, HARMLESS


def ar(*members: tuple[bytes, bytes], magic: bytes = b"!<arch>\n") -> bytes:
    """Names as they stand in the 16 bytes of a header."""
    out = magic
    for name, data in members:
        out += (
            b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (name, 0, 0, 0, b"100644", len(data)) + data + b"\n" * (len(data) % 2)
        )
    return out


def newc(*members: tuple[str, bytes, int], end: bool = True, magic: bytes = b"070701") -> bytes:
    """A cpio archive of (name, content, mode)."""
    out = b""
    for name, data, mode in (*members, *((("TRAILER!!!", b"", 0),) if end else ())):
        raw = name.encode() + b"\0"
        fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(raw), 0)
        out += magic + b"".join(b"%08X" % field for field in fields) + raw
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return out


def seen(report: FileReport) -> set[str]:
    return {f.where.member for f in report.findings if f.severity is Severity.CRITICAL}


def clean(report: FileReport) -> bool:
    return severe(report) == [] and not ids(report)


def xz(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    return lzma.compress(tar(*members))


DEB = ar(
    (b"debian-binary", b"2.0\n"),
    (b"control.tar.xz", xz((info("./control"), b"Package: a\n"))),
    (b"data.tar.xz", xz((info("./usr/share/doc/a"), b"text"))),
)
LONG = "a_name_that_is_longer_than_sixteen.txt"
BENIGN = {
    "a.deb": DEB,
    "gnu.ar": ar((b"/", bytes(8)), (b"//", f"{LONG}/\n".encode()), (b"/0", b"text"), (b"b.txt/", b"odd")),
    "bsd.ar": ar((b"__.SYMDEF", bytes(8)), (b"#1/%d" % len(LONG), LONG.encode() + b"text")),
    "empty.ar": ar(),
    "a.cpio": newc(("d", b"", 0o40755), ("d/a.txt", b"text", 0o100644), ("m.pkl", HARMLESS, 0o100644)),
    "crc.cpio": newc(("a.txt", b"text", 0o100644), magic=b"070702"),
}


@pytest.mark.parametrize("name", BENIGN)
def test_benign_archives_are_clean(name: str) -> None:
    report = look_at(BENIGN[name], name)
    assert clean(report), report.findings
    assert report.formats[0] in {"ar", "cpio"}


def test_real_archive_of_ar(tmp_path: Path) -> None:
    (tmp_path / LONG).write_bytes(EVIL)
    (tmp_path / "b.txt").write_text("text")
    try:
        subprocess.run(["ar", "rc", "x.a", LONG, "b.txt"], cwd=tmp_path, check=True)
    except FileNotFoundError:
        pytest.skip("binutils are not installed")
    assert seen(look_at((tmp_path / "x.a").read_bytes(), "x.a")) == {LONG}


@pytest.mark.parametrize(
    ("data", "member"),
    [
        (ar((b"m", EVIL)), "m"),
        (ar((b"odd", b"x"), (b"m/", EVIL)), "m"),
        (ar((b"#1/4", b"m\0\0\0" + EVIL)), "m"),
        (ar((b"//", b"m/\n"), (b"/0", EVIL)), "m"),
        (ar((b"data.tar", tar((info("m"), EVIL)))), "data.tar!m"),
        (newc(("m", EVIL, 0o100644)), "m"),
        (newc(("m", EVIL, 0o100644), end=False), "m"),
        (newc(("a", b"text", 0o100644)) + newc(("m", EVIL, 0o100644)), "bytes after the trailer!m"),
    ],
)
def test_a_pickle_in_any_member_is_seen(data: bytes, member: str) -> None:
    assert seen(look_at(data, "archive")) == {member}


def test_native_members_of_a_static_library_hold() -> None:
    report = look_at(ar((b"a.o/", b"\x7fELF" + bytes(60)), (b"a.o/", b"\x7fELF" + bytes(60))), "lib.a")
    assert ids(report) == {"CHK005"}


def test_a_thin_archive_holds() -> None:
    assert ids(look_at(ar((b"a.o/", b""), magic=b"!<thin>\n"), "lib.a")) == {"CHK005"}


@pytest.mark.parametrize(
    "data", [ar((b"../x", b"text")), newc(("../x", b"text", 0o100644)), newc(("l", b"/etc/passwd", 0o120777))]
)
def test_mdl080_bad_names_and_links(data: bytes) -> None:
    assert "MDL080" in ids(look_at(data, "archive"))


def test_mdl087_bad_pipe_in_cpio() -> None:
    assert "MDL087" in ids(look_at(newc(("p", b"", 0o10644)), "a.cpio"))


def test_text_that_begins_with_digits_is_no_cpio() -> None:
    assert clean(look_at(b"070701 is a magic number\n" * 9, "notes.txt"))


@pytest.mark.parametrize("name", ["gnu.ar", "a.cpio"])
def test_truncation_at_every_byte_never_crashes_and_holds(name: str) -> None:
    """An ar archive has no end mark: at the bounds of its members it is whole. A cpio ends with up to three zeros."""
    data = BENIGN[name].rstrip(b"\0")
    for length in range(len(data)):
        report = look_at(data[:length], name)
        assert "CHK001" not in ids(report)
        assert any(f.holds for f in report.findings) or name == "gnu.ar", length


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(BENIGN)), st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)), max_size=4))  # fmt: skip
def test_any_damage_gives_a_report(name: str, changes: list[tuple[float, bytes]]) -> None:
    data = bytearray(BENIGN[name])
    for place, value in changes:
        at = int(place * len(data))
        data[at : at + len(value)] = value
    assert "CHK001" not in ids(look_at(bytes(data), name))


def raw_newc(name: bytes, data: bytes = b"", size: bytes = b"", mode: int = 0o100644) -> bytes:
    """A cpio member by hand."""
    fields = [b"%08x" % value for value in (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)]
    fields[6] = size or fields[6]
    head = b"070701" + b"".join(fields) + name + b"\0"
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


@pytest.mark.parametrize("size", [b"      1_", b"0x000010", b"0000_010", b"+0000010"])
def test_a_cpio_number_that_readers_take_for_another_holds(size: bytes) -> None:
    data = raw_newc(b"a", b"0123456789abcdef") + raw_newc(b"b", b"0123456789abcdef", size) + raw_newc(b"TRAILER!!!")
    assert "CHK002" in ids(look_at(data, "a.cpio"))


def test_a_cpio_name_ends_at_its_nul() -> None:
    data = raw_newc(b"a", b"text") + raw_newc(b"../x\0/../y/z", b"text") + raw_newc(b"TRAILER!!!")
    assert "MDL080" in ids(look_at(data, "a.cpio"))
    data = raw_newc(b"a", b"text") + raw_newc(b"TRAILER!!!\0more") + b"\1\2\3\xff" * 9
    assert "MDL083" in ids(look_at(data, "a.cpio"))


def test_a_cpio_folder_that_carries_content_is_looked_at() -> None:
    assert seen(look_at(newc(("d", EVIL, 0o040755), ("a", b"text", 0o100644)), "a.cpio"))


def test_what_a_link_of_cpio_carries_is_looked_at() -> None:
    assert seen(look_at(newc(("m.pkl", EVIL, 0o120777), ("a", b"text", 0o100644)), "a.cpio"))
    assert clean(look_at(newc(("a.txt", b"hello", 0o100644), ("m.pkl", b"a.txt", 0o120777)), "a.cpio"))
