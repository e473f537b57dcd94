"""A registry that is served to OCI clients, and pushes by raw HTTP."""

import hashlib
import json
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from assaymark.core.statements import Seal
from assaymark.core.subject import Subject
from assaymark.faces.http.app import create_app
from assaymark.faces.http.authentication import Failures
from assaymark.faces.http.server import Listen, Server
from assaymark.faces.http.services import Services
from assaymark.registrar import sign
from assaymark.registry import models, versions
from assaymark.registry.names import ModelName, VersionName
from assaymark.registry.oci_documents import MANIFEST, TITLE
from tests.http.conftest import Stage
from tests.registry.makers import at, key
from tests.registry.org import ONE, Org, a_model

skopeo = pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed (apt-get install skopeo)")


def sha(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass
class Site:
    """A registry that is served, with version 1 of fraud/scorer published; `reader` and `writer` are tokens."""

    org: Org
    stage: Stage
    server: Server
    folder: Path
    reader: str
    writer: str
    opened: ExitStack = field(default_factory=ExitStack)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.address[1]}"

    def http(self, token: str = "", **headers: str) -> httpx.Client:
        given = {"Authorization": f"Bearer {token}"} if token else {}
        client = httpx.Client(base_url=f"http://{self.host}", headers={**given, **headers}, timeout=30)
        self.opened.callback(client.close)
        return client

    def seal(self, version: str, by: str = "ann") -> None:
        name = VersionName(ONE.model, version)
        registrar = self.org.registrar
        with registrar.look() as work:
            manifest = versions.manifest_of(work.connection, models.find_version(work.connection, name).id)
        said = Seal(project="fraud", model="scorer", version=version, publisher=by, at=at())
        registrar.seal(name, sign(said.statement(Subject(str(name), manifest.digest)), key(by)))


@pytest.fixture
def site(tmp_path: Path, database_url: str) -> Iterator[Site]:
    org = Org(tmp_path / "home", database=database_url)
    folder = a_model(tmp_path / "model")
    org.publish(folder)
    registrar = org.registrar
    with registrar.work() as work:
        models.create_model(work, ModelName("fraud", "other"), "ann")
        models.create_project(work, "vision")
        models.create_model(work, ModelName("vision", "cat"), "vic")
    services = Services(registrar.database, registrar.clock, registrar=registrar)
    stage = Stage(registrar.database, services, org.clock)
    services.log = stage.logged.append
    server = Server(create_app(services, [], failures=Failures(most=1_000)), Listen(port=0))
    thread = threading.Thread(target=lambda: server.run(signals=False))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    reader = stage.user("rita", "reader on fraud")
    writer = stage.user("ann", "publisher on fraud", "reader on fraud")
    made = Site(org, stage, server, folder, reader, writer)
    with made.opened:
        yield made
    server.stop()
    thread.join(20)
    registrar.close()


def upload(client: httpx.Client, data: bytes, repository: str = "fraud/scorer") -> str:
    """As crane does: POST, PATCH, PUT."""
    begun = client.post(f"/v2/{repository}/blobs/uploads/")
    assert begun.status_code == 202, begun.text
    sent = client.patch(begun.headers["location"], content=data)
    assert sent.status_code == 202, sent.text
    done = client.put(sent.headers["location"], params={"digest": sha(data)})
    assert done.status_code == 201, done.text
    return sha(data)


def manifest_of(files: dict[str, bytes], **changes: Any) -> dict[str, Any]:
    layers = [
        {"mediaType": "application/octet-stream", "digest": sha(data), "size": len(data), "annotations": {TITLE: path}}
        for path, data in files.items()
    ]
    config = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": sha(b"{}"), "size": 2}
    return {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers, **changes}


def push(client: httpx.Client, files: dict[str, bytes], tag: str, **changes: Any) -> httpx.Response:
    for data in {b"{}", *files.values()}:
        upload(client, data)
    return put(client, manifest_of(files, **changes), tag)


def put(client: httpx.Client, manifest: Any, tag: str, kind: str = MANIFEST) -> httpx.Response:
    body = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    return client.put(f"/v2/fraud/scorer/manifests/{tag}", content=body, headers={"Content-Type": kind})


def code_of(answer: httpx.Response) -> str:
    """Every refusal has the specification's form."""
    assert answer.headers["content-type"] == "application/json"
    (fault,) = answer.json()["errors"]
    assert fault["message"] and set(fault) <= {"code", "message", "detail"}
    return str(fault["code"])


def upload_piece(client: httpx.Client, data: bytes) -> str:
    where = client.post("/v2/fraud/scorer/blobs/uploads/").headers["location"]
    return str(client.patch(where, content=data).headers["location"])
