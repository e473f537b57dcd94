"""VEX: what is said of versions of models and one cause, as OpenVEX 0.2.0 and as CycloneDX 1.6.

Spec: https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md, CycloneDX `vulnerabilities[].analysis`. Same statements, same bytes.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from assaymark.core.strictjson import canonical

OPENVEX = "https://openvex.dev/ns/v0.2.0"
ABSENT = "component_not_present"
FORMS = ("openvex", "cyclonedx")
_ADVISORY = re.compile(r"(?:CVE-|GHSA-|PYSEC-|OSV-|MAL-)[\w-]+", re.IGNORECASE)


class Stand(StrEnum):
    """How a version stands to the cause. `fixed` is never said: nobody mends bytes."""

    AFFECTED = "affected"
    NOT_AFFECTED = "not_affected"
    UNDER_INVESTIGATION = "under_investigation"


@dataclass(frozen=True, slots=True, order=True)
class Said:
    """One version, by name and manifest digest; why it stands so, and what is to be done."""

    version: str
    digest: str
    stand: Stand
    why: str = ""
    action: str = ""


def openvex(what: str, said: Sequence[Said], at: str, author: str) -> dict[str, Any]:
    """`at`: RFC 3339. One statement for each version."""
    statements = []
    for one in sorted(said):
        statement: dict[str, Any] = {"vulnerability": {"name": what}, "timestamp": at, "status": str(one.stand)}
        statement["products"] = [{"@id": _id(one)}]
        if one.stand is Stand.NOT_AFFECTED:
            statement |= {"justification": ABSENT, "impact_statement": one.why}
        elif one.stand is Stand.AFFECTED:
            statement["action_statement"] = one.action
        if one.why and one.stand is not Stand.NOT_AFFECTED:
            statement["status_notes"] = one.why
        statements.append(statement)
    body = {"@context": OPENVEX, "author": author, "timestamp": at, "version": 1, "statements": statements}
    return body | {"@id": f"urn:assaymark:vex:{hashlib.sha256(canonical(body)).hexdigest()}"}


def cyclonedx(what: str, said: Sequence[Said], at: str, author: str) -> dict[str, Any]:
    """The same; one entry of `vulnerabilities` for each stand and reason."""
    parts = [
        {
            "type": "machine-learning-model", "bom-ref": _id(one), "name": one.version.partition("@")[0],
            "version": one.version.partition("@")[2],
            "properties": [{"name": "assaymark:fact:manifest", "value": one.digest}],
        }
        for one in sorted(said)
    ]  # fmt: skip
    groups: dict[tuple[str, str, str], list[str]] = {}
    for one in sorted(said):
        groups.setdefault((str(one.stand), one.why, one.action), []).append(_id(one))
    body: dict[str, Any] = {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {"timestamp": at, "authors": [{"name": author}]}, "components": parts,
        "vulnerabilities": [_vulnerability(what, *key, refs) for key, refs in sorted(groups.items())],
    }  # fmt: skip
    serial = uuid5(NAMESPACE_URL, hashlib.sha256(canonical(body)).hexdigest())
    return body | {"serialNumber": f"urn:uuid:{serial}"}


def _vulnerability(what: str, stand: str, why: str, action: str, refs: list[str]) -> dict[str, Any]:
    state = {"affected": "exploitable", "not_affected": "not_affected", "under_investigation": "in_triage"}[stand]
    analysis: dict[str, Any] = {"state": state}
    if stand == Stand.NOT_AFFECTED:
        analysis["justification"] = "code_not_present"
    detail = " ".join(filter(None, (why, action)))
    if detail:
        analysis["detail"] = detail
    key = hashlib.sha256(canonical([what, stand, why, action])).hexdigest()[:32]
    found: dict[str, Any] = {"bom-ref": f"vulnerability:{key}", "id": what, "analysis": analysis}
    if _ADVISORY.fullmatch(what):
        found["source"] = {"name": "OSV", "url": f"https://osv.dev/vulnerability/{what}"}
    return found | {"affects": [{"ref": ref} for ref in refs]}


def _id(one: Said) -> str:
    return f"urn:assaymark:version:{one.version}:{one.digest}"
