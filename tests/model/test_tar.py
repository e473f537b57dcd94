import io
import shutil
import tarfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.blob import Bytes
from assaymark.core.budget import Budget, Limits
from assaymark.core.finding import Severity
from assaymark.core.scan import FileReport
from assaymark.model.formats import tar as tar_format
from assaymark.storage.spool import FileSpool
from tests.conftest import ids, look_at, severe
from tests.model.zipmaker import EVIL, HARMLESS, Made, make


def seen(report: FileReport) -> set[str]:
    return {f.where.member for f in report.findings if f.severity is Severity.CRITICAL}


def clean(report: FileReport) -> bool:
    return severe(report) == [] and not ids(report)


def info(name: str, kind: bytes = tarfile.REGTYPE, **fields: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type = kind
    for field, value in fields.items():
        setattr(made, field, value)
    return made


def tar(*members: tuple[tarfile.TarInfo, bytes], dialect: int = tarfile.PAX_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=dialect) as archive:
        for member, data in members:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def block(
    name: str,
    data: bytes = b"",
    kind: bytes = b"0",
    *,
    magic: bytes = b"ustar\x0000",
    size: bytes = b"",
    sum_: bytes = b"",
) -> bytes:
    """One header and its data, by hand."""
    head = bytearray(512)
    head[: len(name)] = name.encode()
    head[100:108] = b"0000644\0"
    head[124:136] = size or b"%011o\0" % len(data)
    head[156:157] = kind
    head[257 : 257 + len(magic)] = magic
    head[148:156] = b" " * 8
    head[148:156] = sum_ or b"%06o\0 " % sum(head)
    return bytes(head) + data + bytes(-len(data) % 512)


END = bytes(1024)
LONG = "folder/" * 30 + "name.txt"

BENIGN = {
    "pax.tar": tar((info("a.txt"), b"hello"), (info(LONG), b"text"), (info("ü.txt"), b"text")),
    "gnu.tar": tar((info("a.txt"), b"hello"), (info(LONG), b"text"), dialect=tarfile.GNU_FORMAT),
    "ustar.tar": tar((info("a.txt"), b"hello"), (info("f/" * 60 + "n.txt"), b"text"), dialect=tarfile.USTAR_FORMAT),
    "v7.tar": block("a.txt", b"hello", b"\0", magic=b"") + block("d/", kind=b"\0", magic=b"") + END,
    "links.tar": tar(
        (info("a/b.txt"), b"hello"),
        (info("a/link", tarfile.SYMTYPE, linkname="b.txt"), b""),
        (info("up", tarfile.SYMTYPE, linkname="a/../a/b.txt"), b""),
        (info("hard", tarfile.LNKTYPE, linkname="a/b.txt"), b""),
        (info("dir", tarfile.DIRTYPE), b""),
    ),
    "pickled.tar": tar((info("pickle"), HARMLESS), (info("sys_info"), HARMLESS)),
    "nested.tar": tar((info("in.tar"), tar((info("a.txt"), b"hello")))),
    "zipped.tar": tar((info("in.zip"), make([Made("a.txt", b"hello")]))),
    "empty.tar": END,
    "git.tar": block("pax_global_header", b"52 comment=0123456789012345678901234567890123456789\n", b"g")
    + block("a", b"x")
    + END,
    "lone.tar": block("a.txt", b"hello") + bytes(512),
}


@pytest.mark.parametrize("name", BENIGN)
def test_benign_archives_are_clean(name: str) -> None:
    report = look_at(BENIGN[name], name)
    assert clean(report), report.findings
    assert "tar" in report.formats


@pytest.mark.parametrize("kind", ["tar", "gztar", "bztar", "xztar"])
def test_benign_folder_archive_is_clean(tmp_path: Path, kind: str) -> None:
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "sub" / "b.txt").write_text("hello")
    path = shutil.make_archive(str(tmp_path / "out"), kind, tmp_path / "in")
    report = look_at(Path(path).read_bytes(), path)
    assert clean(report), report.findings


@pytest.mark.parametrize(
    "data",
    [
        tar((info("m.json"), EVIL)),
        tar((info(LONG), EVIL), dialect=tarfile.GNU_FORMAT),
        tar((info("in.tar"), tar((info("m"), EVIL)))),
        tar((info("in.zip"), make([Made("m", EVIL)]))),
        block("m", EVIL, b"\0", magic=b"") + END,
        block("m", EVIL, b"7") + END,
        block("m", EVIL, b"Z") + END,
        block("a") + bytes(512) + block("m", EVIL) + END,
        block("a") + END + block("m", EVIL) + END,
        block("a") + block("b", sum_=b"0000001\0") + block("m", EVIL) + END,
        block("link", kind=b"2", size=b"00000001000\0") + block("m", EVIL) + END,
        block("link", kind=b"2", size=b"00000001000\0") + b"x" * 512 + block("m", EVIL) + END,
    ],
)
def test_a_pickle_in_any_member_is_seen(data: bytes) -> None:
    assert seen(look_at(data, "m.bin"))


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "C:\\x"])
def test_mdl080_bad_name(name: str) -> None:
    assert "MDL080" in ids(look_at(block(name, b"text") + END, "a.tar"))


@pytest.mark.parametrize("dialect", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_mdl080_bad_long_name(dialect: int) -> None:
    assert "MDL080" in ids(look_at(tar((info("n" * 120 + "/../../x"), b"text"), dialect=dialect), "a.tar"))


def test_mdl080_bad_links() -> None:
    for kind, target in (
        (tarfile.SYMTYPE, "/etc"), (tarfile.SYMTYPE, "../../x"), (tarfile.LNKTYPE, "../x"), (tarfile.LNKTYPE, "/etc/x"),
    ):  # fmt: skip
        data = tar((info("a/link", kind, linkname=target), b""))
        assert "MDL080" in ids(look_at(data, "a.tar")), target


def test_mdl080_bad_long_link_name() -> None:
    data = tar((info("link", tarfile.SYMTYPE, linkname="../" * 60), b""), dialect=tarfile.GNU_FORMAT)
    assert "MDL080" in ids(look_at(data, "a.tar"))


SYSTEM = [(info(f"{name}/", tarfile.DIRTYPE), b"") for name in ("etc", "usr", "bin", "dev")]


def test_mdl080_good_absolute_links_of_a_container_layer() -> None:
    data = tar(
        *SYSTEM,
        (info("usr/bin/awk", tarfile.SYMTYPE, linkname="/etc/alternatives/awk"), b""),
        (info("dev/null", tarfile.CHRTYPE), b""),
    )
    report = look_at(data, "layer.tar")
    assert clean(report), report.findings


def test_mdl080_bad_written_through_a_link_of_a_container_layer() -> None:
    data = tar(*SYSTEM, (info("x", tarfile.SYMTYPE, linkname="/etc"), b""), (info("x/cron.d/job"), b"text"))
    assert "MDL080" in ids(look_at(data, "layer.tar"))


def test_mdl081_bad_pax_size() -> None:
    records = b"12 size=512\n"
    data = block("p", records, b"x") + block("a", b"") + block("m", EVIL) + END
    assert "MDL081" in ids(look_at(data, "a.tar"))


def test_mdl081_bad_size_of_a_link() -> None:
    data = block("link", kind=b"2", size=b"00000001000\0") + block("b") + block("m", b"text") + END
    assert "MDL081" in ids(look_at(data, "a.tar"))


def test_mdl081_good_pax_size() -> None:
    data = block("p", b"10 size=4\n", b"x") + block("a", b"text") + END
    assert clean(look_at(data, "a.tar"))


def test_mdl082_bad_duplicate() -> None:
    report = look_at(tar((info("data.pkl"), HARMLESS), (info("./data.pkl"), EVIL)), "a.tar")
    assert "MDL082" in ids(report)
    assert seen(report) == {"./data.pkl"}


def test_mdl082_good_case_and_folders() -> None:
    data = tar(
        (info("d", tarfile.DIRTYPE), b""),
        (info("d", tarfile.DIRTYPE), b""),
        (info("Readme"), b"x"),
        (info("readme"), b"x"),
    )
    assert clean(look_at(data, "a.tar"))


def test_mdl083_bad_bytes_after_the_end() -> None:
    report = look_at(block("a") + END + b"hidden", "a.tar")
    assert "MDL083" in ids(report)
    assert any(f.holds for f in report.findings)


def test_mdl083_good_blocking_factor() -> None:
    assert clean(look_at(block("a") + END + bytes(100_000), "a.tar"))


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_mdl087_bad_special_files(kind: bytes) -> None:
    assert "MDL087" in ids(look_at(tar((info("x", kind), b"")), "a.tar"))


def test_mdl087_good_files() -> None:
    assert clean(look_at(BENIGN["links.tar"], "a.tar"))


@pytest.mark.parametrize(
    "data",
    [
        block("a", b"text", b"M") + END,
        block("a", b"text", b"D") + END,
    ],
)
def test_what_is_not_read_holds(data: bytes) -> None:
    report = look_at(data, "a.tar")
    assert ids(report) == {"CHK005"}
    assert all(f.holds for f in report.findings)


def test_an_old_sparse_map_is_stepped_over() -> None:
    head = bytearray(block("a", b"", b"S"))
    head[482] = 1
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    more = bytearray(512)
    more[504] = 1
    data = bytes(head) + bytes(more) + bytes(512) + block("m", EVIL) + END
    assert seen(look_at(data, "a.tar")) == {"m"}


@pytest.mark.parametrize(
    "data",
    [
        block("a", size=b"\x80" + b"\xff" * 11) + END,
        block("a", size=b"\xff" * 12) + END,
        block("a", size=b"12345678xyz\0") + END,
        block("a", kind=b"5", size=b"\x80" + b"\xff" * 11) + block("b", size=b"\x80" + b"\xff" * 11),
        block("a", kind=b"x", size=b"00000777777\0") + END,
        block("p", b"99 path=x\n", b"x") + block("a") + END,
        block("p", b"junk", b"x") + block("a") + END,
        block("p", b"11 size=-4\n", b"x") + block("a") + END,
        block("p", b"9999999999999 path=x\n", b"x") + block("a") + END,
        block("p", b"12 size=512\n", b"g") + block("a", b"x" * 512) + END,
        block("a"),
        block("a", b"text")[:-1],
        b"",
        b"x",
        b"garbage \0" * 200,
    ],
)
def test_broken_archives_are_named(data: bytes) -> None:
    report = look_at(data, "a.tar")
    assert "CHK002" in ids(report), report.findings
    assert "CHK001" not in ids(report)


def test_an_extended_header_of_many_megabytes_is_refused() -> None:
    data = block("p", bytes(17 << 20), b"L") + block("a") + END
    assert ids(look_at(data, "a.tar")) == {"CHK003"}


def test_members_are_bounded() -> None:
    report = look_at(block("a.txt", b"text") * 100 + END, "a.tar", Limits(members=50))
    assert "CHK003" in ids(report)


def test_truncation_at_every_byte_never_looks_clean() -> None:
    data = block("a.txt", b"hello") + block("b.txt", b"hello")
    for length in range(len(data) + 1):
        report = look_at(data[:length], "a.tar")
        assert any(f.holds for f in report.findings), length
        assert "CHK001" not in ids(report)


def test_a_cut_member_is_looked_at_as_far_as_it_goes() -> None:
    data = block("m", EVIL + bytes(5000))
    assert seen(look_at(data[: 512 + 600], "a.tar")) == {"m"}


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


def sparse_pax(*records: tuple[str, str], data: bytes = b"") -> bytes:
    """One member with these pax records."""
    lines = b""
    for key, value in records:
        text = f" {key}={value}\n".encode()
        length = len(text) + len(str(len(text) + 2))
        lines += str(length).encode() + text
    return block("p", lines, b"x") + block("GNUSparseFile.0/a", data) + END


def old_sparse(pieces: list[tuple[int, int]], size: int, data: bytes) -> bytes:
    """An old GNU member; four pieces stand in the header, 21 in each block behind it."""
    head = bytearray(block("a", data, b"S")[:512])
    fields = [b"%011o\0%011o\0" % piece for piece in pieces]
    head[386 : 386 + 24 * len(fields[:4])] = b"".join(fields[:4])
    head[482] = len(fields) > 4
    head[483:495] = b"%011o\0" % size
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    more = b""
    for at in range(4, len(fields), 21):
        more += b"".join(fields[at : at + 21]).ljust(504, b"\0") + bytes((at + 21 < len(fields),)) + bytes(7)
    return bytes(head) + more + data + bytes(-len(data) % 512) + END


_V1 = (("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", "m"), ("GNU.sparse.realsize", "9000"))
_MAP = b"1\n8000\n%d\n" % len(EVIL)
SPARSE = {
    "1.0": sparse_pax(*_V1, data=_MAP.ljust(512, b"\0") + EVIL),
    "0.1": sparse_pax(
        ("GNU.sparse.size", "9000"), ("GNU.sparse.numblocks", "1"), ("GNU.sparse.name", "m"),
        ("GNU.sparse.map", f"8000,{len(EVIL)}"), data=EVIL,
    ),
    "0.0": sparse_pax(
        ("GNU.sparse.size", "9000"), ("GNU.sparse.numblocks", "1"), ("GNU.sparse.offset", "8000"),
        ("GNU.sparse.numbytes", str(len(EVIL))), ("path", "m"), data=EVIL,
    ),
    "old": old_sparse([(8000, len(EVIL))], 9000, EVIL),
}  # fmt: skip


@pytest.mark.parametrize("version", SPARSE)
def test_sparse_members_are_read_where_their_map_says(version: str) -> None:
    """The same content as Python's tarfile reads, where it knows the version; only there the payload is whole."""
    archive = walk_of(SPARSE[version])
    ((_, content),) = archive.content
    with tarfile.open(fileobj=io.BytesIO(SPARSE[version])) as theirs:
        expected = theirs.extractfile(theirs.getmembers()[0]).read()
    assert content.read(0, content.size) == expected == bytes(8000) + EVIL + bytes(1000 - len(EVIL))
    assert content.read(7990, 20) == expected[7990:8010]
    assert content.read(8003, 5) == EVIL[3:8]
    assert content.read(8999, 50) == b"\0"


def walk_of(data: bytes) -> tar_format._Archive:
    archive = tar_format._Archive()
    tar_format._walk(Bytes(data), Budget(monotonic=time.monotonic, spool=FileSpool), archive)
    return archive


@pytest.mark.parametrize("count", [1, 3, 4, 5, 25, 26, 100])
def test_old_sparse_maps_of_any_length(count: int) -> None:
    data = b"".join(b"%04d" % i for i in range(count))
    packed = old_sparse([(i * 1000, 4) for i in range(count)], count * 1000, data)
    ((_, content),) = walk_of(packed).content
    with tarfile.open(fileobj=io.BytesIO(packed)) as theirs:
        assert content.read(0, content.size) == theirs.extractfile("a").read()


@pytest.mark.parametrize("version", ["0.0", "0.1", "1.0"])
def test_a_pickle_at_the_start_of_a_sparse_member_is_seen(version: str) -> None:
    data = SPARSE[version].replace(b"8000\n", b"0000\n").replace(b"8000,", b"0000,").replace(b"=8000", b"=0000")
    assert len(seen(look_at(data, "a.tar"))) == 1


@pytest.mark.parametrize(
    "data",
    [
        old_sparse([(0, 4)], 9 << 30, b"text"),
        old_sparse([(0, 4), (2, 4)], 100, b"texttext"),
        old_sparse([(0, 400)], 1000, b"text"),
        old_sparse([(0, 4)], 2, b"text"),
        sparse_pax(*_V1, data=b"99999999\n0\n4\n"),
        sparse_pax(*_V1, data=b"x\n0\n4\n".ljust(512, b"\0")),
        sparse_pax(*_V1, data=b"text"),
        sparse_pax(*_V1, data=b"1" * 5000),
        sparse_pax(("GNU.sparse.map", "1,2,3"), ("GNU.sparse.size", "10"), data=b"text"),
        sparse_pax(("GNU.sparse.map", "0,4"), ("GNU.sparse.size", "-1"), data=b"text"),
        sparse_pax(("GNU.sparse.map", "0,4"), ("GNU.sparse.size", "9" * 18), data=b"text"),
    ],
)
def test_a_sparse_map_that_lies_or_bombs_holds(data: bytes) -> None:
    report = look_at(data, "a.tar")
    assert any(f.holds for f in report.findings)
    assert ids(report) <= {"CHK002", "CHK003", "CHK005"}


@pytest.mark.parametrize("name", ["usr", "etc"])
def test_mdl080_good_absolute_link_in_a_layer_of_an_image(name: str) -> None:
    layer = tar((info(name, tarfile.DIRTYPE), b""), (info(f"{name}/link", tarfile.SYMTYPE, linkname="/usr/bin/x"), b""))
    assert clean(look_at(layer, "layer.tar"))
    through = tar((info("etc/up", tarfile.SYMTYPE, linkname="/"), b""), (info("etc/up/x", tarfile.REGTYPE), b"text"))
    assert "MDL080" in ids(look_at(through, "layer.tar"))


def test_mdl080_good_root_folder_itself() -> None:
    assert clean(look_at(tar((info("/", tarfile.DIRTYPE), b""), (info("opt/a.txt"), b"text")), "layer.tar"))


def records(kind: bytes = b"x", **values: str) -> bytes:
    """A pax header by hand."""
    content = b""
    for key, value in values.items():
        body = f" {key.replace('__', '.')}={value}\n".encode()
        length = next(n for n in range(len(body), len(body) + 9) if len(str(n)) + len(body) == n)
        content += str(length).encode() + body
    return block("pax", content, kind)


def long_name(name: str) -> bytes:
    return block("././@LongLink", name.encode() + b"\0", b"L")


@pytest.mark.parametrize(
    "headers",
    [
        long_name("../../evil") + records(path="safe.txt"),
        records(path="../../evil") + records(path="safe.txt"),
        records(path="../../evil") + long_name("safe.txt"),
    ],
)
def test_mdl081_bad_two_extended_headers_name_one_member(headers: bytes) -> None:
    """Python's tarfile takes the first of them: `extractall` would write to `../../evil`."""
    data = headers + block("safe.txt", b"abc") + END
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getnames() == ["../../evil"]
    assert "MDL081" in ids(look_at(data, "a.tar"))


def test_mdl081_good_two_extended_headers_that_agree() -> None:
    data = records(path="safe.txt") + long_name("safe.txt") + block("safe.txt", b"abc") + END
    assert clean(look_at(data, "a.tar"))


@pytest.mark.parametrize(
    "member",
    [
        records(path="model.pkl/") + block("model.pkl", EVIL, b"\0"),
        block("folder/", EVIL, b"5"),
        block("link", EVIL, b"1"),
    ],
)
def test_what_a_folder_or_link_carries_is_looked_at(member: bytes) -> None:
    """The first of them Python unpacks as a file, whatever the slash of its long name says."""
    for data in (member + block("a.txt", b"abc") + END, member + END):
        assert seen(look_at(data, "a.tar"))


def test_a_link_that_repeats_the_size_of_its_target_is_clean() -> None:
    data = block("a.txt", b"hello") + block("hard", kind=b"1", size=b"%011o\0" % 5) + bytes(8192)
    assert clean(look_at(data, "a.tar"))


def test_a_size_behind_a_nul_holds() -> None:
    """Python reads no size there and finds the header within; GNU tar steps over the NUL."""
    inner = block("hidden.pkl", HARMLESS, magic=b"")
    data = block("outer.bin", inner, size=b"\0%010o\0" % len(inner)) + END
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getnames() == ["outer.bin", "hidden.pkl"]
    assert "CHK002" in ids(look_at(data, "a.tar"))


def test_a_global_sparse_map_holds() -> None:
    """Python gives it to every later member that has a pax header of its own."""
    sparse = records(b"g", GNU__sparse__map="0,4", GNU__sparse__size="4")
    data = sparse + block("a", b"abcd") + records(comment="x") + block("b", b"abcd") + END
    assert "CHK002" in ids(look_at(data, "a.tar"))


def test_mdl080_bad_name_that_poses_as_that_of_a_sparse_file() -> None:
    data = records(path="../../GNUSparseFile.1/evil") + records(path="safe.txt") + block("safe.txt", b"abc") + END
    assert "MDL081" in ids(look_at(data, "a.tar"))
