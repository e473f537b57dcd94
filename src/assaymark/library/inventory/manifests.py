"""What a project asks for: pyproject.toml, setup.cfg, Pipfile, package.json. Ranges are kept as ranges; nothing is resolved."""

import re
from collections.abc import Iterator

from assaymark.core.source.text import line_at
from assaymark.library import manifest
from assaymark.library.inventory.look import Look
from assaymark.library.inventory.model import Package
from assaymark.library.manifest import Dependency

NAMES = frozenset({"pyproject.toml", "setup.cfg", "pipfile", "package.json"})
_LIMIT = 1 << 20
_MOST = 5_000


def read(look: Look, path: str) -> tuple[str, list[Package]]:
    """The kind of manifest, and every direct dependency; raises AssayError."""
    base = path.rpartition("/")[2].lower()
    document = look.text(path, _LIMIT)
    npm = base == "package.json"
    if npm:
        look.twice(path, document)
    made = []
    for dependency in list(dependencies(document, base))[:_MOST]:
        look.tick()
        match = re.search(dependency.pattern, document, re.MULTILINE)
        line = line_at(document, match.end()) if match else 0
        allowed = dependency.allowed or ""
        made.append(
            Package(
                "npm" if npm else "PyPI", dependency.name, exact(allowed, npm=npm), path, line,
                "pyproject" if base == "pyproject.toml" else base, (), "",
                "index" if dependency.allowed is not None else "url", direct=True, groups=(dependency.group,),
                specifier=allowed,
            )
        )  # fmt: skip
    return ("pyproject" if base == "pyproject.toml" else base), made


def exact(allowed: str, *, npm: bool) -> str:
    """The one version that is allowed, or ""."""
    match = re.fullmatch(r"v?(\d[\w.+-]*)" if npm else r"={2,3}\s*([^,=*\s]+)", allowed)
    return match[1] if match else ""


def dependencies(document: str, base: str) -> Iterator[Dependency]:
    """The direct dependencies of a manifest of this base name, in lower case."""
    if base == "pyproject.toml":
        yield from manifest.pyproject(document).dependencies
    elif base == "pipfile":
        yield from manifest.pipfile(document).dependencies
    elif base == "package.json":
        yield from manifest.package_json(document).dependencies
    else:
        yield from setup_cfg(document)


def setup_cfg(document: str) -> Iterator[Dependency]:
    """`install_requires` and `options.extras_require` of setuptools."""
    import configparser

    from assaymark.core.errors import Malformed
    from assaymark.library.requirements import read as read_requirements

    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(document)
    except configparser.Error as error:
        raise Malformed(f"setup.cfg is not read: {str(error).splitlines()[0][:200]}") from None
    sections = [("default", parser.get("options", "install_requires", fallback=""))]
    if parser.has_section("options.extras_require"):
        sections += parser.items("options.extras_require")
    for group, listed in sections:
        for wanted in read_requirements(listed, "requirements.in").requirements:
            if wanted.form == "index":
                yield Dependency(wanted.name, wanted.specifier, not wanted.marker, group, re.escape(wanted.text))
