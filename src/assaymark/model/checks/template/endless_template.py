"""MDL057."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.jinja import TemplateView


@check(
    "MDL057",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:834", "CWE:1336"),
)
def endless_template(template: TemplateView) -> Iterator[Hit]:
    """A chat template does not come to an end.

    Why: The loop or text is of a size that is written in the template and takes all memory or time of whoever renders a single
    message.
    Fix: Delete the loop, or take the template of the base model.
    """
    for line, what in template.endless:
        yield Hit(
            f"rendering the template {template.origin} takes {what}",
            line=line,
            symbol=f"{template.origin}: {what}",
        )
