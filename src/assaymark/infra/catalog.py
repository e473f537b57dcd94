"""What the infrastructure layer can recognise, and which module and checks look at it."""

from assaymark.core.format import Format, Project
from assaymark.infra import recognise

_CHECKS = "assaymark.infra.checks"


def _format(name: str, asked: recognise.Recognise, *checks: str) -> Format:
    return Format(name, asked, f"assaymark.infra.{name}", tuple(f"{_CHECKS}.{package}" for package in checks))


FORMATS: tuple[Format, ...] = (
    _format("dockerfile", recognise.is_dockerfile, "dockerfile", "script"),
    _format("compose", recognise.is_compose, "workload", "script"),
    _format("kubernetes", recognise.is_kubernetes, "workload", "script"),
)
PROJECTS: tuple[Project, ...] = ()
FACTS: tuple[str, ...] = ()
