"""Evidence: an in-toto Statement v1 about subjects, in a DSSE envelope.

Specs: in-toto attestation framework v1 (spec/v1/statement.md, subjects match purely by digest) and
predicate `test-result/v0.1`; unknown fields of a predicate are ignored by other consumers (monotonic principle), so
our detail stands in one extra field, `assaymark`.
"""

from collections.abc import Mapping
from typing import Any

from assaymark.core.bom import TYPES as BOMS
from assaymark.core.digest import Digest, sha256
from assaymark.core.envelope import Envelope
from assaymark.core.errors import Malformed
from assaymark.core.record import dataclass
from assaymark.core.strictjson import loads
from assaymark.core.subject import Subject

STATEMENT = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
_LIMIT = 256 << 20
"""Bytes of a statement."""
SEAL, APPROVAL = "urn:assaymark:seal:v1", "urn:assaymark:approval:v1"
"""core.statements.Seal and Approval."""
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
ORIGIN = "urn:assaymark:origin:v1"
"""A test result by its form, of `assay model origin`: a type of its own, so that neither it nor a scan stands in for the other."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What is said (`predicate`, of `predicate_type`) about which bytes."""

    subjects: tuple[Subject, ...]
    predicate_type: str
    predicate: Mapping[str, Any]

    @property
    def made_at(self) -> str | None:
        """RFC 3339 moment that our own predicates carry, `at` or `assaymark.at`, or None, as of every bill of materials."""
        if self.predicate_type in BOMS:
            return None
        detail = self.predicate.get("assaymark")
        moment = detail.get("at") if isinstance(detail, Mapping) else self.predicate.get("at")
        return moment if isinstance(moment, str) else None

    def payload(self) -> bytes:
        """RFC 8785 bytes of the statement, which is what gets signed."""
        import rfc8785  # not where statements are only verified

        return rfc8785.dumps(
            {
                "_type": STATEMENT,
                "subject": [{"name": s.name, "digest": {s.digest.algorithm: s.digest.value}} for s in self.subjects],
                "predicateType": self.predicate_type,
                "predicate": self.predicate,
            }
        )


@dataclass(frozen=True, slots=True)
class Evidence:
    """A statement, the digest of its payload, and the ids of the keys whose signatures were verified over it."""

    statement: Statement
    digest: Digest
    signers: frozenset[str] = frozenset()

    @classmethod
    def unsigned(cls, statement: Statement) -> "Evidence":
        """Evidence made in this process, for a decision in this process."""
        return cls(statement, sha256(statement.payload()))


def read_statement(envelope: Envelope) -> Statement:
    """Parse the payload of an envelope; raises Malformed. Says nothing of signatures: verify first."""
    if envelope.payload_type != PAYLOAD_TYPE:
        message = f"payload type {envelope.payload_type!r} is not {PAYLOAD_TYPE!r}"
        raise Malformed(message)
    data = loads(envelope.payload, "the payload, not an in-toto Statement v1,", limit=_LIMIT, floats=True)
    try:
        if data["_type"] != STATEMENT:
            message = f"{data['_type']!r} is not an in-toto Statement v1"
            raise Malformed(message)
        subjects = tuple(_subject(entry) for entry in data["subject"])
        predicate = data["predicate"]
        if not isinstance(predicate, dict) or not isinstance(data["predicateType"], str):
            message = "predicate is not an object or predicateType not a text"
            raise Malformed(message)
        return Statement(subjects, data["predicateType"], predicate)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"not an in-toto Statement v1: {error}"
        raise Malformed(message) from error


def _subject(entry: Mapping[str, Any]) -> Subject:
    """The first digest that we know; a subject without one cannot be matched and is refused."""
    name = entry.get("name", "")
    if not isinstance(name, str):
        raise TypeError("the name of a subject is not a text")
    for algorithm, value in entry["digest"].items():
        try:
            return Subject(name, Digest(algorithm, value))
        except ValueError:
            continue
    message = f"subject {name!r} has no digest that is known here"
    raise ValueError(message)
