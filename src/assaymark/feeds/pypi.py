"""What a Python package index says of its projects: PyPI's JSON API `/pypi/NAME/json`, and PEP 691 pages `/simple/NAME/`.

Requests are those of `feeds.wire`: bounded, retried, behind the fence of the host that was named, with its token
(`ASSAY_TOKEN_<host>`) for that host alone. An index that has only one of the two is asked for that one.
"""

import json
import re
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from assaymark.core.errors import AssayError, Unreadable, UsageError
from assaymark.feeds.access import authorization, shown, split, variable
from assaymark.feeds.wire import Wire

_PEP_691 = "application/vnd.pypi.simple.v1+json"
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,98}[a-z0-9])?")
_SEPARATORS = re.compile(r"[-_.]+")


class _Absent(AssayError):
    """The index has nothing there."""


class Projects:
    """One index. `url` is its root or its `/simple/`."""

    def __init__(self, url: str) -> None:
        """Raises UsageError for what is no address of an index."""
        parts = split(url)
        if parts.scheme not in {"http", "https"}:
            raise UsageError(f"{shown(url)!r} is no index", step="--index https://HOST/")
        root = shown(url).rstrip("/")
        self._root = root.removesuffix("/simple").rstrip("/")
        self.shown = self._root
        host = parts.hostname or ""
        step = f"set {variable(host)} to a token, or to user:password"
        self._wire = Wire(self._root, authorization(host), step)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._wire.close()

    def exists(self, name: str) -> bool:
        """Whether the index has a project of that name, with files or without. Raises Unreadable, Unauthorized."""
        return self._ask(f"/simple/{_path(name)}/", _PEP_691) is not None or (
            self._ask(f"/pypi/{_path(name)}/json", "application/json") is not None
        )

    def answers(self, name: str) -> dict[str, Any]:
        """`json` and `simple` as the index gives them; None for what it does not have. Raises Unreadable, Unauthorized."""
        return {
            "json": self._ask(f"/pypi/{_path(name)}/json", "application/json"),
            "simple": self._ask(f"/simple/{_path(name)}/", _PEP_691),
        }

    def _ask(self, path: str, accept: str) -> Any:
        url = self._root + path
        try:
            answer = self._wire.document(url, accept=accept, refuse=_refuse)
        except _Absent:
            return None
        if answer.headers.get("content-type", "").startswith("text/html"):
            raise Unreadable(
                f"{shown(url)}: answers in HTML, where JSON was asked for", step="name an index with PEP 691"
            )
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"{shown(url)}: is not JSON: is this an index?", step="look at --index") from error


def _refuse(response: Any) -> AssayError | None:
    """See feeds.wire: an httpx.Response."""
    return _Absent("not there") if response.status_code in {404, 410} else None


def _path(name: str) -> str:
    normal = _SEPARATORS.sub("-", name.strip().lower())
    if not _NAME.fullmatch(normal):
        raise UsageError(f"{name[:60]!r} is no name of a project")
    return quote(normal, safe="")
