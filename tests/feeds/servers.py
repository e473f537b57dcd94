"""Real servers on 127.0.0.1 that count what they send. Each speaks one protocol as far as a client of it goes."""

import hashlib
import json
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape


class Content(Protocol):
    size: int

    def read(self, offset: int, length: int) -> bytes: ...


class Data:
    """Content in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        return self.data[offset : offset + length]


class Sparse:
    """Zeros, but for some places: as large as one likes."""

    def __init__(self, size: int, places: Mapping[int, bytes]) -> None:
        self.size = size
        self.places = sorted(places.items())

    def read(self, offset: int, length: int) -> bytes:
        out = bytearray(max(0, min(length, self.size - offset)))
        for at, data in self.places:
            low, high = max(at, offset), min(at + len(data), offset + len(out))
            if low < high:
                out[low - offset : high - offset] = data[low - at : high - at]
        return bytes(out)


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    target: str

    def range(self, size: int) -> tuple[int, int] | None:
        """First and last byte that were asked for."""
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", ""))
        if not match:
            return None
        return int(match[1]), min(int(match[2] or size), size - 1)


@dataclass
class Reply:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: int | None = None
    """Close the connection after so many bytes of the body."""
    stream: Content | None = None
    """A body that is larger than one wants to hold."""


def ranged(request: Request, content: Content, etag: str = '"v1"') -> Reply:
    """As RFC 9110 has it: 206 for a range, 200 with the whole where If-Range names another version."""
    headers = {"Accept-Ranges": "bytes"} | ({"ETag": etag} if etag else {})
    wanted = request.range(content.size)
    if wanted is None or request.headers.get("if-range", etag) != etag:
        return Reply(200, headers, stream=content)
    first, last = wanted
    if first >= content.size:
        return Reply(416, headers | {"Content-Range": f"bytes */{content.size}"})
    headers["Content-Range"] = f"bytes {first}-{last}/{content.size}"
    return Reply(206, headers, content.read(first, last - first + 1))


def as_json(value: object, status: int = 200, **headers: str) -> Reply:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(status, {"Content-Type": "application/json"} | named, json.dumps(value).encode())


class Server:
    """Answers with `answer(request)`; what it was asked and how many bytes of bodies it sent is counted."""

    def __init__(self, answer: Callable[[Request], Reply], tls: ssl.SSLContext | None = None) -> None:
        self.answer = answer
        self.seen: list[Request] = []
        self.sent = 0
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1
            disable_nagle_algorithm = True
            timeout = 20

            def do_GET(self) -> None:
                outer._serve(self)

            do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

            def log_message(self, *_: object) -> None:
                pass

        class Listener(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass

        self._http = Listener(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._http.socket = tls.wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=True
            )
        self.scheme = "https" if tls else "http"
        self.port = self._http.server_address[1]
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"{self.scheme}://{self.host}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        headers = {name.lower(): value for name, value in handler.headers.items()}
        request = Request(handler.command, unquote(parts.path), query, headers, handler.path)
        with self._lock:
            self.seen.append(request)
        reply = self.answer(request)
        length = reply.stream.size if reply.stream else len(reply.body)
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        if "Content-Length" not in reply.headers and reply.status != 204:
            handler.send_header("Content-Length", str(length))
        handler.end_headers()
        if handler.command == "HEAD":
            return
        handler.wfile.flush()
        try:
            for piece in self._pieces(reply):
                handler.connection.sendall(piece)
                with self._lock:
                    self.sent += len(piece)
        except OSError:
            handler.close_connection = True
        if reply.cut is not None:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)

    def _pieces(self, reply: Reply) -> Iterator[bytes]:
        if reply.stream is None:
            yield reply.body[: reply.cut]
            return
        for at in range(0, reply.stream.size, 1 << 16):
            yield reply.stream.read(at, 1 << 16)

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@contextmanager
def serving(answer: Callable[[Request], Reply], tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(answer, tls)
    try:
        yield server
    finally:
        server.close()


# TLS


def authority(folder: Path, name: str = "127.0.0.1") -> tuple[ssl.SSLContext, Path]:
    """A server's TLS context for an address, and the file with the CA that vouches for it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def build(subject: str, key: ec.EllipticCurvePrivateKey, ca: bool) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(named(subject)).issuer_name(named("test CA"))
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key())
        builder = builder.add_extension(issuer, critical=False)
        usage = x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False)
        builder = builder.add_extension(usage, critical=True)
        return builder.add_extension(x509.BasicConstraints(ca, None), critical=True)

    import ipaddress

    root = ec.generate_private_key(ec.SECP256R1())
    leaf = ec.generate_private_key(ec.SECP256R1())
    ca = build("test CA", root, ca=True).sign(root, hashes.SHA256())
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(name))])
    certificate = build("server", leaf, ca=False).add_extension(names, critical=False).sign(root, hashes.SHA256())
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    (folder / "server.pem").write_bytes(
        leaf.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context, folder / "ca.pem"


# Hugging Face Hub


class Hub:
    """The three endpoints; large files are led to a content network, the others sent."""

    def __init__(self, files: Mapping[str, Content], cdn: str = "", kind: str = "models") -> None:
        self.files = dict(files)
        self.cdn = cdn
        self.kind = kind
        self.id = "acme/net"
        self.commit = "a" * 40
        self.lfs = {name for name, content in files.items() if content.size > 10_000 or name.endswith(".bin")}
        self.digests: dict[str, str] = {}
        self.gated: str | bool = False
        self.token = ""
        self.page = 1_000
        self.links = 0

    def __call__(self, request: Request) -> Reply:
        if self.token and request.headers.get("authorization") != f"Bearer {self.token}":
            return Reply(401, {"X-Error-Code": "RepoNotFound"})
        api = f"/api/{self.kind}/{self.id}"
        if request.path == f"{api}/revision/main":
            return as_json({"id": self.id, "sha": self.commit, "gated": self.gated})
        if request.path.startswith(f"{api}/revision/"):
            return Reply(404, {"X-Error-Code": "RevisionNotFound"})
        if request.path == f"{api}/tree/{self.commit}":
            return self.tree(request)
        lead = "" if self.kind == "models" else f"/{self.kind}"
        root = f"{lead}/{self.id}/resolve/{self.commit}/"
        if request.path.startswith(root) and request.path[len(root) :] in self.files:
            return self.resolve(request, request.path[len(root) :])
        return Reply(404, {"X-Error-Code": "RepoNotFound"})

    def tree(self, request: Request) -> Reply:
        names = sorted(self.files)
        start = int(request.query.get("cursor", "0"))
        entries: list[dict[str, object]] = [{"type": "directory", "path": "sub", "size": 0, "oid": "0" * 40}]
        for name in names[start : start + self.page]:
            content = self.files[name]
            entry: dict[str, object] = {"type": "file", "path": name, "size": content.size, "oid": "1" * 40}
            if name in self.lfs:
                oid = self.digests.get(name) or hashlib.sha256(content.read(0, content.size)).hexdigest()
                entry["lfs"] = {"oid": oid, "size": content.size, "pointerSize": 134}
            entries.append(entry)
        more = start + self.page < len(names)
        host = request.headers["host"]
        link = {"Link": f'<http://{host}{request.path}?recursive=true&cursor={start + self.page}>; rel="next"'}
        return as_json(entries, **(link if more else {}))

    def resolve(self, request: Request, name: str) -> Reply:
        if self.gated and "authorization" not in request.headers:
            return Reply(401, {"X-Error-Code": "GatedRepo"})
        if name in self.lfs and self.cdn:
            self.links += 1
            signed = f"{self.cdn}/{quote(name)}?X-Signature=secret{self.links}"
            size = str(self.files[name].size)
            linked = {"X-Repo-Commit": self.commit, "X-Linked-Size": size, "X-Linked-ETag": f'"{name}"'}
            return Reply(302, {"Location": signed} | linked)
        reply = ranged(request, self.files[name], f'"{name}"')
        reply.headers["X-Repo-Commit"] = self.commit
        return reply


class Cdn:
    """Where the hub leads to: no token may ever arrive here. A signature is good for `uses` requests."""

    def __init__(self, files: Mapping[str, Content], uses: int = 1 << 30) -> None:
        self.files = files
        self.uses = uses
        self.used: dict[str, int] = {}

    def __call__(self, request: Request) -> Reply:
        signature = request.query.get("X-Signature", "")
        self.used[signature] = self.used.get(signature, 0) + 1
        if not signature or self.used[signature] > self.uses:
            return Reply(403)
        return ranged(request, self.files[request.path[1:]], '"cdn"')


# OCI registry


class Registry:
    """Distribution spec 1.1 for one repository, with the token flow where `password` is set."""

    def __init__(self, name: str = "team/net", password: str = "") -> None:
        self.name = name
        self.blobs: dict[str, Content] = {}
        self.manifests: dict[str, tuple[str, bytes]] = {}
        self.password = password
        self.realm = ""
        self.given = 0

    def blob(self, content: Content, digest: str = "") -> str:
        digest = digest or f"sha256:{hashlib.sha256(content.read(0, content.size)).hexdigest()}"
        self.blobs[digest] = content
        return digest

    def manifest(
        self, document: object, tag: str = "", media: str = "application/vnd.oci.image.manifest.v1+json"
    ) -> str:
        body = json.dumps(document).encode()
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self.manifests[digest] = (media, body)
        if tag:
            self.manifests[tag] = (media, body)
        return digest

    def __call__(self, request: Request) -> Reply:
        if request.path == "/token":
            return self.token(request)
        if self.password and request.headers.get("authorization") != f"Bearer t{self.given}":
            realm = self.realm or f"http://{request.headers['host']}/token"
            said = f'Bearer realm="{realm}",service="registry",scope="repository:{self.name}:pull"'
            return as_json({"errors": [{"code": "UNAUTHORIZED"}]}, 401, WWW_Authenticate=said)
        kind, _, reference = request.path.removeprefix(f"/v2/{self.name}/").partition("/")
        if kind == "manifests" and reference in self.manifests:
            media, body = self.manifests[reference]
            return Reply(200, {"Content-Type": media}, body)
        if kind == "blobs" and reference in self.blobs:
            return ranged(request, self.blobs[reference], f'"{reference}"')
        return as_json({"errors": [{"code": "NAME_UNKNOWN"}]}, 404)

    def token(self, request: Request) -> Reply:
        from base64 import b64encode

        wanted = f"Basic {b64encode(self.password.encode()).decode()}"
        if request.headers.get("authorization") != wanted:
            return as_json({}, 401)
        assert request.query == {"service": "registry", "scope": f"repository:{self.name}:pull"}
        self.given += 1
        return as_json({"token": f"t{self.given}", "expires_in": 300})


# S3


class Bucket:
    """GET, HEAD and ListObjectsV2 of one bucket, path style."""

    def __init__(self, files: Mapping[str, Content], name: str = "weights") -> None:
        self.files = dict(files)
        self.name = name
        self.etags = {key: f'"{number:032x}"' for number, key in enumerate(files)}
        self.denied = False
        self.page = 1_000

    def __call__(self, request: Request) -> Reply:
        if self.denied:
            return Reply(403, {"Content-Type": "application/xml"}, b"<Error><Code>AccessDenied</Code></Error>")
        root = f"/{self.name}"
        if request.path in {root, f"{root}/"} and request.query.get("list-type") == "2":
            return self.list(request)
        key = request.path.removeprefix(f"{root}/")
        if key not in self.files:
            body = b"<Error><Code>NoSuchKey</Code></Error>"
            return Reply(404, {"Content-Type": "application/xml"}, body)
        if request.headers.get("if-match", self.etags[key]) != self.etags[key]:
            return Reply(412, {}, b"<Error><Code>PreconditionFailed</Code></Error>")
        reply = ranged(request, self.files[key], self.etags[key])
        reply.headers["Last-Modified"] = format_datetime(datetime(2026, 1, 1, tzinfo=UTC), usegmt=True)
        return reply

    def list(self, request: Request) -> Reply:
        keys = [key for key in sorted(self.files) if key.startswith(request.query.get("prefix", ""))]
        start = int(request.query.get("continuation-token", "0"))
        more = start + self.page < len(keys)
        items = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            f"<ETag>{escape(self.etags[key])}</ETag><Size>{self.files[key].size}</Size></Contents>"
            for key in keys[start : start + self.page]
        )
        token = f"<NextContinuationToken>{start + self.page}</NextContinuationToken>" if more else ""
        body = (
            f'<?xml version="1.0"?><ListBucketResult><Name>{self.name}</Name><IsTruncated>{str(more).lower()}'
            f"</IsTruncated>{token}{items}</ListBucketResult>"
        )
        return Reply(200, {"Content-Type": "application/xml"}, body.encode())


# MLflow


class Tracking:
    """REST 2.0 of a server with `--serve-artifacts`, as MLflow 3.17 answers; before 3 it knew no ranges."""

    def __init__(self, files: Mapping[str, Content], *, ranges: bool = True) -> None:
        self.files = files
        self.ranges = ranges
        self.folder = "0/run1/artifacts"
        self.uri = f"mlflow-artifacts:/{self.folder}"

    def __call__(self, request: Request) -> Reply:
        api, artifacts = "/api/2.0/mlflow/", "/api/2.0/mlflow-artifacts/artifacts"
        if request.path == f"{api}runs/get" and request.query == {"run_id": "run1"}:
            return as_json({"run": {"info": {"artifact_uri": self.uri}}})
        if request.path == f"{api}registered-models/alias" and request.query == {"name": "net", "alias": "prod"}:
            return as_json({"model_version": {"name": "net", "version": "3"}})
        if request.path == f"{api}model-versions/get-download-uri" and request.query == {"name": "net", "version": "3"}:
            return as_json({"artifact_uri": f"{self.uri}/model"})
        if request.path == artifacts:
            return self.list(request.query["path"])
        name = request.path.removeprefix(f"{artifacts}/{self.folder}/")
        if name in self.files:
            return ranged(request, self.files[name]) if self.ranges else Reply(stream=self.files[name])
        return as_json({"error_code": "RESOURCE_DOES_NOT_EXIST"}, 404)

    def list(self, path: str) -> Reply:
        lead = f"{path.removeprefix(self.folder).strip('/')}/".removeprefix("/")
        found: dict[str, dict[str, object]] = {}
        for name, content in self.files.items():
            if name.startswith(lead):
                head, slash, _ = name[len(lead) :].partition("/")
                entry = (
                    {"path": head, "is_dir": True}
                    if slash
                    else {"path": head, "is_dir": False, "file_size": content.size}
                )
                found[head] = entry
        return as_json({"files": list(found.values())} if found else {})


# Large models


def safetensors_of(size: int, tensors: int = 700) -> Sparse:
    """A sound safetensors file of about `size` bytes: a header, and zeros."""
    each = (size // tensors) & ~7
    header = {
        f"model.layers.{n}.mlp.weight": {
            "dtype": "F32",
            "shape": [each // 4],
            "data_offsets": [n * each, (n + 1) * each],
        }
        for n in range(tensors)
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    start = struct.pack("<Q", len(text)) + text
    return Sparse(len(start) + tensors * each, {0: start})


def torch_zip_of(size: int, pickled: bytes, storages: int = 300) -> Sparse:
    """A PyTorch archive of about `size` bytes, zip64, storages of zeros."""
    each = size // storages
    members = [("net/data.pkl", pickled, len(pickled)), ("net/version", b"3\n", 2), ("net/byteorder", b"little", 6)]
    members += [(f"net/data/{n}", b"", each) for n in range(storages)]
    places: dict[int, bytes] = {}
    central = bytearray()
    at = 0
    import zlib

    for name, data, length in members:
        crc = zlib.crc32(data) if data else 0
        raw = name.encode()
        big = length >= 1 << 32
        low = 0xFFFFFFFF if big else length
        extra = struct.pack("<HHQQ", 1, 16, length, length) if big else b""
        head = struct.pack("<IHHHHHIIIHH", 0x04034B50, 45, 0, 0, 0, 0, crc, low, low, len(raw), len(extra))
        places[at] = head + raw + extra + data
        wide = struct.pack("<QQQ", length, length, at) if big else struct.pack("<Q", at)
        extra = struct.pack("<HH", 1, len(wide)) + wide
        central += struct.pack(
            "<IHHHHHHIIIHHHHHII",
            0x02014B50, 45, 45, 0, 0, 0, 0, crc, low, low, len(raw), len(extra), 0, 0, 0, 0, 0xFFFFFFFF,
        )  # fmt: skip
        central += raw + extra
        at += len(head) + len(raw) + (20 if big else 0) + length
    start = at
    end = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, len(members), len(members), len(central), start)
    end += struct.pack("<IIQI", 0x07064B50, 0, start + len(central), 1)
    end += struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    places[start] = bytes(central) + end
    return Sparse(start + len(central) + len(end), places)


def gguf_of(size: int) -> Sparse:
    """A GGUF file of about `size` bytes with one tensor of zeros and a vocabulary."""

    def text(value: str) -> bytes:
        raw = value.encode()
        return struct.pack("<Q", len(raw)) + raw

    words = b"".join(text(f"token{n}") for n in range(50_000))
    pairs = text("general.architecture") + struct.pack("<I", 8) + text("llama")
    pairs += text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 50_000) + words
    count = (size // 4) & ~31
    info = text("w") + struct.pack("<IQIQ", 1, count, 0, 0)
    start = b"GGUF" + struct.pack("<IQQ", 3, 1, 2) + pairs + info
    start += bytes(-len(start) % 32)
    return Sparse(len(start) + count * 4, {0: start})
