"""CPython's own unpickler, with inert stand-ins for everything that a stream imports.

Run as a child: reads one hexadecimal stream a line, answers with one JSON list of `[module, name]` that it asked for.
Locked down: no files, no processes, no network to reach (no descriptor can be opened), little memory, little time.
"""

import contextlib
import io
import json
import pickle
import resource
import sys


class Inert:
    """Stands for any class, function or object: everything about it works and does nothing."""

    def __new__(cls, *_args: object, **_kwargs: object) -> "Inert":
        return object.__new__(cls)

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def __call__(self, *_args: object, **_kwargs: object) -> "Inert":
        return Inert()

    def __setstate__(self, state: object) -> None:
        pass

    def __setitem__(self, key: object, value: object) -> None:
        pass

    def append(self, item: object) -> None:
        pass

    def extend(self, items: object) -> None:
        pass

    def add(self, item: object) -> None:
        pass

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        return self is other


class Stand(Inert):
    """A class as well as a function: NEWOBJ wants a class."""


class Recorder(pickle.Unpickler):
    def __init__(self, stream: bytes) -> None:
        super().__init__(io.BytesIO(stream))
        self.asked: list[list[str]] = []

    def find_class(self, module: str, name: str) -> object:
        self.asked.append([module, name])
        return Stand

    def persistent_load(self, _identity: object) -> object:
        return Inert()


class PythonRecorder(pickle._Unpickler):  # joblib's and others' unpickler is this one
    def __init__(self, stream: bytes) -> None:
        super().__init__(io.BytesIO(stream))
        self.asked: list[list[str]] = []

    find_class = Recorder.find_class
    persistent_load = Recorder.persistent_load


def asked(stream: bytes) -> list[list[str]]:
    """All globals that either implementation asks for until it fails or ends."""
    seen: list[list[str]] = []
    for kind in (Recorder, PythonRecorder):
        recorder = kind(stream)
        with contextlib.suppress(BaseException):  # whatever a hostile stream makes it raise
            recorder.load()
        seen += recorder.asked
    return seen


def lock_down() -> None:
    for limit, value in (
        (resource.RLIMIT_AS, 2 << 30),
        (resource.RLIMIT_CPU, 600),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 3),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))


if __name__ == "__main__":
    sys.setrecursionlimit(500)
    lock_down()
    for line in sys.stdin:
        print(json.dumps(asked(bytes.fromhex(line))), flush=True)
