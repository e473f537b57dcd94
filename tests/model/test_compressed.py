import bz2
import gzip
import io
import lzma
import sys
import zlib
from collections.abc import Callable

import joblib
import lz4.frame
import numpy as np
import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.budget import Limits
from assaymark.core.finding import Severity
from assaymark.core.scan import FileReport
from tests.conftest import ids, look_at, severe
from tests.model.test_tar import info, tar
from tests.model.zipmaker import EVIL, HARMLESS, Made, make


def seen(report: FileReport) -> set[str]:
    return {f.where.member for f in report.findings if f.severity is Severity.CRITICAL}


def clean(report: FileReport) -> bool:
    return severe(report) == [] and not ids(report)


def zfile(data: bytes, blank: bytes = b"") -> bytes:
    """joblib before 0.10."""
    return b"ZF" + f"{len(data):#x}".ljust(19).encode() + blank + zlib.compress(data)


CODECS = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "zlib": zlib.compress,
    "lz4": lz4.frame.compress,
    "zstd": lambda data: zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1}),
    "zfile": zfile,
    "zfile with a blank": lambda data: zfile(data, b" "),
}
JOINED = ["gzip", "bzip2", "xz", "zlib", "lz4", "zstd"]
codec = pytest.mark.parametrize("codec", CODECS)
joined = pytest.mark.parametrize("codec", JOINED)
NOISE = bytes(np.random.default_rng(1).integers(0, 256, 50_000, dtype=np.uint8))


@codec
@pytest.mark.parametrize("data", [b"text " * 1000, HARMLESS], ids=["text", "pickle"])
def test_benign_streams_are_clean(codec: str, data: bytes) -> None:
    for name in ("model.joblib", "model.bin.gz", "noname"):
        report = look_at(CODECS[codec](data), name)
        assert clean(report), report.findings
        assert report.formats[0] == "compressed"


@pytest.mark.parametrize("compress", [("zlib", 3), ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3), ("lz4", 3)])
def test_joblib_streams_are_recognised(compress: tuple[str, int]) -> None:
    stream = io.BytesIO()
    joblib.dump({"a": list(range(1000))}, stream, compress=compress)
    report = look_at(stream.getvalue(), "m.joblib")
    assert report.formats == ("compressed", "pickle")
    assert clean(report), report.findings


@codec
def test_a_pickle_in_a_stream_is_seen(codec: str) -> None:
    assert seen(look_at(CODECS[codec](EVIL), "m.joblib")) == {"content"}


@pytest.mark.parametrize(
    ("name", "inner"),
    [
        ("m.pkl.gz", "m.pkl"), ("m.PKL.GZ", "m.PKL"), ("m.tgz", "m.tar"), ("m.joblib", "content"), (".gz", "content"),
        ("m.xz", "m"), ("dir/m.z", "m"),
    ],
)  # fmt: skip
def test_the_content_is_named_after_the_file(name: str, inner: str) -> None:
    assert seen(look_at(gzip.compress(EVIL), name)) == {inner}


def test_nested_streams_are_followed_until_they_are_too_deep() -> None:
    data = EVIL
    for _ in range(5):
        data = gzip.compress(bz2.compress(data)) if len(data) < 2000 else gzip.compress(data)
    assert "CHK003" in ids(look_at(data, "m.gz"))
    assert seen(look_at(gzip.compress(gzip.compress(make([Made("m", EVIL)]))), "m.gz")) == {"m!content!m"}


@joined
def test_streams_in_a_row_are_read_as_one(codec: str) -> None:
    pack = CODECS[codec]
    assert clean(look_at(pack(HARMLESS[:9]) + pack(HARMLESS[9:]), "m.joblib"))
    assert seen(look_at(pack(EVIL[:9]) + pack(EVIL[9:]), "m.joblib")) == {"content"}
    assert seen(look_at(pack(b"") + pack(EVIL), "m.joblib")) == {"content"}


def test_very_many_small_members() -> None:
    report = look_at(gzip.compress(b"text") * 20_000, "m.gz")
    assert clean(report)


@codec
def test_mdl088_bad_trailing_bytes(codec: str) -> None:
    report = look_at(CODECS[codec](b"text " * 100) + EVIL, "m.joblib")
    assert "MDL088" in ids(report)
    assert any(f.holds for f in report.findings)
    assert seen(report) == {"bytes after the stream"}


@codec
def test_mdl088_good_padding(codec: str) -> None:
    assert clean(look_at(CODECS[codec](b"text " * 100) + bytes(512), "m.joblib"))


@codec
@pytest.mark.parametrize("payload", [EVIL + b"text " * 1000, EVIL + NOISE], ids=["small", "large"])
def test_a_cut_stream_is_seen_up_to_there(codec: str, payload: bytes) -> None:
    whole = CODECS[codec](payload)
    if len(whole) < 1000 and codec in {"bzip2", "zstd"}:
        pytest.skip("gives nothing before its only block is whole")
    report = look_at(whole[:-1], "m.joblib")
    assert "CHK002" in ids(report)
    assert seen(report) == {"content"}


@codec
def test_a_broken_stream_is_seen_up_to_there(codec: str) -> None:
    whole = bytearray(CODECS[codec](EVIL + NOISE))
    whole[-3] ^= 0xFF
    report = look_at(bytes(whole), "m.joblib")
    if codec != "lzma":
        assert {"CHK002", "MDL088"} & ids(report)
    assert seen(report) == {"content"}


def test_a_wrong_checksum_is_found_after_the_content_was_seen() -> None:
    for pack, at in ((gzip.compress, -8), (zlib.compress, -1), (bz2.compress, -1), (lzma.compress, -25)):
        whole = bytearray(pack(EVIL))
        whole[at] ^= 0xFF
        report = look_at(bytes(whole), "m.joblib")
        assert "CHK002" in ids(report)
        assert seen(report) == {"content"}


@pytest.mark.parametrize("codec", ["gzip", "bzip2", "xz", "lzma", "zlib"])
def test_a_bomb_is_stopped_and_its_beginning_seen(codec: str) -> None:
    data = CODECS[codec](EVIL + bytes(100 << 20))
    report = look_at(data, "m.joblib", Limits(ratio=300))
    assert "CHK003" in ids(report)
    assert seen(report) == {"content"}
    assert "CHK003" in ids(look_at(data, "m.joblib", Limits(expanded=10 << 20)))


def test_lzma_that_wants_gigabytes_is_refused() -> None:
    data = bytearray(CODECS["lzma"](b"text" * 1000))
    data[1:5] = b"\0\0\0\x80"
    assert ids(look_at(bytes(data), "m.lzma")) & {"CHK002", "CHK003", "CHK005"}


def test_without_its_package_lz4_is_named_and_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lz4.frame", None)
    report = look_at(lz4.frame.compress(EVIL), "m.lz4")
    assert ids(report) == {"CHK005"}
    assert all(f.holds for f in report.findings)


def test_without_its_package_zstd_is_named_and_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("backports.zstd", "compression.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    assert ids(look_at(zstd.compress(EVIL), "m.zst")) == {"CHK005"}


def skippable(data: bytes, kind: int = 0) -> bytes:
    return bytes((0x50 + kind,)) + b"\x2a\x4d\x18" + len(data).to_bytes(4, "little") + data


@pytest.mark.parametrize("pack", [zstd.compress, lz4.frame.compress], ids=["zstd", "lz4"])
def test_skippable_frames_are_stepped_over_and_looked_at(pack: Callable[[bytes], bytes]) -> None:
    """Before, between and after the frames with content, as RFC 8878 allows; pzstd and seekable files have them."""
    first, second = pack(HARMLESS[:9]), pack(HARMLESS[9:])
    sizes = skippable(b"\x20\0\0\0")
    table = skippable(bytes(20) + b"\0\0\0\0\xb1\xea\x92\x8f", 14)
    for data in (
        sizes + first + second,
        first + sizes + second,
        first + second + table,
        sizes + first + sizes + second,
    ):
        report = look_at(data, "m.joblib")
        assert clean(report), report.findings
        assert report.formats == ("compressed", "pickle")
    report = look_at(first + skippable(EVIL) + second, "m.joblib")
    assert seen(report) == {f"skippable frame at {len(first)}"}
    assert seen(look_at(skippable(b"text" * 9) + pack(EVIL), "m.joblib")) == {"content"}


def test_a_skippable_frame_that_is_cut_holds() -> None:
    for data in (zstd.compress(HARMLESS) + skippable(b"x" * 50)[:-1], skippable(b"x" * 50)[:-1], skippable(b"text")):
        assert any(f.holds for f in look_at(data, "m.zst").findings) or data == skippable(b"text")
    report = look_at(zstd.compress(EVIL) + b"\x50\x2a\x4d\x18\xff\xff\xff\xff", "m.zst")
    assert "CHK002" in ids(report)
    assert seen(report) == {"m"}


def test_very_many_skippable_frames_are_bounded() -> None:
    report = look_at(skippable(b"") * 20_000 + zstd.compress(EVIL), "m.zst")
    assert "CHK003" in ids(report)


@pytest.mark.parametrize(("log", "allowed"), [(20, True), (27, True), (28, False), (31, False)])
def test_a_zstd_window_of_gigabytes_is_refused(log: int, allowed: bool) -> None:
    """The decoder would allocate what the frame's window descriptor asks for."""
    block = len(EVIL) << 3 | 1
    frame = b"\x28\xb5\x2f\xfd\0" + bytes(((log - 10) << 3,)) + block.to_bytes(3, "little") + EVIL
    report = look_at(frame, "m.zst")
    assert ids(report) == ({"MDL001"} if allowed else {"CHK003"}), report.findings
    assert allowed or "MiB" in report.findings[0].message


@pytest.mark.parametrize("name", ["m.tar.zst", "m.tzst", "layer"])
def test_a_tar_in_zstd_is_looked_into(name: str) -> None:
    assert seen(look_at(zstd.compress(tar((info("m"), EVIL))), name)) == {
        {"m.tar.zst": "m.tar!m", "m.tzst": "m.tar!m", "layer": "content!m"}[name]
    }


@pytest.mark.parametrize("length", [b"0x0", b"0x1", b"0xffffffff", b"0x", b"0xzz", b"0x-5", b"0x" + b"f" * 17])
def test_mdl085_bad_length_in_the_old_wrapper_of_joblib(length: bytes) -> None:
    """joblib compares it too, but only after it gave that much memory."""
    report = look_at(b"ZF" + length.ljust(19) + zlib.compress(HARMLESS), "m.joblib")
    assert ids(report) == {"MDL085"}
    report = look_at(b"ZF" + length.ljust(19) + zlib.compress(EVIL), "m.joblib")
    assert seen(report) == {"content"}


@pytest.mark.parametrize("blank", [b"", b" "])
def test_mdl085_good_length_in_the_old_wrapper_of_joblib(blank: bytes) -> None:
    assert clean(look_at(zfile(HARMLESS, blank), "m.joblib"))


def test_a_bomb_in_the_second_member_is_stopped() -> None:
    """What makes joblib.load eat all memory: a small first member, then gigabytes."""
    data = gzip.compress(EVIL) + gzip.compress(bytes(100 << 20))
    report = look_at(data, "m.joblib", Limits(ratio=300))
    assert "CHK003" in ids(report)
    assert seen(report) == {"content"}


def test_gzip_of_gzip_bombs_are_stopped_at_every_depth() -> None:
    data = gzip.compress(gzip.compress(bytes(200 << 20)))
    assert "CHK003" in ids(look_at(data, "m.gz", Limits(expanded=50 << 20)))


@pytest.mark.parametrize("data", [b"", b"\x1f", b"\0\1\2\xff garbage"])
def test_a_name_that_claims_a_stream_is_held_to_it(data: bytes) -> None:
    assert ids(look_at(data, "m.gz")) == {"CHK002"}


@pytest.mark.parametrize("text", [b"x^2 + y^2 = z^2\n", b"X\t is a tab\n", b"hello", b"8Y", b"ZF0x is a text"])
def test_text_is_no_stream(text: bytes) -> None:
    assert clean(look_at(text, "notes"))


@codec
def test_truncation_at_every_byte_never_looks_clean(codec: str) -> None:
    data = CODECS[codec](HARMLESS)
    for length in range(len(data)):
        report = look_at(data[:length], "m.joblib" if length > 3 else "m.gz")
        assert any(f.holds for f in report.findings), length
        assert "CHK001" not in ids(report)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(sorted(CODECS)),
    st.binary(max_size=300),
    st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)), max_size=4),
)
def test_any_damage_gives_a_report(codec: str, payload: bytes, changes: list[tuple[float, bytes]]) -> None:
    data = bytearray(CODECS[codec](payload))
    for place, value in changes:
        at = int(place * len(data))
        data[at : at + len(value)] = value
    assert "CHK001" not in ids(look_at(bytes(data), "m.gz"))
