"""Every pickle is read twice: by our machine, and by CPython's unpickler in its sandbox. And joblib's arrays both ways."""

import glob
import io
import os
import pickle
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator

import joblib
import numpy as np
import pytest

from assaymark.catalog import catalog
from assaymark.core.blob import Bytes
from assaymark.core.budget import Budget
from assaymark.core.look import look
from assaymark.core.scan import FileReport
from assaymark.core.witness import Account, Reading
from assaymark.model import crosscheck
from assaymark.model.machine import machine as machine_module
from assaymark.model.machine import plausible
from assaymark.model.machine.reader import Reader
from assaymark.sandbox.witness import dismiss, witness
from assaymark.storage.spool import FileSpool
from tests.conftest import ids, look_at, severe
from tests.model.bypasses import BYPASSES, PROTO4, RUN, g, text
from tests.model.test_differential import random_stream, real_streams
from tests.model.test_pickle_benign import ARRAYS, PLAIN, joblib_dump

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux can lock a process down"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
]
OURS = {"MDL009", "MDL010", "MDL011", "CHK001"}
NOT_SEEN = {"s11 stream behind an open frame"}
"""Executed only from a file that cannot be peeked into; our machine sees that frames are read in three ways there."""
STREAMS = int(os.environ.get("ASSAY_CROSSCHECK_STREAMS", "1500"))


@pytest.fixture(scope="module", autouse=True)
def _no_child_is_left() -> Iterator[None]:
    yield
    dismiss()


def crossed(data: bytes, name: str = "x.pkl", ask: Callable[[], object] = witness) -> FileReport:
    """As in a scan, with the sandbox."""
    budget = Budget(None, monotonic=time.monotonic, spool=FileSpool, witness=ask)  # type: ignore[arg-type]
    return look(Bytes(data), name, catalog(), budget)


def said(report: FileReport, rule: str) -> list[str]:
    return [finding.message for finding in report.findings if finding.id == rule]


class Liar:
    """A witness that says what it is told to."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.handed: list[tuple[bytes, int]] = []

    def ask(self, pieces: Iterable[bytes], size: int, streams: int) -> Callable[[], Account]:
        self.handed.append((b"".join(pieces), streams))
        return lambda: self.account


def lied(data: bytes, *readings: Reading, silent: str = "", suspicious: bool = False) -> FileReport:
    liar = Liar(Account(readings, silent, suspicious))
    return crossed(data, ask=lambda: liar)


def reading(*asked: tuple[str, str], end: int | None = None, stopped: str = "", kinds: tuple[str, ...] = ()) -> Reading:
    return Reading(asked, frozenset(kinds), end, stopped)


# What Python's unpickler reaches is seen by both.


@pytest.mark.parametrize("name", sorted(n for n, b in BYPASSES.items() if b.executes and n not in NOT_SEEN))
def test_the_witness_sees_what_executes(name: str) -> None:
    stream = BYPASSES[name].stream
    account = witness().ask([stream], len(stream), 20)()
    asked = {f"{module}.{qualified}" for s in account.streams for module, qualified in s.asked}
    vetted = {"collections.OrderedDict", "builtins.list", "builtins.tuple", "builtins.set"}
    assert asked - vetted, "it would have to be found by our machine alone"
    assert ids(crossed(stream)) & OURS == set()


@pytest.mark.parametrize("name", sorted(BYPASSES))
def test_the_two_never_differ_on_bypasses(name: str) -> None:
    assert ids(crossed(BYPASSES[name].stream)) & {"MDL009", "CHK001"} == set()


@pytest.mark.parametrize("skip", [False, True], ids=["stepwise", "frames skipped"])
def test_the_two_never_differ_on_random_and_mutated_streams(skip: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if skip:
        monkeypatch.setattr(machine_module, "SKIP_FROM", -1)
        monkeypatch.setattr("assaymark.model.machine.frames._SHORTEST", 0)
    rng = random.Random(9 + skip)
    mutated = real_streams(rng)
    for number in range(STREAMS):
        stream = random_stream(rng) if number % 2 else next(mutated)
        report = crossed(stream)
        assert ids(report) & {"MDL009", "CHK001"} == set(), (stream.hex(), said(report, "MDL009"))


# MDL009


def test_mdl009_bad_asks_for_what_we_did_not_see() -> None:
    report = lied(pickle.dumps(1), reading(("os", "system"), end=5))
    assert said(report, "MDL009") == ["the unpickler asks for os.system, which our reading did not see"]


def test_mdl009_bad_in_a_later_stream() -> None:
    assert "MDL009" in ids(lied(b"N.N.", reading(end=2), reading(("os", "system"), end=4)))


def test_mdl009_bad_asks_its_loader() -> None:
    assert "persistent_load(other)" in said(lied(b"N.", reading(end=2, kinds=("other",))), "MDL009")[0]


def test_mdl009_bad_ends_elsewhere() -> None:
    assert said(lied(b"N0N.", reading(end=2)), "MDL009") == ["the unpickler ends a stream at 2, our reading at 4"]


def test_mdl009_bad_goes_on_where_we_stop() -> None:
    report = lied(b"\x80\x04N\xffN.", reading(end=6))
    assert {"MDL009", "CHK002"} <= ids(report)


def test_mdl009_bad_asked_for_before_it_fell_silent() -> None:
    assert "MDL009" in ids(
        lied(b"N.", reading(("os", "system"), stopped="MemoryError"), silent="spent", suspicious=True)
    )


def test_mdl009_good_names_of_python_2() -> None:
    stream = g("copy_reg", "_reconstructor") + b"0" + g("__builtin__", "set") + b"."
    assert ids(crossed(b"\x80\x02" + stream)) & OURS == set()


def test_mdl009_good_denied_already() -> None:
    """Names that are put together cannot be compared, and need not be."""
    assert ids(lied(PROTO4 + RUN + b".", reading(("os", "system"), end=3))) & OURS == set()


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", [*PLAIN, *ARRAYS])
def test_mdl009_good_what_libraries_write(name: str, protocol: int) -> None:
    report = crossed(pickle.dumps({**PLAIN, **ARRAYS}[name], protocol))
    assert (severe(report), report.gaps) == ([], ())


@pytest.mark.parametrize("name", ARRAYS)
def test_mdl009_good_joblib(name: str) -> None:
    report = crossed(joblib_dump({"array": ARRAYS[name], "again": [ARRAYS[name], {"x": 1}]}, "raw"), "x.joblib")
    assert (severe(report), report.gaps) == ([], ())


REAL = [
    p
    for p in glob.glob(os.path.join(os.path.dirname(__file__), "real", "**", "*"), recursive=True)
    if os.path.isfile(p)
]


@pytest.mark.parametrize("path", [p for p in REAL if not p.endswith(".py")], ids=os.path.basename)
def test_mdl009_good_real_files(path: str) -> None:
    with open(path, "rb") as file:
        assert ids(crossed(file.read(), os.path.basename(path))) & OURS == set()


def test_joblib_is_handed_over_without_its_arrays() -> None:
    liar = Liar(Account())
    data = joblib_dump([np.arange(5.0), np.array([None, "x"], dtype=object), "end"], "raw")
    crossed(data, "x.joblib", ask=lambda: liar)
    _early, (outer, _), (inner, _) = liar.handed
    assert np.arange(5.0).tobytes() not in outer
    assert pickle.loads(inner).tolist() == [None, "x"]
    assert len(outer) < len(data) - 40


def test_a_large_file_is_handed_over_up_to_a_little_behind_its_streams() -> None:
    liar = Liar(Account())
    data = pickle.dumps([bytes(40_000)]) + bytes(100_000)
    crossed(data, ask=lambda: liar)
    assert liar.handed == [(data[: 40_000 + data[40_000:].index(b".") + 1 + crosscheck.LOOKAHEAD], 1)]


# MDL011


def test_mdl011_bad_stops_before_we_do() -> None:
    report = lied(b"N.", reading(stopped="UnpicklingError: no"))
    assert said(report, "MDL011") == ["the unpickler stops before our reading does: UnpicklingError: no"]


@pytest.mark.parametrize(
    "stream",
    [
        b"\x80\x04N\x85\x94" + b"".join(b"h%ch%c\x86\x94" % (n, n) for n in range(60)) + b"}h\x3cNs.",
        b"\x80\x04}(" + b")" + b"\x85" * 2_000_000 + b"Nu.",
        b"\x80\x04Nr\xff\xff\xff\x0f.",
        b"Ino number\n0N.",
    ],
    ids=["hash without end", "hash without stack", "memory", "bad number"],
)
def test_mdl011_bad_genuine(stream: bytes) -> None:
    report = crossed(stream)
    assert "MDL011" in ids(report)
    assert "MDL009" not in ids(report)


def test_mdl011_good_what_stands_behind_the_streams_does_not_count() -> None:
    """Raw storages of PyTorch's old layout, taken for opcodes, may ask for gigabytes."""
    streams = b"".join(pickle.dumps(v, 2) for v in (0x1950A86A20F9469CFC6C, 1001, {}, {}, []))
    report = crossed(streams + b"B\xff\xff\xff\xff" + bytes(64))
    assert ids(report) & OURS == set()


def test_not_cross_checked_is_said_and_does_not_hold() -> None:
    report = lied(b"N.", silent="longer than 20 MiB")
    assert severe(report) == []
    assert [gap.why for gap in report.gaps] == ["not cross-checked by CPython's unpickler: longer than 20 MiB"]


def test_without_a_witness_nothing_is_asked_or_said() -> None:
    assert look_at(b"N.", "x.pkl").gaps == ()


# MDL010


def plain_array(content: bytes) -> bytes:
    """A joblib file by hand, as joblib before 1.2 wrote them: no padding before the array's bytes."""
    state = b"}(" + b"".join(
        [
            text("subclass"), g("numpy", "ndarray"), text("shape"), b"M" + len(content).to_bytes(2, "little") + b"\x85",
            text("order"), text("C"), text("dtype"),
            g("numpy", "dtype"), b"(", text("u1"), b"\x89\x88tR(K\x03", text("|"), b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb",
            text("allow_mmap"), b"\x88u",
        ]
    )  # fmt: skip
    return b"\x80\x04" + g("joblib.numpy_pickle", "NumpyArrayWrapper") + b")\x81" + state + b"b" + content + b"."


@pytest.mark.parametrize(
    "content",
    [b"0N" + g("posix", "getcwd") + b")R.", b"0N" + g("my.module", "run") + b")R."],
    ids=["dangerous", "unknown"],
)
def test_mdl010_bad_an_array_that_is_a_program(content: bytes) -> None:
    """Under joblib it is numbers; `pickle.load` calls it (shown below for a name that can be seen)."""
    data = plain_array(content)
    report = crossed(data, "x.joblib")
    assert ids(report) & {"MDL010"}
    assert "MDL001" not in ids(report)


def test_the_program_in_an_array_is_run_by_pickle_and_not_by_joblib() -> None:
    data = plain_array(b"0" + g("os", "getcwd") + b")R.")
    assert joblib.load(io.BytesIO(data)).dtype == np.uint8
    assert pickle.loads(data) == os.getcwd()


@pytest.mark.parametrize("name", ARRAYS)
def test_mdl010_good_joblib_arrays(name: str) -> None:
    data = joblib_dump([ARRAYS[name], ARRAYS["float"], ARRAYS[name]], "raw")
    assert "MDL010" not in ids(look_at(data, "x.joblib"))


def test_mdl010_good_arrays_of_any_bytes() -> None:
    rng = random.Random(3)
    for _ in range(3_000):
        report = look_at(plain_array(rng.randbytes(200)), "x.joblib")
        assert ids(report) <= set(), report.findings


# joblib: what decides where an array ends.


def test_a_wrapper_inside_an_object_array_has_no_array_behind_it() -> None:
    """joblib hands the pickle of an object array to plain `pickle.load`: what were numbers elsewhere is run there."""
    inner = plain_array(b"0" + g("os", "getcwd") + b")R.")
    file = io.BytesIO()
    joblib.dump(np.array([None], dtype=object), file)
    honest = file.getvalue()
    data = honest[: honest.rindex(b"\x80\x02" if b"\x80\x02" in honest[4:] else b"\x80", 4)] + inner + b"."
    with pytest.raises(AttributeError, match="'str' object has no attribute 'dtype'"):  # the text that getcwd gave
        joblib.load(io.BytesIO(data))
    assert "MDL001" in ids(look_at(data, "x.joblib"))


@pytest.mark.parametrize(
    "parts",
    [
        (b"}b", b"N", b"0"),
        (b")b", b"N", b"0"),
    ],
    ids=["no shape", "a tuple"],
)
def test_an_array_whose_length_cannot_be_told_holds(parts: tuple[bytes, ...]) -> None:
    data = b"\x80\x04" + g("joblib.numpy_pickle", "NumpyArrayWrapper") + b")\x81" + b"".join(parts) + b"."
    assert "CHK002" in ids(look_at(data, "x.joblib"))


def test_a_placeholder_that_gets_its_state_twice_holds() -> None:
    """joblib keeps the attributes of the first; the second says only what it changes."""
    once = plain_array(b"")[:-1]
    data = once.replace(b")\x81", b")\x81q\0", 1) + b"0h\0}" + text("shape") + b"K\4\x85sb" + b"C\3" + b"\xff."
    assert ids(look_at(data, "x.joblib")) & {"CHK002", "MDL004"}


def test_a_state_that_is_changed_through_the_memo_holds() -> None:
    data = plain_array(bytes(100)).replace(b"}(", b"}q\1(", 1)
    at = data.rindex(b"b" + bytes(100))
    data = data[:at] + b"h\1" + text("shape") + b"K\0\x85s0" + data[at:]
    assert "CHK002" in ids(look_at(data, "x.joblib"))


@pytest.mark.parametrize(
    ("dtype", "size", "flags"), [(b"V8", b"K\x64", b"K\0"), (b"S8", b"K\x64", b"K\0"), (b"V8", b"K\x08", b"K\x3f")]
)
def test_a_dtype_that_lies_about_its_elements(dtype: bytes, size: bytes, flags: bytes) -> None:
    """numpy believes the size and the flags of the state; joblib reads as many bytes, or a pickle."""
    stream = (
        b"\x80\x04" + g("numpy", "dtype") + b"(" + text(dtype.decode()) + b"\x89\x88tR(K\x03" + text("|") + b"NNN"
        + size + b"K\1" + flags + b"tb."
    )  # fmt: skip
    honest = np.dtype(dtype.decode())
    assert (pickle.loads(stream).itemsize, pickle.loads(stream).hasobject) != (honest.itemsize, honest.hasobject)
    assert "MDL004" in ids(look_at(stream, "x.pkl"))


def test_records_with_objects_hold() -> None:
    records = np.zeros(50, dtype=[("a", "O"), ("b", "i4")])
    records["a"] = "x"
    report = look_at(joblib_dump([records, 1], "raw"), "x.joblib")
    assert ids(report) == {"CHK002"}
    assert "records that hold objects" in said(report, "CHK002")[0]


# Recognition is bounded.


def test_recognition_follows_no_more_than_some_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    windows = []
    seek = Reader.seek
    monkeypatch.setattr(Reader, "seek", lambda self, offset: (windows.append(offset), seek(self, offset))[1])
    data = b"](" + b"N" * (40 << 20)
    assert plausible(data[:4096], Bytes(data))
    assert len(windows) < 25
