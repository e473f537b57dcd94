"""The admission webhooks of Kubernetes (AdmissionReview v1): `/mutate`, which is asked first, and `/validate`, which is asked last.

They answer within two seconds whatever happens: what could not be judged by then is denied. The webhook works from a snapshot
(assaymark.admitting) and dials nothing while it judges.
"""

import asyncio
import base64
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from anyio import to_thread
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from assaymark.core.errors import Malformed
from assaymark.faces.http.admission_pods import Odd
from assaymark.faces.http.admission_rules import LARGEST, Answer, Resolve, Review, Rules, judge

SECONDS = 2.0
"""From the first byte of a review to the answer."""
_WARNING = 120
"""Characters; longer ones may be cut by the API server."""
_T = TypeVar("_T")
Log = Callable[[Mapping[str, Any]], None]


class _Webhook:
    """One of the two; an ASGI endpoint."""

    def __init__(
        self, rules: Rules, resolve: Resolve, log: Log, seconds: float, metrics: "_Metrics", *, mutate: bool
    ) -> None:
        self._rules, self._resolve, self._log, self._seconds, self._mutate = rules, resolve, log, seconds, mutate
        self._metrics = metrics

    async def __call__(self, request: Request) -> Response:
        read: list[Review] = []
        try:
            return await asyncio.wait_for(self._answer(request, read), self._seconds)
        except TimeoutError:
            late = Answer(allowed=False, message=f"assaymark: not judged within {self._seconds:g} s, so denied")
            return _respond(read[0], late) if read else _refused(408, "the review came too slowly")

    async def _answer(self, request: Request, read: list[Review]) -> Response:
        body = await _body(request)
        if isinstance(body, Response):
            return body
        try:
            review = await _in_thread(partial(Review.read, body))
        except (Malformed, Odd) as error:
            return _refused(400, str(error))
        read.append(review)
        try:
            found = await _in_thread(partial(judge, review, self._rules, self._resolve, mutate=self._mutate))
        except Exception as error:  # noqa: BLE001 - a bug of ours denies, and is told apart in the log
            self._log({"uid": review.uid, "bug": type(error).__name__, "why": str(error)[:500]})
            found = Answer(allowed=False, message="assaymark: a bug of ours, so denied; the webhook's log has it")
        self._log({
            "uid": review.uid, "namespace": review.namespace, "kind": review.kind, "operation": review.operation,
            "allowed": found.allowed, "why": found.message, "dry_run": review.dry_run, "mutate": self._mutate,
        })  # fmt: skip
        word = "mutate" if self._mutate else "validate"
        self._metrics.decisions.labels(word, str(found.allowed).lower()).inc()
        return _respond(review, found)


class _Metrics:
    """Decisions, and how old the snapshot is. No names: whoever reaches the webhook may read them."""

    def __init__(self, ages: Callable[[], Sequence[float]]) -> None:
        self._registry = CollectorRegistry()
        self.decisions = Counter(
            "assaymark_admissions", "Reviews answered.", ["webhook", "allowed"], registry=self._registry
        )
        Gauge(
            "assaymark_admission_bundle_age_seconds", "Since the oldest bundle of the snapshot was fetched.",
            registry=self._registry,
        ).set_function(lambda: max(ages(), default=0.0))  # fmt: skip
        Gauge("assaymark_admission_bundles", "Bundles of the snapshot.", registry=self._registry).set_function(
            lambda: len(ages())
        )

    async def __call__(self, _: Request) -> Response:
        return Response(await _in_thread(partial(generate_latest, self._registry)), media_type=CONTENT_TYPE_LATEST)


def create_admission(
    rules: Rules, resolve: Resolve, log: Log, seconds: float = SECONDS, ages: Callable[[], Sequence[float]] = list
) -> Starlette:
    """The application. `log` is told of each decision; it never gets the pod."""
    metrics = _Metrics(ages)
    mutating = _Webhook(rules, resolve, log, seconds, metrics, mutate=True)
    validating = _Webhook(rules, resolve, log, seconds, metrics, mutate=False)
    return Starlette(routes=[
        Route("/mutate", mutating.__call__, methods=["POST"]), Route("/validate", validating.__call__, methods=["POST"]),
        Route("/metrics", metrics.__call__), Route("/healthz", _health), Route("/readyz", _health),
    ])  # fmt: skip


async def _health(_: Request) -> Response:
    return PlainTextResponse("ok")


async def _in_thread(work: Callable[[], _T]) -> _T:
    """Do it in a thread, which is left to itself when the time is over."""
    return await to_thread.run_sync(work, abandon_on_cancel=True)


async def _body(request: Request) -> bytes | Response:
    """The whole body, or why it is not read."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return _refused(415, "a review is application/json")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        return _refused(415, "a review comes as it is, without Content-Encoding")
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > LARGEST:
                return _refused(413, f"a review has at most {LARGEST:,} bytes")
    except ClientDisconnect:
        return _refused(400, "the review broke off")
    return bytes(body)


def _respond(review: Review, answer: Answer) -> Response:
    """An AdmissionReview that answers the one with this uid."""
    response: dict[str, Any] = {"uid": review.uid, "allowed": answer.allowed}
    if not answer.allowed:
        response["status"] = {"code": 403, "reason": "Forbidden", "message": answer.message}
    if answer.patch:
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(json.dumps(list(answer.patch)).encode()).decode()
    if answer.warnings:
        response["warnings"] = [warning[:_WARNING] for warning in answer.warnings[:16]]
    return JSONResponse({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})


def _refused(status: int, why: str) -> Response:
    """No review was read, so there is no uid to answer to: with failurePolicy Fail the API server denies."""
    return JSONResponse({"error": why}, status, headers={"Connection": "close"})
