"""Figures for Prometheus. Labels come from our own routes and states, never from what a client sends."""

from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from assaymark import __version__

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)
_REFUSED = {401: "refused", 429: "too many attempts"}
TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """One server's figures. Other capabilities add theirs to `registry`."""

    def __init__(self, measures: Any = None) -> None:
        """`measures`: those of the registry, asked when somebody asks for them (assaymark.measuring.Measures)."""
        self.registry = CollectorRegistry()
        about = Gauge("assaymark_info", "The version that runs.", ["version"], registry=self.registry)
        about.labels(__version__).set(1)
        self.under_way = Gauge(
            "assaymark_http_requests_under_way", "Requests not yet answered.", registry=self.registry
        )
        self._requests = Counter(
            "assaymark_http_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "assaymark_http_request_seconds", "Seconds to the end of an answer.", ["route"], buckets=_SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self._refused = Counter(
            "assaymark_authentications_failed", "Requests whose sender was not known.", ["why"], registry=self.registry
        )
        for why in _REFUSED.values():
            self._refused.labels(why)
        if measures is not None:
            self.registry.register(_Registry(measures))

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer; `route` is the template of its path."""
        self._requests.labels(method if method in _METHODS else "other", route or "none", str(status)).inc()
        self._seconds.labels(route or "none").observe(seconds)
        if status in _REFUSED:
            self._refused.labels(_REFUSED[status]).inc()

    def text(self) -> bytes:
        """The exposition."""
        return generate_latest(self.registry)


class _Registry(Collector):
    """What the registry holds and waits for."""

    def __init__(self, measures: Any) -> None:
        self._measures = measures

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client."""
        up = GaugeMetricFamily("assaymark_database_up", "Whether the database answered.")
        try:
            found = self._measures.figures()
        except SQLAlchemyError:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        for name, what, by_state in (
            ("versions", "Versions by state.", found.versions),
            ("promotion_requests", "Requests that are open, or approved and not active.", found.requests),
            ("jobs", "Jobs that wait, run, or failed for good.", found.jobs),
        ):
            family = GaugeMetricFamily(f"assaymark_{name}", what, labels=["state"])
            for state, count in by_state.items():
                family.add_metric([str(state)], count)
            yield family
        for name, what, value in (
            ("ledger_leaves", "Leaves of the log.", found.ledger_size),
            ("ledger_unsigned_leaves", "Leaves that no checkpoint covers yet.", found.unsigned),
            ("ledger_checkpoint_age_seconds", "Since the newest checkpoint.", found.checkpoint_age),
            ("outbox_events", "Events not yet handed to webhooks.", found.outbox),
            ("webhook_deliveries_waiting", "Messages to webhooks not yet taken.", found.deliveries),
            ("webhook_deliveries_dead", "Messages given up, of the last 30 days.", found.dead),
            ("trust_root_left_seconds", "Until the trust root expires.", found.root_left),
        ):
            if value is not None:
                yield GaugeMetricFamily(f"assaymark_{name}", what, value=value)
