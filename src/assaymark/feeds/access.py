"""Who may be spoken to in the clear, and with which credentials. Everything comes from the environment.

`ASSAY_TOKEN_<host>` holds the credentials of one host, its dots as `_` and its hyphens as `__`: `user:password`, or a bearer
token. A token is bound to its host by that name, so that no other host is ever sent it.
"""

import os
from base64 import b64encode
from urllib.parse import SplitResult, urlsplit

from assaymark.core.errors import UsageError
from assaymark.feeds.fence import literal

_SPELLED = {".": "_", "-": "__", "_": "____"}


def variable(host: str) -> str:
    """The environment variable that holds a host's credentials. No two names of hosts have the same one."""
    try:
        known = host.lower().encode("idna").decode()
    except UnicodeError:
        known = host.lower().encode().hex()  # no name of a host, whatever it is
    return "ASSAY_TOKEN_" + "".join(_SPELLED.get(c, c if c.isalnum() else "_") for c in known)


def authorization(host: str) -> str:
    """Value of the Authorization header for a host, or an empty text."""
    wanted = variable(host).upper()
    secret = next((value for name, value in os.environ.items() if name.upper() == wanted), "").strip()
    return header(secret) if secret else ""


def header(secret: str) -> str:
    """`user:password` as Basic, anything else as Bearer; raises UsageError where a header cannot carry it."""
    if not secret.isascii() or not secret.isprintable() or (" " in secret and ":" not in secret):
        raise UsageError("a token in the environment holds characters that no header can carry", step="set it again")
    if ":" in secret:
        return f"Basic {b64encode(secret.encode()).decode()}"
    return f"Bearer {secret}"


def plain_allowed(host: str) -> bool:
    """Whether http without TLS may be spoken: to this very machine, and to hosts that `ASSAY_PLAIN_HTTP` names."""
    address = literal(host)
    named = os.environ.get("ASSAY_PLAIN_HTTP", "").lower().replace(",", " ").split()
    return (address is not None and address.is_loopback) or host.lower() in named


def base_of(host: str) -> str:
    """`https://host`, or `http://host` where that is allowed; `host` may carry a port."""
    name = split(f"https://{host}").hostname or ""
    return f"http://{host}" if plain_allowed(name) else f"https://{host}"


def split(url: str) -> SplitResult:
    """The parts of a URL that the user gave; raises UsageError for one with a password in it, or without a host."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise UsageError(f"not a URL that can be scanned: {error}") from error
    if parts.username is not None or parts.password is not None:
        host = parts.hostname or "host"
        raise UsageError(
            "a URL that holds a password ends up in logs and reports", step=f"set {variable(host)}=user:password"
        )
    if not parts.hostname or any(c.isspace() or not c.isprintable() for c in url):
        raise UsageError(f"{shown(url)!r} has no host, or holds characters that no URL has")
    return parts


def shown(url: str) -> str:
    """A URL for messages and reports: without user, query and fragment, where secrets travel."""
    head = url.partition("#")[0].partition("?")[0]
    scheme, mark, rest = head.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2] if scheme != 'hf' else host}{slash}{path}"
