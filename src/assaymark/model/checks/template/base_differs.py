"""MDL066."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.jinja_difference import TemplateDifference

_NAMED = 4


@check("MDL066", layer=Layer.MODEL, severity=Severity.LOW, since="0.1", refs=("ATLAS:AML.T0051",))
def template_differs_from_its_base(seen: TemplateDifference) -> Iterator[Hit]:
    """A chat template lays conversations out in another way than the template of its base.

    Why: A model answers worse, or forgets its system prompt, where the layout is not the one that it was trained with. Most such
    differences are repairs.
    Fix: Compare the two at the lines that are named; take the newer one of the base model's own repository.
    """
    if seen.other:
        shown = "; ".join(f"line {line}: {what}" for line, what in seen.other[:_NAMED])
        more = f"; and {len(seen.other) - _NAMED} more" if len(seen.other) > _NAMED else ""
        yield Hit(
            f"the template {seen.origin} has what that of {seen.base} has not: {shown}{more}",
            line=seen.other[0][0],
            symbol=f"{seen.origin}: has",
        )
    if seen.lacks:
        shown = "; ".join(repr(text[:100]) for text in seen.lacks[:_NAMED])
        yield Hit(
            f"the template {seen.origin} does not write what that of {seen.base} does: {shown}",
            symbol=f"{seen.origin}: lacks",
        )
