"""Figures for Prometheus. Labels come from our own routes, never from what a client sends."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from assaymark import __version__

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)
TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """One server's figures. Other capabilities add theirs to `registry`."""

    def __init__(self) -> None:
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

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer; `route` is the template of its path."""
        self._requests.labels(method if method in _METHODS else "other", route or "none", str(status)).inc()
        self._seconds.labels(route or "none").observe(seconds)

    def text(self) -> bytes:
        """The exposition."""
        return generate_latest(self.registry)
