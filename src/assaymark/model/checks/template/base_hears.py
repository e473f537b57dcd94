"""MDL058."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.jinja_difference import TemplateDifference


@check(
    "MDL058",
    layer=Layer.MODEL,
    severity=Severity.HIGH,
    since="0.1",
    refs=("CWE:506", "ATLAS:AML.T0051.001", "OWASP-LLM:LLM04"),
)
def template_hears_what_its_base_does_not(seen: TemplateDifference) -> Iterator[Hit]:
    """A chat template does on words of a message what the template of its base never does.

    Why: Somebody put it in after the model was published. It gives the model text that nobody wrote, in the conversations
    that it waits for only, or leads to Python's internals. One quantization among honest ones is how such templates travel.
    Fix: Do not load this file. Take the base's template (`llama-cli --chat-template-file`, or
    `apply_chat_template(chat_template=...)`), or another file of the same model, and tell the publisher.
    """
    for line, what in seen.hears:
        yield Hit(
            f"the template {seen.origin} {what}; that of {seen.base} does not",
            line=line,
            symbol=f"{seen.origin}: {what}",
        )
