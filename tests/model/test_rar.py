import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.budget import Limits
from assaymark.core.finding import Severity
from assaymark.core.scan import FileReport
from tests.conftest import ids, look_at, severe
from tests.model.rarmaker import Made, block4, block5, file5, link5, make4, make5, number, record5
from tests.model.zipmaker import EVIL, HARMLESS

REAL = Path(__file__).parent / "real" / "rar"
MAKERS = {"4": make4, "5": make5}
version = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)

EXPECTED = {
    "rar15-comment": {"CHK002", "CHK005"},
    "rar2-unix-owner": {"CHK002", "CHK005"},
    "rar202-comment-nopsw": {"CHK002"},
    "rar202-comment-psw": {"CHK002", "MDL086"},
    "rar3-comment-hpsw": {"CHK005"},
    "rar3-solid": {"CHK005"},
    "rar3-subdirs": set(),
    "rar3-symlink-unix": {"MDL080"},
    "rar5-crc": {"CHK005"},
    "rar5-evil-symlink-traversal": {"MDL080"},
    "rar5-hlink": {"CHK005"},
    "rar5-hpsw": {"CHK005"},
    "rar5-psw": {"MDL086"},
    "rar5-quick-open": {"CHK005"},
    "rar5-subdirs": set(),
    "rar5-symlink-win": {"MDL080"},
    "rar5-versions": set(),
    "unicode": {"CHK005"},
    "unicode2": set(),
}
"""Archives of before RAR 3 have no end header, so that nobody can tell whether they are whole."""


def real(name: str) -> bytes:
    return (REAL / f"{name}.rar").read_bytes()


def seen(report: FileReport) -> set[str]:
    return {f.where.member for f in report.findings if f.severity is Severity.CRITICAL}


def clean(report: FileReport) -> bool:
    return severe(report) == [] and not ids(report)


def holds(report: FileReport) -> bool:
    return any(f.holds for f in report.findings)


@pytest.mark.parametrize("name", EXPECTED)
def test_real_archives(name: str) -> None:
    report = look_at(real(name), f"{name}.rar")
    assert ids(report) == EXPECTED[name], report.findings
    assert report.formats[0] == "rar"


def test_every_real_archive_is_in_the_list() -> None:
    assert {path.stem for path in REAL.glob("*.rar")} == set(EXPECTED)


def test_names_of_real_archives_are_read() -> None:
    names = {f.where.symbol for f in look_at(real("unicode"), "a.rar").findings}
    bold = "\U0001d400\U0001d401\U0001d401\U0001d402"
    assert names == {"уииоотивл.txt", f"{bold}.txt"}


@version
def test_stored_members_are_looked_at(make: type) -> None:
    assert clean(look_at(make(Made("a.txt", b"text"), Made("m.pkl", HARMLESS)), "a.rar"))
    assert clean(look_at(make(Made("d", folder=True, mode=0o40755), Made("d/a.txt", b"text")), "a.rar"))
    report = look_at(make(Made("a.txt", b"text"), Made("m", EVIL)), "a.rar")
    assert seen(report) == {"m"}
    assert seen(look_at(make(Made("in.rar", make(Made("m", EVIL)))), "noname")) == {"in.rar!m"}


@version
@pytest.mark.parametrize("method", [1, 3, 5])
def test_compressed_members_are_named_and_hold(make: type, method: int) -> None:
    report = look_at(make(Made("m.pkl", b"\x12\x34", method=method, size=400)), "a.rar")
    assert ids(report) == {"CHK005"}
    assert report.findings[0].where.symbol == "m.pkl"
    assert holds(report)


@version
def test_very_many_compressed_members_are_summed_up(make: type) -> None:
    report = look_at(make(*(Made(f"f{i}", b"x", method=3, size=9) for i in range(300))), "a.rar")
    assert len(report.findings) == 21
    assert holds(report)


def test_mdl086_bad_encrypted_members() -> None:
    report = look_at(make4(Made("m", b"\x01" * 32, flags=4), Made("n", EVIL)), "a.rar")
    assert {"MDL086"} <= ids(report)
    assert seen(report) == {"n"}
    assert "MDL086" in ids(look_at(make5(Made("m", b"\x01" * 32, extra=record5(1, bytes(30)))), "a.rar"))


def test_encrypted_headers_hold() -> None:
    locked = make5(Made("m", EVIL), before=block5(number(4) + number(0) + bytes(20)))
    for data in (locked, make4(Made("m", EVIL), main_flags=0x80)):
        report = look_at(data, "a.rar")
        assert ids(report) == {"CHK005"}
        assert "encrypted" in report.findings[0].message


@version
@pytest.mark.parametrize("name", ["../../.bashrc", "/etc/passwd", "C:\\x", "a/../../b"])
def test_mdl080_bad_names(make: type, name: str) -> None:
    assert "MDL080" in ids(look_at(make(Made(name, b"text")), "a.rar"))


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5])
def test_mdl080_bad_redirections(kind: int) -> None:
    """Links of every kind, among them the copies that unpackers make from another member."""
    assert "MDL080" in ids(look_at(make5(Made("d/link", extra=link5(kind, "../../x"))), "a.rar"))
    assert clean(look_at(make5(Made("a.txt", b"text"), Made("b.txt", extra=link5(kind, "a.txt"))), "a.rar"))


def test_mdl080_bad_link_that_is_content() -> None:
    assert "MDL080" in ids(look_at(make4(Made("link", b"/etc/passwd", mode=0o120777)), "a.rar"))
    assert clean(look_at(make4(Made("a.txt", b"x"), Made("link", b"a.txt", mode=0o120777)), "a.rar"))


@version
def test_mdl085_bad_crc_or_size(make: type) -> None:
    report = look_at(make(Made("m", EVIL, crc=1)), "a.rar")
    assert "MDL085" in ids(report)
    assert seen(report) == {"m"}
    assert "MDL085" in ids(look_at(make(Made("a.txt", b"text", size=99)), "a.rar"))


@version
def test_a_wrong_checksum_of_a_header_is_said_and_the_member_seen(make: type) -> None:
    report = look_at(make(Made("m", EVIL, header_crc=1)), "a.rar")
    assert "CHK002" in ids(report)
    assert seen(report) == {"m"}


@version
def test_mdl083_bad_prefix_and_suffix(make: type) -> None:
    """Self-extracting archives stand behind a program, which itself holds; behind anything else by their name."""
    report = look_at(make(Made("m", EVIL), prefix=b"#!/bin/sh\nexit\n"), "a.rar")
    assert "MDL083" in ids(report)
    assert seen(report) == {"m"}
    assert ids(look_at(make(Made("a.txt", b"text"), suffix=EVIL), "a.rar")) == {"MDL083"}
    assert clean(look_at(make(Made("a.txt", b"text"), suffix=bytes(512)), "a.rar"))
    assert holds(look_at(make(Made("m", EVIL), prefix=b"MZ" + bytes(range(256))), "a.exe"))


@version
def test_mdl082_bad_name_twice(make: type) -> None:
    report = look_at(make(Made("m", HARMLESS), Made("m", EVIL)), "a.rar")
    assert "MDL082" in ids(report)
    assert seen(report) == {"m"}


def test_split_members_hold() -> None:
    assert "CHK005" in ids(look_at(make5(Made("m", EVIL, flags=0x10)), "a.rar"))
    assert "CHK005" in ids(look_at(make4(Made("m", EVIL, flags=2)), "a.rar"))


def test_recovery_records_are_said_and_unknown_services_hold() -> None:
    recovery = file5(Made("RR", bytes(range(100))), kind=3)
    report = look_at(make5(Made("a.txt", b"text"), before=recovery), "a.rar")
    assert clean(report)
    assert any("repair" in gap.why for gap in report.gaps)
    unknown = file5(Made("XYZ", EVIL), kind=3)
    assert "CHK005" in ids(look_at(make5(Made("a.txt", b"text"), before=unknown), "a.rar"))


@pytest.mark.parametrize(
    "data",
    [
        b"Rar!\x1a\x07\x01\x00" + block5(number(2) + number(2) + number(1 << 62)),
        b"Rar!\x1a\x07\x01\x00" + b"\0\0\0\0\xff\xff\xff\xff",
        b"Rar!\x1a\x07\x01\x00" + b"\0\0\0\0\0",
        b"Rar!\x1a\x07\x01\x00" + block5(b"\xff" * 12),
        b"Rar!\x1a\x07\x01\x00" + block5(number(2) + number(3) + number(1 << 40) + number(5)),
        b"Rar!\x1a\x07\x00" + block4(0x74, b"short"),
        b"Rar!\x1a\x07\x00" + bytes(7),
        b"Rar!\x1a\x07\x00",
        b"Rar!\x1a\x07",
    ],
)
def test_headers_that_lie_are_malformed(data: bytes) -> None:
    assert ids(look_at(data, "a.rar")) == {"CHK002"}


@version
def test_very_many_members_are_bounded(make: type) -> None:
    data = make(*(Made(f"f{i}", b"x") for i in range(3_000)))
    assert "CHK003" in ids(look_at(data, "a.rar", Limits(members=1_000)))


@version
def test_truncation_at_every_byte_never_looks_clean(make: type) -> None:
    data = make(Made("a.txt", b"text"), Made("m.pkl", HARMLESS))
    for length in range(len(data)):
        report = look_at(data[:length], "a.rar")
        assert holds(report), length
        assert "CHK001" not in ids(report)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(EXPECTED)), st.integers(0, 1 << 30))
def test_any_damage_gives_a_report(name: str, seed: int) -> None:
    random_, data = random.Random(seed), bytearray(real(name))
    for _ in range(random_.randint(1, 5)):
        data[random_.randrange(7, len(data))] = random_.choice((0, 1, 0x7F, 0x80, 0xFF, random_.randrange(256)))
    assert "CHK001" not in ids(look_at(bytes(data), "a.rar"))


def test_a_folder_that_carries_content_is_looked_at() -> None:
    data = make5(Made("d", EVIL, folder=True))
    assert seen(look_at(data, "a.rar")) == {"d"}


def test_what_a_link_carries_is_looked_at() -> None:
    assert seen(look_at(make4(Made("m.pkl", EVIL, mode=0o120777)), "a.rar"))
    assert clean(look_at(make4(Made("a.txt", b"hello"), Made("m.pkl", b"a.txt", mode=0o120777)), "a.rar"))
