import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.budget import Limits
from assaymark.model.rdata import walk
from tests.conftest import ids, look_at, severe
from tests.model import rwriter as r
from tests.model.hostile_bytes import is_noticed_when_cut, mutations, survives

REAL = Path(__file__).parent / "real" / "rdata"
BENIGN = sorted(path.name for path in REAL.iterdir())
SYSTEM = r.call("system", r.strings("id"))


def found(data: bytes, name: str = "model.rds") -> dict[str, list[str]]:
    report = look_at(data, name)
    assert "CHK001" not in ids(report)
    made: dict[str, list[str]] = {}
    for finding in report.findings:
        made.setdefault(finding.id, []).append(finding.message)
    return made


@pytest.mark.parametrize("name", BENIGN)
def test_real_objects_are_allowed(name: str) -> None:
    """Frames, fitted models with formulas and environments, closures, compiled code, every spelling and compression."""
    report = look_at((REAL / name).read_bytes(), name)
    assert severe(report) == []
    assert "rdata" in report.formats


def test_mdl180_bad_promise_at_the_top() -> None:
    """CVE-2024-27322: R 4.2.2 runs it on `x <- readRDS(f); x` (seen with a marker file)."""
    assert found(r.rds(r.promise(SYSTEM)))["MDL180"] == ["a promise calls system, which starts a program"]


@pytest.mark.parametrize("version", [2, 3])
def test_mdl180_bad_promise_of_any_function(version: int) -> None:
    """The function need not be on a list: `file.create` made the marker file as well."""
    assert "MDL180" in found(r.rds(r.promise(r.call("file.create", r.strings("m"))), version))


def test_mdl180_bad_promise_in_a_workspace() -> None:
    """Seen to run on `load(f); model` in R 4.2.2."""
    assert "MDL180" in found(r.rdata(r.promise(SYSTEM), names=("model",)), "work.RData")
    assert "MDL180" in found(r.rdata(r.promise(SYSTEM), names=(".Random.seed",)), "work.RData")


def test_mdl180_bad_promise_in_a_list_or_attribute() -> None:
    """Seen to run on `y <- x[[1]]; y` in R 4.2.2."""
    assert "MDL180" in found(r.rds(r.vector(r.real(1.0), r.promise(SYSTEM))))
    assert "MDL180" in found(r.rds(r.flags(14, attr=True) + r.word(0) + r.pairs(r.promise(SYSTEM), tags=("a",))))


def test_mdl180_bad_promise_calls_through_a_namespace() -> None:
    head = r.lang(r.sym("::"), r.sym("base"), r.sym("system"))
    assert "MDL180" in found(r.rds(r.promise(r.lang(head, r.strings("id")))))


def test_mdl180_bad_promise_with_compiled_code() -> None:
    code = r.flags(21) + r.word(1) + r.flags(13) + r.word(0) + r.word(0)
    assert "MDL180" in found(r.rds(r.promise(code)))


def test_mdl180_bad_promise_in_an_environment_that_starts_a_program() -> None:
    """Seen to run on `x$a` in R 4.2.2."""
    assert "MDL180" in found(r.rds(r.environment(r.pairs(r.promise(SYSTEM), tags=("a",)))))


def test_mdl180_bad_compressed() -> None:
    assert "MDL180" in found(gzip.compress(r.rds(r.promise(SYSTEM))))


def test_mdl180_bad_before_it_breaks() -> None:
    """What was read before the fault counts."""
    assert "MDL180" in found(r.rds(r.vector(r.promise(SYSTEM), b"\0\0\0\x63")))


def test_mdl180_good_promise_that_has_its_value() -> None:
    """Evaluated arguments of honest functions keep their expression; R never runs it again."""
    assert "MDL180" not in found(r.rds(r.promise(r.call("file.create"), r.real(1.0), env=False)))


def test_mdl180_good_promise_of_a_variable() -> None:
    assert found(r.rds(r.environment(r.pairs(r.promise(r.sym("x")), tags=("a",))))) == {}


def test_mdl181_bad_formula_that_starts_a_program() -> None:
    """`model.frame(x, data)`, which `predict` calls, was seen to run it in R 4.2.2."""
    assert "MDL181" in found(r.rds(r.call("~", r.sym("y"), SYSTEM)))


def test_mdl181_bad_do_call_by_name() -> None:
    assert "MDL181" in found(r.rds(r.call("do.call", r.strings("system"), r.call("list", r.strings("id")))))
    head = r.lang(r.sym("::"), r.sym("base"), r.sym("do.call"))
    assert "MDL181" in found(r.rds(r.lang(head, r.strings("system"))))


def test_mdl181_bad_function_that_is_called_where_it_stands() -> None:
    assert "MDL181" in found(r.rds(r.lang(r.closure(SYSTEM))))


def test_mdl181_good_formula() -> None:
    formula = r.call("~", r.sym("mpg"), r.call("+", r.call("log", r.sym("url")), r.sym("system")))
    assert found(r.rds(formula)) == {}


def test_mdl182_bad_function_that_starts_a_program() -> None:
    assert "MDL182" in found(r.rds(r.closure(SYSTEM)))


def test_mdl182_bad_argument_that_acts_when_it_is_read() -> None:
    """`x$a` was seen to make the file in R 4.2.2."""
    acts = r.promise(r.call("c", r.call("file.create", r.strings("m"))))
    assert "MDL182" in found(r.rds(r.environment(r.pairs(acts, tags=("a",)))))


def test_mdl182_bad_compiled_argument_that_is_not_its_source() -> None:
    code = r.flags(21) + r.word(1) + r.flags(13) + r.word(0) + r.word(1) + r.word(1) + r.sym("file.create")
    assert "MDL182" in found(r.rds(r.environment(r.pairs(r.promise(code), tags=("a",)))))


def test_mdl182_bad_formula_that_makes_code_of_text() -> None:
    assert "MDL182" in found(r.rds(r.call("~", r.call("eval", r.call("parse", r.strings("system('id')"))))))


def test_mdl182_bad_function_that_makes_code_of_text() -> None:
    assert "MDL182" in found(r.rds(r.closure(r.call("eval", r.call("parse", r.strings("x"))))))
    assert "MDL182" not in found(r.rds(r.closure(r.call("eval", r.call("readRDS", r.sym("file"))))))


def test_mdl182_good_function_that_computes() -> None:
    assert "MDL182" not in found(r.rds(r.closure(r.call("+", r.sym("x"), r.real(1.0)))))


def test_mdl183_bad_function() -> None:
    assert found(r.rds(r.closure(r.sym("x"))))["MDL183"] == ["1 function"]


def test_mdl183_bad_active_binding() -> None:
    frame = r.pairs(r.closure(r.sym("x")), tags=("a",), levels=1 << 15)
    assert len(found(r.rds(r.environment(frame)))["MDL183"]) == 2


def test_mdl183_good_frame() -> None:
    assert found((REAL / "frame.rds").read_bytes()) == {}


def test_mdl184_bad_first() -> None:
    """R calls `.First` of an `.RData` in the folder that it is started in."""
    assert "MDL184" in found(r.rdata(r.real(1.0), r.closure(r.sym("x")), names=("a", ".First")), "x.RData")


def test_mdl184_good_names() -> None:
    assert "MDL184" not in found(r.rdata(r.real(1.0), r.strings(".First"), names=("a", "First")), "x.RData")


def test_mdl185_bad_mapped_file() -> None:
    """R 4.2.2 reaches `mmap_Unserialize` for it."""
    info = r.pairs(r.sym("mmap_integer"), r.sym("base"), r.flags(13) + r.word(1) + r.word(13))
    state = r.pairs(r.strings("/etc/passwd"))
    assert "MDL185" in found(r.rds(r.flags(238) + info + state + r.flags(254)))


def test_mdl185_bad_package_by_path() -> None:
    name = r.flags(249) + r.word(0) + r.word(2) + r.char("../../tmp/evil") + r.char("1.0")
    assert "MDL185" in found(r.rds(name))


def test_mdl185_good_compact_sequence_and_namespace() -> None:
    info = r.pairs(r.sym("compact_intseq"), r.sym("base"), r.flags(13) + r.word(1) + r.word(13))
    sequence = r.flags(238) + info + r.real(3, 1, 1) + r.flags(254)
    namespace = r.flags(249) + r.word(0) + r.word(2) + r.char("stats") + r.char("4.2.2")
    assert found(r.rds(r.vector(sequence, namespace))) == {}


@pytest.mark.parametrize(
    "item",
    [
        (r.flags(19) + r.word(1)) * 100_000 + r.flags(254),
        (r.flags(19, attr=True) + r.word(0)) * 100_000 + r.flags(254),
        r.flags(6) * 100_000 + r.flags(254) * 100_001,
    ],
    ids=["lists", "attributes", "calls"],
)
def test_depth_costs_nothing(item: bytes) -> None:
    assert found(r.rds(item)) == {}


@pytest.mark.parametrize(
    "item",
    [
        r.flags(19) + r.word(2**31 - 1),
        r.flags(13) + r.word(-1) + r.word(2**30) + r.word(0),
        r.flags(16) + r.word(-5),
        r.flags(255) + r.word(7),
        r.flags(99),
        r.flags(16) + r.word(1) + r.flags(9) + r.word(2**31 - 1),
    ],
    ids=["list", "long vector", "negative", "reference", "type", "text"],
)
def test_declared_sizes_are_held_against_the_file(item: bytes) -> None:
    assert "CHK002" in found(r.rds(item))


def test_what_follows_the_object_is_looked_at() -> None:
    assert "MDL001" in found(r.rds(r.real(1.0)) + b"cposix\nsystem\n(S'id'\ntR.")
    assert "CHK005" in found(r.rds(r.real(1.0)) + b"\x01\x02\x03\xff")


def test_ascii_spelling() -> None:
    text = b"A\n2\n262146\n131840\n1029\n253\n252\n6\n1\n262153\n6\nsystem\n2\n16\n1\n262153\n2\nid\n254\n"
    assert "MDL180" in found(text)


def test_ascii_escapes() -> None:
    """A backslash before a digit that is not octal stands for the digit."""
    assert found(b"A\n2\n262146\n131840\n262153\n3\n\\8\\101a\n", "x.rds") == {}


def test_cut_off_anywhere() -> None:
    """The last number of the ASCII spelling (254, NULL) cut short is another number: a whole object again."""
    is_noticed_when_cut((REAL / "native.rds").read_bytes(), "native.rds", 3)
    is_noticed_when_cut((REAL / "ascii.rds").read_bytes()[:-4], "ascii.rds", 3)


SEEDS = [r.rds(r.vector(r.promise(SYSTEM), r.closure(SYSTEM), r.environment(r.pairs(r.real(1), tags=("a",)))))] + [
    gzip.decompress((REAL / name).read_bytes()) for name in ("all.rds", "lm_compiled.rds", "all_ascii.rds")
]


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(SEEDS).flatmap(mutations))
def test_any_input_gives_a_report(data: bytes) -> None:
    survives(data, "x.rds")


TEXT = b"A\n2\n262146\n131840\n1029\n253\n252\n6\n1\n262153\n6\nsystem\n2\n16\n1\n262153\n2\nid\n254\n"


@pytest.mark.parametrize("data", [b"\n" + TEXT, b"A " + TEXT[2:], b"A\n " + TEXT[2:], TEXT.replace(b"\n", b"\r\n")])
def test_mdl180_bad_text_that_begins_oddly(data: bytes) -> None:
    """R's reader takes the spelling from the first byte alone and skips white space (InFormat, InWord)."""
    assert "MDL180" in found(data)
    assert "MDL180" in found(gzip.compress(data))
    assert "MDL180" in ids(look_at(data, "model.dat"))


@pytest.mark.parametrize("data", [b"A\t2\t3\t4\n", b"A,2,262146,131840\n", b"X marks the spot\n", b"\nA\n2 of them\n"])
def test_tables_and_prose_are_no_r_objects(data: bytes) -> None:
    assert not ids(look_at(data, "notes.dat"))


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "_PENDING", 50_000)
    item = r.flags(6) * 100_000 + r.flags(254) * 100_001
    assert "CHK003" in found(r.rds(item))


def test_long_texts_and_vectors_ask_for_time() -> None:
    past = Limits(seconds=-1.0)
    for item in (b"14\n60000\n" + b"1\n" * 60_000, b"16\n1\n9\n60000\n" + b"a" * 60_000 + b"\n"):
        data = b"A\n2\n262146\n131840\n" + item
        assert "CHK003" in ids(look_at(data, "x.rds", past))
