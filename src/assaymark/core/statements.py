"""What people and servers sign about a version of a model: one class for each predicate.

Specs: in-toto Statement v1 in DSSE (core.evidence, core.envelope); predicate types are `urn:assaymark:<name>:v1`. The subject is
`project/model@version` with the digest of its manifest. A field means the same wherever it stands, so each has one rule (`_RULES`),
which holds for those who write as for those who read. Times are RFC 3339 in UTC with whole seconds, so their texts sort as they do.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Self

from assaymark.core.clock import parse_timestamp, timestamp
from assaymark.core.digest import MANIFEST, SHA256, Digest
from assaymark.core.errors import Malformed
from assaymark.core.evidence import APPROVAL, SEAL, Statement
from assaymark.core.strictjson import canonical
from assaymark.core.subject import Subject

APPROVE, DENY, ACTIVE = "approve", "deny", "active"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_PERSON = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,126}")
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,128}")
_REASON = 2_000
"""Characters."""


def is_name(text: object) -> bool:
    """Whether this can name a project, a model, a version or a channel."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def is_person(text: object) -> bool:
    """Whether this can be the id of a person or a service."""
    return isinstance(text, str) and _PERSON.fullmatch(text) is not None


def is_moment(text: object) -> bool:
    """Whether this is a time in the one form that is written here: `2026-11-24T10:00:00Z`."""
    try:
        return isinstance(text, str) and timestamp(parse_timestamp(text)) == text
    except (ValueError, OverflowError):
        return False


def version_name(project: str, model: str, version: str) -> str:
    """How a version is called: the name of a statement's subject."""
    return f"{project}/{model}@{version}"


def evidence_set(digests: Iterable[Digest | str]) -> str:
    """The digest of a set of evidence: sha256 over the RFC 8785 list of its digests, sorted, each once."""
    listed = sorted({str(digest) for digest in digests})
    return f"sha256:{hashlib.sha256(canonical(listed)).hexdigest()}"


def _digest_of(algorithm: str) -> Callable[[object], bool]:
    def check(value: object) -> bool:
        try:
            return isinstance(value, str) and Digest.parse(value).algorithm == algorithm
        except ValueError:
            return False

    return check


def _or_none(rule: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or rule(value)


_sha256, _manifest = _digest_of(SHA256), _digest_of(MANIFEST)


def _digests(value: object) -> bool:
    return isinstance(value, tuple) and all(map(_sha256, value)) and list(value) == sorted(set(value))


def _count(value: object) -> bool:
    return type(value) is int and 1 <= value < 1 << 53


def _reason(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _REASON and "\0" not in value


_RULES: Mapping[str, tuple[str, Callable[[object], bool]]] = {
    **dict.fromkeys(("project", "model", "version", "channel"), ("a name", is_name)),
    **dict.fromkeys(("publisher", "requester", "approver", "by"), ("the id of a person", is_person)),
    **dict.fromkeys(("at", "expires", "valid_until"), ("a time like 2026-11-24T10:00:00Z", is_moment)),
    **dict.fromkeys(
        ("policy", "evidence", "request", "seal", "activation", "quarantine"), ("a sha256 digest", _sha256)
    ),
    "approvals": ("a sorted list of sha256 digests", _digests),
    "previous": ("the digest of a manifest, or null", _or_none(_manifest)),
    "break_glass_until": ("a time like 2026-11-24T10:00:00Z, or null", _or_none(is_moment)),
    "break_glass": ("true or false", lambda value: isinstance(value, bool)),
    "counter": ("a whole number from 1", _count),
    "nonce": ("16 to 128 letters and digits", lambda v: isinstance(v, str) and _NONCE.fullmatch(v) is not None),
    "reason": (f"a text of at most {_REASON:,} characters", _reason),
    "decision": (f"{APPROVE!r} or {DENY!r}", lambda value: value in (APPROVE, DENY)),
    "status": (repr(ACTIVE), lambda value: value == ACTIVE),
}


@dataclass(frozen=True, slots=True)
class Predicate:
    """Base: fields are held against their rules when made, so nothing that breaks one is ever written or read."""

    TYPE: ClassVar[str]

    def __post_init__(self) -> None:
        for name in _names(type(self)):
            what, rule = _RULES[name]
            if not rule(getattr(self, name)):
                raise Malformed(f"{name} of this {self.word()} is {getattr(self, name)!r:.100}, not {what}")

    @classmethod
    def word(cls) -> str:
        """The statement's name in a sentence."""
        return cls.TYPE.split(":")[2]

    def predicate(self) -> dict[str, Any]:
        """The fields as JSON has them."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}

    def statement(self, subject: Subject) -> Statement:
        """The statement to sign; raises Malformed where the subject is not the version that the fields name."""
        made = Statement((subject,), self.TYPE, self.predicate())
        type(self).read(made)
        return made

    @classmethod
    def read(cls, statement: Statement) -> Self:
        """The predicate of a statement, each field there and as it must be, no other; raises Malformed."""
        if statement.predicate_type != cls.TYPE:
            raise Malformed(f"a statement of type {statement.predicate_type!r:.100} is no {cls.word()} ({cls.TYPE})")
        given, wanted = statement.predicate, _names(cls)
        if given.keys() != set(wanted):
            wrong = sorted(map(repr, given.keys() ^ set(wanted)))
            raise Malformed(f"this {cls.word()} lacks or has beyond its fields: {', '.join(wrong)[:200]}")
        made = cls(**{name: tuple(v) if isinstance(v := given[name], list) else v for name in wanted})
        if len(statement.subjects) != 1 or statement.subjects[0].digest.algorithm != MANIFEST:
            raise Malformed(f"this {cls.word()} does not speak of one subject, a manifest")
        if "version" in wanted:
            name = version_name(given["project"], given["model"], given["version"])
            if statement.subjects[0].name != name:
                raise Malformed(
                    f"the subject of this {cls.word()} is {statement.subjects[0].name!r:.200}, not {name!r}"
                )
        return made


def _names(cls: type[Predicate]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(cls))


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal(Predicate):
    """The publisher's word that these bytes are the version. Signed by the publisher."""

    TYPE: ClassVar[str] = SEAL
    project: str
    model: str
    version: str
    publisher: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Predicate):
    """A wish to make a version the one of a channel. `counter` is the channel's next. Signed by the requester."""

    TYPE: ClassVar[str] = "urn:assaymark:request:v1"
    project: str
    model: str
    version: str
    channel: str
    counter: int
    policy: str
    evidence: str
    nonce: str
    requester: str
    publisher: str
    expires: str
    break_glass: bool
    reason: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval(Predicate):
    """One person's decision on one request. `expires`: until when it may be used; `valid_until`: until when it bears a load."""

    TYPE: ClassVar[str] = APPROVAL
    decision: str
    request: str
    channel: str
    counter: int
    policy: str
    evidence: str
    nonce: str
    approver: str
    reason: str
    at: str
    expires: str
    valid_until: str

    def unbound(self, request: Request, digest: str) -> str:
        """What of this approval is not as in the request, whose payload has `digest`; "" where it binds exactly that."""
        if self.request != digest:
            return "request"
        names = ("channel", "counter", "policy", "evidence", "nonce")
        return next((name for name in names if getattr(self, name) != getattr(request, name)), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation(Predicate):
    """The server's record that a channel moved. Worth nothing without the approvals that it names."""

    TYPE: ClassVar[str] = "urn:assaymark:activation:v1"
    project: str
    model: str
    version: str
    channel: str
    counter: int
    request: str
    seal: str
    approvals: tuple[str, ...]
    policy: str
    evidence: str
    previous: str | None
    break_glass_until: str | None
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timestamp(Predicate):
    """The server's word that an activation is still the channel's newest. Short-lived, issued again and again."""

    TYPE: ClassVar[str] = "urn:assaymark:timestamp:v1"
    project: str
    model: str
    version: str
    channel: str
    counter: int
    activation: str
    status: str
    at: str
    expires: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine(Predicate):
    """A version is not to be loaded. One security person is enough."""

    TYPE: ClassVar[str] = "urn:assaymark:quarantine:v1"
    project: str
    model: str
    version: str
    by: str
    reason: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lift(Predicate):
    """A quarantine (the digest of its payload) need not stand. It takes two security people, each with a lift of his own."""

    TYPE: ClassVar[str] = "urn:assaymark:lift:v1"
    quarantine: str
    by: str
    reason: str
    at: str


PREDICATES: Mapping[str, type[Predicate]] = {
    kind.TYPE: kind for kind in (Seal, Request, Approval, Activation, Timestamp, Quarantine, Lift)
}


def read_any(statement: Statement) -> Predicate:
    """The predicate of a statement of any of these types; raises Malformed."""
    if statement.predicate_type not in PREDICATES:
        raise Malformed(f"{statement.predicate_type!r:.100} is none of the registry's statements")
    return PREDICATES[statement.predicate_type].read(statement)
