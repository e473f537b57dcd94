"""The child: CPython's own C unpickler, with inert stand-ins for everything that a stream imports.

Request: `<IQI`, a number, size of the data and how many streams to read, then the data. Answer: `<I`, its length, then
JSON: `[number, spent, [asked, persistent, end, stopped], …]`, a list a stream; `spent`: the memory of this
process is, and it ends here.
"""

import gc
import io
import itertools
import json
import os
import signal
import struct
from _pickle import Unpickler
from typing import NoReturn

from assaymark.sandbox.lockdown import Refused, lock_down, settle

REQUEST = struct.Struct("<IQI")
ANSWER = struct.Struct("<I")
_PIECE = 1 << 20
_MEMORY = 640 << 20
"""Bytes that a stream's objects may take: what libraries write takes some five times its size."""
_SECONDS = 2.0
"""CPU seconds for a request, and as many more as it has pieces of BYTES_A_SECOND."""
_BYTES_A_SECOND = 8 << 20
_SECONDS_IN_ALL = 36_000
MOST_GLOBALS = 10_000
_LONGEST = 4_096
_GARBAGE_FROM = 1 << 16
"""A stream this long, in bytes, may leave much garbage in cycles; short ones are cleaned up after by the hundred."""


class _Anything(type):
    """A class that takes items."""

    def __setitem__(cls, key: object, value: object) -> None:
        pass


class Stand(metaclass=_Anything):
    """Stands for any class, function or object: it can be called, built, filled and hashed, and nothing happens.

    `id` does no harm, takes one argument and, being a builtin, is the same on the class and on an instance.
    """

    __slots__ = ()
    __setstate__ = append = extend = add = id

    def __new__(cls, *_arguments: object, **_keywords: object) -> "Stand":  # noqa: PYI034 - it is the one there is
        """Called as a class: REDUCE, NEWOBJ, INST and the like."""
        return THING

    def __call__(self, *_arguments: object, **_keywords: object) -> "Stand":
        """Called as the result of a call."""
        return THING

    def __setitem__(self, key: object, value: object) -> None:
        pass


THING: Stand = object.__new__(Stand)


_GENUINE: dict[tuple[str, str], object] = {
    (module, kind.__name__): kind
    for module in ("builtins", "__builtin__")
    for kind in (tuple, list, dict, set, frozenset)
}
"""Builtin containers are what they are: their results are used as arguments, where a stand-in would end the reading."""


class Recorder(Unpickler):
    """Remembers what a stream reaches.

    `latin1` decodes any byte: it reads whatever a loader with another encoding reads, and goes on where those fail.
    """

    def __init__(self, file: "io.BufferedReader[io.BytesIO]") -> None:
        super().__init__(file, encoding="latin1", buffers=itertools.repeat(bytearray()))
        self.file = file
        self.asked: dict[tuple[str, str], None] = {}
        self.kinds: set[str] = set()

    def find_class(self, module: str, name: str) -> object:
        """Note it; import nothing."""
        key = module[:_LONGEST], name[:_LONGEST]
        if len(self.asked) < MOST_GLOBALS:
            self.asked[key] = None
        return _GENUINE.get(key, Stand)

    def persistent_load(self, pid: object) -> object:
        """Note the kind; PyTorch's old layout hands classes on in this way."""
        kind = pid[0] if type(pid) is tuple and pid and pid[0] in ("storage", "module") else "other"
        if kind == "module" and not (len(pid) > 1 and isinstance(pid[1], type)):  # type: ignore[arg-type, index] # a tuple
            kind = "other"
        self.kinds.add(kind)
        return Stand if kind == "module" else THING

    def testify(self) -> list[object]:
        """Read a stream: `[asked, persistent, end, stopped]`."""
        end, stopped = None, ""
        try:
            self.load()
            end = self.file.tell()
        except BaseException as error:  # noqa: BLE001 - whatever a stream makes it raise is the answer
            stopped = f"{type(error).__name__}: {error}"[:300]
            if stopped.startswith("ValueError: unregistered extension code "):
                self.asked["copyreg", f"extension {stopped.rsplit(' ', 1)[1]}"] = None
        return [list(self.asked), list(self.kinds), end, stopped]


def testify(data: bytes, streams: int) -> list[object]:
    """Whether memory was spent, then what each stream did, up to the first that fails.

    An unpickler for each, as with repeated `pickle.load`; it begins with the memo of the one before, as with one for all.
    """
    file = io.BufferedReader(io.BytesIO(data))
    said: list[object] = [False]
    recorder = Recorder(file)
    for _ in range(streams):
        reading = recorder.testify()
        said.append(reading)
        if reading[2] is None or reading[2] == len(data):
            said[0] = str(reading[3]).startswith("MemoryError")
            break
        memo, recorder = recorder.memo, Recorder(file)
        recorder.memo = memo
    return said


def serve(requests: int, answers: int) -> NoReturn:
    """The life of the child: lock down, show that it works, answer until nobody asks any more."""
    settle(requests, answers)
    try:
        _forget()
        lock_down(memory=_MEMORY, seconds=_SECONDS_IN_ALL)
        stopped = "" if testify(_PROBE, 1) == [False, [[("os", "x")], [], len(_PROBE), ""]] else "cannot read"
    except (Refused, OSError, ValueError) as error:
        stopped = str(error)
    _send([stopped])
    if stopped:
        os._exit(1)
    for turn in itertools.count(1):
        number, size, streams, data = _receive()
        signal.setitimer(signal.ITIMER_PROF, _SECONDS + size / _BYTES_A_SECOND)
        said = testify(data, streams)
        del data
        _send([number, *said])
        if said[0]:
            os._exit(0)
        if size > _GARBAGE_FROM or turn % 100 == 0:
            gc.collect()
    os._exit(0)


def _forget() -> None:
    """Nothing that the parent registered for extension codes counts here; its garbage is not ours."""
    import copyreg

    for registry in (copyreg._inverted_registry, copyreg._extension_registry, copyreg._extension_cache):  # type: ignore[attr-defined] # noqa: SLF001 - what the unpickler reads
        registry.clear()
    gc.disable()
    gc.freeze()


_PROBE = b"\x80\x05cos\nx\n)R0]U\x01\xe9aB" + (1 << 18).to_bytes(4, "little") + bytes(1 << 18) + b"0."
"""Takes and gives back memory, decodes, imports, calls, appends: what a lock that is too tight would not let through."""


_come = bytearray()
"""What was read of requests that are not answered yet."""


def _receive() -> tuple[int, int, int, bytes]:
    """The next request; the process ends where there is none."""
    while len(_come) < REQUEST.size:
        _come.extend(_more(1 << 16))
    number, size, streams = REQUEST.unpack_from(_come)
    data = bytes(memoryview(_come)[REQUEST.size : REQUEST.size + size])
    del _come[: REQUEST.size + size]
    if len(data) == size:
        return number, size, streams, data
    pieces, missing = [data], size - len(data)
    while missing > 0:
        pieces.append(_more(min(missing, _PIECE)))
        missing -= len(pieces[-1])
    return number, size, streams, b"".join(pieces)


def _more(length: int) -> bytes:
    data = os.read(0, length)
    if not data:
        os._exit(0)
    return data


def _send(answer: list[object]) -> None:
    text = json.dumps(answer).encode()
    rest = memoryview(ANSWER.pack(len(text)) + text)
    try:
        while rest:
            rest = rest[os.write(1, rest) :]
    except OSError:
        os._exit(0)
