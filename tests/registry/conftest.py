"""Fixtures of several files."""

import pytest

from tests.registry.lazy import Hashed


@pytest.fixture(params=[False, True], ids=["mapped", "copied"])
def copy(request: pytest.FixtureRequest) -> bool:
    """Whether what is verified lazily is copied."""
    return bool(request.param)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> Hashed:
    """Which parts of files were hashed."""
    return Hashed(monkeypatch)
