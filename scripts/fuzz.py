"""Fuzz the parsers: small valid files of every format, changed at random, must never crash, hang or swell a look.

    python scripts/fuzz.py [--seconds 60] [--seed 1]

Two thirds of the time go to `assaymark.core.look.look` on changed files, the rest to streams of opcodes that CPython's
own unpickler reads too: whatever global it asks for, our machine must have seen. The inputs depend on the seed alone,
the time only says how many of them there are. An input that crashes is kept in ./fuzz-crashes and the exit code is 1;
after a hang or a crash of the interpreter its input lies there as `running-…`.
"""

import argparse
import contextlib
import faulthandler
import os
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.conftest import ids, look_at  # noqa: E402 - the tests are no installed package
from tests.corpus import corpus  # noqa: E402
from tests.model import test_differential as differential  # noqa: E402

CRASHES = Path("fuzz-crashes")
LONGEST = 60
"""Seconds after which one look counts as a hang."""
MEMORY = 1 << 30
"""Bytes that looking may take beyond what is in use before the first look; inputs are a few kB."""
BIGGEST = 16_384
KEPT = 200
INTERESTING = (
    b"\0", b"\xff", b"\x7f", b"\x80", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\x80", b"\xff\xff\xff\x7f", bytes(8), b"\xff" * 8,
    b"\xff" * 7 + b"\x7f", b"\1" + bytes(7), b"{", b"}", b"[" * 40, b"]", b'"', b"'", b"\n", b"\\", b"../", b"\\u0000", b"1e999",
    b"-1", b"9" * 30, b"PK\3\4", b"PK\5\6", b"\x1f\x8b\x08", b"\x80\x04", b"cos\nsystem\n", b"(((((", b"\x94", b"{{ x }}", b"!!python/",
)  # fmt: skip


@dataclass
class Format:
    """One file of the corpus, what was made of it so far, and the source of chance for what comes next."""

    name: str
    rng: random.Random
    pool: list[bytes]
    seen: set[tuple[object, ...]] = field(default_factory=set)
    count: int = 0


def main() -> int:
    """Run for the time given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="how long, in all [default: 60]")
    parser.add_argument("--seed", type=int, default=1, help="what the inputs depend on [default: 1]")
    options = parser.parse_args()
    files = {**corpus(), **genuine_files()}
    formats = [Format(name, random.Random(f"{options.seed} {name}"), [data]) for name, data in files.items()]  # noqa: S311
    for entry in formats:
        look_at(entry.pool[0], entry.name)  # imports are not what is limited
    limit_memory()
    failures: Counter[str] = Counter()
    fuzz_files(formats, time.monotonic() + options.seconds * 2 / 3, failures)
    streams = fuzz_machine(options.seed, time.monotonic() + options.seconds / 3, failures)
    report(formats, streams, failures)
    return 1 if failures else 0


def genuine_files() -> dict[str, bytes]:
    """What real libraries wrote and is kept for the tests, by its path below tests/model/real."""
    top = ROOT / "tests" / "model" / "real"
    paths = (path for path in sorted(top.rglob("*")) if path.is_file() and path.suffix not in {".py", ".R", ".md"})
    return {str(path.relative_to(top)): path.read_bytes() for path in paths if path.stat().st_size <= BIGGEST}


def limit_memory() -> None:
    """A small file that needs a lot of memory is a failure: it gets none."""
    with open("/proc/self/statm", encoding="ascii") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))


def fuzz_files(formats: list[Format], until: float, failures: Counter[str]) -> None:
    """Every format in turn, so that the n-th input of a format depends on nothing but the seed."""
    while time.monotonic() < until:
        for entry in formats:
            data = mutated(entry, formats)
            problem = watched(entry.name, data, lambda entry=entry, data=data: look(entry, data))
            entry.count += 1
            if problem:
                keep(entry.name, data, problem, failures)


def mutated(entry: Format, formats: list[Format]) -> bytes:
    """One of the files kept, changed in one to eight places."""
    rng = entry.rng
    data = bytearray(rng.choice(entry.pool))
    for _ in range(rng.choice((1, 1, 2, 2, 3, 4, 8))):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(8):
            case 0 | 1 if data:
                data[at % len(data)] ^= 1 << rng.randrange(8)
            case 2 if data:
                data[at % len(data)] = rng.randrange(256)
            case 3:
                piece = rng.choice(INTERESTING)
                data[at : at + len(piece)] = piece
            case 4:
                data[at:at] = rng.choice(INTERESTING)
            case 5:
                del data[at : at + rng.choice((1, 1, 2, 4, 16, 64, 512))]
            case 6:
                length = rng.choice((1, 2, 4, 8, 32, 128))
                data[at:at] = bytes(data[at : at + length]) * rng.choice((1, 1, 2, 50))
            case _:
                other = rng.choice(formats).pool[0]
                start = rng.randrange(len(other))
                data[at:at] = other[start : start + rng.randrange(1, 200)]
    return bytes(data[:BIGGEST])


def look(entry: Format, data: bytes) -> str:
    """What went wrong, or nothing. What the report had not said before is kept and changed further."""
    found = look_at(data, entry.name)
    for finding in found.findings:
        if finding.id == "CHK001" or "more memory than there is" in finding.message:
            return f"{finding.id}: {finding.message}"
    said = (found.formats, found.analysed, tuple(sorted(ids(found))), len(found.gaps))
    if said not in entry.seen and len(entry.seen) < KEPT:
        entry.seen.add(said)
        entry.pool.append(data)
    return ""


def watched(name: str, data: bytes, step: Callable[[], str]) -> str:
    """Run one step; the input lies in a file while it runs, so that it is there after a crash."""
    running = place(f"running-{os.getpid()}-{name}")
    running.write_bytes(data)
    faulthandler.dump_traceback_later(LONGEST, exit=True)
    try:
        return step()
    except Exception as error:  # noqa: BLE001 - every one of them is what is looked for
        return f"escaped: {type(error).__name__}: {error}"
    finally:
        faulthandler.cancel_dump_traceback_later()
        running.unlink(missing_ok=True)


def place(name: str) -> Path:
    """A file in the folder of crashes."""
    CRASHES.mkdir(exist_ok=True)
    return CRASHES / name.replace("/", "_")


def keep(name: str, data: bytes, problem: str, failures: Counter[str]) -> None:
    """Keep the first input of each problem."""
    failures[f"{name}: {problem}"] += 1
    if failures[f"{name}: {problem}"] == 1:
        path = place(f"{len(failures):03}-{name}")
        path.write_bytes(data)
        print(f"FAILED  {path}  {problem}", file=sys.stderr, flush=True)


def fuzz_machine(seed: int, until: float, failures: Counter[str]) -> int:
    """Streams that CPython reads too, half of them on the path that long streams take; how many there were."""
    from assaymark.model.machine import frames
    from assaymark.model.machine import machine as machine_module

    genuine = differential.Genuine()
    usual = machine_module.SKIP_FROM, frames._SHORTEST  # noqa: SLF001 - the threshold is what is switched here
    number = 0
    try:
        for number, stream in enumerate(streams(seed)):
            if time.monotonic() >= until:
                break
            machine_module.SKIP_FROM, frames._SHORTEST = usual if number % 2 else (-1, 0)  # noqa: SLF001 - as above
            problem = watched("stream", stream, lambda stream=stream: compared(genuine, stream))
            if problem:
                keep("stream.pkl", stream, problem, failures)
    finally:
        machine_module.SKIP_FROM, frames._SHORTEST = usual  # noqa: SLF001 - as above
        genuine.close()
    return number


def streams(seed: int) -> Iterator[bytes]:
    """What picklers write, changed, and opcodes in no order at all."""
    rng = random.Random(f"{seed} streams")  # noqa: S311 - reproducible by design
    real = differential.real_streams(rng)
    while True:
        yield next(real)
        yield next(real)
        yield differential.random_stream(rng)
        yield differential.random_stream(rng)


def compared(genuine: differential.Genuine, stream: bytes) -> str:
    """What CPython imported and we did not see."""
    missed = differential.missed(genuine, stream)
    return f"not seen: {missed[0]}" if missed else ""


def report(formats: list[Format], streams_read: int, failures: Counter[str]) -> None:
    """How much was tried."""
    kinds = sum(len(entry.seen) for entry in formats)
    print(f"{sum(entry.count for entry in formats):>9,}  inputs made of {len(formats)} files, {kinds} kinds of report")
    print(f"{streams_read:>9,}  streams compared with CPython")
    print(f"{sum(entry.count for entry in formats) + streams_read:>9,}  in all, {sum(failures.values())} failed")
    with contextlib.suppress(OSError):  # not there, or not empty
        CRASHES.rmdir()


if __name__ == "__main__":
    sys.exit(main())
