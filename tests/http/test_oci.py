"""The OCI facade with real clients (skopeo, oras) on a real server, on SQLite and on PostgreSQL."""

import hashlib
import json
import os
import subprocess
import warnings
from pathlib import Path
from typing import Any

import pytest

from assaymark.core.errors import NotFound
from assaymark.core.manifest import PREFIX
from assaymark.core.strictjson import canonical
from assaymark.registry import models
from assaymark.registry.names import VersionName
from assaymark.registry.oci_documents import ENVELOPE, INDEX, MANIFEST, MODEL, PREDICATE, TITLE
from tests.databases import database_url
from tests.http.oci_site import Site, code_of, manifest_of, push, put, sha, site, skopeo, upload_piece
from tests.registry.org import ONE

__all__ = ["database_url", "site"]  # fixtures

# real clients


@pytest.fixture
def run_skopeo(tmp_path: Path) -> Any:
    def run(*arguments: str, good: bool = True) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
        command = ["skopeo", "--insecure-policy", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=120, check=False)
        assert (done.returncode == 0) == good, done.stderr
        return done

    return run


@skopeo
def test_skopeo_pulls_inspects_and_lists(site: Site, tmp_path: Path, run_skopeo: Any) -> None:
    who = ["--creds", f"rita:{site.reader}", "--tls-verify=false"]
    tags = json.loads(run_skopeo("list-tags", *who, f"docker://{site.host}/fraud/scorer").stdout)
    assert tags["Tags"] == ["1"]
    raw = run_skopeo("inspect", "--raw", *who, f"docker://{site.host}/fraud/scorer:1").stdout
    assert json.loads(raw)["artifactType"] == MODEL
    source = ["--src-creds", f"rita:{site.reader}", "--src-tls-verify=false"]
    run_skopeo("copy", *source, f"docker://{site.host}/fraud/scorer:1", f"oci:{tmp_path}/layout:1")
    for file in json.loads(raw)["layers"]:
        got = (tmp_path / "layout/blobs/sha256" / file["digest"][7:]).read_bytes()
        assert got == (site.folder / file["annotations"][TITLE]).read_bytes()
    run_skopeo("copy", *source, f"docker://{site.host}/fraud/scorer@{sha(raw.encode())}", f"oci:{tmp_path}/by-digest:1")


@skopeo
def test_skopeo_pushes_a_draft_which_is_sealed_and_has_the_same_digest_then(
    site: Site, tmp_path: Path, run_skopeo: Any
) -> None:
    source = ["--src-creds", f"rita:{site.reader}", "--src-tls-verify=false"]
    run_skopeo("copy", *source, f"docker://{site.host}/fraud/scorer:1", f"oci:{tmp_path}/layout:1")
    target = ["--dest-creds", f"ann:{site.writer}", "--dest-tls-verify=false"]
    run_skopeo("copy", *target, f"oci:{tmp_path}/layout:1", f"docker://{site.host}/fraud/scorer:2")
    client = site.http(site.reader)
    assert code_of(client.get("/v2/fraud/scorer/manifests/2")) == "MANIFEST_UNKNOWN"
    site.seal("2")
    one, two = (client.get(f"/v2/fraud/scorer/manifests/{tag}") for tag in "12")
    assert one.content == two.content and one.headers["docker-content-digest"] == sha(two.content)
    # and with the wrong credentials, or none
    run_skopeo("copy", *source, f"docker://{site.host}/vision/cat:1", f"oci:{tmp_path}/x:1", good=False)
    target = ["--dest-creds", f"rita:{site.reader}", "--dest-tls-verify=false"]
    run_skopeo("copy", *target, f"oci:{tmp_path}/layout:1", f"docker://{site.host}/fraud/scorer:3", good=False)


def an_oras(site: Site, user: str, token: str, backend: str = "token") -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from oras.client import OrasClient

        client = OrasClient(hostname=site.host, insecure=True, auth_backend=backend)
    client.auth.set_basic_auth(user, token)
    site.opened.callback(client.session.close)
    return client


@pytest.mark.parametrize("backend", ["token", "basic"])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.filterwarnings("ignore")
def test_oras_pushes_and_pulls(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str, *, chunked: bool
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOME", str(tmp_path))
    (work / "weights.bin").write_bytes(os.urandom(300_000))
    (work / "config.json").write_bytes(b'{"a": 1}')
    client = an_oras(site, "ann", site.writer, backend)
    target = f"{site.host}/fraud/scorer:v2"
    client.push(target, files=["weights.bin", "config.json"], do_chunked=chunked, chunk_size=100_000)
    site.seal("v2")
    pulled = an_oras(site, "rita", site.reader, backend).pull(target, outdir=str(tmp_path / "out"))
    assert sorted(os.path.basename(path) for path in pulled) == ["config.json", "weights.bin"]
    for name in ("weights.bin", "config.json"):
        assert (tmp_path / "out" / name).read_bytes() == (work / name).read_bytes()
    assert "v2" in an_oras(site, "rita", site.reader, backend).get_tags(f"{site.host}/fraud/scorer")


@pytest.mark.filterwarnings("ignore")
def test_oras_pushes_a_folder_as_an_archive_which_is_not_unpacked(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(site.folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ValueError, match="manifests/v2: Bad Request"):
        an_oras(site, "ann", site.writer).push(f"{site.host}/fraud/scorer:v2", files=["deep"])
    with site.org.registrar.look() as work, pytest.raises(NotFound):
        models.find_version(work.connection, VersionName(ONE.model, "v2"))


# logging in


def test_the_token_endpoint_and_basic(site: Site) -> None:
    with site.http() as client:
        asked = client.get("/v2/")
        assert asked.status_code == 401 and code_of(asked) == "UNAUTHORIZED"
        assert asked.headers["www-authenticate"] == f'Bearer realm="http://{site.host}/v2/token",service="assaymark"'
        where = client.get("/v2/fraud/scorer/tags/list").headers["www-authenticate"]
        assert where.endswith(',scope="repository:fraud/scorer:pull"')
        assert client.get("/v2/token").status_code == 401
        assert client.get("/v2/token", auth=("rita", "wrong")).status_code == 401
        token = client.get("/v2/token", auth=("rita", site.reader)).json()["token"]
        assert client.get("/v2/", headers={"Authorization": f"Bearer {token}"}).status_code == 200
        assert client.get("/v2/", auth=("rita", site.reader)).json() == {}
        assert client.get("/v2", auth=("rita", site.reader)).status_code == 200


def test_a_host_header_does_not_lead_clients_to_another_token_endpoint(site: Site) -> None:
    with site.http() as client:
        assert client.get("/v2/", headers={"Host": "evil.example"}).status_code == 421
        for odd in ('localhost:1"evil', "localhost:80@evil", "localhost:x"):
            answer = client.get("/v2/", headers={"Host": odd})
            assert answer.status_code in {401, 421}
            if answer.status_code == 401:
                assert 'realm="http://localhost/v2/token"' in answer.headers["www-authenticate"]


def test_a_token_that_only_reads_pushes_nothing(site: Site) -> None:
    weak = site.stage.token("ann", frozenset({"read"}))
    with site.http(weak) as client:
        assert client.get("/v2/fraud/scorer/tags/list").status_code == 200
        for answer in (client.post("/v2/fraud/scorer/blobs/uploads/"), put(client, manifest_of({"a": b"a"}), "9")):
            assert answer.status_code == 403 and code_of(answer) == "DENIED"


# pulling


def test_a_version_has_the_same_digest_for_ever_and_its_config_is_the_manifest_that_was_signed(site: Site) -> None:
    with site.http(site.reader) as client:
        got = client.get("/v2/fraud/scorer/manifests/1")
        document = got.json()
        assert got.content == canonical(document) and got.headers["content-type"] == MANIFEST
        assert got.headers["docker-content-digest"] == sha(got.content)
        config = client.get(f"/v2/fraud/scorer/blobs/{document['config']['digest']}").content
        shown = site.org.registrar
        with shown.look() as work:
            digest = models.find_version(work.connection, ONE).digest
        assert digest == f"assaymark-manifest-v1:{hashlib.sha256(PREFIX + config).hexdigest()}"
        assert document["annotations"] == {"org.assaymark.digest": digest}
        again = client.get(f"/v2/fraud/scorer/manifests/{sha(got.content)}")
        assert again.content == got.content
        head = client.head("/v2/fraud/scorer/manifests/1")
        assert head.content == b"" and int(head.headers["content-length"]) == len(got.content)
        site.org.promote()
        assert client.get("/v2/fraud/scorer/manifests/production").content == got.content
        assert client.get("/v2/fraud/scorer/tags/list").json()["tags"] == ["1", "production"]


def test_blobs_whole_and_in_parts(site: Site) -> None:
    data = (site.folder / "model.safetensors").read_bytes()
    place = f"/v2/fraud/scorer/blobs/{sha(data)}"
    with site.http(site.reader) as client:
        assert client.get(place).content == data
        head = client.head(place)
        assert head.content == b"" and int(head.headers["content-length"]) == len(data)
        end = len(data)
        for text, first, last in (
            ("bytes=2-5", 2, 6),
            ("bytes=7-", 7, end),
            ("bytes=-3", end - 3, end),
            ("bytes=0-999", 0, end),
        ):
            part = client.get(place, headers={"Range": text})
            assert part.status_code == 206 and part.content == data[first:last]
            assert part.headers["content-range"] == f"bytes {first}-{last - 1}/{end}"
        for text in (f"bytes={len(data)}-", "bytes=-0", "bytes=5-2"):
            over = client.get(place, headers={"Range": text})
            assert over.status_code == 416 and over.headers["content-range"] == f"bytes */{len(data)}"
        for text in ("bytes=0-1,3-4", "lines=1-2", "bytes=x-", "bytes=" + "9" * 5_000 + "-", "bytes=-"):
            assert client.get(place, headers={"Range": text}).content == data


def test_signed_statements_are_referrers(site: Site) -> None:
    with site.http(site.reader) as client:
        digest = sha(client.get("/v2/fraud/scorer/manifests/1").content)
        answer = client.get(f"/v2/fraud/scorer/referrers/{digest}")
        assert answer.headers["content-type"] == INDEX
        listed = answer.json()["manifests"]
        kinds = [one["annotations"][PREDICATE] for one in listed]
        scan = "https://in-toto.io/attestation/test-result/v0.1"
        assert kinds == ["urn:assaymark:seal:v1", "https://cyclonedx.org/bom", scan]
        for one in listed:
            found = client.get(f"/v2/fraud/scorer/manifests/{one['digest']}")
            assert sha(found.content) == one["digest"] and len(found.content) == one["size"]
            assert found.json()["subject"]["digest"] == digest
            (layer,) = found.json()["layers"]
            envelope = client.get(f"/v2/fraud/scorer/blobs/{layer['digest']}")
            assert sha(envelope.content) == layer["digest"]
            assert envelope.json()["payloadType"] == "application/vnd.in-toto+json"
            empty = client.get(f"/v2/fraud/scorer/blobs/{found.json()['config']['digest']}")
            assert empty.content == b"{}"
        filtered = client.get(f"/v2/fraud/scorer/referrers/{digest}", params={"artifactType": ENVELOPE})
        assert filtered.json()["manifests"] == listed and filtered.headers["oci-filters-applied"] == "artifactType"
        none = client.get(f"/v2/fraud/scorer/referrers/{digest}", params={"artifactType": "x"})
        assert none.json()["manifests"] == []
        assert client.get(f"/v2/fraud/scorer/referrers/sha256:{'0' * 64}").json()["manifests"] == []
        assert code_of(client.get("/v2/fraud/scorer/referrers/1")) == "DIGEST_INVALID"


def test_lists_come_in_pages(site: Site) -> None:
    with site.http(site.writer) as client:
        for number in range(2, 7):
            assert push(client, {"a.txt": b"%d" % number}, f"v{number}").status_code == 201
            site.seal(f"v{number}")
        seen, place = [], "/v2/fraud/scorer/tags/list?n=2"
        while place:
            page = client.get(place)
            seen.append(page.json()["tags"])
            place = page.headers.get("link", "").partition(">")[0].removeprefix("<")
        assert seen == [["1", "v2"], ["v3", "v4"], ["v5", "v6"]]
        assert client.get("/v2/fraud/scorer/tags/list?n=0").json()["tags"] == []
        for bad in ("x", "-1", "1e3", "9" * 5_000, "٣"):
            assert client.get("/v2/fraud/scorer/tags/list", params={"n": bad}).status_code == 400
        first = client.get("/v2/_catalog?n=1")
        assert first.json() == {"repositories": ["fraud/other"]}
        last = client.get(first.headers["link"].partition(">")[0].removeprefix("<"))
        assert last.json() == {"repositories": ["fraud/scorer"]} and "link" not in last.headers


def test_the_catalog_shows_only_what_the_caller_may_read(site: Site) -> None:
    nobody = site.stage.user("nobody")
    narrow = site.stage.user("nick", "reader on fraud/other")
    everyone = site.stage.user("all", "reader")
    for token, wanted in (
        (nobody, []), (narrow, ["fraud/other"]), (site.reader, ["fraud/other", "fraud/scorer"]),
        (everyone, ["fraud/other", "fraud/scorer", "vision/cat"]),
    ):  # fmt: skip
        with site.http(token) as client:
            assert client.get("/v2/_catalog").json()["repositories"] == wanted


# pushing


def test_a_push_becomes_a_draft_and_is_shown_when_it_is_sealed(site: Site) -> None:
    files = {"weights/a.bin": b"aaa", "weights/b.bin": b"aaa", "empty.txt": b"", "config.json": b"{}"}
    with site.http(site.writer) as client, site.http(site.reader) as reader:
        pushed = push(client, files, "2024-05", annotations={"note": "mine"})
        assert pushed.status_code == 201
        digest = pushed.headers["docker-content-digest"]
        assert pushed.headers["location"] == f"/v2/fraud/scorer/manifests/{digest}"
        assert sha(client.get(pushed.headers["location"]).content) == digest
        assert reader.get(pushed.headers["location"]).status_code == 404
        assert reader.get("/v2/fraud/scorer/manifests/2024-05").status_code == 404
        site.seal("2024-05")
        shown = reader.get("/v2/fraud/scorer/manifests/2024-05").json()
        assert [layer["annotations"][TITLE] for layer in shown["layers"]] == sorted(files)
        assert sha(reader.get(pushed.headers["location"]).content) == digest
        for data in files.values():
            assert reader.get(f"/v2/fraud/scorer/blobs/{sha(data)}").content == data


def test_tags_never_move(site: Site) -> None:
    with site.http(site.writer) as client:
        assert push(client, {"a": b"one"}, "2").status_code == 201
        assert push(client, {"a": b"one"}, "2").status_code == 201  # the same once more
        for tag in ("2", "1"):
            again = push(client, {"a": b"two"}, tag)
            assert again.status_code == 409 and code_of(again) == "DENIED"
        site.seal("2")
        assert push(client, {"a": b"one"}, "2").status_code == 409


@pytest.mark.parametrize("channel", ["production", "staging"])
def test_a_publisher_cannot_push_to_a_channel_before_or_after_it_stands(site: Site, channel: str) -> None:
    with site.http(site.writer) as client:
        before = push(client, {"a": b"evil"}, channel)
        assert before.status_code == 409 and code_of(before) == "DENIED"
        site.org.promote(channel=channel)
        good = client.get(f"/v2/fraud/scorer/manifests/{channel}").content
        assert push(client, {"a": b"evil"}, channel).status_code == 409
        assert client.get(f"/v2/fraud/scorer/manifests/{channel}").content == good


def test_a_version_that_has_a_channels_name_is_not_what_the_channel_s_tag_gives(site: Site) -> None:
    (site.folder / "more.txt").write_text("more")
    site.org.publish(site.folder, VersionName(ONE.model, "production"))
    with site.http(site.reader) as client:
        assert client.get("/v2/fraud/scorer/manifests/production").status_code == 404
        assert client.get("/v2/fraud/scorer/tags/list").json()["tags"] == ["1"]


def test_uploads_in_pieces_in_order(site: Site) -> None:
    data = os.urandom(100_000)
    with site.http(site.writer) as client:
        where = client.post("/v2/fraud/scorer/blobs/uploads/").headers["location"]
        first = client.patch(where, content=data[:60_000], headers={"Content-Range": "0-59999"})
        assert first.status_code == 202 and first.headers["range"] == "0-59999"
        for text in ("0-59999", "60001-99999", "x", "60000-", "-5", "60000-10", "9" * 500 + "-" + "9" * 500):
            wrong = client.patch(where, content=b"x", headers={"Content-Range": text})
            assert wrong.status_code == 416 and code_of(wrong) == "BLOB_UPLOAD_INVALID"
            assert wrong.headers["range"] == "0-59999" and wrong.headers["location"] == where
        lied = client.patch(where, content=b"short", headers={"Content-Range": "60000-99999"})
        assert lied.status_code == 400 and code_of(lied) == "SIZE_INVALID"
        status = client.get(where)
        assert status.status_code == 204 and status.headers["range"] == "0-59999"
        done = client.put(where, params={"digest": sha(data)}, content=data[60_000:])
        assert done.status_code == 201
        assert client.get(done.headers["location"]).content == data
        assert code_of(client.get(where)) == "BLOB_UPLOAD_UNKNOWN"


def test_uploads_at_once_and_in_two_steps_and_as_chunked_coding(site: Site) -> None:
    with site.http(site.writer) as client:
        place = "/v2/fraud/scorer/blobs/uploads/"
        once = client.post(place, params={"digest": sha(b"once")}, content=b"once")
        assert once.status_code == 201
        two = client.put(client.post(place).headers["location"], params={"digest": sha(b"two")}, content=b"two")
        assert two.status_code == 201
        chunked = client.patch(client.post(place).headers["location"], content=iter([b"chun", b"ked"]))
        assert chunked.headers["range"] == "0-6"
        assert client.put(chunked.headers["location"], params={"digest": sha(b"chunked")}).status_code == 201
        empty = client.put(client.post(place).headers["location"], params={"digest": sha(b"")})
        assert empty.status_code == 201
        for data in (b"once", b"two", b"chunked", b""):
            assert client.get(f"/v2/fraud/scorer/blobs/{sha(data)}").content == data
        given_up = client.post(place).headers["location"]
        assert client.delete(given_up).status_code == 204 and client.delete(given_up).status_code == 404


def test_bytes_that_are_not_what_they_are_named_for_are_not_kept(site: Site) -> None:
    with site.http(site.writer) as client:
        place = "/v2/fraud/scorer/blobs/uploads/"
        for answer in (
            client.post(place, params={"digest": sha(b"good")}, content=b"evil"),
            client.put(client.post(place).headers["location"], params={"digest": sha(b"good")}, content=b"evil"),
            client.put(upload_piece(client, b"ev"), params={"digest": sha(b"good")}, content=b"il"),
            client.put(upload_piece(client, b"evil"), params={"digest": sha(b"good")}),
        ):
            assert answer.status_code == 400 and code_of(answer) == "DIGEST_INVALID"
        assert client.get(f"/v2/fraud/scorer/blobs/{sha(b'good')}").status_code == 404


def test_deleting_leaves_a_tombstone_and_the_name_stays_taken(site: Site) -> None:
    admin = site.stage.user("root", "admin on fraud")
    with site.http(site.writer) as client, site.http(admin) as root:
        assert push(client, {"a": b"one"}, "2").status_code == 201
        site.seal("2")
        digest = client.get("/v2/fraud/scorer/manifests/2").headers["docker-content-digest"]
        assert client.delete("/v2/fraud/scorer/manifests/2").status_code == 403
        assert root.delete("/v2/fraud/scorer/manifests/2").status_code == 202
        assert client.get("/v2/fraud/scorer/manifests/2").status_code == 404
        assert client.get(f"/v2/fraud/scorer/manifests/{digest}").status_code == 403
        assert push(client, {"a": b"two"}, "2").status_code == 409
        assert root.delete(f"/v2/fraud/scorer/manifests/{digest}").status_code == 404
        site.org.promote()
        assert root.delete("/v2/fraud/scorer/manifests/1").status_code == 409  # a channel stands at it
        assert root.delete("/v2/fraud/scorer/manifests/production").status_code == 405
        blob = client.get("/v2/fraud/scorer/manifests/1").json()["layers"][0]["digest"]
        assert client.delete(f"/v2/fraud/scorer/blobs/{blob}").status_code == 405
