"""The registry as MLflow sees it: the real client against a real server."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from assaymark.desk import Desk
from assaymark.registry.names import ModelName, VersionName
from tests.http.facade import Facade, facade
from tests.registry.org import MODEL, ONE, a_model

for name, value in (
    ("MLFLOW_DISABLE_TELEMETRY", "true"), ("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false"),
    ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0"), ("MLFLOW_ENABLE_ASYNC_LOGGING", "false"), ("DO_NOT_TRACK", "1"),
):  # fmt: skip
    os.environ[name] = value
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what the client's own imports say
    import mlflow
    import mlflow.artifacts
    import mlflow.pyfunc
    import mlflow.sklearn
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException, RestException

NAME = "fraud~scorer"
pytestmark = pytest.mark.filterwarnings("ignore")  # the client's own, and many


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Facade]:
    with facade(tmp_path / "home") as made:
        yield made


@pytest.fixture
def ann(server: Facade, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """The publisher's client; her token is what the environment says."""
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", server.token("ann", "publisher on fraud"))
    mlflow.set_tracking_uri(server.url)
    mlflow.set_registry_uri(server.url)
    return MlflowClient(server.url, server.url)


def become(monkeypatch: pytest.MonkeyPatch, server: Facade, name: str, *roles: str) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", server.token(name, *roles))


def log_sklearn() -> Any:
    import numpy as np
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    inputs = np.arange(20).reshape(10, 2)
    fitted = LogisticRegression().fit(inputs, [0] * 5 + [1] * 5)
    mlflow.set_experiment("fraud/tuning")
    with mlflow.start_run():
        mlflow.log_param("C", 1.0)
        mlflow.log_metric("accuracy", 0.5, step=1)
        mlflow.log_metric("accuracy", 0.75, step=2)
        mlflow.set_tag("team", "fraud")
        return mlflow.sklearn.log_model(
            fitted, name="model", registered_model_name=NAME, pip_requirements=["scikit-learn"],
            serialization_format="cloudpickle",
        )  # fmt: skip


def log_folder(client: MlflowClient, folder: Path) -> str:
    """A run with a model's folder as an artifact. Returns its id."""
    found = client.get_experiment_by_name("fraud/files")
    number = found.experiment_id if found else client.create_experiment("fraud/files")
    run: str = client.create_run(number).info.run_id
    client.log_artifacts(run, str(folder), "model")
    return run


def register(client: MlflowClient, run: str) -> Any:
    return client.create_model_version(NAME, f"runs:/{run}/model", run, tags={"color": "blue"})


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_from_set_experiment_to_load_by_alias_and_delete(
    server: Facade, ann: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np

    logged = log_sklearn()
    assert logged.registered_model_version == "1"
    run = ann.get_run(ann.get_model_version(NAME, "1").run_id or "")
    assert (
        run.data.params == {"C": "1.0"} and run.data.metrics == {"accuracy": 0.75} and run.data.tags["team"] == "fraud"
    )
    assert run.info.status == "FINISHED"
    assert [point.value for point in ann.get_metric_history(run.info.run_id, "accuracy")] == [0.5, 0.75]
    # what was registered is a draft: its publisher loads it, nobody else
    assert list(mlflow.sklearn.load_model(f"models:/{NAME}/1").predict(np.array([[0, 1]]))) == [0]
    version = ann.get_model_version(NAME, "1")
    assert (
        version.tags["assaymark.state"] == "draft"
        and "assay registry seal fraud/scorer@1" in version.tags["assaymark.next"]
    )
    assert server.seal(ONE) == "verified"
    ann.set_registered_model_alias(NAME, "champion", "1")
    ann.set_model_version_tag(NAME, "1", "validated", "yes")
    become(monkeypatch, server, "ben", "reader on fraud")
    assert list(mlflow.sklearn.load_model(f"models:/{NAME}@champion").predict(np.array([[0, 1]]))) == [0]
    assert list(mlflow.pyfunc.load_model(f"models:/{NAME}/latest").predict(np.array([[18, 19]]))) == [1]
    found = ann.search_model_versions(f"name='{NAME}'")
    assert [(one.version, one.tags["validated"]) for one in found] == [("1", "yes")]
    assert [one.name for one in ann.search_registered_models("name LIKE '%score%'")] == [NAME]
    assert ann.search_registered_models("name LIKE '%nothing%'") == []
    assert ann.get_registered_model(NAME).aliases == {"champion": "1"}
    with pytest.raises(RestException, match="PERMISSION_DENIED"):
        ann.delete_model_version(NAME, "1")
    become(monkeypatch, server, "root", "admin on fraud")
    ann.delete_model_version(NAME, "1")
    assert ann.search_model_versions(f"name='{NAME}'") == []
    with pytest.raises(MlflowException):
        mlflow.sklearn.load_model(f"models:/{NAME}@champion")


def test_load_by_channel_and_by_stage(
    server: Facade, ann: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = a_model(tmp_path / "m")
    register(ann, log_folder(ann, folder))
    assert server.seal(ONE) == "verified"
    server.org.promote(ONE)
    (folder / "config.json").write_text("{}")
    register(ann, log_folder(ann, folder))
    server.seal(VersionName(MODEL, "2"))
    become(monkeypatch, server, "ben", "reader on fraud")
    for uri in (f"models:/{NAME}@production", f"models:/{NAME}/Production"):
        assert content(Path(mlflow.artifacts.download_artifacts(uri)))["config.json"] != b"{}"
    assert content(Path(mlflow.artifacts.download_artifacts(f"models:/{NAME}/2"))) == content(folder)
    assert ann.get_model_version_by_alias(NAME, "Production").version == "1"
    assert ann.get_model_version(NAME, "1").current_stage == "Production"
    assert ann.get_registered_model(NAME).aliases == {"production": "1"}


@pytest.mark.parametrize("alias", ["production", "Production", "PRODUCTION", "staging"])
def test_an_alias_does_not_move_a_channel(server: Facade, ann: MlflowClient, tmp_path: Path, alias: str) -> None:
    register(ann, log_folder(ann, a_model(tmp_path / "m")))
    with pytest.raises(RestException, match=r"assay registry seal fraud/scorer@1 .*assay registry request") as refused:
        ann.set_registered_model_alias(NAME, alias, "1")
    assert refused.value.error_code == "PERMISSION_DENIED"
    server.seal(ONE)
    for act in (
        lambda: ann.set_registered_model_alias(NAME, alias, "1"),
        lambda: ann.transition_model_version_stage(NAME, "1", alias.capitalize()),
    ):
        with pytest.raises(RestException, match=f"request fraud/scorer@1 --channel {alias.lower()} --as"):
            act()
    nonce = server.org.request(ONE, alias.lower())
    with pytest.raises(RestException, match=f"assay registry approve {nonce}"):
        ann.set_registered_model_alias(NAME, alias, "1")
    with pytest.raises(RestException, match="withdraw"):
        ann.delete_registered_model_alias(NAME, alias)
    with pytest.raises(MlflowException):
        ann.get_model_version_by_alias(NAME, alias)


def test_what_stands_in_a_channel_may_be_said_again(server: Facade, ann: MlflowClient, tmp_path: Path) -> None:
    register(ann, log_folder(ann, a_model(tmp_path / "m")))
    server.seal(ONE)
    server.org.promote(ONE)
    ann.set_registered_model_alias(NAME, "production", "1")
    assert ann.transition_model_version_stage(NAME, "1", "Production").current_stage == "Production"


def test_an_artifact_of_a_registered_version_is_not_overwritten(
    server: Facade, ann: MlflowClient, tmp_path: Path
) -> None:
    """What MLflow's own server lets anybody do with one PUT."""
    folder = a_model(tmp_path / "m")
    run = log_folder(ann, folder)
    register(ann, run)
    (folder / "config.json").write_text('{"model_type": "evil"}')
    with pytest.raises(Exception, match="409"):
        ann.log_artifact(run, str(folder / "config.json"), "model")
    with pytest.raises(Exception, match="409"):
        ann.log_artifacts(run, str(folder), "model/deep/deeper")
    headers = {"Authorization": f"Bearer {os.environ['MLFLOW_TRACKING_TOKEN']}"}
    for path in (
        f"1/{run}/artifacts/model/config.json",
        f"1/{run}/artifacts/model",
        "versions/fraud/scorer/1/config.json",
    ):
        url = f"{server.url}/api/2.0/mlflow-artifacts/artifacts/{path}"
        for method in ("PUT", "DELETE"):
            answer = httpx.request(method, url, headers=headers, content=b"evil")
            assert answer.status_code == 409 and answer.json()["error_code"] == "RESOURCE_CONFLICT", answer.text
    ann.log_artifact(run, str(folder / "config.json"), "other")
    server.seal(ONE)
    got = content(Path(mlflow.artifacts.download_artifacts(f"models:/{NAME}/1")))
    assert got["config.json"] == b'{"model_type": "scorer"}'


def test_a_logged_model_is_frozen_by_its_registration(server: Facade, ann: MlflowClient, tmp_path: Path) -> None:
    found = log_sklearn()
    headers = {"Authorization": f"Bearer {os.environ['MLFLOW_TRACKING_TOKEN']}"}
    url = f"{server.url}/api/2.0/mlflow-artifacts/artifacts/1/models/{found.model_id}/artifacts"
    assert httpx.put(f"{url}/model.pkl", headers=headers, content=b"evil").status_code == 409
    assert httpx.put(f"{url}/more.py", headers=headers, content=b"evil").status_code == 409


def test_what_is_withheld_is_not_loaded(
    server: Facade, ann: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(ann, log_folder(ann, a_model(tmp_path / "m")))
    become(monkeypatch, server, "ben", "reader on fraud")
    with pytest.raises(RestException, match="RESOURCE_DOES_NOT_EXIST"):
        mlflow.artifacts.download_artifacts(f"models:/{NAME}/1")
    server.seal(ONE)
    server.org.promote(ONE)
    server.quarantine(ONE)
    for uri in (f"models:/{NAME}/1", f"models:/{NAME}@production"):
        with pytest.raises(RestException, match=r"PERMISSION_DENIED.*quarantined"):
            mlflow.artifacts.download_artifacts(uri)
    assert ann.get_latest_versions(NAME) == []
    url = f"{server.url}/api/2.0/mlflow-artifacts/artifacts/versions/fraud/scorer/1/config.json"
    headers = {"Authorization": f"Bearer {os.environ['MLFLOW_TRACKING_TOKEN']}"}
    assert httpx.get(url, headers=headers).status_code == 403
    assert (
        httpx.get(
            url.rpartition("/versions")[0], params={"path": "versions/fraud/scorer/1"}, headers=headers
        ).status_code
        == 403
    )


def test_another_project_looks_as_if_it_were_not_there(
    server: Facade, ann: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = log_folder(ann, a_model(tmp_path / "m"))
    register(ann, run)
    server.seal(ONE)
    become(monkeypatch, server, "zoe", "publisher on speech")
    assert ann.search_registered_models() == [] and ann.search_model_versions() == []
    assert ann.search_experiments() == []
    for act in (
        lambda: ann.get_registered_model(NAME), lambda: ann.get_model_version(NAME, "1"), lambda: ann.get_run(run),
        lambda: ann.get_experiment("1"), lambda: ann.log_metric(run, "a", 1.0), lambda: ann.set_tag(run, "a", "b"),
        lambda: ann.create_run("1"), lambda: ann.set_registered_model_alias(NAME, "champion", "1"),
        lambda: ann.create_model_version(NAME, f"runs:/{run}/model"), lambda: ann.delete_model_version(NAME, "1"),
        lambda: ann.delete_registered_model(NAME), lambda: ann.search_runs(["1"]),
        lambda: ann.update_registered_model(NAME, "mine"), lambda: ann.get_experiment("7"),
    ):  # fmt: skip
        with pytest.raises(RestException) as refused:
            act()
        assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    with pytest.raises(Exception, match="404"):
        ann.log_artifact(run, str(tmp_path / "m" / "config.json"), "x")


def test_artifacts_of_another_project_are_not_registered_in_ones_own(
    server: Facade, ann: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assaymark.registry import models

    run = log_folder(ann, a_model(tmp_path / "m"))
    with server.org.registrar.work() as work:
        models.create_project(work, "speech")
        models.create_model(work, ModelName("speech", "own"), "zoe")
    become(monkeypatch, server, "zoe", "publisher on speech")
    for source in (f"runs:/{run}/model", f"mlflow-artifacts:/1/{run}/artifacts/model"):
        with pytest.raises(RestException, match="RESOURCE_DOES_NOT_EXIST"):
            ann.create_model_version("speech~own", source)


def test_a_reader_changes_nothing(
    server: Facade, ann: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = log_folder(ann, a_model(tmp_path / "m"))
    register(ann, run)
    server.seal(ONE)
    become(monkeypatch, server, "ben", "reader on fraud")
    for act in (
        lambda: ann.create_registered_model("fraud~other"), lambda: ann.create_experiment("fraud/x"),
        lambda: ann.create_run("1"), lambda: ann.log_param(run, "a", "b"), lambda: ann.set_terminated(run),
        lambda: ann.delete_run(run), lambda: ann.set_model_version_tag(NAME, "1", "a", "b"),
        lambda: ann.update_model_version(NAME, "1", "x"), lambda: ann.set_registered_model_alias(NAME, "champion", "1"),
        lambda: ann.create_model_version(NAME, f"runs:/{run}/model"), lambda: ann.delete_experiment("1"),
        lambda: ann.transition_model_version_stage(NAME, "1", "Archived"), lambda: ann.delete_registered_model(NAME),
        lambda: ann.set_experiment_tag("1", "a", "b"), lambda: ann.set_registered_model_tag(NAME, "a", "b"),
    ):  # fmt: skip
        with pytest.raises(RestException) as refused:
            act()
        assert refused.value.error_code == "PERMISSION_DENIED"
    assert ann.get_run(run).info.run_id == run


def test_names_are_given_once(server: Facade, ann: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    ann.create_registered_model("fraud~second", description="# Card", tags={"a": "b"})
    with pytest.raises(RestException) as refused:
        ann.create_registered_model("fraud~second")
    assert refused.value.error_code == "RESOURCE_ALREADY_EXISTS"
    with pytest.raises(RestException, match="given once"):
        ann.rename_registered_model("fraud~second", "fraud~third")
    for wrong in ("scorer", "fraud/scorer", "Fraud~x", "fraud~../x", "fraud~x~y", "~x", "fraud~", "fraud~" + "x" * 64):
        with pytest.raises(MlflowException) as unnamed:
            ann.create_registered_model(wrong)
        assert unnamed.value.error_code == "INVALID_PARAMETER_VALUE"
    for wrong in ("plain", "/x", "fraud/", "FRAUD/x"):
        with pytest.raises(MlflowException) as unnamed:
            ann.create_experiment(wrong)
        assert unnamed.value.error_code == "INVALID_PARAMETER_VALUE"
    become(monkeypatch, server, "root", "admin on fraud")
    ann.delete_registered_model("fraud~second")
    become(monkeypatch, server, "ann2", "publisher on fraud")
    with pytest.raises(RestException, match="never reused"):
        ann.create_registered_model("fraud~second")


def test_without_an_experiment_the_client_is_told_what_to_do(server: Facade, ann: MlflowClient) -> None:
    with pytest.raises(RestException, match="set_experiment"):
        ann.create_run("0")


def test_archived_is_deprecated(
    server: Facade, ann: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(ann, log_folder(ann, a_model(tmp_path / "m")))
    server.seal(ONE)
    become(monkeypatch, server, "dan", "releaser on fraud")
    with pytest.raises(RestException, match="PERMISSION_DENIED"):  # to move an alias is not his to do
        ann.set_registered_model_alias(NAME, "champion", "1")
    headers = {"Authorization": f"Bearer {os.environ['MLFLOW_TRACKING_TOKEN']}"}
    url = f"{server.url}/api/2.0/mlflow/model-versions/transition-stage"
    answer = httpx.post(url, headers=headers, json={"name": NAME, "version": "1", "stage": "Archived"})
    assert answer.json()["model_version"]["current_stage"] == "Archived"


SOURCES = [
    "file:///etc", "/etc/passwd", "../../etc", "s3://bucket/x", "http://localhost/x", "dbfs:/x", "models:/fraud~scorer/1",
    "models:/m-" + "0" * 32, "runs:/" + "0" * 32 + "/model", "mlflow-artifacts:/../../etc", "mlflow-artifacts://evil/etc",
    "mlflow-artifacts:/1/RUN/artifacts/../../../etc", "mlflow-artifacts:/1/RUN/artifacts/%2e%2e/x", "runs:/RUN/../x",
    "mlflow-artifacts:/1/RUN/artifacts/model#../../x", "mlflow-artifacts:/1/RUN/artifacts/model?x", "runs:/RUN/model\\..\\x",
    "mlflow-artifacts:/2/RUN/artifacts/model", "file:..", "", "runs:", "mlflow-artifacts:/versions/fraud/scorer/1",
    "mlflow-artifacts:/1/RUN/artifacts//model/../model", "runs:/RUN/model/\0", "mlflow-artifacts:/1/RUN/artifacts/nothing",
]  # fmt: skip


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("tags", [[], [{"key": "mlflow.prompt.is_prompt", "value": "true"}]], ids=["plain", "prompt"])
def test_a_source_that_is_not_what_was_logged_here_is_refused(
    server: Facade, ann: MlflowClient, tmp_path: Path, source: str, tags: list[dict[str, str]]
) -> None:
    """CVE-2023-1177 and what came after it, the alternative way by a tag (CVE-2026-2614) too."""
    run = log_folder(ann, a_model(tmp_path / "m"))
    headers = {"Authorization": f"Bearer {os.environ['MLFLOW_TRACKING_TOKEN']}"}
    body = {"name": NAME, "source": source.replace("RUN", run), "tags": tags}
    answer = httpx.post(f"{server.url}/api/2.0/mlflow/model-versions/create", headers=headers, json=body)
    assert answer.status_code in {400, 404} and answer.json()["error_code"], answer.text
    assert ann.search_model_versions(f"name='{NAME}'") == []


PATHS = [
    "../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/etc/passwd", "%252e%252e%252fetc%252fpasswd", "/etc/passwd",
    "//etc/passwd", "..\\..\\etc", "..%5cetc", "a%00b", "1/RUN/artifacts/../../x", "1/RUN/artifacts/%2e%2e/x",
    "1/RUN/artifacts/a//b", "1/RUN/artifacts/./a", "1/RUN/artifacts/a%5cb", "1/RUN/artifacts/con", "1/RUN/artifacts/a.",
    "1/RUN/artifacts", "2/RUN/artifacts/a", "1/RUN/a", "1/models/RUN/artifacts/a", "versions", "versions/fraud/scorer",
    "1/RUN/artifacts/e%CC%81", "1/RUN/artifacts/" + "a" * 4090, "etc/passwd", "file:///etc/passwd", "1/RUN/artifacts/a%0ab",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_path_traversal_in_every_spelling_is_refused(
    server: Facade, ann: MlflowClient, tmp_path: Path, path: str
) -> None:
    import http.client

    run = log_folder(ann, a_model(tmp_path / "m"))
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"))
    spelled = path.replace("RUN", run)
    calls = [("GET", f"artifacts/{spelled}"), ("PUT", f"artifacts/{spelled}"), ("GET", f"artifacts?path={spelled}")]
    for method, rest in calls:
        connection.putrequest(method, f"/api/2.0/mlflow-artifacts/{rest}")
        connection.putheader("Authorization", f"Bearer {os.environ['MLFLOW_TRACKING_TOKEN']}")
        connection.putheader("Content-Length", "0")
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        listed = answer.status == 200 and "?path=" in rest
        assert answer.status in {400, 404, 409} or (listed and b"etc" not in body and b"passwd" not in body), (
            rest,
            body,
        )


def test_errors_have_mlflows_shape_on_every_path(server: Facade, ann: MlflowClient) -> None:
    token = {"Authorization": f"Bearer {os.environ['MLFLOW_TRACKING_TOKEN']}"}
    api = f"{server.url}/api/2.0/mlflow"

    def ask(method: str, url: str, headers: dict[str, str] = token, content: bytes | None = None) -> tuple[int, str]:
        answer = httpx.request(method, url, headers=headers, content=content)
        return answer.status_code, answer.json()["error_code"]

    assert ask("GET", f"{api}/nothing/here") == (404, "ENDPOINT_NOT_FOUND")
    assert ask("PUT", f"{api}/runs/create") == (404, "ENDPOINT_NOT_FOUND")
    assert ask("POST", f"{server.url}/api/3.0/mlflow/traces", content=b"x") == (404, "ENDPOINT_NOT_FOUND")
    assert ask("POST", f"{server.url}/api/2.0/mlflow-artifacts/mpu/create/x") == (404, "ENDPOINT_NOT_FOUND")
    assert ask("GET", f"{api}/runs/get", {}) == (401, "UNAUTHENTICATED")
    assert ask("GET", f"{api}/nothing", {}) == (401, "UNAUTHENTICATED")
    bad = [
        b"[]", b"{", b"null", b"1", b'"x"', b"\xff\xfe{\0}\0", b'{"name": NaN}', b'{"name":"a","name":"b"}', b"[" * 9000,
        b'{"name": 1}', b'{"name": null}', b'{"name": ["fraud~x"]}', b'{"name": {"a": 1}}', b'{"name": "\\ud800"}',
        b'{"name": "a\\u0000"}', b'{"tags": 1, "name": "fraud~y"}', b'{"tags": [1], "name": "fraud~y"}', b"",
        b'{"tags": [{"key": 7}], "name": "fraud~y"}',
    ]  # fmt: skip
    for path in (
        "registered-models/create", "model-versions/create", "experiments/create", "runs/create", "runs/log-batch",
        "registered-models/alias", "model-versions/transition-stage", "logged-models", "runs/update", "runs/log-metric",
    ):  # fmt: skip
        for body in bad:
            status, code = ask("POST", f"{api}/{path}", content=body)
            assert status in {400, 404, 422}, (path, body)
            assert code in {"INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"}, (path, body)
    assert ask("GET", f"{api}/registered-models/search?filter=name+%3D+'a'+or+1=1")[1] == "INVALID_PARAMETER_VALUE"
    assert ask("GET", f"{api}/registered-models/search?max_results=abc")[1] == "INVALID_PARAMETER_VALUE"


def test_a_parameter_is_set_once_and_tags_of_ours_are_ours(server: Facade, ann: MlflowClient, tmp_path: Path) -> None:
    run = log_folder(ann, a_model(tmp_path / "m"))
    ann.log_param(run, "C", "1")
    ann.log_param(run, "C", "1")
    with pytest.raises(MlflowException, match="once"):
        ann.log_param(run, "C", "2")
    register(ann, run)
    for key in ("assaymark.state", "assaymark.digest"):
        with pytest.raises(RestException, match="registry's own"):
            ann.set_model_version_tag(NAME, "1", key, "verified")
    ann.delete_model_version_tag(NAME, "1", "color")
    assert "color" not in ann.get_model_version(NAME, "1").tags
    ann.update_model_version(NAME, "1", "a description")
    assert ann.get_model_version(NAME, "1").description == "a description"
    ann.delete_model_version(NAME, "1")  # a draft of one's own


def test_staged_artifacts_are_not_swept(server: Facade, ann: MlflowClient, tmp_path: Path) -> None:
    folder = a_model(tmp_path / "m")
    run = log_folder(ann, folder)
    import hashlib

    wanted = {hashlib.sha256(data).hexdigest() for data in content(folder).values()}
    assert wanted <= server.org.registrar.marked()
    headers = {"Authorization": f"Bearer {os.environ['MLFLOW_TRACKING_TOKEN']}"}
    url = f"{server.url}/api/2.0/mlflow-artifacts/artifacts/1/{run}/artifacts/model"
    assert httpx.delete(url, headers=headers).json() == {}
    assert not wanted & server.org.registrar.marked()


def test_staged_artifacts_count_by_the_quota(server: Facade, ann: MlflowClient, tmp_path: Path) -> None:
    from assaymark.registry.quota import set_quota

    run = log_folder(ann, a_model(tmp_path / "m"))
    with server.org.registrar.database.write() as connection:
        set_quota(connection, "fraud", 1_000)
    (tmp_path / "large").write_bytes(b"x" * 5_000)
    with pytest.raises(Exception, match="may still store"):
        ann.log_artifact(run, str(tmp_path / "large"))


def test_a_draft_is_sealed_on_the_command_line(
    server: Facade,
    ann: MlflowClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from assaymark.faces.cli import run as assay
    from tests.registry.makers import NOW, key

    monkeypatch.setattr("assaymark.registering.SystemClock", lambda: server.org.clock)
    assert server.org.clock.moment == NOW
    folder = a_model(tmp_path / "m")
    register(ann, log_folder(ann, folder))
    key("ann").save(str(tmp_path / "ann.key"))
    order = [
        "registry",
        "seal",
        "fraud/scorer@1",
        "--as",
        "ann",
        "--key",
        str(tmp_path / "ann.key"),
        "--server",
        server.url,
    ]
    monkeypatch.setenv("ASSAY_TOKEN", os.environ["MLFLOW_TRACKING_TOKEN"])
    other = a_model(tmp_path / "other")
    (other / "config.json").write_text("{}")
    assert assay([*order, "--folder", str(other)]) != 0
    assert Desk(server.org.registrar, "x").show("fraud/scorer@1")["state"] == "draft"
    assert assay([*order, "--folder", str(folder)]) == 3, capsys.readouterr()
    assert Desk(server.org.registrar, "x").show("fraud/scorer@1")["state"] == "sealed"
    with pytest.raises(RestException, match="PERMISSION_DENIED"):  # it is no draft of hers any more
        ann.delete_model_version(NAME, "1")
