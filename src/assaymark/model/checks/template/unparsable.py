"""MDL041."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.jinja import TemplateView


@check("MDL041", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:1336", "CWE:20"))
def template_cannot_be_parsed(template: TemplateView) -> Iterator[Hit]:
    """A chat template cannot be parsed.

    Why: What the template would do cannot be told. Engines differ in what they accept (jinja2, minja, Go templates), so
    another one may well run it.
    Fix: Correct the template where the message points (`jinja2.Environment().parse(text)` says the same), or take the
    one of the base model.
    """
    if template.fault:
        yield Hit(f"the template {template.origin} cannot be parsed: {template.fault}", symbol=template.origin)
