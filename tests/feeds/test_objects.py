"""`s3://`: one object or a prefix, each read by the version that was listed."""

import pickle
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from assaymark.core.errors import Unauthorized, Unreadable, UsageError
from assaymark.core.verdict import Outcome
from tests.feeds.conftest import Look
from tests.feeds.servers import Bucket, Content, Data, Reply, Request, Server, safetensors_of, serving

BAD = b"cposix\nsystem\n(S'id'\ntR."


@contextmanager
def bucket_of(monkeypatch: pytest.MonkeyPatch, files: dict[str, Content]) -> Iterator[tuple[Bucket, Server]]:
    bucket = Bucket(files)
    with serving(bucket) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        yield bucket, server


def test_one_object(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    with bucket_of(monkeypatch, {"nets/bad.pkl": Data(BAD)}) as (bucket, server):
        report = look("s3://weights/nets/bad.pkl")
        assert {r.headers.get("if-match") for r in server.seen if r.method == "GET"} == {bucket.etags["nets/bad.pkl"]}
    assert report.verdict.outcome is Outcome.DENY
    assert report.roots[0].source is not None
    assert report.roots[0].source.kind == "etag"
    assert not report.roots[0].is_folder
    assert report.locate(report.findings[0].where).startswith("s3://weights/nets/bad.pkl")


def test_all_below_a_prefix(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    files: dict[str, Content] = {
        "nets/one/config.json": Data(b"{}"),
        "nets/one/model.safetensors": safetensors_of(100_000_000_000),
        "nets/one/sub/a.pkl": Data(pickle.dumps([1])),
        "nets/onerous.pkl": Data(BAD),
        "other.pkl": Data(BAD),
    }
    with bucket_of(monkeypatch, files) as (bucket, server):
        bucket.page = 2
        report = look("s3://weights/nets/one")
        assert server.sent < 4_000_000
        first = report.roots[0].source
        bucket.etags["nets/one/config.json"] = '"other"'
        second = look("s3://weights/nets/one/").roots[0].source
    assert [file.path for file in report.files] == ["config.json", "model.safetensors", "sub/a.pkl"]
    assert report.verdict.outcome is Outcome.ALLOW, report.findings
    assert first is not None
    assert second is not None
    assert first.kind == "listing-sha256"
    assert first.value != second.value


def test_an_object_that_changes_meanwhile(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    with bucket_of(monkeypatch, {"a.pkl": Data(BAD)}) as (bucket, server):

        def answer(request: Request) -> Reply:
            reply = bucket(request)
            if request.method == "HEAD":
                bucket.etags["a.pkl"] = '"new"'
            return reply

        server.answer = answer
        report = look("s3://weights/a.pkl")
    assert report.verdict.outcome is Outcome.HOLD
    assert "changed while it was read" in report.findings[0].message


def test_full_takes_the_digest(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    import hashlib

    data = pickle.dumps(list(range(100_000)))
    with bucket_of(monkeypatch, {"a.pkl": Data(data)}) as (_, server):
        report = look("s3://weights/a.pkl", full=True)
        assert server.sent == len(data)
    assert report.files[0].sha256 == hashlib.sha256(data).hexdigest()
    assert report.statement is not None


def test_refused_access_names_the_variables(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    with bucket_of(monkeypatch, {}) as (bucket, _):
        bucket.denied = True
        with pytest.raises(Unauthorized) as caught:
            look("s3://weights/a.pkl")
    assert "AWS_ACCESS_KEY_ID" in caught.value.step


def test_what_is_not_there(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    with bucket_of(monkeypatch, {"a.pkl": Data(BAD)}), pytest.raises(Unreadable, match="no such object"):
        look("s3://weights/b.pkl")


def test_plain_http_is_refused_beyond_this_machine(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://minio.example:9000")
    with pytest.raises(UsageError, match="plain http"):
        look("s3://weights/a.pkl")


@pytest.mark.parametrize("reference", ["s3://", "s3:///a", "s3://b/a/../c", "gs://b//c", "s3://we ights/a"])
def test_references_that_make_no_sense(look: Look, reference: str) -> None:
    with pytest.raises(UsageError):
        look(reference)


GCS = {"GOOGLE_BASE_URL": "{url}", "GOOGLE_SKIP_SIGNATURE": "true"}
AZURE = {"AZURE_STORAGE_ENDPOINT": "{url}", "AZURE_STORAGE_ACCOUNT_NAME": "acct", "AZURE_SKIP_SIGNATURE": "true"}


def azure_list(bucket: Bucket, request: Request) -> Reply:
    """List Blobs of the Azure REST API."""
    blobs = "".join(
        f"<Blob><Name>{key}</Name><Properties><Last-Modified>Thu, 01 Jan 2026 00:00:00 GMT</Last-Modified>"
        f"<Etag>{bucket.etags[key]}</Etag><Content-Length>{content.size}</Content-Length><Content-Type>x</Content-Type></Properties></Blob>"
        for key, content in sorted(bucket.files.items())
        if key.startswith(request.query.get("prefix", ""))
    )
    body = f"<EnumerationResults><Blobs>{blobs}</Blobs><NextMarker /></EnumerationResults>"
    return Reply(200, {"Content-Type": "application/xml"}, body.encode())


@pytest.mark.parametrize(("scheme", "environment"), [("gs", GCS), ("az", AZURE)])
@pytest.mark.parametrize("key", ["nets", "nets/bad.pkl"])
def test_the_other_clouds(
    monkeypatch: pytest.MonkeyPatch, look: Look, scheme: str, environment: dict[str, str], key: str
) -> None:
    bucket = Bucket({"nets/bad.pkl": Data(BAD), "other.pkl": Data(BAD)})

    def answer(request: Request) -> Reply:
        return azure_list(bucket, request) if request.query.get("comp") == "list" else bucket(request)

    with serving(answer) as server:
        for name, value in environment.items():
            monkeypatch.setenv(name, value.format(url=server.url))
        report = look(f"{scheme}://weights/{key}")
        etag = bucket.etags["nets/bad.pkl"]
        assert {r.headers["if-match"] for r in server.seen if "range" in r.headers} == {etag}
    assert report.verdict.outcome is Outcome.DENY
    assert [file.path for file in report.files] == ["bad.pkl"]
