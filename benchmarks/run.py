"""Measures `assay` as whole processes, beside its rivals and the limit of the machine: `python3 dev.py bench [ROW ...]`.

CPU is user and system time, memory the peak of the resident set, both as wait4 tells them (POSIX only). Of repeated runs
the least counts, and commands take turns, so that a noisy moment does not hit one of them alone. The rows and figures
that were seen are explained in benchmarks/README.md.
"""

import argparse
import compileall
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import peers

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BIN = Path(sys.executable).parent
HASH = "import hashlib, sys; print(hashlib.file_digest(open(sys.argv[1], 'rb'), 'sha256').hexdigest())"
ISNAN = """
import numpy, sys
data = numpy.memmap(sys.argv[1], "u1", "r")
data = data[: len(data) // 4 * 4].view("f4")
print(sum(int(numpy.isnan(data[at : at + 65536]).sum()) for at in range(0, len(data), 65536)))
"""
REPEAT = 7
ENOUGH = 30.0
"""Seconds of one command after which it is not repeated again."""

Command = Sequence[str | Path]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one command: CPU and wall in seconds, peak memory in MB, the exit code."""

    cpu: float
    wall: float
    memory: float
    code: int

    def best(self, other: "Cost") -> "Cost":
        """The least time of both, but the greater peak."""
        return Cost(min(self.cpu, other.cpu), min(self.wall, other.wall), max(self.memory, other.memory), other.code)


class Bench:
    """One run of the benchmarks: where the inputs are, how large, how often; whether a scan of ours went wrong."""

    def __init__(self, folder: Path, *, quick: bool, peers: bool) -> None:
        self.folder = folder
        self.shrink = 10 if quick else 1
        self.repeat = 1 if quick else REPEAT
        self.peers = peers
        self.home = folder / "home"
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "ASSAY_"))}
        self.went_wrong = False
        (folder / "cwd").mkdir(exist_ok=True)

    def make(self, kind: str, name: str, size: int) -> Path:
        """An input of benchmarks/make.py."""
        path = self.folder / name
        if not path.exists():
            subprocess.run([sys.executable, HERE / "make.py", kind, path, str(size)], check=True)
        return path

    def scan(self, path: Path, *options: str, cache: bool = False) -> Command:
        """Our command line."""
        more = options if cache else (*options, "--no-cache")
        return [BIN / "assay", "--home", self.home, "scan", path, "--no-config", *more]

    def rivals(self, path: Path, *names: str) -> dict[str, Command]:
        """Command lines of the rivals, when they are wanted."""
        return {name: [*peers.command(name), path] for name in names} if self.peers else {}

    def measure(self, commands: dict[str, Command], *, repeat: int | None = None) -> dict[str, Cost]:
        """The cost of each command, printed."""
        costs: dict[str, Cost] = {}
        spent = dict.fromkeys(commands, 0.0)
        for _ in range(min(repeat or self.repeat, self.repeat)):
            for label, command in commands.items():
                if spent[label] < ENOUGH:
                    cost = self._run(command)
                    spent[label] += cost.wall
                    costs[label] = cost.best(costs.get(label, cost))
        for label, cost in costs.items():
            self.went_wrong = self.went_wrong or (label.startswith("assay") and cost.code != 0)
            times = f"{cost.cpu * 1e3:10,.0f} ms CPU {cost.wall * 1e3:10,.0f} ms wall"
            print(f"    {label:24}{times} {cost.memory:8,.0f} MB   exit {cost.code}", flush=True)
        return costs

    def _run(self, command: Command) -> Cost:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=self.environment, cwd=self.folder / "cwd",
        )  # fmt: skip
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
        return Cost(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / unit, process.returncode)


def goal(what: str, value: float, limit: float, unit: str, *, least: bool = False) -> None:
    """Say whether a value reaches its goal."""
    reached = value >= limit if least else value <= limit
    verdict = "reached" if reached else "NOT reached"
    print(f"    -> {what}: {value:,.2f} {unit} (goal {'>=' if least else '<='} {limit:g}): {verdict}")


def faster(costs: dict[str, Cost], rival: str, limit: float) -> None:
    """Say how many times faster than a rival we were, by CPU and by the clock on the wall."""
    if rival in costs:
        ours, theirs = costs["assay"], costs[rival]
        goal(f"CPU, {rival} / assay", theirs.cpu / ours.cpu, limit, "x", least=True)
        goal(f"wall, {rival} / assay", theirs.wall / ours.wall, limit, "x", least=True)


def start_up(bench: Bench) -> None:
    """Help, and one pickle of 1 KB."""
    path = bench.make("small", "small.pkl", 1024)
    commands = {"assay": bench.scan(path), "assay --help": [BIN / "assay", "--help"]}
    costs = bench.measure(commands | bench.rivals(path, "picklescan", "modelscan", "fickling", "modelaudit"))
    goal("CPU of --help", costs["assay --help"].cpu * 1e3, 150, "ms")
    goal("CPU of a scan of 1 KB", costs["assay"].cpu * 1e3, 250, "ms")


def tensors(bench: Bench) -> None:
    """1 GB of weights, safetensors and torch.save's zip, against hashing the same bytes once."""
    for kind, name in (("safetensors", "model.safetensors"), ("torch_zip", "model.pt")):
        path = bench.make(kind, name, 10**9 // bench.shrink)
        print(f"  {name}, {path.stat().st_size:,} bytes")
        commands = {
            "assay": bench.scan(path),
            "python, hashlib": [sys.executable, "-c", HASH, path],
            "assay --no-digest": bench.scan(path, "--no-digest"),
        }
        costs = bench.measure(commands | bench.rivals(path, "picklescan", "modelaudit"))
        goal("CPU, assay / hashlib", costs["assay"].cpu / costs["python, hashlib"].cpu, 1.15, "x")
        goal("memory", costs["assay"].memory, 100, "MB")
        path.unlink()


def weights(bench: Bench) -> None:
    """The values of 1 GB of weights, against one pass of NumPy's isnan over the same bytes."""
    path = bench.make("safetensors", "values.safetensors", 10**9 // bench.shrink)
    ours = [BIN / "assay", "--home", bench.home, "model", "weights", path, "--no-config"]
    costs = bench.measure({"assay model weights": ours, "python, numpy isnan": [sys.executable, "-c", ISNAN, path]})
    size = path.stat().st_size / 1e9
    for label, cost in costs.items():
        print(f"    -> {label}: {size / cost.wall:,.2f} GB/s")
    goal("memory", costs["assay model weights"].memory, 150, "MB")
    path.unlink()


def pickles(bench: Bench) -> None:
    """200 MB of small opcodes; then the same with calls among them."""
    size = 200_000_000 // bench.shrink
    for kind in ("rows", "calls"):
        tenth, quarter, whole = (bench.make(kind, f"{kind}-{part}.pkl", size // part) for part in (10, 4, 1))
        print(f"  {kind}, {tenth.stat().st_size:,} bytes")
        part = bench.measure({"assay": bench.scan(tenth)} | bench.rivals(tenth, "fickling"), repeat=3)
        print(f"  {kind}, {quarter.stat().st_size:,} bytes")
        small = bench.measure({"assay": bench.scan(quarter)}, repeat=3)
        print(f"  {kind}, {whole.stat().st_size:,} bytes")
        costs = bench.measure({"assay": bench.scan(whole)} | bench.rivals(whole, "picklescan"), repeat=3)
        faster(costs, "picklescan", 2)
        if "fickling" in part:
            ours, theirs = whole.stat().st_size / costs["assay"].cpu, tenth.stat().st_size / part["fickling"].cpu
            goal("bytes by CPU, assay (whole) / fickling (tenth)", ours / theirs, 5, "x", least=True)
        goal("memory, whole / quarter", costs["assay"].memory / small["assay"].memory, 1.5, "x")
        for path in (tenth, quarter, whole):
            path.unlink()


def folder(bench: Bench) -> None:
    """1,000 small pickles in a folder, nothing cached."""
    for size in (400, 4_000, 16_000):
        path = bench.make("folder", f"folder-{size}", size)
        print(f"  files of about {size:,} bytes")
        costs = bench.measure({"assay": bench.scan(path)} | bench.rivals(path, "picklescan", "modelscan"))
        faster(costs, "picklescan", 5)
        faster(costs, "modelscan", 5)


def cache(bench: Bench) -> None:
    """200 MB of small opcodes with calls once, and then once more."""
    path = bench.make("calls", "cached.pkl", 200_000_000 // bench.shrink)
    shutil.rmtree(bench.home, ignore_errors=True)
    scan = bench.scan(path, cache=True)
    first = bench.measure({"assay, first": scan}, repeat=1)["assay, first"]
    second = bench.measure({"assay, second": scan, "python, hashlib": [sys.executable, "-c", HASH, path]})
    print(f"    -> CPU, first / second: {first.cpu / second['assay, second'].cpu:,.1f} x")
    path.unlink()


ROWS: dict[str, Callable[[Bench], None]] = {
    "start-up": start_up, "tensors": tensors, "weights": weights, "pickles": pickles, "folder": folder, "cache": cache,
}  # fmt: skip


def main() -> int:
    """Run the rows that were named, or all; 1 when a scan of ours did not end with exit code 0."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"{', '.join(ROWS)} [default: all]")
    parser.add_argument("--quick", action="store_true", help="a tenth of the size, once: a smoke test, no figures")
    parser.add_argument("--no-peers", action="store_true", help="only ours: nothing is installed")
    parser.add_argument("--keep", action="store_true", help="leave the folder with the small inputs")
    options = parser.parse_args()
    unknown = [row for row in options.rows if row not in ROWS]
    if unknown:
        parser.error(f"no row {', '.join(unknown)}; there are {', '.join(ROWS)}")
    if not options.no_peers:
        peers.prepare(*peers.COMMANDS)
    compileall.compile_dir(ROOT / "src", quiet=2)
    folder = Path(tempfile.mkdtemp(prefix="assaymark-bench-"))
    bench = Bench(folder, quick=options.quick, peers=not options.no_peers)
    try:
        for row in options.rows or ROWS:
            print(f"{row}: {ROWS[row].__doc__}  [{_circumstances()}]", flush=True)
            ROWS[row](bench)
    finally:
        if options.keep:
            print(f"kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 1 if bench.went_wrong else 0


def _circumstances() -> str:
    load = f"load {os.getloadavg()[0]:.1f}"
    return f"{time.strftime('%Y-%m-%d')}, Python {platform.python_version()}, {os.cpu_count()} cores, {load}"


if __name__ == "__main__":
    sys.exit(main())
