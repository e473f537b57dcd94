"""MDL246."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.origin.views import Documentation


@check("MDL246", layer=Layer.MODEL, severity=Severity.LOW, since="0.1", refs=("CWE:1059",))
def undocumented(card: Documentation) -> Iterator[Hit]:
    """A card leaves out what a reviewer has to know.

    Why: Without training data, method, evaluation, limits, licence and use nobody can say whether the model may be used, and
    for what. An empty form looks like documentation and is none.
    Fix: Fill in the sections that are named, or ask the publisher for them.
    """
    lacking = [section for section in card.sections if section.lacks]
    if lacking:
        named = ", ".join(f"{section.what} ({section.state.value})" for section in lacking)
        yield Hit(
            f"a reviewer lacks: {named}", line=min((s.line for s in lacking if s.line), default=None), symbol="sections"
        )
