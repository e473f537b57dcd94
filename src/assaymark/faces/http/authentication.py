"""Who sends a request: an API token or an OIDC token in the Authorization header. No cookies, so no forged forms."""

import threading
import time
from base64 import b64decode
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request

from assaymark.core.errors import AssayError, Untrusted
from assaymark.faces.http.problems import Problem
from assaymark.faces.http.services import Services
from assaymark.registry import tokens
from assaymark.registry.access import Principal
from assaymark.registry.credentials import fingerprint
from assaymark.registry.people import get_user, principal_of

_LONGEST = 20 << 10
"""Characters of an Authorization header."""


class Failures:
    """Counts failed attempts by client address, in bounded memory.

    An address that failed too often waits; credentials that were good before are judged all the same, so that one bad
    client behind a proxy does not shut out the others.
    """

    def __init__(
        self, most: int = 20, window: float = 60.0, room: int = 4096, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._window, self._room, self._monotonic = most, window, room, monotonic
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._good: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, address: str, credential: str) -> int:
        """Seconds until this address may try again; 0 for now."""
        with self._lock:
            count, since = self._failed.get(address, (0, 0.0))
            left = since + self._window - self._monotonic()
            if count < self._most or left <= 0 or fingerprint(credential) in self._good:
                return 0
            return int(left) + 1

    def failed(self, address: str) -> None:
        """Note a failure."""
        with self._lock:
            now = self._monotonic()
            count, since = self._failed.pop(address, (0, now))
            self._failed[address] = (count + 1, since) if now - since < self._window else (1, now)
            while len(self._failed) > self._room:
                self._failed.popitem(last=False)

    def succeeded(self, credential: str) -> None:
        """Note that a credential was good."""
        with self._lock:
            digest = fingerprint(credential)
            self._good[digest] = None
            self._good.move_to_end(digest)
            while len(self._good) > self._room:
                self._good.popitem(last=False)


class Authenticator:
    """Judges the credentials of a request. Works in a thread: it asks the database."""

    def __init__(self, services: Services, failures: Failures | None = None) -> None:
        self._services = services
        self._failures = failures or Failures()

    def __call__(self, request: Request) -> Principal:
        """Who sends this; raises Problem 401 or 429. The answer does not say what was wrong."""
        address = client_of(request, behind_proxy=self._services.behind_proxy)
        credential = credential_of(request)
        if wait := self._failures.wait(address, credential):
            raise Problem(429, "too many failed attempts from this address", headers={"Retry-After": str(wait)})
        principal = self._judge(credential, request)
        if principal is None:
            self._failures.failed(address)
            raise _unknown("the credentials are not accepted")
        self._failures.succeeded(credential)
        return principal

    def _judge(self, credential: str, request: Request) -> Principal | None:
        now = self._services.clock.now()
        if credential.count(".") == 2:
            return self._workload(credential, request)
        with self._services.database.read() as connection:
            found = tokens.authenticate(connection, credential, now)
        if found is None:
            return None
        principal, token = found
        if tokens.is_stale(token, now):
            with suppress(SQLAlchemyError), self._services.database.write() as connection:
                tokens.touch(connection, token, now)  # a full disk must not keep anybody from reading
        request.scope["assay_token"] = token
        return principal

    def _workload(self, credential: str, request: Request) -> Principal | None:
        if self._services.oidc is None:
            return None
        try:
            rule = self._services.oidc.verify(credential, self._services.clock.now())
        except Untrusted as error:
            request.scope["assay_refused"] = error.message
            return None
        with self._services.database.read() as connection:
            known = principal_of(connection, rule.principal)
            if known is None:
                try:
                    get_user(connection, rule.principal)
                except AssayError:
                    return Principal(rule.principal, rule.principal, rule.roles)
                return None  # there is such a user, and he was disabled
        return replace(known, bindings=(*known.bindings, *rule.roles))


def client_of(request: Request, *, behind_proxy: bool) -> str:
    """Address of whoever sends this."""
    if behind_proxy and (forwarded := request.headers.getlist("x-forwarded-for")):
        return forwarded[-1].rpartition(",")[2].strip()[:64]
    return request.client.host if request.client else ""


def credential_of(request: Request) -> str:
    """The bearer token; or the password of Basic, which is how OCI and git clients send one."""
    headers = request.headers.getlist("authorization")
    if len(headers) != 1 or len(headers[0]) > _LONGEST:
        raise _unknown("send a token in one Authorization header")
    scheme, _, value = headers[0].partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer" and value:
        return value
    if scheme.lower() == "basic":
        try:
            return b64decode(value, validate=True).decode("ascii").partition(":")[2]
        except ValueError:
            pass
    raise _unknown("send 'Authorization: Bearer TOKEN'")


def _unknown(detail: str) -> Problem:
    step = "make a token: assay token create"
    return Problem(401, detail, step, headers={"WWW-Authenticate": 'Bearer realm="assaymark"'})
