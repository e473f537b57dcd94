"""One walk over a CycloneDX document that notes what its rules need: refs, references, components, moments."""

from dataclasses import dataclass, field
from typing import Any

_REFERENCES = frozenset(
    {
        "ref", "dependsOn", "provides", "assemblies", "dependencies", "vulnerabilities", "subjects", "tools", "assessor",
        "requirement", "claims", "counterClaims", "mitigationStrategies", "target", "evidence", "counterEvidence", "parent",
        "requirements", "signatureAlgorithmRef", "subjectPublicKeyRef", "algorithmRef", "algorithms", "algorithm",
        "cryptoRefArray", "members", "patentRefs", "asserter", "attributedTo", "process", "taskDependencies",
    }
)  # fmt: skip
"""Members that hold refs wherever they are texts or lists of texts (the schemas of 1.4 to 1.7, `refLinkType` and `refType`)."""
_COMPONENTS = frozenset({"component", "components", "ancestors", "descendants", "variants"})
_MOMENTS = frozenset(
    {
        "timestamp", "created", "published", "updated", "rejected", "timeStart", "timeEnd", "timeActivated", "timeReceived",
        "lastRenewal", "expiration", "notValidBefore", "notValidAfter", "creationDate", "activationDate", "updateDate",
        "expirationDate",
    }
)  # fmt: skip
_CLOSED = frozenset({"signature", "properties", "content", "extensions"})
"""Members with words of their own, in which ours mean nothing."""
Path = tuple[Any, ...]
"""A path as a chain: (path of the parent, step)."""


@dataclass(slots=True)
class Survey:
    """What was noted. Pointers are made of chains when they are wanted (`at`)."""

    document: dict[str, Any]
    refs: dict[str, list[Path]] = field(default_factory=dict)
    references: list[tuple[str, str, Path]] = field(default_factory=list)
    """(name of the member, ref, path)"""
    components: list[tuple[dict[str, Any], Path]] = field(default_factory=list)
    moments: list[tuple[str, Path]] = field(default_factory=list)
    objects_with_times: list[tuple[dict[str, Any], Path]] = field(default_factory=list)
    cards: list[tuple[dict[str, Any], Path]] = field(default_factory=list)
    """Objects that have a model card."""
    licences: list[tuple[dict[str, Any], Path]] = field(default_factory=list)
    hashes: list[tuple[list[Any], Path]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Walk, without recursion: the input decides on the depth."""
        stack: list[tuple[Any, Path, str]] = [(self.document, (), "")]
        while stack:
            value, path, role = stack.pop()
            if isinstance(value, dict):
                self._note(value, path, role)
                stack.extend(
                    (item, (path, key), key)
                    for key, item in reversed(value.items())
                    if isinstance(item, dict | list) and key not in _CLOSED
                )
            else:
                stack.extend(
                    (value[number], (path, number), role)
                    for number in range(len(value) - 1, -1, -1)
                    if isinstance(value[number], dict | list)
                )

    def _note(self, value: dict[str, Any], path: Path, role: str) -> None:
        ref = value.get("bom-ref")
        if isinstance(ref, str):
            self.refs.setdefault(ref, []).append((path, "bom-ref"))
        if role in _COMPONENTS:
            self.components.append((value, path))
        if "modelCard" in value:
            self.cards.append((value, path))
        if role == "license" or "expression" in value:
            self.licences.append((value, path))
        seen = len(self.moments)
        self._note_members(value, path, role)
        if len(self.moments) > seen:
            self.objects_with_times.append((value, path))

    def _note_members(self, value: dict[str, Any], path: Path, role: str) -> None:
        for key, item in value.items():
            if isinstance(item, str):
                if key in _REFERENCES and not (key == "target" and role != "claims"):
                    self.references.append((key, item, (path, key)))
                elif key in _MOMENTS:
                    self.moments.append((item, (path, key)))
            elif isinstance(item, list):
                if key in _REFERENCES:
                    self.references += [
                        (key, one, ((path, key), number)) for number, one in enumerate(item) if isinstance(one, str)
                    ]
                elif key == "hashes":
                    self.hashes.append((item, (path, key)))


def at(path: Path) -> str:
    """The JSON pointer of a chain."""
    steps: list[str] = []
    while path:
        path, step = path
        steps.append(str(step).replace("~", "~0").replace("/", "~1"))
    return "".join("/" + step for step in reversed(steps))
