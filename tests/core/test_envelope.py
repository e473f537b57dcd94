"""DSSE: known answers, and everything that must not verify."""

import base64
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.envelope import Envelope, Signature, pae
from assaymark.core.errors import Malformed, Untrusted
from assaymark.storage.keys import KINDS, PrivateKey

TYPE = "http://example.com/HelloWorld"
KEYS = {kind: PrivateKey.generate(kind) for kind in KINDS}
OTHERS = {kind: PrivateKey.generate(kind) for kind in KINDS}
both = pytest.mark.parametrize("kind", KINDS)


def signed(kind: str, payload: bytes = b"hello world") -> Envelope:
    return Envelope.sign(TYPE, payload, [KEYS[kind]])


def through_json(envelope: Envelope) -> Envelope:
    return Envelope.from_json(json.dumps(envelope.to_json()).encode())


def test_the_encoding_of_the_specification() -> None:
    """DSSE v1.0, protocol.md, test vector."""
    assert pae(TYPE, b"hello world") == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_lengths_are_of_bytes() -> None:
    assert pae("é", b"") == "DSSEv1 2 é 0 ".encode()
    assert pae("", b"\0\n") == b"DSSEv1 0  2 \0\n"


@given(st.tuples(st.text(), st.binary()), st.tuples(st.text(), st.binary()))
@settings(max_examples=100, deadline=None)
def test_two_messages_never_encode_alike(one: tuple[str, bytes], other: tuple[str, bytes]) -> None:
    assert (pae(*one) == pae(*other)) == (one == other)


@both
def test_what_was_signed_verifies(kind: str) -> None:
    key = KEYS[kind].public
    assert through_json(signed(kind)).verify([OTHERS[kind].public, key]) == {key.keyid}
    assert through_json(signed(kind)) == signed(kind) or kind != "ed25519"  # ECDSA signatures differ each time


def test_another_implementation_agrees() -> None:
    """The signature is over PAE itself: made and checked by `cryptography` alone."""
    data = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    foreign = ec.generate_private_key(ec.SECP256R1())
    envelope = Envelope(TYPE, b"hello world", (Signature("", foreign.sign(data, ec.ECDSA(hashes.SHA256()))),))
    from assaymark.storage.keys import PublicKey

    assert envelope.verify([PublicKey(foreign.public_key())])
    key = KEYS["ed25519"].key
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    key.public_key().verify(signed("ed25519").signatures[0].value, data)


@both
def test_the_key_id_is_the_hash_of_the_public_key(kind: str) -> None:
    import hashlib

    der = KEYS[kind].key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert KEYS[kind].keyid == KEYS[kind].public.keyid == hashlib.sha256(der).hexdigest()


@both
@pytest.mark.parametrize(
    "tamper",
    [
        lambda e: replace(e, payload=b"hello worlD"),
        lambda e: replace(e, payload=e.payload + b" "),
        lambda e: replace(e, payload_type=e.payload_type + "x"),
        lambda e: replace(e, payload_type="http", payload=b"://example.com/HelloWorld hello world"),
        lambda e: replace(
            e, signatures=(Signature("", e.signatures[0].value[:-1] + bytes([e.signatures[0].value[-1] ^ 1])),)
        ),
        lambda e: replace(e, signatures=(Signature("", e.signatures[0].value[:-1]),)),
        lambda e: replace(e, signatures=(Signature("", b""),)),
        lambda e: replace(e, signatures=(Signature("", bytes(64)),)),
        lambda e: replace(e, signatures=()),
    ],
    ids=["payload", "appended", "type", "moved border", "signature", "short", "empty", "zeros", "none"],
)
def test_a_changed_envelope_does_not_verify(kind: str, tamper: object) -> None:
    with pytest.raises(Untrusted, match="was made by a key you trust"):
        tamper(signed(kind)).verify([KEYS[kind].public])  # type: ignore[operator]


@both
def test_another_key_does_not_verify(kind: str) -> None:
    strangers = [key.public for key in (*OTHERS.values(), *(k for name, k in KEYS.items() if name != kind))]
    with pytest.raises(Untrusted):
        signed(kind).verify(strangers)
    with pytest.raises(Untrusted):
        signed(kind).verify([])


@both
def test_the_key_id_in_the_envelope_is_not_trusted(kind: str) -> None:
    trusted, stranger = KEYS[kind], OTHERS[kind]
    forged = replace(
        Envelope.sign(TYPE, b"x", [stranger]), signatures=(Signature(trusted.keyid, stranger.sign(pae(TYPE, b"x"))),)
    )
    with pytest.raises(Untrusted):
        forged.verify([trusted.public])
    mislabelled = replace(signed(kind), signatures=(Signature(stranger.keyid, signed(kind).signatures[0].value),))
    assert mislabelled.verify([trusted.public]) == {trusted.keyid}


@both
def test_one_key_counts_once(kind: str) -> None:
    key = KEYS[kind]
    twice = Envelope.sign(TYPE, b"x", [key, key])
    renamed = replace(twice, signatures=tuple(Signature(f"key{n}", s.value) for n, s in enumerate(twice.signatures)))
    assert renamed.verify([key.public, key.public]) == {key.keyid}


def test_several_signers_are_all_named() -> None:
    everyone = [*KEYS.values(), *OTHERS.values()]
    envelope = through_json(Envelope.sign(TYPE, b"x", everyone))
    assert envelope.verify([key.public for key in everyone]) == {key.keyid for key in everyone}
    assert envelope.verify([KEYS["ed25519"].public]) == {KEYS["ed25519"].keyid}


def test_url_safe_base64_is_read() -> None:
    payload = b"\xfb\xff\xfe" * 3
    envelope = signed("ed25519", payload)
    document = {
        "payloadType": TYPE,
        "payload": base64.urlsafe_b64encode(payload).decode(),
        "signatures": [{"sig": base64.urlsafe_b64encode(envelope.signatures[0].value).decode()}],
    }
    assert "-" in document["payload"] or "_" in document["payload"]
    assert Envelope.from_json(json.dumps(document).encode()).verify([KEYS["ed25519"].public])


@given(st.binary(max_size=60), st.text(max_size=20))
@settings(max_examples=50, deadline=None)
def test_json_keeps_every_byte(payload: bytes, kind: str) -> None:
    envelope = Envelope(kind, payload, (Signature("k", payload),))
    assert through_json(envelope) == envelope


GOOD = {"payloadType": "t", "payload": "aGk=", "signatures": [{"keyid": "k", "sig": "aGk="}]}


@pytest.mark.parametrize(
    "text",
    [
        b"", b"not json", b"\xff\xfe", b"[]", b"null", b"1", b'"x"', b"{}", b"[" * 100_000,
        *(
            json.dumps({**GOOD, **change}).encode()
            for change in (
                {"payload": "a"}, {"payload": "aGk=\n"}, {"payload": "aGk= "}, {"payload": "a*k="}, {"payload": 1},
                {"payload": None}, {"payload": "é"}, {"payloadType": 1}, {"payloadType": None}, {"signatures": None},
                {"signatures": {}, "payload": 3}, {"signatures": [1]}, {"signatures": [{}]}, {"signatures": ["sig"]},
                {"signatures": [{"sig": 1}]}, {"signatures": [{"sig": "!"}]},
            )
        ),
    ],
)  # fmt: skip
def test_what_is_no_envelope_is_malformed(text: bytes) -> None:
    with pytest.raises(Malformed, match="not a DSSE envelope"):
        Envelope.from_json(text)


def test_an_envelope_that_is_good_is_read() -> None:
    assert Envelope.from_json(json.dumps(GOOD).encode()) == Envelope("t", b"hi", (Signature("k", b"hi"),))


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_read_or_malformed(text: bytes) -> None:
    try:
        Envelope.from_json(text)
    except Malformed as error:
        assert error.step


@pytest.mark.parametrize("text", ["aGl=", "aGk", "aGk==", "aGk=aGk=", "+_8=", "-/8=", "aG k=", "", "="])
def test_base64_has_one_spelling(text: str) -> None:
    """Loose bits, no padding, both alphabets: refused, so that nobody can change a text and keep what it says."""
    document = json.dumps({**GOOD, "payload": text}).encode()
    if text:
        with pytest.raises(Malformed, match="not a DSSE envelope"):
            Envelope.from_json(document)
    else:
        assert Envelope.from_json(document).payload == b""


def test_an_envelope_has_one_reading() -> None:
    for text in (
        b'{"payload":"aGk=","payload":"aGk=","payloadType":"t","signatures":[]}', b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
        json.dumps(GOOD).encode("utf-16"), json.dumps({**GOOD, "signatures": GOOD["signatures"] * 257}).encode(),
        json.dumps({**GOOD, "signatures": [{"keyid": 1, "sig": "aGk="}]}).encode(),
    ):  # fmt: skip
        with pytest.raises(Malformed, match="not a DSSE envelope"):
            Envelope.from_json(text)


@both
def test_signers_are_those_whom_the_signature_names(kind: str) -> None:
    keys = {key.keyid: key.public for key in (*KEYS.values(), *OTHERS.values())}
    assert signed(kind).signers(keys) == {KEYS[kind].keyid}
    assert signed(kind).signers({}) == frozenset()
    moved = replace(signed(kind), signatures=(Signature(OTHERS[kind].keyid, signed(kind).signatures[0].value),))
    assert moved.signers(keys) == frozenset()
