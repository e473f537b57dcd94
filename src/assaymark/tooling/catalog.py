"""What the tooling layer can recognise, and which module and checks look at it."""

from assaymark.core.format import Format, Project
from assaymark.tooling.names import is_notebook, is_other_yaml, is_pipeline, is_script, is_settings

_ROOM = "assaymark.tooling"
_CHECKS = f"{_ROOM}.checks"
_PIPELINE = (f"{_CHECKS}.pipeline", f"{_CHECKS}.credential")

FORMATS: tuple[Format, ...] = (
    Format("notebook", is_notebook, f"{_ROOM}.notebook", (f"{_CHECKS}.notebook",)),
    Format("pipeline", is_pipeline, f"{_ROOM}.pipelines", _PIPELINE),
    Format("yaml", is_other_yaml, f"{_ROOM}.documents", _PIPELINE),
    Format("settings", is_settings, f"{_ROOM}.settings", (f"{_CHECKS}.credential",)),
    Format("script", is_script, f"{_ROOM}.settings", (f"{_CHECKS}.credential",)),
)
PROJECTS: tuple[Project, ...] = ()
FACTS: tuple[str, ...] = ()
