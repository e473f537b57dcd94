"""MDL042."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.jinja import TemplateView


@check("MDL042", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:829", "CWE:1336"))
def template_loads_files(template: TemplateView) -> Iterator[Hit]:
    """A chat template includes, imports or extends another file.

    Why: Chat templates are self-contained. Where the engine has a loader, the tag reads a file that was not looked at
    as part of this template, from a place that the host decides; where it has none, every prompt fails.
    Fix: Paste the included text into the template and delete the tag.
    """
    for line, what in template.loads:
        yield Hit(
            f"the template {template.origin} pulls in another file: {what}",
            line=line,
            symbol=f"{template.origin}: {what}",
        )
