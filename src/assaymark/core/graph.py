"""The words of the graph: what a node is known by, and how one subject comes from another.

An edge leads from what consumed to what was consumed, whatever the name of the relationship says, so "what is affected by
X?" walks edges backwards and "what went into M?" walks them forwards. Names are those of SPDX 3.0.1 (RelationshipType)
where it has one.
"""

from dataclasses import dataclass
from enum import StrEnum


class EdgeKind(StrEnum):
    """How a subject (the source) comes from another one (the target)."""

    TRAINED_ON = "trainedOn"
    """A model, and data that its weights were fitted to."""
    TESTED_ON = "testedOn"
    """A model, and data that it was evaluated on."""
    DESCENDANT_OF = "descendantOf"
    """A model, and the one that it was made from; a dataset, and the one that it was derived from."""
    DEPENDS_ON = "dependsOn"
    """Needs it to run: libraries, and the environment that locks them."""
    CONTAINS = "contains"
    """A part of its bytes: files of a model, members of an archive, packages of an environment."""
    HAS_DATA_FILE = "hasDataFile"
    """A script or a model, and data that it reads when it runs."""
    USES_TOOL = "usesTool"
    """Was made with it: trainers, converters, trackers, pipelines."""
    HAS_INPUT = "hasInput"
    """A run of a pipeline, and what it read."""
    GENERATED_BY = "generatedBy"
    """A model or dataset, and the run that wrote it (SPDX `generates`, turned round)."""
    RUNS_ON = "hasHost"
    """The image, platform, device and driver that it runs or was trained on."""
    SUPPLIED_BY = "suppliedBy"
    """Publisher or vendor (SPDX `suppliedBy` is a property)."""
    DEPLOYED_AS = "deployedAs"
    """From a deployment to the model that it serves."""
    NAMES = "names"
    """From a name that documents use (a purl, perhaps without revision) to what bears it. Only the graph makes these."""


class NodeKind(StrEnum):
    """What a node is."""

    MODEL = "model"
    DATA = "data"
    LIBRARY = "library"
    ENVIRONMENT = "environment"
    """A locked set of libraries, known by the digest of its lock: one node for all models that share it."""
    IMAGE = "image"
    PLATFORM = "platform"
    """An operating system or a runtime."""
    DEVICE = "device"
    DRIVER = "driver"
    TOOL = "tool"
    RUN = "run"
    """One run of a training or a pipeline."""
    FILE = "file"
    PARTY = "party"
    """A publisher, vendor or maintainer."""
    DEPLOYMENT = "deployment"


@dataclass(frozen=True, slots=True)
class Node:
    """A subject as the graph knows it.

    `key` identifies: `sha256:<hex>` or `assaymark-manifest:<hex>` (core.digest) where bytes are known, else a purl with a version,
    else `<kind>:<name>`. `aliases` are other names for the same thing: purls, digests of its files, `project/model@version`,
    CPEs. Two nodes may have one alias (two publishers that claim one purl): then it means both.
    """

    key: str
    kind: NodeKind
    name: str
    version: str = ""
    purl: str = ""
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """`source` and `target` are keys of nodes."""

    source: str
    kind: EdgeKind
    target: str


@dataclass(frozen=True, slots=True)
class Claims:
    """What one document says. `document` is the digest of its payload; `subject` the key of what it is about.

    `at` (RFC 3339, UTC) is from when it holds. A later document with the same `series` ends it ("" : nothing does): an edge that
    is not in the later one is valid until then, one that is in both goes on.
    """

    document: str
    subject: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    at: str
    series: str = ""
