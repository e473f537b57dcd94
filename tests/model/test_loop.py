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
from assaymark.model.machine import Machine, Result
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


def account(stream: bytes, *, reference: bool) -> tuple[object, ...]:
    """All that the machine says of a stream."""
    result = Result()
    machine = Machine(Bytes(stream), 0, Budget(monotonic=lambda: 0.0, spool=FileSpool), result)
    fault = None
    try:
        by_the_handlers(machine) if reference else machine.run()
    except AssayError as error:
        fault = type(error), error.offset if isinstance(error, Malformed) else None
        if not reference and error.__cause__ is not None:
            fault = Malformed, machine.at  # CutOff or not: the loop looks where the input ends
    end = machine.reader.offset if fault is None else None
    return result.events, result.effects, result.nested, machine.wanted, machine.memo.size, len(machine.stack), end, fault


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
    for stream in streams(20261125, 6_000):
        for cut in (len(stream), len(stream) // 2):
            assert account(stream[:cut], reference=False) == account(stream[:cut], reference=True), stream.hex()


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


def test_containers_become_active_with_what_enters_them() -> None:
    for fill in (b"]cos\nsystem\na", b"](cos\nsystem\ne", b"}(X\1\0\0\0acos\nsystem\nu", b"}X\1\0\0\0acos\nsystem\ns"):
        call = b"cdatetime\ntimedelta\n" + fill + b"\x85R."
        events, *_ = account(call, reference=False)
        assert {event.kind for event in events.values()} == {"import", "dangerous", "misuse"}, fill


def test_a_container_that_is_on_the_stack_twice_and_filled_within_another() -> None:
    stream = b"cdatetime\ntimedelta\n]2\x85q\x000cos\nsystem\na0]h\x00aR."
    assert account(stream, reference=False) == account(stream, reference=True)
