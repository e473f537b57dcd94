"""MDL059."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.jinja_difference import TemplateDifference


@check(
    "MDL059",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:506", "ATLAS:AML.T0051", "OWASP-LLM:LLM03"),
)
def template_says_what_its_base_does_not(seen: TemplateDifference) -> Iterator[Hit]:
    """A chat template writes sentences or an address that the template of its base has not.

    Why: They stand before every prompt, and the model obeys them as it obeys its operator. Repaired templates and added tool
    descriptions have such sentences as well: only a reader can tell.
    Fix: Read the sentence. If it is the publisher's own, accept it with a reasoned ignore; else load the base's template.
    """
    for line, what in seen.says:
        yield Hit(
            f"the template {seen.origin} {what}; that of {seen.base} does not",
            line=line,
            symbol=f"{seen.origin}: {what}",
        )
