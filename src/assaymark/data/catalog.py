"""What the data layer can recognise, and which module and checks look at it."""

from assaymark.core.format import Format, Project
from assaymark.data.names import is_dataset_script, is_rows, is_table, is_tagged_yaml

_ROOM = "assaymark.data"
_CHECKS = f"{_ROOM}.checks"

FORMATS: tuple[Format, ...] = (
    Format("table", is_table, f"{_ROOM}.tables", (f"{_CHECKS}.table", f"{_CHECKS}.rows")),
    Format("rows", is_rows, f"{_ROOM}.rows", (f"{_CHECKS}.rows",)),
    Format("dataset-script", is_dataset_script, f"{_ROOM}.scripts", (f"{_CHECKS}.script",)),
    Format("yaml-tags", is_tagged_yaml, f"{_ROOM}.yamltags", (f"{_CHECKS}.yamltags",)),
)
PROJECTS: tuple[Project, ...] = (Project("dataset", f"{_ROOM}.scripts", (f"{_CHECKS}.script",), ("readme.md",)),)
FACTS: tuple[str, ...] = (f"{_CHECKS}.facts",)
