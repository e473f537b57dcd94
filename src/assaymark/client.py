"""The typed Python client of a registry: the methods of `desk.Desk`, over HTTP.

with connect("https://registry.example") as registry:
    registry.search("fraud")
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self
from urllib.parse import quote, urlencode

from assaymark.app import identify
from assaymark.core.bundle import Bundle
from assaymark.core.errors import Unreadable, Untrusted, UsageError
from assaymark.core.subject import Subject
from assaymark.feeds.registry import RegistryClient

__all__ = ["Client", "RegistryClient", "connect"]

Json = dict[str, Any]
_PIECE = 1 << 20
_PAGE = 5_000
_LISTED = 1 << 30
"""Bytes after which the files that were sent are listed in the draft."""


def connect(server: str | None = None, token: str | None = None) -> "Client":
    """A client for a server, by ASSAY_SERVER and ASSAY_TOKEN unless given; raises UsageError. It does not yet dial."""
    return Client(server, token)


class Client(RegistryClient):
    """One server. Every method raises what the server says, as an AssayError."""

    def __enter__(self) -> Self:
        return self

    # Names

    def create(self, name: str, *, quota: int | None = None, card: str = "") -> Json:
        """See Desk."""
        project, slash, model = name.partition("/")
        if slash:
            return self._post(f"/projects/{_part(project)}/models", {"name": model, "card": card})
        return self._post("/projects", {"name": project, "quota": quota})

    def describe(self, model: str, card: str) -> Json:
        """See Desk."""
        return _object(self.ask("PUT", f"/api/v1{_model(model)}/card", {"card": card}))

    def search(self, text: str = "", *, after: int = 0) -> list[Json]:
        """See Desk."""
        return _list(self.ask("GET", "/api/v1/models", None, text=text, after=after))

    def show(self, name: str) -> Json:
        """See Desk."""
        return self._get(_version(name) if "@" in name else _model(name))

    def versions(self, model: str, *, before: int | None = None) -> list[Json]:
        """See Desk."""
        return _list(self.ask("GET", f"/api/v1{_model(model)}/versions", None, before=before))

    def files(self, version: str, *, after: str = "") -> list[Json]:
        """See Desk."""
        return _list(self.ask("GET", f"/api/v1{_version(version)}/files", None, after=after))

    # Trust

    def roots(self) -> list[Json]:
        """See Desk."""
        return _list(self.ask("GET", "/api/v1/trust"))

    def install_root(self, document: bytes) -> Json:
        """See Desk."""
        return self._post("/trust", {"envelope": json.loads(document)})

    def add_policy(self, document: Json) -> Json:
        """See Desk."""
        return self._post("/policies", document)

    # Publishing

    def draft(self, version: str, publisher: str, parents: Sequence[tuple[str, str]] = ()) -> Json:
        """See Desk; the publisher is whoever holds the token."""
        del publisher
        model, _, name = version.rpartition("@")
        named = [{"version": parent, "kind": kind} for parent, kind in parents]
        return self._post(f"{_model(model)}/versions", {"name": name, "parents": named})

    def upload(
        self, version: str, folder: str, publisher: str, progress: Callable[[int], None] | None = None
    ) -> Subject:
        """See Desk: only what the project does not have yet is sent."""
        digest, manifest = identify(folder)
        if manifest is None:
            raise UsageError(f"{folder} is not a folder", step="name the folder that holds the model")
        self.draft(version, publisher)
        project = _part(version.partition("/")[0])
        sizes = {file.sha256: file.size for file in manifest.files}
        known = set(self._known(project, sorted(sizes)))
        listed: list[Json] = []
        sent = 0
        for file in manifest.files:
            if file.sha256 not in known:
                path = os.path.join(folder, *file.path.split("/"))
                self.send("PUT", f"/api/v1/projects/{project}/blobs/{file.sha256}", _pieces(path))
                known.add(file.sha256)
                sent += file.size
            if progress:
                progress(file.size)
            listed.append({"path": file.path, "size": file.size, "sha256": file.sha256})
            if len(listed) >= _PAGE or sent >= _LISTED:  # what a draft lists is no garbage, however long the rest takes
                self._list_files(version, listed)
                listed, sent = [], 0
        self._list_files(version, listed)
        return Subject(version, digest)

    def _list_files(self, version: str, listed: list[Json]) -> None:
        if listed:
            self.ask("PUT", f"/api/v1{_version(version)}/files", {"files": listed})

    def seal(self, version: str, envelope: bytes, bom: bytes | None = None) -> Json:
        """See Desk."""
        more = {"bom": json.loads(bom)} if bom is not None else {}
        return self._post(f"{_version(version)}/seal", {"envelope": json.loads(envelope), **more})

    def scan_again(self, version: str) -> Json:
        """See Desk."""
        return self._post(f"{_version(version)}/scan", None)

    def attest(self, version: str, envelope: bytes) -> Json:
        """See Desk."""
        return self._signed(f"{_version(version)}/evidence", envelope)

    def statement(self, version: str, digest: str) -> Json:
        """See Desk."""
        return self._get(f"{_version(version)}/evidence/{_part(digest)}")

    # Deployments

    def deploy(self, version: str, name: str, environment: str = "production", *, since: str = "") -> Json:
        """See Desk."""
        body = {"name": name, "environment": environment, "since": since}
        return self._post(f"{_version(version)}/deployments", body)

    def undeploy(self, name: str, environment: str = "production", *, until: str = "") -> Json:
        """See Desk."""
        return self._post("/undeployments", {"name": name, "environment": environment, "until": until})

    def deployments(self, model: str = "", *, ended: bool = False, after: int = 0) -> list[Json]:
        """See Desk."""
        wanted = str(ended).lower()
        return _list(self.ask("GET", "/api/v1/deployments", None, model=model, ended=wanted, after=after))

    def add_bom(self, document: bytes, series: str = "", keys: Sequence[object] = ()) -> Json:
        """See Desk. A server knows the keys of its trust root and no others."""
        if keys:
            raise UsageError("a server believes the keys of its trust root alone", step="leave --key out")
        return self._post("/boms", {"document": document.decode("utf-8", "replace"), "series": series})

    # Promotion

    def propose(
        self, version: str, channel: str, requester: str, *, reason: str = "", days: int = 7, emergency: bool = False
    ) -> Json:
        """See Desk."""
        model, _, name = version.rpartition("@")
        body = {"version": name, "requester": requester, "reason": reason, "days": days, "emergency": emergency}
        return self._post(f"{_channel(model, channel)}/propose", body)

    def request(self, version: str, envelope: bytes, channel: str) -> Json:
        """See Desk."""
        model, _, name = version.rpartition("@")
        body = {"version": name, "envelope": json.loads(envelope)}
        return self._post(f"{_channel(model, channel)}/requests", body)

    def requests(self, *, state: str | None = None) -> list[Json]:
        """See Desk."""
        return _list(self.ask("GET", "/api/v1/requests", None, state=state))

    def request_of(self, nonce: str) -> Json:
        """See Desk."""
        return self._get(f"/requests/{_part(nonce)}")

    def decide(self, nonce: str, envelope: bytes) -> Json:
        """See Desk."""
        return self._signed(f"/requests/{_part(nonce)}/decisions", envelope)

    def activate(self, nonce: str) -> Json:
        """See Desk."""
        return self._post(f"/requests/{_part(nonce)}/activate", None)

    def withdraw(self, nonce: str, reason: str = "") -> Json:
        """See Desk."""
        return self._post(f"/requests/{_part(nonce)}/withdraw", {"reason": reason})

    def review(self, model: str, channel: str, conclusion: str) -> Json:
        """See Desk."""
        return self._post(f"{_channel(model, channel)}/review", {"conclusion": conclusion})

    # Stopping

    def quarantine(self, version: str, envelope: bytes) -> Json:
        """See Desk."""
        return self._signed(f"{_version(version)}/quarantine", envelope)

    def quarantined(self, version: str) -> Json:
        """See Desk."""
        return self._get(f"{_version(version)}/quarantine")

    def lift(self, version: str, envelope: bytes) -> Json:
        """See Desk."""
        return self._signed(f"{_version(version)}/lift", envelope)

    def preview_containment(self, what: str, *, scope: Sequence[str] = ()) -> Json:
        """See Desk; without a scope, everything that the holder of the token may quarantine."""
        return _object(self.ask("GET", "/api/v1/containments/preview", None, what=what, scope=",".join(scope) or None))

    def contain(
        self, what: str, reason: str, envelopes: Sequence[bytes], *, scope: Sequence[str] = (), partial: bool = False
    ) -> Json:
        """See Desk."""
        signed = [json.loads(envelope) for envelope in envelopes]
        body = {"what": what, "reason": reason, "scope": list(scope), "partial": partial, "envelopes": signed}
        return self._post("/containments", body)

    def containments(self, *, standing: bool = True) -> list[Json]:
        """See Desk."""
        return _list(self.ask("GET", "/api/v1/containments", None, standing="true" if standing else "false"))

    def containment(self, number: str) -> Json:
        """See Desk."""
        return self._get(f"/containments/{_part(number)}")

    def lift_containment(self, number: str, envelopes: Sequence[bytes]) -> Json:
        """See Desk."""
        signed = [json.loads(envelope) for envelope in envelopes]
        return self._post(f"/containments/{_part(number)}/lift", {"envelopes": signed})

    def vex(self, what: str, form: str = "openvex", *, scope: Sequence[str] = ()) -> Json:
        """See Desk; without a scope, everything that the holder of the token may read."""
        return _object(self.ask("GET", "/api/v1/vex", None, what=what, form=form, scope=",".join(scope) or None))

    def set_state(self, version: str, act: str, reason: str = "") -> Json:
        """See Desk."""
        if act == "delete":
            return _object(self.ask("DELETE", f"/api/v1{_version(version)}"))
        return self._post(f"{_version(version)}/{_part(act)}", {"reason": reason})

    def delete(self, model: str) -> Json:
        """See Desk."""
        return _object(self.ask("DELETE", f"/api/v1{_model(model)}"))

    # Webhooks

    def webhooks(self, project: str) -> list[Json]:
        """See Desk."""
        return _list(self.ask("GET", f"/api/v1/projects/{_part(project)}/webhooks"))

    def add_webhook(self, project: str, url: str, events: Sequence[str] = ()) -> Json:
        """See Desk."""
        return self._post(f"/projects/{_part(project)}/webhooks", {"url": url, "events": list(events)})

    def remove_webhook(self, project: str, webhook: str) -> Json:
        """See Desk."""
        return _object(self.ask("DELETE", f"/api/v1/projects/{_part(project)}/webhooks/{_part(webhook)}"))

    def test_webhook(self, project: str, webhook: str) -> Json:
        """See Desk."""
        return self._post(f"/projects/{_part(project)}/webhooks/{_part(webhook)}/test", None)

    # Impact

    def impact(self, what: Any, *, as_of: str = "", channel: str = "") -> Iterator[Json]:
        """See Desk. Raises Unreadable where the answer breaks off before its end."""
        query = urlencode({"what": _selector(what), "as_of": as_of, "channel": channel})
        whole = False
        for line in self.lines(f"/api/v1/impact?{query}"):
            whole = line.get("end") is True
            yield line
        if not whole:
            raise Unreadable("the answer broke off before its end", step="ask again")

    def impact_page(self, what: str, *, as_of: str = "", channel: str = "", limit: int = 100, after: int = 0) -> Json:
        """The head and some of the hits; `next` is where the next page begins."""
        found = self.ask(
            "GET", "/api/v1/impact", None, what=what, as_of=as_of, channel=channel, limit=limit, after=after
        )
        return _object(found)

    def why(self, model: str, what: Any, *, as_of: str = "") -> Json:
        """See Desk."""
        return _object(self.ask("GET", "/api/v1/impact/why", None, model=model, what=_selector(what), as_of=as_of))

    def ancestry(self, model: str, *, as_of: str = "") -> Json:
        """See Desk."""
        return _object(self.ask("GET", "/api/v1/graph/ancestry", None, model=model, as_of=as_of))

    # Loading

    def bundle(self, model: str, channel: str) -> Bundle:
        """See Desk."""
        return Bundle.read(b"".join(self.fetch(f"/api/v1{_channel(model, channel)}/bundle")))

    def read_file(self, version: str, path: str, sha256: str) -> Iterator[bytes]:
        """The bytes of a file of a version; raises Untrusted at the end when they are not what was named."""
        total = hashlib.sha256()
        for piece in self.fetch(f"/api/v1{_version(version)}/files/{quote(path)}"):
            total.update(piece)
            yield piece
        if total.hexdigest() != sha256:
            raise Untrusted(f"{path} came with digest {total.hexdigest()}, not {sha256}", step="fetch it again")

    def _known(self, project: str, sha256s: Sequence[str]) -> Iterator[str]:
        for start in range(0, len(sha256s), _PAGE):
            page = list(sha256s[start : start + _PAGE])
            yield from self.ask("POST", f"/api/v1/projects/{project}/blobs", {"sha256": page})

    def _get(self, path: str) -> Json:
        return _object(self.ask("GET", f"/api/v1{path}"))

    def _post(self, path: str, body: Any) -> Json:
        return _object(self.ask("POST", f"/api/v1{path}", body))

    def _signed(self, path: str, envelope: bytes) -> Json:
        return self._post(path, {"envelope": json.loads(envelope)})


def _selector(what: Any) -> str:
    """A server opens no files of ours."""
    if not isinstance(what, str):
        raise UsageError("a server takes no advisory of yours", step="name its id, or pkg:TYPE/NAME@RANGE")
    return what


def _part(text: str) -> str:
    """One part of a path; a name that is none is refused by the server, and never changes the address."""
    return quote(text, safe="")


def _model(name: str) -> str:
    project, slash, model = name.partition("/")
    if not slash:
        raise UsageError(f"{name!r} is no model", step="write PROJECT/MODEL")
    return f"/projects/{_part(project)}/models/{_part(model)}"


def _version(name: str) -> str:
    model, at, version = name.rpartition("@")
    if not at:
        raise UsageError(f"{name!r} is no version", step="write PROJECT/MODEL@VERSION")
    return f"{_model(model)}/versions/{_part(version)}"


def _channel(model: str, channel: str) -> str:
    return f"{_model(model)}/channels/{_part(channel)}"


def _pieces(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def _object(found: Any) -> Json:
    if not isinstance(found, dict):
        raise Untrusted("the server answered with something else than it should", step="look at ASSAY_SERVER")
    return found


def _list(found: Any) -> list[Json]:
    if not isinstance(found, list):
        raise Untrusted("the server answered with something else than it should", step="look at ASSAY_SERVER")
    return found
