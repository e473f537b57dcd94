"""The admission webhooks: what the API server sends, what it is told, and how one would get around it."""

import asyncio
import base64
import json
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assaymark.admitting import Refresher, Snapshot, Synced, place, sync
from assaymark.app import scan
from assaymark.core.bundle import Bundle
from assaymark.core.clock import FixedClock
from assaymark.core.errors import Conflict, NotFound, Unreadable
from assaymark.core.finding import Severity
from assaymark.faces.http.admission import create_admission
from assaymark.faces.http.admission_pods import DIGEST, MODEL, Init, patch
from assaymark.faces.http.admission_rules import LARGEST, Rules
from assaymark.registry.verify import Channel
from tests.registry.makers import NOW, World

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it would have another httpx
    from starlette.testclient import TestClient

WORLD = World()
NAME = "fraud/scorer:production"
DIGEST_OF = str(WORLD.bundle().manifest.digest)
INIT = Init("registry.example/assay@sha256:" + "a" * 64, "https://registry.example")
REVIEWS = Path(__file__).parent / "admission"


def review(name: str = "create-pod") -> Any:
    """One that was written down as an API server sends it."""
    return json.loads((REVIEWS / f"{name}.json").read_text())


class Cluster:
    """A snapshot with one model, and the webhooks on it."""

    def __init__(self, place_: Path) -> None:
        self.folder, self.state = place_ / "snapshot", place_ / "state.json"
        self.clock = FixedClock(NOW)
        self.logged: list[Any] = []
        self.put(WORLD.bundle())
        self.snapshot = self.opened()
        self.rules = Rules(init=INIT)

    def opened(self) -> Snapshot:
        return Snapshot(str(self.folder), WORLD.trust(), str(self.state), self.clock)

    def put(self, bundle: Bundle, name: str = NAME) -> None:
        path = Path(place(str(self.folder), Channel.parse(name)))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bundle.to_bytes())

    def ask(self, asked: Any, path: str = "/mutate", **rules: Any) -> Any:
        """The response to a review."""
        kept = Rules(**{"init": INIT, **rules}) if rules else self.rules
        client = TestClient(create_admission(kept, self.snapshot.resolve, self.logged.append))
        answer = client.post(path, json=asked)
        assert answer.status_code == 200, answer.text
        document = answer.json()
        assert document["kind"] == "AdmissionReview" and document["apiVersion"] == "admission.k8s.io/v1"
        assert document["response"]["uid"] == asked["request"]["uid"]
        return document["response"]

    def allowed(self, asked: Any, path: str = "/mutate", **rules: Any) -> Any:
        response = self.ask(asked, path, **rules)
        assert response["allowed"], response
        return response

    def denied(self, asked: Any, saying: str, path: str = "", **rules: Any) -> None:
        """By both webhooks, unless one is named."""
        for one in [path] if path else ["/mutate", "/validate"]:
            response = self.ask(asked, one, **rules)
            assert not response["allowed"] and "patch" not in response
            assert saying in response["status"]["message"], response
            assert response["status"]["code"] == 403

    def made(self, asked: Any) -> Any:
        """The review with its object as the API server changes it."""
        response = self.allowed(asked)
        made = deepcopy(asked)
        made["request"]["object"] = applied(asked["request"]["object"], response)
        return made


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


def applied(document: Any, response: Any) -> Any:
    """RFC 6902, as far as add, replace and remove go; strict as the API server is."""
    made = deepcopy(document)
    if "patch" not in response:
        return made
    assert response["patchType"] == "JSONPatch"
    for step in json.loads(base64.b64decode(response["patch"], validate=True)):
        *above, last = [part.replace("~1", "/").replace("~0", "~") for part in step["path"].split("/")[1:]]
        at = made
        for part in above:
            at = at[int(part)] if isinstance(at, list) else at[part]
        if step["op"] == "add":
            at[last] = step["value"]
        elif step["op"] == "replace":
            assert last in at
            at[last] = step["value"]
        else:
            assert step["op"] == "remove"
            del at[last]
    return made


def defaulted(asked: Any) -> Any:
    """What the API server and its own plugins add to the containers of ours."""
    made = deepcopy(asked)
    for container in made["request"]["object"]["spec"]["initContainers"]:
        container.setdefault("terminationMessagePath", "/dev/termination-log")
        container.setdefault("terminationMessagePolicy", "File")
        container.setdefault("imagePullPolicy", "IfNotPresent")
        mount = {"name": "kube-api-access-7xk2p", "readOnly": True}
        container["volumeMounts"].append({**mount, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"})
    return made


# What is right


def test_a_pod_is_pinned_and_verified_before_its_containers_start(cluster: Cluster) -> None:
    pod = cluster.made(review())["request"]["object"]
    assert pod["metadata"]["annotations"][DIGEST] == f"{NAME}={DIGEST_OF}"
    (init,) = pod["spec"]["initContainers"]
    assert init["command"][:5] == ["assay", "admission", "load", NAME, "--digest"] and DIGEST_OF in init["command"]
    assert init["image"] == INIT.image and init["securityContext"]["readOnlyRootFilesystem"]
    mount = pod["spec"]["containers"][0]["volumeMounts"][-1]
    assert mount == {
        "name": "assay-models", "mountPath": "/mnt/assay/fraud/scorer/production", "subPath": "0", "readOnly": True
    }  # fmt: skip
    assert {"assay-models", "assay-fetched", "assay-root", "tmp"} <= {v["name"] for v in pod["spec"]["volumes"]}


def test_what_was_mutated_validates_with_the_defaults_of_the_api_server(cluster: Cluster) -> None:
    made = cluster.made(review())
    cluster.allowed(made, "/validate")
    cluster.allowed(defaulted(made), "/validate")


def test_a_second_call_changes_nothing(cluster: Cluster) -> None:
    assert "patch" not in cluster.allowed(cluster.made(review()))


def test_a_pod_with_no_arrays_and_no_annotations_to_add_to(cluster: Cluster) -> None:
    asked = review()
    for field in ("volumes",):
        del asked["request"]["object"]["spec"][field]
    del asked["request"]["object"]["spec"]["containers"][0]["volumeMounts"]
    cluster.allowed(cluster.made(asked), "/validate")


def test_patch_escapes_and_adds_what_is_missing() -> None:
    steps = list(patch({"a": {}}, {"a": {"x/y~z": 1}, "b": []}))
    assert steps == [{"op": "add", "path": "/a/x~1y~0z", "value": 1}, {"op": "add", "path": "/b", "value": []}]


def test_several_models(cluster: Cluster) -> None:
    asked = review()
    cluster.put(WORLD.bundle(), "fraud/scorer:production")
    asked["request"]["object"]["metadata"]["annotations"][MODEL] = f"{NAME}, {NAME},"
    pod = cluster.made(asked)["request"]["object"]
    assert len(pod["spec"]["initContainers"]) == 1
    asked["request"]["object"]["metadata"]["annotations"][MODEL] = ",".join(f"a/b:c{i}" for i in range(9))
    cluster.denied(asked, "at most 8")


@pytest.mark.parametrize("name", ["create-deployment", "create-cronjob", "create-inferenceservice"])
def test_what_makes_pods_is_judged_early_and_left_as_it_is(cluster: Cluster, name: str) -> None:
    assert "patch" not in cluster.allowed(review(name))
    cluster.allowed(review(name), "/validate")
    asked = json.loads((REVIEWS / f"{name}.json").read_text().replace("fraud/scorer", "fraud/other"))
    cluster.denied(asked, "not in the snapshot")


def test_a_label_of_a_running_pod_may_change_when_the_snapshot_has_run_out(cluster: Cluster) -> None:
    asked = review("update-pod")
    for which in ("object", "oldObject"):
        made = review()
        made["request"]["object"] = asked["request"][which]
        asked["request"][which] = cluster.made(made)["request"]["object"]
    cluster.clock.moment += timedelta(days=100)
    cluster.allowed(asked)
    cluster.allowed(asked, "/validate")


def test_an_update_of_metadata_of_a_pod_from_before_the_webhook(cluster: Cluster) -> None:
    cluster.allowed(review("update-pod"))


def test_namespaces_that_are_exempt_or_not_listed(cluster: Cluster) -> None:
    asked = review()
    del asked["request"]["object"]["metadata"]["annotations"]
    cluster.denied(asked, "names no model")
    cluster.allowed(asked, unannotated="allow")
    cluster.allowed(asked, exempt=frozenset({"shop"}))
    cluster.allowed(asked, protected=frozenset({"elsewhere"}))
    cluster.denied(asked, "names no model", protected=frozenset({"shop"}))
    asked["request"]["namespace"] = asked["request"]["object"]["metadata"]["namespace"] = "kube-system"
    cluster.allowed(asked)


def test_other_operations_and_subresources_bring_in_nothing(cluster: Cluster) -> None:
    asked = review()
    asked["request"] |= {"operation": "DELETE", "oldObject": asked["request"]["object"], "object": None}
    cluster.allowed(asked)
    asked = review()
    asked["request"]["subResource"] = "status"
    cluster.allowed(asked)


def test_dry_run_keeps_no_state(cluster: Cluster) -> None:
    asked = review()
    asked["request"]["dryRun"] = True
    cluster.allowed(asked)
    assert not cluster.state.exists()
    asked["request"]["dryRun"] = False
    cluster.allowed(asked)
    assert cluster.state.exists()


# Attacks, each by its name


@pytest.mark.parametrize("key", ["assaymark.dev/ignore", "admission.assaymark.dev/ignore", "assaymark.dev/verify"])
def test_label_opt_out(cluster: Cluster, key: str) -> None:
    asked = review()
    asked["request"]["object"]["metadata"]["labels"][key] = "disabled"
    asked["request"]["object"]["metadata"]["annotations"] = {key: "disabled"}
    cluster.denied(asked, "names no model")


def test_model_of_another_tenant(cluster: Cluster) -> None:
    tenants = {"shop": frozenset({"vision"}), "bank": frozenset({"fraud"})}
    cluster.denied(review(), "may not load", tenants=tenants)
    cluster.denied(review(), "may not load", tenants={"bank": frozenset({"fraud"})})
    cluster.allowed(review(), tenants={"shop": frozenset({"fraud/scorer"})})


@pytest.mark.parametrize(
    "name", ["fraud/scorer@1", "fraud/scorer", "fraud/scorer:../../x", "../x/y:z", "sha256:" + "0" * 64, "a/b:c/d", "-"]
)
def test_tag_or_path_instead_of_a_channel(cluster: Cluster, name: str) -> None:
    asked = review()
    asked["request"]["object"]["metadata"]["annotations"][MODEL] = name
    cluster.denied(asked, "is no channel")


def test_digest_of_ones_own(cluster: Cluster) -> None:
    asked = review()
    asked["request"]["object"]["metadata"]["annotations"][DIGEST] = f"{NAME}=assaymark-manifest-v1:{'0' * 64}"
    cluster.denied(asked, "pins")


def test_namespace_swap(cluster: Cluster) -> None:
    asked = review()
    asked["request"]["object"]["metadata"]["namespace"] = "kube-system"
    cluster.denied(asked, "another namespace")


def test_kind_swap(cluster: Cluster) -> None:
    asked = review()
    asked["request"]["object"]["kind"] = "ConfigMap"
    cluster.denied(asked, "not a Pod")


def test_generate_name_is_no_way_around(cluster: Cluster) -> None:
    asked = review()
    assert "name" not in asked["request"]["object"]["metadata"]
    asked["request"]["object"]["metadata"] |= {"generateName": "kube-system-", "annotations": {}}
    cluster.denied(asked, "names no model")


def test_model_from_elsewhere_through_kserve(cluster: Cluster) -> None:
    asked = review("create-inferenceservice")
    model = asked["request"]["object"]["spec"]["predictor"]["model"]
    asked["request"]["object"]["metadata"]["annotations"] = {MODEL: NAME}
    for uri in ("hf://meta/llama", "s3://bucket/model", "pvc://claim/model", "https://evil.example/m.tar.gz"):
        model["storageUri"] = uri
        cluster.denied(asked, "from")
    del model["storageUri"]
    model["storage"] = {"key": "s3", "path": "models/x"}
    cluster.denied(asked, "storage s3")
    asked = review()
    asked["request"]["object"]["metadata"]["annotations"] |= {
        "internal.serving.kserve.io/storage-initializer-sourceuri": "s3://bucket/model"
    }
    cluster.denied(asked, "s3://bucket/model")


def test_model_from_an_image_volume(cluster: Cluster) -> None:
    asked = review()
    volumes = asked["request"]["object"]["spec"]["volumes"]
    volumes.append({"name": "m", "image": {"reference": "quay.io/evil/model:1", "pullPolicy": "Always"}})
    cluster.denied(asked, "quay.io/evil/model:1")


@pytest.mark.parametrize("name", [{}, [], 7, None])
def test_names_that_are_no_texts(cluster: Cluster, name: Any) -> None:
    asked = review()
    spec = asked["request"]["object"]["spec"]
    spec["volumes"][0]["name"] = spec["containers"][0]["volumeMounts"][0]["name"] = spec["containers"][0]["name"] = name
    for where in ("/mutate", "/validate"):
        cluster.ask(asked, where)
    assert not [record for record in cluster.logged if "bug" in record]


def test_state_that_cannot_be_kept_denies_and_says_so(cluster: Cluster) -> None:
    cluster.state.mkdir()
    cluster.denied(review(), "state")


def _tampered(cluster: Cluster, change: Callable[[Any], None]) -> Any:
    made = cluster.made(review())
    change(made["request"]["object"]["spec"])
    return made


@pytest.mark.parametrize(
    "change",
    [
        lambda spec: spec["initContainers"][0].update(image="evil.example/assay"),
        lambda spec: spec["initContainers"][0].update(command=["true"]),
        lambda spec: spec["initContainers"][0].update(args=["--help"]),
        lambda spec: spec["initContainers"][0]["env"].append({"name": "PYTHONPATH", "value": "/tmp"}),
        lambda spec: spec["initContainers"][0].update(envFrom=[{"configMapRef": {"name": "mine"}}]),
        lambda spec: spec["initContainers"][0].update(restartPolicy="Always"),
        lambda spec: spec["initContainers"][0]["volumeMounts"].append({"name": "tmp", "mountPath": "/usr/lib/python3"}),
        lambda spec: spec["initContainers"].append(deepcopy(spec["initContainers"][0])),
        lambda spec: spec.update(initContainers=[]),
        lambda spec: spec["containers"][0]["volumeMounts"][-1].pop("readOnly"),
        lambda spec: spec["containers"][0]["volumeMounts"].append({"name": "assay-fetched", "mountPath": "/x"}),
        lambda spec: spec["volumes"].append({"name": "assay-models", "hostPath": {"path": "/evil"}}),
        lambda spec: spec.update(volumes=[
            {**v, "hostPath": {"path": "/evil"}} if v["name"] == "assay-models" else v for v in spec["volumes"]
        ]),
        lambda spec: spec["containers"].append({"name": "w", "volumeMounts": [{"name": "assay-models", "mountPath": "/w"}]}),
    ],
    ids=range(14),
)  # fmt: skip
def test_mutation_that_was_tampered_with_between_the_webhooks(cluster: Cluster, change: Callable[[Any], None]) -> None:
    response = cluster.ask(_tampered(cluster, change), "/validate")
    assert not response["allowed"]


def test_pod_that_brings_our_names_itself_gets_ours_or_nothing(cluster: Cluster) -> None:
    asked = review()
    spec = asked["request"]["object"]["spec"]
    spec["initContainers"] = [{"name": "assay-verify-0", "image": "evil.example/x", "command": ["true"]}]
    spec["volumes"].append({"name": "assay-models", "hostPath": {"path": "/evil"}})
    spec["containers"][0]["volumeMounts"].append({"name": "assay-models", "mountPath": "/mnt"})
    cluster.denied(asked, "init container", "/validate")
    assert cluster.made(asked)["request"]["object"] == cluster.made(review())["request"]["object"]
    del asked["request"]["object"]["metadata"]["annotations"]
    cluster.denied(asked, "webhook alone", unannotated="allow")


def test_ephemeral_container_that_writes_to_the_models(cluster: Cluster) -> None:
    asked = review("ephemeralcontainers")
    cluster.denied(asked, "names no model")  # into a pod that was never judged
    for which in ("object", "oldObject"):
        made = review()
        made["request"]["object"] = asked["request"][which]
        asked["request"][which] = cluster.made(made)["request"]["object"]
    cluster.allowed(asked)
    cluster.allowed(asked, "/validate")
    debugger = asked["request"]["object"]["spec"]["ephemeralContainers"][0]
    debugger["volumeMounts"] = [{"name": "assay-models", "mountPath": "/m"}]
    cluster.denied(asked, "could write")
    debugger["volumeMounts"][0]["readOnly"] = True
    cluster.allowed(asked)


def test_update_that_changes_the_model_of_a_running_pod(cluster: Cluster) -> None:
    asked = review("update-pod")
    asked["request"]["object"]["metadata"]["annotations"][MODEL] = "fraud/other:production"
    cluster.denied(asked, "do not change")


def test_workload_whose_template_is_changed_later(cluster: Cluster) -> None:
    asked = review("create-deployment")
    asked["request"] |= {"operation": "UPDATE", "oldObject": deepcopy(asked["request"]["object"])}
    cluster.clock.moment += timedelta(days=100)
    asked["request"]["object"]["spec"]["replicas"] = 5
    cluster.allowed(asked)
    asked["request"]["object"]["spec"]["template"]["metadata"]["annotations"] = {}
    cluster.denied(asked, "names no model")


def test_expired_snapshot_denies_and_says_why(cluster: Cluster) -> None:
    cluster.clock.moment += timedelta(days=2)
    cluster.denied(review(), "step 2 (freshness)")


def test_bundle_of_another_channel_under_the_name(cluster: Cluster) -> None:
    cluster.put(WORLD.bundle(), "fraud/scorer:staging")
    asked = review()
    asked["request"]["object"]["metadata"]["annotations"][MODEL] = "fraud/scorer:staging"
    cluster.denied(asked, "not verified, step 2")


def test_rollback_of_the_snapshot(cluster: Cluster) -> None:
    cluster.allowed(review())
    cluster.put(World().bundle(**{which: {"counter": 2} for which in ("request", "activation", "timestamp")}))
    cluster.snapshot = cluster.opened()  # what was seen outlives the process
    cluster.denied(review(), "rollback")


@pytest.mark.parametrize("hold", [b"", b"{}", b"\x00" * 100, b"[" * 100_000])
def test_snapshot_that_is_garbage(cluster: Cluster, hold: bytes) -> None:
    Path(place(str(cluster.folder), Channel.parse(NAME))).write_bytes(hold)
    cluster.denied(review(), "assaymark: fraud/scorer:production:")


# Documents that no API server sends


def _post(cluster: Cluster, body: bytes, **headers: str) -> Any:
    client = TestClient(create_admission(cluster.rules, cluster.snapshot.resolve, cluster.logged.append))
    return client.post("/mutate", content=body, headers={"Content-Type": "application/json", **headers})


def test_duplicate_keys(cluster: Cluster) -> None:
    text = json.dumps(review())
    twice = text.replace(
        '"namespace": "shop", "operation"', '"namespace": "kube-system", "namespace": "shop", "operation"'
    )
    assert twice != text
    assert _post(cluster, twice.encode()).status_code == 400


def test_huge_document(cluster: Cluster) -> None:
    asked = review()
    asked["request"]["object"]["metadata"]["annotations"]["x"] = "x" * LARGEST
    assert _post(cluster, json.dumps(asked).encode()).status_code == 413


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{}", b"[" * 200_000, b'{"kind":"AdmissionReview"}', b'{"a":NaN}', b"\xff\xfe{\x00}\x00",
     b'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1beta1","request":{}}',
     b'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":""}}'],
    ids=range(10),
)  # fmt: skip
def test_what_is_no_review(cluster: Cluster, body: bytes) -> None:
    assert _post(cluster, body).status_code == 400


def test_other_types_of_content(cluster: Cluster) -> None:
    assert _post(cluster, b"{}", **{"Content-Type": "text/plain"}).status_code == 415
    assert _post(cluster, b"{}", **{"Content-Encoding": "gzip"}).status_code == 415


def _odd(asked: Any, path: list[Any], value: Any) -> Any:
    at = asked["request"]["object"]
    for part in path[:-1]:
        at = at[part]
    at[path[-1]] = value
    return asked


@pytest.mark.parametrize("value", [None, 7, "x", [], [7], {}, {"a": 7}], ids=repr)
@pytest.mark.parametrize(
    "path",
    [["metadata"], ["metadata", "annotations"], ["metadata", "annotations", MODEL], ["spec"], ["spec", "containers"],
     ["spec", "volumes"], ["spec", "initContainers"], ["spec", "containers", 0, "volumeMounts"]],
    ids=str,
)  # fmt: skip
def test_objects_that_are_not_as_they_should_be_are_answered(cluster: Cluster, path: list[Any], value: Any) -> None:
    for where in ("/mutate", "/validate"):
        cluster.ask(_odd(review(), path, value), where)
    assert not [record for record in cluster.logged if "bug" in record]


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=8) | st.sampled_from([NAME, "assay-models", "hf://x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["name", "spec", "image", "volumeMounts", "readOnly", "containers", "initContainers", "annotations", MODEL, DIGEST]
    ), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


def _paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in below:
        yield (*at, key)
        yield from _paths(inner, (*at, key))


PATHS = list(_paths(review()["request"]["object"]))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(PATHS), value=_VALUES)
def test_whatever_a_pod_is_it_is_answered_and_what_is_admitted_is_verified(
    cluster: Cluster, path: tuple[Any, ...], value: Any
) -> None:
    asked = _odd(review(), list(path), value)
    response = cluster.ask(asked)
    if response["allowed"]:
        asked["request"]["object"] = applied(asked["request"]["object"], response)
        cluster.allowed(asked, "/validate")
        pod = asked["request"]["object"]
        assert pod["metadata"]["annotations"][DIGEST] == f"{NAME}={DIGEST_OF}"
        assert pod["spec"]["initContainers"][0]["name"] == "assay-verify-0"
    assert not [record for record in cluster.logged if "bug" in record]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_done_to_an_admitted_pod_what_verifies_it_stays(cluster: Cluster, data: st.DataObject) -> None:
    right = cluster.made(review())
    paths = [path for path in _paths(right["request"]["object"]) if path[0] == "spec" or "annotations" in path]
    asked = _odd(deepcopy(right), list(data.draw(st.sampled_from(paths))), data.draw(_VALUES))
    response = cluster.ask(asked, "/validate")
    assert not [record for record in cluster.logged if "bug" in record]
    if not response["allowed"]:
        return
    spec, wanted = asked["request"]["object"]["spec"], right["request"]["object"]["spec"]
    (init,) = spec["initContainers"]
    for field in ("image", "command", "env", "securityContext"):
        assert init[field] == wanted["initContainers"][0][field]
    assert {"name": "assay-models", "emptyDir": {}} in spec["volumes"]
    for container in spec["containers"] or []:
        for mount in container.get("volumeMounts") or []:
            assert not str(mount.get("name")).startswith("assay-") or mount["readOnly"] is True


def test_our_own_scan_finds_nothing_in_what_is_put_into_pods(cluster: Cluster, tmp_path: Path) -> None:
    folder = tmp_path / "scanned"
    folder.mkdir()
    (folder / "pod.yaml").write_text(yaml.safe_dump(cluster.made(review())["request"]["object"]))
    report = scan(str(folder), config="")
    assert not [finding for finding in report.findings if finding.severity >= Severity.MEDIUM]


def test_an_answer_comes_in_time(cluster: Cluster) -> None:
    hold = threading.Event()

    def slow(_name: str, *, keep: bool) -> Any:
        hold.wait(20)

    client = TestClient(create_admission(cluster.rules, slow, cluster.logged.append, seconds=0.2))
    try:
        response = client.post("/mutate", json=review()).json()["response"]
    finally:
        hold.set()
    assert not response["allowed"] and "not judged within" in response["status"]["message"]


def test_a_review_that_drips(cluster: Cluster) -> None:
    app = create_admission(cluster.rules, cluster.snapshot.resolve, cluster.logged.append, seconds=0.2)
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(0.05)
        return {"type": "http.request", "body": b" ", "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json"), (b"host", b"x")]
    scope = {"type": "http", "method": "POST", "path": "/mutate", "headers": headers, "query_string": b"", "app": app}
    asyncio.run(asyncio.wait_for(app(scope, receive, send), 20))
    assert sent[0]["status"] == 408


def test_figures_of_the_webhook_name_nobody(cluster: Cluster) -> None:
    app = create_admission(cluster.rules, cluster.snapshot.resolve, cluster.logged.append, ages=cluster.snapshot.ages)
    client = TestClient(app)
    client.post("/mutate", json=review())
    text = client.get("/metrics").text
    assert 'assaymark_admissions_total{allowed="true",webhook="mutate"} 1.0' in text
    assert "assaymark_admission_bundles 1.0" in text and "assaymark_admission_bundle_age_seconds" in text
    assert "fraud" not in text and "shop" not in text


def test_a_bug_denies(cluster: Cluster) -> None:
    def broken(_name: str, *, keep: bool) -> Any:
        raise ZeroDivisionError

    client = TestClient(create_admission(cluster.rules, broken, cluster.logged.append))
    assert not client.post("/mutate", json=review()).json()["response"]["allowed"]
    assert cluster.logged[0]["bug"] == "ZeroDivisionError"


# The snapshot


class Registry:
    """Answers as it is told."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def bundle(self, model: str, channel: str) -> Bundle:
        if isinstance(self.answer, Exception):
            raise self.answer
        assert isinstance(self.answer, Bundle)
        return self.answer


def test_a_snapshot_serves_while_the_registry_is_down(cluster: Cluster) -> None:
    (done,) = sync(Registry(Unreadable("down")), str(cluster.folder), [NAME], cluster.snapshot)
    assert done.state == "kept"
    cluster.allowed(review())


def test_a_registry_that_is_away_is_not_waited_for_by_every_channel(cluster: Cluster) -> None:
    asked: list[str] = []

    class Away(Registry):
        def bundle(self, model: str, channel: str) -> Bundle:
            asked.append(channel)
            raise Unreadable("down")

    done = sync(Away(None), str(cluster.folder), [f"fraud/scorer:c{n}" for n in range(50)], cluster.snapshot)
    assert len(done) == 50 and {one.state for one in done} == {"kept"} and len(asked) == 3


@pytest.mark.parametrize("error", [Conflict("it is quarantined"), NotFound("there is no such model")])
def test_quarantine_reaches_the_cluster_at_the_next_sync(cluster: Cluster, error: Exception) -> None:
    cluster.allowed(review())
    (done,) = sync(Registry(error), str(cluster.folder), [NAME], cluster.snapshot)
    assert done.state == "stopped"
    cluster.denied(review(), str(error.args[0]))
    (done,) = sync(Registry(WORLD.bundle()), str(cluster.folder), [NAME], cluster.snapshot)
    assert done.state == "fetched"
    cluster.allowed(review())


def test_the_refresher_goes_on_after_what_broke() -> None:
    said: list[Synced] = []
    enough = threading.Event()

    def once() -> list[Synced]:
        if not said:
            raise ZeroDivisionError
        return [Synced(NAME, "fetched"), Synced(NAME, "stopped", "quarantined")]

    def say(done: Synced) -> None:
        said.append(done)
        if done.state == "stopped":
            enough.set()

    with Refresher(once, 0.01, say):
        assert enough.wait(20)
    assert said[0] == Synced("*", "kept", "ZeroDivisionError: ")


def test_bundle_that_does_not_verify_takes_no_place(cluster: Cluster) -> None:
    forged = WORLD.bundle(approvals=[{"approver": "bea"}, {"approver": "ann"}])
    (done,) = sync(Registry(forged), str(cluster.folder), [NAME], cluster.snapshot)
    assert done.state == "kept" and "not verified" in done.reason
    cluster.allowed(review())


def test_judging_is_quick(cluster: Cluster) -> None:
    cluster.ask(review())
    begun = time.process_time()
    for _ in range(5):
        cluster.ask(review())
    assert time.process_time() - begun < 5  # a second each, on a machine that does much else
