"""The registry as huggingface_hub sees it: the real client against a real server."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ["HF_HUB_DISABLE_XET"] = "1"  # before the client is imported: it reads its settings once
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from assaymark.registry.names import ModelName, VersionName
from tests.http.facade import Facade, facade
from tests.registry.org import MODEL, ONE, a_model

REPO = "fraud/scorer"
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # the client's own


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Facade]:
    with facade(tmp_path / "home") as made:
        yield made


@pytest.fixture
def ann(hub: Facade) -> HfApi:
    """The publisher's client."""
    return HfApi(endpoint=hub.url, token=hub.token("ann", "publisher on fraud", hub=True))


@pytest.fixture
def ben(hub: Facade) -> HfApi:
    """A reader's client."""
    return HfApi(endpoint=hub.url, token=hub.token("ben", "reader on fraud", hub=True))


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".cache" not in path.parts
    }


def weights(path: Path, size: int) -> bytes:
    """An honest file of that many bytes and its header's."""
    import numpy as np
    from safetensors.numpy import save_file

    save_file({"w": np.random.default_rng(7).standard_normal(size // 4).astype(np.float32)}, str(path))
    return path.read_bytes()


def snapshot(api: HfApi, folder: Path, revision: str = "main", repo: str = REPO) -> dict[str, bytes]:
    return content(Path(api.snapshot_download(repo, revision=revision, cache_dir=folder)))


def test_upload_seal_download(hub: Facade, ann: HfApi, ben: HfApi, tmp_path: Path) -> None:
    folder = a_model(tmp_path / "m")
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# Scorer\n")
    (folder / "empty.txt").write_bytes(b"")
    weights(folder / "big.safetensors", 3 << 20)
    done = ann.upload_folder(repo_id=REPO, folder_path=folder, commit_message="first")
    assert "/commit/1" in done.commit_url and len(done.oid) == 40
    # a commit publishes nothing
    with pytest.raises(RevisionNotFoundError):
        ben.snapshot_download(REPO, cache_dir=tmp_path / "early")
    with pytest.raises(RevisionNotFoundError):
        ben.snapshot_download(REPO, revision="1", cache_dir=tmp_path / "early")
    assert snapshot(ann, tmp_path / "own", "1") == content(folder)
    assert hub.seal(ONE) == "verified"
    assert snapshot(ben, tmp_path / "a") == content(folder)
    assert snapshot(ben, tmp_path / "b", done.oid) == content(folder)
    assert ben.model_info(REPO).sha == done.oid
    one = ben.hf_hub_download(REPO, "deep/vocab.txt", cache_dir=tmp_path / "c")
    assert Path(one).read_text() == "a\nb\n"


def test_a_channel_is_a_revision(hub: Facade, ann: HfApi, ben: HfApi, tmp_path: Path) -> None:
    folder = a_model(tmp_path / "m")
    ann.upload_folder(repo_id=REPO, folder_path=folder)
    hub.seal(ONE)
    with pytest.raises(RevisionNotFoundError):
        snapshot(ben, tmp_path / "a", "production")
    hub.org.promote(ONE)
    (folder / "config.json").write_text("{}")
    ann.upload_folder(repo_id=REPO, folder_path=folder)
    hub.seal(VersionName(MODEL, "2"))
    assert snapshot(ben, tmp_path / "b", "production")["config.json"] != b"{}"
    assert snapshot(ben, tmp_path / "b", "main")["config.json"] == b"{}"
    assert {ref.name for ref in ben.list_repo_refs(REPO).branches} == {"main", "production"}


def test_a_commit_to_a_channel_is_refused(hub: Facade, ann: HfApi, tmp_path: Path) -> None:
    with pytest.raises(HfHubHTTPError, match="signed approvals"):
        ann.upload_file(repo_id=REPO, path_or_fileobj=b"x", path_in_repo="a.txt", revision="production")


def test_a_commit_to_what_is_sealed_is_refused(hub: Facade, ann: HfApi, tmp_path: Path) -> None:
    hub.org.publish(a_model(tmp_path / "m"))
    with pytest.raises(HfHubHTTPError, match="verified"):
        ann.upload_file(repo_id=REPO, path_or_fileobj=b"x", path_in_repo="a.txt", revision="1")
    assert [one["version"] for one in _versions(hub)] == ["1"]


def _versions(hub: Facade) -> list[dict[str, object]]:
    from assaymark.registry import queries

    with hub.org.registrar.database.read() as connection:
        return queries.versions(connection, MODEL)


def test_commits_go_on_from_main(hub: Facade, ann: HfApi, tmp_path: Path) -> None:
    hub.org.publish(a_model(tmp_path / "m"))
    ann.create_commit(
        REPO,
        [
            CommitOperationAdd("notes.txt", b"new"),
            CommitOperationDelete("config.json"),
            CommitOperationDelete("deep/", is_folder=True),
        ],
        commit_message="change",
    )
    assert set(ann.list_repo_files(REPO, revision="2")) == {"model.safetensors", "notes.txt"}
    ann.upload_file(repo_id=REPO, path_or_fileobj=b"newer", path_in_repo="notes.txt")
    assert snapshot(ann, tmp_path / "c", "2")["notes.txt"] == b"newer"
    assert len(_versions(hub)) == 2


def test_a_commit_on_what_has_moved_is_refused(hub: Facade, ann: HfApi, tmp_path: Path) -> None:
    hub.org.publish(a_model(tmp_path / "m"))
    with pytest.raises(HfHubHTTPError, match="412"):
        ann.create_commit(REPO, [CommitOperationAdd("a", b"b")], commit_message="late", parent_commit="0" * 40)


def test_named_drafts_and_branches(hub: Facade, ann: HfApi, tmp_path: Path) -> None:
    hub.org.publish(a_model(tmp_path / "m"))
    ann.upload_file(repo_id=REPO, path_or_fileobj=b"x", path_in_repo="a.txt", revision="2024-05")
    assert ann.list_repo_files(REPO, revision="2024-05") == ["a.txt"]
    ann.create_branch(REPO, branch="next", revision="1")
    assert "config.json" in ann.list_repo_files(REPO, revision="next")
    with pytest.raises(HfHubHTTPError, match="409"):
        ann.create_branch(REPO, branch="1")
    with pytest.raises(HfHubHTTPError, match="channel"):
        ann.create_branch(REPO, branch="production")


def test_repositories_are_made_in_projects(hub: Facade, ann: HfApi, ben: HfApi) -> None:
    assert ann.create_repo("fraud/second").repo_id == "fraud/second"
    ann.create_repo("fraud/second", exist_ok=True)
    with pytest.raises(HfHubHTTPError, match="409"):
        ann.create_repo("fraud/second")
    with pytest.raises(HfHubHTTPError, match="403"):
        ben.create_repo("fraud/third")
    with pytest.raises(HfHubHTTPError, match="404"):
        ann.create_repo("speech/third")
    assert ann.repo_exists("fraud/second") and not ann.repo_exists("fraud/third")
    assert {found.id for found in ben.list_models()} == {"fraud/scorer", "fraud/second"}


def test_one_may_not_publish_without_the_right(ben: HfApi, hub: Facade) -> None:
    with pytest.raises(HfHubHTTPError, match="403"):
        ben.upload_file(repo_id=REPO, path_or_fileobj=b"x", path_in_repo="a.txt")
    assert _versions(hub) == []


def test_another_project_looks_as_if_it_were_not_there(hub: Facade, tmp_path: Path) -> None:
    hub.org.publish(a_model(tmp_path / "m"))
    stranger = HfApi(endpoint=hub.url, token=hub.token("zoe", "publisher on speech"))
    for repo in (REPO, "fraud/nothing"):
        with pytest.raises(RepositoryNotFoundError):
            stranger.model_info(repo)
        with pytest.raises(RepositoryNotFoundError):
            stranger.hf_hub_download(repo, "config.json", cache_dir=tmp_path / "c")
    nobody = HfApi(endpoint=hub.url, token=False)
    with pytest.raises(HfHubHTTPError, match="401"):
        nobody.model_info(REPO)


def test_a_draft_of_another_person_is_neither_seen_nor_written(hub: Facade, ann: HfApi) -> None:
    ann.upload_file(repo_id=REPO, path_or_fileobj=b"x", path_in_repo="a.txt", revision="mine")
    max_ = HfApi(endpoint=hub.url, token=hub.token("max", "publisher on fraud"))
    with pytest.raises(RevisionNotFoundError):
        max_.list_repo_files(REPO, revision="mine")
    with pytest.raises(HfHubHTTPError, match="another"):
        max_.upload_file(repo_id=REPO, path_or_fileobj=b"y", path_in_repo="a.txt", revision="mine")
    max_.upload_file(repo_id=REPO, path_or_fileobj=b"y", path_in_repo="a.txt")
    ann.upload_file(repo_id=REPO, path_or_fileobj=b"z", path_in_repo="b.txt")
    assert max_.list_repo_files(REPO, revision="1") == ["a.txt"]
    assert ann.list_repo_files(REPO, revision="2") == ["b.txt"]


@pytest.mark.parametrize("how", ["quarantined", "revoked", "rejected"])
def test_what_was_stopped_is_not_given_out_even_from_a_client_with_a_cache(
    hub: Facade, ben: HfApi, tmp_path: Path, how: str
) -> None:
    folder = a_model(tmp_path / "m")
    if how == "rejected":
        (folder / "bad.pkl").write_bytes(b"cos\nsystem\n(S'id'\ntR.")
    hub.org.publish(folder)
    if how != "rejected":
        snapshot(ben, tmp_path / "c", "1")
    if how == "quarantined":
        hub.quarantine(ONE)
    elif how == "revoked":
        from assaymark.desk import Desk

        Desk(hub.org.registrar, "eve").set_state(str(ONE), "revoke")
    with pytest.raises(RevisionNotFoundError, match=how):
        snapshot(ben, tmp_path / "c", "1")
    with pytest.raises(RevisionNotFoundError):
        snapshot(ben, tmp_path / "c", "main")


def test_what_is_not_there_is_told_by_its_kind(hub: Facade, ben: HfApi, tmp_path: Path) -> None:
    hub.org.publish(a_model(tmp_path / "m"))
    with pytest.raises(EntryNotFoundError):
        ben.hf_hub_download(REPO, "nothing.txt", cache_dir=tmp_path / "c")
    with pytest.raises(RevisionNotFoundError):
        ben.hf_hub_download(REPO, "config.json", revision="nothing", cache_dir=tmp_path / "c")
    assert not ben.file_exists(REPO, "nothing.txt") and ben.file_exists(REPO, "config.json")
    assert ben.revision_exists(REPO, "1") and not ben.revision_exists(REPO, "2")


def test_trees_and_paths(hub: Facade, ben: HfApi, tmp_path: Path) -> None:
    hub.org.publish(a_model(tmp_path / "m"))
    top = {entry.path for entry in ben.list_repo_tree(REPO)}
    assert top == {"deep", "config.json", "model.safetensors"}
    assert [entry.path for entry in ben.list_repo_tree(REPO, "deep")] == ["deep/vocab.txt"]
    found = ben.get_paths_info(REPO, ["deep", "config.json", "nothing"])
    assert {entry.path for entry in found} == {"deep", "config.json"}
    file = next(entry for entry in found if entry.path == "config.json")
    import hashlib

    assert file.lfs is not None  # type: ignore[union-attr]
    assert file.lfs.sha256 == hashlib.sha256((tmp_path / "m" / "config.json").read_bytes()).hexdigest()  # type: ignore[union-attr]


def test_too_many_paths_at_a_time_are_refused(hub: Facade, tmp_path: Path) -> None:
    import httpx

    hub.org.publish(a_model(tmp_path / "m"))
    url = f"{hub.url}/api/models/{REPO}/paths-info/1"
    headers = {"Authorization": f"Bearer {hub.token('ben', 'reader on fraud')}"}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert httpx.post(url, headers=headers | form, content=b"paths=a&" * 20_000).status_code == 413
    assert (
        httpx.post(url, headers=headers | form, content=b"\xff=%ff&paths=config.json&&;").json()[0]["path"]
        == "config.json"
    )
    wrong: list[object] = [{"paths": 1}, {"paths": [1]}, [], {"paths": None}]
    for body in wrong:
        assert httpx.post(url, headers=headers, json=body).status_code == 400


def test_a_tree_has_pages(hub: Facade, ben: HfApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = a_model(tmp_path / "m")
    for number in range(1003):
        (folder / f"{number:04} é.txt").write_text(str(number % 7))
    hub.org.publish(folder)
    assert len(list(ben.list_repo_tree(REPO, recursive=True))) == 1006
    assert len(ben.list_repo_files(REPO)) == 1006


def test_a_download_goes_on_where_it_broke_off(hub: Facade, tmp_path: Path) -> None:
    import httpx

    folder = tmp_path / "m"
    folder.mkdir()
    data = weights(folder / "w.safetensors", 5 << 20)
    hub.org.publish(folder)
    headers = {"Authorization": f"Bearer {hub.token('ben', 'reader on fraud')}"}
    url = f"{hub.url}/{REPO}/resolve/1/w.safetensors"

    def get(value: str) -> httpx.Response:
        return httpx.get(url, headers={**headers, "Range": value})

    size = len(data)
    for value, first, last in (
        ("bytes=4000000-", 4_000_000, size - 1), ("bytes=7-9", 7, 9), ("bytes=-5", size - 5, size - 1),
        ("bytes=0-99999999999", 0, size - 1), (f"bytes={size - 1}-", size - 1, size - 1),
        ("bytes=1-2000000", 1, 2_000_000),
    ):  # fmt: skip
        answer = get(value)
        assert answer.status_code == 206 and answer.content == data[first : last + 1], value
        assert answer.headers["content-range"] == f"bytes {first}-{last}/{size}"
    assert get(f"bytes={size}-").status_code == 416
    for value in (
        "bytes=5-1",
        "bytes=",
        "lines=1-2",
        "bytes=1-2,5-6",
        "bytes=a-",
        "bytes=\N{ARABIC-INDIC DIGIT ONE}-",
        "bytes=-" + "9" * 40,
    ):
        answer = httpx.get(url, headers={b"Authorization": headers["Authorization"].encode(), b"Range": value.encode()})
        assert answer.status_code == 200 and answer.content == data, value
    head = httpx.head(url, headers=headers)
    assert head.headers["content-length"] == str(size) and head.headers["x-repo-commit"] and not head.content
    assert head.headers["etag"] == head.headers["x-linked-etag"]


@pytest.mark.parametrize(
    "path",
    [
        "../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "%252e%252e%252fetc%252fpasswd",
        "/etc/passwd", "//etc/passwd", "..\\..\\etc\\passwd", "..%5c..%5cetc", "a%00b", "./config.json", "deep/../config.json",
        "config.json/", "CONFIG.JSON", "config.json%20", "%ef%bc%8e%ef%bc%8e/etc/passwd", "deep//vocab.txt",
        "file:///etc/passwd", "~/.ssh/id_rsa", "con", "config.json::$DATA",
    ],
)  # fmt: skip
def test_path_traversal_in_every_spelling_is_refused(hub: Facade, tmp_path: Path, path: str) -> None:
    import http.client

    hub.org.publish(a_model(tmp_path / "m"))
    token = hub.token("ann", "publisher on fraud")
    connection = http.client.HTTPConnection(hub.url.removeprefix("http://"))
    try:
        for url in (
            f"/{REPO}/resolve/1/{path}",
            f"/{REPO}/resolve/{path}/config.json",
            f"/api/models/{REPO}/tree/1/{path}",
        ):
            connection.putrequest("GET", url)
            connection.putheader("Authorization", f"Bearer {token}")
            connection.endheaders()
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status in {400, 404} and b"root:" not in body and b"model_type" not in body, url
            connection.close()
    finally:
        connection.close()


@pytest.mark.parametrize("path", ["../a", "/a", "a\\b", "a//b", "./a", "a/../b", "a\0b", "con", "a.", "", "e\u0301"])
def test_a_commit_of_a_path_that_no_manifest_holds_is_refused(hub: Facade, path: str) -> None:
    import json

    import httpx

    headers = {"Authorization": f"Bearer {hub.token('ann', 'publisher on fraud')}"}
    for value in (
        {"key": "file", "value": {"path": path, "content": "eA==", "encoding": "base64"}},
        {"key": "lfsFile", "value": {"path": path, "algo": "sha256", "oid": "0" * 64, "size": 1}},
        {"key": "deletedFile", "value": {"path": path}},
    ):
        lines = json.dumps({"key": "header", "value": {"summary": "x"}}) + "\n" + json.dumps(value)
        answer = httpx.post(f"{hub.url}/api/models/{REPO}/commit/main", headers=headers, content=lines)
        assert answer.status_code == 400, answer.text
    answer = httpx.post(
        f"{hub.url}/api/models/{REPO}/preupload/main", headers=headers, json={"files": [{"path": path, "size": 1}]}
    )
    assert answer.status_code == 400
    assert _versions(hub) == []


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{", b"1", b'{"key":"file"}', b'{"key":"file","value":[]}', b'{"key":"rename","value":{"path":"a"}}',
     b'{"key":"file","value":{"path":"a","content":"!!","encoding":"base64"}}', b'{"key":"file","value":{"path":1}}',
     b'{"key":"lfsFile","value":{"path":"a","oid":"../x","size":1}}', b'{"key":"lfsFile","value":{"path":"a","oid":"' + b"0" * 64 + b'"}}',
     b'{"key":"file","key":"file","value":{}}', b"\xff\xfe{\0}\0", b'{"key":"header","value":{"parentCommit":7}}', b"[" * 5000],
)  # fmt: skip
def test_a_commit_that_makes_no_sense_is_refused(hub: Facade, body: bytes) -> None:
    import httpx

    headers = {"Authorization": f"Bearer {hub.token('ann', 'publisher on fraud')}"}
    answer = httpx.post(f"{hub.url}/api/models/{REPO}/commit/main", headers=headers, content=body)
    assert answer.status_code == 400 and answer.headers["x-error-message"], answer.text
    assert _versions(hub) == []


# Grants


def _granted(hub: Facade, data: bytes, token: str) -> dict[str, object]:
    import hashlib

    import httpx

    answer = httpx.post(
        f"{hub.url}/{REPO}.git/info/lfs/objects/batch",
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/vnd.git-lfs+json"},
        json={"operation": "upload", "objects": [{"oid": hashlib.sha256(data).hexdigest(), "size": len(data)}]},
    )
    found: dict[str, object] = answer.json()["objects"][0]
    return found


def test_a_grant_is_for_one_object_one_size_one_project_one_hour(hub: Facade) -> None:
    import httpx

    token = hub.token("ann", "publisher on fraud")
    offered = _granted(hub, b"content", token)
    href = offered["actions"]["upload"]["href"]  # type: ignore[index]
    oid = str(offered["oid"])
    assert httpx.put(href, content=b"other!!").status_code == 422
    assert httpx.put(href, content=b"more than was announced").status_code == 400
    for changed in (
        href.replace(oid, "0" * 64), href.replace("/fraud/", "/speech/"), href.replace("size=7", "size=8"),
        href.replace("expires=1", "expires=2"), href[:-1] + ("0" if href[-1] != "0" else "1"), href.partition("&grant")[0],
        href.replace("&grant=", "&grant=%C3%A9"),
    ):  # fmt: skip
        assert httpx.put(changed, content=b"content").status_code in {403, 422}, changed
    assert not hub.org.registrar.store.has(oid)
    verify = offered["actions"]["verify"]["href"]  # type: ignore[index]
    headers = {"Authorization": f"Bearer {token}"}
    assert httpx.post(verify, json={"oid": oid, "size": 7}, headers=headers).status_code == 404
    assert httpx.put(href, content=b"content").status_code == 200
    assert httpx.post(verify, json={"oid": oid, "size": 7}, headers=headers).status_code == 200
    assert httpx.post(verify, json={"oid": oid, "size": 7}).status_code == 401
    assert "actions" not in _granted(hub, b"content", token)
    from datetime import timedelta

    late = _granted(hub, b"another", token)["actions"]["upload"]["href"]  # type: ignore[index]
    hub.org.clock.moment += timedelta(hours=2)
    assert httpx.put(late, content=b"another").status_code == 403


def test_a_grant_of_one_process_counts_in_another(hub: Facade) -> None:
    import subprocess
    import sys
    from urllib.parse import parse_qs, urlsplit

    offered = _granted(hub, b"content", hub.token("ann", "publisher on fraud"))
    given = parse_qs(urlsplit(offered["actions"]["upload"]["href"]).query)  # type: ignore[index]
    code = (
        "import sys; from types import SimpleNamespace as Wired; from assaymark.faces.http.hub import lfs;"
        "from assaymark.registrar import Registrar; home, oid, expires = sys.argv[1:];"
        "print(lfs._grant(Wired(registrar=Registrar.open(home)), 'fraud', oid, 7, int(expires)))"
    )
    command = [sys.executable, "-c", code, hub.org.home, str(offered["oid"]), given["expires"][0]]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert said == given["grant"][0]


def test_a_digest_alone_opens_nothing_of_another_project(hub: Facade, tmp_path: Path) -> None:
    """Who knows the sha256 of a foreign file cannot commit it into a model of his own and read it there."""
    import json

    import httpx

    from assaymark.registry import models

    hub.org.publish(a_model(tmp_path / "m"))
    with hub.org.registrar.work() as work:
        models.create_project(work, "speech")
        models.create_model(work, ModelName("speech", "own"), "zoe")
        row = models.find_version(work.connection, ONE)
        from assaymark.registry.versions import manifest_of

        file = manifest_of(work.connection, row.id).files[0]
    headers = {"Authorization": f"Bearer {hub.token('zoe', 'publisher on speech')}"}
    line = {"key": "lfsFile", "value": {"path": "a", "algo": "sha256", "oid": file.sha256, "size": file.size}}
    answer = httpx.post(f"{hub.url}/api/models/speech/own/commit/main", headers=headers, content=json.dumps(line))
    assert answer.status_code == 409


def test_a_commit_that_only_deletes_frees_what_it_held(hub: Facade, ann: HfApi) -> None:
    ann.create_commit(REPO, [CommitOperationAdd("a", b"1234"), CommitOperationAdd("b", b"12")], commit_message="two")
    ann.create_commit(REPO, [CommitOperationDelete("a")], commit_message="one")
    assert _versions(hub)[0]["size"] == 2


def test_with_xet_a_client_is_told_what_to_set(hub: Facade) -> None:
    import httpx

    headers = {"Authorization": f"Bearer {hub.token('ann', 'publisher on fraud')}"}
    answer = httpx.get(f"{hub.url}/api/models/{REPO}/xet-write-token/main", headers=headers)
    assert "HF_HUB_DISABLE_XET=1" in answer.headers["x-error-message"]
