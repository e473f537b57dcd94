"""Ledgers for the faces: audit static files, prove an entry, watch the logs of others."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assaymark.core.clock import SystemClock
from assaymark.core.envelope import Envelope
from assaymark.core.errors import Malformed, Untrusted, UsageError
from assaymark.core.note import COSIGNATURE, ED25519, MAX_NOTE, Note, NoteKey, VerifierKey, raw_key
from assaymark.core.tiles import WIDTH, Tile, TileTree, hashes_of, unpack
from assaymark.core.tlog import Checkpoint, Head, Proof, verify_checkpoint
from assaymark.core.trust import TrustRoot, pinned, update
from assaymark.core.witnessing import Watch
from assaymark.settings import home as home_folder
from assaymark.storage import keys
from assaymark.storage.database import Database
from assaymark.storage.keys import PrivateKey
from assaymark.storage.ledger import Ledger, Quorum, metadata
from assaymark.storage.ledger_audit import Audit, Auditor, Problem
from assaymark.storage.ledger_files import CHECKPOINT, Folder
from assaymark.storage.ledger_tables import Rows
from assaymark.storage.ledger_witness import Heads
from assaymark.storage.notekeys import note_key, note_key_of, note_signer

__all__ = [
    "Audit",
    "Problem",
    "Trust",
    "audit",
    "checkpoint",
    "ledger_folder",
    "open_ledger",
    "open_registry_ledger",
    "prove",
    "repair",
    "trust",
    "trust_of",
    "watch",
]

LOG_FILES = "log"
"""In the registry's folder."""
_MAX_ROOT = 1 << 20


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose logs, which witnesses, and how many of them."""

    logs: tuple[NoteKey, ...]
    witnesses: tuple[NoteKey, ...]
    quorum: int


def ledger_folder(given: str | None, home: str | None) -> str:
    """The folder that a user means: given, or the one in the home."""
    return given or os.path.join(home_folder(home), "ledger")


def trust(  # one parameter for each option
    folder: str,
    *,
    root: str | None = None,
    key: str | None = None,
    origin: str | None = None,
    witnesses: Sequence[str] = (),
    quorum: int | None = None,
    home: str | None = None,
) -> Trust:
    """What a user trusts: a trust root, or a log's key and witnesses; raises UsageError.

    `key` is a verifier key (NAME+ID+BASE64), or a file or name of a key: the origin is then given, or what the checkpoint says.
    `witnesses` are verifier keys, or NAME=KEY. All of them must have cosigned unless `quorum` says how many.
    """
    if (root is None) == (key is None):
        raise UsageError("whose log is it?", step="give --root TRUST_ROOT, or --key PUB")
    if root is not None:
        if witnesses:
            raise UsageError("a trust root names the witnesses", step="leave --witness out, or use --key")
        made = trust_of(_read_root(root))
        return made if quorum is None else Trust(made.logs, made.witnesses, quorum)
    log = _key(str(key), origin or _said_origin(folder), ED25519, home)
    if origin is not None and log.name != origin:
        raise UsageError(f"that key is of {log.name!r}, not of {origin!r}")
    watchers = tuple(_witness(text, home) for text in witnesses)
    return Trust((log,), watchers, len(watchers) if quorum is None else quorum)


def audit(folder: str, trusted: Trust, since: str | None = None) -> Audit:
    """Hold every static file of a log against its checkpoint; raises UsageError where there is no log."""
    files = _open(folder)
    before = _read(since, MAX_NOTE) if since else None
    return Auditor(files, _log_of(files, trusted), trusted.witnesses, trusted.quorum).run(before)


def checkpoint(folder: str, trusted: Trust) -> tuple[bytes, Head]:
    """The checkpoint, verified; raises Malformed, Untrusted, UsageError."""
    files = _open(folder)
    data = files.read(CHECKPOINT) or b""
    return data, verify_checkpoint(Note.read(data), _log_of(files, trusted), trusted.witnesses, trusted.quorum)


def prove(folder: str, index: int, trusted: Trust) -> tuple[bytes, str]:
    """An entry and the text that proves that it is in the log, verified before it is given away."""
    files = _open(folder)
    data, head = checkpoint(folder, trusted)
    size = head.checkpoint.size
    if not 0 <= index < size:
        raise UsageError(f"the log has {size:,} entries, numbered from 0")

    def content(tile: Tile) -> bytes:
        found = files.read(tile.path) or files.read(Tile(tile.level, tile.index).path)
        if found is None:
            raise Untrusted(f"{tile.path} is missing", step="audit the folder: assay ledger verify")
        return found

    tree = TileTree(size, lambda tile: hashes_of(content(tile)[: tile.width * 32], tile.width))
    bundle = Tile(-1, index // WIDTH, min(WIDTH, size - index // WIDTH * WIDTH))
    held = content(bundle)
    entries = unpack(held, bundle.width if files.read(bundle.path) is not None else WIDTH)
    proof = Proof(index, tuple(tree.inclusion(index)), Note.read(data))
    proof.verify(entries[index % WIDTH], _log_of(files, trusted), trusted.witnesses, trusted.quorum)
    return entries[index % WIDTH], str(proof)


def watch(key: str, name: str, state: str, logs: Sequence[str], home: str | None) -> tuple[Watch, str]:
    """A witness named `name` who remembers in `state` and watches `logs`, verifier keys or ORIGIN=PUB; and his verifier key."""
    if not logs:
        raise UsageError("a witness without a log has nothing to watch", step="give --log ORIGIN=PUB")
    private = keys.load_private(keys.find(key, os.path.join(home_folder(home), "keys"), ".key"))
    own = note_key(name, private.public, COSIGNATURE)
    watched: dict[str, list[NoteKey]] = {}
    for text in logs:
        log = _witness(text, home, ED25519)
        watched.setdefault(log.name, []).append(log)
    made = Watch(watched, note_signer(name, private, COSIGNATURE), own, Heads(state), SystemClock())
    return made, str(own.key)


def open_ledger(
    database: Database,
    folder: str,
    key: PrivateKey,
    origin: str,
    *,
    witnesses: Mapping[str, NoteKey] | None = None,
    quorum: int = 0,
    say: Callable[[str], None] = lambda _: None,
) -> Ledger:
    """The ledger of a server. `witnesses`: keys by URL, of which `quorum` must cosign what is published; raises UsageError."""
    from assaymark.feeds.witness import HttpWitness

    asked = tuple(HttpWitness(url, known) for url, known in (witnesses or {}).items())
    if quorum > len(asked):
        step = "say where each witness is: assay registry witness NAME URL"
        raise UsageError(f"a quorum of {quorum} of {len(asked)} witnesses can never be had", step=step)
    signer, public = note_signer(origin, key), note_key(origin, key.public)
    return Ledger(database, Folder(folder), signer, public, SystemClock(), quorum=Quorum(asked, quorum), say=say)


def open_registry_ledger(
    folder: str, settings: Mapping[str, Any], database: Database, key: PrivateKey, root: TrustRoot | None
) -> Ledger:
    """The ledger of the registry in a folder, with the witnesses and the quorum of the trust root."""
    urls = settings.get("witnesses", {})
    known = trust_of(root).witnesses if root else ()
    witnesses = {urls[one.name]: one for one in known if one.name in urls}
    place = os.path.join(folder, LOG_FILES)
    return open_ledger(database, place, key, settings["origin"], witnesses=witnesses, quorum=root.quorum if root else 0)


def repair(url: str, folder: str, key: str, home: str | None) -> list[str]:
    """Make the static files again from the database where they differ; says which. Raises Untrusted, UsageError."""
    private = keys.load_private(keys.find(key, os.path.join(home_folder(home), "keys"), ".key"))
    database = Database.open(url, [metadata])
    try:
        with database.read() as connection:
            note = Rows(connection).checkpoint()
        if note is None:
            raise UsageError("that database holds no ledger that was ever signed")
        return open_ledger(database, folder, private, Checkpoint.read(Note.read(note).text).origin).repair()
    finally:
        database.close()


def trust_of(root: TrustRoot) -> Trust:
    """The logs and witnesses that a trust root names."""

    def made(name: str, keyid: str, kind: int) -> NoteKey:
        key = root.keys[keyid]
        return NoteKey(VerifierKey(name, kind, raw_key(key.public)), key.verifier)

    logs = tuple(made(entry.name, entry.key, ED25519) for entry in root.log)
    return Trust(logs, tuple(made(entry.name, entry.key, COSIGNATURE) for entry in root.witnesses), root.quorum)


def _read_root(path: str) -> TrustRoot:
    envelope = Envelope.from_json(_read(path, _MAX_ROOT))
    return update(pinned(envelope, keys.public_of), [], SystemClock().now())


def _log_of(files: Folder, trusted: Trust) -> NoteKey:
    """Of the logs that are trusted, the one whose key signed; the first one where none did, so that it is refused in its name."""
    try:
        signatures = {(s.name, s.id) for s in Note.read(files.read(CHECKPOINT) or b"").signatures}
    except Malformed:
        signatures = set()
    found = [log for log in trusted.logs if (log.name, log.key.id) in signatures]
    if not trusted.logs:
        raise UsageError("the trust root names no log", step="name one in a new version of the root")
    return (found or list(trusted.logs))[0]


def _key(text: str, name: str, kind: int, home: str | None) -> NoteKey:
    if text.count("+") >= 2 and not os.path.exists(text):
        made = VerifierKey.read(text)
        if made.kind != kind:
            wanted = "log's (type 1)" if kind == ED25519 else "witness's (type 4)"
            raise UsageError(f"the key of {made.name!r} is no {wanted}")
        return note_key_of(made)
    public = keys.load_public(keys.find(text, os.path.join(home_folder(home), "keys"), ".pub"))
    return note_key(name, public, kind)


def _witness(text: str, home: str | None, kind: int = COSIGNATURE) -> NoteKey:
    name, equals, key = text.partition("=")
    if equals and "+" not in name:
        return _key(key, name, kind, home)
    try:
        return _key(text, "", kind, home)
    except Malformed as error:
        raise UsageError(
            f"{text!r} names no key: {error.message}", step="expected NAME=PUB, or NAME+ID+BASE64"
        ) from error


def _said_origin(folder: str) -> str:
    """What the checkpoint calls its log; the key decides whether that is so."""
    try:
        return Checkpoint.read(Note.read(_open(folder).read(CHECKPOINT) or b"").text).origin
    except Malformed as error:
        raise Untrusted(f"the checkpoint in {folder} cannot be read: {error.message}", step="fetch it again") from error


def _open(folder: str) -> Folder:
    if not os.path.isdir(folder):
        raise UsageError(f"{folder}: no such folder", step="name the folder that holds the log's `checkpoint`")
    files = Folder(folder)
    if files.read(CHECKPOINT) is None:
        raise UsageError(
            f"{folder} holds no checkpoint: no log", step="name the folder that holds the log's `checkpoint`"
        )
    return files


def _read(path: str, limit: int) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    if len(data) > limit:
        raise Malformed(f"{path} is longer than {limit:,} bytes")
    return data
