"""One unit of work: a transaction, the moment, the trust root, and the ledger that it writes to.

What changes a row, logs a leaf and leaves a message in the outbox is one transaction: there is no state without its
leaf and no leaf without its state.
"""

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import sqlalchemy as sa

from assaymark.core.clock import timestamp
from assaymark.core.digest import sha256
from assaymark.core.envelope import Envelope
from assaymark.core.errors import Conflict, Untrusted, UsageError
from assaymark.core.evidence import Evidence, Statement, read_statement
from assaymark.core.trust import TrustRoot
from assaymark.registry import tables
from assaymark.registry.names import ModelName

EVENT = "assaymark/event/v1"
_SKEW = timedelta(minutes=5)
"""How far ahead of ours the clock of one who signs may be."""


class Appends(Protocol):
    """The ledger (storage.ledger)."""

    def append(self, connection: sa.Connection, event: Mapping[str, Any]) -> int:
        """Log one event in the caller's transaction; returns its ticket."""
        ...


class Traces(Protocol):
    """The graph of what models come from (assaymark.containing), asked in the transaction of an act."""

    def seeds(self, connection: sa.Connection, what: str, record: str = "") -> Mapping[int, bool]:
        """Node -> whether it is surely meant, of what a selector means, or an advisory's record; raises NotFound."""
        ...

    def affected(self, connection: sa.Connection, seeds: Iterable[int]) -> Mapping[int, int]:
        """Versions that come from the seeds: id of the row -> node."""
        ...

    def ancestry(self, connection: sa.Connection, digest: str, title: str) -> frozenset[int]:
        """All nodes that went into the version with that digest and name, its own among them."""
        ...


class Learns(Protocol):
    """The graph (assaymark.filling)."""

    def learn(self, connection: sa.Connection, kind: str, number: int) -> None:
        """Take what a row says, in the caller's transaction: an `envelope`, a `bom`, what was `deployed` or `undeployed`."""
        ...


@dataclass(slots=True)
class Work:
    """What every act on the registry needs."""

    connection: sa.Connection
    ledger: Appends
    root: TrustRoot | None
    now: datetime
    logged: bool = False
    """Whether a leaf was appended."""
    filling: Learns | None = None
    """Takes what lands; None where there is no graph."""
    graph: Traces | None = None
    """None where nothing is asked of it."""

    @property
    def at(self) -> str:
        """The moment, RFC 3339."""
        return timestamp(self.now)

    @property
    def trust(self) -> TrustRoot:
        """The trust root in force; raises UsageError while there is none."""
        if self.root is None:
            step = "make one with: assay trust init; install it with: assay registry trust ROOT.json"
            raise UsageError("the registry has no trust root yet, so it knows nobody's key", step=step)
        return self.root

    def log(self, kind: str, model: ModelName, actor: str, **details: Any) -> int:
        """Write the leaf and the outbox; `details` are version, channel, digest, envelopes, and states from and to."""
        event = {"schema": EVENT, "type": kind, "at": self.at, "project": model.project, "model": model.model}
        event |= {"actor": actor} | {name.rstrip("_"): value for name, value in details.items() if value is not None}
        ticket = self.append(event)
        self.connection.execute(
            tables.outbox.insert().values(
                event=json.dumps(event, sort_keys=True), project=model.project, at=self.at, next_at=self.at
            )
        )
        return ticket

    def append(self, event: Mapping[str, Any]) -> int:
        """Write a leaf of which nobody is told; returns its ticket."""
        self.logged = True
        return self.ledger.append(self.connection, event)

    def learn(self, kind: str, number: int) -> None:
        """Let the graph take what this row says."""
        if self.filling is not None:
            self.filling.learn(self.connection, kind, number)

    def signed(self, document: bytes) -> "Signed":
        """Read an envelope that was handed in, and see which of the keys that the root lists signed it; raises Untrusted."""
        found = self.recognised(document)
        if found is None:
            step = "sign with a key that the trust root lists: assay trust show"
            raise Untrusted("no key of the trust root signed this", step=step)
        return found

    def recognised(self, document: bytes) -> "Signed | None":
        """The same of an envelope that is stored: None where its keys are not in the trust root any more."""
        envelope = Envelope.from_json(document)
        signers = self.trust.signers(envelope)
        if not signers:
            return None
        return Signed(envelope, Evidence(read_statement(envelope), sha256(envelope.payload), signers))

    def check_time(self, at: str) -> None:
        """Refuse what says that it was signed in the future."""
        if at > timestamp(self.now + _SKEW):
            raise Untrusted(f"this was signed at {at}, which is still to come here", step="set the clocks right")

    def move(self, table: sa.Table, row: Any, key: sa.ColumnElement[bool], **values: Any) -> None:
        """Change a row that still is as it was read; raises Conflict where another one was quicker."""
        if "since" in table.c and values.get("state", row.state) != row.state:
            values["since"] = self.at
        change = table.update().where(key, table.c.revision == row.revision).values(revision=row.revision + 1, **values)
        if self.connection.execute(change).rowcount != 1:
            raise Conflict("somebody else changed this meanwhile", step="look at it again and repeat")

    def keep(self, version: int, signed: "Signed", request: str | None = None) -> int:
        """Store an envelope of a version, and return its row's id; raises Conflict for what was said of it before."""
        digest = str(signed.evidence.digest)
        same = sa.and_(tables.envelopes.c.version == version, tables.envelopes.c.digest == digest)
        seen = sa.select(tables.envelopes.c.id).where(same)
        if self.connection.execute(seen).first() is not None:
            raise Conflict(f"{digest} is here already", step="sign anew what is to be said again")
        row = tables.envelopes.insert().values(
            digest=digest, version=version, predicate_type=signed.statement.predicate_type, request=request,
            document=json.dumps(signed.envelope.to_json(), sort_keys=True, separators=(",", ":")), at=self.at,
        )  # fmt: skip
        return int(self.connection.execute(row.returning(tables.envelopes.c.id)).scalar_one())


@dataclass(frozen=True, slots=True)
class Signed:
    """An envelope, and what it says with the keys that were verified."""

    envelope: Envelope
    evidence: Evidence

    @property
    def statement(self) -> Statement:
        """What was signed."""
        return self.evidence.statement

    def require(self, keys: Iterable[str], who: str) -> None:
        """Raise Untrusted unless one of these keys signed."""
        if not self.evidence.signers & frozenset(keys):
            step = "sign with a key that the trust root lists for that person: assay trust show"
            raise Untrusted(f"this was not signed by {who}", step=step)


def new_nonce() -> str:
    """128 random bits in hexadecimal."""
    return secrets.token_hex(16)
