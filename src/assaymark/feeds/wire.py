"""HTTP as the adapters need it: small documents, ranges of files, whole files. Everything is bounded and checked.

The other side may be slow, broken, or lying: redirects are followed by hand (few, never to plain http, never with our
credentials beyond the origin that they are for, behind a fence), answers are held against what was asked for, waiting
has an end. TLS is always verified; proxies and `SSL_CERT_FILE` come from the environment.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from assaymark import __version__
from assaymark.core.errors import AssayError, Unauthorized, Unreadable, UsageError
from assaymark.core.remote import NoRanges, Traffic
from assaymark.feeds import offline
from assaymark.feeds.access import plain_allowed, shown
from assaymark.feeds.fence import Fence
from assaymark.feeds.pin import CHANGED, Pin, length_of

if TYPE_CHECKING:
    import httpx

REDIRECTS = 5
ATTEMPTS = 5
DOCUMENT = 32 << 20
"""Bytes of the largest listing or manifest that is read."""
_LONGEST_WAIT = 60.0
"""Seconds: a host that asks for more is left alone."""
_FIRST_WAIT = 0.5
_SLOWEST = 32 << 10
"""Bytes a second below which, after a minute's grace, an answer is given up."""
_GRACE = 60.0
_REDIRECT = {301, 302, 303, 307, 308}
_T = TypeVar("_T")
pause = time.sleep
"""Waits between attempts, seconds."""
monotonic = time.monotonic


@dataclass(frozen=True, slots=True)
class Document:
    """A small answer: its body, its headers (names in lower case), and the URL that it came from at last."""

    body: bytes
    headers: Mapping[str, str]
    url: str


class _Again(Exception):
    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.after = after


class Wire:
    """Requests on behalf of one source. `url` is what the user named; `authorization` is sent to its origin alone."""

    def __init__(self, url: str, authorization: str = "", step: str = "", fence: Fence | None = None) -> None:
        """`step`: what to do when the host wants (other) credentials. `fence`: of the host that led to this `url`."""
        import httpx

        if offline():
            raise UsageError("ASSAY_OFFLINE is set: nothing was dialled", step="unset it, or scan local files")
        self.authorization = authorization
        self.challenge: Callable[[httpx.Response], bool] = lambda _: False
        """Asked once about a 401: whether `authorization` was renewed and the request should be sent again."""
        self._step = step
        self._named = httpx.URL(url)
        self.fence = fence or Fence(self._named.host)
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._closed = False
        if self._named.scheme == "http" and not plain_allowed(self._named.host):
            raise UsageError(
                f"{shown(url)}: plain http can be read and changed on the way; nothing was dialled",
                step=f"use https, or set ASSAY_PLAIN_HTTP={self._named.host} if that net is yours",
            )

    def document(
        self, url: str, *, accept: str = "application/json", limit: int = DOCUMENT, refuse: "Refuse | None" = None
    ) -> Document:
        """GET a small answer whole. `refuse` may turn an error status into a better-worded error."""

        def step() -> Document:
            with closing(self._get(url, {"Accept": accept}, Traffic(), refuse)) as response:
                if response.status_code != 200:
                    raise Unreadable(f"{shown(url)}: answered {response.status_code} where a document was asked for")
                body = b"".join(self._body(response, limit, url))
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Document(body, headers, str(response.url))

        return self._retrying(step, url)

    def span(self, pin: Pin, offset: int, length: int, traffic: Traffic) -> bytes:
        """Bytes of a file; what the answer says of size and identity is held against the pin, or fills it."""
        last = offset + length - 1 if pin.size is None else min(offset + length, pin.size) - 1
        if last < offset:
            return b""
        headers = {"Range": f"bytes={offset}-{last}", "Accept": "*/*"}
        if pin.etag and not pin.etag.startswith("W/"):
            headers["If-Range"] = pin.etag

        def step() -> bytes:
            with closing(self._get_pinned(pin, headers, traffic)) as response:
                pin.same(response)
                if response.status_code == 416:  # an empty file has no first byte
                    pin.size = 0
                    return b""
                if response.status_code == 200 and offset == 0 and length_of(response) == pin.size == last + 1:
                    expected = last + 1  # the whole was asked for, and there it is
                elif response.status_code == 200:
                    if pin.size is None:
                        pin.size = length_of(response)
                    raise NoRanges(f"{shown(pin.url)}: the host sends no parts of files, only the whole", step=_FULL)
                else:
                    expected = pin.span(response, offset, last)
                pieces = [piece for piece in self._body(response, expected, pin.url, traffic)]  # noqa: C416 - it counts
            data = b"".join(pieces)
            if len(data) != expected:
                raise _Again(f"sent {len(data):,} bytes where it promised {expected:,}")
            return data

        return self._retrying(step, pin.url)

    def stream(self, pin: Pin, traffic: Traffic) -> Iterator[bytes]:
        """A file from its beginning to its end. Only the beginning is tried again."""

        def step() -> "httpx.Response":
            return self._get_pinned(pin, {"Accept": "*/*"}, traffic)

        with closing(self._retrying(step, pin.url)) as response:
            if response.status_code != 200:
                raise Unreadable(f"{shown(pin.url)}: answered {response.status_code} where the whole was asked for")
            pin.same(response)
            try:
                yield from self._body(response, pin.size if pin.size is not None else 1 << 62, pin.url, traffic)
            except _Again as again:
                raise Unreadable(f"{shown(pin.url)}: {again.why}", step="scan again") from again

    def close(self) -> None:
        """Hang up."""
        self._closed = True
        with self._lock:
            if self._client is not None:
                self._client.close()

    # one request

    def _get_pinned(self, pin: Pin, headers: Mapping[str, str], traffic: Traffic) -> "httpx.Response":
        """A file, from where its host last led to; from the host itself again once that is refused (it expires)."""
        at = pin.at
        if at is not None:
            try:
                return self._get(at, headers, traffic, named=False)
            except _Again:
                raise
            except Unreadable:
                pin.at = None
        response = self._get(pin.url, headers, traffic)
        elsewhere = _origin(response.url) != _origin(self._named)
        pin.at = str(response.url) if elsewhere else None
        return response

    def _get(
        self,
        url: str,
        headers: Mapping[str, str],
        traffic: Traffic,
        refuse: "Refuse | None" = None,
        *,
        named: bool = True,
    ) -> "httpx.Response":
        """A response with a good status, its body still to be read. Raises _Again for what may pass."""
        import httpx

        target = httpx.URL(url)
        renewed = False
        for _ in range(REDIRECTS + 2):
            named = named and _origin(target) == _origin(self._named)
            response = self._send(target, headers, traffic, named=named)
            status = response.status_code
            if status in {200, 206}:
                if response.headers.get("content-encoding", "identity").lower() not in {"", "identity"}:
                    response.close()
                    raise Unreadable(f"{shown(url)}: came compressed though it was asked for as it is")
                return response
            if status == 416 and response.headers.get("content-range", "") == "bytes */0" and "Range" in headers:
                return response
            if status == 401 and named and not renewed and self.challenge(response):
                renewed = True
                response.close()
                continue
            if status not in _REDIRECT:
                try:
                    raise (refuse(response) if refuse else None) or self._refused(response, url)
                finally:
                    response.close()
            response.close()
            target = self._led(target, response.headers.get("location", ""))
        raise Unreadable(f"{shown(url)}: more than {REDIRECTS} redirects")

    def _send(
        self, target: "httpx.URL", headers: Mapping[str, str], traffic: Traffic, *, named: bool
    ) -> "httpx.Response":
        import httpx

        client = self._open()
        sent = {**headers, "Accept-Encoding": "identity"}
        if named and self.authorization:
            sent["Authorization"] = self.authorization
        self.fence.check(target.host)
        extensions = {"trace": self.fence.trace(target.raw_host.decode("ascii"))}
        request = client.build_request("GET", target, headers=sent, extensions=extensions)
        traffic.requests += 1
        try:
            return client.send(request, stream=True, follow_redirects=False)
        except httpx.TransportError as error:
            raise self._failed(error, target) from error
        except httpx.InvalidURL as error:
            raise Unreadable(f"{shown(str(target))}: {error}") from error
        except RuntimeError as error:  # the client was closed by another thread
            raise Unreadable(f"{shown(str(target))}: interrupted") from error

    def _open(self) -> "httpx.Client":
        import httpx

        with self._lock:
            if self._closed:
                raise Unreadable("interrupted")
            if self._client is None:
                try:
                    self._client = httpx.Client(
                        timeout=httpx.Timeout(30.0, connect=15.0),
                        limits=httpx.Limits(max_connections=32, max_keepalive_connections=16),
                        headers={"User-Agent": f"assaymark/{__version__}"},
                    )
                except (ImportError, ValueError, OSError) as error:
                    raise UsageError(
                        f"proxy or certificates in the environment cannot be used: {error}",
                        step="look at HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR",
                    ) from error
            return self._client

    def _led(self, base: "httpx.URL", location: str) -> "httpx.URL":
        """Where a redirect leads, if it may be followed."""
        import httpx

        try:
            target = base.join(location)
        except (httpx.InvalidURL, ValueError) as error:
            raise Unreadable(f"{shown(str(base))}: redirects to what is no URL") from error
        if target.userinfo or not location or target.scheme not in {"http", "https"} or not target.host:
            raise Unreadable(f"{shown(str(base))}: redirects to what cannot be followed")
        self.fence.check(target.host)
        if target.scheme == "http" and (base.scheme != "http" or not plain_allowed(target.host)):
            raise Unreadable(f"{shown(str(base))}: redirects to plain http; not followed")
        return target

    def same_origin(self, url: str, base: str) -> str:
        """A link in a document of `base`, absolute; raises Unreadable where it leads to another host."""
        import httpx

        target = self._led(httpx.URL(base), url)
        if _origin(target) != _origin(self._named):
            raise Unreadable(f"{shown(base)}: the listing goes on at another host; not followed")
        return str(target)

    # what comes back

    def _body(self, response: "httpx.Response", most: int, url: str, traffic: Traffic | None = None) -> Iterator[bytes]:
        import httpx

        until = monotonic() + _GRACE + most / _SLOWEST
        total = 0
        try:
            for piece in response.iter_raw(1 << 16):
                total += len(piece)
                if traffic is not None:
                    traffic.bytes += len(piece)
                if total > most:
                    raise Unreadable(f"{shown(url)}: sends more than the {most:,} bytes that it may")
                if monotonic() > until:
                    raise Unreadable(f"{shown(url)}: sends too slowly; given up", step="scan again later")
                if self._closed:
                    raise Unreadable(f"{shown(url)}: interrupted")
                yield piece
        except httpx.TransportError as error:
            raise _Again(f"the connection broke after {total:,} bytes ({_words(error)})") from error
        except httpx.StreamError as error:
            raise Unreadable(f"{shown(url)}: interrupted") from error

    def _refused(self, response: "httpx.Response", url: str) -> AssayError | _Again:
        status = response.status_code
        if status in {401, 403}:
            word = "wants credentials" if status == 401 and not self.authorization else "refuses access"
            return Unauthorized(f"{shown(url)}: the host {word} ({status})", step=self._step)
        if status in {404, 410}:
            return Unreadable(f"{shown(url)}: not found ({status})", step="look at the name, revision and path")
        if status == 412:
            return Unreadable(f"{shown(url)}: changed while it was read", step=CHANGED)
        if status == 416:
            return Unreadable(f"{shown(url)}: is shorter than was declared (416)", step=CHANGED)
        if status == 429 or status >= 500:
            after = response.headers.get("retry-after", "")
            return _Again(f"answered {status}", float(after) if after.isascii() and after.isdigit() else None)
        return Unreadable(f"{shown(url)}: answered {status}")

    def _failed(self, error: "httpx.TransportError", target: "httpx.URL") -> AssayError | _Again:
        import httpx

        what, words = shown(str(target)), _words(error)
        if self._closed:
            return Unreadable(f"{what}: interrupted")
        if isinstance(error, httpx.ConnectError):
            if "certificate" in words.lower() or "ssl" in words.lower():
                return Unreadable(f"{what}: TLS failed: {words}", step="for a CA of your own set SSL_CERT_FILE to it")
            if any(word in words.lower() for word in _NO_NAME):
                return Unreadable(f"{what}: no address for that name ({words})", step="look at the name and at the DNS")
        if isinstance(error, httpx.ProxyError):
            return Unreadable(f"{what}: the proxy refused: {words}", step="look at HTTPS_PROXY and NO_PROXY")
        if isinstance(error, httpx.UnsupportedProtocol):
            return Unreadable(f"{what}: {words}")
        return _Again(f"cannot be reached ({words})")

    def _retrying(self, step: Callable[[], _T], url: str) -> _T:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return step()
            except _Again as again:
                after = again.after if again.after is not None else _FIRST_WAIT * 2 ** (attempt - 1)
                if attempt == ATTEMPTS or after > _LONGEST_WAIT or self._closed:
                    asks = f", and asks to wait {after:.0f} s" if after > _LONGEST_WAIT else f", {attempt} times"
                    raise Unreadable(f"{shown(url)}: {again.why}{asks}", step="scan again later") from again
                pause(after)
        raise AssertionError


Refuse = Callable[["httpx.Response"], AssayError | None]
_FULL = "--full fetches it whole; or download it and scan the file"
_NO_NAME = ("name or service", "nodename", "getaddrinfo", "name resolution", "no address associated")


def _words(error: BaseException) -> str:
    return (str(error) or type(error).__name__)[:200]


def _origin(url: "httpx.URL") -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)
