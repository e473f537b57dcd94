"""Step 7 of verifying: nobody of security says that the version is not to be loaded, or two of them took it back."""

from collections.abc import Iterable

from assaymark.core.digest import Digest, sha256
from assaymark.core.envelope import Envelope
from assaymark.core.errors import Untrusted
from assaymark.core.evidence import Statement, read_statement
from assaymark.core.statements import Lift, Quarantine, read_any
from assaymark.core.trust import TrustRoot

LIFTS = 2
"""Distinct people; one is enough to quarantine."""
_ROLE = "security"


def require_free(envelopes: Iterable[Envelope], root: TrustRoot, project: str, digest: Digest) -> None:
    """Raises Untrusted or Malformed where a quarantine of these bytes stands.

    1. Each is a quarantine or a lift, signed by the security person that it names: one that is not refuses, lest a damaged
       quarantine be no quarantine.
    2. Those of other bytes are passed over.
    3. A quarantine is lifted by two people, each of whom names it, at its time or later: a key that was taken back before cannot.
    """
    standing: dict[str, Quarantine] = {}
    lifts: dict[str, list[Lift]] = {}
    for envelope in envelopes:
        statement = read_statement(envelope)
        said = read_any(statement)
        if not isinstance(said, Quarantine | Lift):
            raise Untrusted(f"a {said.word()} stands among the quarantines", step="fetch the bundle again")
        _require_security(envelope, root, project, said)
        if not _about(statement, digest):
            continue
        if isinstance(said, Quarantine):
            standing[str(sha256(envelope.payload))] = said
        else:
            lifts.setdefault(said.quarantine, []).append(said)
    for quarantine, said in standing.items():
        if len({lift.by for lift in lifts.get(quarantine, ()) if lift.at >= said.at}) < LIFTS:
            raise Untrusted(
                f"in quarantine since {said.at}, by {said.by!r}: {said.reason[:300]}",
                step="load another version; two security people lift it: assay registry lift",
            )


def _require_security(envelope: Envelope, root: TrustRoot, project: str, said: Quarantine | Lift) -> None:
    keys = root.keys_of(_ROLE, project, said.at)
    if said.by not in {keys[signer] for signer in root.signers(envelope) & keys.keys()}:
        raise Untrusted(
            f"a {said.word()} by {said.by!r} was not signed by him in the role {_ROLE!r}", step="fetch it again"
        )


def _about(statement: Statement, digest: Digest) -> bool:
    return any(subject.digest == digest for subject in statement.subjects)
