"""What a bill of materials says against what was seen where the model runs: libraries, bytes, image, driver, settings."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assaymark.bom.build.environment import Distribution, Environment
from assaymark.bom.document import Bom, Component, Place, Status
from assaymark.bom.drift_expected import Expected, expected
from assaymark.core.finding import Severity
from assaymark.core.graph import EdgeKind, NodeKind
from assaymark.core.snapshot import ABSENT, Snapshot, diff

SCHEMA = "assaymark/drift-report/v1"
_TOOLS = frozenset({"pip", "setuptools", "wheel", "uv", "virtualenv", "distribute"})
"""What comes with an environment, whatever is locked."""
_LOADERS = frozenset(
    {
        "torch", "numpy", "transformers", "safetensors", "tensorflow", "keras", "jax", "jaxlib", "flax", "onnxruntime",
        "onnx", "scikit-learn", "joblib", "xgboost", "lightgbm", "catboost", "peft", "accelerate", "tokenizers", "vllm",
        "diffusers", "sentence-transformers", "bitsandbytes", "triton", "scipy", "pandas", "torchvision", "huggingface-hub",
    }
)  # fmt: skip
"""Libraries that load or compute models: another version of one may give other results."""
_RUNTIMES = {"CUDA": "cuda", "cuDNN": "cudnn", "NCCL": "nccl", "ROCm": "rocm"}
_AS_PYPI = {
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
    "matplotlib-base": "matplotlib",
    "msgpack-python": "msgpack",
}
"""Packages that conda calls otherwise."""
_QUIET = re.compile(r"PYTHONPATH|LD_LIBRARY_PATH|LANG|LC_ALL|TZ|HF_.*|NVIDIA_(?:PRODUCT|REQUIRE).*")
"""Settings that differ from machine to machine and seldom matter."""
_HOOK = "69ac3d8f27e679c81b94ab30b3b56e9cd138219b1ba94a1fa3606d5a76a1433d"
"""sha256 of `import _virtualenv`, which virtualenv and uv write into each environment."""
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as declared. `code` keeps its meaning; `places` are those of the declaration."""

    code: str
    severity: Severity
    name: str
    what: str
    declared: str
    observed: str
    step: str
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Drift:
    """The whole comparison, worst first. `blind`: (what, why) of what could not be compared."""

    differences: tuple[Difference, ...]
    blind: tuple[tuple[str, str], ...]
    libraries: int
    """Libraries of the BOM that could be compared."""
    installed: int
    agreed: int
    """Libraries whose version is the declared one."""
    verified: int
    """Installed packages whose bytes were hashed and agree with RECORD."""

    def matters(self, threshold: Severity = Severity.MEDIUM) -> tuple[Difference, ...]:
        """Those that are as bad as this, or worse."""
        return tuple(one for one in self.differences if one.severity >= threshold)

    @property
    def looked(self) -> bool:
        """There was anything to compare."""
        return bool(self.libraries)


def drift(bom: Bom, seen: Environment) -> Drift:
    """Compare a BOM with a snapshot of an environment."""
    blind: list[tuple[str, str]] = [(f"environment: {what}", why) for what, why in seen.gaps]
    wanted = expected(bom, seen, blind)
    found: list[Difference] = []
    agreed = 0
    installed = {(row.manager, row.name): row for row in seen.distributions}
    conda = any(row.manager == "conda" for row in seen.distributions)
    strange = 0
    for one in wanted:
        row = _installed(one, installed)
        if row is None and one.manager == "conda" and not conda:
            strange += 1
        elif row is None:
            found += _missing(one)
        else:
            differing = list(_version(one, row)) + list(_archive(one, row))
            agreed += not differing
            found += differing
    if strange:
        blind.append(("conda packages", f"{strange} are declared; this environment has no list of conda's"))
    found += _extra(wanted, seen.distributions)
    found += _bytes(seen.distributions)
    if wanted and not seen.verified:
        blind.append(
            ("bytes of packages", "the snapshot was made with --no-verify: only names and versions were compared")
        )
    found += _startup(bom, seen)
    found += _image(bom, seen, blind)
    found += _hosts(bom, seen, blind)
    found += _settings(bom, seen)
    if not wanted:
        blind.append(("libraries", "the BOM names no Python or conda library: nothing says what should be installed"))
    verified = sum(row.verified and not row.changed and not row.missing for row in seen.distributions)
    order = sorted(set(found), key=lambda one: (-one.severity, one.code, one.name, one.observed))
    return Drift(tuple(order), tuple(sorted(set(blind))), len(wanted), len(seen.distributions), agreed, verified)


def _installed(one: Expected, installed: Mapping[tuple[str, str], Distribution]) -> Distribution | None:
    row = installed.get((one.manager, one.name))
    if row is None and one.manager == "conda":  # the same package, as Python sees it
        row = installed.get(("pypi", _AS_PYPI.get(one.name, one.name)))
    return row


def _missing(one: Expected) -> Iterator[Difference]:
    if not one.needed:
        return
    severity = Severity.LOW if one.optional else Severity.HIGH if one.direct else Severity.MEDIUM
    why = f" (group {', '.join(one.groups[:3])})" if one.optional else ""
    what = f"{one.name} is declared and not installed{why}"
    step = "install from the lock: uv sync --locked, pip install --require-hashes -r requirements.txt"
    yield Difference("missing-library", severity, one.name, what, one.shown, "", step, one.places)


def _version(one: Expected, row: Distribution) -> Iterator[Difference]:
    if not one.versions:
        if one.specifier and not _satisfied(row.version, one.specifier):
            what = f"{one.name} {row.version} is outside of what is asked for"
            yield Difference(
                "other-version", Severity.HIGH, one.name, what, one.specifier, row.version, _RELOCK, one.places
            )
        return
    if any(_same(row.version, version) for version in one.versions):
        if row.build and one.builds and row.build not in one.builds:
            what = f"{one.name} {row.version} is another build"
            shown = ", ".join(one.builds[:_SHOWN])
            yield Difference("other-build", Severity.MEDIUM, one.name, what, shown, row.build, _RELOCK, one.places)
        return
    severity = Severity.HIGH if one.direct or one.name in _LOADERS else Severity.MEDIUM
    what = f"{one.name} {row.version} is installed, not {one.shown}"
    yield Difference("other-version", severity, one.name, what, one.shown, row.version, _RELOCK, one.places)


_RELOCK = "install from the lock, or build the BOM anew from what really runs"


def _same(one: str, other: str) -> bool:
    """Equal by PEP 440; a local label (`+cu124`) counts only where both have one."""
    from packaging.version import InvalidVersion, Version

    if one == other:
        return True
    try:
        left, right = Version(one), Version(other)
    except InvalidVersion:
        return False
    if left.local and right.local:
        return left == right
    return Version(left.public) == Version(right.public)


def _satisfied(version: str, specifier: str) -> bool:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion

    try:
        return SpecifierSet(specifier).contains(version, prereleases=True)
    except (InvalidSpecifier, InvalidVersion):
        return True


def _archive(one: Expected, row: Distribution) -> Iterator[Difference]:
    if row.digests and one.digests and not set(row.digests) & set(one.digests):
        what = f"{one.name} was installed from an archive that the lock does not name"
        shown = f"{len(one.digests)} digests"
        step = "find out where it came from; install from the lock with --require-hashes"
        yield Difference("other-archive", Severity.HIGH, one.name, what, shown, row.digests[0], step, one.places)


def _extra(wanted: Sequence[Expected], rows: Iterable[Distribution]) -> Iterator[Difference]:
    names = {one.name for one in wanted} | {_AS_PYPI[one.name] for one in wanted if one.name in _AS_PYPI}
    if not names:
        return
    managers = {one.manager for one in wanted}
    for row in rows:
        if row.name not in names and (row.manager == "pypi" or row.manager in managers):
            severity = Severity.INFO if row.name in _TOOLS or row.url.startswith("file:") else Severity.LOW
            what = f"{row.name} {row.version} is installed and not declared"
            step = f"add it to the lock, or uninstall it: pip uninstall {row.name}"
            yield Difference("extra-library", severity, row.name, what, "", row.version, step)


def _bytes(rows: Iterable[Distribution]) -> Iterator[Difference]:
    for row in rows:
        if row.changed:
            what = f"files of {row.name} {row.version} are not those that were installed: {', '.join(row.changed[:_SHOWN])}"
            step = f"find out who changed them; pip install --force-reinstall --no-deps {row.name}=={row.version}"
            shown = f"{len(row.changed)} changed"
            yield Difference("changed-bytes", Severity.HIGH, row.name, what, row.record, shown, step)
        if row.missing:
            what = f"files of {row.name} {row.version} are gone: {', '.join(row.missing[:_SHOWN])}"
            step = f"pip install --force-reinstall --no-deps {row.name}=={row.version}"
            shown = f"{len(row.missing)} missing"
            yield Difference("missing-files", Severity.MEDIUM, row.name, what, row.record, shown, step)


def _startup(bom: Bom, seen: Environment) -> Iterator[Difference]:
    """Files that run at every start of Python and that no package brought."""
    known: set[tuple[str, str]] = set()
    told = False
    for component in bom.components:
        listed = component.value("startup")
        if component.kind is NodeKind.ENVIRONMENT and isinstance(listed, list):
            told = True
            known |= {(str(r.get("path")), str(r.get("sha256"))) for r in listed if isinstance(r, dict)}
    for path, digest in seen.startup:
        if (path, digest) in known:
            continue
        hook = digest == _HOOK or path == "_virtualenv.py"
        severity = Severity.HIGH if told else Severity.INFO if hook else Severity.LOW
        what = f"{path} is read at every start of Python and belongs to no package"
        step = "look at it; make the environment anew from its lock if nobody knows it"
        yield Difference("startup-file", severity, path, what, "", f"sha256:{digest}", step)


def _hosted(bom: Bom, kind: NodeKind) -> list[Component]:
    """What anything of the BOM runs on, of one kind."""
    refs = {relation.target for relation in bom.relations if relation.kind is EdgeKind.RUNS_ON}
    return [component for component in bom.components if component.kind is kind and component.ref in refs]


def _image(bom: Bom, seen: Environment, blind: list[tuple[str, str]]) -> Iterator[Difference]:
    images = _hosted(bom, NodeKind.IMAGE)
    if not images:
        return
    digests = {f"sha256:{c.text('sha256')}": c for c in images if c.text("sha256")}
    observed = seen.image.get("digest", "")
    if not observed:
        blind.append(("image", "the BOM names one; the environment does not say from which it was started"))
    elif not digests:
        blind.append(("image", "the BOM names images by tag alone: no digest to compare"))
    elif observed not in digests:
        shown = ", ".join(sorted(digests)[:_SHOWN])
        what = f"the environment was started from another image than {images[0].name}"
        places = images[0].facts["name"].places if "name" in images[0].facts else ()
        step = "deploy the image by the digest that the BOM names"
        yield Difference("other-image", Severity.HIGH, images[0].name, what, shown, observed, step, places)


def _hosts(bom: Bom, seen: Environment, blind: list[tuple[str, str]]) -> Iterator[Difference]:
    """Runtimes, interpreter, drivers and devices."""
    observed = {title: seen.accelerator.get(key, "") for title, key in _RUNTIMES.items()}
    if seen.python.get("version"):
        observed[seen.python.get("implementation", "CPython")] = seen.python["version"]
    yield from _numbers(_hosted(bom, NodeKind.PLATFORM), observed, "other-runtime", blind)
    yield from _numbers(_hosted(bom, NodeKind.DRIVER), seen.drivers, "other-driver", blind)
    devices = [c for c in _hosted(bom, NodeKind.DEVICE) if c.facts["name"].status is Status.OBSERVED and c.text("name")]
    names = {device.name for device in seen.devices}
    declared = {device.name for device in devices}
    if devices and not names:
        blind.append(("devices", f"the BOM names {', '.join(sorted(declared)[:_SHOWN])}; no accelerator is seen here"))
    elif devices and not names & declared:
        shown, here = ", ".join(sorted(declared)[:_SHOWN]), ", ".join(sorted(names)[:_SHOWN])
        what = f"it runs on {here}, not on {shown}"
        step = "results may differ in the last digits: evaluate it on this device"
        yield Difference("other-device", Severity.MEDIUM, shown, what, shown, here, step)


def _numbers(
    components: Sequence[Component], observed: Mapping[str, str], code: str, blind: list[tuple[str, str]]
) -> Iterator[Difference]:
    by_name: dict[str, list[Component]] = {}
    for component in components:
        if component.text("version") and (
            component.name in observed or code == "other-driver" or component.name in _RUNTIMES
        ):
            by_name.setdefault(component.name, []).append(component)
    for name, declared in sorted(by_name.items()):
        versions = sorted({component.text("version") for component in declared})
        here = observed.get(name, "")
        if not here:
            blind.append((name, f"the BOM names {', '.join(versions[:_SHOWN])}; none is seen here"))
        elif not any(_prefixed(here, version) for version in versions):
            inferred = all(c.facts["version"].status is Status.INFERRED for c in declared)
            major = any(here.split(".")[0] == version.split(".")[0] for version in versions)
            severity = Severity.LOW if inferred and major else Severity.MEDIUM if major else Severity.HIGH
            shown = ", ".join(versions[:_SHOWN])
            what = f"{name} {here} is here, not {shown}"
            step = f"use {name} {versions[-1]}, or evaluate the model with what is here and build the BOM anew"
            yield Difference(code, severity, name, what, shown, here, step, declared[0].facts["version"].places)


def _prefixed(one: str, other: str) -> bool:
    """The same as far as both say."""
    left, right = one.split("."), other.split(".")
    shared = min(len(left), len(right))
    return left[:shared] == right[:shared]


def _settings(bom: Bom, seen: Environment) -> Iterator[Difference]:
    """Settings against those of a snapshot that the BOM was built with."""
    for component in bom.components:
        declared = component.value("settings")
        if component.kind is not NodeKind.ENVIRONMENT or not isinstance(declared, dict):
            continue
        old = Snapshot("environment", "settings", "", declared)
        new = Snapshot("environment", "settings", "", dict(seen.settings))
        for change in diff(old, new):
            name = change.pointer[1:].replace("~1", "/").replace("~0", "~")
            severity = Severity.LOW if _QUIET.fullmatch(name) else Severity.MEDIUM
            before, after = (_shown(value) for value in (change.before, change.after))
            what = f"{name} is {after or 'not set'}, and was {before or 'not set'}"
            places = component.facts["settings"].places
            step = f"set {name} as it was, or evaluate the model with it"
            yield Difference("other-setting", severity, name, what, before, after, step, places)


def _shown(value: Any) -> str:
    return "" if value is ABSENT else str(value)[:200]


def report(found: Drift, bom: str, environment: str) -> dict[str, Any]:
    """The comparison as JSON (docs/schemas/drift-report-v1.schema.json)."""
    return {
        "schema": SCHEMA,
        "bom": bom,
        "environment": environment,
        "libraries": found.libraries,
        "installed": found.installed,
        "agreed": found.agreed,
        "verified": found.verified,
        "differences": [
            {
                "code": one.code,
                "severity": one.severity.word,
                "name": one.name,
                "what": one.what,
                "declared": one.declared,
                "observed": one.observed,
                "step": one.step,
                "places": [{"path": place.path, "at": place.at} for place in one.places[:20]],
            }
            for one in found.differences
        ],
        "not_compared": [{"what": what, "why": why} for what, why in found.blind],
    }
