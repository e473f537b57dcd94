"""What formats carry of whole documents beyond facts, of two documents as one.

Where the two differ, sections that stand by themselves are carried (vulnerabilities, annotations, services); what names, vouches
for or lays out one document as it was is not, for it is not true of another one. What is left behind is told.
"""

from collections.abc import Mapping
from typing import Any

from assaymark.bom.compare.merge_facts import Conflict, Said, blended
from assaymark.bom.document import Bom
from assaymark.core.finding import Severity

_OF_ONE_DOCUMENT = frozenset(
    {
        "serialNumber",
        "signature",
        "version",
        "specVersion",
        "$schema",
        "metadata",
        "dependencies",
        "documentNamespace",
        "SPDXID",
        "spdxId",
        "@id",
    }
)
"""What names or vouches for a document as it was: it is not true of another one."""
_REFS = frozenset({"ref", "refs", "target", "targets", "subjects", "dependsOn", "provides", "assemblies", "parties"})
"""Members in which a section names components."""
_WHY = "what names or lays out one document as it was is not true of the merged one"
_Side = tuple[Bom, Mapping[str, str]]


def carried(left: _Side, right: _Side) -> tuple[Mapping[str, Any], list[Conflict]]:
    """What the merged document carries, of two documents and the new refs of each; and a word on what is left behind."""
    if left[0].native == right[0].native:
        return left[0].native, []
    kept, lost = zip(*(_parted(bom, refs) for bom, refs in (left, right)), strict=True)
    conflicts = []
    if any(lost):
        one, other = sorted(lost)
        conflicts.append(
            Conflict("native", Severity.INFO, "", "document", Said(one, ""), Said(other, ""), "neither", _WHY)
        )
    return blended(*kept), conflicts


def _parted(bom: Bom, refs: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """The sections that stand by themselves, with new refs; the names of the rest."""
    kept: dict[str, Any] = {}
    lost: list[str] = []
    for form, said in sorted(bom.native.items()):
        if not isinstance(said, Mapping):
            lost.append(form)
            continue
        head = said.get("head")
        sections = head if isinstance(head, Mapping) else {}
        stay = {key: _renamed(value, refs, "") for key, value in sections.items() if _stands_alone(key)}
        if stay:
            kept[form] = {"head": stay}
        lost += [f"{form}: {key}" for key in sorted(said) if key not in {"head", "version"}]
        lost += [f"{form}: {key}" for key in sorted(sections) if key not in stay and not key.startswith("-")]
    return kept, lost


def _stands_alone(key: str) -> bool:
    return key not in _OF_ONE_DOCUMENT and not key.startswith(("~", "-", "="))


def _renamed(value: Any, refs: Mapping[str, str], key: str) -> Any:
    """Documents are at most 64 deep (core.strictjson), so this is as well."""
    if isinstance(value, Mapping):
        return {name: _renamed(item, refs, name) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_renamed(item, refs, key) for item in value]
    return refs.get(value, value) if key in _REFS and isinstance(value, str) else value
