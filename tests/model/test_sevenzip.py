import bz2
import lzma
import random
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.budget import Limits
from assaymark.core.finding import Severity
from assaymark.core.scan import FileReport
from assaymark.model.inflate64 import Inflate64
from tests.conftest import ids, look_at, severe
from tests.model.sevenzipmaker import AES, BZIP2, COPY, LZMA2, Made, Packed, archive, files_info, make, number, streams
from tests.model.zipmaker import EVIL, HARMLESS

REAL = Path(__file__).parent / "real" / "sevenzip"
OPAQUE = ("good-ppmd.7z", "good-bcj2.7z", "py7zr-ppmd.7z")


def real(name: str) -> bytes:
    return (REAL / name).read_bytes()


def seen(report: FileReport) -> set[str]:
    return {f.where.member for f in report.findings if f.severity is Severity.CRITICAL}


def clean(report: FileReport) -> bool:
    return severe(report) == [] and not ids(report)


def holds(report: FileReport) -> bool:
    return any(f.holds for f in report.findings)


@pytest.mark.parametrize("name", sorted(p.name for p in REAL.glob("*.7z") if p.name not in OPAQUE and "evil" not in p.name and "lock" not in p.name))  # fmt: skip
def test_benign_archives_are_clean_and_looked_into(name: str) -> None:
    report = look_at(real(name), name)
    assert clean(report), report.findings
    assert report.formats == ("7z", "pickle")


@pytest.mark.parametrize("name", ["evil.7z", "evil-blocks.7z"])
def test_a_pickle_in_a_real_archive_is_seen(name: str) -> None:
    """Unpickling the member calls os.getcwd, as its maker does when it is asked to."""
    assert seen(look_at(real(name), name)) == {"evil/sub/model.pkl"}


@pytest.mark.parametrize("name", OPAQUE)
def test_what_no_decoder_is_there_for_is_named_and_holds(name: str) -> None:
    report = look_at(real(name), name)
    assert ids(report) == {"CHK005"}
    assert "not looked into" in report.findings[0].message
    assert any(word in report.findings[0].message for word in ("PPMd", "BCJ2"))


def test_mdl086_bad_encrypted_files() -> None:
    report = look_at(real("locked.7z"), "a.7z")
    assert ids(report) == {"MDL086"}
    assert holds(report)


def test_an_encrypted_header_holds() -> None:
    report = look_at(real("locked-header.7z"), "a.7z")
    assert ids(report) == {"CHK005"}
    assert "encrypted" in report.findings[0].message


@pytest.mark.parametrize(
    "folder",
    [
        Packed([Made("m", EVIL)]),
        Packed([Made("m", EVIL)], LZMA2),
        Packed([Made("m", EVIL)], BZIP2, packed=bz2.compress(EVIL)),
        Packed([Made("a", b"text"), Made("m", EVIL), Made("b", b"text")], LZMA2),
        Packed([Made("m", EVIL)], LZMA2, size=1 << 40),
        Packed([Made("m", EVIL)], LZMA2, packed=lzma.compress(EVIL + b"x" * 4000, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2}])[:-9], size=len(EVIL) + 4000),
    ],
    ids=["copy", "lzma2", "bzip2", "solid", "huge", "cut"],
)  # fmt: skip
def test_a_pickle_in_any_folder_is_seen(folder: Packed) -> None:
    assert "m" in seen(look_at(make(folder), "a.7z"))


def test_the_made_ones_are_sound() -> None:
    data = make(Packed([Made("a.txt", b"text"), Made("m.pkl", HARMLESS)], LZMA2), Packed([Made("b.txt", b"text")]))
    assert clean(look_at(data, "a.7z"))
    empties = (Made("d", None, 0o40755), Made("e.txt", None, empty=True))
    assert clean(look_at(make(Packed([Made("a.txt", b"text")]), empties=empties), "a.7z"))
    assert clean(look_at(archive(b"", b""), "empty.7z"))


@pytest.mark.parametrize("name", ["../../.bashrc", "/etc/passwd", "C:\\Windows\\x.dll", "a/../../b"])
def test_mdl080_bad_names(name: str) -> None:
    assert "MDL080" in ids(look_at(make(Packed([Made(name, b"text")])), "a.7z"))


@pytest.mark.parametrize(("target", "bad"), [(b"../../x", True), (b"/etc/passwd", True), (b"a.txt", False)])
def test_mdl080_bad_link_target_of_a_solid_block(target: bytes, bad: bool) -> None:
    data = make(Packed([Made("a.txt", b"text"), Made("d/link", target, 0o120777)], LZMA2))
    report = look_at(data, "a.7z")
    assert ("MDL080" in ids(report)) is bad
    assert not [f for f in report.findings if f.count > 1]


def test_mdl097_bad_anti_item() -> None:
    report = look_at(make(Packed([Made("a.txt", b"text")]), empties=(Made("gone.txt", None, anti=True),)), "a.7z")
    assert ids(report) == {"MDL097"}


def test_mdl097_good_empty_file_and_folder() -> None:
    empties = (Made("d", None, 0o40755), Made("e.txt", None, empty=True))
    assert clean(look_at(make(Packed([Made("a.txt", b"text")]), empties=empties), "a.7z"))


def test_mdl085_bad_crc_of_a_file() -> None:
    report = look_at(make(Packed([Made("m", EVIL, crc=1)], LZMA2)), "a.7z")
    assert "MDL085" in ids(report)
    assert seen(report) == {"m"}


def test_mdl085_bad_size_of_a_folder() -> None:
    folder = Packed([Made("a.txt", b"text")], LZMA2, packed=Packed([Made("a", b"text" + EVIL)], LZMA2).stream())
    report = look_at(make(folder), "a.7z")
    assert "MDL085" in ids(report)
    assert seen(report) == {"bytes after the files"}


@pytest.mark.parametrize("how", [{"crc": 1}, {"start_crc": 1}])
def test_a_wrong_checksum_of_a_header_is_said_and_the_content_seen(how: dict[str, int]) -> None:
    report = look_at(make(Packed([Made("m", EVIL)]), **how), "a.7z")
    assert "CHK002" in ids(report)
    assert seen(report) == {"m"}


def test_mdl083_bad_gap_and_tail() -> None:
    gap = b"\x80\x04hidden bytes."
    report = look_at(make(Packed([Made("a.txt", b"text")]), at=len(gap), gap=gap), "a.7z")
    assert ids(report) == {"MDL083"}
    assert ids(look_at(make(Packed([Made("a.txt", b"text")]), suffix=EVIL), "a.7z")) == {"MDL083"}


def test_mdl088_bad_bytes_in_a_pack_stream() -> None:
    stream = Packed([Made("a.txt", b"text")], LZMA2).stream() + EVIL
    report = look_at(make(Packed([Made("a.txt", b"text")], LZMA2, packed=stream)), "a.7z")
    assert "MDL088" in ids(report)
    assert seen(report) == {"bytes after the stream"}


def test_mdl088_bad_bytes_behind_an_lzma_stream_without_end_mark() -> None:
    """LZMA ends where its declared size is reached; what follows in the pack stream no reader asks for."""
    chain = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16}]
    text = b"some text " * 20
    coder = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=chain)
    stream = coder.compress(text) + coder.flush()
    how = {"method": b"\x03\x01\x01", "properties": b"\x5d\0\0\1\0"}
    assert clean(look_at(make(Packed([Made("a.txt", text)], packed=stream, **how)), "a.7z"))
    report = look_at(make(Packed([Made("a.txt", text)], packed=stream + bytes(range(64)), **how)), "a.7z")
    assert "MDL088" in ids(report)


def test_mdl089_bad_pack_stream_over_the_header() -> None:
    folder = Packed([Made("a.txt", b"text")])
    header = b"\x01\x04" + streams([folder], sizes=[30]) + files_info(folder.files) + b"\0"
    report = look_at(archive(header, b"text"), "a.7z")
    assert "MDL089" in ids(report)


def test_mdl082_bad_name_twice() -> None:
    report = look_at(make(Packed([Made("m", HARMLESS), Made("m", EVIL)])), "a.7z")
    assert "MDL082" in ids(report)
    assert seen(report) == {"m"}


def test_a_bomb_is_stopped() -> None:
    data = make(Packed([Made("m", EVIL + bytes(100 << 20))], LZMA2))
    assert len(data) < 100_000
    report = look_at(data, "a.7z")
    assert "CHK003" in ids(report)
    assert seen(report) == {"m"}


def test_a_dictionary_of_gigabytes_is_refused() -> None:
    folder = Packed([Made("m", EVIL)], LZMA2, properties=b"\x28", size=1 << 40)
    assert "CHK003" in ids(look_at(make(folder), "a.7z"))


def test_content_that_no_file_owns_is_looked_at() -> None:
    """A folder that is cut into no files, and one whose second file the list leaves out."""
    none = streams([Packed([Made("m", EVIL)])]).replace(b"\x08\x0d\x01\x0a\x01", b"\x08\x0d\x00\x0a\x01", 1)
    none = none[: none.index(b"\x0a\x01")] + b"\0\0"
    hidden = streams([Packed([Made("a", b"text"), Made("m", EVIL)])])
    for main, packed, files in ((none, EVIL, []), (hidden, b"text" + EVIL, [Made("a", b"text")])):
        report = look_at(archive(b"\x01\x04" + main + files_info(files) + b"\0", packed), "a.7z")
        assert seen(report) == {"content of no file"}, report.findings
        assert "CHK002" in ids(report)


def test_one_block_that_cannot_be_read_does_not_hide_the_others() -> None:
    folders = (Packed([Made("a", b"text")], AES), Packed([Made("b", b"text")], b"\x7f"), Packed([Made("m", EVIL)]))
    report = look_at(make(*folders), "a.7z")
    assert {"MDL086", "CHK005"} <= ids(report)
    assert seen(report) == {"m"}


@pytest.mark.parametrize(
    "header",
    [
        b"\x01\x05" + number(1 << 40) + b"\0\0",
        b"\x01\x05" + number(150_000) + b"\0\0",
        b"\x01\x04\x06\0" + number(1 << 60) + b"\0\0\0",
        b"\x01\x04\x06\0\0\0\x07\x0b" + number(1 << 50) + b"\0",
        b"\x01\x04\x06\0\1\x09\x05\0\x07\x0b\1\0\x01\x10\0\x20\x20",
        b"\x01\x04\x06\0\1\x09\x04\0\x07\x0b\1\0\x02\x01\0\x01\0\x00\x01\x0c\x04\x04\0\0\0",
        b"\x01\x04\x06\0\1\x09\x04\0\x07\x0b\1\0\x02\x01\0\x01\0\x00\x00\x0c\x04\x04\0\0\0",
        b"\x17\x06\0\1\x09\x05\0\x07\x0b\1\0\x01\x01\0\x0c\x05\0\0",
        b"\x17\0",
        b"\x01",
        b"\x42",
    ],
)
def test_a_header_that_lies_is_malformed(header: bytes) -> None:
    report = look_at(archive(header, b"text"), "a.7z")
    assert holds(report)
    assert not ids(report) & {"CHK001"}


def test_a_header_that_unpacks_to_itself_ends() -> None:
    """A packed header (method copy) whose pack stream is that header."""
    header = b"\x17\x06\0\1\x09\x18\0\x07\x0b\1\0\x01\x01\0\x0c\x18\0\0\0\0\0\0\0\0"
    assert len(header) == 24
    assert "CHK002" in ids(look_at(archive(header, header), "a.7z"))


def test_nested_archives_are_followed_and_end() -> None:
    data = EVIL
    for depth in range(12):
        data = make(Packed([Made(f"m{depth}", data)]))
    assert "CHK003" in ids(look_at(data, "a.7z"))
    report = look_at(make(Packed([Made("in.7z", make(Packed([Made("m", EVIL)], LZMA2)))])), "a.7z")
    assert seen(report) == {"in.7z!m"}


def test_very_many_files_are_bounded() -> None:
    folder = Packed([Made(f"f{i}", b"x") for i in range(3_000)])
    assert clean(look_at(make(folder), "a.7z"))
    assert "CHK003" in ids(look_at(make(folder), "a.7z", Limits(members=1_000)))


@pytest.mark.parametrize("name", ["good-lzma2.7z", "good-blocks.7z", "good-plain-header.7z"])
def test_truncation_at_every_byte_never_looks_clean(name: str) -> None:
    data = real(name)
    for length in range(len(data)):
        report = look_at(data[:length], "a.7z")
        assert holds(report), length
        assert "CHK001" not in ids(report), (length, report.findings)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["good-lzma2.7z", "good-blocks.7z", "good-plain-header.7z", "good-x86.7z"]), st.integers(0, 1 << 30), st.booleans())  # fmt: skip
def test_any_damage_gives_a_report(name: str, seed: int, sealed: bool) -> None:
    """Also with the checksums made right again, so that the damage reaches the header's reader."""
    random_ = random.Random(seed)
    data = bytearray(real(name))
    for _ in range(random_.randint(1, 4)):
        data[random_.randrange(32, len(data))] = random_.choice((0, 1, 0x7F, 0x80, 0xFF, random_.randrange(256)))
    if sealed:
        offset, size = (int.from_bytes(data[i : i + 8], "little") for i in (12, 20))
        data = bytearray(archive(bytes(data[32 + offset :][:size]), bytes(data[32 : 32 + offset])))
    assert "CHK001" not in ids(look_at(bytes(data), "a.7z"))


# --- Deflate64 ---------------------------------------------------------------------------------------------------

STRATEGIES = [zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY, zlib.Z_FIXED, zlib.Z_RLE]


def inflate64(packed: bytes, step: int, most: int) -> tuple[bytes, bytes]:
    """What comes out, and what is left, with input and output in pieces of these sizes."""
    decoder, out, at = Inflate64(), b"", 0
    while not decoder.eof:
        piece = b""
        if decoder.needs_input:
            piece, at = packed[at : at + step], at + step
            if not piece:
                break
        given = decoder.decompress(piece, most)
        assert len(given) <= most
        out += given
    return out, decoder.unused_data + packed[at:] if decoder.eof else b""


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=257), st.sampled_from(STRATEGIES), st.sampled_from([0, 1, 9]), st.integers(1, 50), st.integers(1, 300))  # fmt: skip
def test_deflate64_is_deflate_where_matches_are_short(
    data: bytes, strategy: int, level: int, step: int, most: int
) -> None:
    coder = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy)
    packed = coder.compress(data) + coder.flush()
    assert inflate64(packed + b"tail", step, most) == (data, b"tail")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_deflate64_of_garbage_ends(data: bytes) -> None:
    try:
        out, _ = inflate64(data, 7, 1 << 16)
    except ValueError:
        return
    assert len(out) < 200 << 16


def test_a_pickle_in_deflate64_is_seen() -> None:
    coder = zlib.compressobj(wbits=-15)
    packed = coder.compress(EVIL) + coder.flush()
    method = b"\x04\x01\x09"
    assert seen(look_at(make(Packed([Made("m", EVIL)], method, packed=packed)), "a.7z")) == {"m"}
    broken = make(Packed([Made("m", EVIL)], method, packed=packed[:-1]))
    assert {"MDL001", "CHK002"} <= ids(look_at(broken, "a.7z"))


@pytest.mark.parametrize(
    "header",
    [
        b"\x01" + (b"\x05" + number(100_000) + b"\0") * 5_000 + b"\0",
        b"\x01\x05" + number(100_000) + (b"\x0e" + number(12_500) + bytes(12_500)) * 500 + b"\0\0",
        b"\x01\x04\x06\0\0\0\x07\x0b" + number(300_000) + b"\0" + b"\1\0" * 300_000 + b"\0",
        b"\x01\x04\x06\0" + number(300_000) + b"\x09" + bytes(300_000) + b"\0\0\0",
        b"\x01\x04\x06\0" + number(150_000) + b"\x09" + bytes(150_000) + (b"\x0a\0" + bytes(18_750)) * 400 + b"\0\0\0",
        b"\x01\x02" + b"\1\0" * 300_000 + b"\0\0",
    ],
    ids=["files", "empty streams", "folders", "pack streams", "digests", "archive properties"],
)
def test_a_header_that_repeats_its_lists_ends(header: bytes) -> None:
    """Packed, each of them takes a few kilobytes, and would take hours or all memory."""
    report = look_at(archive(header, b"text"), "a.7z")
    assert any("twice" in f.message or "more than" in f.message for f in report.findings), report.findings


@pytest.mark.parametrize("method", [COPY, LZMA2])
def test_what_a_link_carries_is_looked_at(method: bytes) -> None:
    """Where its attributes call it a reparse point, only Windows makes a link of it; elsewhere it is a file."""
    data = make(Packed([Made("a.txt", b"hello"), Made("m.pkl", EVIL, mode=0o120777)], method))
    assert seen(look_at(data, "a.7z"))
    assert clean(
        look_at(make(Packed([Made("a.txt", b"hello"), Made("m.pkl", b"a.txt", mode=0o120777)], method)), "a.7z")
    )
