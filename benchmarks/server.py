"""Measures the server: `python benchmarks/server.py [--mlflow PYTHON] [--rounds 200]`. The figures that were seen are in README.md.

`--mlflow`: a Python with `mlflow` installed, whose server (SQLite) then does the same in the same loop. Servers take
turns of 20 requests on one connection each; medians count. A version is a row in either: what is uploaded is no part of it.
"""

import argparse
import http.client
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from assaymark.core.errors import AssayError
from assaymark.registrar import Registrar
from assaymark.serving import Accounts

TURN = 20
_TICK = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for parent in found:
        try:
            found += map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())
        except OSError:
            continue
    return found


def resident(pid: int) -> float:
    """MB, of the whole family."""
    texts = [Path(f"/proc/{one}/status").read_text() for one in family(pid)]
    return sum(int(found[1]) for text in texts if (found := re.search(r"VmRSS:\s+(\d+)", text))) / 1024


def seconds_of(pid: int) -> float:
    """Of the processor, of the whole family."""
    total = 0
    for one in family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICK


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


class Asked:
    """One connection to a server."""

    def __init__(self, port: int, token: str = "") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body)
        self._connection.request(method, path, data, self._headers)
        answer = self._connection.getresponse()
        read = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {read[:300]!r}")
        return json.loads(read)


@contextmanager
def started(name: str, command: list[str], port: int, path: str, folder: Path) -> Iterator[int]:
    """Start a server, print how long that takes and what it holds; its pid."""
    begun = time.perf_counter()
    environment = {**os.environ, "ASSAY_HOME": str(folder / "home")}
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder, start_new_session=True)
    try:
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", path)
                if connection.getresponse().status == 200:
                    break
            except OSError:
                if process.poll() is not None:
                    raise RuntimeError((folder / f"{name}.log").read_text()[-2_000:]) from None
                time.sleep(0.005)
        wall, cpu = time.perf_counter() - begun, seconds_of(process.pid)
        time.sleep(2)
        print(
            f"{name:8} started in {wall:6.2f} s ({cpu:.2f} s of CPU), holds {resident(process.pid):6.1f} MB when idle"
        )
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def measure(acts: dict[str, Callable[[int], Any]], rounds: int) -> dict[str, float]:
    """Median milliseconds of each, in turns."""
    times: dict[str, list[float]] = {name: [] for name in acts}
    for turn in range(0, rounds, TURN):
        for name, act in acts.items():
            for number in range(turn, turn + TURN):
                begun = time.perf_counter()
                act(number)
                times[name].append((time.perf_counter() - begun) * 1_000)
    return {name: statistics.median(taken) for name, taken in times.items()}


def ours(ask: Asked) -> dict[str, Callable[[int], Any]]:
    ask("POST", "/api/v1/projects", {"name": "bench"})
    ask("POST", "/api/v1/projects/bench/models", {"name": "net"})
    where = "/api/v1/projects/bench/models/net/versions"
    return {
        "create assay": lambda number: ask("POST", where, {"name": str(number + 1)}),
        "get assay": lambda number: ask("GET", f"{where}/{number + 1}"),
    }


def theirs(ask: Asked) -> dict[str, Callable[[int], Any]]:
    where = "/api/2.0/mlflow"
    ask("POST", f"{where}/registered-models/create", {"name": "net"})
    source = {"name": "net", "source": "s3://bucket/net"}
    return {
        "create mlflow": lambda _: ask("POST", f"{where}/model-versions/create", source),
        "get mlflow": lambda number: ask("GET", f"{where}/model-versions/get?name=net&version={number + 1}"),
    }


def quarantined(folder: Path) -> float:
    """Milliseconds from the quarantine's answer to the first refusal of a bundle: the first one that is asked for."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from tests.registry.makers import key
    from tests.registry.org import MODEL, ONE, Org, a_model

    from assaymark.core.clock import timestamp
    from assaymark.core.digest import Digest
    from assaymark.core.statements import Quarantine
    from assaymark.core.subject import Subject
    from assaymark.registrar import sign
    from assaymark.registry import models, versions

    org = Org(folder / "quarantine")
    org.publish(a_model(folder / "model"))
    org.promote()
    org.registrar.bundle(MODEL, "production")
    with org.registrar.look() as work:
        digest = Digest.parse(models.find_version(work.connection, ONE).digest)
    said = Quarantine(
        project="fraud", model="scorer", version="1", by="eve", reason="bench", at=timestamp(org.clock.moment)
    )
    document = sign(said.statement(Subject(str(ONE), digest)), key("eve"))
    begun = time.perf_counter()
    with org.registrar.work() as work:
        versions.quarantine(work, ONE, document)
    try:
        org.registrar.bundle(MODEL, "production")
    except AssayError:
        taken = (time.perf_counter() - begun) * 1_000
        org.registrar.close()
        return taken
    raise RuntimeError("a bundle was given out of a version in quarantine")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mlflow", metavar="PYTHON", help="a Python with mlflow installed")
    parser.add_argument("--workers", type=int, help="of the mlflow server; by default as many as it starts by itself")
    parser.add_argument("--rounds", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, home = Path(name), str(Path(name) / "home")
        Registrar.create(home)
        with Registrar.open(home) as registrar:
            accounts = Accounts(registrar)
            for user, role in (("root", "admin"), ("ann", "publisher")):
                accounts.add(user, {"*": role})
            accounts.grant("root", "publisher", "*")
            token = accounts.create_token("root", 1)[1]
        port = free_port()
        own = [sys.executable, "-m", "assaymark", "serve", "-q", "--listen", f"127.0.0.1:{port}"]
        with started("assay", own, port, "/healthz", folder):
            if not given.mlflow:
                report(measure(ours(Asked(port, token)), given.rounds))
            else:
                other = free_port()
                rival = [
                    given.mlflow, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db",
                    "--artifacts-destination", str(folder / "artifacts"), "--host", "127.0.0.1", "--port", str(other),
                    *(["--workers", str(given.workers)] if given.workers else []),
                ]  # fmt: skip
                with started("mlflow", rival, other, "/health", folder):
                    acts = ours(Asked(port, token)) | theirs(Asked(other))
                    report(measure(acts, given.rounds))
        print(f"a bundle is refused {quarantined(folder):.1f} ms after the quarantine began (goal: 5,000)")


def report(found: dict[str, float]) -> None:
    for act in ("create", "get"):
        line = f"{act:7} a version: assay {found[f'{act} assay']:7.2f} ms"
        if f"{act} mlflow" in found:
            ratio = found[f"{act} mlflow"] / found[f"{act} assay"]
            line += f", mlflow {found[f'{act} mlflow']:7.2f} ms: {ratio:.1f} x (goal: 15)"
        print(line)


if __name__ == "__main__":
    main()
