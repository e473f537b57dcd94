"""The server, put together: the registry of a home, its people, and whose OIDC tokens it takes."""

import os
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from assaymark.core.errors import UsageError
from assaymark.core.note import Note
from assaymark.core.tlog import Checkpoint
from assaymark.registrar import Registrar
from assaymark.registry import people, tokens
from assaymark.registry.access import VERBS, Binding, Limit, Scope
from assaymark.registry.jwks import LARGEST, KeySet
from assaymark.registry.oidc_config import read_config
from assaymark.registry_home import LOG_FILES, SETTINGS, registry_folder
from assaymark.storage.ledger import Receipt
from assaymark.storage.ledger_files import Folder
from assaymark.storage.sequencer import Sequencer
from assaymark.worker import Keeper

if TYPE_CHECKING:
    from assaymark.registry.oidc import Verifier
    from assaymark.registry.people import User
    from assaymark.registry.tokens import Token

WHOLE = 100_000
"""Leaves of a log whose static files are all held against the database when a server starts; more of them: `assay ledger repair`."""
HOST = "host"
"""Who gave a role, where that was the operator on the machine itself."""


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - the server's log


@contextmanager
def registry(home: str | None, database: str | None = None, store: str | None = None) -> Iterator[Registrar]:
    """The registry of a home, made when there is none yet; raises UsageError."""
    if not os.path.exists(os.path.join(registry_folder(home), SETTINGS)):
        Registrar.create(home)
    with Registrar.open(home, database=database, store=store) as opened:
        yield opened


@contextmanager
def keeper(registrar: Registrar, home: str | None, database: str | None, store: str | None) -> Iterator[None]:
    """The thread that scans what is sealed and closes what is over, while the block runs."""
    kept = Keeper(registrar, home, database, store, _say)
    kept.start()
    try:
        yield
    finally:
        kept.stop()


class Newest:
    """A registry's ledger: another object once a trust root names other witnesses, and always the newest one."""

    def __init__(self, registrar: Registrar, say: Callable[[str], None]) -> None:
        self._registrar, self._say = registrar, say

    def integrate(self) -> Checkpoint:
        """See Ledger."""
        return self._registrar.ledger.integrate()

    def waiting(self) -> bool:
        """See Ledger."""
        return self._registrar.ledger.waiting()

    def cosign(self) -> int:
        """See Ledger."""
        return self._registrar.ledger.cosign()

    def receipt(self, ticket: int) -> Receipt:
        """See Ledger."""
        return self._registrar.ledger.receipt(ticket)

    def repair(self) -> None:
        """Hold all static files of a log that is not long against the database; of a long one, integrating mends the end."""
        note = self._registrar.ledger.checkpoint()
        if note is None or Checkpoint.read(Note.read(note).text).size > WHOLE:
            return
        for mended in self._registrar.ledger.repair():
            self._say(f"ledger: {mended}")


@contextmanager
def sequencer(registrar: Registrar, say: Callable[[str], None] = _say) -> Iterator[Sequencer]:
    """The thread that integrates what is logged and asks the witnesses; it mends the static files before anything else.

    When the block ends, what was logged until then is integrated.
    """
    newest = Newest(registrar, say)
    with Sequencer(newest, cosign=True, before=newest.repair, say=lambda text: say(f"ledger: {text}")) as made:
        registrar.sequencer = made
        try:
            yield made
        finally:
            registrar.sequencer = None


def has_admin(registrar: Registrar) -> bool:
    """Whether there is somebody who may make users."""
    with registrar.database.read() as connection:
        users = people.list_users(connection, limit=10_000)
    return any(binding.role == "admin" for user in users if not user.disabled_at for binding in user.roles)


def ledger_files(registrar: Registrar) -> Folder:
    """The log's static files."""
    return Folder(os.path.join(registrar.folder, LOG_FILES))


def oidc(path: str | None) -> "Verifier | None":
    """The verifier that a TOML file describes (registry.oidc_config); raises UsageError."""
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            document = tomllib.load(file)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", step="name another file with --oidc") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
    folder = os.path.dirname(os.path.abspath(path))
    return read_config(document, lambda issuer, where: KeySet(_fetching(issuer, where, folder), time.monotonic))


def _fetching(issuer: str, where: str, folder: str) -> Callable[[], bytes]:
    if where and "://" not in where:
        place = os.path.join(folder, where)
        _read(place)  # a name that is wrong is told at the start
        return lambda: _read(place)

    def fetch() -> bytes:
        from assaymark.feeds.oidc import fetch_keys

        return fetch_keys(issuer, where)

    return fetch


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", step="look at 'keys' of the issuer") from error


class Accounts:
    """Users and tokens for the operator on the machine itself, who needs no rights: he owns the files."""

    def __init__(self, registrar: Registrar) -> None:
        self._database = registrar.database
        self._clock = registrar.clock

    def add(self, name: str, roles: Mapping[str, str] | None = None, *, service: bool = False) -> "User":
        """A new account; `roles` by scope."""
        kind = people.SERVICE if service else people.PERSON
        now = self._clock.now()
        with self._database.write() as connection:
            people.add_user(connection, name, kind, now)
            for scope, role in (roles or {}).items():
                people.grant(connection, name, Binding(role, Scope.parse(scope)), HOST, now)
            return people.get_user(connection, name)

    def users(self) -> "list[User]":
        """All accounts."""
        found: list[User] = []
        with self._database.read() as connection:
            while page := people.list_users(connection, after=found[-1].name if found else ""):
                found.extend(page)
        return found

    def disable(self, name: str) -> None:
        """Shut an account and revoke its tokens."""
        with self._database.write() as connection:
            people.disable_user(connection, name, self._clock.now())

    def link(self, name: str, other: str) -> None:
        """Say that two accounts are one person."""
        with self._database.write() as connection:
            people.link(connection, name, other)

    def grant(self, name: str, role: str, scope: str) -> None:
        """Give a role."""
        with self._database.write() as connection:
            people.grant(connection, name, Binding(role, Scope.parse(scope)), HOST, self._clock.now())

    def revoke(self, name: str, role: str, scope: str) -> None:
        """Take a role away."""
        with self._database.write() as connection:
            people.revoke(connection, name, Binding(role, Scope.parse(scope)))

    def create_token(self, user: str, days: int, **wanted: Any) -> "tuple[Token, str]":
        """A token and its secret. `wanted`: label, verbs, project, hub."""
        limit = Limit(frozenset(wanted.get("verbs") or VERBS), wanted.get("project"))
        order = tokens.Order(wanted.get("label", ""), limit, timedelta(days=days), bool(wanted.get("hub")))
        with self._database.write() as connection:
            return tokens.create_token(connection, user, order, self._clock.now())

    def tokens(self, user: str | None) -> "list[Token]":
        """Tokens of one user, or of all."""
        with self._database.read() as connection:
            return tokens.list_tokens(connection, user)

    def revoke_token(self, token_id: str) -> None:
        """End a token."""
        with self._database.write() as connection:
            tokens.revoke_token(connection, token_id, self._clock.now())
