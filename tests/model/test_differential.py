"""Our machine against CPython's unpicklers: whatever global they ask for, we saw it too."""

import collections
import contextlib
import datetime
import decimal
import json
import os
import pickle
import random
import subprocess
import sys
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Iterator

import pytest

from assaymark.core.blob import Bytes
from assaymark.core.budget import Budget
from assaymark.core.errors import AssayError
from assaymark.model.machine import Machine, Result
from assaymark.model.machine import machine as machine_module

STREAMS = int(os.environ.get("ASSAY_DIFFERENTIAL_STREAMS", "6000"))


@pytest.fixture(scope="module")
def genuine() -> Iterator["Genuine"]:
    child = Genuine()
    yield child
    child.close()


class Genuine:
    """The locked-down child; a stream that kills it counts as one that asked for nothing more."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        script = os.path.join(os.path.dirname(__file__), "genuine.py")
        self.child = subprocess.Popen(
            [sys.executable, "-I", script],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={},
        )  # fmt: skip

    def asked(self, stream: bytes) -> list[tuple[str, str]]:
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        try:
            self.child.stdin.write(stream.hex() + "\n")
            self.child.stdin.flush()
            answer = self.child.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            self.close()
            self.start()
            return []
        return [(module, name) for module, name in json.loads(answer)]

    def close(self) -> None:
        self.child.kill()
        self.child.wait()
        for pipe in (self.child.stdin, self.child.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def seen(stream: bytes) -> tuple[set[tuple[str, str]], bool]:
    """Names that our machine noted, and whether it noted a name that it could not follow."""
    result = Result()
    keep: frozenset[int] = frozenset()
    for _ in range(3):
        machine = Machine(Bytes(stream), 0, Budget(monotonic=lambda: 0.0, spool=lambda: None), result, keep=keep)
        with contextlib.suppress(AssayError):
            machine.run()
        if machine.wanted <= keep:
            break
        keep |= machine.wanted
    events = result.events.values()
    return {(e.module, e.name) for e in events}, any(e.kind in {"computed", "extension"} for e in events)


def missed(genuine: Genuine, stream: bytes) -> list[tuple[str, str]]:
    """Globals that CPython asked for and we did not see."""
    names, computed = seen(stream)
    return [
        (module, name)
        for module, name in genuine.asked(stream)
        if not computed
        and (module, name) not in names
        and NAME_MAPPING.get((module, name)) not in names
        and (IMPORT_MAPPING.get(module, module), name) not in names
    ]


NAMES = [
    b"os",
    b"system",
    b"builtins",
    b"eval",
    b"collections",
    b"OrderedDict",
    b"a.b",
    b"x",
    b"\xc3\xa9",
    b"__builtin__",
]


def argument(rng: random.Random, opcode: int) -> bytes:
    """A fitting argument, most of the time."""
    text = rng.choice(NAMES)
    line = lambda b: b + b"\n"  # noqa: E731
    number = rng.choice([b"0", b"1", b"2", b"7", b"0x10", b"010", b"-1", b" 3", b"1_0", b"01", b"00", b"5L"])
    small = bytes([rng.choice([0, 1, 2, 3, 4, 5, 255])])
    table = {
        "c": line(text) + line(rng.choice(NAMES)),
        "i": line(text) + line(rng.choice(NAMES)),
        "I": line(number), "L": line(number), "F": line(rng.choice([b"1.5", b"nan", b"1e5"])),
        "S": line(rng.choice([b"'%b'", b'"%b"', b"'%b\\x41'", b"%b"]) % text), "V": line(text), "P": line(text),
        "p": line(number), "g": line(number), "q": small, "h": small, "r": small + b"\0\0\0", "j": small + b"\0\0\0",
        "K": small, "M": small + b"\0", "J": small * 4, "G": bytes(8),
        "U": bytes([len(text)]) + text, "T": len(text).to_bytes(4, "little") + text,
        "X": len(text).to_bytes(4, "little") + text, "C": bytes([len(text)]) + text,
        "B": len(text).to_bytes(4, "little") + text,
    }  # fmt: skip
    long = {
        0x8C: bytes([len(text)]) + text, 0x8D: len(text).to_bytes(8, "little") + text,
        0x8E: len(text).to_bytes(8, "little") + text, 0x96: len(text).to_bytes(8, "little") + text,
        0x8A: b"\x02\x01\x00", 0x8B: b"\x02\0\0\0\x01\x00", 0x80: bytes([rng.choice([0, 1, 2, 3, 4, 5, 6])]),
        0x95: rng.choice([0, 5, 20, 10**6]).to_bytes(8, "little"), 0x82: b"\x01", 0x83: b"\x01\0", 0x84: b"\x01\0\0\0",
    }  # fmt: skip
    return long.get(opcode) or table.get(chr(opcode), b"")


OPCODES = b"(((()00.12BCFIJKLMNPQRRRSTUVXX]abcccdeghijlopqrstu}\x80\x81\x82\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8c\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x93\x93\x93\x94\x94\x94\x95\x96\x98"


def random_stream(rng: random.Random) -> bytes:
    """Opcodes in no order at all, with a few runs that get somewhere."""
    parts = [bytes((0x80, rng.randrange(6)))] if rng.random() < 0.8 else []
    for _ in range(rng.randrange(1, 40)):
        if rng.random() < 0.35:
            module, name = rng.choice(NAMES), rng.choice(NAMES)
            parts.append(b"\x8c%c%b\x94\x8c%c%b\x94\x93\x94" % (len(module), module, len(name), name))
        if rng.random() < 0.2:
            parts.append(b"(h%ch%c\x93" % (rng.randrange(6), rng.randrange(6)))
        opcode = rng.choice(OPCODES)
        parts.append(bytes((opcode,)) + argument(rng, opcode))
    return b"".join(parts) + b"."


class Thing:
    def __init__(self, value: object) -> None:
        self.value = value


def real_streams(rng: random.Random) -> Iterator[bytes]:
    """What picklers write, cut, spliced and with bits flipped."""
    objects = [
        collections.OrderedDict(a=1), datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), decimal.Decimal("1.5"),
        [Thing(i) for i in range(3)], {"k": Thing({"x": [1, 2, {3}]})}, collections.Counter("abc"), os.getcwd, Thing,
        collections.defaultdict(list, a=[1]), frozenset([1, 2]), bytearray(b"abc"), b"xyz" * 9, 10**40, 1.5, "é" * 9,
    ]  # fmt: skip
    streams = [pickle.dumps(o, protocol) for o in objects for protocol in range(6)]
    yield from streams
    while True:
        stream = bytearray(rng.choice(streams))
        kind = rng.randrange(3)
        if kind == 0:
            for _ in range(rng.randrange(1, 4)):
                stream[rng.randrange(len(stream))] ^= 1 << rng.randrange(8)
        elif kind == 1:
            other = rng.choice(streams)
            stream[rng.randrange(len(stream)) :] = other[rng.randrange(len(other)) :]
        else:
            at = rng.randrange(len(stream))
            opcode = rng.choice(OPCODES)
            stream[at:at] = bytes((opcode,)) + argument(rng, opcode)
        yield bytes(stream)


@pytest.mark.parametrize("skip", [False, True], ids=["stepwise", "frames skipped"])
def test_every_global_that_cpython_asks_for_is_seen(
    genuine: Genuine, skip: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if skip:  # let short streams take the path of long ones too
        monkeypatch.setattr(machine_module, "SKIP_FROM", -1)
        monkeypatch.setattr("assaymark.model.machine.frames._SHORTEST", 0)
    rng = random.Random(20261124 + skip)
    mutated = real_streams(rng)
    for number in range(STREAMS):
        stream = random_stream(rng) if number % 2 else next(mutated)
        assert not missed(genuine, stream), stream.hex()


def test_the_test_can_fail(genuine: Genuine) -> None:
    assert genuine.asked(b"cos\nsystem\n.") == [("os", "system"), ("os", "system")]
    assert missed(genuine, b"cos\nsystem\n.") == []
    assert genuine.asked(b"I0x10\n0cos\nsystem\n.")
