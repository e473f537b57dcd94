"""Whether digests, package URLs, licences and moments of a CycloneDX document can be what they claim to be."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from assaymark.bom.cyclonedx.fields import licences
from assaymark.bom.problems.codes import CODES
from assaymark.bom.problems.places import shown
from assaymark.bom.problems.survey import Survey, at
from assaymark.bom.schema import spdx_ids
from assaymark.bom.validate import Problem
from assaymark.core.finding import Severity

_DIGITS = {
    "MD5": 32, "SHA-1": 40, "SHA-256": 64, "SHA-384": 96, "SHA-512": 128, "SHA3-256": 64, "SHA3-384": 96, "SHA3-512": 128,
    "BLAKE2b-256": 64, "BLAKE2b-384": 96, "BLAKE2b-512": 128, "BLAKE3": 64, "Streebog-256": 64, "Streebog-512": 128,
}  # fmt: skip
_HEX = re.compile(r"[0-9a-fA-F]*\Z")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})\Z", re.ASCII)
_YEARS = range(1970, 2101)
_ORDERED = (
    ("timeStart", "timeEnd"),
    ("created", "updated"),
    ("published", "updated"),
    ("notValidBefore", "notValidAfter"),
)
_BY_COMMIT = frozenset({"huggingface", "oci", "docker", "github", "bitbucket", "gitlab", "mlflow", "generic", "swid"})
"""Types of package URLs whose version is a commit or a digest, and not the one that people write."""
_WORDS = re.compile(r"[^a-z0-9]+")


def digests(survey: Survey) -> Iterator[Problem]:
    """Length and alphabet, and contradictions."""
    for listed, path in survey.hashes:
        seen: dict[str, str] = {}
        for number, one in enumerate(listed):
            algorithm, content = (one.get("alg"), one.get("content")) if isinstance(one, dict) else (None, None)
            if not isinstance(algorithm, str) or not isinstance(content, str):
                continue
            place, digits = f"{at(path)}/{number}/content", _DIGITS.get(algorithm)
            if not _HEX.match(content):
                yield CODES["BOM004"].problem(place, f"{shown(content)} is not hexadecimal")
            elif digits is not None and len(content) != digits:
                yield CODES["BOM004"].problem(
                    place, f"{algorithm} has {digits} hexadecimal digits, here stand {len(content)}"
                )
            if seen.setdefault(algorithm, content.lower()) != content.lower():
                yield CODES["BOM017"].problem(place, f"another {algorithm} of the same thing stands beside it")


def package_urls(survey: Survey) -> Iterator[Problem]:
    """Whether they can be read, and agree with the component."""
    for component, path in survey.components:
        stated = component.get("purl")
        if not isinstance(stated, str):
            continue
        from packageurl import PackageURL

        try:
            purl = PackageURL.from_string(stated)
        except ValueError as error:
            yield CODES["BOM005"].problem(f"{at(path)}/purl", f"{shown(stated)}: {str(error).split(':')[0][:120]}")
            continue
        if message := _disagrees(component, purl.type, unquote(purl.name), purl.version):
            yield CODES["BOM006"].problem(f"{at(path)}/purl", message)


def _disagrees(component: Mapping[str, Any], kind: str, name: str, version: str | None) -> str:
    """What the two say differently; spelling of names is not looked at."""
    said, numbered = component.get("name"), component.get("version")
    if isinstance(said, str) and said:
        ours, theirs = _WORDS.sub("", said.lower()), _WORDS.sub("", name.lower())
        if not (ours.endswith(theirs) or theirs.endswith(ours)) and (ours and theirs):
            return f"the component is {shown(said)}, its package URL names {shown(name)}"
    if isinstance(numbered, str) and numbered and version and kind not in _BY_COMMIT:
        ours, theirs = numbered.lower().removeprefix("v"), version.lower().removeprefix("v")
        if ours != theirs and unquote(theirs) != ours:
            return f"the component has version {shown(numbered)}, its package URL {shown(version)}"
    return ""


def twins(survey: Survey) -> Iterator[Problem]:
    """Components that stand twice in one list."""
    seen: dict[tuple[Any, ...], str] = {}
    for component, path in survey.components:
        if not path or not isinstance(path[1], int):
            continue
        names = [component.get(name) for name in ("purl", "type", "group", "name", "version", "scope")]
        if not all(isinstance(name, str | None) for name in names) or not (names[0] or names[4]):
            continue
        hashes = component.get("hashes")
        digests = (
            [str(one.get("content")).lower() for one in hashes if isinstance(one, dict)]
            if isinstance(hashes, list)
            else []
        )
        parent = at(path[0])
        other = seen.setdefault((parent, *names, *sorted(digests)), at(path))
        if other != at(path):
            yield CODES["BOM014"].problem(at(path), f"{shown(component.get('name'))} stands at {other} too")


def licence_ids(survey: Survey) -> Iterator[Problem]:
    """Ids that SPDX does not list, and expressions that have such."""
    ids = spdx_ids()
    for value, path in survey.licences:
        one, expression = value.get("id"), value.get("expression")
        if isinstance(one, str) and one not in ids and path and path[1] == "license":
            yield CODES["BOM015"].problem(f"{at(path)}/id", f"SPDX lists no licence {shown(one)}")
        elif isinstance(expression, str) and len(expression) < 10_000 and "license" in licences(expression)[0]:
            known = expression in ids
            if not known:
                yield CODES["BOM015"].problem(
                    f"{at(path)}/expression",
                    f"{shown(expression)} is no expression of licences that SPDX lists",
                    severity=Severity.MEDIUM,
                )


def moments(survey: Survey) -> Iterator[Problem]:
    """Dates that no calendar has, or that lie far outside of this age, and ends before their beginnings."""
    for text, path in survey.moments:
        if moment(text) is None:
            yield CODES["BOM012"].problem(at(path), f"{shown(text)} is no moment between {_YEARS[0]} and {_YEARS[-1]}")
    for value, path in survey.objects_with_times:
        for first, last in _ORDERED:
            start, end = moment(value.get(first)), moment(value.get(last))
            if start is not None and end is not None and end < start:
                yield CODES["BOM012"].problem(f"{at(path)}/{last}", f"{last} lies before {first}")


def moment(text: Any) -> datetime | None:
    """A moment as RFC 3339 has it; None where it is none that can be."""
    if not isinstance(text, str) or not _MOMENT.match(text):
        return None
    try:
        made = datetime.fromisoformat(text.upper().replace("Z", "+00:00")[:19] + _zone(text)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return made if made.year in _YEARS else None


def _zone(text: str) -> str:
    return "+00:00" if text[-1] in "Zz" else text[-6:]


identity: tuple[Callable[[Survey], Iterator[Problem]], ...] = (digests, package_urls, twins, licence_ids, moments)
