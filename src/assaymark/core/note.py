"""Signed notes, their verifier keys and timestamped cosignatures: c2sp.org/signed-note, c2sp.org/tlog-cosignature.

Pure: keys come in through core.envelope's Signer and Verifier. A note key is an Ed25519 key with a name, used in one of
two ways: to sign a text (0x01), or to say that one saw it at a time (0x04). Readers are strict and bounded: whatever is
not exactly of the form is Malformed.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from assaymark.core.envelope import Signer, Verifier
from assaymark.core.errors import Malformed, Untrusted

ED25519, COSIGNATURE = 1, 4
"""Signature types. Others are ignored as signatures of unknown keys are."""
MAX_NOTE = 1 << 20
"""Bytes of the longest note that is read."""
MAX_SIGNATURES = 100
_KEY = 32
_SIGNATURE = 64
_ID = 4
_MAX_TIME = (1 << 63) - 1
_MAX_NAME = 255
_SPKI = bytes.fromhex("302a300506032b6570032100")
"""What stands before the 32 bytes of an Ed25519 key in its DER SubjectPublicKeyInfo (RFC 8410)."""
_DASH = "\u2014 "
_CONTROL = re.compile(rb"[\x00-\x09\x0b-\x1f]")


def raw_key(der: bytes) -> bytes:
    """The 32 bytes of an Ed25519 key in DER SubjectPublicKeyInfo; raises Malformed for any other key."""
    if len(der) != len(_SPKI) + _KEY or not der.startswith(_SPKI):
        raise Malformed("not an Ed25519 public key", step="logs and witnesses sign with Ed25519 keys")
    return der[len(_SPKI) :]


def key_id_of(raw: bytes) -> str:
    """The keyid (core.envelope.Signer) of an Ed25519 key, from its 32 bytes."""
    return sha256(_SPKI + raw).hexdigest()


@dataclass(frozen=True)
class VerifierKey:
    """What a vkey says: whose signatures, of which type, by which key."""

    name: str
    kind: int
    raw: bytes

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise Malformed(
                f"{self.name[:80]!r} cannot name a key: names are not empty and hold no space, '+' or control"
            )
        if self.kind not in {ED25519, COSIGNATURE} or len(self.raw) != _KEY:
            raise Malformed("a note key is an Ed25519 key, of signature type 1 or 4")

    @cached_property
    def id(self) -> bytes:
        """Key ID: SHA-256(name || LF || type || key)[:4]."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.raw).digest()[:_ID]

    @property
    def keyid(self) -> str:
        """See core.envelope.Signer."""
        return key_id_of(self.raw)

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([self.kind]) + self.raw).decode()}"

    @classmethod
    def read(cls, text: str) -> "VerifierKey":
        """Read `<name>+<key id>+<base64>`; raises Malformed."""
        name, plus, rest = text.partition("+")
        id_, second, encoded = rest.partition("+")
        data = base64_bytes(encoded) if plus and second and len(text) <= _MAX_NAME + 80 else b""
        if len(data) != 1 + _KEY:
            raise Malformed(f"{text[:120]!r} is no verifier key", step="expected NAME+KEYID+BASE64 of an Ed25519 key")
        key = cls(name, data[0], data[1:])
        if id_ != key.id.hex():
            raise Malformed(f"verifier key of {name!r}: its key id is {key.id.hex()}, not {id_[:16]!r}")
        return key


@dataclass(frozen=True)
class NoteKey:
    """A verifier key, and what verifies with it."""

    key: VerifierKey
    verifier: Verifier

    def __post_init__(self) -> None:
        if self.verifier.keyid != self.key.keyid:
            raise Malformed(f"the key of {self.key.name!r} is another one than its verifier's")

    @property
    def name(self) -> str:
        """Name of the key."""
        return self.key.name

    def time_of(self, text: str, signature: "NoteSignature") -> int | None:
        """Moment of a valid signature over `text` (POSIX seconds; 0 for a signature without); None when it is invalid."""
        if self.key.kind == ED25519:
            valid = len(signature.value) == _SIGNATURE and self.verifier.verify(signature.value, text.encode())
            return 0 if valid else None
        time = int.from_bytes(signature.value[:8], "big")
        if len(signature.value) != 8 + _SIGNATURE or time > _MAX_TIME:
            return None
        return time if self.verifier.verify(signature.value[8:], _cosigned(text, time)) else None


@dataclass(frozen=True)
class NoteSigner:
    """A note key's private half."""

    key: VerifierKey
    signer: Signer

    def __post_init__(self) -> None:
        if self.signer.keyid != self.key.keyid:
            raise Malformed(f"the key of {self.key.name!r} is another one than its signer's")

    def sign(self, text: str, time: int = 0) -> "NoteSignature":
        """Sign a note's text; `time`, in POSIX seconds, is for cosignatures."""
        if self.key.kind == ED25519:
            return NoteSignature(self.key.name, self.key.id, self.signer.sign(text.encode()))
        value = time.to_bytes(8, "big") + self.signer.sign(_cosigned(text, time))
        return NoteSignature(self.key.name, self.key.id, value)


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line. `id` and `name` together say which key is meant."""

    name: str
    id: bytes
    value: bytes

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {base64.b64encode(self.id + self.value).decode()}\n"

    @classmethod
    def read(cls, line: str) -> "NoteSignature":
        """Read a line without its newline; raises Malformed."""
        name, _, encoded = line.removeprefix(_DASH).partition(" ")
        data = base64_bytes(encoded)
        if not line.startswith(_DASH) or not is_name(name) or len(data) <= _ID:
            raise Malformed(f"{line[:80]!r} is no signature line", step="expected: em dash, key name, base64")
        return cls(name, data[:_ID], data[_ID:])


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that verified: by which key, and when (POSIX seconds; 0 where the type of signature says no time)."""

    key: VerifierKey
    time: int


@dataclass(frozen=True, slots=True)
class Note:
    """A text, which ends in a newline, and signatures. The text is not to be believed before `verify`."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def __bytes__(self) -> bytes:
        return (self.text + "\n" + "".join(map(str, self.signatures))).encode()

    @classmethod
    def read(cls, data: bytes) -> "Note":
        """Read a signed note; raises Malformed."""
        text = strict_text(data, MAX_NOTE)
        body, blank, lines = text.rpartition("\n\n")
        if not blank or not lines.endswith("\n"):
            raise Malformed("not a signed note", step="expected a text, an empty line and signature lines")
        return cls(body + "\n", signature_lines(lines))

    def verify(self, keys: Iterable[NoteKey]) -> tuple[Signed, ...]:
        """The valid signatures of these keys, each key once; raises Untrusted.

        Signatures of other keys are ignored. None that is valid, or one of these keys that is not, refuses the note.
        """
        known = {(key.key.name, key.key.id): key for key in keys}
        valid: dict[VerifierKey, Signed] = {}
        for signature in self.signatures:
            key = known.get((signature.name, signature.id))
            if key is None:
                continue
            time = key.time_of(self.text, signature)
            if time is None:
                step = "the text or the signature was changed; take the note from its source again"
                raise Untrusted(f"the signature of {key.name!r} does not fit the text", step=step)
            valid.setdefault(key.key, Signed(key.key, time))
        if not valid:
            names = ", ".join(sorted({repr(key.name) for key in known.values()})) or "nobody"
            raise Untrusted(f"not signed by {names}", step="check the name and the public key that you trust")
        return tuple(valid.values())

    def with_signatures(self, added: Iterable[NoteSignature]) -> "Note":
        """The same text with more signatures; one of the same key and name takes the place of the earlier."""
        every = {(s.name, s.id): s for s in (*self.signatures, *added)}
        return Note(self.text, tuple(every.values()))


def signature_lines(text: str) -> tuple[NoteSignature, ...]:
    """Read lines of signatures, each ended by a newline; raises Malformed."""
    lines = text.split("\n")
    if lines.pop() or not lines:
        raise Malformed("signature lines end in a newline, and there is at least one")
    if len(lines) > MAX_SIGNATURES:
        raise Malformed(f"a note has at most {MAX_SIGNATURES} signatures here")
    return tuple(NoteSignature.read(line) for line in lines)


def is_name(name: str) -> bool:
    """Whether a key may be called so."""
    return 0 < len(name) <= _MAX_NAME and name.isprintable() and not any(c == "+" or c.isspace() for c in name)


def base64_bytes(text: str) -> bytes:
    """Bytes of standard base64 in its one canonical spelling; raises Malformed."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise Malformed(f"{text[:80]!r} is not base64") from error
    if base64.b64encode(data).decode() != text:
        raise Malformed(f"{text[:80]!r} is not base64 in its canonical spelling")
    return data


def strict_text(data: bytes, limit: int) -> str:
    """Decode a bounded UTF-8 text that holds no ASCII control character but newline; raises Malformed."""
    if len(data) > limit:
        raise Malformed(f"longer than {limit:,} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"not UTF-8: {error.reason}", offset=error.start) from error
    if found := _CONTROL.search(data):
        raise Malformed(f"holds the control character {found[0]!r}", offset=found.start())
    return text


def _cosigned(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()
