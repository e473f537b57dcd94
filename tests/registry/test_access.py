"""The rules: what a role may, where, and what excludes what."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.errors import UsageError
from assaymark.registry.access import (
    ORG,
    ROLES,
    VERBS,
    Binding,
    Denied,
    Limit,
    Principal,
    Scope,
    allowed,
    excluded,
    visible,
)

SCOPES = [
    Scope.parse(text)
    for text in ("*", "*#production", "vision", "vision/cat", "vision#production", "vision/cat#staging")
]


def somebody(*bindings: str, others: tuple[str, ...] = (), limit: Limit | None = None) -> Principal:
    def read(texts: tuple[str, ...]) -> tuple[Binding, ...]:
        return tuple(
            Binding(role, Scope.parse(scope or "*")) for role, _, scope in (t.partition(" on ") for t in texts)
        )

    return Principal("alice", "alice", read(bindings), read(others), limit or Limit())


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("scope", SCOPES, ids=str)
def test_nothing_is_allowed_by_default(verb: str, scope: Scope) -> None:
    assert isinstance(allowed(somebody(), verb, scope), Denied)


@pytest.mark.parametrize(("role", "verb"), list(itertools.product(ROLES, VERBS)))
def test_a_role_gives_its_verbs_and_no_other(role: str, verb: str) -> None:
    assert bool(allowed(somebody(role), verb, Scope("vision"))) == (verb in ROLES[role])


def test_no_role_but_approver_approves_and_none_but_admin_administers() -> None:
    assert [role for role, verbs in ROLES.items() if "approve" in verbs] == ["approver"]
    assert [role for role, verbs in ROLES.items() if "admin" in verbs] == ["admin"]
    assert [role for role, verbs in ROLES.items() if "quarantine" in verbs] == ["security"]
    assert [role for role, verbs in ROLES.items() if "publish" in verbs] == ["publisher"]


def test_a_scope_covers_what_lies_in_it() -> None:
    assert all(ORG.covers(scope) for scope in SCOPES)
    assert Scope("vision").covers(Scope("vision", "cat", "production"))
    assert not Scope("vision").covers(Scope("visions"))
    assert not Scope("vision").covers(ORG)
    assert not Scope("vision", None, "production").covers(Scope("vision", "cat"))
    assert Scope(None, None, "production").covers(Scope("other", "dog", "production"))


@given(*[st.sampled_from(SCOPES)] * 3)
@settings(deadline=None)
def test_scopes_order(a: Scope, b: Scope, c: Scope) -> None:
    assert a.covers(a)
    assert not (a.covers(b) and b.covers(a)) or a == b
    assert not (a.covers(b) and b.covers(c)) or a.covers(c)
    assert not a.covers(b) or a.meets(b)
    assert a.meets(b) == b.meets(a)
    assert Scope.parse(str(a)) == a


def test_a_foreign_project_is_denied_and_not_even_visible() -> None:
    reader = somebody("reader on vision")
    assert allowed(reader, "read", Scope("vision", "cat"))
    assert not allowed(reader, "read", Scope("speech", "cat"))
    assert not visible(reader, Scope("speech"))
    assert not allowed(reader, "read", ORG)


@pytest.mark.parametrize("scope", ["*", "vision", "vision/cat", "vision#production", "*#production"])
def test_admin_cannot_approve_even_with_rows_that_say_approver(scope: str) -> None:
    both = somebody("admin", f"approver on {scope}")
    assert not allowed(both, "approve", Scope("vision", "cat", "production"))
    assert not allowed(somebody("admin"), "approve", Scope("vision", "cat", "production"))
    assert not allowed(both, "admin", Scope.parse(scope))


def test_one_person_with_two_accounts_is_not_both_admin_and_approver() -> None:
    assert not allowed(
        somebody("approver on vision", others=("admin on vision",)), "approve", Scope("vision", "cat", "p")
    )
    assert allowed(somebody("approver on vision", others=("admin on speech",)), "approve", Scope("vision", "cat", "p"))


def test_rights_of_another_account_of_the_same_person_give_nothing() -> None:
    assert not allowed(somebody(others=("publisher",)), "publish", Scope("vision"))


def test_a_token_limits_verbs_and_project() -> None:
    limit = Limit(frozenset({"read"}), "vision")
    who = somebody("publisher", limit=limit)
    assert allowed(who, "read", Scope("vision", "cat"))
    assert not allowed(who, "publish", Scope("vision", "cat"))
    assert not allowed(who, "read", Scope("speech"))
    assert not allowed(who, "read", ORG)


def test_exclusion_knows_scopes_that_meet() -> None:
    held = [Binding("admin", Scope("vision"))]
    assert excluded(held, Binding("approver", ORG)) == held[0]
    assert excluded(held, Binding("approver", Scope("vision", "cat", "production"))) == held[0]
    assert excluded(held, Binding("approver", Scope("speech"))) is None
    assert excluded(held, Binding("reader", ORG)) is None
    assert (
        excluded([Binding("approver", Scope(None, None, "production"))], Binding("admin", Scope("vision"))) is not None
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Vision",
        "vision/",
        "/cat",
        "*/cat",
        "vision/cat/x",
        "vision#",
        "vision##p",
        "vi sion",
        "é",
        "../x",
        "#p",
        "a" * 64,
    ],
)
def test_a_scope_that_is_none(text: str) -> None:
    with pytest.raises(UsageError):
        Scope.parse(text)


def test_words_that_mean_nothing_are_refused() -> None:
    assert not allowed(somebody("admin"), "everything", ORG)
    for bad in (lambda: Binding("root", ORG), lambda: Limit(frozenset({"x"})), lambda: Limit(frozenset())):
        with pytest.raises(UsageError):
            bad()
