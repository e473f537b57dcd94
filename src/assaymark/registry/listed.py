"""Whether a version's bills of materials are of its bytes: each file that they name, and every file that may hold weights.

A scanner or the publisher signs one; requests and approvals bind it as they bind all evidence. Pure.
"""

from collections.abc import Iterable

from assaymark.core import bom
from assaymark.core.errors import Untrusted
from assaymark.core.evidence import Evidence, Statement
from assaymark.core.manifest import Manifest
from assaymark.core.trust import TrustRoot

_SHOWN = 3
_STEP = "make one of these very files: assay bom build, then assay bom sign --model"


def signers(root: TrustRoot, project: str, at: str) -> dict[str, str]:
    """Keyid -> person, of all who may sign a bill of materials at that time (RFC 3339)."""
    return {key: who for role in bom.ROLES for key, who in root.keys_of(role, project, at).items()}


def check(statement: Statement, manifest: Manifest) -> None:
    """Raise Untrusted where it disagrees with the files of the manifest, Malformed where it cannot be read.

    1. It is a document of its predicate type.
    2. Every file that it names is in the manifest, with that sha256; it is about no other folder.
    3. Every file of the manifest that may hold weights is named by its sha256.
    """
    wrong = bom.disagreements(bom.read(statement.predicate, statement.predicate_type), manifest)
    if wrong:
        more = f"; and {len(wrong) - _SHOWN:,} more" if len(wrong) > _SHOWN else ""
        raise Untrusted(f"the bill of materials is of other bytes: {'; '.join(wrong[:_SHOWN])}{more}", step=_STEP)


def require_named(evidence: Iterable[Evidence], root: TrustRoot, project: str, at: str, manifest: Manifest) -> None:
    """Check each that counts: signed by a key that was a publisher's or a scanner's at that time.

    Whether one has to be there is the policy's to say.
    """
    known = signers(root, project, at)
    for item in evidence:
        if item.statement.predicate_type in bom.TYPES and item.signers & known.keys():
            check(item.statement, manifest)
