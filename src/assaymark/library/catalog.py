"""What the library layer can recognise, and which module and checks look at it.

Lock, requirement and settings files are text whose tools find them by name, so the name is the first thing asked for.
"""

from assaymark.core.format import Format, Project
from assaymark.library import recognise

_CHECKS = "assaymark.library.checks"


def _format(name: str, module: str, asked: recognise.Recognise, *checks: str) -> Format:
    return Format(name, asked, f"assaymark.library.{module}", tuple(f"{_CHECKS}.{package}" for package in checks))


FORMATS: tuple[Format, ...] = (
    _format("requirements", "requirements", recognise.is_requirements, "requirements", "sources"),
    _format("package-settings", "settings", recognise.is_settings, "sources"),
    _format("lock", "lock", recognise.is_lock, "lock", "sources"),
    _format("setup.py", "setup_script", recognise.is_setup_script, "setup_script"),
    # Never met in a scan: `assay deps vet`, `audit` and `lock-check` ask for theirs, and `assay explain` finds their checks here.
    Format("python-package", lambda _head: False, None, ("assaymark.library.checks.vetting",)),
    Format("advisory", lambda _head: False, None, (f"{_CHECKS}.advisories",)),
    Format("inventory", lambda _head: False, None, (f"{_CHECKS}.lockcheck",)),
)
_MANIFESTS = (".toml", ".json", ".txt", ".in", "pipfile", "requirements.pip")
_NAMING = (".toml", ".lock", ".txt", ".in")
PROJECTS: tuple[Project, ...] = (
    Project("dependencies", "assaymark.library.project", (f"{_CHECKS}.project",), _MANIFESTS),
    Project("names", "assaymark.library.confusion.session", (f"{_CHECKS}.names",), _NAMING, _NAMING),
    Project("constraints", "assaymark.library.constraints", (f"{_CHECKS}.requirements",), _MANIFESTS),
)
FACTS: tuple[str, ...] = ()
