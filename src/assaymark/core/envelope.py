"""DSSE: a payload, its type, and signatures over both (https://github.com/secure-systems-lab/dsse, v1.0).

Pure: keys come in through the Signer and Verifier protocols; `storage.keys` has the real ones.
"""

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from assaymark.core.errors import Malformed, Untrusted


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
        try:
            data = json.loads(text)
            signatures = tuple(Signature(str(s.get("keyid", "")), _b64(s["sig"])) for s in data["signatures"])
            kind = data["payloadType"]
            if not isinstance(kind, str):
                raise TypeError("payloadType is not a text")  # noqa: TRY301
            return cls(kind, _b64(data["payload"]), signatures)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            message = f"not a DSSE envelope: {error}"
            raise Malformed(message, step="expected JSON with payloadType, payload and signatures") from error


def _b64(text: str) -> bytes:
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error as error:
        message = f"bad base64: {error}"
        raise ValueError(message) from error
