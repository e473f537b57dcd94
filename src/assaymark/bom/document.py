"""What went into a model, in no format's own words: components, how they hang together, and who says so.

Every statement is a Fact with its status and the places where it stands, names and digests as well. Formats are read into
this and written from it (bom.cyclonedx, bom.spdx); what a foreign document says beyond it is carried in `native`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from assaymark.core.graph import EdgeKind, NodeKind

SCHEMA = "assaymark/bom/v1"
HASHES = ("sha256", "sha384", "sha512", "sha1", "md5", "sha3-256", "sha3-384", "sha3-512", "blake2b-256", "blake3")
"""Facts whose value is a digest in lower-case hexadecimal."""
MANIFEST = "manifest"
"""The fact whose value is `assaymark-manifest:<hex>`: the identity of a folder (core.manifest)."""


class Status(StrEnum):
    """How a statement is known."""

    DECLARED = "declared"
    """Somebody wrote it: a card, a configuration, a lock."""
    INFERRED = "inferred"
    """Concluded from what stands there."""
    OBSERVED = "observed"
    """Read from the bytes that it is about."""
    VERIFIED = "verified"
    """Declared, and the bytes agree."""
    UNKNOWN = "unknown"
    """It ought to be known, and is not."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a statement stands. `at`: `line 3`, a JSON pointer, a key of a header, a member of an archive, or "" for the file."""

    path: str
    at: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """A JSON value (text, number, flag, list or object of these), how it is known, and where it stands.

    `note` says what else there is to know: why a value is unknown, or which other place says something else.
    """

    value: Any
    status: Status
    places: tuple[Place, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Component:
    """A subject of the BOM. `ref` is unique in it and the same in each build from the same bytes.

    `facts` by name (bom.words lists them): `name`, `version`, `purl`, digests, `license`, `architecture` and so on.
    `native` is what a document in some format said of it that no fact says: format name (`cyclonedx`, `spdx-2`, `spdx-3`) -> JSON.
    """

    ref: str
    kind: NodeKind
    facts: Mapping[str, Fact] = field(default_factory=dict)
    native: Mapping[str, Any] = field(default_factory=dict)

    def value(self, name: str) -> Any:
        """The value of a fact; None where there is none or it is unknown."""
        fact = self.facts.get(name)
        return None if fact is None or fact.status is Status.UNKNOWN else fact.value

    def text(self, name: str) -> str:
        """The same as text, "" where there is none."""
        value = self.value(name)
        return value if isinstance(value, str) else "" if value is None else str(value)

    @property
    def name(self) -> str:
        """For people."""
        return self.text("name") or self.ref

    @property
    def hashes(self) -> dict[str, str]:
        """Algorithm -> digest in hexadecimal."""
        return {name: self.text(name) for name in HASHES if self.text(name)}


@dataclass(frozen=True, slots=True)
class Relation:
    """How `source` comes from `target` (refs); the direction is that of core.graph.

    `how` refines it: of DESCENDANT_OF `finetune`, `adapter`, `quantized`, `merge`, `conversion`; of DEPENDS_ON `direct`,
    `transitive`; of RUNS_ON `training`, `serving`.
    """

    source: str
    kind: EdgeKind
    target: str
    how: str = ""
    status: Status = Status.DECLARED
    places: tuple[Place, ...] = ()
    native: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gap:
    """What the BOM does not know and ought to: of which component, which fact or relation, why, and the next step."""

    ref: str
    what: str
    why: str
    step: str = ""


@dataclass(frozen=True, slots=True)
class Bom:
    """A whole document. Components are sorted by ref, relations by (source, kind, target), gaps by (ref, what).

    `subject` is the ref of what it is about. `at` (RFC 3339) is "" unless it was asked for: the same bytes give the same BOM.
    `tools` are (name, version) of who made it. `author`: the organisation or person, "" where none is named.
    """

    subject: str
    components: tuple[Component, ...]
    relations: tuple[Relation, ...] = ()
    gaps: tuple[Gap, ...] = ()
    at: str = ""
    author: str = ""
    tools: tuple[tuple[str, str], ...] = ()
    native: Mapping[str, Any] = field(default_factory=dict)

    def component(self, ref: str) -> Component:
        """One component; KeyError where there is none."""
        return self.by_ref[ref]

    @property
    def by_ref(self) -> dict[str, Component]:
        """Components by ref; made anew each time."""
        return {component.ref: component for component in self.components}

    @property
    def root(self) -> Component:
        """What it is about."""
        return self.component(self.subject)
