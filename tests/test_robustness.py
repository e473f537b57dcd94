"""Whatever a file holds, the report says so: no crash of ours, no exception, and no allow for what is broken."""

import bz2
import gzip
import io
import lzma
import multiprocessing
import random
import resource
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator

import pytest

from assaymark.core.budget import Limits
from assaymark.core.scan import FileReport
from tests.conftest import ids, look_at, look_at_folder
from tests.corpus import TEXT, corpus
from tests.model import gguf_maker as g

FLIPS = 300
SPLICES = 60
NAMES = sorted(corpus())


def allowed(report: FileReport) -> bool:
    """Whether `assay scan` of this file alone would exit 0."""
    return report.analysed and not any(f.severity >= 3 or f.holds for f in report.findings)


def look(data: bytes, name: str) -> FileReport:
    report = look_at(data, name)
    crashes = [f.message for f in report.findings if f.id == "CHK001"]
    assert not crashes, (name, data.hex(), crashes)
    return report


# Cut, flipped, spliced


@pytest.mark.parametrize("name", NAMES)
def test_the_corpus_is_benign(name: str) -> None:
    report = look(corpus()[name], name)
    assert report.formats
    assert allowed(report) or name == "loader.py", report.findings  # a loading script runs: that is told


WHOLE: dict[str, tuple[range | set[int], str]] = {
    "several.pkl": ({12}, "the first of two pickles, whole"),
    "legacy.pt": (
        {15, 21, 49, 216, *range(231, 251)},
        "each is a row of whole pickles; only torch knows the size of the storages",
    ),
    "config.json": (
        range(1, 37),
        "any JSON has this name; what is broken is loaded by nobody, and from where it says that it is of Keras it holds",
    ),
    "files.tar": (
        range(2049, 3072),
        "all members whole, of the two blocks of zeros that end the archive at least a part",
    ),
}
"""Cuts that leave a whole file, and why."""


@pytest.mark.parametrize("name", NAMES)
def test_a_cut_file_is_never_allowed(name: str) -> None:
    data = corpus()[name]
    cuts = [cut for cut in range(len(data)) if cut < 2_100 or cut % 61 == 0 or cut > len(data) - 64]
    passed = {cut for cut in cuts if allowed(look(data[:cut], name))}
    if name in TEXT:
        return  # what stands before the cut is a document of its own
    assert passed == set(WHOLE.get(name, ((), ""))[0]).intersection(cuts)


def flips(data: bytes, rng: random.Random) -> Iterator[bytes]:
    for _ in range(FLIPS):
        changed = bytearray(data)
        for _ in range(rng.choice((1, 1, 1, 2, 5))):
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        yield bytes(changed)


@pytest.mark.parametrize("name", NAMES)
def test_flipped_bits(name: str) -> None:
    for changed in flips(corpus()[name], random.Random(f"flip {name}")):
        look(changed, name)


@pytest.mark.parametrize("name", NAMES)
def test_splices_of_two_formats(name: str) -> None:
    rng = random.Random(f"splice {name}")
    data = corpus()[name]
    for _ in range(SPLICES):
        other = corpus()[rng.choice(NAMES)]
        start, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
        piece = other[rng.randrange(len(other)) :][: rng.randrange(200)]
        look(data[:start] + piece + data[end:], rng.choice((name, "x.bin")))


@pytest.mark.parametrize("name", NAMES)
def test_numbers_at_their_limits(name: str) -> None:
    rng = random.Random(f"limit {name}")
    data = corpus()[name]
    extremes = (
        b"\xff" * 8,
        b"\0" * 8,
        b"\xff" * 4,
        b"\x7f" + b"\xff" * 7,
        b"\xff" * 7 + b"\x7f",
        b"\0\0\0\x80",
        b"\x80",
        b"9" * 20,
    )
    for _ in range(SPLICES):
        at = rng.randrange(len(data))
        extreme = rng.choice(extremes)
        look(data[:at] + extreme + data[at + len(extreme) :], name)


@pytest.mark.parametrize("claimed", NAMES)
def test_the_content_of_one_format_under_the_name_of_another(claimed: str) -> None:
    for data in corpus().values():
        look(data, claimed)


FOLDER = {
    "config.json": b'{"model_type": "bert", "auto_map": {"AutoModel": "modeling.Net"}, "architectures": ["A"]}',
    "model.safetensors.index.json": b'{"metadata": {"total_size": 1}, "weight_map": {"a": "model-00001-of-00001.safetensors"}}',
    "tokenizer_config.json": b'{"chat_template": "{{ messages }}", "auto_map": {"AutoTokenizer": ["tok.T", null]}}',
    "adapter_config.json": b'{"base_model_name_or_path": "x", "auto_mapping": null}',
    "modeling.py": b"import os\n\n\nclass Net:\n    pass\n",
    "requirements.txt": b"idna==3.7\n",
    "uv.lock": corpus()["uv.lock"],
    "pyproject.toml": corpus()["pyproject.toml"],
}


@pytest.mark.parametrize("name", FOLDER)
def test_parsers_over_a_folder(name: str) -> None:
    rng = random.Random(f"folder {name}")
    data = FOLDER[name]
    cuts = (data[:cut] for cut in range(0, len(data), 3))
    for changed in (
        *cuts,
        *(next(flips(data, rng)) for _ in range(30)),
        b"[" * 100_000,
        b"null",
        b"\xff",
        b'{"a": 1e999}',
        b"1" * 5_000,
    ):
        for path, report in look_at_folder({**FOLDER, name: changed}).items():
            assert "CHK001" not in ids(report), (path, changed, report.findings)


# Lies about sizes


def _npy(shape: str, version: bytes = b"\1\0", length: bytes = b"\x76\0") -> bytes:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY" + version + length + header.encode()


def _zip_entry(packed: int, size: int) -> bytes:
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 0, 0, packed, size, 5, 0) + b"a.pkl" + b"\3\0"
    central = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 8, 0, 0, 0, packed, size, 5, 0, 0, 0, 0, 0, 0) + b"a.pkl"
    return local + central + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(central), len(local), 0)


def _tar(size: bytes) -> bytes:
    block = bytearray(512)
    block[:5] = b"a.pkl"
    block[100:108], block[124:136], block[156:157], block[257:265] = b"0000644\0", size, b"0", b"ustar\00000"
    block[148:156] = b"%06o\0 " % (sum(block[:148]) + 8 * 32 + sum(block[156:]))
    return bytes(block) + bytes(1024)


HUGE = 2**32 - 1
LIES = {
    "bytes.pkl": b"\x80\x04B" + struct.pack("<L", HUGE) + b"abc.",
    "bytes8.pkl": b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"abc.",
    "text8.pkl": b"\x80\x04\x8d" + struct.pack("<Q", 2**64 - 1) + b"abc.",
    "long4.pkl": b"\x80\x04\x8b" + struct.pack("<L", 2**31 - 1) + b"abc.",
    "frame.pkl": b"\x80\x04\x95" + struct.pack("<Q", 2**63) + b"N.",
    "header.npy": _npy("(1,)", b"\2\0", struct.pack("<L", HUGE)),
    "shape.npy": _npy(f"({HUGE}, {HUGE})"),
    "zero.npy": _npy(f"(0, {10**400})"),
    "negative.npy": _npy("(-1,)"),
    "header.safetensors": struct.pack("<Q", 2**63) + b"{}",
    "big.safetensors": struct.pack("<Q", HUGE) + b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
    "offsets.safetensors": struct.pack("<Q", 66)
    + b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709]}}',
    "keys.gguf": g.gguf(keys=2**63 - 1),
    "tensors.gguf": g.gguf(tensors=2**40),
    "text.gguf": b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**62) + b"abc",
    "array.gguf": g.gguf([g.pair("a", 9, struct.pack("<IQ", 0, 2**60))]),
    "sizes.zip": _zip_entry(HUGE, HUGE),
    "packed.zip": _zip_entry(2, HUGE - 1),
    "members.zip": b"PK\5\6" + struct.pack("<4H2LH", 0, 0, 65_535, 65_535, HUGE, HUGE, 0),
    "size.tar": _tar(b"77777777777\0"),
    "binary.tar": _tar(b"\x80" + b"\xff" * 11),
    "negative.tar": _tar(b"\xff" * 12),
    "graph.onnx": b"\x08\x08\x3a\xff\xff\xff\xff\x0f\x0a\x00",
    "varint.onnx": b"\x08\x08\x3a" + b"\xff" * 11,
    "superblock.h5": b"\x89HDF\r\n\x1a\n\2\x08\x08\0" + b"\xff" * 36,
    "stream.lz4": b"\x04\x22\x4d\x18\x44\x70\x1d" + struct.pack("<L", 0x7FFFFFFF) + b"abc",
    "dictionary.lzma": b"]\0\0\xff\xff" + b"\xff" * 8 + bytes(20),
    "blocks.xz": b"\xfd7zXZ\0\0\4" + b"\xff" * 40,
    "frames.pkl": b"\x80\x04" + (b"\x95" + struct.pack("<Q", 2**63)) * 3 + b"N.",
    "deep.json": b'{"class_name": "A", "config": ' + b"[" * 200_000,
    "deep.ipynb": b'{"cells": ' + b"[" * 200_000,
    "deep.yaml": b"a: " + b"[" * 200_000 + b"!!python/object/apply:os.system ['x']",
}


def measured(make: Callable[[], list[str]], megabytes: int) -> list[str] | None:
    """What the function says in a process that may take so much more memory; None when it did not come to an end."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()

    def child() -> None:
        with open("/proc/self/statm", encoding="ascii") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (megabytes << 20),) * 2)
        theirs.send(make())

    process = context.Process(target=child)
    process.start()
    theirs.close()
    try:
        answer: list[str] | None = ours.recv()
    except EOFError:
        answer = None
    process.join()
    return answer


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("name", LIES)
def test_a_lie_about_a_size_costs_nothing_and_is_not_allowed(name: str) -> None:
    def make() -> list[str]:
        report = look_at(LIES[name], name)
        return [f"{f.id} {f.message}" for f in report.findings if f.severity >= 3 or f.holds]

    make()  # imports are not what is measured
    said = measured(make, 64)
    assert said
    assert not [text for text in said if text.startswith("CHK001") or "more memory than there is" in text]


# Bombs


def _nested_zip(depth: int) -> bytes:
    data = b"words"
    for _ in range(depth):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("in.zip", data)
        data = file.getvalue()
    return data


def _repeated(pack: Callable[[bytes], bytes], times: int) -> bytes:
    data = b"N."
    for _ in range(times):
        data = pack(data)
    return data


SMALL = Limits(expanded=4 << 20)
ZEROS = bytes(9 << 20)
BOMBS = {
    "one.zip": lambda: _zip_of(ZEROS),
    "two members.gz": lambda: gzip.compress(ZEROS[: 3 << 20]) + gzip.compress(ZEROS[: 3 << 20]),
    "one.gz": lambda: gzip.compress(ZEROS),
    "one.bz2": lambda: bz2.compress(ZEROS),
    "one.xz": lambda: lzma.compress(ZEROS),
    "one.lzma": lambda: lzma.compress(ZEROS, lzma.FORMAT_ALONE),
    "one.joblib": lambda: zlib.compress(b"\x80\x04\x8e" + struct.pack("<Q", 9 << 20) + ZEROS + b"."),
    "many.zip": lambda: _zip_of(*[ZEROS[: 1 << 20]] * 9),
}


def _zip_of(*contents: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"{number}.npy", content)
    return file.getvalue()


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_stopped(name: str) -> None:
    report = look_at(BOMBS[name](), name, SMALL)
    assert [f.message for f in report.findings if f.id == "CHK003" and "decompresses to more than" in f.message]


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress], ids=["bz2", "xz"])
def test_a_bomb_of_one_stream_is_stopped_by_its_ratio(pack: Callable[[bytes], bytes]) -> None:
    report = look_at(pack(bytes(70 << 20)), "x.joblib")
    assert [f.message for f in report.findings if "more than 1100-fold" in f.message]


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("in.zip", lambda: _nested_zip(20)),
        ("in.gz", lambda: _repeated(gzip.compress, 20)),
        ("in.bz2", lambda: _repeated(bz2.compress, 20)),
    ],
)
def test_nesting_is_stopped(name: str, make: Callable[[], bytes]) -> None:
    assert [f.message for f in look_at(make(), name).findings if "nested deeper than 8" in f.message]


def test_many_members_are_stopped() -> None:
    data = _zip_of(*[b""] * 300)
    assert [f for f in look_at(data, "x.zip", Limits(members=100)).findings if f.id == "CHK003"]
