"""Pods: what models they ask for, and what they look like when those are verified before any container starts.

Kubernetes documents are read as plain JSON. Pure; a pod that was handed in is never changed.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
MODEL, DIGEST = "assaymark.dev/model", "assaymark.dev/digest"
SCHEME = "assay://"
KSERVE = "internal.serving.kserve.io/storage-initializer-sourceuri"
MODELS, FETCHED, TRUST = "assay-models", "assay-fetched", "assay-root"
"""Volumes that are ours; no pod brings its own of these names."""
MOST = 8
"""Models of one pod."""
_OURS = frozenset({MODELS, FETCHED, TRUST})
_INIT = re.compile(r"assay-verify-.*")
_DEFAULTED = frozenset({"terminationMessagePath", "terminationMessagePolicy", "imagePullPolicy"})
"""What the API server adds to a container."""
_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "Pod": (),
    "PodTemplate": ("template",),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    **dict.fromkeys(
        ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"), ("spec", "template")
    ),
}
_STORED = re.compile(r"(?i)(?:storage|model)_?-?uris?|uri")
_DEEPEST = 64


@dataclass(frozen=True, slots=True)
class Init:
    """How pods get a verified model: the containers that fetch it and prove it."""

    image: str = "ghcr.io/assaymark/assay:latest"
    server: str = ""
    """Registry that files are pulled from; trusted with nothing."""
    claim: str = ""
    """Instead: a persistent volume claim of the namespace with PROJECT/MODEL/CHANNEL and its `.bundle`."""
    root: str = "assaymark-root"
    """Config map of the namespace with `root.json`. It need not be trusted: the digest is pinned."""
    token: str = "assaymark-token"  # noqa: S105 - the name of a secret
    """Secret of the namespace with `token`, good for reading alone."""
    mount: str = "/mnt/assay"
    user: int = 65532


class Odd(Exception):
    """Why the answer is no; the message says it, and `step` what to do."""

    def __init__(self, message: str, step: str = "") -> None:
        super().__init__(message)
        self.step = step


def template_of(kind: str, document: Json) -> Json | None:
    """The pod, or the template of one, in a document; None for a kind that has none. Raises Odd."""
    if kind not in _TEMPLATES:
        return None
    found = document
    for part in _TEMPLATES[kind]:
        found = _object(found.get(part), part)
    _object(found.get("spec"), "spec")
    return found


def annotations(document: Json) -> Json:
    """Annotations of an object; raises Odd."""
    return _object(_object(document.get("metadata") or {}, "metadata").get("annotations") or {}, "annotations")


def named(document: Json) -> list[str]:
    """The models that annotation and storage URIs of ours name, in their order; raises Odd."""
    text = annotations(document).get(MODEL, "")
    if not isinstance(text, str) or len(text) > 2_048:
        raise Odd(f"the annotation {MODEL} is not a short text")
    wanted = [name.strip() for name in text.split(",") if name.strip()]
    wanted += [uri.removeprefix(SCHEME) for uri in storage(document) if uri.startswith(SCHEME)]
    found = list(dict.fromkeys(wanted))
    if len(found) > MOST:
        raise Odd(f"{len(found)} models; one pod has at most {MOST}")
    return found


def foreign(document: Json) -> list[str]:
    """Storage that models would be loaded from and is not ours."""
    return [uri for uri in storage(document) if not uri.startswith(SCHEME)]


def storage(document: Json) -> list[str]:
    """Storage URIs: of KServe's custom resources, and of the pods that it makes of them."""
    if document.get("kind") in (None, *_TEMPLATES) and isinstance(document.get("spec"), dict):
        found = []
        given = annotations(document).get(KSERVE)
        if given is not None:
            found.append(str(given)[:500])
        images = [volume["image"] for volume in _volumes_of(document["spec"]) if isinstance(volume.get("image"), dict)]
        found += [f"image volume {str(image.get('reference'))[:500]}" for image in images]  # KEP-4639
        for container in containers(document, "initContainers"):
            if container.get("name") == "storage-initializer" and isinstance(container.get("args"), list):
                found += [str(uri)[:500] for uri in container["args"][:1]]
        return found
    return list(_stored(document.get("spec"), 0))


def _stored(value: Any, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        raise Odd("nested too deeply")
    if isinstance(value, dict):
        for key, below in value.items():
            if isinstance(below, str) and _STORED.fullmatch(key):
                yield below[:500]
            elif key == "storage" and isinstance(below, dict) and below.keys() & {"key", "path", "parameters"}:
                yield f"storage {str(below.get('key') or below.get('path'))[:200]}"
            else:
                yield from _stored(below, depth + 1)
    elif isinstance(value, list):
        for below in value:
            yield from _stored(below, depth + 1)


def containers(pod: Json, field: str) -> list[Json]:
    """One of a pod's lists of containers; raises Odd."""
    found = _object(pod.get("spec"), "spec").get(field) or []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise Odd(f"{field} is not a list of containers")
    return found


def dressed(pod: Json, resolved: Sequence[tuple[str, str]], init: Init) -> Json:
    """The pod with models that are verified before it starts. `resolved`: name and digest of each model."""
    made = stripped(pod)
    spec = made["spec"]
    made.setdefault("metadata", {})
    made["metadata"]["annotations"] = {**annotations(made), DIGEST: digests(resolved)}
    spec["volumes"] = [*(spec.get("volumes") or []), *_volumes(init)]
    first = [one for i, (name, digest) in enumerate(resolved) for one in _init_containers(i, name, digest, init)]
    spec["initContainers"] = [*first, *(spec.get("initContainers") or [])]
    for container in containers(made, "containers"):
        mounts = [_mount(i, name, init) for i, (name, _) in enumerate(resolved)]
        container["volumeMounts"] = [*(container.get("volumeMounts") or []), *mounts]
    return made


def digests(resolved: Iterable[tuple[str, str]]) -> str:
    """The annotation that pins."""
    return ",".join(f"{name}={digest}" for name, digest in resolved)


def stripped(pod: Json) -> Json:
    """The pod without anything that bears our names, whoever put it there; raises Odd."""
    made = deepcopy(pod)
    spec = _object(made.get("spec"), "spec")
    for field in ("initContainers", "containers"):
        if field in spec:
            kept = [one for one in containers(made, field) if field == "containers" or not _is_init(one)]
            for container in kept:
                if _mounts(container):
                    container["volumeMounts"] = [m for m in _mounts(container) if not _is_ours(m)]
            spec[field] = kept
    if spec.get("volumes"):
        spec["volumes"] = [volume for volume in _volumes_of(spec) if not _is_ours(volume)]
    return made


def ours(pod: Json) -> Json:
    """All that bears our names, to be compared with that of another state of the pod."""
    spec = _object(pod.get("spec"), "spec")
    return {
        "annotations": {key: value for key, value in annotations(pod).items() if key in (MODEL, DIGEST, KSERVE)},
        "init": [one for one in containers(pod, "initContainers") if _is_init(one)],
        "volumes": [volume for volume in _volumes_of(spec) if _is_ours(volume)],
        "mounts": {
            str(one.get("name")): [mount for mount in _mounts(one) if _is_ours(mount)]
            for field in ("initContainers", "containers")
            for one in containers(pod, field)
            if not _is_init(one)
        },
    }


def faults(pod: Json, resolved: Sequence[tuple[str, str]], init: Init) -> list[str]:
    """In what a pod differs from one whose models are verified; the API server's defaults are no difference."""
    found = []
    if annotations(pod).get(DIGEST) != digests(resolved):
        found.append(f"the annotation {DIGEST} is not what the channel stands for")
    have = {str(one.get("name")): one for one in containers(pod, "initContainers") if _is_init(one)}
    wanted = {c["name"]: c for i, pair in enumerate(resolved) for c in _init_containers(i, *pair, init)}
    if have.keys() != wanted.keys() or len(ours(pod)["init"]) != len(wanted):
        found.append("the init containers that verify are not there, or others bear their names")
    found += [f"init container {name} was changed" for name in have if not _same(have[name], wanted.get(name, {}))]
    if sorted(ours(pod)["volumes"], key=str) != sorted(_volumes(init), key=str):
        found.append("the volumes of the models are not those that were set")
    return found + open_mounts(pod)


def open_mounts(pod: Json) -> list[str]:
    """Containers that could write where the verified models are, or bring them themselves."""
    found = []
    for field in ("initContainers", "containers", "ephemeralContainers"):
        for container in containers(pod, field):
            if field == "initContainers" and _is_init(container):
                continue
            bad = [m for m in _mounts(container) if _is_ours(m) and not _is_read_only(m)]
            if bad or (field != "initContainers" and _is_init(container)):
                found.append(f"container {str(container.get('name'))[:63]!r} could write to the verified models")
    return found


def pretends(pod: Json) -> bool:
    """Whether a pod that names no model has anything that bears our names."""
    held = ours(pod)
    return bool(held["init"] or held["volumes"] or any(held["mounts"].values()) or open_mounts(pod))


def patch(before: Any, after: Any, path: str = "") -> Iterator[Json]:
    """JSON Patch (RFC 6902) that makes `after` of `before`; keys are escaped as of RFC 6901. Lists are replaced whole."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        if before != after:
            yield {"op": "replace", "path": path, "value": after}
        return
    for key in sorted(before.keys() | after.keys()):
        here = f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
        if key not in after:
            yield {"op": "remove", "path": here}
        elif key not in before:
            yield {"op": "add", "path": here, "value": after[key]}
        else:
            yield from patch(before[key], after[key], here)


def _is_ours(named_: Json) -> bool:
    name = named_.get("name")
    return isinstance(name, str) and name in _OURS


def _is_init(container: Json) -> bool:
    return bool(_INIT.fullmatch(str(container.get("name"))))


def _is_read_only(mount: Json) -> bool:
    return mount.get("name") == MODELS and mount.get("readOnly") is True


def _same(found: Json, wanted: Json) -> bool:
    """Whether a container is ours but for what the API server adds: an env that was slipped in is a difference."""
    if found.keys() - wanted.keys() - _DEFAULTED:
        return False
    if any(found.get(key) != value for key, value in wanted.items() if key != "volumeMounts"):
        return False
    more = [mount for mount in _mounts(found) if mount not in wanted["volumeMounts"]]
    all_there = all(mount in _mounts(found) for mount in wanted["volumeMounts"])
    return all_there and all(mount.get("mountPath") == _ACCOUNT and mount.get("readOnly") is True for mount in more)


def _volumes(init: Init) -> list[Json]:
    source: Json = {"emptyDir": {}}
    if init.claim:
        source = {"persistentVolumeClaim": {"claimName": init.claim, "readOnly": True}}
    return [
        {"name": MODELS, "emptyDir": {}},
        {"name": FETCHED, **source},
        {"name": TRUST, "configMap": {"name": init.root, "defaultMode": 0o444}},
    ]


def _init_containers(number: int, name: str, digest: str, init: Init) -> Iterator[Json]:
    model, _, channel = name.rpartition(":")
    command = [
        "assay", "admission", "load", name, "--digest", digest, "--root", "/assay/root/root.json",
        "--into", f"/assay/models/{number}",
    ]  # fmt: skip
    mounts: list[Json] = [
        {"name": FETCHED, "mountPath": "/assay/fetched"},
        {"name": TRUST, "mountPath": "/assay/root", "readOnly": True},
        {"name": MODELS, "mountPath": "/assay/models"},
    ]
    if init.claim:
        mounts[0]["readOnly"] = True
        yield _container(
            f"assay-verify-{number}", [*command, "--from", f"/assay/fetched/{model}/{channel}"], init, mounts
        )
        return
    command += ["--server", init.server, "--scratch", f"/assay/fetched/{number}"]
    token = {"name": "ASSAY_TOKEN", "valueFrom": {"secretKeyRef": {"name": init.token, "key": "token"}}}
    yield _container(f"assay-verify-{number}", command, init, mounts, token)


def _container(name: str, command: list[str], init: Init, mounts: list[Json], *env: Json) -> Json:
    return {
        "name": name,
        "image": init.image,
        "command": command,
        "env": [{"name": "ASSAY_HOME", "value": "/assay/home"}, *env],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": init.user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": mounts,
    }


def _mount(number: int, name: str, init: Init) -> Json:
    model, _, channel = name.rpartition(":")
    where = f"{init.mount}/{model}/{channel}"
    return {"name": MODELS, "mountPath": where, "subPath": str(number), "readOnly": True}


def _mounts(container: Json) -> list[Json]:
    return _list(container.get("volumeMounts"), "volumeMounts")


def _volumes_of(spec: Json) -> list[Json]:
    return _list(spec.get("volumes"), "volumes")


def _list(found: Any, what: str) -> list[Json]:
    found = found or []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise Odd(f"{what} is not a list of objects")
    return found


def _object(found: Any, what: str) -> Json:
    if not isinstance(found, dict):
        raise Odd(f"{what} is not an object")
    return found
