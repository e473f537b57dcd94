"""The registry's HTTP interface from the client's side: one origin, a token, answers held against what they may be."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from assaymark import __version__
from assaymark.core.errors import AssayError, Conflict, NotFound, Unauthorized, Unreadable, Untrusted, UsageError
from assaymark.feeds import offline
from assaymark.feeds.access import plain_allowed, shown, split

if TYPE_CHECKING:
    import httpx

LARGEST = 64 << 20
"""Bytes of a JSON answer."""
_ERRORS: Mapping[int, type[AssayError]] = {
    401: Unauthorized, 403: Unauthorized, 404: NotFound, 409: Conflict, 422: Untrusted, 429: Unreadable,
}  # fmt: skip


class RegistryClient:
    """Speaks to one server. `server` and `token` come from ASSAY_SERVER and ASSAY_TOKEN where they are not given."""

    def __init__(self, server: str | None = None, token: str | None = None, *, seconds: float = 60.0) -> None:
        """Raises UsageError for what is no server, and for plain http to another machine. `seconds`: of each wait."""
        self.server = (server or os.environ.get("ASSAY_SERVER", "")).rstrip("/")
        secret = (token or os.environ.get("ASSAY_TOKEN", "")).strip()
        if not self.server:
            raise UsageError("no registry is named", step="--server URL, or set ASSAY_SERVER")
        parts = split(self.server)
        if parts.scheme not in {"http", "https"}:
            raise UsageError(f"{shown(self.server)!r} is no server", step="write https://HOST")
        if parts.scheme == "http" and not plain_allowed(parts.hostname or ""):
            raise UsageError(f"{shown(self.server)}: the token would travel in the clear", step="use https")
        if offline() and not plain_allowed(parts.hostname or ""):
            raise UsageError("ASSAY_OFFLINE is set: nothing was dialled", step="unset it")
        if not secret.isascii() or not secret.isprintable():
            raise UsageError("the token holds characters that no header can carry", step="set ASSAY_TOKEN again")
        self._headers = {"User-Agent": f"assaymark/{__version__}"}
        if secret:
            self._headers["Authorization"] = f"Bearer {secret}"
        self._seconds = seconds
        self._client: httpx.Client | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def ask(self, method: str, path: str, body: Any = None, **query: str | int | None) -> Any:
        """One request with JSON both ways; raises what the server says. `path` begins with a slash."""
        content = None if body is None else json.dumps(body).encode()
        headers = {} if content is None else {"Content-Type": "application/json"}
        params = {name: str(value) for name, value in query.items() if value is not None}
        with self._open(method, path, headers=headers, content=content, params=params) as response:
            data = self._read(response, LARGEST)
        return self._json(data)

    def send(self, method: str, path: str, content: Iterator[bytes] | bytes, **headers: str) -> Any:
        """Send bytes as they come; the answer is JSON or nothing."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with self._open(method, path, headers=named, content=content) as response:
            data = self._read(response, LARGEST)
        return self._json(data)

    def fetch(self, path: str, piece: int = 1 << 20) -> Iterator[bytes]:
        """The bytes of something, as they come. What they should be is for the caller to check."""
        import httpx

        with self._open("GET", path) as response:
            try:
                yield from response.iter_raw(piece)
            except httpx.HTTPError as error:
                raise Unreadable(f"{self.server}: the connection broke", step="try again") from error

    def lines(self, path: str) -> Iterator[dict[str, Any]]:
        """A long answer, an object a line, as it comes (application/x-ndjson)."""
        import httpx

        with self._open("GET", path, headers={"Accept": "application/x-ndjson"}) as response:
            rest = b""
            try:
                for piece in response.iter_raw(1 << 16):
                    *whole, rest = (rest + piece).split(b"\n")
                    if len(rest) > LARGEST:
                        raise Unreadable(f"{shown(self.server)} sends a line of more than {LARGEST:,} bytes")
                    for line in filter(None, whole):
                        found = self._json(line)
                        if not isinstance(found, dict):
                            raise Unreadable(f"{shown(self.server)} answers with something else than it should")
                        yield found
            except httpx.HTTPError as error:
                raise Unreadable(f"{shown(self.server)}: the connection broke", step="try again") from error

    # what the shell itself answers

    def whoami(self) -> Mapping[str, Any]:
        """Who the token stands for."""
        found: Mapping[str, Any] = self.ask("GET", "/api/v1/whoami")
        return found

    def add_user(self, name: str, kind: str = "person") -> Mapping[str, Any]:
        """Make an account."""
        made: Mapping[str, Any] = self.ask("POST", "/api/v1/users", {"name": name, "kind": kind})
        return made

    def grant(self, name: str, role: str, scope: str = "*") -> Mapping[str, Any]:
        """Give a role."""
        changed: Mapping[str, Any] = self.ask("POST", f"/api/v1/users/{name}/roles", {"role": role, "scope": scope})
        return changed

    def create_token(self, **wanted: Any) -> Mapping[str, Any]:
        """Make a token; its secret is in `token`, this once."""
        made: Mapping[str, Any] = self.ask("POST", "/api/v1/tokens", wanted)
        return made

    def revoke_token(self, token_id: str) -> None:
        """End a token."""
        self.ask("POST", f"/api/v1/tokens/{token_id}/revoke")

    # one request

    def _open(self, method: str, path: str, **options: Any) -> AbstractContextManager["httpx.Response"]:
        """An answer with a good status, its body still to be read."""
        import httpx

        if self._client is None:
            timeout = httpx.Timeout(self._seconds, connect=15.0)
            self._client = httpx.Client(timeout=timeout, headers=self._headers, follow_redirects=False)
        try:
            request = self._client.build_request(method, self.server + path, **options)
            response = self._client.send(request, stream=True)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            why = str(error)[:200] or type(error).__name__
            raise Unreadable(f"{shown(self.server)} does not answer: {why}", step="look at ASSAY_SERVER") from error
        if response.status_code < 300:
            return closing(response)
        with closing(response):
            raise self._refused(response)

    def _refused(self, response: "httpx.Response") -> AssayError:
        status = response.status_code
        if 300 <= status < 400:
            return Unreadable(f"{shown(self.server)} redirects; not followed", step="name the server itself")
        try:
            found = json.loads(self._read(response, 1 << 20))
        except (ValueError, RecursionError):
            found = {}
        found = found if isinstance(found, dict) else {}
        detail = str(found.get("detail") or found.get("title") or "no reason was given")[:2_000]
        step = str(found.get("next", ""))[:500]
        kind = _ERRORS.get(status, UsageError if status < 500 else Unreadable)
        return kind(f"{shown(self.server)} answers {status}: {detail}", step=step)

    def _json(self, data: bytes) -> Any:
        try:
            return json.loads(data.decode("utf-8")) if data else None
        except (ValueError, RecursionError) as error:
            raise Unreadable(
                f"{shown(self.server)} answers with what is not JSON", step="look at ASSAY_SERVER"
            ) from error

    def _read(self, response: "httpx.Response", limit: int) -> bytes:
        import httpx

        data = bytearray()
        try:
            for piece in response.iter_raw(1 << 16):
                data += piece
                if len(data) > limit:
                    raise Unreadable(f"{shown(self.server)} sends more than {limit:,} bytes")
        except httpx.HTTPError as error:
            raise Unreadable(f"{shown(self.server)}: the connection broke", step="try again") from error
        return bytes(data)
