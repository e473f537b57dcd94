"""What no client of the OCI facade would send, by raw HTTP; each test has the name of the attack."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from assaymark.core.statements import Quarantine
from assaymark.core.subject import Subject
from assaymark.registrar import sign
from assaymark.registry import models, versions
from assaymark.registry.oci_documents import INDEX, MANIFEST, TITLE
from tests.http.oci_site import Site, code_of, manifest_of, put, sha, site, upload, upload_piece
from tests.registry.makers import at, key
from tests.registry.org import ONE

__all__ = ["site"]  # a fixture


def test_cross_project_blob_reads(site: Site) -> None:
    """A digest alone opens nothing: not by GET, HEAD, mount or a manifest, with rights in the other project."""
    secret = (site.folder / "model.safetensors").read_bytes()
    thief = site.stage.user("vic", "publisher on vision", "reader on vision")
    with site.http(thief) as client:
        place = f"/v2/vision/cat/blobs/{sha(secret)}"
        assert code_of(client.get(place)) == "BLOB_UNKNOWN" and client.head(place).status_code == 404
        for source in ("fraud/scorer", "vision/cat", "", "fraud/scorer/../..", "fraud", "FRAUD/scorer"):
            mounted = client.post("/v2/vision/cat/blobs/uploads/", params={"mount": sha(secret), "from": source})
            assert mounted.status_code in {202, 400}
        assert client.head(place).status_code == 404
        upload(client, b"{}", "vision/cat")
        body = json.dumps(manifest_of({"stolen": secret})).encode()
        stolen = client.put("/v2/vision/cat/manifests/1", content=body, headers={"Content-Type": MANIFEST})
        assert stolen.status_code == 404 and code_of(stolen) == "MANIFEST_BLOB_UNKNOWN"
        assert code_of(client.get("/v2/fraud/scorer/manifests/1")) == "NAME_UNKNOWN"
        assert client.get(f"/v2/fraud/scorer/blobs/{sha(secret)}").status_code == 404


def test_mounting_within_a_project_needs_the_right_to_read_the_source(site: Site) -> None:
    data = (site.folder / "config.json").read_bytes()
    narrow = site.stage.user("nora", "publisher on fraud/other")
    asked = {"mount": sha(data), "from": "fraud/scorer"}
    with site.http(narrow) as client:
        assert client.post("/v2/fraud/other/blobs/uploads/", params=asked).status_code == 202
    with site.http(site.writer) as client:
        assert client.post("/v2/fraud/other/blobs/uploads/", params=asked).status_code == 201


def test_an_upload_is_its_senders_alone(site: Site) -> None:
    other = site.stage.user("olga", "publisher on fraud")
    with site.http(site.writer) as client, site.http(other) as thief:
        where = upload_piece(client, b"mine")
        for answer in (
            thief.get(where), thief.patch(where, content=b"x"), thief.put(where, params={"digest": sha(b"mine")}),
            thief.delete(where), client.get(where.replace("scorer", "other")),
        ):  # fmt: skip
            assert answer.status_code == 404 and code_of(answer) == "BLOB_UPLOAD_UNKNOWN"
        assert client.put(where, params={"digest": sha(b"mine")}).status_code == 201


def test_uploads_are_bounded_and_grow_old(site: Site) -> None:
    with site.http(site.writer) as client:
        where = upload_piece(client, b"old")
        for _ in range(255):
            assert client.post("/v2/fraud/scorer/blobs/uploads/").status_code == 202
        full = client.post("/v2/fraud/scorer/blobs/uploads/")
        assert full.status_code == 429 and code_of(full) == "TOOMANYREQUESTS"
        site.stage.later(hours=21)
        assert client.get(where).status_code == 404
        assert client.post("/v2/fraud/scorer/blobs/uploads/").status_code == 202


@pytest.mark.parametrize(
    "title",
    [
        "../evil", "/etc/passwd", "a/../../b", "..", ".", "", "a//b", "a\\b", "C:\\x", "a/./b", "nul", "con.txt", "a\x00b",
        "a\nb", "a.", "a ", "%2e%2e/x/..", "e\u0301", "\ud800", "a" * 5_000, "a/", "\u202e\x85",
    ],
)  # fmt: skip
def test_path_traversal_in_the_titles_of_layers(site: Site, title: str) -> None:
    with site.http(site.writer) as client:
        upload(client, b"x")
        upload(client, b"{}")
        answer = put(client, manifest_of({title: b"x"}), "2")
        assert answer.status_code == 400 and code_of(answer) == "MANIFEST_INVALID"
        assert site.http(site.reader).get("/v2/fraud/scorer/tags/list").json()["tags"] == ["1"]


@pytest.mark.parametrize(
    "path",
    [
        "/v2/../../etc/passwd", "/v2/fraud/scorer/blobs/../../../x", "/v2/fraud/scorer/blobs/sha256:..%2f..%2fx",
        "/v2/fraud/scorer/manifests/..%2f..%2fx", "/v2/fraud/scorer/manifests/%2e%2e", "/v2/fraud/scorer/manifests/%252e",
"/v2/fraud/scorer/manifests/a%5cb", "/v2/fraud/scorer/manifests/a%00",
        "/v2/FRAUD/scorer/manifests/1", "/v2/fraud/scorer/deep/manifests/1", "/v2/fraud/manifests/1", "/v2//scorer/tags/list",
        "/v2/fraud/scorer/manifests/" + "a" * 3_000, "/v2/fraud/scorer/manifests/-a", "/v2/fraud/scorer/blobs/md5:00",
        "/v2/fraud/scorer/blobs/sha256:" + "A" * 64, "/v2/fraud/scorer/blobs/sha256:" + "0" * 65, "/v2/fraud/scorer/blobs/x",
        "/v2/fraud/scorer/blobs/uploads/%2e%2e%2fx", "/v2/fraud/scorer/blobs/uploads/../../x", "/v2/fraud/scorer/",
    ],
)  # fmt: skip
def test_path_traversal_in_every_spelling(site: Site, path: str) -> None:
    with site.http(site.writer) as client:
        for method in ("GET", "PUT", "DELETE", "PATCH", "POST", "HEAD"):
            answer = client.send(client.build_request(method, f"http://{site.host}{path}"))
            assert 400 <= answer.status_code < 500, (method, answer.text)


MANIFESTS = {
    "null": b"null", "list": b"[]", "number": b"1", "text": b'"x"', "nothing": b"", "object": b"{}", "cut": b'{"schemaVersion":2',
    "NaN": b'{"schemaVersion":NaN}', "duplicate": b'{"schemaVersion":2,"schemaVersion":2}', "UTF-16": "{}".encode("utf-16"),
    "deep": b"[" * 100_000, "version": b'{"schemaVersion":1}', "true": b'{"schemaVersion":true}',
    "layers null": b'{"schemaVersion":2,"layers":null,"config":null}', "no layers": b'{"schemaVersion":2,"layers":[]}',
    "layer null": b'{"schemaVersion":2,"layers":[null]}', "layer list": b'{"schemaVersion":2,"layers":[[]]}',
    "index": b'{"schemaVersion":2,"manifests":[]}',
}  # fmt: skip


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifests_that_are_none(site: Site, name: str) -> None:
    with site.http(site.writer) as client:
        answer = put(client, MANIFESTS[name], "2")
        assert answer.status_code == 400 and code_of(answer) == "MANIFEST_INVALID"


BAD_LAYERS: dict[str, dict[str, Any]] = {
    "no title": {"annotations": {}}, "annotations null": {"annotations": None}, "annotations list": {"annotations": [1]},
    "title number": {"annotations": {TITLE: 1}}, "size text": {"size": "1"}, "size negative": {"size": -1},
    "size true": {"size": True}, "size float": {"size": 1.5}, "digest null": {"digest": None}, "digest md5": {"digest": "md5:00"},
    "digest upper": {"digest": "sha256:" + "A" * 64}, "no media type": {"mediaType": None},
    "a folder": {"annotations": {TITLE: "a", "io.deis.oras.content.unpack": "true"}},
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_LAYERS)
def test_layers_that_are_no_files(site: Site, name: str) -> None:
    manifest = manifest_of({"a": b"a"})
    manifest["layers"][0].update(BAD_LAYERS[name])
    with site.http(site.writer) as client:
        upload(client, b"a")
        upload(client, b"{}")
        answer = put(client, manifest, "2")
        assert answer.status_code == 400 and code_of(answer) == "MANIFEST_INVALID"


def test_manifests_that_cannot_be_versions(site: Site) -> None:
    with site.http(site.writer) as client:
        for data in (b"a", b"{}"):
            upload(client, data)
        good = manifest_of({"a": b"a"})
        twins = manifest_of({"A": b"a", "a": b"a"})
        wrong_size = manifest_of({"a": b"a"})
        wrong_size["layers"][0]["size"] = 2
        attached = {**good, "subject": {"mediaType": MANIFEST, "digest": sha(b"x"), "size": 1}}
        for answer, code in (
            (put(client, good, "2", kind=INDEX), "MANIFEST_INVALID"),
            (put(client, good, "2", kind="application/vnd.docker.distribution.manifest.v2+json"), "MANIFEST_INVALID"),
            (put(client, {**good, "mediaType": INDEX}, "2"), "MANIFEST_INVALID"),
            (put(client, twins, "2"), "MANIFEST_INVALID"),
            (put(client, wrong_size, "2"), "SIZE_INVALID"),
            (put(client, attached, "2"), "UNSUPPORTED"),
            (put(client, good, sha(b"x")), "UNSUPPORTED"),
            (put(client, good, "UPPER"), "MANIFEST_INVALID"),
            (put(client, manifest_of({"a": b"never sent"}), "2"), "MANIFEST_BLOB_UNKNOWN"),
        ):
            assert 400 <= answer.status_code < 500 and code_of(answer) == code
        packed = client.put(
            "/v2/fraud/scorer/manifests/2", content=json.dumps(good).encode(),
            headers={"Content-Type": MANIFEST, "Content-Encoding": "gzip"},
        )  # fmt: skip
        assert packed.status_code == 415
        assert put(client, good, "2").status_code == 201


def test_a_huge_manifest_and_endless_data(site: Site) -> None:
    with site.http(site.writer) as client:
        huge = put(client, b" " * ((4 << 20) + 1), "2")
        assert huge.status_code == 413 and code_of(huge) == "SIZE_INVALID"

    def endless() -> Iterator[bytes]:
        while True:
            yield b" " * 65_536

    with site.http(site.writer) as client:
        kind = {"Content-Type": MANIFEST}
        try:
            answer = client.put("/v2/fraud/scorer/manifests/2", content=endless(), headers=kind)
            assert answer.status_code == 413
        except httpx.TransportError:
            pass  # the server hung up while we still sent


def test_a_length_and_chunked_coding_at_once(site: Site) -> None:
    from tests.http.test_wire import talk

    auth = b"Authorization: Bearer " + site.writer.encode()
    received = talk(
        site.server, b"POST /v2/fraud/scorer/blobs/uploads/?digest=" + sha(b"").encode() + b" HTTP/1.1", auth,
        b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\nGET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    )  # fmt: skip
    assert received.startswith(b"HTTP/1.1 400") and received.count(b"HTTP/1.1 ") == 1


def test_an_upload_that_breaks_off_leaves_nothing_and_can_be_gone_on_with(site: Site) -> None:
    import socket

    with site.http(site.writer) as client:
        where = upload_piece(client, b"begun ")
        with socket.create_connection(site.server.address, timeout=5) as connection:
            connection.sendall(
                f"PATCH {where} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {site.writer}\r\n"
                "Content-Length: 1000\r\n\r\nhalf".encode()
            )
        deadline = time.monotonic() + 5
        while client.get(where).headers["range"] != "0-5" and time.monotonic() < deadline:
            time.sleep(0.01)
        assert client.put(where, params={"digest": sha(b"begun done")}, content=b"done").status_code == 201


def test_what_is_quarantined_is_given_out_no_more(site: Site) -> None:
    site.org.promote()
    with site.http(site.reader) as client:
        manifest = client.get("/v2/fraud/scorer/manifests/1")
        blobs = [layer["digest"] for layer in manifest.json()["layers"]]
        registrar = site.org.registrar
        with registrar.work() as work:
            row = models.find_version(work.connection, ONE)
            from assaymark.core.digest import Digest

            said = Quarantine(project="fraud", model="scorer", version="1", by="eve", reason="backdoor", at=at())
            document = sign(said.statement(Subject(str(ONE), Digest.parse(row.digest))), key("eve"))
            versions.quarantine(work, ONE, document)
        for reference in ("1", "production", manifest.headers["docker-content-digest"]):
            answer = client.get(f"/v2/fraud/scorer/manifests/{reference}")
            assert answer.status_code == 403 and code_of(answer) == "DENIED"
        assert {client.get(f"/v2/fraud/scorer/blobs/{digest}").status_code for digest in blobs} == {404}
        assert client.get("/v2/fraud/scorer/tags/list").json()["tags"] == []
