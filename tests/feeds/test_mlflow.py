"""`mlflow://`: model versions, aliases and runs of a server that passes its artifacts on."""

import json
import pickle

import pytest

from assaymark.core.errors import Unauthorized, Unreadable, UsageError
from assaymark.core.verdict import Outcome
from tests.feeds.conftest import Look
from tests.feeds.servers import Content, Data, Reply, Tracking, safetensors_of, serving

BAD = b"cposix\nsystem\n(S'id'\ntR."
FILES: dict[str, Content] = {
    "model/MLmodel": Data(b"flavors:\n  sklearn:\n    pickled_model: model.pkl\n"),
    "model/data/model.pkl": Data(BAD),
    "notes.txt": Data(b"nothing\n"),
}


@pytest.mark.parametrize("reference", ["models:/net/3", "models/net/3", "models:/net@prod"])
def test_a_model_version(look: Look, reference: str) -> None:
    with serving(Tracking(FILES)) as server:
        report = look(f"mlflow://{server.host}/{reference}")
    assert report.verdict.outcome is Outcome.DENY
    assert [file.path for file in report.files] == ["MLmodel", "data/model.pkl"]
    source = report.roots[0].source
    assert source is not None
    assert (source.kind, source.value) == ("mlflow-model-version", "net/3")


@pytest.mark.parametrize(
    ("reference", "paths"),
    [
        ("runs:/run1", ["model/MLmodel", "model/data/model.pkl", "notes.txt"]),
        ("runs:/run1/model/data", ["model.pkl"]),
        ("runs:/run1/model/data/model.pkl", ["model.pkl"]),
        ("runs/run1/notes.txt", ["notes.txt"]),
    ],
)
def test_a_run(look: Look, reference: str, paths: list[str]) -> None:
    with serving(Tracking(FILES)) as server:
        report = look(f"mlflow://{server.host}/{reference}")
    assert [file.path for file in report.files] == paths
    assert report.roots[0].is_folder is (not reference.endswith((".pkl", ".txt")))


def test_headers_are_enough(look: Look) -> None:
    with serving(Tracking({"model/a.safetensors": safetensors_of(100_000_000_000)})) as server:
        report = look(f"mlflow://{server.host}/models:/net/3")
        assert server.sent < 4_000_000
    assert report.verdict.outcome is Outcome.ALLOW, report.findings


def test_an_old_server_sends_small_files_whole_and_holds_large_ones(look: Look) -> None:
    files: dict[str, Content] = {
        "model/a.pkl": Data(pickle.dumps(list(range(200_000)))),
        "model/b.safetensors": safetensors_of(1 << 30),
    }
    with serving(Tracking(files, ranges=False)) as server:
        report = look(f"mlflow://{server.host}/models:/net/3")
    assert report.verdict.outcome is Outcome.HOLD
    assert {finding.where.path for finding in report.findings} == {"b.safetensors"}


def test_artifacts_that_the_server_does_not_pass_on(look: Look) -> None:
    tracking = Tracking(FILES)
    tracking.uri = "file:///home/me/mlruns/0/run1/artifacts"
    with serving(tracking) as server, pytest.raises(Unreadable, match="does not pass on") as caught:
        look(f"mlflow://{server.host}/runs:/run1")
    assert "/home/me" not in caught.value.message


def test_names_that_climb_are_refused(look: Look) -> None:
    with serving(Tracking({"../x.pkl": Data(BAD)})) as server, pytest.raises(Unreadable, match="a name that is none"):
        look(f"mlflow://{server.host}/runs:/run1")


def test_credentials_of_mlflow_belong_to_its_server(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "tok")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example")
    with serving(Tracking(FILES)) as server:
        look(f"mlflow://{server.host}/runs:/run1")
        assert not any("authorization" in r.headers for r in server.seen)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
        server.seen.clear()
        look(f"mlflow://{server.host}/runs:/run1")
        assert {r.headers["authorization"] for r in server.seen} == {"Bearer tok"}


def test_refused_access_names_the_variables(look: Look) -> None:
    with serving(lambda _: Reply(401)) as server, pytest.raises(Unauthorized) as caught:
        look(f"mlflow://{server.host}/runs:/run1")
    assert "MLFLOW_TRACKING_TOKEN" in caught.value.step


@pytest.mark.parametrize("body", [b"[]", b"<html>", b"{}", b'{"run": {"info": {"artifact_uri": 7}}}'])
def test_answers_that_are_none(look: Look, body: bytes) -> None:
    with serving(lambda _: Reply(200, {}, body)) as server, pytest.raises(Unreadable):
        look(f"mlflow://{server.host}/runs:/run1")


@pytest.mark.parametrize(
    "reference", ["mlflow://", "mlflow://h", "mlflow://h/models:/a", "mlflow://h/x/y", "mlflow://h/runs:/"]
)
def test_references_that_make_no_sense(look: Look, reference: str) -> None:
    with pytest.raises(UsageError):
        look(reference)


@pytest.mark.parametrize("size", ["9" * 5_000, "\u00b2", True, -1, 1.5, None])
def test_sizes_that_are_none(look: Look, size: object) -> None:
    listing = json.dumps({"files": [{"path": "m.pkl", "is_dir": False, "file_size": size}]}).encode()
    run = b'{"run": {"info": {"artifact_uri": "mlflow-artifacts:/a"}}}'
    with (
        serving(lambda request: Reply(200, {}, run if "runs/get" in request.path else listing)) as server,
        pytest.raises(Unreadable, match="no size"),
    ):
        look(f"mlflow://{server.host}/runs:/run1")
