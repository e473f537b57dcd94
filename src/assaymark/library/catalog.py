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
)
_MANIFESTS = (".toml", ".json", ".txt", ".in", "pipfile", "requirements.pip")
PROJECTS: tuple[Project, ...] = (
    Project("dependencies", "assaymark.library.project", (f"{_CHECKS}.project",), _MANIFESTS),
    Project("constraints", "assaymark.library.constraints", (f"{_CHECKS}.requirements",), _MANIFESTS),
)
FACTS: tuple[str, ...] = ()
