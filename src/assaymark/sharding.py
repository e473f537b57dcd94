"""Digests of shards as evidence: for the registry's scan job, and for scanners elsewhere. See docs/verify-before-load.md."""

import json
from datetime import UTC, datetime

from assaymark.app import identify
from assaymark.core.clock import timestamp
from assaymark.core.envelope import Envelope
from assaymark.core.errors import UsageError
from assaymark.core.evidence import PAYLOAD_TYPE, Statement
from assaymark.core.manifest import Manifest
from assaymark.registry import shards
from assaymark.registry.models import find_version
from assaymark.registry.names import VersionName
from assaymark.registry.versions import evidence_of, manifest_of
from assaymark.registry.work import Work
from assaymark.signing import private_key
from assaymark.storage import output, sharding


def due(work: Work, name: VersionName, keyid: str) -> Manifest | None:
    """The manifest of a version with large files of whose shards this scanner's key has said nothing yet."""
    row = find_version(work.connection, name)
    manifest = manifest_of(work.connection, row.id)
    known = [item for item in evidence_of(work, row.id) if item.statement.predicate_type == shards.TYPE]
    said = any(keyid in item.evidence.signers for item in known)
    return None if said or not shards.large(manifest) else manifest


def statement(folder: str, name: str, manifest: Manifest, now: datetime, shard: int = shards.SHARD) -> Statement:
    """The statement to sign; raises Untrusted, Unreadable where a large file is not what the manifest says."""
    return shards.make(name, manifest, sharding.digests(folder, manifest, shard), timestamp(now), shard)


def write(folder: str, version: str, key: str, out: str, home: str | None) -> Statement:
    """Sign the digests of the shards of a folder's large files, for `assay registry attest`; raises UsageError, Malformed."""
    private, name = private_key(key, home), VersionName.parse(version)
    _, manifest = identify(folder)
    if manifest is None:
        raise UsageError(f"{folder} is a file", step="name the folder that holds the model")
    if not shards.large(manifest):
        step = "nothing is needed: small files are hashed whole when they are loaded"
        raise UsageError(f"no file in {folder} has more than {shards.SHARD:,} bytes", step=step)
    said = statement(folder, str(name), manifest, datetime.now(UTC))
    output.write(out, json.dumps(Envelope.sign(PAYLOAD_TYPE, said.payload(), [private]).to_json(), indent=2) + "\n")
    return said
