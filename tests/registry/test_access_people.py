"""Accounts, roles and tokens in a real database."""

import string
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from assaymark.core.errors import Conflict, NotFound, UsageError
from assaymark.registry import people, tokens
from assaymark.registry.access import ORG, Binding, Limit, Scope, allowed
from assaymark.registry.access_tables import bindings, metadata
from assaymark.registry.access_tables import tokens as table
from assaymark.registry.credentials import PATTERN, is_token, new_token, struck
from assaymark.storage.database import Database

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def connection(database_url: str) -> Iterator[sa.Connection]:
    database = Database.open(database_url, [metadata])
    with database.write() as opened:
        yield opened
    database.close()


def made(connection: sa.Connection, name: str, *roles: Binding, kind: str = "person") -> None:
    people.add_user(connection, name, kind, NOW)
    for role in roles:
        people.grant(connection, name, role, "host", NOW)


# users


def test_a_new_user_may_nothing(connection: sa.Connection) -> None:
    made(connection, "alice")
    principal = people.principal_of(connection, "alice")
    assert principal is not None and principal.bindings == () and not allowed(principal, "read", ORG)


def test_names_are_never_reused(connection: sa.Connection) -> None:
    made(connection, "alice")
    people.disable_user(connection, "alice", NOW)
    with pytest.raises(Conflict):
        made(connection, "alice")


@pytest.mark.parametrize("name", ["", "Alice", "-a", "a b", "a" * 128, "a\n", "\u0430lice", "a/b", "../a"])
def test_a_name_that_is_none(connection: sa.Connection, name: str) -> None:
    with pytest.raises(UsageError):
        made(connection, name)


def test_admin_and_approver_do_not_go_together(connection: sa.Connection) -> None:
    made(connection, "alice", Binding("admin", Scope("vision")))
    with pytest.raises(Conflict, match="excludes"):
        people.grant(connection, "alice", Binding("approver", ORG), "host", NOW)
    people.grant(connection, "alice", Binding("approver", Scope("speech")), "host", NOW)
    with pytest.raises(Conflict):
        people.grant(connection, "alice", Binding("admin", ORG), "host", NOW)


def test_linked_accounts_are_one_person(connection: sa.Connection) -> None:
    made(connection, "alice", Binding("admin", ORG))
    made(connection, "alice.work")
    people.link(connection, "alice", "alice.work")
    with pytest.raises(Conflict):
        people.grant(connection, "alice.work", Binding("approver", ORG), "host", NOW)
    principal = people.principal_of(connection, "alice.work")
    assert principal is not None and principal.person == "alice" and principal.bindings == ()


def test_accounts_that_exclude_one_another_are_not_linked(connection: sa.Connection) -> None:
    made(connection, "alice", Binding("admin", ORG))
    made(connection, "bob", Binding("approver", Scope("vision")))
    with pytest.raises(Conflict, match="one person cannot be both"):
        people.link(connection, "alice", "bob")


def test_links_join_whole_persons(connection: sa.Connection) -> None:
    for name in ("a", "b", "c", "d"):
        made(connection, name)
    people.link(connection, "a", "b")
    people.link(connection, "c", "d")
    people.link(connection, "b", "d")
    assert {user.person for user in people.list_users(connection)} == {"a"}


@pytest.mark.parametrize("role", ["admin", "approver", "security"])
def test_a_service_is_no_person(connection: sa.Connection, role: str) -> None:
    made(connection, "ci", kind="service")
    made(connection, "bob")
    with pytest.raises(UsageError):
        people.grant(connection, "ci", Binding(role, ORG), "host", NOW)
    with pytest.raises(UsageError):
        people.link(connection, "bob", "ci")


def test_rows_edited_by_sql_do_not_make_an_admin_an_approver(connection: sa.Connection) -> None:
    made(connection, "alice", Binding("admin", ORG))
    row = {"user": "alice", "role": "approver", "scope": "*", "given_by": "mallory", "made_at": "2026-11-24T10:00:00Z"}
    connection.execute(bindings.insert().values(**row))
    principal = people.principal_of(connection, "alice")
    assert principal is not None and not allowed(principal, "approve", Scope("vision", "cat", "production"))


def test_roles_are_given_once_and_taken_once(connection: sa.Connection) -> None:
    made(connection, "alice", Binding("reader", ORG), Binding("reader", ORG))
    assert people.get_user(connection, "alice").roles == (Binding("reader", ORG),)
    people.revoke(connection, "alice", Binding("reader", ORG))
    with pytest.raises(NotFound):
        people.revoke(connection, "alice", Binding("reader", ORG))
    with pytest.raises(NotFound):
        people.grant(connection, "nobody", Binding("reader", ORG), "host", NOW)


# tokens


def token(connection: sa.Connection, user: str = "alice", **order: object) -> tuple[tokens.Token, str]:
    return tokens.create_token(connection, user, tokens.Order(**order), NOW)  # type: ignore[arg-type]


@given(st.binary(min_size=32, max_size=32), st.sampled_from(["person", "service", "hub"]))
def test_a_token_is_told_by_its_form(random: bytes, kind: str) -> None:
    secret = new_token(kind, lambda _: random)
    assert is_token(secret)
    assert (kind == "hub") == secret.startswith("hf_")
    assert secret not in struck(f"GET /x?t={secret} Authorization: Bearer {secret}")


@given(st.binary(min_size=32, max_size=32), st.integers(0, 60), st.sampled_from(string.ascii_letters + string.digits))
def test_any_changed_character_breaks_the_checksum(random: bytes, place: int, other: str) -> None:
    secret = new_token("person", lambda _: random)
    place %= len(secret)
    changed = secret[:place] + other + secret[place + 1 :]
    assert is_token(changed) == (changed == secret)


@pytest.mark.parametrize("text", ["", "assay_pat_", "a" * 100_000, "assay_pat_é", "assay_pat_" + "0" * 50, "\ud800"])
def test_what_was_never_a_token(connection: sa.Connection, text: str) -> None:
    assert not is_token(text)
    assert tokens.authenticate(connection, text, NOW) is None


def test_the_pattern_for_secret_scanners_finds_a_token(connection: sa.Connection) -> None:
    import re

    made(connection, "alice")
    _, secret = token(connection)
    assert re.search(PATTERN, f"key = '{secret}'\n")


def test_only_the_digest_is_stored(connection: sa.Connection) -> None:
    made(connection, "alice")
    _, secret = token(connection)
    body = secret.split("_")[2]
    stored = [str(value) for row in connection.execute(sa.select(table)).all() for value in row]
    assert not any(body in value or secret in value for value in stored)


def test_a_token_stands_for_its_user(connection: sa.Connection) -> None:
    made(connection, "alice", Binding("reader", Scope("vision")))
    _, secret = token(connection, limit=Limit(frozenset({"read"}), "vision"))
    found = tokens.authenticate(connection, secret, NOW)
    assert found is not None and found[0].name == "alice" and allowed(found[0], "read", Scope("vision"))


def test_a_token_expires(connection: sa.Connection) -> None:
    made(connection, "alice")
    _, secret = token(connection, lifetime=DAY)
    assert tokens.authenticate(connection, secret, NOW + DAY - timedelta(seconds=1)) is not None
    assert tokens.authenticate(connection, secret, NOW + DAY) is None


def test_ninety_days_unless_told_otherwise_and_a_year_at_most(connection: sa.Connection) -> None:
    made(connection, "alice")
    known, _ = token(connection)
    assert known.expires == "2027-02-22T10:00:00Z"
    for lifetime in (timedelta(days=366), timedelta(0), timedelta(days=-1)):
        with pytest.raises(UsageError):
            token(connection, lifetime=lifetime)


def test_a_revoked_token_is_dead(connection: sa.Connection) -> None:
    made(connection, "alice")
    known, secret = token(connection)
    tokens.revoke_token(connection, known.id, NOW)
    tokens.revoke_token(connection, known.id, NOW + DAY)
    assert tokens.authenticate(connection, secret, NOW) is None
    assert tokens.get_token(connection, known.id).revoked_at == "2026-11-24T10:00:00Z"
    with pytest.raises(NotFound):
        tokens.revoke_token(connection, "nothing", NOW)


def test_a_disabled_user_has_no_tokens(connection: sa.Connection) -> None:
    made(connection, "alice")
    known, secret = token(connection)
    people.disable_user(connection, "alice", NOW)
    assert tokens.authenticate(connection, secret, NOW) is None
    connection.execute(table.update().where(table.c.id == known.id).values(revoked_at=None))
    assert tokens.authenticate(connection, secret, NOW) is None
    with pytest.raises(Conflict):
        token(connection)


def test_last_use_is_known_to_the_hour(connection: sa.Connection) -> None:
    made(connection, "alice")
    known, _ = token(connection)
    assert tokens.is_stale(known, NOW)
    tokens.touch(connection, known, NOW + timedelta(minutes=59))
    known = tokens.get_token(connection, known.id)
    assert known.last_used == "2026-11-24T10:00:00Z"
    assert not tokens.is_stale(known, NOW + timedelta(minutes=59))
    assert tokens.is_stale(known, NOW + timedelta(minutes=60))


def test_digests_are_compared_in_constant_time(connection: sa.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    made(connection, "alice")
    _, secret = token(connection)
    compared = []
    genuine = tokens.hmac.compare_digest
    monkeypatch.setattr(tokens.hmac, "compare_digest", lambda a, b: compared.append((a, b)) or genuine(a, b))
    assert tokens.authenticate(connection, secret, NOW) is not None
    assert len(compared) == 1


@pytest.mark.parametrize("label", ["a\nb", "x" * 101, "\x1b[0m"])
def test_a_label_is_one_line(label: str) -> None:
    with pytest.raises(UsageError):
        tokens.Order(label=label)
