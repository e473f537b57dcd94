"""Step 6 of verifying: the activation stands in the log, and witnesses saw the log when it was made."""

from datetime import UTC, datetime, timedelta
from typing import Any

from assaymark.core.clock import parse_timestamp
from assaymark.core.digest import Digest
from assaymark.core.errors import Untrusted
from assaymark.core.note import COSIGNATURE, ED25519, NoteKey, VerifierKey, raw_key
from assaymark.core.statements import Activation
from assaymark.core.strictjson import loads
from assaymark.core.tlog import Head, Proof
from assaymark.core.trust import NamedKey, TrustRoot

EVENT_SCHEMA = "assaymark/event/v1"
LEAF = 65_535
"""Bytes; entries of C2SP tlog-tiles have a length of 16 bits."""
SEEN = timedelta(hours=24)
"""How long after an activation its witnesses may have seen it."""


def require_logged(
    leaf: bytes, proof: str, root: TrustRoot, activation: Activation, digest: str, manifest: Digest
) -> None:
    """Raises Untrusted or Malformed unless the activation with this digest is in the log.

    1. The leaf is the event of exactly this activation.
    2. It is in the log of a checkpoint that a log key of the root signed.
    3. As many witnesses as the quorum cosigned it, each at most 24 h after the activation and not before: what was signed with keys
       that were taken back later cannot be dated back. A witness whose time does not fit counts for nothing.
    """
    _require_event(loads(leaf, "the leaf", limit=LEAF), activation, digest, manifest)
    receipt = Proof.read(proof.encode("utf-8"))
    origin = receipt.note.text.partition("\n")[0]
    logs = [_note_key(root, entry, ED25519) for entry in root.log if entry.name == origin]
    if not logs:
        raise Untrusted(f"{origin!r:.100} is no log of the trust root", step="fetch the bundle from your own registry")
    head = _verify(receipt, leaf, logs, [_note_key(root, entry, COSIGNATURE) for entry in root.witnesses])
    at = parse_timestamp(activation.at)
    fitting = {one.key.raw for one in head.cosigned if at <= _moment(one.time) <= at + SEEN}
    if len(fitting) < root.quorum:
        raise Untrusted(
            f"{len(fitting)} of the {root.quorum} witnesses that it takes saw it within a day of {activation.at}",
            step="ask whoever runs the registry whether its witnesses were reached",
        )


def _verify(receipt: Proof, leaf: bytes, logs: list[NoteKey], witnesses: list[NoteKey]) -> Head:
    """By any of a log's keys: they change in time."""
    for log in logs[:-1]:
        try:
            return receipt.verify(leaf, log, witnesses)
        except Untrusted:
            continue
    return receipt.verify(leaf, logs[-1], witnesses)


def _require_event(event: Any, activation: Activation, digest: str, manifest: Digest) -> None:
    wanted = {
        "schema": EVENT_SCHEMA,
        "type": "activated",
        "project": activation.project,
        "model": activation.model,
        "version": activation.version,
        "channel": activation.channel,
        "digest": str(manifest),
    }
    if not isinstance(event, dict) or any(event.get(name) != value for name, value in wanted.items()):
        raise Untrusted("the leaf is not the event of this activation", step="fetch the bundle again")
    envelopes = event.get("envelopes")
    if not isinstance(envelopes, list) or digest not in envelopes:
        raise Untrusted("the leaf does not name this activation", step="fetch the bundle again")


def _note_key(root: TrustRoot, entry: NamedKey, kind: int) -> NoteKey:
    key = root.keys[entry.key]
    return NoteKey(VerifierKey(entry.name, kind, raw_key(key.public)), key.verifier)


def _moment(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.max.replace(tzinfo=UTC)
