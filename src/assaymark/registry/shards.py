"""Digests of the parts of large files, as evidence: predicate type `urn:assaymark:shards:v1` about a manifest's digest.

A scanner of the trust root signs it, as it signs scans; it is bound by request and approvals like all evidence, and nothing in
the manifest changes. Reading the first tensor of a large file then costs the hash of a shard, not of the file. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from assaymark.core.digest import MANIFEST
from assaymark.core.errors import Malformed, Untrusted
from assaymark.core.evidence import Evidence, Statement
from assaymark.core.manifest import Manifest, ManifestFile
from assaymark.core.pieces import Pieces
from assaymark.core.statements import is_moment
from assaymark.core.subject import Subject
from assaymark.core.trust import TrustRoot

TYPE = "urn:assaymark:shards:v1"
ROLE = "scanner"
"""Who signs it."""
SHARD = 64 << 20
"""Bytes: some 40 ms of hashing."""
LEAST, MOST = 64 << 10, 1 << 30
_FIELDS = {"at", "shard", "files"}
_FILE = {"path", "size", "sha256", "shards"}
_HEX = frozenset("0123456789abcdef")
_STEP = "have the version scanned and approved again: assay registry attest"


def large(manifest: Manifest, shard: int = SHARD) -> list[ManifestFile]:
    """The files that have more than one shard."""
    return [file for file in manifest.files if file.size > shard]


def make(name: str, manifest: Manifest, digests: Mapping[str, Sequence[str]], at: str, shard: int = SHARD) -> Statement:
    """The statement to sign. `name`: `project/model@version`; `digests`: of each large file, by path. Raises Malformed."""
    files = [
        {"path": file.path, "size": file.size, "sha256": file.sha256, "shards": list(digests.get(file.path, ()))}
        for file in large(manifest, shard)
    ]
    made = Statement((Subject(name, manifest.digest),), TYPE, {"at": at, "shard": shard, "files": files})
    read(made, manifest)
    return made


def read(statement: Statement, manifest: Manifest) -> dict[str, Pieces]:
    """The parts of each large file, by path; raises Malformed unless it is exactly of this manifest.

    1. It is of this type, about this manifest and nothing else.
    2. Its fields are there, no other; a shard is a power of two, 64 KiB to 1 GiB.
    3. Its files are all those of the manifest that are larger than a shard, in the manifest's order, no other.
    4. Each has the manifest's size and sha256, and a digest for each of its parts.
    """
    if statement.predicate_type != TYPE:
        raise Malformed(f"a statement of type {statement.predicate_type!r:.100} has no digests of shards ({TYPE})")
    subjects = statement.subjects
    if len(subjects) != 1 or subjects[0].digest.algorithm != MANIFEST or subjects[0].digest != manifest.digest:
        raise Malformed("the digests of shards are of another version", step=_STEP)
    said = statement.predicate
    if said.keys() != _FIELDS or not is_moment(said["at"]) or not isinstance(said["files"], list):
        raise Malformed("the digests of shards lack or have beyond their fields at, shard and files", step=_STEP)
    shard = said["shard"]
    if type(shard) is not int or not LEAST <= shard <= MOST or shard & (shard - 1):
        raise Malformed(f"a shard of {shard!r:.40} bytes is no power of two from {LEAST:,} to {MOST:,}", step=_STEP)
    wanted = large(manifest, shard)
    if [entry.get("path") if isinstance(entry, dict) else None for entry in said["files"]] != [f.path for f in wanted]:
        raise Malformed(f"the digests of shards are not of all files over {shard:,} bytes, and no others", step=_STEP)
    return {file.path: _pieces(entry, file, shard) for file, entry in zip(wanted, said["files"], strict=True)}


def trusted(evidence: Iterable[Evidence], root: TrustRoot, project: str, manifest: Manifest) -> dict[str, Pieces]:
    """What the newest list says of all that are in the evidence of a version; raises Untrusted, Malformed.

    Each list has to be right and signed by a scanner of the project; two that differ on one file are no evidence of anything.
    """
    found: dict[str, Pieces] = {}
    seen: dict[tuple[str, int], Pieces] = {}
    lists = [item for item in evidence if item.statement.predicate_type == TYPE]
    for item in sorted(lists, key=lambda item: (item.statement.made_at or "", str(item.digest))):
        found = read(item.statement, manifest)
        if not item.signers & root.keys_of(ROLE, project, item.statement.predicate["at"]).keys():
            raise Untrusted(f"the digests of shards were not signed by a scanner of {project}", step=_STEP)
        for path, pieces in found.items():
            if seen.setdefault((path, pieces.length), pieces) != pieces:
                raise Untrusted(f"two scanners say different things of the shards of {path!r:.200}", step=_STEP)
    return found


def _pieces(entry: Mapping[str, Any], file: ManifestFile, shard: int) -> Pieces:
    if (
        entry.keys() != _FILE
        or type(entry["size"]) is not int
        or (entry["size"], entry["sha256"]) != (file.size, file.sha256)
    ):
        raise Malformed(f"the digests of shards are of another file {file.path!r:.200}", step=_STEP)
    listed, count = entry["shards"], -(-file.size // shard)
    if not isinstance(listed, list) or len(listed) != count:
        raise Malformed(f"{file.path!r:.200} has not just {count:,} digests of shards", step=_STEP)
    if not all(isinstance(one, str) and len(one) == 64 and _HEX.issuperset(one) for one in listed):
        raise Malformed(
            f"a digest of a shard of {file.path!r:.200} is not 64 lower-case hexadecimal digits", step=_STEP
        )
    return Pieces(shard, tuple(map(bytes.fromhex, listed)))
