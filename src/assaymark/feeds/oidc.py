"""Public keys of an OIDC issuer (OpenID Connect Discovery 1.0, section 4), asked for by the server itself."""

import json
from typing import Any

from assaymark.core.errors import Unreadable
from assaymark.feeds.fence import Fence
from assaymark.feeds.wire import Wire

_DISCOVERY = 64 << 10
_KEYS = 256 << 10
"""Bytes at most."""


def fetch_keys(issuer: str, where: str = "") -> bytes:
    """The key set of an issuer, from `where` or from where its discovery document says; raises Unreadable, UsageError.

    That document leads us on, so what it names is judged by the fence: it may not reach inside from outside.
    """
    if where:
        return _get(where, _KEYS)
    fence = Fence(_host(issuer))
    raw = _get(f"{issuer.rstrip('/')}/.well-known/openid-configuration", _DISCOVERY, fence)
    try:
        found: Any = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.get("issuer") != issuer or not isinstance(found.get("jwks_uri"), str):
        raise Unreadable(f"{issuer}: its discovery document is not one of this issuer", step="look at the issuer's URL")
    fence.check(_host(found["jwks_uri"]))
    return _get(found["jwks_uri"], _KEYS, fence)


def _get(url: str, limit: int, fence: Fence | None = None) -> bytes:
    wire = Wire(url, fence=fence)
    try:
        return wire.document(url, limit=limit).body
    finally:
        wire.close()


def _host(url: str) -> str:
    import httpx

    try:
        return httpx.URL(url).host
    except httpx.InvalidURL as error:
        raise Unreadable(f"{url[:200]!r} is no URL") from error
