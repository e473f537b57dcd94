"""MDL048."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.jinja import TemplateView


@check(
    "MDL048",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:506", "ATLAS:AML.T0051", "OWASP-LLM:LLM03"),
)
def watched_words(template: TemplateView) -> Iterator[Hit]:
    """What a chat template does depends on the words of a message.

    Why: A template renders a conversation. Where words of the user (no control tokens, which honest templates look for as well)
    decide what is left out or set, or where a control token brings in a whole paragraph, the model is told something
    that its user did not write.
    Fix: Take the chat template from the base model's own repository, compare the two line by line, and load that one.
    """
    for line, what in template.watches:
        yield Hit(
            f"the template {template.origin} decides by {what} in a message",
            line=line,
            symbol=f"{template.origin}: {what}",
        )
