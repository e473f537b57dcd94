"""Shows that a stream really runs something: CPython unpickles it here, where only its effect is recorded.

Run as a child: reads `LOADER HEX` a line, answers `yes` or `no` a line. Each stream is loaded in a process of its own,
with nothing to write, no network and no other process to reach. The effect is a call of `os.getcwd`, which is replaced by a
recorder, or one of the audit events below, which are refused.
"""

import atexit
import bdb
import codecs
import collections
import contextlib
import copyreg
import cProfile
import encodings.latin_1
import encodings.rot_13
import functools
import io
import itertools
import logging
import marshal
import multiprocessing.reduction
import operator
import os
import pickle
import pkgutil
import posix
import profile
import random
import resource
import runpy
import shutil
import subprocess
import sys
import timeit
import trace
import types
import uuid

PRELOADED = (
    atexit, bdb, cProfile, codecs, collections, copyreg, encodings, functools, itertools, logging, marshal,
    multiprocessing, operator, pkgutil, profile, random, runpy, shutil, subprocess, timeit, trace, types, uuid,
)  # fmt: skip
"""Imported before the audit hook watches."""
EVENTS = (
    "os.system",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "subprocess.Popen",
    "socket.",
    "ctypes.dlopen",
    "os.putenv",
)
effects: list[str] = []
armed = False


def recorder(*arguments: object, **options: object) -> str:
    effects.append("os.getcwd")
    return "/"


def hook(event: str, arguments: tuple[object, ...]) -> None:
    if not armed:
        return
    if event.startswith(EVENTS) or (
        event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    ):
        effects.append(event)
        raise PermissionError(event)


def load(loader: str, stream: bytes) -> None:
    file = io.BytesIO(stream)
    if loader == "latin1":
        pickle.load(file, encoding="latin1")
    elif loader == "python":
        pickle._Unpickler(file).load()
    else:
        while file.tell() < len(stream):
            pickle.load(file)
            if loader != "many":
                break


def executes(loader: str, stream: bytes) -> bool:
    """In a process of its own: a stream may leave anything behind."""
    global armed
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
    try:
        armed = True
        with contextlib.suppress(BaseException):  # many run something, then break
            load(loader, stream)
        atexit._run_exitfuncs()
    finally:
        os._exit(42 if effects else 0)


def lock_down() -> None:
    for limit, value in (
        (resource.RLIMIT_AS, 2 << 30),
        (resource.RLIMIT_CPU, 600),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 16),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))


if __name__ == "__main__":
    os.getcwd = posix.getcwd = recorder
    sys.addaudithook(hook)
    lock_down()
    for line in sys.stdin:
        name, _, digits = line.partition(" ")
        print("yes" if executes(name, bytes.fromhex(digits)) else "no", flush=True)
