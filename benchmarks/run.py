"""Measures `assay` as whole processes, beside its rivals and the limit of the machine: `python3 dev.py bench [ROW ...]`.

CPU is user and system time, memory the peak of the resident set, both as wait4 tells them. Of repeated runs the least
counts, and commands take turns, so that a noisy moment does not hit one alone. See benchmarks/README.md.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PEERS = ROOT / "build" / "bench-peers"
SCRIPTS = "Scripts" if os.name == "nt" else "bin"
HASH = "import hashlib, sys; print(hashlib.file_digest(open(sys.argv[1], 'rb'), 'sha256').hexdigest())"
ENOUGH = 60.0
"""Seconds after which a command is not repeated again."""

Command = Sequence[str | Path]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one command: CPU and wall in seconds, peak memory in MB, the exit code."""

    cpu: float
    wall: float
    memory: float
    code: int

    def best(self, other: "Cost") -> "Cost":
        """The least of each, but the greatest peak."""
        least = min(self.cpu, other.cpu), min(self.wall, other.wall)
        return Cost(*least, max(self.memory, other.memory), other.code)


class Bench:
    """One run of the benchmarks: where the inputs are, how large, how often."""

    def __init__(self, folder: Path, *, quick: bool, peers: bool) -> None:
        self.folder = folder
        self.shrink = 10 if quick else 1
        self.repeat = 1 if quick else 7
        self.peers = peers
        self.home = folder / "home"
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "ASSAY_"))}
        (folder / "cwd").mkdir(exist_ok=True)

    def make(self, kind: str, name: str, size: int) -> Path:
        """An input of benchmarks/make.py; made once."""
        path = self.folder / name
        if not path.exists():
            print(f"  making {name}", file=sys.stderr)
            script = Path(__file__).with_name("make.py")
            subprocess.run([sys.executable, script, kind, path, str(size)], check=True)
        return path

    def scan(self, path: Path, *options: str, cache: bool = False) -> Command:
        """Our command line."""
        more = options if cache else (*options, "--no-cache")
        return [BIN / "assay", "--home", self.home, "scan", path, "--no-config", *more]

    def rivals(self, path: Path, *names: str) -> dict[str, Command]:
        """Command lines of the rivals, when they are wanted."""
        tools = PEERS / SCRIPTS
        options = {"picklescan": ("-p",), "modelscan": ("-p",), "fickling": ("--check-safety",)}
        return {name: [tools / name, *options[name], path] for name in names} if self.peers else {}

    def measure(self, commands: dict[str, Command], *, repeat: int | None = None, warm: bool = True) -> dict[str, Cost]:
        """The cost of each command, printed; the first, unmeasured round writes byte code and fills the page cache."""
        costs: dict[str, Cost] = {}
        spent = dict.fromkeys(commands, 0.0)
        for label, command in commands.items():
            if warm or label.startswith("assay"):
                self._run(command)
        for _ in range(repeat or self.repeat):
            for label, command in commands.items():
                if spent[label] < ENOUGH:
                    cost = self._run(command)
                    spent[label] += cost.wall
                    costs[label] = cost.best(costs.get(label, cost))
        for label, cost in costs.items():
            times = f"{cost.cpu * 1e3:10,.0f} ms CPU {cost.wall * 1e3:10,.0f} ms wall"
            print(f"  {label:28}{times} {cost.memory:8,.0f} MB  exit {cost.code}")
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
    sign = ">=" if least else "<="
    print(f"  goal  {what}: {value:,.2f} {unit}, goal {sign} {limit:g} {unit}: {'reached' if reached else 'NOT reached'}")


def faster(costs: dict[str, Cost], rival: str, limit: float, *, wall: bool = False) -> None:
    """Say how many times faster than a rival we were."""
    if rival in costs:
        times = {label: cost.wall if wall else cost.cpu for label, cost in costs.items()}
        goal(f"{rival} / assay, {'wall' if wall else 'CPU'}", times[rival] / times["assay"], limit, "x", least=True)


def start_up(bench: Bench) -> None:
    """Help, and one pickle of 1 KB."""
    path = bench.make("small", "small.pkl", 1024)
    helped = bench.measure({"assay --help": [BIN / "assay", "--help"]})
    goal("assay --help", helped["assay --help"].cpu * 1e3, 150, "ms")
    costs = bench.measure({"assay": bench.scan(path)} | bench.rivals(path, "picklescan", "modelscan", "fickling"))
    goal("assay scan of 1 KB", costs["assay"].cpu * 1e3, 250, "ms")


def tensors(bench: Bench) -> None:
    """1 GB of weights: safetensors, and a zip of torch.save; against hashing the same bytes once."""
    for kind, name in (("safetensors", "model.safetensors"), ("torch_zip", "model.pt")):
        path = bench.make(kind, name, 10**9 // bench.shrink)
        print(f" {name}")
        commands = {
            "assay": bench.scan(path),
            "python hashlib": [sys.executable, "-c", HASH, path],
            "assay --no-digest": bench.scan(path, "--no-digest"),
        }
        costs = bench.measure(commands | bench.rivals(path, "picklescan"))
        goal("assay / hashlib, CPU", costs["assay"].cpu / costs["python hashlib"].cpu, 1.15, "x")
        goal("memory", costs["assay"].memory, 100, "MB")
        path.unlink()


def pickles(bench: Bench) -> None:
    """200 MB of small opcodes, then the same with calls among them."""
    size = 200_000_000 // bench.shrink
    for kind in ("rows", "calls"):
        print(f" {kind}")
        quarter = bench.make(kind, f"{kind}-quarter.pkl", size // 4)
        bench.measure({"assay, a quarter": bench.scan(quarter)}, repeat=3)
        tenth = bench.make(kind, f"{kind}-tenth.pkl", size // 10)
        small = bench.measure(
            {"assay": bench.scan(tenth)} | bench.rivals(tenth, "fickling"), repeat=2, warm=False
        )  # fmt: skip
        path = bench.make(kind, f"{kind}.pkl", size)
        costs = bench.measure({"assay": bench.scan(path)} | bench.rivals(path, "picklescan"), repeat=3, warm=False)
        faster(costs, "picklescan", 2)
        if "fickling" in small:
            ours, theirs = path.stat().st_size / costs["assay"].cpu, tenth.stat().st_size / small["fickling"].cpu
            goal("bytes a second of CPU, assay (all) / fickling (a tenth)", ours / theirs, 5, "x", least=True)
        for made in (quarter, tenth, path):
            made.unlink()


def folder(bench: Bench) -> None:
    """1,000 small pickles in a folder, nothing cached."""
    for size in (400, 4_000, 16_000):
        path = bench.make("folder", f"folder-{size}", size)
        print(f" 1,000 files of {size:,} bytes")
        costs = bench.measure({"assay": bench.scan(path)} | bench.rivals(path, "picklescan", "modelscan"))
        for rival in ("picklescan", "modelscan"):
            faster(costs, rival, 5)
            faster(costs, rival, 5, wall=True)


def cache(bench: Bench) -> None:
    """The second scan of the same 200 MB."""
    path = bench.make("calls", "cached.pkl", 200_000_000 // bench.shrink)
    scan = bench.scan(path, cache=True)
    shutil.rmtree(bench.home, ignore_errors=True)
    print(" first")
    first = bench.first(scan)
    print(" then")
    second = bench.measure({"assay": scan})["assay"]
    print(f"  first / second, CPU: {first.cpu / second.cpu:,.1f} x")
    path.unlink()


ROWS: dict[str, Callable[[Bench], None]] = {
    "start-up": start_up,
    "tensors": tensors,
    "pickles": pickles,
    "folder": folder,
    "cache": cache,
}
