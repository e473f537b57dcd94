"""`mlflow://host/models:/name/version`, `…/models:/name@alias`, `…/runs:/run-id/path`: artifacts of an MLflow server.

REST API 2.0: the model version or the run names its artifacts; a server that proxies them (`mlflow-artifacts:`) lists and
sends them itself; of old servers, that know no ranges, large files need `--full`. Artifacts that live in an object store
are read from there, with that store's credentials. Held against a real server of MLflow 3.17.
"""

import json
import os
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote, urlencode

from assaymark.core.errors import Unreadable, UsageError
from assaymark.core.remote import Pinned, RemoteFile, RemoteSource, Traffic
from assaymark.feeds.access import authorization, base_of, header, shown, split, variable
from assaymark.feeds.pin import Pin
from assaymark.feeds.wire import Wire

_MODEL = re.compile(r"models:?/([^/@]+)(?:/(\d+)|@([^/@]+))")
_RUN = re.compile(r"runs:?/([A-Za-z0-9_-]{1,256})(?:/(.+))?")
_PROXIED = re.compile(r"mlflow-artifacts:(?://[^/]*)?/(.*)")
_MOST_FILES = 100_000
_DEEPEST = 64
_STORES = ("s3://", "gs://")


class Artifacts:
    """core.remote.RemoteSource of a registered model version, or of the artifacts of a run."""

    def __init__(self, host: str, reference: str, given: str) -> None:
        self.given = given
        self.name = reference.rstrip("/").rpartition("/")[2]
        self.is_folder = True
        self._reference = reference
        self._base = base_of(host)
        name = split(self._base).hostname or host
        step = f"set MLFLOW_TRACKING_URI and MLFLOW_TRACKING_TOKEN, or {variable(name)}=user:password"
        self._wire = Wire(self._base, _credentials(name), step)
        self._folder = ""
        self._store: RemoteSource | None = None
        self._pins: dict[str, Pin] = {}

    def resolve(self) -> Pinned:
        """The run, or the model version, and where its artifacts are."""
        model, run = _MODEL.fullmatch(self._reference), _RUN.fullmatch(self._reference)
        if model:
            name, version, alias = unquote(model[1]), model[2], model[3]
            if alias:
                found = self._call("registered-models/alias", {"name": name, "alias": unquote(alias)})
                version = str(_text(found, "model_version", "version"))
            asked = {"name": name, "version": version}
            where = _text(self._call("model-versions/get-download-uri", asked), "artifact_uri")
            kind, value = "mlflow-model-version", f"{name}/{version}"
        else:
            identity, inside = (run[1], unquote(run[2] or "")) if run else ("", "")
            where = _text(self._call("runs/get", {"run_id": identity}), "run", "info", "artifact_uri")
            where = f"{where.rstrip('/')}/{inside}" if inside else where
            kind, value = "mlflow-run", identity
        self._go_to(where)
        if self._store is not None:
            self._store.resolve()
        return Pinned(self.given, kind, value)

    def files(self) -> list[RemoteFile]:
        """The files below the artifact folder."""
        if self._store is not None:
            return list(self._store.files())
        files: list[RemoteFile] = []
        pending = [("", 0)]
        while pending:
            below, depth = pending.pop()
            for path, size in self._entries(below):
                if size is None and depth < _DEEPEST:
                    pending.append((path, depth + 1))
                    continue
                files.append(RemoteFile(path, size or 0, None, "" if size is not None else "is nested too deeply"))
                self._pins[path] = Pin(self._url(path), size)
            if len(files) + len(pending) > _MOST_FILES:
                raise Unreadable(f"{self.given}: more than {_MOST_FILES:,} files")
        if not files and self._folder:
            files = self._one_file()
        if not files:
            raise Unreadable(f"{self.given}: there are no artifacts", step="look at the name, version or run")
        return sorted(files, key=lambda file: file.path)

    def _one_file(self) -> list[RemoteFile]:
        """What was named is perhaps itself a file: its folder lists it."""
        self._folder, _, name = self._folder.rpartition("/")
        size = dict(self._entries("")).get(name)
        if size is None:
            return []
        self.is_folder = False
        self.name = name
        self._pins[name] = Pin(self._url(name), size)
        return [RemoteFile(name, size)]

    def read(self, path: str, offset: int, length: int, traffic: Traffic) -> bytes:
        """See core.remote."""
        if self._store is not None:
            return self._store.read(path, offset, length, traffic)
        return self._wire.span(self._pins[path], offset, length, traffic)

    def stream(self, path: str, traffic: Traffic) -> Iterator[bytes]:
        """See core.remote."""
        if self._store is not None:
            return self._store.stream(path, traffic)
        return self._wire.stream(self._pins[path], traffic)

    def close(self) -> None:
        """See core.remote."""
        self._wire.close()
        if self._store is not None:
            self._store.close()

    def _go_to(self, where: str) -> None:
        proxied = _PROXIED.fullmatch(where)
        if proxied:
            self._folder = proxied[1].strip("/")
        elif where.startswith(_STORES):
            from assaymark.feeds.objects import connect as connect_objects

            self._store = connect_objects(where)
        else:
            scheme = shown(where).partition(":")[0][:40]
            raise Unreadable(
                f"{self.given}: its artifacts are at {scheme}:, which the server does not pass on",
                step="start the server with --serve-artifacts, or scan them where they are",
            )

    def _entries(self, below: str) -> Iterator[tuple[str, int | None]]:
        """Path and size of what is in a folder; no size for a folder."""
        path = "/".join(part for part in (self._folder, below) if part)
        answer = self._get(f"{self._base}/api/2.0/mlflow-artifacts/artifacts?{urlencode({'path': path})}")
        entries = answer.get("files", [])
        if not isinstance(entries, list):
            raise Unreadable(f"{self.given}: the server's listing is not one")
        for entry in entries:
            name = entry.get("path") if isinstance(entry, dict) else None
            if not isinstance(name, str) or "/" in name or name in {"", ".", ".."}:
                raise Unreadable(f"{self.given}: the server lists a name that is none")
            size = None if entry.get("is_dir") else _size(entry.get("file_size", 0))
            if size is not None and size < 0:
                raise Unreadable(f"{self.given}: the server gives no size for {name!r}")
            yield f"{below}/{name}" if below else name, size

    def _url(self, path: str) -> str:
        return f"{self._base}/api/2.0/mlflow-artifacts/artifacts/{quote(f'{self._folder}/{path}'.lstrip('/'))}"

    def _call(self, what: str, query: dict[str, str]) -> Any:
        return self._get(f"{self._base}/api/2.0/mlflow/{what}?{urlencode(query)}")

    def _get(self, url: str) -> Any:
        try:
            answer = json.loads(self._wire.document(url).body)
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"{shown(url)}: is not JSON: is this an MLflow server?") from error
        if not isinstance(answer, dict):
            raise Unreadable(f"{shown(url)}: is not what MLflow answers")
        return answer


def _credentials(host: str) -> str:
    """Ours for the host; else MLflow's own, which belong to the server that MLFLOW_TRACKING_URI names."""
    own = authorization(host)
    tracked = os.environ.get("MLFLOW_TRACKING_URI", "")
    if own or not tracked.startswith(("http://", "https://")) or split(tracked).hostname != host:
        return own
    if os.environ.get("MLFLOW_TRACKING_USERNAME"):
        return header(f"{os.environ['MLFLOW_TRACKING_USERNAME']}:{os.environ.get('MLFLOW_TRACKING_PASSWORD', '')}")
    token = os.environ.get("MLFLOW_TRACKING_TOKEN", "").strip()
    return header(token) if token else ""


def _size(value: Any) -> int:
    """A size as JSON number or, as protobuf spells those of 64 bits, as text; -1 where it is none."""
    spelled = str(value) if type(value) in {int, str} else ""
    return int(spelled) if re.fullmatch(r"[0-9]{1,18}", spelled) else -1


def _text(answer: Any, *way: str) -> str:
    for name in way:
        answer = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(answer, str) or not answer:
        raise Unreadable(f"the server's answer has no {'.'.join(way)}", step="is this an MLflow server?")
    return answer


def connect(url: str) -> Artifacts:
    """See feeds.connect."""
    host, _, reference = url.partition("://")[2].partition("/")
    reference = reference.strip("/")
    if not host or not (_MODEL.fullmatch(reference) or _RUN.fullmatch(reference)):
        raise UsageError(
            f"{shown(url)!r} names no model version and no run",
            step="mlflow://host/models:/name/version, …/models:/name@alias or …/runs:/run-id/path",
        )
    split(f"https://{host}")
    return Artifacts(host, reference, shown(url))
