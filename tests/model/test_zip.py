import io
import lzma
import shutil
import struct
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.catalog import catalog
from assaymark.core.budget import Budget, Limits
from assaymark.core.finding import Severity
from assaymark.core.look import look
from assaymark.core.scan import FileReport
from assaymark.storage.spool import FileSpool
from tests.conftest import ids, look_at, severe
from tests.model.zipmaker import EVIL, HARMLESS, Made, central_header, end_record, local_header, make, torch_zip


def seen(report: FileReport) -> set[str]:
    """Members in which something critical was seen."""
    return {f.where.member for f in report.findings if f.severity is Severity.CRITICAL}


def clean(report: FileReport) -> bool:
    return severe(report) == [] and not ids(report)


class Unseekable(io.RawIOBase):
    def __init__(self) -> None:
        self.data = b""

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:
        self.data += bytes(data)
        return len(data)


def zipped(*, method: int = zipfile.ZIP_DEFLATED, sink: io.RawIOBase | None = None, **members: bytes) -> bytes:
    stream = sink or io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.data if isinstance(stream, Unseekable) else stream.getvalue()


def npz(save, **arrays) -> bytes:
    stream = io.BytesIO()
    save(stream, **arrays)
    return stream.getvalue()


def folder_zip(tmp_path: Path) -> bytes:
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "a.txt").write_text("hello")
    (tmp_path / "in" / "sub" / "b.txt").write_text("")
    return Path(shutil.make_archive(str(tmp_path / "out"), "zip", tmp_path / "in")).read_bytes()


BENIGN = {
    "torch.pt": torch_zip(),
    "torch_sized.pt": torch_zip(descriptor=False),
    "a.npz": npz(np.savez, a=np.arange(10), b=np.ones((3, 3), dtype=np.float32)),
    "b.npz": npz(np.savez_compressed, a=np.arange(10)),
    "plain.zip": zipped(a=b"hello", b=b"world" * 1000),
    "stored.zip": zipped(method=zipfile.ZIP_STORED, a=b"hello"),
    "bzip2.zip": zipped(method=zipfile.ZIP_BZIP2, a=b"hello" * 100),
    "lzma.zip": zipped(method=zipfile.ZIP_LZMA, a=b"hello" * 100),
    "stream.zip": zipped(sink=Unseekable(), a=b"hello", b=b"world" * 1000),
    "stream_stored.zip": zipped(sink=Unseekable(), method=zipfile.ZIP_STORED, a=b"hello", b=b""),
    "empty.zip": zipped(),
    "nested.zip": zipped(method=zipfile.ZIP_STORED, **{"in.zip": zipped(a=b"hello")}),
    "commented.zip": make([Made("a", b"text")], comment=b"a comment"),
    "padded.zip": make([Made("a", b"text", before=bytes(100)), Made("b", b"text", before=bytes(64))]),
    "unicode.zip": zipped(**{"näme/ünï.txt": b"hello"}),
}


@pytest.mark.parametrize("name", BENIGN)
def test_benign_archives_are_clean(name: str) -> None:
    report = look_at(BENIGN[name], name)
    assert clean(report), report.findings
    assert "zip" in report.formats


def test_benign_folder_archive_is_clean(tmp_path: Path) -> None:
    assert clean(look_at(folder_zip(tmp_path), "out.zip"))


@pytest.mark.parametrize("name", BENIGN)
def test_content_decides_and_not_the_name(name: str) -> None:
    assert "zip" in look_at(BENIGN[name], "weights.bin").formats


@pytest.mark.parametrize(
    "data",
    [
        torch_zip(EVIL),
        make([Made("m.json", EVIL, method=8)]),
        zipped(method=zipfile.ZIP_BZIP2, m=EVIL * 10),
        zipped(method=zipfile.ZIP_LZMA, m=EVIL * 10),
        zipped(sink=Unseekable(), m=EVIL),
        zipped(**{"in.zip": zipped(**{"in.zip": zipped(m=EVIL)})}),
        make([Made("m", EVIL)], suffix=b"\0" * 100),
        make([Made("m", EVIL)], comment=b"comment"),
    ],
)
def test_a_pickle_in_any_member_is_seen(data: bytes) -> None:
    assert seen(look_at(data, "m.pt"))


def test_raw_storage_is_counted_and_not_judged() -> None:
    report = look_at(torch_zip(storages=(EVIL, b"\x7fELF", b"\x80\x02cos\nsystem\n")), "m.pt")
    assert clean(report)
    assert [gap.why for gap in report.gaps] == [
        f"raw tensor storage, 3 members, {len(EVIL) + 4 + 13} bytes: numbers, never unpickled by torch"
    ]


@pytest.mark.parametrize("name", ["archive/data/evil", "archive/data/0/x", "other/data/0", "archive/0", "data/0"])
def test_only_what_torch_maps_is_raw_storage(name: str) -> None:
    report = look_at(torch_zip(extra=(Made(name, EVIL),)), "m.pt")
    assert seen(report) == {name}


def test_raw_storage_needs_a_torch_archive() -> None:
    assert seen(look_at(make([Made("archive/data/0", EVIL)]), "m.pt")) == {"archive/data/0"}


@pytest.mark.parametrize(
    ("members", "raw"),
    [
        (
            {"pkg/.data/extern_modules": b"torch", "pkg/.data/version": b"6", "pkg/model/model.pkl": HARMLESS},
            "pkg/.data/94.storage",
        ),
        ({"m/archive_format": b"pt2", "m/archive_version": b"0"}, "m/data/weights/weight_0"),
        (
            {"m/data.pkl": HARMLESS, "m/version": b"3", "m/constants.pkl": HARMLESS, "m/code/a.py": b"def f(): pass"},
            "m/constants/0",
        ),
        ({"m/DATA.PKL": HARMLESS, "M/version": b"3"}, "m/Data/7"),
    ],
)
def test_other_torch_layouts(members: dict[str, bytes], raw: str) -> None:
    made = [Made(name, data) for name, data in members.items()]
    report = look_at(make([*made, Made(raw, b"\x01\x02\x03\xff" * 64)]), "m.pt2")
    assert clean(report), report.findings


def test_exported_weight_that_is_an_archive_is_looked_at() -> None:
    members = [Made("m/archive_format", b"pt2"), Made("m/archive_version", b"0")]
    report = look_at(make([*members, Made("m/data/weights/weight_0", torch_zip(EVIL))]), "m.pt2")
    assert seen(report) == {"m/data/weights/weight_0!archive/data.pkl"}


class Sparse:
    """A torch zip with a storage of 1 GB that is not there; it counts what is read."""

    def __init__(self) -> None:
        size = 1 << 30
        records = [Made("archive/data.pkl", HARMLESS), Made("archive/version", b"3\n")]
        big = Made("archive/data/0", central={"packed": size, "size": size, "crc": 1})
        big.local = big.central
        self._front = b"".join(local_header(m) + m.data for m in records) + local_header(big)
        at = [0, len(local_header(records[0])) + len(HARMLESS), len(self._front) - len(local_header(big))]
        directory = b"".join(central_header(m, a) for m, a in zip([*records, big], at, strict=True))
        offset = len(self._front) + size
        self._back = directory + end_record(3, len(directory), offset)
        self._offset = offset
        self.size = offset + len(self._back)
        self.was_read = 0

    def read(self, offset: int, length: int) -> bytes:
        length = max(0, min(length, self.size - offset))
        self.was_read += length
        data = bytearray(length)
        for start, content in ((0, self._front), (self._offset, self._back)):
            lo, hi = max(start, offset), min(start + len(content), offset + length)
            if lo < hi:
                data[lo - offset : hi - offset] = content[lo - start : hi - start]
        return bytes(data)


def test_a_gigabyte_of_tensors_costs_what_its_headers_cost() -> None:
    blob = Sparse()
    report = look(blob, "big.pt", catalog(), Budget(monotonic=time.monotonic, spool=FileSpool))
    assert clean(report), report.findings
    assert blob.was_read < 1 << 20


def test_very_many_members() -> None:
    data = make([Made(f"{i}.txt", b"text") for i in range(60_000)])
    report = look_at(data, "many.zip", Limits(members=2_000))
    assert {f.id for f in report.findings} == {"CHK003"}


def test_very_many_tensors_are_no_members() -> None:
    data = torch_zip(storages=(b"\xff" * 8,) * 60_000)
    assert clean(look_at(data, "many.pt", Limits(members=100)))


# --- MDL080 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/etc/x", "C:x", "c:\\x", "..\\x", "\\\\host\\share\\x", "a\\..\\..\\x", "../", ".."]
)
def test_mdl080_bad_name(name: str) -> None:
    assert "MDL080" in ids(look_at(make([Made(name, b"text")]), "a.zip"))


@pytest.mark.parametrize("name", ["a/../x", "..x", "a..b/c", "x...", "./x", "a\\b", "ab:c", "a/C:x"])
def test_mdl080_good_name(name: str) -> None:
    assert clean(look_at(make([Made(name, b"text")]), "a.zip"))


@pytest.mark.parametrize("target", [b"/etc/passwd", b"../../x", b"C:\\x"])
@pytest.mark.parametrize("method", [0, 8])
def test_mdl080_bad_link(target: bytes, method: int) -> None:
    assert "MDL080" in ids(look_at(make([Made("a/link", target, mode=0o120777, method=method)]), "a.zip"))


@pytest.mark.parametrize("target", [b"x", b"../x", b"./a/b"])
def test_mdl080_good_link(target: bytes) -> None:
    assert clean(look_at(make([Made("a/link", target, mode=0o120777)]), "a.zip"))


def test_a_pickle_marked_as_a_link_is_still_looked_at() -> None:
    assert seen(look_at(make([Made("data.pkl", EVIL, mode=0o120777)]), "a.zip"))


# --- MDL081 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "member",
    [
        Made("config.json", b"text", local={"name": b"data.pkl"}),
        Made("a", b"text", local={"method": 8}),
        Made("a", b"text", local={"size": 9}),
        Made("a", b"text", local={"packed": 2}),
        Made("a", b"text", local={"crc": 1}),
        Made("a", b"text", local={"flags": 1}),
        Made("a", b"text", central={"flags": 0x40}),
        Made("a.txt\0.pkl", b"text"),
        Made("a", b"text", central={"at": 77}),
        Made("a", b"text", central={"extra": struct.pack("<HHBI", 0x7075, 8, 1, zlib.crc32(b"a")) + b"b.p"}),
    ],
)
def test_mdl081_bad_headers(member: Made) -> None:
    assert "MDL081" in ids(look_at(make([member]), "a.zip"))


def test_mdl081_bad_count() -> None:
    assert "MDL081" in ids(look_at(make([Made("a", b"text"), Made("b", EVIL)], count=1), "a.zip"))


def test_mdl081_good_descriptor() -> None:
    assert clean(look_at(make([Made("a", b"text", descriptor=True)]), "a.zip"))


def test_mdl081_good_unicode_path_of_a_name_in_a_code_page() -> None:
    name = "ü".encode("cp437")
    field = struct.pack("<HHBI", 0x7075, 7, 1, zlib.crc32(name)) + "ü".encode()
    headers = {"name": name, "extra": field}
    assert clean(look_at(make([Made("u", b"text", local=headers, central=headers)]), "a.zip"))


def test_both_readings_of_a_member_are_looked_at() -> None:
    packed = Made("m", EVIL, method=8).compressed()
    for as_local, as_central in ((8, 0), (0, 8)):
        headers = {"packed": len(packed), "size": len(EVIL)}
        member = Made(
            "m", EVIL, packed=packed, local={**headers, "method": as_local}, central={**headers, "method": as_central}
        )
        assert seen(look_at(make([member]), "m.zip")) == {"m"}


@pytest.mark.parametrize("where", ["local", "central"])
@pytest.mark.parametrize("flag", [0x1, 0x20, 0x40])
def test_a_lying_encryption_flag_hides_nothing(where: str, flag: int) -> None:
    report = look_at(make([Made("archive/data.pkl", EVIL, **{where: {"flags": flag}})]), "m.pt")
    assert seen(report) == {"archive/data.pkl"}


# --- MDL082 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [("a", "a"), ("archive/data.pkl", "archive/DATA.PKL"), ("a/b", "A/b")])
def test_mdl082_bad_names(names: tuple[str, ...]) -> None:
    assert "MDL082" in ids(look_at(make([Made(name, b"text") for name in names]), "a.zip"))


def test_mdl082_bad_torch_variant_is_looked_at() -> None:
    report = look_at(torch_zip(extra=(Made("archive/DATA.PKL", EVIL),)), "m.pt")
    assert "MDL082" in ids(report)
    assert seen(report) == {"archive/DATA.PKL"}


def test_mdl082_bad_duplicate_is_looked_at() -> None:
    report = look_at(make([Made("data.pkl", HARMLESS), Made("data.pkl", EVIL), Made("data.pkl", HARMLESS)]), "m.pt")
    assert "MDL082" in ids(report)
    assert seen(report) == {"data.pkl"}


def test_mdl082_good_folders() -> None:
    assert clean(look_at(make([Made("a/"), Made("a/"), Made("a/x", b"text"), Made("b/x", b"text")]), "a.zip"))


# --- MDL083 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        make([Made("a", b"text")], prefix=b"#!/bin/sh\nexit\n"),
        b"\x01\x02\x03 junk" + make([Made("a", b"text")]),
        make([Made("a", b"text")], suffix=b"more"),
        make([Made("a", b"text"), Made("b", b"text", before=b"between")]),
        make([Made("a", b"text")], comment=b"x" + make([])),
    ],
)
def test_mdl083_bad_bytes(data: bytes) -> None:
    report = look_at(data, "a.zip")
    assert "MDL083" in ids(report)
    assert any(f.holds for f in report.findings)


def test_mdl083_good_padding() -> None:
    data = make([Made("a", b"text", before=bytes(4000)), Made("b", b"text", before=bytes(3))], suffix=bytes(10))
    assert clean(look_at(data, "a.zip"))


@pytest.mark.parametrize("shift", [True, False])
def test_members_behind_a_prefix_are_looked_at(shift: bool) -> None:
    data = make([Made("m", EVIL)], prefix=b"text " * 20) if shift else b"text " * 20 + make([Made("m", EVIL)])
    assert seen(look_at(data, "weights.bin")) == {"m"}


def test_a_zip_behind_an_image_is_looked_at() -> None:
    image = b"\x89PNG\r\n\x1a\n" + bytes(100)
    for suffix in (b"", b"more"):
        report = look_at(image + make([Made("m", EVIL)]) + suffix, "logo.png")
        assert seen(report) == {"m"}


# --- MDL084 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("descriptor", [True, False])
@pytest.mark.parametrize("method", [0, 8])
def test_mdl084_bad_unlisted(descriptor: bool, method: int) -> None:
    hidden = Made("data.pkl", EVIL, method=method, descriptor=descriptor, listed=False)
    report = look_at(make([Made("a", b"text"), hidden, Made("b", b"text")]), "m.zip")
    assert "MDL084" in ids(report)
    assert seen(report) == {"data.pkl"}


def test_mdl084_bad_two_archives_in_a_row() -> None:
    report = look_at(make([Made("m", EVIL)]) + make([Made("a", b"text")]), "m.zip")
    assert {"MDL083", "MDL084"} <= ids(report)
    assert seen(report) == {"m"}


def test_mdl084_bad_behind_a_shorter_local_size() -> None:
    inner = local_header(Made("m", EVIL)) + EVIL
    report = look_at(make([Made("archive/data/0", b"1234" + inner, local={"packed": 4, "size": 4})]), "m.zip")
    assert {"MDL081", "MDL084"} <= ids(report)
    assert "m" in seen(report)


def test_mdl084_bad_second_directory_for_readers_that_trust_offsets() -> None:
    """miniz goes to the offset in the end record, Python to the bytes before it."""
    record = local_header(Made("m", EVIL)) + EVIL
    first = central_header(Made("m", EVIL), 0)
    harmless = local_header(Made("m", b"text")) + b"text"
    second = central_header(Made("m", b"text"), len(record))
    body = record + first + harmless + second
    data = body + end_record(1, len(second), len(record))
    report = look_at(data, "m.zip")
    assert {"MDL083", "MDL084"} <= ids(report)
    assert seen(report) == {"m"}


def test_mdl084_bad_comment_that_holds_another_archive() -> None:
    """Python takes the last end record, others one whose comment reaches to the end."""
    decoy = make([Made("a", b"text")])
    report = look_at(make([Made("m", EVIL)], comment=decoy), "m.zip")
    assert {"MDL083", "MDL084"} <= ids(report)
    assert seen(report) == {"m"}


def test_mdl084_bad_directory_within_raw_storage() -> None:
    """The last archive's storage member spans the first archive, whose end record's comment spans the last."""
    evil = make([Made("m", EVIL)])
    outer = torch_zip(storages=(evil,), descriptor=False)
    tail = outer[outer.index(evil) + len(evil) :]
    lying = evil[:-2] + struct.pack("<H", len(tail))
    report = look_at(torch_zip(storages=(lying,), descriptor=False), "m.pt")
    assert "MDL084" in ids(report)
    assert seen(report) == {"m"}


def test_mdl084_good_nested_archive() -> None:
    assert clean(look_at(zipped(method=zipfile.ZIP_STORED, **{"in.zip": zipped(a=b"text")}), "a.zip"))


def test_zip64_records_that_lead_elsewhere_are_both_followed() -> None:
    body = local_header(Made("m", EVIL)) + EVIL
    directory = central_header(Made("m", EVIL), 0)
    other = local_header(Made("a", b"text")) + b"text"
    decoy = central_header(Made("a", b"text"), len(body) + len(directory))
    front = body + directory + other + decoy
    wide = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, len(decoy), len(front) - len(decoy))
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, len(front), 1)
    data = front + wide + locator + end_record(1, len(directory), len(body))
    report = look_at(data, "m.zip")
    assert "MDL084" in ids(report)
    assert seen(report) == {"m"}


def test_zip64_archives_are_read() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive, archive.open("m", "w", force_zip64=True) as member:
        member.write(EVIL)
    assert seen(look_at(stream.getvalue(), "m.zip")) == {"m"}
    body = local_header(Made("a", b"text")) + b"text"
    directory = central_header(Made("a", b"text"), 0)
    wide = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, len(directory), len(body))
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, len(body + directory), 1)
    end = struct.pack("<4s4HIIH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    assert clean(look_at(body + directory + wide + locator + end, "a.zip"))


# --- MDL085 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [0, 8])
@pytest.mark.parametrize("wrong", [{"crc": 1}, {"size": 3}])
def test_mdl085_bad_content(method: int, wrong: dict[str, object]) -> None:
    report = look_at(make([Made("data.pkl", EVIL, method=method, local=wrong, central=wrong)]), "m.pt")
    assert "MDL085" in ids(report)
    assert seen(report) == {"data.pkl"}


def test_mdl085_good_content() -> None:
    assert clean(look_at(make([Made("a", b"text"), Made("b", b"text" * 99, method=8)]), "a.zip"))


# --- MDL086 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [0, 8])
def test_mdl086_bad_member(method: int) -> None:
    packed = bytes(range(7, 200))
    flags = {"flags": 1}
    report = look_at(make([Made("a", b"text", method=method, packed=packed, local=flags, central=flags)]), "a.zip")
    assert ids(report) == {"MDL086"}
    assert all(f.holds for f in report.findings)


def test_mdl086_good_member() -> None:
    assert clean(look_at(make([Made("a", b"text")]), "a.zip"))


# --- MDL088, MDL089 ----------------------------------------------------------------------------------------------


def test_mdl088_bad_bytes_within_a_member() -> None:
    packed = Made("a", b"text", method=8).compressed() + b"hidden"
    assert "MDL088" in ids(look_at(make([Made("a", b"text", method=8, packed=packed)]), "a.zip"))


def test_mdl089_bad_shared_bytes() -> None:
    body = local_header(Made("a", b"x" * 50)) + b"x" * 50
    directory = central_header(Made("a", b"x" * 50), 0) * 3
    data = body + directory + end_record(3, len(directory), len(body))
    assert {"MDL082", "MDL089"} <= ids(look_at(data, "a.zip"))


def test_mdl089_good_members() -> None:
    assert clean(look_at(make([Made("a", b"x"), Made("b", b"x")]), "a.zip"))


# --- bad input ---------------------------------------------------------------------------------------------------


def bomb() -> bytes:
    coder = zlib.compressobj(9, wbits=-15)
    packed = b"".join([coder.compress(EVIL), *(coder.compress(bytes(1 << 20)) for _ in range(200)), coder.flush()])
    size = len(EVIL) + (200 << 20)
    fields = {"size": size, "crc": 0}
    return make([Made("bomb", b"", method=8, packed=packed, local=fields, central=fields), Made("m", EVIL, method=8)])


def test_a_bomb_is_stopped_and_its_beginning_and_its_neighbours_are_seen() -> None:
    report = look_at(bomb(), "m.zip", Limits(ratio=500))
    assert {"CHK003"} <= ids(report)
    assert seen(report) == {"bomb", "m"}


def test_all_bombs_together_are_stopped() -> None:
    assert "CHK003" in ids(look_at(bomb(), "m.zip", Limits(expanded=100 << 20)))


@pytest.mark.parametrize("method", [98, 99, 1234])
def test_unknown_compression_holds(method: int) -> None:
    report = look_at(make([Made("a", b"text", method=method)]), "a.zip")
    assert ids(report) == {"CHK005"}


def test_zstd_members_are_looked_into() -> None:
    good = Made("a.txt", b"text " * 50, method=93, packed=zstd.compress(b"text " * 50))
    assert clean(look_at(make([good]), "a.zip"))
    assert seen(look_at(make([Made("m", EVIL, method=93, packed=zstd.compress(EVIL))]), "a.zip")) == {"m"}


@pytest.mark.parametrize("end_mark", [True, False])
def test_lzma_members_end_with_or_without_a_mark(end_mark: bool) -> None:
    """Python writes an end mark, 7-Zip does not: flag bit 1 says which."""
    text = b"some text " * 30
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.txt", text)
    assert clean(look_at(stream.getvalue(), "a.zip"))
    chain = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16}]
    coder = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=chain)
    packed = b"\x09\x14\x05\0\x5d\0\0\1\0" + coder.compress(text) + coder.flush()
    if end_mark:
        packed = zip_payload(stream.getvalue())
    report = look_at(make([Made("a.txt", text, method=14, packed=packed)]), "a.zip")
    assert clean(report), report.findings


def zip_payload(data: bytes) -> bytes:
    """The packed bytes of the only member."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        member = archive.infolist()[0]
    start = 30 + len(member.filename)
    return data[start : start + member.compress_size]


def test_a_stream_that_breaks_is_seen_up_to_there() -> None:
    coder = zlib.compressobj(wbits=-15)
    packed = coder.compress(EVIL) + coder.flush(zlib.Z_SYNC_FLUSH) + b"\xff\xff\xff"
    fields = {"size": 9999}
    data = make([Made("m", EVIL, method=8, packed=packed, local=fields, central=fields), Made("n", EVIL)])
    report = look_at(data, "m.zip")
    assert "CHK002" in ids(report)
    assert seen(report) == {"m", "n"}


def test_lzma_dictionaries_are_bounded() -> None:
    data = bytearray(zipped(method=zipfile.ZIP_LZMA, a=b"hello" * 100))
    at = data.index(b"\x05\x00\x5d") + 3
    data[at : at + 4] = b"\xff\xff\xff\xff"
    assert clean(look_at(bytes(data), "a.zip"))
    fields = {"size": 0xFFFFFFF0}
    packed = b"\x09\x04\x05\x00\x5d\xff\xff\xff\xff" + bytes(20)
    report = look_at(make([Made("a", b"", method=14, packed=packed, local=fields, central=fields)]), "a.zip")
    assert "CHK003" in ids(report)
    for packed in (b"", b"\x09\x04\x05\x00\xff\0\0\0\0", b"\x09\x04\x05\x00\x5d\0\0\0\0junk"):
        report = look_at(make([Made("a", b"", method=14, packed=packed)]), "a.zip")
        assert "CHK002" in ids(report)


def test_declared_sizes_cost_nothing() -> None:
    fields = {"packed": 0xFFFFFFF0, "size": 0xFFFFFFF0}
    for method in (0, 8):
        report = look_at(make([Made("a", b"text", method=method, local=fields, central=fields)]), "a.zip")
        assert "CHK002" in ids(report)


def test_extra_fields_that_lie_are_survived() -> None:
    for extra in (b"\1\0", b"\1\0\xff\xff", b"\1\0\4\0abcd", b"\x75\x70\1\0\1", b"\1\0\x10\0" + b"\xff" * 16):
        fields = {"extra": extra, "size": 0xFFFFFFFF, "packed": 0xFFFFFFFF}
        report = look_at(make([Made("a", b"text", local=fields, central=fields)]), "a.zip")
        assert ids(report)
        assert "CHK001" not in ids(report)


@pytest.mark.parametrize("data", [b"", b"PK", b"PK\3\4", b"PK\5\6", b"PK\5\6" + bytes(17), b"garbage \x00\xff"])
def test_a_name_that_claims_a_zip_is_held_to_it(data: bytes) -> None:
    report = look_at(data, "model.zip")
    assert ids(report) == {"CHK002"}


def test_a_hundred_end_records() -> None:
    report = look_at(make([Made("a", b"text")]) * 100, "a.zip")
    assert {"MDL083", "CHK003"} <= ids(report)
    assert "CHK001" not in ids(report)


def test_a_tail_of_nothing_but_end_records() -> None:
    report = look_at(make([Made("m", EVIL)]) + b"PK\5\6" * 20_000, "a.zip")
    assert "m" in seen(report)


@pytest.mark.parametrize("name", ["torch.pt", "a.npz", "plain.zip", "stream.zip", "lzma.zip"])
def test_truncation_at_every_byte_never_looks_clean(name: str) -> None:
    data = BENIGN[name]
    step = max(1, len(data) // 300)
    for length in range(0, len(data), step):
        report = look_at(data[:length], "model.zip")
        assert any(f.holds for f in report.findings), length
        assert "CHK001" not in ids(report)


def test_a_truncated_archive_is_looked_at_as_far_as_it_goes() -> None:
    data = torch_zip(EVIL)
    assert seen(look_at(data[: len(data) // 2], "m.pt")) == {"archive/data.pkl"}


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(sorted(BENIGN)),
    st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=6)), min_size=1, max_size=6),
)
def test_any_damage_gives_a_report(name: str, changes: list[tuple[float, bytes]]) -> None:
    data = bytearray(BENIGN[name])
    for place, value in changes:
        at = int(place * len(data))
        data[at : at + len(value)] = value
    assert "CHK001" not in ids(look_at(bytes(data), name))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [b"PK\3\4", b"PK\1\2", b"PK\5\6", b"PK\6\6", b"PK\6\7", b"PK\7\x08", b"\0" * 9, b"\xff" * 11, b"a"]
        )
    )
)
def test_any_soup_of_signatures_gives_a_report(parts: list[bytes]) -> None:
    assert "CHK001" not in ids(look_at(b"PK\3\4" + b"".join(parts), "a.zip"))
