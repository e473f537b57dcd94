"""A registry in a folder with the people of `makers`: its trust root installed, its policies there, and a model to publish."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from assaymark.core.clock import FixedClock, timestamp
from assaymark.core.statements import APPROVE, Approval, Request, Seal
from assaymark.core.strictjson import canonical
from assaymark.core.subject import Subject
from assaymark.registrar import Registrar, sign
from assaymark.registry import gate, models, promotions
from assaymark.registry.names import ModelName, VersionName
from assaymark.registry.versions import manifest_of
from assaymark.storage.keys import PrivateKey
from tests.registry.makers import NOW, World, bom, key, policy, sign_root

MODEL = ModelName("fraud", "scorer")
ONE = VersionName(MODEL, "1")


class Org:
    """`org.registrar` is open; `org.clock.moment` is the time for it."""

    def __init__(self, home: Path, *, database: str | None = None, store: str | None = None) -> None:
        self.home = str(home)
        self.clock = FixedClock(NOW)
        self.options = {"database": database, "store": store}
        Registrar.create(self.home, "registry.example/log")
        self.registrar = self.open()
        self.registrar.install_root(self.root())
        for name in ("staging", "production"):
            self.registrar.add_policy(policy(name))
        with self.registrar.work() as work:
            models.create_project(work, "fraud")
            models.create_model(work, MODEL, "ann")

    def open(self) -> Registrar:
        return Registrar.open(self.home, clock=self.clock, **self.options)

    def document(self, version: int = 1, **changes: Any) -> dict[str, Any]:
        """A trust root that knows the people of `makers`, and this server's keys."""
        own = self.registrar.keys
        document = World(quorum=0).document(version=version)
        document["keys"] |= {k.keyid: public_of(k) for k in (own.log, own.server, own.scanner)}
        document["log"] = [{"origin": "registry.example/log", "key": own.log.keyid}]
        document["server"] = [own.server.keyid]
        document["people"]["scanner"]["keys"].append(
            {"key": own.scanner.keyid, "from": timestamp(NOW - timedelta(days=1)), "until": None}
        )
        return document | changes

    def root(self, version: int = 1, **changes: Any) -> bytes:
        return canonical(sign_root(self.document(version, **changes), ("root1", "root2")).to_json())

    def publish(self, folder: Path, name: VersionName = ONE, by: str = "ann") -> None:
        """Upload, seal with a bill of materials, scan."""
        subject = self.registrar.upload(name, str(folder), by)
        project, model, version = name.model.project, name.model.model, name.version
        seal = Seal(project=project, model=model, version=version, publisher=by, at=timestamp(self.clock.moment))
        with self.registrar.look() as work:
            listed = bom(manifest_of(work.connection, models.find_version(work.connection, name).id), by)
        self.registrar.seal(name, sign(seal.statement(subject), key(by)), canonical(listed.to_json()))
        self.registrar.scan(name, str(folder))

    def request(self, name: VersionName = ONE, channel: str = "production", by: str = "dan", **options: Any) -> str:
        with self.registrar.work() as work:
            subject, asked = promotions.propose(work, name, channel, by, **options)
            return promotions.request(work, name, sign(asked.statement(subject), key(by)), channel)

    def approval(self, nonce: str, by: str, /, **changes: Any) -> bytes:
        """The approval of that person, as he would sign it."""
        with self.registrar.look() as work:
            promotion = gate.find(work, nonce)
        said = approval_of(promotion.said, promotion.row.digest, by, self.clock.moment)
        return sign(replace(said, **changes).statement(Subject(str(promotion.name), promotion.digest)), key(by))

    def approve(self, nonce: str, by: str, /, **changes: Any) -> str:
        with self.registrar.work() as work:
            return promotions.decide_on(work, nonce, self.approval(nonce, by, **changes))

    def promote(self, name: VersionName = ONE, channel: str = "production") -> str:
        """All of it: request, two approvals, activation. Returns the request."""
        nonce = self.request(name, channel)
        for by in ("bea", "cid")[: 2 if channel == "production" else 1]:
            self.approve(nonce, by)
        self.registrar.activate(nonce, "dan")
        return nonce


def approval_of(request: Request, digest: str, by: str, now: datetime) -> Approval:
    return Approval(
        decision=APPROVE, request=digest, channel=request.channel, counter=request.counter, policy=request.policy,
        evidence=request.evidence, nonce=request.nonce, approver=by, reason="looks right", at=timestamp(now),
        expires=timestamp(now + timedelta(days=7)), valid_until=timestamp(now + timedelta(days=90)),
    )  # fmt: skip


def public_of(private: PrivateKey) -> Mapping[str, str]:
    import base64

    return {"kind": private.public.kind, "public": base64.b64encode(private.public.der).decode()}


def a_model(folder: Path) -> Path:
    """A small honest model folder."""
    import numpy as np
    from safetensors.numpy import save_file

    folder.mkdir()
    save_file({"w": np.arange(12, dtype=np.float32).reshape(3, 4)}, str(folder / "model.safetensors"))
    (folder / "config.json").write_text(json.dumps({"model_type": "scorer"}))
    os.makedirs(folder / "deep")
    (folder / "deep" / "vocab.txt").write_text("a\nb\n")
    return folder
