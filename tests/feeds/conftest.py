"""Remote tests speak to 127.0.0.1 and to nothing else, in an environment without proxies, tokens or endpoints."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from assaymark.app import scan
from assaymark.core.scan import ScanReport
from assaymark.feeds import wire

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.1", "localhost", "::1"]))


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """No token, proxy or endpoint of whoever runs the tests; waiting between attempts is noted, not done."""
    for name in list(os.environ):
        if name.upper().startswith(("ASSAY_", "HF_", "HUGGING_", "AWS_", "GOOGLE_", "AZURE_", "MLFLOW_")) or (
            name.upper().endswith("_PROXY") or name.startswith("SSL_CERT")
        ):
            monkeypatch.delenv(name)
    waited: list[float] = []
    monkeypatch.setattr(wire, "pause", waited.append)
    return waited


Look = Callable[..., ScanReport]


@pytest.fixture
def look(tmp_path: Path) -> Look:
    """Scan as the command does, without settings and cache."""

    def run(*urls: str, **options: object) -> ScanReport:
        return scan(*urls, config="", home=str(tmp_path / "home"), **options)  # type: ignore[arg-type]

    return run
