"""OIDC bearer tokens: every way to have one that should not count."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from assaymark.core.errors import Malformed, Unreadable, Untrusted, UsageError
from assaymark.registry.access import Binding, Scope
from assaymark.registry.jwks import KeySet, read_keys
from assaymark.registry.oidc import Issuer, Pattern, Rule, Verifier
from assaymark.registry.oidc_config import read_config

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
T = int(NOW.timestamp())
ISSUER = "https://issuer.example"
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
SMALL = rsa.generate_private_key(65537, 1024)
OTHER = rsa.generate_private_key(65537, 2048)


def jwk(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    made = (
        RSAAlgorithm
        if isinstance(key, rsa.RSAPrivateKey)
        else ECAlgorithm
        if isinstance(key, ec.EllipticCurvePrivateKey)
        else OKPAlgorithm
    )
    return {**made.to_jwk(key.public_key(), as_dict=True), "kid": kid, **more}


def document(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


SET = document(jwk(RSA, "r"), jwk(EC, "e"), jwk(ED, "d"))
CLAIMS = {
    "iss": ISSUER,
    "aud": "assaymark",
    "sub": "repo:acme/vision:ref:refs/heads/main",
    "iat": T,
    "exp": T + 600,
    "repository": "acme/vision",
}
KEYS = {"RS256": (RSA, "r"), "ES256": (EC, "e"), "EdDSA": (ED, "d")}
RULES = [
    Rule(ISSUER, (Pattern("repository", "acme/vision"),), "ci-vision", (Binding("publisher", Scope("vision")),)),
    Rule(ISSUER, (Pattern("sub", "repo:acme/", prefix=True),), "ci"),
    Rule(ISSUER, (Pattern("groups", "release"),), "release"),
]


class Net:
    """An issuer's key set that can change, fail, and be counted."""

    def __init__(self, body: bytes = SET) -> None:
        self.body: bytes | None = body
        self.asked = 0
        self.seconds = 0.0

    def fetch(self) -> bytes:
        self.asked += 1
        if self.body is None:
            raise Unreadable("no answer")
        return self.body


@pytest.fixture
def net() -> Net:
    return Net()


@pytest.fixture
def verifier(net: Net) -> Verifier:
    return Verifier([Issuer(ISSUER, "assaymark", KeySet(net.fetch, lambda: net.seconds))], RULES)


def token(algorithm: str = "RS256", key: Any = None, headers: dict[str, Any] | None = None, **claims: Any) -> str:
    signer, kid = KEYS.get(algorithm, (RSA, "r"))
    payload = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    return jwt.encode(payload, key or signer, algorithm, {"kid": kid, **(headers or {})})


def raw(header: Any, payload: Any, sign: Callable[[bytes], bytes] = lambda _: b"") -> str:
    def b64(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    parts = [b64(part if isinstance(part, bytes) else json.dumps(part).encode()) for part in (header, payload)]
    return ".".join([*parts, b64(sign(".".join(parts).encode()))])


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_good_token_of_each_algorithm(verifier: Verifier, algorithm: str) -> None:
    assert verifier.verify(token(algorithm), NOW).principal == "ci-vision"


def test_rules_are_tried_in_order(verifier: Verifier) -> None:
    assert verifier.verify(token(repository="acme/speech"), NOW).principal == "ci"
    assert verifier.verify(token(repository=None, sub="x", groups=["staff", "release"]), NOW).principal == "release"
    with pytest.raises(Untrusted, match="no rule"):
        verifier.verify(token(repository="acme/vision-evil", sub="repo:acme-evil/x"), NOW)


def test_algorithm_none(verifier: Verifier) -> None:
    for name in ("none", "None", "NONE", ""):
        with pytest.raises(Untrusted, match="not taken"):
            verifier.verify(raw({"alg": name, "kid": "r"}, CLAIMS), NOW)


@pytest.mark.parametrize("algorithm", ["HS256", "HS512"])
def test_the_public_key_as_a_secret(verifier: Verifier, algorithm: str) -> None:
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    pem = RSA.public_key().public_bytes(*form)
    forged = raw({"alg": algorithm, "kid": "r"}, CLAIMS, lambda data: hmac.new(pem, data, hashlib.sha256).digest())
    with pytest.raises(Untrusted, match="not taken"):
        verifier.verify(forged, NOW)


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256"])
def test_an_algorithm_that_is_not_pinned(verifier: Verifier, algorithm: str) -> None:
    with pytest.raises(Untrusted, match="not taken"):
        verifier.verify(token(algorithm), NOW)


def test_a_key_of_another_kind_than_the_algorithm(verifier: Verifier) -> None:
    with pytest.raises(Untrusted, match="no such key"):
        verifier.verify(token("ES256", headers={"kid": "r"}), NOW)


def test_an_issuer_pins_fewer_algorithms(net: Net) -> None:
    issuer = Issuer(ISSUER, "assaymark", KeySet(net.fetch, lambda: 0.0), ("EdDSA",))
    only = Verifier([issuer], RULES)
    assert only.verify(token("EdDSA"), NOW)
    with pytest.raises(Untrusted):
        only.verify(token("RS256"), NOW)


def test_signed_by_somebody_else(verifier: Verifier) -> None:
    with pytest.raises(Untrusted, match="signature"):
        verifier.verify(token(key=OTHER), NOW)


def test_a_changed_payload(verifier: Verifier) -> None:
    head, _, tail = token().split(".")
    other = token(repository="acme/speech").split(".")[1]
    with pytest.raises(Untrusted, match="signature"):
        verifier.verify(f"{head}.{other}.{tail}", NOW)


@pytest.mark.parametrize(
    "header",
    [{"jwk": {}}, {"jku": "https://evil"}, {"x5u": "x"}, {"x5c": []}, {"crit": ["b64"]}, {"typ": "logout+jwt"}],
)
def test_a_header_that_brings_its_own_key(verifier: Verifier, header: dict[str, Any]) -> None:
    with pytest.raises(Untrusted, match="header"):
        verifier.verify(token(headers=header), NOW)


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"aud": "other"}, "somebody else"), ({"aud": ["other", "third"]}, "somebody else"), ({"aud": None}, "somebody else"),
        ({"aud": "assaymark2"}, "somebody else"), ({"iss": "https://issuer.example/"}, "issuer"), ({"iss": "https://evil.example"}, "issuer"),
        ({"iss": None}, "iss"), ({"sub": None}, "sub"), ({"sub": ""}, "subject"),
        ({"exp": T - 61, "iat": T - 600}, "over"), ({"exp": T - 60, "iat": T - 600}, "over"), ({"exp": None}, "exp"),
        ({"iat": None}, "iat"), ({"iat": T + 61}, "not come"), ({"nbf": T + 61}, "not come"), ({"exp": T + 86_401}, "longer than a day"),
    ],
)  # fmt: skip
def test_claims_that_do_not_hold(verifier: Verifier, claims: dict[str, Any], why: str) -> None:
    with pytest.raises(Untrusted, match=why):
        verifier.verify(token(**claims), NOW)


@pytest.mark.parametrize("value", [True, "1", [T], {}, float("1e400")])
def test_times_that_are_none(verifier: Verifier, value: Any) -> None:
    for name in ("exp", "iat", "nbf"):
        payload = {**CLAIMS, name: value}
        with pytest.raises(Untrusted):
            verifier.verify(
                raw(
                    {"alg": "RS256", "kid": "r"},
                    payload,
                    lambda data: RSAAlgorithm(RSAAlgorithm.SHA256).sign(data, RSA),
                ),
                NOW,
            )


def test_clocks_may_differ_by_a_minute(verifier: Verifier) -> None:
    assert verifier.verify(token(iat=T + 60, nbf=T + 60), NOW)
    assert verifier.verify(token(exp=T - 59, iat=T - 600), NOW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "." * 100,
        "x" * 20_000,
        "é.é.é",
        token() + ".x",
        token() + "=",
        token().replace(".", "..", 1),
        " " + token(),
    ],
)
def test_what_is_no_token(verifier: Verifier, text: str) -> None:
    with pytest.raises(Untrusted):
        verifier.verify(text, NOW)


@pytest.mark.parametrize("payload", [b"[]", b"null", b'{"iss":"a","iss":"b"}', b"[" * 10_000, b"\xff", b'{"exp":NaN}'])
def test_a_payload_that_is_read_in_one_way_only(verifier: Verifier, payload: bytes) -> None:
    for document_ in (raw({"alg": "RS256", "kid": "r"}, payload), raw(payload, CLAIMS)):
        with pytest.raises(Untrusted):
            verifier.verify(document_, NOW)


def test_base64_has_one_form(verifier: Verifier) -> None:
    good = token()
    last = good[-1]
    twin = next(c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" if c != last)
    with pytest.raises(Untrusted):
        verifier.verify(good[:-1] + twin, NOW)


# key sets


def test_rotation_a_new_key_is_asked_for_and_an_old_one_ends(net: Net, verifier: Verifier) -> None:
    assert verifier.verify(token(), NOW)
    net.body = document(jwk(OTHER, "new"))
    net.seconds += 61
    assert verifier.verify(token(key=OTHER, headers={"kid": "new"}), NOW)
    with pytest.raises(Untrusted, match="no such key"):
        verifier.verify(token(), NOW)
    assert net.asked == 2


def test_an_unknown_key_does_not_make_us_ask_again_and_again(net: Net, verifier: Verifier) -> None:
    for number in range(50):
        with pytest.raises(Untrusted):
            verifier.verify(token(headers={"kid": str(number)}), NOW)
    assert net.asked == 1


def test_an_issuer_that_does_not_answer(net: Net, verifier: Verifier) -> None:
    assert verifier.verify(token(), NOW)
    net.body = None
    net.seconds += 4_000
    assert verifier.verify(token(), NOW), "what was fetched serves for a day"
    net.seconds += 86_400
    for _ in range(10):
        with pytest.raises(Untrusted, match="cannot be had"):
            verifier.verify(token(), NOW)
    assert net.asked == 3


def test_keys_are_kept_for_an_hour(net: Net, verifier: Verifier) -> None:
    for seconds in (0, 3_600, 1):
        net.seconds += seconds
        verifier.verify(token(), NOW)
    assert net.asked == 2


def test_a_huge_key_set() -> None:
    with pytest.raises(Malformed):
        read_keys(b'{"keys":[' + b" " * 300_000 + b"]}")
    with pytest.raises(Malformed, match="64"):
        read_keys(document(*[jwk(ED, str(number)) for number in range(65)]))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"keys":{}}', b'{"keys":[],"keys":[]}', b"\xff", b"[" * 100_000])
def test_what_is_no_key_set(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_keys(body)


def test_keys_that_may_not_verify_are_passed_over() -> None:
    private = {**RSAAlgorithm.to_jwk(RSA, as_dict=True), "kid": "p"}
    odd = [
        jwk(SMALL, "small"), jwk(RSA, "enc", use="enc"), jwk(RSA, "ops", key_ops=["encrypt"]), jwk(RSA, "alg", alg="RS512"), private,
        jwk(ec.generate_private_key(ec.SECP384R1()), "p384"), {"kty": "oct", "k": "AAAA", "kid": "o"}, {"kty": "RSA", "kid": "broken"}, 1, None,
        {"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "short"}, {**jwk(RSA, "x"), "kid": 1},
    ]  # fmt: skip
    assert read_keys(document(*odd)) == {}  # type: ignore[arg-type]


def test_two_keys_of_one_id() -> None:
    with pytest.raises(Malformed, match="two keys"):
        read_keys(document(jwk(RSA, "r"), jwk(OTHER, "r")))


# configuration


def config(**rule: Any) -> dict[str, Any]:
    return {"issuer": [{"url": ISSUER, "audience": "assaymark", "rule": [{"principal": "ci", **rule}]}]}


def read(document_: dict[str, Any]) -> Verifier:
    return read_config(document_, lambda _url, _where: KeySet(lambda: SET, lambda: 0.0))


def test_a_configuration_is_read() -> None:
    found = read(
        config(claims={"repository": "acme/vision"}, prefixes={"sub": "repo:acme/"}, roles=["publisher on vision"])
    )
    assert found.verify(token(), NOW).roles == (Binding("publisher", Scope("vision")),)


@pytest.mark.parametrize("prefix", ["repo:acme", "r", "repo:acme/vision", ""])
def test_a_prefix_that_others_can_take(prefix: str) -> None:
    with pytest.raises(UsageError):
        read(config(prefixes={"sub": prefix}))


@pytest.mark.parametrize(
    "bad",
    [
        config(), config(claims={"sub": 1}), config(claims={"sub": ""}), config(claims={"sub": "x"}, roles=["publisher"]), config(claims={"sub": "x"}, more=1),
        config(claims={"sub": "x"}, roles="reader on *"), config(claims={"sub": "x"}, principal="Not A Name"), {"issuers": []}, {"issuer": {}},
        {"issuer": [{"url": ISSUER}]}, {"issuer": [{"url": ISSUER, "audience": ""}]}, {"issuer": [{"url": ISSUER, "audience": "a", "algorithms": ["HS256"]}]},
        {"issuer": [{"url": ISSUER, "audience": "a"}] * 2},
    ],
)  # fmt: skip
def test_a_configuration_that_would_take_too_much(bad: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        read(bad)
