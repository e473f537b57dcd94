"""MDL202."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.huggingface.views import Kind, Setting


@check("MDL202", layer=Layer.MODEL, severity=Severity.LOW, since="0.1", refs=("CWE:829",))
def pipeline_needs_a_function(setting: Setting) -> Iterator[Hit]:
    """A spaCy pipeline needs a registered function that spaCy does not bring.

    Why: The package that registers it is imported by its entry point, and its code runs when the pipeline is made.
    Fix: Say which package and version it is in `meta.json` "requirements", and lock it with its hash.
    """
    if setting.kind is Kind.FUNCTION:
        yield Hit(f"{setting.key} is {setting.value}", line=setting.line, symbol=f"{setting.key}: {setting.value}")
