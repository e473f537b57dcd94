"""Signed allow policies on disk: an in-toto statement in a DSSE envelope, as all evidence here."""

import json
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager

from assaymark.core.clock import Clock, SystemClock
from assaymark.core.digest import SHA256, Digest
from assaymark.core.envelope import Envelope
from assaymark.core.errors import UsageError
from assaymark.core.evidence import PAYLOAD_TYPE, Statement, read_statement
from assaymark.core.subject import Subject
from assaymark.model.allow import PREDICATE_TYPE, AllowPolicy, read_policy
from assaymark.model.machine.table import laid_over
from assaymark.settings import home as home_folder
from assaymark.storage import keys, output

_MAX_BYTES = 16 << 20


def read_allow(path: str, public: Sequence[str], home: str | None = None, clock: Clock | None = None) -> AllowPolicy:
    """A signed policy that one of the keys signed and that has not expired; raises Untrusted, Malformed or UsageError."""
    if not public:
        raise UsageError(
            f"{path} is believed only with a key", step="name the public key of its signer: --allow-key PUB"
        )
    folder = os.path.join(home_folder(home), "keys")
    trusted = [keys.load_public(keys.find(name, folder, ".pub")) for name in public]
    envelope = Envelope.from_json(_read(path))
    signers = envelope.verify(trusted)
    statement = read_statement(envelope)
    if statement.predicate_type != PREDICATE_TYPE:
        raise UsageError(f"{path} is signed, but no allow policy", step="make one with: assay model learn --sign")
    today = (clock or SystemClock()).now().date()
    policy = read_policy(statement.predicate, today, path)
    return AllowPolicy(policy.globals, policy.reviewed_by, policy.reason, policy.expires, signers)


def in_force(policy: AllowPolicy) -> AbstractContextManager[None]:
    """The block within which the machine knows the policy: this thread, and processes that are forked from it."""
    return laid_over(policy.overlay())


def sign_allow(path: str, key: str, out: str, home: str | None = None, clock: Clock | None = None) -> AllowPolicy:
    """Sign a policy that was reviewed; raises UsageError where a field is not filled in."""
    import tomllib

    try:
        document = tomllib.loads(_read(path).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
    policy = read_policy(document, (clock or SystemClock()).now().date(), path)
    private = keys.load_private(keys.find(key, os.path.join(home_folder(home), "keys"), ".key"))
    subject = Subject(os.path.basename(path), Digest(SHA256, policy.digest.removeprefix("sha256:")))
    payload = Statement((subject,), PREDICATE_TYPE, policy.to_json()).payload()
    output.write(out, json.dumps(Envelope.sign(PAYLOAD_TYPE, payload, [private]).to_json(), indent=2) + "\n")
    return policy


def _read(path: str) -> bytes:
    try:
        if os.path.getsize(path) > _MAX_BYTES:
            raise UsageError(f"{path} is larger than {_MAX_BYTES >> 20} MiB; no allow policy is")
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
