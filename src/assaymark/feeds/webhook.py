"""Posts messages to receivers that a project's admin named: never inside unless the operator says so, bounded in time and bytes.

The URL is a stranger's. The address is judged on the connection that was made, before a byte is sent over it, so a name
that answers differently the second time (DNS rebinding) leads nowhere. No redirect is followed, no proxy is asked.

`ASSAY_WEBHOOK_HOSTS` names hosts that may be inside, and may be spoken to without TLS.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assaymark import __version__
from assaymark.core.errors import AssayError, Unreadable, UsageError
from assaymark.feeds.access import shown, split
from assaymark.feeds.fence import Fence, literal

if TYPE_CHECKING:
    import httpx

SECONDS = 10.0
"""For one message, from its name being resolved to the answer's first bytes."""
_READ = 4 << 10
"""Bytes of an answer that are read, and thrown away."""
_LONGEST = 2_000


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be sent."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """Status 0: there was none, and `why` says so. `wait`: Retry-After, in seconds."""

    status: int
    why: str = ""
    wait: int = 0


def check_url(url: str) -> None:
    """Raise UsageError for what no message is ever sent to."""
    if len(url) > _LONGEST:
        raise UsageError("the URL is too long", step=f"at most {_LONGEST} characters")
    parts = split(url)
    host = parts.hostname or ""
    inside = host.lower() in _inside()
    if parts.scheme != "https" and not (parts.scheme == "http" and inside):
        raise UsageError(f"{shown(url)!r:.200}: messages go over https", step="write https://HOST/PATH")
    if not inside:
        try:
            Fence("").check(host)
        except Unreadable as error:
            raise UsageError(error.message, step="the operator allows hosts by ASSAY_WEBHOOK_HOSTS") from None


def post(orders: Sequence[Order], seconds: float = SECONDS) -> list[Answer]:
    """Send all at a time; each has so many seconds. Raises nothing."""
    return asyncio.run(_post_all(orders, seconds))


async def _post_all(orders: Sequence[Order], seconds: float) -> list[Answer]:
    import httpx

    headers = {"User-Agent": f"assaymark/{__version__}", "Accept-Encoding": "identity"}
    limits = httpx.Limits(max_keepalive_connections=0)  # each connection is judged for its own message
    async with httpx.AsyncClient(
        headers=headers, limits=limits, timeout=seconds, follow_redirects=False, trust_env=False
    ) as client:
        return list(await asyncio.gather(*(_post(client, order, seconds) for order in orders)))


async def _post(client: "httpx.AsyncClient", order: Order, seconds: float) -> Answer:
    import httpx

    try:
        check_url(order.url)
        async with asyncio.timeout(seconds):
            judge = {"trace": _judge(split(order.url).hostname or "")}
            async with client.stream(
                "POST", order.url, content=order.body, headers=dict(order.headers), extensions=judge
            ) as response:
                await _taste(response)
        status = response.status_code
        return Answer(status, "" if status < 300 else f"it answered {status}", _wait(response))
    except TimeoutError:
        return Answer(0, f"it took longer than {seconds:g} s")
    except AssayError as error:
        return Answer(0, error.message)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return Answer(0, f"it was not reached ({type(error).__name__})")


async def _taste(response: "httpx.Response") -> None:
    taken = 0
    async for piece in response.aiter_raw(1_024):
        taken += len(piece)
        if taken >= _READ:
            return


def _judge(host: str) -> Any:
    """Callback for httpcore's `trace` extension: hangs up on an address that we must not speak to."""
    inside = host.lower() in _inside()

    async def event(name: str, info: Mapping[str, Any]) -> None:
        if name != "connection.connect_tcp.complete":
            return
        stream = info["return_value"]
        try:
            _require_address(str(stream.get_extra_info("server_addr")[0]), inside=inside)
        except AssayError:
            await stream.aclose()
            raise

    return event


def _require_address(address: str, *, inside: bool) -> None:
    known = literal(address)
    if known is None:
        raise Unreadable("it leads to no internet address")
    if inside:
        if known.is_link_local:
            raise Unreadable("it leads to a link-local address")
        return
    try:
        Fence("").check(address)
    except Unreadable:
        raise Unreadable("it leads to an address that is not of the internet") from None


def _inside() -> frozenset[str]:
    return frozenset(os.environ.get("ASSAY_WEBHOOK_HOSTS", "").lower().replace(",", " ").split())


def _wait(response: "httpx.Response") -> int:
    text = response.headers.get("retry-after", "").strip()
    return (
        int(text) if response.status_code in {429, 503} and text.isascii() and text.isdigit() and len(text) < 8 else 0
    )
