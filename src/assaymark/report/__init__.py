"""A scan report in the forms that people and machines read. Pure: records of `core.scan` in, one document out.

Each form is a module with `render(report, rules) -> str`, imported when it is asked for. `rules` says what the ids in
the report mean; a finding whose rule is not among them is shown without its why and fix.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from assaymark.core.check import Rule
from assaymark.core.scan import ScanReport

FORMATS: Mapping[str, str] = {
    name: f"{__name__}.{name}" for name in ("text", "json", "sarif", "junit", "markdown", "html")
}
"""Format name -> module that renders it."""


def render(name: str, report: ScanReport, rules: Mapping[str, Rule], **options: Any) -> str:
    """The document, ending in a newline. Only `text` takes options; raises KeyError for an unknown format."""
    document: str = import_module(FORMATS[name]).render(report, rules, **options)
    return document
