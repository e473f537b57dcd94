"""Verifying a folder beside hashing its bytes with two threads: `python benchmarks/verify.py [--size MB] [--files N]`.

Both are whole processes, in turns; the least of five runs counts. The goal is at most 1.15 times the CPU of the hashing, plus 0.3 s.
Then the time to the first tensor of one file of `--tensors` MB, its shards known: hashed whole, lazily, and lazily into own memory.
"""

import argparse
import compileall
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "src")]
from tests.registry import makers  # noqa: E402 - as above

from assaymark.registry import shards  # noqa: E402 - the repository's own, from its root

HASH = """
import hashlib, os, sys
from concurrent.futures import ThreadPoolExecutor
def one(path):
    buffer = memoryview(bytearray(1 << 18))
    total = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while count := file.readinto(buffer):
            total.update(buffer[:count])
    return total.hexdigest()
paths = [os.path.join(f, n) for f, _, names in os.walk(sys.argv[1]) for n in names]
with ThreadPoolExecutor(2) as pool:
    list(pool.map(one, sorted(paths, key=os.path.getsize, reverse=True)))
"""
VERIFY = """
import sys
from datetime import datetime
from assaymark import guard
folder, bundle, root, now, into = sys.argv[1:]
guard.verify(folder, bundle, root, "fraud/scorer:production", state=False, now=datetime.fromisoformat(now), into=into or None)
"""
FIRST = """
import sys
from datetime import datetime
from assaymark import guard
folder, bundle, root, now, how = sys.argv[1:]
options = {"whole": {}, "lazy": {"lazy": True}, "copy": {"lazy": True, "copy": True}}[how]
found = guard.load_safetensors(
    folder, bundle, root, "fraud/scorer:production", state=False, now=datetime.fromisoformat(now), **options)
found["t1"].sum()
"""


def cost(command: list[str]) -> tuple[float, float]:
    """CPU and wall in seconds."""
    start = datetime.now(UTC)
    child = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(HERE.parent / "src")})
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0
    return usage.ru_utime + usage.ru_stime, (datetime.now(UTC) - start).total_seconds()


def first_tensor(place: Path, size: int) -> dict[str, tuple[float, float]]:
    """Cost until one tensor of 16 MB in the middle of a file of `size` bytes is there."""
    piece = 16_000_000
    count = size // piece
    entries = ",".join(f'"t{n}":{{"dtype":"U8","shape":[{piece}],"data_offsets":[{n * piece},{(n + 1) * piece}]}}'
                       for n in range(count))  # fmt: skip
    header = f"{{{entries}}}".encode()
    block = os.urandom(piece)
    (place / "large").mkdir()
    total, parts, path = makers.sha256(), [], place / "large" / "model.safetensors"
    with path.open("wb") as out:
        for content in (len(header).to_bytes(8, "little") + header, *(block for _ in range(count))):
            total.update(content)
            out.write(content)
    with path.open("rb") as file:
        while part := file.read(shards.SHARD):
            parts.append(makers.sha256(part).hexdigest())
    world = makers.World()
    world.manifest = makers.Manifest.of([makers.ManifestFile(path.name, path.stat().st_size, total.hexdigest())])
    world.subject = makers.Subject("fraud/scorer@7", world.manifest.digest)
    made = shards.make("fraud/scorer@7", world.manifest, {path.name: parts}, makers.at(hours=5))
    evidence = [makers.scan(world.subject), makers.sign(made, "scanner")]
    (place / "large.bundle").write_bytes(world.bundle(evidence=evidence).to_bytes())
    (place / "large.root").write_text(json.dumps(world.root().to_json()))
    common = [str(path.parent), str(place / "large.bundle"), str(place / "large.root"), makers.timestamp(makers.NOW)]
    best: dict[str, tuple[float, float]] = {}
    for _ in range(3):
        for how in ("whole", "lazy", "copy"):
            cpu, wall = cost([sys.executable, "-c", FIRST, *common, how])
            least = best.get(f"first, {how}", (cpu, wall))
            best[f"first, {how}"] = min(cpu, least[0]), min(wall, least[1])
    return best


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=2_000, help="MB in all")
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--copy", action="store_true", help="time a private copy as well")
    parser.add_argument(
        "--tensors", type=int, default=2_000, help="MB of the one file that is loaded lazily; 0 for none"
    )
    options = parser.parse_args()
    compileall.compile_dir(HERE.parent / "src", quiet=2)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        block = os.urandom(1 << 20)
        size = options.size * 1_000_000 // options.files
        files = []
        (place / "model").mkdir()
        for number in range(options.files):
            path = place / "model" / f"{number:06}.bin"
            content = number.to_bytes(8, "little") + block * (size // len(block) + 1)
            path.write_bytes(content[:size])
            files.append(makers.ManifestFile(path.name, size, makers.sha256(content[:size]).hexdigest()))
        world = makers.World()
        world.manifest = makers.Manifest.of(files)
        world.subject = makers.Subject("fraud/scorer@7", world.manifest.digest)
        (place / "bundle").write_bytes(world.bundle().to_bytes())
        (place / "root").write_text(json.dumps(world.root().to_json()))
        common = [str(place / "model"), str(place / "bundle"), str(place / "root"), makers.timestamp(makers.NOW)]
        commands = {
            "hash, 2 threads": [sys.executable, "-c", HASH, common[0]],
            "verify": [sys.executable, "-c", VERIFY, *common, ""],
        }
        best: dict[str, tuple[float, float]] = {}
        for _ in range(5):
            for label, command in commands.items():
                cpu, wall = cost(command)
                least = best.get(label, (cpu, wall))
                best[label] = min(cpu, least[0]), min(wall, least[1])
        if options.copy:
            best["verify --into"] = cost([*commands["verify"][:-1], str(place / "copy")])
        if options.tensors:
            best |= first_tensor(place, options.tensors * 1_000_000)
    for label, (cpu, wall) in best.items():
        print(f"{label:16} {cpu:7.3f} s CPU {wall:7.3f} s wall")
    limit = 1.15 * best["hash, 2 threads"][0] + 0.3
    print(f"goal: {limit:.3f} s CPU: {'reached' if best['verify'][0] <= limit else 'MISSED'}")


if __name__ == "__main__":
    main()
