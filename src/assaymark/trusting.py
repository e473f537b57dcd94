"""Trust roots as files, for the people who hold root keys: drafts, changes, signatures, one key holder after the other.

A file is a DSSE envelope. As long as it lacks signatures of its own keys it is a draft, which is changed where it lies and loses
what signatures it had. One that is complete is never changed: a change makes a draft of the version after it, in another file.
"""

import base64
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from assaymark.core.clock import timestamp
from assaymark.core.envelope import Envelope, Signature, pae
from assaymark.core.errors import Malformed, UsageError
from assaymark.core.policy import Policy
from assaymark.core.strictjson import canonical, loads
from assaymark.core.trust import PAYLOAD_TYPE, SCHEMA, TrustRoot, signed_by
from assaymark.settings import home as home_folder
from assaymark.storage import keys, output

_LIMIT = 8 << 20
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RootFile:
    """A file as it was read. `signers`: root keys of this version that signed it."""

    path: str
    envelope: Envelope
    root: TrustRoot
    signers: frozenset[str]

    @property
    def complete(self) -> bool:
        """Whether enough of its own keys signed it."""
        return len(self.signers) >= self.root.threshold

    def signed_for(self, previous: "RootFile") -> int:
        """How many root keys of the version before signed it."""
        return len(signed_by(self.envelope, previous.root))


def read(path: str) -> RootFile:
    """Read a draft or a root; raises UsageError, Malformed."""
    try:
        with open(path, "rb") as file:
            data = file.read(_LIMIT + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", step="make one with: assay trust init") from error
    envelope = Envelope.from_json(data[: _LIMIT + 1])
    if envelope.payload_type != PAYLOAD_TYPE:
        raise Malformed(f"{path} is no trust root", step="make one with: assay trust init")
    root = TrustRoot.read(envelope.payload, keys.public_of)
    return RootFile(path, envelope, root, signed_by(envelope, root))


def create(
    path: str, name: str, root_keys: Sequence[str], threshold: int, expires: datetime, home: str | None
) -> RootFile:
    """A draft of version 1; raises UsageError where the file is there already."""
    if os.path.lexists(path):
        raise UsageError(f"{path} is there already", step="name another file; a trust root is never overwritten")
    document: Document = {
        "schema": SCHEMA, "name": name, "version": 1, "expires": timestamp(expires),
        "root": {"keys": [], "threshold": threshold}, "keys": {}, "log": [], "witnesses": {"quorum": 0, "keys": []},
        "server": [], "people": {}, "policies": {},
    }  # fmt: skip
    document["root"]["keys"] = [_with_key(document, key, home) for key in root_keys]
    return _write(path, document)


def change(path: str, out: str | None, edit: Callable[[Document], None]) -> RootFile:
    """Apply `edit` to a draft, or to a draft of the version after a root that is complete; raises UsageError, Malformed."""
    before = read(path)
    document: Document = loads(before.envelope.payload, path)
    if before.complete:
        if out is None or os.path.lexists(out):
            why = "and --out names a file that is there" if out else "so it is not changed"
            raise UsageError(f"{path} is signed, {why}", step="name a new file for the next version: --out FILE")
        document["version"] += 1
    elif out is not None:
        raise UsageError(f"{path} is a draft, which is changed where it lies", step="leave out --out")
    edit(document)
    _drop_unused(document)
    return _write(out or path, document)


def sign(path: str, key: str, previous: str | None, home: str | None) -> RootFile:
    """Add the signature of one root key, of this version or of the one before; raises UsageError."""
    file = read(path)
    private = keys.load_private(keys.find(key, _folder(home), ".key"))
    known = {*file.root.root_keys, *(read(previous).root.root_keys if previous else ())}
    if private.keyid not in known:
        step = "use a root key of this version; for one of the version before add --previous FILE"
        raise UsageError(f"key {private.keyid[:12]}… is no root key here", step=step)
    signature = Signature(private.keyid, private.sign(pae(file.envelope.payload_type, file.envelope.payload)))
    others = tuple(one for one in file.envelope.signatures if one.keyid != private.keyid)
    _save(path, replace(file.envelope, signatures=(*others, signature)))
    return read(path)


# Changes


def add_person(
    person: str, roles: Sequence[str], projects: Sequence[str], key: str, now: datetime, home: str | None
) -> Callable[[Document], None]:
    """A person with a key that counts from now, or one more key of his; his roles and projects are added to.

    Without `projects` somebody new is of all of them, and who is there keeps his.
    """

    def edit(document: Document) -> None:
        keyid = _with_key(document, key, home)
        entry = document["people"].setdefault(person, {"roles": [], "projects": [], "keys": []})
        if any(grant["key"] == keyid for grant in entry["keys"]):
            step = "give him another key; a key that was taken back does not count again"
            raise UsageError(f"{person!r} has this key already", step=step)
        entry["roles"] = sorted({*entry["roles"], *roles})
        entry["projects"] = sorted({*entry["projects"], *projects}) or ["*"]
        entry["keys"].append({"key": keyid, "from": timestamp(now), "until": None})

    return edit


def add_server(key: str, home: str | None) -> Callable[[Document], None]:
    """A key that signs activations and timestamps."""
    return lambda document: document["server"].append(_with_key(document, key, home))


def add_log(origin: str, key: str, home: str | None) -> Callable[[Document], None]:
    """A key that signs the checkpoints of the log of that origin."""
    return lambda document: document["log"].append({"origin": origin, "key": _with_key(document, key, home)})


def add_witness(name: str, key: str, quorum: int | None, home: str | None) -> Callable[[Document], None]:
    """A witness, and how many of them it takes from now on."""

    def edit(document: Document) -> None:
        witnesses = document["witnesses"]
        witnesses["keys"].append({"name": name, "key": _with_key(document, key, home)})
        witnesses["quorum"] = witnesses["quorum"] if quorum is None else quorum

    return edit


def revoke(keyid: str, until: datetime) -> Callable[[Document], None]:
    """End a key: a person's counts until then, for what was signed before; that of a machine is taken out."""

    def edit(document: Document) -> None:
        found = False
        for person in document["people"].values():
            for grant in person["keys"]:
                if _is(grant["key"], keyid):
                    found = True
                    moment = max(timestamp(until), grant["from"])
                    grant["until"] = moment if grant["until"] is None else min(moment, grant["until"])
        for name, entries in (("log", document["log"]), ("witnesses", document["witnesses"]["keys"])):
            kept = [entry for entry in entries if not _is(entry["key"], keyid)]
            found = found or len(kept) < len(entries)
            if name == "log":
                document["log"] = kept
            else:
                document["witnesses"]["keys"] = kept
        kept = [key for key in document["server"] if not _is(key, keyid)]
        found = found or len(kept) < len(document["server"])
        document["server"] = kept
        if not found:
            step = "see the keys with: assay trust show; root keys change with: assay trust rotate"
            raise UsageError(f"no person and no machine has the key {keyid[:64]}", step=step)

    return edit


def rotate(
    root_keys: Sequence[str], threshold: int | None, expires: datetime, home: str | None
) -> Callable[[Document], None]:
    """A later expiry and, where root keys are given, those instead of the ones before."""

    def edit(document: Document) -> None:
        document["expires"] = timestamp(expires)
        if root_keys:
            document["root"]["keys"] = [_with_key(document, key, home) for key in root_keys]
        if threshold is not None:
            document["root"]["threshold"] = threshold

    return edit


def set_policy(channel: str, policy: Policy) -> Callable[[Document], None]:
    """What a channel asks for from now on."""
    return lambda document: document["policies"].__setitem__(channel, policy.digest)


def in_days(now: datetime, days: int) -> datetime:
    """A moment so many days on."""
    return now + timedelta(days=days)


def _with_key(document: Document, name: str, home: str | None) -> str:
    """Put a public key among the keys; returns its id."""
    key = keys.load_public(keys.find(name, _folder(home), ".pub"))
    document["keys"][key.keyid] = {"kind": key.kind, "public": base64.b64encode(key.der).decode()}
    return key.keyid


def _drop_unused(document: Document) -> None:
    """Keys that nothing names any more."""
    used = {*document["root"]["keys"], *document["server"]}
    used |= {entry["key"] for entry in (*document["log"], *document["witnesses"]["keys"])}
    used |= {grant["key"] for person in document["people"].values() for grant in person["keys"]}
    document["keys"] = {keyid: entry for keyid, entry in document["keys"].items() if keyid in used}


def _is(keyid: str, given: str) -> bool:
    """Whether the user means this key: its id, or at least twelve digits of its start."""
    return keyid == given or (len(given) >= 12 and keyid.startswith(given))


def _write(path: str, document: Mapping[str, Any]) -> RootFile:
    payload = canonical(document)
    TrustRoot.read(payload, keys.public_of)  # what could not be read again is not written
    _save(path, Envelope(PAYLOAD_TYPE, payload, ()))
    return read(path)


def _save(path: str, envelope: Envelope) -> None:
    output.write(path, json.dumps(envelope.to_json(), indent=2) + "\n")


def _folder(home: str | None) -> str:
    return os.path.join(home_folder(home), "keys")
