"""OIDC bearer tokens of workloads and people: who signed them, for whom, until when, and whom they stand for here.

PyJWT checks the signature alone. Which keys and algorithms are taken, and what the claims must say, stands here, judged at
a time that is passed in.
"""

import binascii
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from assaymark.core.errors import Malformed, Untrusted, UsageError
from assaymark.core.statements import is_person
from assaymark.core.strictjson import loads
from assaymark.registry.access import Binding

if TYPE_CHECKING:
    from assaymark.registry.jwks import KeySet

ALGORITHMS = ("RS256", "ES256", "EdDSA")
"""What may sign. No `none`, and nothing symmetric: a public key must never do for a secret (RFC 8725, section 2.1)."""
LARGEST = 16 << 10
"""Characters of a token."""
_TYPES = frozenset({"JWT", "at+jwt"})
_LEEWAY = 60
"""Seconds that clocks may differ."""
_LONGEST = 24 * 3600
"""Seconds between `iat` and `exp`: a token that lives longer is refused."""
_ENDS = ("/", ":", "#")


@dataclass(frozen=True, slots=True)
class Pattern:
    """What one claim must be: exactly `text`, or begin with it."""

    claim: str
    text: str
    prefix: bool = False

    def __post_init__(self) -> None:
        if self.prefix and not self.text.endswith(_ENDS):
            message = f"the prefix {self.text!r} of {self.claim} also begins names that somebody else may take"
            raise UsageError(message, step="end it with '/', ':' or '#', as in 'repo:acme/'")

    def fits(self, claims: Mapping[str, Any]) -> bool:
        """Whether the claim, or one of a list of them (as in `groups`), is this."""
        value = claims.get(self.claim)
        values = value if isinstance(value, list) and not self.prefix else [value]
        return any(isinstance(v, str) and (v.startswith(self.text) if self.prefix else v == self.text) for v in values)


@dataclass(frozen=True, slots=True)
class Rule:
    """Tokens of `issuer` whose claims fit all patterns stand for `principal`, who gets `roles` besides his own."""

    issuer: str
    patterns: tuple[Pattern, ...]
    principal: str
    roles: tuple[Binding, ...] = ()

    def __post_init__(self) -> None:
        if not self.patterns:
            raise UsageError(f"a rule of {self.issuer} takes everybody", step="name a claim, such as sub")
        if not is_person(self.principal):
            raise UsageError(f"{self.principal[:64]!r} is no name of a user")


@dataclass(frozen=True, slots=True)
class Issuer:
    """A party whose tokens are taken: its URL exactly as in `iss`, the audience that we are, its keys."""

    url: str
    audience: str
    keys: "KeySet"
    algorithms: tuple[str, ...] = ALGORITHMS

    def __post_init__(self) -> None:
        if unknown := set(self.algorithms).difference(ALGORITHMS):
            raise UsageError(f"{min(unknown)} is not taken as an algorithm", step=f"of {', '.join(ALGORITHMS)}")
        if not self.audience:
            raise UsageError(f"{self.url} needs an audience: without one, tokens for anybody else would do")


class Verifier:
    """Judges bearer tokens of the configured issuers."""

    def __init__(self, issuers: Sequence[Issuer], rules: Sequence[Rule]) -> None:
        self._issuers = {issuer.url: issuer for issuer in issuers}
        self._rules = tuple(rules)
        if orphans := {rule.issuer for rule in rules} - self._issuers.keys():
            raise UsageError(f"a rule names {min(orphans)}, which is no issuer here", step="configure the issuer")

    def verify(self, token: str, now: datetime) -> Rule:
        """Whom a token stands for; raises Untrusted, with words for our own log: a client is told nothing of them."""
        try:
            # 1. Three parts of bounded size; nothing in them is believed yet.
            header, claims, _ = _parts(token)
            # 2. An issuer that we know, by the exact text; it decides which keys and algorithms count.
            issuer = self._issuers.get(_text(claims, "iss"))
            if issuer is None:
                raise Untrusted("its issuer is not known here")
            # 3. The algorithm is one of the pinned, the type is a JWT, and no extension must be understood.
            algorithm = _text(header, "alg")
            if algorithm not in issuer.algorithms:
                raise Untrusted(f"signed with {algorithm[:16]!r}, which is not taken")
            if header.get("typ", "JWT") not in _TYPES or {"crit", "jwk", "jku", "x5u", "x5c"} & header.keys():
                raise Untrusted("its header asks for what is not taken")
            # 4. The key that it names signed it, and that key is made for this algorithm.
            _signed(token, issuer.keys.key(_text(header, "kid"), algorithm), algorithm)
            # 5. It is meant for us, and its time is now.
            _meant(claims, issuer.audience)
            _timely(claims, now.timestamp())
        except Malformed as error:
            raise Untrusted(error.message) from None
        # 6. The first rule whose patterns all fit says who that is.
        for rule in self._rules:
            if rule.issuer == issuer.url and all(pattern.fits(claims) for pattern in rule.patterns):
                return rule
        raise Untrusted("no rule fits its claims")


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    pieces = token.split(".") if len(token) <= LARGEST else []
    if len(pieces) != 3:
        raise Untrusted("not a signed JWT of at most 16 KiB")
    header, claims, signature = (_decoded(piece) for piece in pieces)
    documents = [loads(header, "its header", floats=True), loads(claims, "its payload", floats=True)]
    if not all(isinstance(document, dict) for document in documents):
        raise Untrusted("its header and payload are not objects")
    return documents[0], documents[1], signature


def _decoded(piece: str) -> bytes:
    """Base64url without padding, in its one form (RFC 7515, section 2)."""
    try:
        data = urlsafe_b64decode(piece + "=" * (-len(piece) % 4))
    except (binascii.Error, ValueError) as error:
        raise Untrusted("not base64url") from error
    from base64 import urlsafe_b64encode

    if urlsafe_b64encode(data).rstrip(b"=").decode() != piece:
        raise Untrusted("not base64url in its one form")
    return data


def _signed(token: str, key: Any, algorithm: str) -> None:
    import jwt

    try:
        jwt.PyJWS(algorithms=[algorithm]).decode_complete(token, key, algorithms=[algorithm])
    except jwt.PyJWTError as error:
        raise Untrusted("its signature does not hold") from error


def _meant(claims: Mapping[str, Any], audience: str) -> None:
    given = claims.get("aud")
    if audience not in (given if isinstance(given, list) else [given]):
        raise Untrusted("it is meant for somebody else")
    if not _text(claims, "sub"):
        raise Untrusted("it has no subject")


def _timely(claims: Mapping[str, Any], now: float) -> None:
    expires, issued = _moment(claims, "exp"), _moment(claims, "iat")
    if expires <= now - _LEEWAY:
        raise Untrusted("its time is over")
    if issued > now + _LEEWAY or ("nbf" in claims and _moment(claims, "nbf") > now + _LEEWAY):
        raise Untrusted("its time has not come")
    if expires - issued > _LONGEST:
        raise Untrusted("it lives longer than a day")


def _moment(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Untrusted(f"{name} is missing or no time")
    return float(value)


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str):
        raise Untrusted(f"{name} is missing or no text")
    return value
