"""Measures `assay impact` whole: `python benchmarks/impact_faces.py [--models 20000] [--folder DIR]`.

A registry whose graph has so many published models, of which nine in ten need one package through 40 shared environments and
a fifth stand on another model. Figures are of the command as a process of its own, and of the route on a warm application.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import sqlalchemy as sa

from assaymark import impacting
from assaymark.bom import graph
from assaymark.core.graph import Claims, Edge, EdgeKind, Node, NodeKind
from assaymark.faces.http.app import create_app
from assaymark.faces.http.services import LOOPBACK, Services
from assaymark.registrar import Registrar
from assaymark.registry import people, tables, tokens
from assaymark.registry.access import Binding, Scope

AT = "2026-01-01T00:00:00Z"
PROJECTS, ENVIRONMENTS = 20, 40


def digest(number: int) -> str:
    return f"assaymark-manifest-v1:{hashlib.sha256(b'%d' % number).hexdigest()}"


def library(name: str) -> Node:
    return Node(f"pkg:pypi/{name}", NodeKind.LIBRARY, name.partition("@")[0], "1", f"pkg:pypi/{name}")


def fill(registrar: Registrar, models: int) -> None:
    """In bulk: this measures reading."""
    numpy, other = library("numpy@1"), [library(f"p{i}@1") for i in range(200)]
    locks = [Node(f"sha256:{i:064x}", NodeKind.ENVIRONMENT, f"lock-{i}") for i in range(ENVIRONMENTS)]
    with registrar.work() as work:
        connection = work.connection
        connection.execute(tables.projects.insert(), [{"name": f"p{i}", "made_at": AT} for i in range(PROJECTS)])
        row = [{"id": i + 1, "project": f"p{i % PROJECTS}", "name": f"m{i}", "made_at": AT} for i in range(models)]
        connection.execute(tables.models.insert(), row)
        versions = [
            {"id": i + 1, "model": i + 1, "name": "1", "state": "verified", "digest": digest(i), "publisher": "ann",
             "made_at": AT, "since": AT} for i in range(models)
        ]  # fmt: skip
        connection.execute(tables.versions.insert(), versions)
        nodes = [Node(digest(i), NodeKind.MODEL, f"m{i}", "1", "", (f"p{i % PROJECTS}/m{i}@1",)) for i in range(models)]
        edges = [Edge(lock.key, EdgeKind.DEPENDS_ON, one.key) for lock in locks for one in other]
        edges += [Edge(lock.key, EdgeKind.DEPENDS_ON, numpy.key) for lock in locks[: ENVIRONMENTS * 9 // 10]]
        for i in range(models):
            edges.append(Edge(digest(i), EdgeKind.DEPENDS_ON, locks[i % ENVIRONMENTS].key))
            if i % 5 == 4:
                edges.append(Edge(digest(i), EdgeKind.DESCENDANT_OF, digest(i // 5)))
        for begin in range(0, models, 2_000):
            some = nodes[begin : begin + 2_000]
            keys = {node.key for node in some}
            mine = [e for e in edges if e.source in keys or (not begin and e.source.startswith("sha256:"))]
            named = {e.target for e in mine} | keys
            known = [
                n for n in (*nodes, *locks, *other, numpy) if n.key in named or n.key.startswith(("sha256:", "pkg:"))
            ]
            graph.add(connection, Claims(f"sha256:{begin}", some[0].key, tuple(known), tuple(mine), AT))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=int, default=20_000)
    parser.add_argument("--folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home = str(Path(options.folder or temporary) / "home")
        if not Path(home).exists():
            Registrar.create(home)
            with Registrar.open(home) as registrar:
                fill(registrar, options.models)
        what = "pkg:pypi/numpy"
        for form in ("text", "json", "csv", "html"):
            spent = []
            for _ in range(3):
                begin = time.perf_counter()
                command = [sys.executable, "-m", "assaymark", "--home", home, "impact", what, "--format", form]
                done = subprocess.run(command, capture_output=True, check=False)
                spent.append(time.perf_counter() - begin)
            print(
                f"assay impact --format {form:<5} {min(spent):6.2f} s, {len(done.stdout) / 1e6:6.2f} MB, exit {done.returncode}"
            )
        with Registrar.open(home) as registrar:
            serve(registrar, what)


def serve(registrar: Registrar, what: str) -> None:
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

    now = registrar.clock.now()
    secrets = {}
    with registrar.database.write() as connection:
        for name, scope in (("all", "*"), ("one", "p3")):
            if connection.execute(sa.text("SELECT 1 FROM users WHERE name = :name"), {"name": name}).first() is None:
                people.add_user(connection, name, "person", now)
                people.grant(connection, name, Binding("reader", Scope.parse(scope)), "host", now)
            secrets[name] = tokens.create_token(connection, name, tokens.Order(), now)[1]
    app = create_app(Services(registrar.database, registrar.clock, registrar=registrar, hosts=LOOPBACK))
    client = TestClient(app, base_url="http://localhost")
    for name, secret in secrets.items():
        headers = {"Authorization": f"Bearer {secret}"}
        for told, more in (("page of 100", {}), ("all, NDJSON", {"Accept": "application/x-ndjson"})):
            spent = []
            for _ in range(3):
                begin = time.perf_counter()
                answer = client.get("/api/v1/impact", params={"what": what}, headers={**headers, **more})
                spent.append(time.perf_counter() - begin)
            print(
                f"GET /api/v1/impact as {name}: {told:<12} {min(spent) * 1000:7.0f} ms, {len(answer.content) / 1e6:.2f} MB"
            )
    begin = time.perf_counter()
    found = impacting.impact(registrar, what)
    print(f"counted in {(time.perf_counter() - begin) * 1000:.0f} ms: {found.counts}")
    lines = Path("/proc/self/status").read_text().splitlines()
    print(next(line for line in lines if line.startswith("VmHWM")))


if __name__ == "__main__":
    main()
