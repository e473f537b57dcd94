"""Pickles: what is published to pass scanners is seen, and what libraries write is not complained of."""

import collections
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from assaymark.core.scan import FileReport
from assaymark.model.machine import machine as machine_module
from tests.conftest import ids, look_at, severe
from tests.model.bypasses import BYPASSES, GETCWD, INNER, NEW_BAG, PROTO4, Bypass, call, g, p4, raw, sg, text

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


@pytest.mark.parametrize(
    "stream", [b"N.", pickle.dumps([1, "os", "system"]), PROTO4 + GETCWD + b".", b"cos\nnothing\n.", b"garbage"]
)
def test_the_proof_can_fail(child: Child, stream: bytes) -> None:
    assert not child.executes(Bypass(stream))


@pytest.mark.parametrize("name", [name for name in BYPASSES if name.startswith(("s5", "s6", "s7"))])
def test_mdl001_bad_the_target_is_named(name: str) -> None:
    """Where nothing is computed, the finding says what is run."""
    assert any(
        "posix.getcwd" in m or "getoutput" in m or "eval" in m or "os.getcwd" in m or "loads" in m
        for m in messages(BYPASSES[name].stream, "MDL001")
    )


# MDL001: dangerous


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("function", [os.system, eval, exec, subprocess.Popen, __import__, compile, os.popen])
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
    for data in (
        b"c" + long + b"\ngetcwd\n)R.",
        b"N0g" + long + b"\n.",
        b"Np" + long + b"1\n.",
        b"S" + long + b"\n.",
        b"cos\n" + long,
    ):
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
    [
        ("collections", "NoSuchThing"),
        ("collections.abc", "OrderedDict"),
        ("Collections", "OrderedDict"),
        ("numpy.core", "dtype"),
        ("", ""),
        ("é", "é"),
    ],
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


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "value",
    [
        ("text", "upper"),
        (os, "system"),
        ([], "append"),
        (collections.OrderedDict, "__subclasses__"),
        (np.zeros(2), "tofile"),
    ],
    ids=lambda value: value[1],
)
def test_mdl004_bad_attributes_by_name(protocol: int, value: tuple[object, str]) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return getattr, value

    class Module:
        def __reduce__(self) -> tuple[object, ...]:
            return __import__, ("os",)

    if value[0] is os:
        value = (Module(), "system")
    assert flagged(look_at(pickle.dumps(Evil(), protocol), "m.pkl"))


def test_mdl004_bad_a_callable_stored_under_a_hook() -> None:
    for hook in ("__setstate__", "append", "extend", "add", "__reduce_ex__", "__call__", "__del__"):
        assert "MDL004" in ids(
            look_at(p4(NEW_BAG, b"}", text(hook), sg("collections", "OrderedDict"), b"sb"), "x.pkl")
        ), hook


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
    tensor = call(
        sg("torch._utils", "_rebuild_tensor_v2"),
        storage,
        b"K\0",
        b"K\x03\x85",
        b"K\1\x85",
        b"\x89",
        sg("collections", "OrderedDict") + b")R",
    )
    return p4(sg("collections", "OrderedDict"), b")R", text("weight"), tensor, b"s")


def test_mdl005_good_a_tensor_storage() -> None:
    assert severe(look_at(torch_tensor(), "data.pkl")) == []


# MDL006: trailing bytes


@pytest.mark.parametrize(
    "rest", [b"trailing", b"\x7fELF" + bytes(60), bytes(5_000), os.urandom(300) + b"\xff", b"N", b"\x00\x01"]
)
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
    assert "MDL004" in ids(
        look_at(p4(call(sg("torch.storage", "_load_from_bytes"), call(sg("builtins", "bytes"), b"]"))), "x.pkl")
    )


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
