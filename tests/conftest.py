"""Helpers that look at bytes the way `assay scan` does, without a file system in between."""

import time
from contextlib import AbstractContextManager, nullcontext

import pytest

from assaymark.catalog import catalog
from assaymark.core.blob import Blob, Bytes
from assaymark.core.budget import Budget, Limits
from assaymark.core.format import FileFacts
from assaymark.core.look import look, look_at_tree
from assaymark.core.scan import FileReport
from assaymark.storage.spool import FileSpool
from tests.databases import database_url, postgres, postgres_url

__all__ = ["database_url", "postgres", "postgres_url"]  # fixtures


def look_at(data: bytes, name: str = "file", limits: Limits | None = None) -> FileReport:
    """The report on one file with this content."""
    return look(Bytes(data), name, catalog(), Budget(limits, monotonic=time.monotonic, spool=FileSpool))


def ids(report: FileReport) -> set[str]:
    """The ids of all findings."""
    return {finding.id for finding in report.findings}


def severe(report: FileReport) -> list[str]:
    """`id severity message` of the findings that a benign file must not have."""
    return [f"{f.id} {f.severity.word} {f.message}" for f in report.findings if f.severity >= 2 or f.holds]


class MemoryTree:
    """core.format.Tree over a dict; the formats of each file are found as in a scan."""

    def __init__(self, contents: dict[str, bytes]) -> None:
        self.contents = contents
        self.files = {path: FileFacts(path, len(data), look_at(data, path).formats) for path, data in contents.items()}

    def read(self, path: str, limit: int) -> bytes:
        data = self.contents[path]
        assert len(data) <= limit
        return data

    def start(self, path: str, length: int) -> bytes:
        return self.contents[path][:length]

    def open(self, path: str) -> AbstractContextManager[Blob]:
        return nullcontext(Bytes(self.contents[path]))


def look_at_folder(contents: dict[str, bytes]) -> dict[str, FileReport]:
    """Reports of the checks that read several files at once, by path."""
    return look_at_tree(MemoryTree(contents), catalog())


@pytest.fixture(autouse=True)
def _no_ambient_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of whoever runs the tests must not decide what they see."""
    for name in ("ASSAY_HOME", "ASSAY_SERVER", "ASSAY_TOKEN", "NO_COLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "CI"):
        monkeypatch.delenv(name, raising=False)
