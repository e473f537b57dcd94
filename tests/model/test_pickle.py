"""Pickles: what is published to pass scanners is seen, and what libraries write is not complained of."""

import bz2
import collections
import datetime
import decimal
import enum
import fractions
import gzip
import io
import lzma
import multiprocessing
import os
import pathlib
import pickle
import resource
import subprocess
import sys
import uuid
import zlib
from collections.abc import Callable, Iterator

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.scan import FileReport
from assaymark.model.machine import machine as machine_module
from tests.conftest import ids, look_at, severe
from tests.model.bypasses import BYPASSES, GETCWD, INNER, NEW_BAG, PROTO4, RUN, Bypass, call, g, p4, raw, sg, text

PROTOCOLS = range(6)


def flagged(report: FileReport) -> bool:
    """Whether the verdict cannot be allow."""
    return any(finding.severity >= 3 or finding.holds for finding in report.findings)


def messages(data: bytes, rule_id: str, name: str = "x.pkl") -> list[str]:
    return [f.message for f in look_at(data, name).findings if f.id == rule_id]


# Published bypasses


class Child:
    """CPython, locked down: see executing.py."""

    def __init__(self) -> None:
        script = os.path.join(os.path.dirname(__file__), "executing.py")
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={}
        )

    def executes(self, case: Bypass) -> bool:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{case.loader} {case.stream.hex()}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline() == "yes\n"

    def close(self) -> None:
        self.process.communicate()


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    made = Child()
    yield made
    made.close()


@pytest.mark.parametrize("name", BYPASSES)
@pytest.mark.parametrize("file", ["model.pkl", "pytorch_model.bin", "weights", "config.json", "a.txt"])
def test_mdl001_bad_published_bypass(name: str, file: str) -> None:
    report = look_at(BYPASSES[name].stream, file)
    assert flagged(report)
    assert "CHK001" not in ids(report)


@pytest.mark.parametrize("name", [name for name, case in BYPASSES.items() if case.executes])
def test_the_bypass_is_real(child: Child, name: str) -> None:
    assert child.executes(BYPASSES[name])


@pytest.mark.parametrize("stream", [b"N.", pickle.dumps([1, "os", "system"]), PROTO4 + GETCWD + b".", b"cos\nnothing\n.", b"garbage"])
def test_the_proof_can_fail(child: Child, stream: bytes) -> None:
    assert not child.executes(Bypass(stream))


@pytest.mark.parametrize("name", [name for name in BYPASSES if name.startswith(("s5", "s6", "s7"))])
def test_mdl001_bad_the_target_is_named(name: str) -> None:
    """Where nothing is computed, the finding says what is run."""
    assert any("posix.getcwd" in m or "getoutput" in m or "eval" in m or "os.getcwd" in m or "loads" in m for m in messages(BYPASSES[name].stream, "MDL001"))


# MDL001: dangerous


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("function", [os.system, eval, exec, subprocess.Popen, __import__, getattr, os.popen])
def test_mdl001_bad_what_exploits_use(protocol: int, function: Callable[..., object]) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return function, ("true",)

    data = pickle.dumps({"weights": [1.0, Evil()]}, protocol)
    assert "MDL001" in ids(look_at(data, "m.pkl"))


def test_mdl001_bad_flood_of_unknown_names_hides_nothing() -> None:
    flood = b"".join(g("some.module", f"Name{n}") + b"0" for n in range(5_000))
    report = look_at(flood + g("os", "system") + b".", "x.pkl")
    assert "MDL001" in ids(report)
    assert len(report.findings) == 101
    assert any("different findings of MDL002" in gap.why for gap in report.gaps)


def test_mdl001_bad_flood_of_dangerous_names_is_bounded() -> None:
    flood = b"".join(g("os", f"name{n}") + b"0" for n in range(20_000))
    report = look_at(flood + b"N.", "x.pkl")
    assert "MDL001" in ids(report)
    assert len(report.findings) < 200


@pytest.mark.parametrize("size", [1 << 20, (1 << 20) + 4095, (1 << 20) + 4096, (1 << 20) + 5000, 5 << 20])
def test_mdl001_bad_after_a_line_longer_than_the_window(size: int) -> None:
    for line in (b"S'" + b"x" * size + b"'\n0", b"V" + b"x" * size + b"\n0", b"L" + b"1" * 100 + b"L\n0"):
        data = b"N0" * 7 + line + g("os", "getcwd") + b")R."
        (message,) = messages(data, "MDL001")
        assert message.startswith(("os.getcwd", "posix.getcwd"))
        assert severe(look_at(b"N0" * 7 + line + b"N.", "x.pkl")) == []


def test_mdl003_bad_names_and_numbers_longer_than_the_window() -> None:
    long = b"0" * (3 << 20)
    for data in (b"c" + long + b"\ngetcwd\n)R.", b"N0g" + long + b"\n.", b"Np" + long + b"1\n.", b"S" + long + b"\n.", b"cos\n" + long):
        report = look_at(data, "x.pkl")
        assert flagged(report)
        assert "CHK001" not in ids(report)


def test_mdl001_good_text_about_exploits() -> None:
    for words in ("cos\nsystem\n is how an exploit begins", "import os\nos.system('true')\n", "c os system (S'x' tR."):
        assert look_at(words.encode(), "README.md").findings == ()
        assert severe(look_at(pickle.dumps([words, words.encode()]), "x.pkl")) == []


# MDL002: unknown


def test_mdl002_bad_a_class_of_ones_own() -> None:
    report = look_at(p4(sg("mycompany.models", "Net"), b")\x81}b"), "x.pkl")
    (finding,) = report.findings
    assert (finding.id, finding.holds, finding.where.symbol) == ("MDL002", True, "mycompany.models.Net")


@pytest.mark.parametrize(
    ("module", "name"),
    [("collections", "NoSuchThing"), ("collections.abc", "OrderedDict"), ("Collections", "OrderedDict"), ("numpy.core", "dtype"), ("", ""), ("é", "é")],
)
def test_mdl002_bad_a_name_next_to_a_vetted_one(module: str, name: str) -> None:
    assert flagged(look_at(p4(sg(module, name), b")R"), "x.pkl"))


def test_mdl002_good_vetted_classes() -> None:
    assert severe(look_at(pickle.dumps(collections.OrderedDict(a=1)), "x.pkl")) == []


# MDL003: computed


def test_mdl003_bad_a_name_from_a_container() -> None:
    for name in (b"]", b"}", b"K\1", b"N", raw(b"posix"), b"\x88", b"("):
        assert flagged(look_at(PROTO4 + name + text("getcwd") + b"\x93)R.", "x.pkl"))


def test_mdl003_bad_a_name_too_long_to_be_kept() -> None:
    long = "a." * 2_000 + "b"
    data = PROTO4 + b"X" + len(long).to_bytes(4, "little") + long.encode() + text("x") + b"\x93."
    assert "MDL003" in ids(look_at(data, "x.pkl"))


def test_mdl003_bad_a_name_that_the_memo_dropped_is_recovered() -> None:
    """More texts than the memo keeps: the second pass keeps the one that is asked for."""
    many = b"".join(text(f"{n}") + b"\x940" for n in range(100_100))
    slot = 100_100
    get = b"j" + slot.to_bytes(4, "little")
    evil = look_at(p4(many, text("posix"), b"\x940", get, text("getcwd"), b"\x93)R"), "x.pkl")
    assert [f.message for f in evil.findings if f.id == "MDL001"] != []
    fine = look_at(p4(many, text("collections"), b"\x940", get, text("OrderedDict"), b"\x93)R"), "x.pkl")
    assert severe(fine) == []


def test_mdl003_bad_names_dropped_one_after_the_other() -> None:
    """Each pass recovers what the last one asked for; what stays open counts as computed."""
    many = b"".join(text(f"{n}") + b"\x940" for n in range(100_100))
    names = b"".join(text(name) + b"\x940" for name in ("collections", "OrderedDict", "posix", "getcwd"))
    gets = [b"j" + (100_100 + n).to_bytes(4, "little") for n in range(4)]
    data = p4(many, names, gets[0], gets[1], b"\x93)R0", gets[2], gets[3], b"\x93)R")
    assert [m for m in messages(data, "MDL001") if "posix.getcwd" in m]


def test_mdl003_good_names_through_the_memo() -> None:
    for protocol in PROTOCOLS:
        data = pickle.dumps([collections.OrderedDict(a=n) for n in range(50)], protocol)
        assert ids(look_at(data, "x.pkl")) == set()


# MDL004: misuse


@pytest.mark.parametrize(
    "stream",
    [
        p4(sg("collections", "OrderedDict"), b"}", text("x"), b"K\1sb"),  # BUILD on the class itself
        p4(sg("collections", "OrderedDict"), b"K\1a"),  # APPEND on a class
        p4(NEW_BAG, b"}", text("append"), sg("collections", "OrderedDict"), b"sb"),  # a method planted
        p4(NEW_BAG, b")R"),  # an instance called
        p4(call(sg("collections", "OrderedDict"), sg("builtins", "print"))),
        p4(call(sg("copyreg", "_reconstructor"), b"N", b"N", b"N")),
        p4(NEW_BAG, call(sg("builtins", "print")), b"b"),  # a state that is computed
    ],
)
def test_mdl004_bad_a_vetted_name_in_another_way(stream: bytes) -> None:
    assert flagged(look_at(stream, "x.pkl"))


def test_mdl004_bad_a_callable_stored_under_a_hook() -> None:
    for hook in ("__setstate__", "append", "extend", "add", "__reduce_ex__", "__call__", "__del__"):
        assert "MDL004" in ids(look_at(p4(NEW_BAG, b"}", text(hook), sg("collections", "OrderedDict"), b"sb"), "x.pkl")), hook


def test_mdl004_good_state_with_ordinary_attributes() -> None:
    ordered = collections.OrderedDict(a=1)
    ordered.note = {"append": [1, 2], "shape": (3, 4)}  # type: ignore[attr-defined]
    for protocol in PROTOCOLS:
        assert severe(look_at(pickle.dumps(ordered, protocol), "x.pkl")) == []


# MDL005: persistent ids


@pytest.mark.parametrize("identity", [b"N", text("x"), text("module"), b"K\1", b"(" + text("other") + b"K\1t", b"]"])
def test_mdl005_bad_an_id_that_is_no_storage(identity: bytes) -> None:
    assert "MDL005" in ids(look_at(p4(identity, b"Q"), "x.pkl"))
    assert "MDL005" in ids(look_at(b"Psome id\n.", "x.pkl"))


def torch_tensor() -> bytes:
    storage = b"(" + text("storage") + sg("torch", "FloatStorage") + text("0") + text("cpu") + b"K\x03tQ"
    tensor = call(sg("torch._utils", "_rebuild_tensor_v2"), storage, b"K\0", b"K\x03\x85", b"K\1\x85", b"\x89", sg("collections", "OrderedDict") + b")R")
    return p4(sg("collections", "OrderedDict"), b")R", text("weight"), tensor, b"s")


def test_mdl005_good_a_tensor_storage() -> None:
    assert severe(look_at(torch_tensor(), "data.pkl")) == []


# MDL006: trailing bytes


@pytest.mark.parametrize("rest", [b"trailing", b"\x7fELF" + bytes(60), bytes(5_000), os.urandom(300) + b"\xff", b"N", b"\x00\x01"])
def test_mdl006_bad_bytes_that_nothing_explains(rest: bytes) -> None:
    report = look_at(pickle.dumps([1, 2]) + rest, "x.pkl")
    assert flagged(report)


def test_mdl006_good_padding_and_streams_in_a_row() -> None:
    for protocol in PROTOCOLS:
        data = b"".join(pickle.dumps(value, protocol) for value in ([1, "a"], {"x": 2.5}, None, "text", (1, 2)))
        for padding in (b"", b"\n", bytes(64)):
            assert severe(look_at(data + padding, "x.pkl")) == []


def test_mdl006_good_torch_legacy_storages() -> None:
    head = b"".join(pickle.dumps(v, 2) for v in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
    data = head + torch_tensor() + pickle.dumps(["0"], 2) + (3).to_bytes(8, "little") + os.urandom(12)
    assert severe(look_at(data, "model.pt")) == []
    assert "MDL001" in ids(look_at(head + INNER + pickle.dumps(["0"], 2) + bytes(20), "model.pt"))


# MDL007: nested


def test_mdl007_bad_the_inner_pickle_is_looked_at() -> None:
    report = look_at(BYPASSES["s10 torch"].stream, "x.pkl")
    assert "MDL007" in ids(report)
    (evil,) = [f for f in report.findings if f.id == "MDL001"]
    assert evil.where.member.startswith("pickle@")


def test_mdl007_bad_bytes_that_are_computed() -> None:
    assert "MDL004" in ids(look_at(p4(call(sg("torch.storage", "_load_from_bytes"), call(sg("builtins", "bytes"), b"]"))), "x.pkl"))


def test_mdl007_good_a_clean_inner_pickle() -> None:
    report = look_at(p4(call(sg("torch.storage", "_load_from_bytes"), raw(pickle.dumps([1, 2])))), "x.pkl")
    assert ids(report) == {"MDL007"}
    assert severe(report) == []
    assert "MDL007" not in ids(look_at(pickle.dumps([pickle.dumps([1])]), "x.pkl"))


def test_mdl007_bad_nesting_without_end_is_stopped() -> None:
    data = INNER
    for _ in range(30):
        data = p4(call(sg("torch.storage", "_load_from_bytes"), raw(data)))
    report = look_at(data, "x.pkl")
    assert flagged(report)
    assert "CHK001" not in ids(report)


# Position: long streams take another path through the machine


@pytest.mark.parametrize("name", [name for name, case in BYPASSES.items() if not name.startswith("s11 after")])
def test_frames_skipped_or_not_the_findings_are_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = BYPASSES[name].stream
    before = look_at(stream, "x.pkl").findings
    monkeypatch.setattr(machine_module, "SKIP_FROM", -1)
    monkeypatch.setattr("assaymark.model.machine.frames._SHORTEST", 0)
    assert {(f.id, f.message) for f in look_at(stream, "x.pkl").findings} == {(f.id, f.message) for f in before}


# Benign


class Colour(enum.Enum):
    RED = 1


Point = collections.namedtuple("Point", "x y")

PLAIN: dict[str, object] = {
    "none": None,
    "numbers": [0, -1, 255, 256, 65_536, 2**31, -(2**63), 10**40, 1.5, float("nan"), float("inf"), 1j, True, False],
    "texts": ["", "a", "é", "模" * 300, "\ud800", "x" * 70_000, "line\nline", "'\"\\"],
    "bytes": [b"", b"abc", bytes(range(256)) * 300, bytearray(b"abc")],
    "containers": [(), (1,), (1, 2, 3, 4), [], {}, {1: {2: {3: [4]}}}, set(), {1, 2}, frozenset({1}), [[[[[]]]]]],
    "ordered dict": collections.OrderedDict(a=1, b=[1, 2]),
    "counter": collections.Counter("abracadabra"),
    "default dict": collections.defaultdict(list, a=[1]),
    "default dict of dict": collections.defaultdict(dict),
    "deque": collections.deque([1, 2], maxlen=5),
    "times": [
        datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC), datetime.date(2026, 1, 1), datetime.time(1, 2),
        datetime.timedelta(1), datetime.timezone(datetime.timedelta(hours=2)),
    ],
    "decimal": [decimal.Decimal("1.5"), fractions.Fraction(1, 3)],
    "uuid": uuid.UUID(int=5),
    "range and slice": [range(10), slice(1, 2, 3)],
    "path": pathlib.PurePosixPath("a/b"),
    "shared": [[1]] * 50,
}  # fmt: skip
ARRAYS: dict[str, object] = {
    "float": np.arange(12, dtype="f4").reshape(3, 4),
    "fortran": np.asfortranarray(np.ones((3, 4))),
    "empty": np.zeros((0, 5)),
    "bool, half, complex": [np.ones(3, "?"), np.ones(3, "f2"), np.ones(3, "c16")],
    "big endian": np.ones(3, ">i4"),
    "texts": np.array(["a", "bcd"]),
    "bytes": np.array([b"a", b"bcd"]),
    "times": np.array(["2026-01-01"], "M8[D]"),
    "records": np.array([(1, 2.5, "x")], dtype=[("a", "i4"), ("b", "f8"), ("c", "U3")]),
    "objects": np.array([1, "a", None, [1, 2]], dtype=object),
    "scalars": [np.float32(1.5), np.int64(3), np.bool_(True), np.str_("x"), np.datetime64("2026-01-01")],  # noqa: FBT003
    "dtypes": [np.dtype("f4"), np.dtype([("a", "i4")]), np.dtype("M8[ns]"), np.dtype("V8")],
    "masked": np.ma.masked_array([1, 2], mask=[True, False]),
    "generator": np.random.default_rng(1),
    "old generator": np.random.RandomState(1),
    "large": np.zeros(200_000),
}


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_mdl001_good_plain_data(name: str, protocol: int) -> None:
    report = look_at(pickle.dumps(PLAIN[name], protocol), "x.pkl")
    assert report.formats == ("pickle",)
    assert severe(report) == []


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_mdl001_good_arrays(name: str, protocol: int) -> None:
    assert severe(look_at(pickle.dumps(ARRAYS[name], protocol), "x.pkl")) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4) | st.tuples(inner, inner),
    max_leaves=30,
)


@given(JSON, st.sampled_from(PROTOCOLS))
@settings(max_examples=100, deadline=None)
def test_mdl002_good_any_plain_data(value: object, protocol: int) -> None:
    assert severe(look_at(pickle.dumps(value, protocol), "x.pkl")) == []


def test_mdl006_good_large_plain_data() -> None:
    """Long enough that frames are passed over."""
    rows = [{"id": n, "name": f"name {n}", "values": [n / 7, -n, None], "tags": ("a", "b")} for n in range(20_000)]
    for protocol in PROTOCOLS:
        report = look_at(pickle.dumps(rows, protocol), "x.pkl")
        assert (severe(report), report.formats) == ([], ("pickle",))


# joblib


COMPRESSORS = ["raw", "zlib", "gzip", "bz2", "xz", "lzma", "lz4"]


def joblib_dump(value: object, compressor: str) -> bytes:
    if compressor == "raw":
        file = io.BytesIO()
        joblib.dump(value, file)
        return file.getvalue()
    packers: dict[str, Callable[[bytes], bytes]] = {
        "zlib": zlib.compress, "gzip": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress,
        "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE), "lz4": _lz4,
    }  # fmt: skip
    return packers[compressor](joblib_dump(value, "raw"))


def _lz4(data: bytes) -> bytes:
    import lz4.frame

    packed: bytes = lz4.frame.compress(data)
    return packed


@pytest.mark.parametrize("compressor", COMPRESSORS)
@pytest.mark.parametrize("name", ["float", "fortran", "empty", "texts", "times", "records", "objects", "masked", "large"])
def test_mdl001_good_joblib(name: str, compressor: str) -> None:
    data = joblib_dump({"array": ARRAYS[name], "again": [ARRAYS[name], {"x": 1}]}, compressor)
    assert severe(look_at(data, "x.joblib")) == []


@pytest.mark.parametrize("compressor", COMPRESSORS[1:])
def test_mdl001_good_joblib_compresses_itself(compressor: str, tmp_path: pathlib.Path) -> None:
    joblib.dump([ARRAYS["float"], ARRAYS["objects"]], tmp_path / "x.joblib", compress=(compressor, 3))
    assert severe(look_at((tmp_path / "x.joblib").read_bytes(), "x.joblib")) == []


class Cwd:
    """Asks where it is when it is loaded."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.getcwd, ()


@pytest.mark.parametrize("compressor", COMPRESSORS)
@pytest.mark.parametrize("place", ["before", "after", "inside an object array"])
def test_mdl001_bad_joblib_around_arrays(compressor: str, place: str, tmp_path: pathlib.Path) -> None:
    numbers = np.arange(30.0)
    value = {
        "before": [Cwd(), numbers],
        "after": [numbers, numbers, Cwd()],
        "inside an object array": [numbers, np.array([1, Cwd()], dtype=object)],
    }[place]
    data = joblib_dump(value, compressor)
    assert "MDL001" in ids(look_at(data, "x.joblib"))
    (tmp_path / "x.joblib").write_bytes(data)
    assert os.getcwd() in str(joblib.load(tmp_path / "x.joblib"))  # it is real


# scikit-learn


def fitted() -> dict[str, object]:
    from sklearn.cluster import KMeans
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestRegressor
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    from sklearn.svm import SVC

    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, 3)), np.array([0, 1] * 20)
    words = ["good model", "bad model", "good data", "bad data"] * 10
    columns = ColumnTransformer([("n", StandardScaler(), [0, 1]), ("c", OneHotEncoder(handle_unknown="ignore"), [2])])
    return {
        "pipeline": make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y),
        "forest": RandomForestRegressor(3).fit(x, y),
        "boosting": GradientBoostingClassifier(n_estimators=3).fit(x, y),
        "search": GridSearchCV(SVC(), {"C": [1.0, 2.0]}, cv=2).fit(x, y),
        "clusters": KMeans(2, n_init=1).fit(x),
        "neighbours": KNeighborsClassifier().fit(x, y),
        "network": MLPClassifier((4,), max_iter=400, tol=1.0).fit(x, y),
        "text": make_pipeline(TfidfVectorizer(), MultinomialNB()).fit(words, y),
        "columns": columns.fit(x.round()),
    }


@pytest.fixture(scope="module")
def estimators() -> dict[str, object]:
    return fitted()


@pytest.mark.parametrize("form", ["2", "4", "5", "raw", "zlib"])
def test_mdl001_good_fitted_estimators(estimators: dict[str, object], form: str) -> None:
    for name, estimator in estimators.items():
        data = pickle.dumps(estimator, int(form)) if form.isdigit() else joblib_dump(estimator, form)
        assert severe(look_at(data, f"{name}.pkl")) == [], name


# Bounds


def within(megabytes: int, make: Callable[[], bytes]) -> set[str] | None:
    """Ids that a look gives in a process that may take so much more memory; None when it did not come to an end."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()

    def child() -> None:
        data = make()
        with open("/proc/self/statm", encoding="ascii") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (megabytes << 20),) * 2)
        theirs.send(ids(look_at(data, "x.pkl")))

    process = context.Process(target=child)
    process.start()
    theirs.close()
    try:
        answer: set[str] | None = ours.recv()
    except EOFError:
        answer = None
    process.join()
    return answer


MILLION = 1_000_000
HEAVY: dict[str, Callable[[], bytes]] = {
    "a million memo slots": lambda: PROTO4 + b"](" + b"N\x940" * MILLION + b"e.",
    "a million texts in the memo": lambda: PROTO4 + b"".join(b"\x8c\x07%07d\x940" % n for n in range(MILLION)) + b"N.",
    "a million nested marks": lambda: PROTO4 + b"(" * MILLION + b"N.",
    "a million marks, closed": lambda: PROTO4 + b"(" * MILLION + b"t" * MILLION + b".",
    "a million nested tuples": lambda: PROTO4 + b")" + b"\x85" * MILLION + b".",
    "a million nested lists": lambda: PROTO4 + b"]\x94" + b"]\x94h\0a" * MILLION + b".",
    "a million values on the stack": lambda: PROTO4 + b"K\1" * MILLION + b".",
    "many dangerous names": lambda: b"".join(b"cos\nx%d\n0" % n for n in range(MILLION // 4)) + b"N.",
    "a million instances": lambda: PROTO4 + sg("collections", "OrderedDict") + b"\x94" + b"h\0)R0" * MILLION + b".",
    "ten thousand streams": lambda: b"\x80\x04N." * 10_000,
    "a text of 64 MB": lambda: PROTO4 + b"\x8d" + (64 << 20).to_bytes(8, "little") + bytes(64 << 20) + b".",
    "a line of 64 MB": lambda: b"S'" + b"x" * (64 << 20) + b"'\n.",
    "slots far apart": lambda: PROTO4 + b"".join(b"Nr%b0" % (n * 40_000).to_bytes(4, "little") for n in range(100_000)) + b"N.",
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("name", HEAVY)
def test_memory_does_not_grow_with_the_stream(name: str) -> None:
    found = within(150, HEAVY[name])
    assert found is not None
    assert "CHK001" not in found


def test_a_million_of_anything_is_still_followed() -> None:
    for filler in (b"N\x940", b"(0", b")\x850", b"]K\1a0"):
        assert "MDL001" in ids(look_at(PROTO4 + filler * (MILLION // 4) + RUN + b".", "x.pkl"))
