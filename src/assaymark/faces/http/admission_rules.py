"""Whether a pod may be made: in a protected namespace every model is named, stands in the snapshot, and is verified before it is loaded.

Deny by default. Nothing that whoever makes the pod writes into it (a label, an annotation, a name) takes a pod out of the rules;
its namespace is the one that the API server says.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from assaymark.core.errors import AssayError, UsageError
from assaymark.core.strictjson import loads
from assaymark.faces.http import admission_pods as pods
from assaymark.faces.http.admission_pods import Init, Json, Odd
from assaymark.registry.verify import Channel

LARGEST = 8 << 20
"""Bytes of a review: object and old object, each at most what etcd takes."""
DENY, ALLOW = "deny", "allow"
_API = "admission.k8s.io/v1"
_JUDGED = frozenset({"", "ephemeralcontainers"})
"""Subresources; the others (status, binding, scale, exec, log …) bring in no model."""
Resolve = Callable[..., Any]
"""Snapshot.resolve."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator says. `protected` None: every namespace that is not exempt."""

    protected: frozenset[str] | None = None
    exempt: frozenset[str] = frozenset({"kube-system"})
    unannotated: str = DENY
    """For pods that name no model."""
    tenants: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Namespace -> projects, or project/model. Where there is any, a namespace that is not listed loads nothing."""
    init: Init = field(default_factory=Init)

    def covers(self, namespace: str) -> bool:
        """Whether the rules hold in a namespace; what has none (of the cluster) is covered."""
        if self.protected is not None:
            return namespace in self.protected
        return namespace not in self.exempt

    def may(self, namespace: str, name: str) -> bool:
        """Whether a namespace may load a model."""
        if not self.tenants:
            return True
        model = name.rpartition(":")[0]
        return bool({model, model.partition("/")[0]} & self.tenants.get(namespace, frozenset()))


@dataclass(frozen=True, slots=True)
class Review:
    """An AdmissionReview as the API server sends it."""

    uid: str
    operation: str
    kind: str
    namespace: str
    subresource: str
    dry_run: bool
    object: Json | None
    old: Json | None

    @classmethod
    def read(cls, body: bytes) -> "Review":
        """Raises Malformed, or Odd for what is no review."""
        document = loads(body, "the review", limit=LARGEST, floats=True)
        if not isinstance(document, dict) or document.get("kind") != "AdmissionReview":
            raise Odd("not an AdmissionReview")
        if document.get("apiVersion") != _API:
            raise Odd(f"not of {_API}: set admissionReviewVersions to v1")
        asked = document.get("request")
        if not isinstance(asked, dict):
            raise Odd("a review without a request")
        kind = asked.get("kind")
        texts = (asked.get("uid"), asked.get("operation"), kind.get("kind") if isinstance(kind, dict) else None)
        if not all(isinstance(text, str) and 0 < len(text) <= 200 for text in texts):
            raise Odd("a request without uid, operation and kind")
        space, sub = asked.get("namespace") or "", asked.get("subResource") or ""
        objects = [asked.get(name) for name in ("object", "oldObject")]
        if not isinstance(space, str) or not isinstance(sub, str):
            raise Odd("namespace and subResource are texts")
        if not all(one is None or isinstance(one, dict) for one in objects):
            raise Odd("object and oldObject are objects")
        uid, operation, name = map(str, texts)
        return cls(uid, operation, name, space, sub, asked.get("dryRun") is True, *objects)


@dataclass(frozen=True, slots=True)
class Answer:
    """Of the webhook."""

    allowed: bool
    message: str = ""
    patch: tuple[Json, ...] = ()
    warnings: tuple[str, ...] = ()


def judge(review: Review, rules: Rules, resolve: Resolve, *, mutate: bool) -> Answer:
    """The answer; `mutate` makes the changes that the other webhook, which is asked last, finds missing."""
    if review.operation not in {"CREATE", "UPDATE"} or review.subresource not in _JUDGED:
        return Answer(allowed=True)
    if not rules.covers(review.namespace):
        return Answer(allowed=True)
    try:
        return _judge(review, rules, resolve, mutate=mutate)
    except Odd as error:
        step = f" (next: {error.step})" if error.step else ""
        return Answer(allowed=False, message=f"assaymark: {error}{step}"[:2_000])


def _judge(review: Review, rules: Rules, resolve: Resolve, *, mutate: bool) -> Answer:
    # 1. The object is of the kind and namespace that the API server says.
    made = _object_of(review)
    pod = pods.template_of(review.kind, made)
    # 2. What may go on because it was judged before.
    if review.operation == "UPDATE" and review.old is not None and _goes_on(review, made, review.old, rules):
        return Answer(allowed=True)
    # 3. Which models, and none from elsewhere.
    asks = made if pod is None else pod
    if elsewhere := pods.foreign(asks):
        raise Odd(f"a model from {elsewhere[0]!r}: here they come from {pods.SCHEME}PROJECT/MODEL:CHANNEL")
    names = pods.named(asks)
    if not names:
        _require_unnamed(asks, rules, is_pod=pod is not None)
        return Answer(allowed=True)
    # 4. Each for this namespace, approved, fresh.
    resolved, warnings = _resolve(review, names, rules, resolve)
    # 5. Verified in the pod itself, before any container starts.
    pinned = pods.annotations(asks).get(pods.DIGEST)
    if pinned is not None and pinned != pods.digests(resolved):
        raise Odd(f"{pods.DIGEST} pins {str(pinned)[:300]!r}; {pods.digests(resolved)} stands in the channel")
    if review.kind != "Pod":
        return Answer(allowed=True, warnings=warnings)  # its pods are asked for one by one
    if mutate:
        wanted = pods.dressed(asks, resolved, rules.init)
        _require(pods.open_mounts(wanted))
        return Answer(allowed=True, patch=tuple(pods.patch(asks, wanted)), warnings=warnings)
    _require(pods.faults(asks, resolved, rules.init))
    return Answer(allowed=True, warnings=warnings)


def _object_of(review: Review) -> Json:
    made = review.object
    if made is None or made.get("kind") != review.kind:
        raise Odd(f"the object of the request is not a {review.kind}")
    metadata = made.get("metadata") or {}
    if not isinstance(metadata, dict) or metadata.get("namespace", review.namespace) != review.namespace:
        raise Odd("the object names another namespace than it is made in")
    return made


def _resolve(
    review: Review, names: list[str], rules: Rules, resolve: Resolve
) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    """Name and digest of each model, and what to warn of."""
    resolved, warnings = [], []
    for name in names:
        try:
            Channel.parse(name)
        except UsageError:
            raise Odd(f"{name[:200]!r} is no channel of a model", f"{pods.MODEL}: PROJECT/MODEL:CHANNEL") from None
        if not rules.may(review.namespace, name):
            raise Odd(f"namespace {review.namespace} may not load {name[:200]!r}", "ask the operator for --tenant")
        try:
            found = resolve(name, keep=not review.dry_run)
        except AssayError as error:
            raise Odd(f"{name[:200]}: {error.message}", error.step) from error
        resolved.append((name, str(found.manifest.digest)))
        warnings += [f"{name}: {warning}" for warning in found.warnings]
    return resolved, tuple(warnings)


def _goes_on(review: Review, made: Json, old: Json, rules: Rules) -> bool:
    """Whether a change leaves as it is what was judged before; raises Odd for one that may not be made.

    No snapshot is asked: kubelet and controllers go on with what runs when it has run out.
    """
    if review.kind != "Pod":
        return _judged(made, review.kind) == _judged(old, review.kind)
    # What verified a pod's models stays, and nobody gets a way to write to them.
    if pods.ours(made) != pods.ours(old):
        raise Odd("the models of a pod, and what verifies them, do not change: make it anew")
    _require(pods.open_mounts(made))
    if pods.DIGEST not in pods.annotations(old) and made.get("spec") != old.get("spec"):
        _require_unnamed(made, rules, is_pod=True)
    return True


def _judged(document: Json, kind: str) -> tuple[Any, Any]:
    """The part of a workload that its pods are made from, or the whole of a custom resource's."""
    template = pods.template_of(kind, document)
    return (document.get("spec"), pods.annotations(document)) if template is None else (template, None)


def _require_unnamed(asks: Json, rules: Rules, *, is_pod: bool) -> None:
    """What names no model, and pretends nothing."""
    if is_pod and pods.pretends(asks):
        raise Odd("containers, volumes and mounts named assay-… are made by the webhook alone")
    if rules.unannotated != ALLOW:
        raise Odd(
            f"it names no model, and this namespace takes none that is not approved: annotate {pods.MODEL}: PROJECT/MODEL:CHANNEL",
            "labels do not exempt; the operator exempts namespaces",
        )


def _require(faults: list[str]) -> None:
    if faults:
        raise Odd("; ".join(faults[:5]))
