"""The quick ways through a stream (loop.py, frames.py) say what the handlers say, one opcode after the other."""

import collections
import datetime
import pickle
import random
import struct
import time

import pytest

from assaymark.core.blob import Bytes
from assaymark.core.budget import Budget
from assaymark.core.errors import AssayError, Malformed
from assaymark.core.format import Context
from assaymark.model.formats.pickle import PickleView, parse
from assaymark.model.machine import Machine, Result, loop
from assaymark.model.machine import machine as machine_module
from assaymark.model.machine.opcodes import HANDLERS, Stop
from assaymark.storage.spool import FileSpool
from tests.model.test_differential import random_stream, real_streams


def by_the_handlers(machine: Machine) -> None:
    """What loop.interpret does, without doing anything in place."""
    reader = machine.reader
    try:
        while True:
            if reader.pos >= reader.limit and not reader.pause():
                machine.misaligned("reaches over the end of its frame")
            machine.at = reader.offset
            machine.opcode = reader.buf[reader.pos]
            reader.pos += 1
            HANDLERS[machine.opcode](machine)
    except Stop:
        return
    except (IndexError, ValueError, struct.error) as error:
        raise Malformed("bad argument", offset=machine.at) from error


def account(stream: bytes) -> tuple[object, ...]:
    """All that the machine says of a stream."""
    result = Result()
    machine = Machine(Bytes(stream), 0, Budget(monotonic=lambda: 0.0, spool=FileSpool), result)
    fault = None
    try:
        machine.run()
    except Malformed as error:
        fault = error.offset
    memo, end = machine.memo.size, machine.reader.offset if fault is None else None
    return result.events, result.effects, result.nested, machine.wanted, memo, len(machine.stack), end, fault


def view(stream: bytes) -> tuple[PickleView, str]:
    """The view of a stream, and what stopped it."""
    budget = Budget(monotonic=time.monotonic, spool=FileSpool)
    found = None
    try:
        for item in parse(Bytes(stream), Context(budget, "x.pkl")):
            found = found or item
    except AssayError as error:
        return found, error.message
    return found, ""


def streams(seed: int, count: int) -> list[bytes]:
    rng = random.Random(seed)
    real = real_streams(rng)
    return [random_stream(rng) if number % 2 else next(real) for number in range(count)]


@pytest.fixture
def skipping(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Streams of any length take the path of long ones."""
    monkeypatch.setattr(machine_module, "SKIP_FROM", -1)
    return monkeypatch


def test_in_place_is_the_same_as_by_the_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_module, "SKIP_FROM", 1 << 60)
    whole = streams(20261125, 6_000)
    samples = [*whole, *(stream[: len(stream) // 2] for stream in whole), *BY_HAND]
    said = [account(stream) for stream in samples]
    monkeypatch.setattr(loop, "interpret", by_the_handlers)
    for stream, account_in_place in zip(samples, said, strict=True):
        assert account_in_place == account(stream), stream.hex()


BY_HAND = [
    b"cdatetime\ntimedelta\n]2\x85q\x000cos\nsystem\na0]h\x00aR.",
    b"(K\x01u.", b"}(K\x01u.", b"}(K\x01K\x02u.", b"(e.", b"](e.", b"]K\x01a.", b"K\x01a.", b"(]K\x01a.", b"(K\x01\x86.",
    b"X\3\0\0\0ab", b"X\xff\xff\xff\xff", b"X\2\0\0\0\xc3\xa9q\x00h\x00.", b"\x8c\xffa", b"\x8c", b"q\x00.", b"Nq", b"h", b"h\x01.",
    b"G\0\0", b"M\0", b"J\0", b"j\0", b"(N2q\x05\x94h\x05.", b"\x80\x04\x95\2\0\0\0\0\0\0\0K\x01K\x02.",
    b"\x80\x04\x95\1\0\0\0\0\0\0\0K\x01K\x02.",
]  # fmt: skip
"""Where doing it in place stops short of its end, its mark or its frame."""


def rows() -> list[object]:
    rng = random.Random(7)
    return [
        {
            "id": i, "name": f"n{i}", "box": (1, i, rng.random()), "tags": ["a"] * (i % 4), "none": None, "ok": True,
            **({"at": datetime.datetime(2026, 1, 1 + i % 28, tzinfo=datetime.UTC)} if i % 4 == 0 else {}),
            **({"order": collections.OrderedDict(a=i, b=[i])} if i % 8 == 0 else {}),
        }
        for i in range(60)
    ]  # fmt: skip


@pytest.mark.parametrize("protocol", range(6))
def test_skipping_frames_is_the_same_as_interpreting_them(protocol: int, skipping: pytest.MonkeyPatch) -> None:
    stream = pickle.dumps(rows(), protocol)
    variants = [stream, stream[:-1] + b"0cos\nsystem\n.", stream[: len(stream) * 2 // 3]]
    skipped = [view(variant) for variant in variants]
    skipping.setattr(machine_module, "SKIP_FROM", 1 << 60)
    assert skipped == [view(variant) for variant in variants]


def test_a_name_from_within_a_skipped_frame_is_known(skipping: pytest.MonkeyPatch) -> None:
    words = [f"word {i}" for i in range(20)] + ["collections", "OrderedDict"]
    stream = pickle.dumps(words, 4)[:-1] + b"0h\x15h\x16\x93)R."
    events = [(event.kind, event.module, event.name) for event in view(stream)[0].events]
    assert events == [("import", "collections", "OrderedDict")]


@pytest.mark.parametrize("fill", [b"]%sa", b"](%se", b"}(X\1\0\0\0a%su", b"}X\1\0\0\0a%ss"])
def test_containers_become_active_with_what_enters_them(fill: bytes) -> None:
    call = b"cdatetime\ntimedelta\n" + fill.replace(b"%s", b"cos\nsystem\n") + b"\x85R."
    assert {event.kind for event in account(call)[0].values()} == {"import", "dangerous", "misuse"}  # type: ignore[attr-defined]


HIDDEN = {
    "list in a tuple": b"]q\x00\x85q\x010h\x00%sa0h\x01",
    "list in a tuple of many": b"(]q\x00" + b"K\x01" * 70 + b"tq\x010h\x00%sa0h\x01",
    "dict of protocol 0": b"(" + b"K\x01K\x02" * 40 + b"dq\x01X\1\0\0\0a%ss\x85",
    "list of protocol 0": b"(" + b"K\x01K\x02" * 40 + b"lq\x01%sa\x85",
    "list in a frozenset": b"(" + b"K\x01" * 70 + b"]q\x00\x91q\x010h\x00%sa0h\x01\x85",
}


@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.parametrize("limit", [-1, 1 << 60], ids=["frames skipped", "stepwise"])
def test_a_class_smuggled_into_an_argument_is_seen(name: str, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_module, "SKIP_FROM", limit)
    stream = b"cdatetime\ntimedelta\n" + HIDDEN[name].replace(b"%s", b"ccollections\nOrderedDict\n") + b"R."
    assert "misuse" in {event.kind for event in view(stream)[0].events}
