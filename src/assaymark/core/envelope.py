"""DSSE: a payload, its type, and signatures over both (https://github.com/secure-systems-lab/dsse, v1.0).

Pure: keys come in through the Signer and Verifier protocols; `storage.keys` has the real ones.
"""

import base64
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from assaymark.core.errors import Malformed, Untrusted
from assaymark.core.record import dataclass
from assaymark.core.strictjson import loads

_LIMIT = 400 << 20
"""Bytes of an envelope as JSON."""
_FORM = "expected JSON with payloadType, payload and signatures"
_SIGNATURES = 256
"""Each is tried with each key."""


class Signer(Protocol):
    """A private key."""

    @property
    def keyid(self) -> str:
        """Name of the key: sha256 of its DER SubjectPublicKeyInfo, hexadecimal."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Signature over `data`."""
        ...


class Verifier(Protocol):
    """A public key."""

    @property
    def keyid(self) -> str:
        """Name of the key, as in Signer."""
        ...

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Whether `signature` over `data` was made by this key. Never raises."""
        ...


def pae(payload_type: str, payload: bytes) -> bytes:
    """Pre-authentication encoding: what is signed (DSSE protocol.md)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


@dataclass(frozen=True, slots=True)
class Signature:
    """`keyid` is a hint that nobody trusts; only `value` counts."""

    keyid: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """Signed bytes. The payload is not to be read before `verify`."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    @classmethod
    def sign(cls, payload_type: str, payload: bytes, signers: Iterable[Signer]) -> "Envelope":
        """Sign with each key."""
        data = pae(payload_type, payload)
        return cls(payload_type, payload, tuple(Signature(s.keyid, s.sign(data)) for s in signers))

    def verify(self, keys: Iterable[Verifier]) -> frozenset[str]:
        """The ids of the keys that signed; raises Untrusted when none did. One key counts once."""
        data = pae(self.payload_type, self.payload)
        verified = frozenset(
            key.keyid for key in keys if any(key.verify(signature.value, data) for signature in self.signatures)
        )
        if not verified:
            message = f"none of the {len(self.signatures)} signatures was made by a key you trust"
            step = "check that the file was not changed and that --key names the signer's public key"
            raise Untrusted(message, step=step)
        return verified

    def signers(self, keys: Mapping[str, Verifier]) -> frozenset[str]:
        """The ids of those keys (by id) that made the signature which names them: one try for each signature."""
        data = pae(self.payload_type, self.payload)
        return frozenset(
            signature.keyid
            for signature in self.signatures
            if signature.keyid in keys and keys[signature.keyid].verify(signature.value, data)
        )

    def to_json(self) -> dict[str, Any]:
        """DSSE JSON form."""
        return {
            "payloadType": self.payload_type,
            "payload": base64.b64encode(self.payload).decode(),
            "signatures": [{"keyid": s.keyid, "sig": base64.b64encode(s.value).decode()} for s in self.signatures],
        }

    @classmethod
    def from_json(cls, text: bytes) -> "Envelope":
        """Read DSSE JSON, standard or URL-safe base64; raises Malformed."""
        return cls.from_object(loads(text, "not a DSSE envelope: it", limit=_LIMIT, floats=True, step=_FORM))

    @classmethod
    def from_object(cls, data: Any) -> "Envelope":
        """Read an envelope that stands in another document; raises Malformed."""
        try:
            signatures = tuple(Signature(_text(s.get("keyid", "")), _b64(_text(s["sig"]))) for s in data["signatures"])
            if len(signatures) > _SIGNATURES:
                raise ValueError(f"{len(signatures):,} signatures")  # noqa: TRY301 - one message for all that is wrong
            return cls(_text(data["payloadType"]), _b64(_text(data["payload"])), signatures)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            message = f"not a DSSE envelope: {error}"
            raise Malformed(message, step=_FORM) from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is not a text")
    return value


def _b64(text: str) -> bytes:
    """Strict: one of the two alphabets, padded, no bit that carries nothing, so that bytes have one spelling in each."""
    standard = text.replace("-", "+").replace("_", "/")
    data = base64.b64decode(standard, validate=True)  # binascii.Error is a ValueError
    if base64.b64encode(data).decode() != standard or (standard != text and ("+" in text or "/" in text)):
        raise ValueError("bad base64")
    return data
