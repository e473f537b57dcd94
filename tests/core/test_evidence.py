"""Statements: what is signed, and what is refused as none."""

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from assaymark.core.clock import FixedClock, SystemClock, parse_timestamp, timestamp
from assaymark.core.digest import MANIFEST, SHA256, Digest
from assaymark.core.envelope import Envelope
from assaymark.core.errors import Malformed
from assaymark.core.evidence import PAYLOAD_TYPE, STATEMENT, TEST_RESULT, Evidence, Statement, read_statement
from assaymark.core.subject import Subject

A = "a" * 64
SUBJECT = Subject("model", Digest(SHA256, A))
GOOD = {
    "_type": STATEMENT,
    "subject": [{"name": "model", "digest": {"sha256": A}}],
    "predicateType": TEST_RESULT,
    "predicate": {"result": "PASSED"},
}


def read(data: object, kind: str = PAYLOAD_TYPE) -> Statement:
    payload = data if isinstance(data, bytes) else json.dumps(data).encode()
    return read_statement(Envelope(kind, payload, ()))


def test_the_payload_is_canonical_json() -> None:
    statement = Statement((SUBJECT, Subject("f", Digest(MANIFEST, A))), TEST_RESULT, {"b": 1, "a": "é"})
    by_hand = (
        f'{{"_type":"https://in-toto.io/Statement/v1","predicate":{{"a":"é","b":1}},"predicateType":"{TEST_RESULT}",'
        f'"subject":[{{"digest":{{"sha256":"{A}"}},"name":"model"}},{{"digest":{{"{MANIFEST}":"{A}"}},"name":"f"}}]}}'
    )
    assert statement.payload() == by_hand.encode()
    assert Evidence.unsigned(statement).digest.value == hashlib.sha256(by_hand.encode()).hexdigest()
    assert read_statement(Envelope(PAYLOAD_TYPE, statement.payload(), ())) == statement


def test_unsigned_evidence_has_no_signers() -> None:
    assert Evidence.unsigned(Statement((SUBJECT,), TEST_RESULT, {})).signers == frozenset()


def test_the_first_digest_that_is_known_counts() -> None:
    entry = {"name": "m", "digest": {"sha512": "b" * 128, "sha256": A}}
    assert read(GOOD | {"subject": [entry]}).subjects == (Subject("m", Digest(SHA256, A)),)
    assert read(GOOD | {"subject": [{"digest": {"sha256": A}}]}).subjects == (Subject("", Digest(SHA256, A)),)


@pytest.mark.parametrize(
    ("predicate", "made"),
    [
        ({}, None),
        ({"assaymark": {"at": "2026-01-01T00:00:00Z"}}, "2026-01-01T00:00:00Z"),
        ({"assaymark": {"at": 5}}, None),
        ({"assaymark": []}, None),
        ({"assaymark": {}}, None),
    ],
)
def test_when_it_was_made(predicate: dict[str, object], made: str | None) -> None:
    assert read(GOOD | {"predicate": predicate}).made_at == made


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\xff", b"nonsense", b"[" * 100_000, [], 1, None, {},
        GOOD | {"_type": "https://in-toto.io/Statement/v0.1"},
        GOOD | {"subject": None},
        GOOD | {"subject": [None]},
        GOOD | {"subject": ["x"]},
        GOOD | {"subject": [{"name": "x"}]},
        GOOD | {"subject": [{"digest": {}}]},
        GOOD | {"subject": [{"digest": []}]},
        GOOD | {"subject": [{"digest": {"sha256": 1}}]},
        GOOD | {"subject": [{"digest": {"sha256": "A" * 64}}]},
        GOOD | {"subject": [{"digest": {"sha1": "b" * 40}}]},
        GOOD | {"subject": [GOOD["subject"][0], {"digest": {"md5": "c"}}]},
        GOOD | {"predicate": []},
        GOOD | {"predicate": None},
        GOOD | {"predicateType": 1},
        {k: v for k, v in GOOD.items() if k != "predicate"},
    ],
)  # fmt: skip
def test_what_is_no_statement_is_malformed(data: object) -> None:
    with pytest.raises(Malformed):
        read(data)


def test_a_subject_name_that_is_no_text_is_malformed() -> None:
    with pytest.raises(Malformed):
        read(GOOD | {"subject": [{"name": 5, "digest": {"sha256": A}}]})


def test_another_payload_type_is_malformed() -> None:
    with pytest.raises(Malformed, match="payload type 'text/plain'"):
        read(GOOD, "text/plain")


# Time


def test_moments_are_written_in_utc_with_whole_seconds() -> None:
    moment = datetime(2026, 11, 24, 12, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert timestamp(moment) == "2026-11-24T10:00:00Z"
    assert parse_timestamp(timestamp(moment)) == datetime(2026, 11, 24, 10, tzinfo=UTC)
    assert parse_timestamp("2026-11-24T12:00:00+02:00") == datetime(2026, 11, 24, 10, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-11-24T10:00:00", "2026-11-24", "yesterday", ""])
def test_a_moment_without_a_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"time without a zone|Invalid isoformat"):
        parse_timestamp(text)


def test_clocks() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    assert FixedClock(moment).now() is FixedClock(moment).now() is moment
    assert SystemClock().now().tzinfo is UTC
