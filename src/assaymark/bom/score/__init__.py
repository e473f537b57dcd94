"""How much of a bill of materials can be verified, measured with the yardsticks that people ask for, side by side.

Each profile is data (profiles/*.json): elements in clusters, what meets an element, and of which components it is asked. A
statement counts by how it is known (measure.WORTH): declared text at most 0.4, so a document of prose without digests stays
under 40 % in every profile, whatever it says. What is stated at all is shown beside it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assaymark.bom.compare.matching import digests_of
from assaymark.bom.document import Bom
from assaymark.bom.score.measure import WORTH, Measured, Scale
from assaymark.bom.score.profiles import Element, Profile, fixes, load, names
from assaymark.core.errors import UsageError

SCHEMA = "assaymark/bom-score/v1"
DEFAULT = ("verifiability", "g7-ai", "cisa-2025", "bsi-tr-03183-2", "owasp-aibom")
_NAMED = 5
__all__ = ["DEFAULT", "SCHEMA", "WORTH", "ClusterScore", "ElementScore", "ProfileScore", "Score", "score"]


@dataclass(frozen=True, slots=True)
class ElementScore:
    """One element. `credit` 0 to 1; `state` met, partly or missing; `strength` the weakest of what meets it.

    `asked` components were asked, `met` have it; `lacking` names some that do not. `lost`: points of the profile's hundred.
    `fix` is the next step, "" where nothing is to be done.
    """

    element: Element
    credit: float
    state: str
    strength: str
    asked: int
    met: int
    lacking: tuple[str, ...]
    lost: float
    fix: str


@dataclass(frozen=True, slots=True)
class ClusterScore:
    """The elements of a cluster; shares in percent."""

    id: str
    name: str
    verifiable: float
    stated: float
    elements: tuple[ElementScore, ...]


@dataclass(frozen=True, slots=True)
class ProfileScore:
    """One profile: how much is verifiable, how much is stated at all (both in percent)."""

    profile: Profile
    verifiable: float
    stated: float
    clusters: tuple[ClusterScore, ...]

    @property
    def elements(self) -> tuple[ElementScore, ...]:
        """All elements in the order of the profile."""
        return tuple(element for cluster in self.clusters for element in cluster.elements)

    @property
    def gaps(self) -> tuple[ElementScore, ...]:
        """What costs points and can be mended, the dearest first."""
        open_ = (element for element in self.elements if element.fix)
        return tuple(sorted(open_, key=lambda e: (-round(e.lost, 9), e.element.id)))


@dataclass(frozen=True, slots=True)
class Score:
    """All profiles that were asked for, and what was counted."""

    profiles: tuple[ProfileScore, ...]
    counted: Mapping[str, Any]

    @property
    def lowest(self) -> float:
        """The lowest share of the profiles, in percent."""
        return min(profile.verifiable for profile in self.profiles)

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "schema": SCHEMA,
            "worth": dict(WORTH),
            "counted": dict(self.counted),
            "profiles": [_plain(profile) for profile in self.profiles],
        }


def score(bom: Bom, profiles: Sequence[str] = (), *, signed: bool = False) -> Score:
    """Measure a document; `signed`: whoever calls has verified a signature over it, so its own head counts as verified."""
    asked = tuple(dict.fromkeys(profiles or DEFAULT))
    if unknown := sorted(set(asked) - set(names())):
        raise UsageError(f"no profile is called {unknown[0]}", step=f"profiles: {', '.join(names())}")
    scale = Scale(bom, signed=signed)
    return Score(tuple(_profile(load(name), scale) for name in asked), _counted(bom, signed=signed))


def _profile(profile: Profile, scale: Scale) -> ProfileScore:
    whole = sum(cluster.weight for cluster in profile.clusters)
    clusters = []
    for cluster in profile.clusters:
        elements = [element for element in profile.elements if element.cluster == cluster.id]
        weight = sum(element.weight for element in elements)
        made = tuple(_element(e, scale, 100 * cluster.weight / whole * e.weight / weight) for e in elements)
        clusters.append(ClusterScore(cluster.id, cluster.name, *_shares(made), made))
    weights = {cluster.id: cluster.weight for cluster in profile.clusters}
    verifiable = sum(made.verifiable * weights[made.id] for made in clusters) / whole
    stated = sum(made.stated * weights[made.id] for made in clusters) / whole
    return ProfileScore(profile, round(verifiable, 2), round(stated, 2), tuple(clusters))


def _shares(elements: Iterable[ElementScore]) -> tuple[float, float]:
    listed = tuple(elements)
    weight = sum(e.element.weight for e in listed)
    verifiable = sum(e.credit * e.element.weight for e in listed) / weight
    stated = sum((e.met / e.asked if e.asked else 0.0) * e.element.weight for e in listed) / weight
    return round(100 * verifiable, 2), round(100 * stated, 2)


def _element(element: Element, scale: Scale, points: float) -> ElementScore:
    measured = scale.measure(element)
    met = [one for one in measured if one.credit > 0]
    credit = sum(one.credit for one in measured) / len(measured) if measured else 0.0
    state = "missing" if not met else "met" if len(met) == len(measured) else "partly"
    strength = min(met, key=lambda one: one.credit).strength if met else "none"
    lacking = tuple(dict.fromkeys(one.name for one in measured if one.credit <= 0))
    fix = _fix(element, measured, state, credit, scale)
    lost = round(points * (1 - credit), 4)
    return ElementScore(
        element, round(credit, 6), state, strength, len(measured), len(met), lacking[:_NAMED], lost, fix
    )


def _fix(element: Element, measured: Sequence[Measured], state: str, credit: float, scale: Scale) -> str:
    """The next step: what the document's own gap says where it has one, else what the profile says."""
    if state != "met":
        for one in measured:
            if one.credit <= 0 and (step := scale.step(one.ref, element)):
                return step
        return fixes()[element.fix]
    return "" if element.prose or credit >= WORTH["pinned"] else fixes()[element.prove]


def _counted(bom: Bom, *, signed: bool) -> dict[str, Any]:
    statuses = Counter(str(fact.status) for component in bom.components for fact in component.facts.values())
    return {
        "components": dict(sorted(Counter(str(component.kind) for component in bom.components).items())),
        "with_digest": sum(1 for component in bom.components if digests_of(component)),
        "relations": len(bom.relations),
        "facts": dict(sorted(statuses.items())),
        "gaps": len(bom.gaps),
        "signed": signed,
    }


def _plain(score: ProfileScore) -> dict[str, Any]:
    profile = score.profile
    return {
        "profile": profile.name,
        "title": profile.title,
        "edition": profile.edition,
        "source": profile.source,
        "mapping": profile.mapping,
        "verifiable": score.verifiable,
        "stated": score.stated,
        "clusters": [
            {
                "id": cluster.id,
                "name": cluster.name,
                "verifiable": cluster.verifiable,
                "stated": cluster.stated,
                "elements": [
                    {
                        "id": e.element.id,
                        "name": e.element.name,
                        "state": e.state,
                        "strength": e.strength,
                        "credit": e.credit,
                        "weight": e.element.weight,
                        "asked": e.asked,
                        "met": e.met,
                        "lacking": list(e.lacking),
                        "lost": e.lost,
                        "fix": e.fix,
                    }
                    for e in cluster.elements
                ],
            }
            for cluster in score.clusters
        ],
    }
