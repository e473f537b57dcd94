"""Keeps a host from leading us to machines that only we can reach (CWE-918).

The user may name any address. A redirect, or an address that a document of the host names, may lead to a public one
only, unless what the user named is itself inside; to link-local addresses (cloud metadata) it may never lead from
elsewhere. Names are judged by the address that the connection was made to, before a byte is sent over it.
"""

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

from assaymark.core.errors import Unreadable

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_UNICAST = ipaddress.ip_network("2000::/3")
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Trace = Callable[[str, Mapping[str, Any]], None]


class Fence:
    """The rule for one source; `host` is the one that the user named."""

    def __init__(self, host: str) -> None:
        self._named = host.lower()
        address = literal(host)
        self._home: _Address | None = address

    def check(self, host: str) -> None:
        """Refuse a host that is written as an address, or is called localhost, and may not be led to."""
        if host.lower() == self._named:
            return
        address = literal(host)
        if address is not None and not self._allowed(address):
            raise Unreadable(f"the host leads to {host}, {_kind(address)} address; not followed", step=_STEP)

    def trace(self, host: str) -> Trace:
        """Callback for httpcore's `trace` extension: judges the address of a connection that was just made to `host`.

        A connection to a proxy is not judged: what it reaches is for the proxy to allow.
        """
        dialled = ""

        def event(name: str, info: Mapping[str, Any]) -> None:
            nonlocal dialled
            if name == "connection.connect_tcp.started":
                target = info["host"]
                dialled = target.decode("ascii") if isinstance(target, bytes) else str(target)
            elif name == "connection.connect_tcp.complete" and dialled.lower() == host.lower():
                stream = info["return_value"]
                try:
                    self._connected(host, literal(str(stream.get_extra_info("server_addr")[0])))
                except Unreadable:
                    stream.close()
                    raise

        return event

    def _connected(self, host: str, address: _Address | None) -> None:
        if host.lower() == self._named:
            # A host that was public once stays so: its owner may point its name inside for a single connection.
            if self._home is None or not _is_public(self._home):
                self._home = address
        elif address is None or not self._allowed(address):
            kind = _kind(address) if address else "no internet"
            raise Unreadable(f"the host leads to {host}, which has {kind} address; not followed", step=_STEP)

    def _allowed(self, address: _Address) -> bool:
        if _is_public(address):
            return True
        if self._home is None or _is_public(self._home) or address.is_multicast or address.is_unspecified:
            return False
        return not address.is_link_local or self._home.is_link_local


_STEP = "if you trust it, name the address itself in the scan"


def literal(host: str) -> _Address | None:
    """The address that a host is written as, seen through the ways of wrapping IPv4 into IPv6; None for a name."""
    host = host.strip("[]").partition("%")[0]
    if host.lower().rstrip(".") == "localhost" or host.lower().rstrip(".").endswith(".localhost"):
        return ipaddress.IPv4Address("127.0.0.1")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
    if inner is None and address in _NAT64:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address


def _is_public(address: _Address) -> bool:
    """An address of the internet. Of IPv6 that is 2000::/3 alone: the rest is reserved, or translated to who knows where."""
    return address.is_global and not address.is_multicast and (address.version == 4 or address in _UNICAST)


def _kind(address: _Address) -> str:
    if address.is_loopback:
        return "a loopback"
    if address.is_link_local:
        return "a link-local"
    return "a private"
