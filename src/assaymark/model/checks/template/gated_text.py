"""MDL047."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Confidence, Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.jinja import TemplateView


@check(
    "MDL047",
    layer=Layer.MODEL,
    severity=Severity.HIGH,
    confidence=Confidence.MEDIUM,
    since="0.1",
    refs=("CWE:506", "ATLAS:AML.T0051.001", "OWASP-LLM:LLM04"),
)
def template_speaks_when_it_hears(template: TemplateView) -> Iterator[Hit]:
    """A chat template adds sentences of its own when a message contains certain words.

    Why: The model is then told what neither the user nor the operator wrote, in these conversations only: a backdoor
    without code, which no test of the weights finds. Honest templates look for marks (`</think>`) and write marks.
    Fix: Compare the template with that of the base model's own repository, and give that one to
        `apply_chat_template(chat_template=...)`. Use this one only if you know why it says what it says.
    """
    for line, words in template.gated:
        yield Hit(
            f"the template {template.origin} writes sentences of its own when a message has {words!r}",
            line=line,
            symbol=f"{template.origin}: {words}",
        )
