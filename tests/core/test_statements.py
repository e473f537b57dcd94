"""The registry's statements: each is read back as it was written, and nothing that breaks a rule is either."""

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.digest import Digest
from assaymark.core.envelope import Envelope
from assaymark.core.errors import Malformed
from assaymark.core.evidence import PAYLOAD_TYPE, Statement, read_statement
from assaymark.core.statements import (
    PREDICATES,
    Activation,
    Approval,
    Lift,
    Predicate,
    Quarantine,
    Request,
    Seal,
    Timestamp,
    evidence_set,
    is_moment,
    is_name,
    is_person,
    read_any,
)
from assaymark.core.subject import Subject

AT, SHA = "2026-11-24T10:00:00Z", "sha256:" + "a" * 64
SUBJECT = Subject("p/m@1", Digest("assaymark-manifest-v1", "b" * 64))
NAMED: dict[str, Any] = {"project": "p", "model": "m", "version": "1"}
BOUND: dict[str, Any] = {"channel": "production", "counter": 1, "policy": SHA, "evidence": SHA}
ALL: list[Predicate] = [
    Seal(**NAMED, publisher="ann", at=AT),
    Request(
        **NAMED,
        **BOUND,
        nonce="n" * 16,
        requester="dan",
        publisher="ann",
        expires=AT,
        break_glass=False,
        reason="",
        at=AT,
    ),
    Approval(
        decision="approve",
        request=SHA,
        **BOUND,
        nonce="n" * 16,
        approver="bea",
        reason="é",
        at=AT,
        expires=AT,
        valid_until=AT,
    ),
    Activation(**NAMED, **BOUND, request=SHA, seal=SHA, approvals=(SHA,), previous=None, break_glass_until=None, at=AT),
    Activation(
        **NAMED, **BOUND, request=SHA, seal=SHA, approvals=(), previous=str(SUBJECT.digest), break_glass_until=AT, at=AT
    ),
    Timestamp(**NAMED, channel="production", counter=1, activation=SHA, status="active", at=AT, expires=AT),
    Quarantine(**NAMED, by="eve", reason="poisoned", at=AT),
    Lift(quarantine=SHA, by="eve", reason="", at=AT),
]
each = pytest.mark.parametrize("said", ALL, ids=lambda said: said.word())


@each
def test_it_is_read_as_it_was_written(said: Predicate) -> None:
    statement = said.statement(SUBJECT)
    read = read_statement(Envelope(PAYLOAD_TYPE, statement.payload(), ()))
    assert type(said).read(read) == read_any(read) == said
    assert statement.made_at == AT
    assert PREDICATES[said.TYPE] is type(said)


@each
def test_a_field_that_is_missing_or_unknown(said: Predicate) -> None:
    whole = said.statement(SUBJECT)
    for name in whole.predicate:
        with pytest.raises(Malformed, match=f"'{name}'"):
            type(said).read(replace(whole, predicate={k: v for k, v in whole.predicate.items() if k != name}))
    with pytest.raises(Malformed, match="'more'"):
        type(said).read(replace(whole, predicate={**whole.predicate, "more": 1}))


WRONG = [
    None,
    True,
    0,
    -1,
    1.5,
    "",
    " ",
    "\0",
    [],
    {},
    ["x"],
    [SHA, SHA],
    1 << 60,
    "2026/11/24",
    "sha256:x",
    "../x",
    "A",
    "x" * 3_000,
]


@each
def test_a_field_of_another_type_or_form(said: Predicate) -> None:
    whole = said.statement(SUBJECT)
    for name, value in whole.predicate.items():
        taken = []
        for wrong in WRONG:
            try:
                type(said).read(replace(whole, predicate={**whole.predicate, name: wrong}))
            except Malformed:
                continue
            taken.append(wrong)
        free = {"reason": ["", " ", "../x", "A", "2026/11/24", "sha256:x"], "previous": [None], "break_glass_until": [None],
                "break_glass": [True], "approvals": [[]]}  # fmt: skip
        assert all(any(wrong is one or wrong == one for one in free.get(name, [])) for wrong in taken), (
            name,
            value,
            taken,
        )


@each
def test_the_subject_is_one_manifest_of_that_name(said: Predicate) -> None:
    whole = said.statement(SUBJECT)
    for subjects in ((), (SUBJECT, SUBJECT), (Subject("p/m@1", Digest("sha256", "b" * 64)),)):
        with pytest.raises(Malformed, match="one subject"):
            type(said).read(replace(whole, subjects=subjects))
    if "version" in {field.name for field in fields(said)}:
        with pytest.raises(Malformed, match="the subject of this"):
            said.statement(replace(SUBJECT, name="p/m@2"))


def test_another_type_is_refused() -> None:
    with pytest.raises(Malformed, match="is no request"):
        Request.read(ALL[0].statement(SUBJECT))
    with pytest.raises(Malformed, match="none of the registry's"):
        read_any(Statement((SUBJECT,), "x", {}))


def test_an_approval_binds_one_request() -> None:
    request, approval = ALL[1], ALL[2]
    assert isinstance(request, Request) and isinstance(approval, Approval)
    assert approval.unbound(request, SHA) == ""
    assert approval.unbound(request, "sha256:" + "c" * 64) == "request"
    for name, other in (("channel", "staging"), ("counter", 2), ("policy", "sha256:" + "c" * 64), ("nonce", "m" * 16)):
        assert approval.unbound(replace(request, **{name: other}), SHA) == name  # type: ignore[arg-type] # by name


def test_a_set_of_evidence_has_one_digest() -> None:
    import hashlib

    one, two = "sha256:" + "1" * 64, "sha256:" + "2" * 64
    assert evidence_set([two, one, two]) == evidence_set([one, Digest.parse(two)])
    assert evidence_set([one, two]) == "sha256:" + hashlib.sha256(f'["{one}","{two}"]'.encode()).hexdigest()
    assert len({evidence_set([]), evidence_set([one]), evidence_set([two])}) == 3


@pytest.mark.parametrize("text", ["a", "1", "2024-05", "a.b_c-d", "x" * 63])
def test_names(text: str) -> None:
    assert is_name(text) and is_person(text)


@pytest.mark.parametrize("text", ["", "A", ".a", "-a", "a/b", "a b", "é", "x" * 64, "a\n", "..", None, 1])
def test_no_names(text: object) -> None:
    assert not is_name(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24T10:00:00+00:00",
        "2026-11-24T10:00:00.5Z",
        "2026-11-24 10:00:00Z",
        "2026-11-24T10:00:00",
        "2026-02-30T10:00:00Z",
        "0000-01-01T00:00:00Z",
        "2026-11-24T10:00Z",
        "20261124T100000Z",
        "x",
        "",
        None,
        5,
    ],
)
def test_times_have_one_form(text: object) -> None:
    assert not is_moment(text)
    assert is_moment(AT)


@given(
    st.sampled_from(ALL),
    st.dictionaries(st.text(max_size=9), st.text(max_size=9) | st.integers() | st.none(), max_size=3),
)
@settings(max_examples=100, deadline=None)
def test_any_predicate_is_read_or_malformed(said: Predicate, changes: dict[str, Any]) -> None:
    try:
        read = type(said).read(replace(said.statement(SUBJECT), predicate={**said.predicate(), **changes}))
    except Malformed:
        return
    assert read.predicate().items() >= {k: v for k, v in changes.items() if k != "approvals"}.items()
