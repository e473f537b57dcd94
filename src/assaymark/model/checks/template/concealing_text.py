"""MDL049."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.jinja import TemplateView


@check(
    "MDL049",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:506", "ATLAS:AML.T0051", "OWASP-LLM:LLM01"),
)
def concealing_text(template: TemplateView) -> Iterator[Hit]:
    """A chat template has text that is meant to go unseen.

    Why: Invisible characters are read by the model and by nobody else; a prompt that asks for silence about itself works
    against the person who uses the model.
    Fix: Take the chat template from the base model's own repository, compare the two line by line, and load that one.
    """
    for line, what in template.conceals:
        yield Hit(
            f"the template {template.origin} has {what}",
            line=line,
            symbol=f"{template.origin}: {what}",
        )
