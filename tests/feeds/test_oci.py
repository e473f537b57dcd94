"""`oci://`: a tag becomes a digest, layers become files, tokens are had by the distribution flow."""

import gzip
import io
import json
import pickle
import tarfile

import pytest

from assaymark.core.errors import Unauthorized, Unreadable, UsageError
from assaymark.core.verdict import Outcome
from tests.feeds.conftest import Look
from tests.feeds.servers import Content, Data, Registry, Reply, Request, as_json, gguf_of, ranged, serving

BAD = b"cposix\nsystem\n(S'id'\ntR."
TITLE = "org.opencontainers.image.title"
INDEX = "application/vnd.oci.image.index.v1+json"


def layer(registry: Registry, content: Content, media: str, title: str = "", digest: str = "") -> dict[str, object]:
    entry: dict[str, object] = {"mediaType": media, "digest": registry.blob(content, digest), "size": content.size}
    return entry | ({"annotations": {TITLE: title}} if title else {})


def manifest(registry: Registry, *layers: dict[str, object], tag: str = "v1") -> str:
    config = layer(registry, Data(b"{}"), "application/vnd.oci.empty.v1+json")
    return registry.manifest({"schemaVersion": 2, "config": config, "layers": list(layers)}, tag)


def tarred(name: str, data: bytes, *, zipped: bool = True) -> Data:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return Data(gzip.compress(out.getvalue()) if zipped else out.getvalue())


def test_a_tag_becomes_a_digest(look: Look) -> None:
    registry = Registry()
    digest = manifest(registry, layer(registry, Data(BAD), "application/octet-stream", "weights/model.pkl"))
    with serving(registry) as server:
        report = look(f"oci://{server.host}/team/net:v1")
        assert [r.path for r in server.seen if "/manifests/" in r.path] == ["/v2/team/net/manifests/v1"]
    assert report.verdict.outcome is Outcome.DENY
    source = report.roots[0].source
    assert source is not None
    assert (source.kind, source.value) == ("oci-digest", digest)
    assert source.url == f"oci://{server.host}/team/net@{digest}"
    assert [file.path for file in report.files] == ["config.json", "manifest.json", "weights/model.pkl"]
    assert report.findings[0].where.path == "weights/model.pkl"


def test_layers_of_an_image_are_archives(look: Look) -> None:
    registry = Registry()
    manifest(
        registry,
        layer(registry, tarred("app/net.pkl", BAD), "application/vnd.oci.image.layer.v1.tar+gzip"),
        layer(registry, tarred("app/ok.json", b"{}", zipped=False), "application/vnd.docker.image.rootfs.diff.tar"),
    )
    with serving(registry) as server:
        report = look(f"oci://{server.host}/team/net:v1")
    assert report.verdict.outcome is Outcome.DENY
    (finding,) = [f for f in report.findings if f.severity.word == "critical"]
    assert finding.where.path == "layer-000.tar.gz"
    assert "app/net.pkl" in finding.where.member
    assert "layer-001.tar" in {file.path for file in report.files}


def test_a_large_model_of_ollama_costs_little(look: Look) -> None:
    registry = Registry()
    content = gguf_of(40_000_000_000)
    media = "application/vnd.ollama.image"
    manifest(
        registry,
        layer(registry, content, f"{media}.model", digest=f"sha256:{'5' * 64}"),
        layer(registry, Data(b"{{ .Prompt }}"), f"{media}.template"),
        layer(registry, Data(b'{"stop": ["x"]}'), f"{media}.params"),
        tag="latest",
    )
    with serving(registry) as server:
        report = look(f"oci://{server.host}/team/net")
        assert server.sent < 3_000_000
    assert report.verdict.outcome is Outcome.ALLOW, report.findings
    names = {file.path: file.formats for file in report.files}
    assert names["layer-000.model"] == ("gguf",)
    model = next(file for file in report.files if file.path == "layer-000.model")
    assert model.fetched is not None
    assert model.fetched.declared == "5" * 64


def test_full_verifies_every_blob(look: Look) -> None:
    registry = Registry()
    manifest(registry, layer(registry, Data(pickle.dumps([1])), "application/octet-stream", "a.pkl"))
    with serving(registry) as server:
        report = look(f"oci://{server.host}/team/net:v1", full=True)
        assert report.verdict.outcome is Outcome.ALLOW
        assert all(file.fetched and file.fetched.verified for file in report.files)
        blob = next(digest for digest, content in registry.blobs.items() if content.size > 2)
        registry.blobs[blob] = Data(pickle.dumps([2]))
        report = look(f"oci://{server.host}/team/net:v1", full=True)
    assert report.verdict.outcome is Outcome.HOLD
    assert "is not what its host declares" in report.findings[0].message


def test_every_manifest_of_an_index_is_looked_at(look: Look) -> None:
    registry = Registry()
    entries = []
    for name, data in (("amd64", b"{}"), ("arm64", BAD)):
        digest = manifest(registry, layer(registry, Data(data), "application/octet-stream", "x.pkl"), tag="")
        entries.append({"digest": digest, "size": 1, "platform": {"os": "linux", "architecture": name}})
    digest = registry.manifest({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}, "v1", INDEX)
    with serving(registry) as server:
        report = look(f"oci://{server.host}/team/net@{digest}")
    assert {"index.json", "linux-amd64-0/manifest.json", "linux-arm64-1/x.pkl"} <= {f.path for f in report.files}
    assert "linux-arm64-1/x.pkl" in {f.where.path for f in report.findings if f.severity.word == "critical"}


def test_a_digest_is_held_against_what_is_sent(look: Look) -> None:
    registry = Registry()
    manifest(registry)
    digest = f"sha256:{'0' * 64}"
    registry.manifests[digest] = registry.manifests["v1"]
    with serving(registry) as server, pytest.raises(Unreadable, match="where sha256:0000"):
        look(f"oci://{server.host}/team/net@{digest}")


def test_the_token_flow(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    registry = Registry(password="me:pw")
    manifest(registry, layer(registry, Data(BAD), "application/octet-stream", "model.pkl"))
    monkeypatch.setenv("ASSAY_TOKEN_127_0_0_1", "me:pw")
    with serving(registry) as server:
        report = look(f"oci://{server.host}/team/net:v1")
        assert registry.given == 1
        asked = [r for r in server.seen if r.path == "/token"]
        assert len(asked) == 1
        assert not any("Basic" in r.headers.get("authorization", "") for r in server.seen if r.path != "/token")
    assert report.verdict.outcome is Outcome.DENY


def test_without_credentials_the_variable_is_named(look: Look) -> None:
    registry = Registry(password="me:pw")
    with serving(registry) as server, pytest.raises(Unauthorized) as caught:
        look(f"oci://{server.host}/team/net:v1")
    assert "ASSAY_TOKEN_127_0_0_1" in caught.value.step


def test_a_token_that_ran_out_is_renewed(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    registry = Registry(password="me:pw")
    manifest(registry, layer(registry, Data(BAD), "application/octet-stream", "model.pkl"))
    monkeypatch.setenv("ASSAY_TOKEN_127_0_0_1", "me:pw")

    def answer(request: Request) -> Reply:
        if "/blobs/" in request.path and registry.given == 1:
            return as_json({}, 401, WWW_Authenticate=f'Bearer realm="http://{server.host}/token",service="registry"')
        return registry(request)

    with serving(answer) as server:
        assert look(f"oci://{server.host}/team/net:v1", jobs=1).verdict.outcome is Outcome.DENY
    assert registry.given == 2


def test_a_realm_elsewhere_gets_no_credentials(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    monkeypatch.setenv("ASSAY_TOKEN_127_0_0_1", "me:pw")
    registry = Registry(password="me:pw")
    with serving(lambda _: as_json({"token": "x"})) as elsewhere, serving(registry) as server:
        registry.realm = f"http://localhost:{elsewhere.port}/token"
        with pytest.raises(Unauthorized):
            look(f"oci://{server.host}/team/net:v1")
        assert elsewhere.seen
        assert not any("authorization" in r.headers for r in elsewhere.seen)


@pytest.mark.parametrize("realm", ["http://169.254.169.254/token", "file:///etc/passwd", "nothing", "http://u:p@x/"])
def test_a_realm_that_leads_inside_is_not_asked(look: Look, realm: str) -> None:
    registry = Registry(password="me:pw")
    registry.realm = realm
    with serving(registry) as server, pytest.raises((Unreadable, UsageError)) as caught:
        look(f"oci://{server.host}/team/net:v1")
    assert not isinstance(caught.value, Unauthorized)


def test_blobs_behind_a_redirect(look: Look) -> None:
    registry = Registry(password="")
    manifest(registry, layer(registry, Data(BAD), "application/octet-stream", "model.pkl"))
    with serving(lambda r: ranged(r, registry.blobs[r.path[1:]])) as store:

        def answer(request: Request) -> Reply:
            if "/blobs/" in request.path:
                return Reply(307, {"Location": f"http://localhost:{store.port}/{request.path.rpartition('/')[2]}"})
            return registry(request)

        with serving(answer) as server:
            assert look(f"oci://{server.host}/team/net:v1").verdict.outcome is Outcome.DENY


def test_titles_that_clash_or_climb(look: Look) -> None:
    registry = Registry()
    data = [Data(b"{}"), Data(b"[]"), Data(b"[1]"), Data(BAD)]
    titles = ["a.json", "a.json", "manifest.json", "../../a.pkl"]
    manifest(registry, *(layer(registry, d, "x", t) for d, t in zip(data, titles, strict=True)))
    with serving(registry) as server:
        report = look(f"oci://{server.host}/team/net:v1")
    paths = [file.path for file in report.files]
    assert len(set(paths)) == len(paths) == 6
    assert "CHK006" in {finding.id for finding in report.findings}
    assert report.verdict.outcome is Outcome.DENY


@pytest.mark.parametrize(
    "document",
    [
        b"[]",
        b"{",
        b'{"layers": 7}',
        b'{"layers": [{"digest": "md5:x", "size": 1}]}',
        b'{"layers": [{"digest": "sha256:%s", "size": -1}]}' % (b"0" * 64),
        b'{"config": [], "layers": []}',
        b'{"manifests": [{"digest": "sha256:../../x"}]}',
        b'{"manifests": [' + b'{"digest": "x"},' * 100 + b'{"digest": "x"}]}',
        b"[" * 100_000,
        json.dumps({"layers": [{}] * 20}).encode(),
    ],
)
def test_manifests_that_are_none(look: Look, document: bytes) -> None:
    registry = Registry()
    registry.manifests["v1"] = ("application/vnd.oci.image.manifest.v1+json", document)
    with serving(registry) as server, pytest.raises(Unreadable):
        look(f"oci://{server.host}/team/net:v1")


@pytest.mark.parametrize(
    "reference", ["oci://", "oci://host", "oci://host/UPPER", "oci://host/a:b:c", "oci://h/a@md5:x"]
)
def test_references_that_make_no_sense(look: Look, reference: str) -> None:
    with pytest.raises(UsageError):
        look(reference)
