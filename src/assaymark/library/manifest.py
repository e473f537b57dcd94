"""What a project asks for: pyproject.toml (PEP 621, PEP 735, Poetry, PDM, uv), Pipfile, package.json, requirements.in.

Only what a lock can be measured by: a name, the versions that are allowed, and whether the lock must have it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from assaymark.library.documents import load_json, load_toml, table, text, texts

_PLACES = frozenset({"git", "path", "url", "file"})


@dataclass(frozen=True, slots=True)
class Dependency:
    """One direct dependency."""

    name: str
    allowed: str | None
    """Versions as the tool compares them (PEP 440, or npm's ranges); None where versions do not decide."""
    required: bool
    """The lock must have it. False where a marker or platform may leave it out."""
    group: str
    """`default`, or the name of the extra or group."""
    pattern: str
    """A regular expression that finds the place in the document."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A project's direct dependencies. `name` is the project's own, normalised."""

    name: str
    dependencies: tuple[Dependency, ...]


def pyproject(document: str, tool: str = "") -> Manifest:
    """The dependencies that `tool` would lock (`uv`, `poetry`, `pdm`, `pip`); all of them for no tool."""
    from packaging.utils import canonicalize_name

    data = load_toml(document, "pyproject.toml")
    project = table(data, "project")
    own = canonicalize_name(text(project.get("name")) or text(table(data, "tool", "poetry").get("name")))
    found = list(_pep621(data, tool))
    if tool in {"", "poetry"}:
        enriched = {dependency.name for dependency in found}
        found += [d for d in _poetry(table(data, "tool", "poetry")) if d.name not in enriched]
    elsewhere = _elsewhere(data)
    kept = []
    for d in found:
        if d.name == own or (tool and d.name in elsewhere["absent"]):
            continue
        allowed = None if d.name in elsewhere["other"] else d.allowed
        kept.append(replace(d, allowed=allowed))
    return Manifest(own, tuple(kept))


def _elsewhere(data: dict[str, Any]) -> dict[str, set[str]]:
    """Names whose version comes from elsewhere (`other`), and names that the resolver is told to leave out (`absent`)."""
    uv, pdm = table(data, "tool", "uv"), table(data, "tool", "pdm", "resolution")
    poetry = table(data, "tool", "poetry", "dependencies")
    placed = {name for name, wanted in poetry.items() if isinstance(wanted, dict) and wanted.keys() & _PLACES}
    other = {*table(uv, "sources"), *table(pdm, "overrides"), *placed}
    other |= {re.split(r"[^\w.-]", spelled, maxsplit=1)[0] for spelled in texts(uv.get("override-dependencies"))}
    absent = {*texts(uv.get("exclude-dependencies")), *texts(pdm.get("excludes"))}
    return {"other": _normal(other), "absent": _normal(absent)}


def _normal(names: set[str]) -> set[str]:
    from packaging.utils import canonicalize_name

    return {canonicalize_name(name) for name in names}


def _pep621(data: dict[str, Any], tool: str) -> Iterator[Dependency]:
    project = table(data, "project")
    yield from _listed(project.get("dependencies"), "default")
    if tool == "pip":
        return
    for group, listed in table(project, "optional-dependencies").items():
        yield from _listed(listed, group)
    if tool != "poetry":  # Poetry locks PEP 735 groups only since 2.2
        for group, listed in table(data, "dependency-groups").items():
            yield from _listed(listed, group)
    if tool in {"", "uv"}:
        yield from _listed(table(data, "tool", "uv").get("dev-dependencies"), "dev")
    if tool in {"", "pdm"}:
        for group, listed in table(data, "tool", "pdm", "dev-dependencies").items():
            yield from _listed(listed, group)


def _listed(listed: object, group: str) -> Iterator[Dependency]:
    """PEP 508 texts. What is not one is left out: the build backend refuses it."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    for spelled in texts(listed) if isinstance(listed, list) else []:
        try:
            wanted = Requirement(spelled[:4_096])
        except (InvalidRequirement, RecursionError):
            continue
        allowed = None if wanted.url else str(wanted.specifier)
        name = canonicalize_name(wanted.name)
        yield Dependency(name, allowed, wanted.marker is None, group, re.escape(spelled))


def _poetry(poetry: dict[str, Any]) -> Iterator[Dependency]:
    groups = {"default": table(poetry, "dependencies"), "dev": table(poetry, "dev-dependencies")}
    groups |= {name: table(group, "dependencies") for name, group in table(poetry, "group").items()}
    for group, wanted in groups.items():
        for name, constraint in wanted.items():
            if name.lower() != "python":
                yield _pair(name, constraint, group, poetry_versions)


def pipfile(document: str) -> Manifest:
    """`[packages]` (locked as `default`) and `[dev-packages]` (`develop`)."""
    data = load_toml(document, "Pipfile")
    found = [
        _pair(name, constraint, group, lambda allowed: "" if allowed == "*" else allowed)
        for section, group in (("packages", "default"), ("dev-packages", "develop"))
        for name, constraint in table(data, section).items()
    ]
    return Manifest("", tuple(found))


def _pair(name: str, constraint: object, group: str, versions: Callable[[str], str | None]) -> Dependency:
    """`name = "constraint"` or `name = {version = …, git = …, markers = …}`, as Poetry and Pipenv have it."""
    from packaging.utils import canonicalize_name

    details = constraint if isinstance(constraint, dict) else {}
    allowed = versions(constraint) if isinstance(constraint, str) else None
    if details and not details.keys() & _PLACES:
        allowed = versions(text(details.get("version")) or "*")
    conditional = isinstance(constraint, list) or any(
        key in details for key in ("markers", "python", "platform", "platform_system", "sys_platform", "os_name")
    )
    pattern = rf"^[ \t]*[\"']?{re.escape(name)}[\"']?[ \t]*="
    return Dependency(canonicalize_name(name), allowed, not conditional, group, pattern)


def poetry_versions(constraint: str) -> str | None:
    """A Poetry constraint as a PEP 440 one; None where it has no equal (`||`)."""
    parts = [part for part in re.split(r"[,\s]+", re.sub(r"([<>=!~^]+)\s+", r"\1", constraint.strip()[:500])) if part]
    translated = [_poetry_part(part) for part in parts]
    return None if any(part is None for part in translated) else ",".join(part for part in translated if part)


def _poetry_part(part: str) -> str | None:
    if part == "*":
        return ""
    if re.match(r"(?:==|!=|<=|>=|<|>|~=)\s*\d", part):
        return part
    match = re.fullmatch(r"([\^~=]?)v?((\d+)(?:\.(\d+))?(?:\.(\d+))?\S*)", part)
    if not match:
        return None
    sign, version, numbers = match[1], match[2], [int(n) for n in match.groups()[2:] if n is not None]
    if sign in {"", "="}:
        return f"=={version}"
    at = min(1, len(numbers) - 1) if sign == "~" else next((i for i, n in enumerate(numbers) if n), len(numbers) - 1)
    ceiling = ".".join(str(n) for n in (*numbers[:at], numbers[at] + 1))
    return f">={version},<{ceiling}"


def package_json(document: str) -> Manifest:
    """Read `dependencies`, `devDependencies` and `optionalDependencies` of npm."""
    data = load_json(document, "package.json")
    optional = table(data, "optionalDependencies")
    found = []
    for group in ("dependencies", "devDependencies", "optionalDependencies"):
        for name, allowed in table(data, group).items():
            spelled = text(allowed)
            pattern = rf'"{re.escape(name)}"\s*:\s*"{re.escape(spelled)}"'
            known = None if re.search(r"[:/]", spelled) else spelled
            found.append(Dependency(name, known, name not in optional, group, pattern))
    return Manifest(text(data.get("name")), tuple(found))


def requirements_in(document: str, name: str) -> Manifest:
    """The direct requirements of a `.in` file."""
    from assaymark.library.requirements import read

    found = [
        Dependency(r.name, r.specifier, not r.marker, "default", rf"^[ \t]*{re.escape(r.text)}")
        for r in read(document, name).requirements
        if r.form == "index"
    ]
    return Manifest("", tuple(found))
