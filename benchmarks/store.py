"""Sealing a folder beside the least that it can cost: `.venv/bin/python benchmarks/store.py [--megabytes 2048] [--files 500]`.

The least is a program of a few lines that reads, hashes, writes and fsyncs each file, in one thread and in as many as we
use. Each run is a process of its own and they take turns; the least time counts. POSIX only (wait4).
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve()
REPEAT = 3


def limit(source: Path, target: Path, threads: int) -> None:
    """Read, hash, write and fsync, and nothing else."""
    import hashlib
    from concurrent.futures import ThreadPoolExecutor

    target.mkdir()

    def one(name: str) -> str:
        buffer = memoryview(bytearray(1 << 20))
        total = hashlib.sha256()
        with open(source / name, "rb", buffering=0) as file, open(target / name, "xb", buffering=0) as copy:
            while count := file.readinto(buffer):
                total.update(buffer[:count])
                copy.write(buffer[:count])
            os.fsync(copy.fileno())
        return total.hexdigest()

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, sorted(os.listdir(source))))


def ours(source: Path, target: Path) -> None:
    """What sealing does with bytes."""
    from assaymark.storage.objects import ingest, open_store

    ingest(open_store(str(target)), str(source))


def run(kind: str, source: Path, target: Path) -> tuple[float, float, float]:
    """Wall and CPU in seconds, peak memory in MB, of a process that does it."""
    shutil.rmtree(target, ignore_errors=True)
    os.sync()
    started = time.perf_counter()
    command = [sys.executable, str(HERE), "--worker", kind, str(source), str(target)]
    process = os.posix_spawn(sys.executable, command, os.environ)
    _, status, used = os.wait4(process, 0)
    if status:
        sys.exit(f"{kind} failed")
    return time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def make(folder: Path, files: int, size: int) -> None:
    """Files of about the same size, no two alike."""
    folder.mkdir()
    piece = os.urandom(1 << 20)
    for number in range(files):
        with open(folder / f"shard-{number:05}.bin", "wb") as file:
            file.write(number.to_bytes(8, "little"))
            left = size // files - 8
            while left > 0:
                left -= file.write(piece[: min(left, len(piece))])


def main() -> None:
    """Print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=512)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--repeat", type=int, default=REPEAT)
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        kind, source, target = options.worker
        ours(Path(source), Path(target)) if kind == "store" else limit(Path(source), Path(target), int(kind))
        return
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as name:
        source = Path(name, "source")
        make(source, options.files, options.megabytes << 20)
        best: dict[str, tuple[float, float, float]] = {}
        for _ in range(options.repeat):
            for kind in ("1", "2", "4", "store"):
                cost = run(kind, source, Path(name, "target"))
                old = best.get(kind, cost)
                best[kind] = (min(old[0], cost[0]), min(old[1], cost[1]), max(old[2], cost[2]))
    floor = best["2"]
    print(f"store: {options.files} files, {options.megabytes} MB; ratios to read+hash+write+fsync in two threads")
    for kind, label in (
        ("1", "limit, 1 thread"),
        ("2", "limit, 2 threads"),
        ("4", "limit, 4 threads"),
        ("store", "ingest"),
    ):
        wall, cpu, memory = best[kind]
        said = f"{wall:6.2f} s {wall / floor[0]:5.2f}x  {cpu * 1000:6.0f} ms CPU {cpu / floor[1]:5.2f}x"
        print(f"  {label:<18}{said}  {memory:5.0f} MB")


if __name__ == "__main__":
    main()
