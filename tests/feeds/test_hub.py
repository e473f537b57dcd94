"""`hf://`: one commit, large files from a content network, the token for the hub alone."""

import hashlib
import json
import pickle
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from assaymark.core.errors import Unauthorized, Unreadable, UsageError
from assaymark.core.verdict import Outcome
from tests.feeds.conftest import Look
from tests.feeds.servers import Cdn, Content, Data, Hub, Reply, Request, Server, Sparse, safetensors_of, serving

BAD = b"cposix\nsystem\n(S'id'\ntR."
HUNDRED_GB = 100_000_000_000


def repository() -> dict[str, Content]:
    return {
        "config.json": Data(b'{"model_type": "llama"}'),
        "model.safetensors": safetensors_of(20_000_000, 20),
        "sub/extra.bin": Data(pickle.dumps({"a": [1.5] * 10})),
        "README.md": Data(b"# A model\n"),
    }


@contextmanager
def hub_of(
    monkeypatch: pytest.MonkeyPatch, files: dict[str, Content], *, uses: int = 1 << 30, kind: str = "models"
) -> Iterator[tuple[Hub, Server, Server]]:
    """A hub at 127.0.0.1 that leads to a content network at localhost: another host for whoever sends tokens."""
    with serving(Cdn(files, uses)) as cdn:
        hub = Hub(files, f"http://localhost:{cdn.port}", kind)
        with serving(hub) as server:
            monkeypatch.setenv("HF_ENDPOINT", server.url)
            yield hub, server, cdn


def test_a_repository_is_pinned_to_a_commit_and_looked_at(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    with hub_of(monkeypatch, repository()) as (hub, server, cdn):
        report = look("hf://acme/net")
        assert report.verdict.outcome is Outcome.ALLOW
        assert [file.path for file in report.files] == [
            "README.md",
            "config.json",
            "model.safetensors",
            "sub/extra.bin",
        ]
        assert report.files[2].formats == ("safetensors",)
        source = report.roots[0].source
        assert source is not None
        assert (source.kind, source.value) == ("git-commit", hub.commit)
        assert source.url == f"hf://acme/net@{hub.commit}"
        asked = [r.path for r in server.seen if "/revision/" in r.path]
        assert asked == ["/api/models/acme/net/revision/main"]
        assert all(hub.commit in r.path for r in server.seen[1:])
        assert cdn.sent < 300_000


def test_what_is_bad_is_named_as_one_would_type_it(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    with hub_of(monkeypatch, {"sub/pytorch_model.bin": Data(BAD)}):
        report = look("hf://acme/net@main")
    assert report.verdict.outcome is Outcome.DENY
    assert report.locate(report.findings[0].where).startswith("hf://acme/net@main/sub/pytorch_model.bin")


def test_the_branch_may_move_meanwhile(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    """All is read from the commit that was resolved first; a server that moved has it still, or says 404."""
    with hub_of(monkeypatch, repository()) as (hub, server, _):
        plain = hub.__call__

        def moving(request: Request) -> Reply:
            reply = plain(request)
            if "/tree/" in request.path:
                server.answer = lambda r: Reply(404) if "b" * 40 in r.path else plain(r)
            return reply

        server.answer = moving
        assert look("hf://acme/net").verdict.outcome is Outcome.ALLOW


def test_the_token_goes_to_the_hub_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, look: Look, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secretsecret")
    with hub_of(monkeypatch, repository()) as (hub, server, cdn):
        hub.token = "hf_secretsecret"
        report = look("hf://acme/net")
    assert report.verdict.outcome is Outcome.ALLOW
    assert {r.headers["authorization"] for r in server.seen} == {"Bearer hf_secretsecret"}
    assert cdn.seen
    assert not any("authorization" in r.headers or "cookie" in r.headers for r in cdn.seen)
    from assaymark.app import render

    for form in ("text", "json", "sarif", "markdown", "html"):
        document = render(report, form)
        assert "secret" not in document  # neither the token nor the signatures of the content network
    assert "secret" not in "".join(capfd.readouterr())


def test_a_signature_that_expires_is_asked_for_again(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    files: dict[str, Content] = {"model.safetensors": safetensors_of(50_000_000, 5_000)}
    with hub_of(monkeypatch, files, uses=1) as (hub, _, _):
        report = look("hf://acme/net")
        assert report.verdict.outcome is Outcome.ALLOW
        assert hub.links > 1


def test_declared_digests_are_said_to_be_declared_only(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    files = repository()
    with hub_of(monkeypatch, files):
        report = look("hf://acme/net")
    model = next(file for file in report.files if file.path == "model.safetensors")
    content = files["model.safetensors"]
    assert model.sha256 is None
    assert model.fetched is not None
    assert model.fetched.declared == hashlib.sha256(content.read(0, content.size)).hexdigest()
    assert not model.fetched.verified
    assert 0 < model.fetched.bytes < content.size / 10
    assert report.statement is None


def test_a_small_file_is_verified_as_it_comes(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    with hub_of(monkeypatch, repository()) as (hub, _, _):
        report = look("hf://acme/net/sub")
        assert report.files[0].fetched is not None
        assert report.files[0].fetched.verified
        hub.digests["sub/extra.bin"] = "0" * 64
        report = look("hf://acme/net/sub")
    assert report.verdict.outcome is Outcome.HOLD
    assert "is not what its host declares" in report.findings[0].message


def test_full_fetches_all_once_and_verifies(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    files = repository()
    total = sum(content.size for content in files.values())
    with hub_of(monkeypatch, files) as (hub, server, cdn):
        report = look("hf://acme/net", full=True)
        listing = sum(r.path.startswith("/api/") for r in server.seen)
        assert listing == 2
        assert total <= server.sent + cdn.sent < total + 10_000
    assert report.verdict.outcome is Outcome.ALLOW
    assert all(file.sha256 for file in report.files)
    assert report.files[2].fetched is not None
    assert report.files[2].fetched.verified
    assert report.statement is not None
    detail = report.statement.predicate["assaymark"]
    commit = hub.commit
    assert detail["sources"] == [{"url": f"hf://acme/net@{commit}", "kind": "git-commit", "value": commit}]
    from assaymark.report.schemas import check_evidence

    check_evidence(report.statement.predicate_type, report.statement.predicate)


def test_full_holds_what_is_not_as_declared(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    with hub_of(monkeypatch, repository()) as (hub, _, _):
        hub.digests["model.safetensors"] = "0" * 64
        report = look("hf://acme/net", full=True)
    assert report.verdict.outcome is Outcome.HOLD
    (finding,) = report.findings
    assert finding.id == "CHK004"
    assert "is not what its host declares" in finding.message


def test_a_listing_goes_on_over_pages(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    files: dict[str, Content] = {f"part{n}.json": Data(b"{}") for n in range(25)}
    with hub_of(monkeypatch, files) as (hub, server, _):
        hub.page = 10
        assert len(look("hf://acme/net").files) == 25
        assert sum("/tree/" in r.path for r in server.seen) == 3


def test_a_listing_that_goes_on_elsewhere_is_not_followed(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    with hub_of(monkeypatch, repository()) as (hub, server, cdn):

        def astray(request: Request) -> Reply:
            reply = hub(request)
            if "/tree/" in request.path:
                reply.headers["Link"] = f'<http://localhost:{cdn.port}/more>; rel="next"'
            return reply

        server.answer = astray
        with pytest.raises(Unreadable, match="another host"):
            look("hf://acme/net")
        assert not cdn.seen


@pytest.mark.parametrize(
    ("reference", "paths", "given"),
    [
        ("hf://acme/net/sub", ["extra.bin"], True),
        ("hf://acme/net@main/config.json", ["config.json"], False),
        ("hf://acme/net/sub/extra.bin", ["extra.bin"], False),
    ],
)
def test_a_part_of_a_repository(
    monkeypatch: pytest.MonkeyPatch, look: Look, reference: str, paths: list[str], given: bool
) -> None:
    with hub_of(monkeypatch, repository()):
        report = look(reference)
    assert [file.path for file in report.files] == paths
    assert report.roots[0].is_folder is given


@pytest.mark.parametrize("kind", ["datasets", "spaces"])
def test_datasets_and_spaces(monkeypatch: pytest.MonkeyPatch, look: Look, kind: str) -> None:
    with hub_of(monkeypatch, repository(), kind=kind) as (hub, _, _):
        report = look(f"hf://{kind}/acme/net")
        assert report.verdict.outcome is Outcome.ALLOW
        assert report.roots[0].source is not None
        assert report.roots[0].source.url == f"hf://{kind}/acme/net@{hub.commit}"


def test_a_gated_repository_says_where_its_terms_are(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    with hub_of(monkeypatch, repository()) as (hub, server, _):
        hub.gated = "manual"
        with pytest.raises(Unauthorized, match="gated") as caught:
            look("hf://acme/net")
        assert f"{server.url}/acme/net" in caught.value.step
        assert "HF_TOKEN" in caught.value.step


@pytest.mark.parametrize(
    ("reference", "error", "says"),
    [
        ("hf://acme/other", Unauthorized, "no such repository, or a private one"),
        ("hf://acme/net@nope", Unreadable, "there is no revision 'nope'"),
        ("hf://acme/net/nothing", Unreadable, "has no file or folder 'nothing'"),
    ],
)
def test_what_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, look: Look, reference: str, error: type[Exception], says: str
) -> None:
    with hub_of(monkeypatch, repository()), pytest.raises(error, match=says):
        look(reference)


@pytest.mark.parametrize(
    "reference", ["hf://", "hf://a/b/../c", "hf://a b/c", "hf://acme/net/%2e%2e/x\n", "hf://datasets/", "hf:///x"]
)
def test_references_that_make_no_sense(look: Look, reference: str) -> None:
    with pytest.raises((UsageError, Unreadable)):
        look(reference)


@pytest.mark.parametrize(
    ("reference", "kind", "name", "revision", "inside"),
    [
        ("hf://gpt2", "models", "gpt2", "main", ""),
        ("hf://gpt2@abc/config.json", "models", "gpt2", "abc", "config.json"),
        ("hf://a/b@refs/pr/7/x/y", "models", "a/b", "refs/pr/7", "x/y"),
        ("hf://datasets/a/b@refs/convert/parquet", "datasets", "a/b", "refs/convert/parquet", ""),
        ("hf://a/b@feature%2Fone/x", "models", "a/b", "feature/one", "x"),
    ],
)
def test_how_references_are_read(reference: str, kind: str, name: str, revision: str, inside: str) -> None:
    from assaymark.feeds.hub import connect

    found = connect(reference)
    assert (found._kind, found._repository, found._revision, found._inside) == (kind, name, revision, inside)


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "file", "path": 7, "size": 1},
        {"type": "file", "path": "a", "size": -1},
        {"type": "file", "path": "a", "size": True},
        {"type": "file", "path": "a", "size": 1, "lfs": {"oid": "xyz", "size": 1}},
        "text",
        None,
    ],
)
def test_a_listing_that_is_none(monkeypatch: pytest.MonkeyPatch, look: Look, entry: object) -> None:
    with hub_of(monkeypatch, repository()) as (hub, server, _):
        server.answer = lambda r: Reply(200, {}, json.dumps([entry]).encode()) if "/tree/" in r.path else hub(r)
        with pytest.raises(Unreadable):
            look("hf://acme/net")


def test_a_path_that_leaves_the_repository_is_never_asked_for(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    with hub_of(monkeypatch, {"../../x.bin": Data(BAD), "ok.json": Data(b"{}")}) as (_, server, _):
        report = look("hf://acme/net")
        assert not any("x.bin" in r.target for r in server.seen)
    assert report.verdict.outcome is Outcome.HOLD
    assert any("leaves the repository" in finding.message for finding in report.findings)


def test_excluded_paths_are_not_fetched(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    with hub_of(monkeypatch, repository()) as (_, server, _):
        report = look("hf://acme/net", exclude=("sub", "*.md"))
        assert not any("extra.bin" in r.path or "README" in r.path for r in server.seen)
    assert [gap.what for gap in report.excluded] == ["README.md", "sub"]
    assert len(report.files) == 2


def test_a_hundred_gigabytes_cost_less_than_four_megabytes(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    part = HUNDRED_GB // 10
    files: dict[str, Content] = {f"model-{n:05}-of-00010.safetensors": safetensors_of(part) for n in range(1, 11)}
    with hub_of(monkeypatch, files) as (hub, server, cdn):
        hub.digests = dict.fromkeys(files, "1" * 64)
        report = look("hf://acme/net")
        assert report.verdict.outcome is Outcome.ALLOW, report.findings
        assert report.bytes > 99 * HUNDRED_GB // 100
        assert server.sent + cdn.sent < 4_000_000
        assert sum(file.fetched.bytes for file in report.files if file.fetched) == cdn.sent


def test_a_file_of_zeros_that_claims_a_format_holds(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    with hub_of(monkeypatch, {"model.safetensors": Sparse(1 << 40, {})}) as (hub, _, cdn):
        hub.digests = {"model.safetensors": "1" * 64}
        report = look("hf://acme/net")
        assert cdn.sent < 1_000_000
    assert report.verdict.outcome is not Outcome.ALLOW
