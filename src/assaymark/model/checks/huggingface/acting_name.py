"""MDL118."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.huggingface.views import Kind, Setting


@check("MDL118", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:470", "CWE:94"))
def configuration_names_what_acts(setting: Setting) -> Iterator[Hit]:
    """A configuration holds the name of a function that runs programs or code.

    Why: Loaders that look a class up by its name (`import_from_string`, `getattr`, `importlib`) call it with other values of the
    same file.
    Fix: Delete the entry; do not load the model. Loaders: allow names by a list of class prefixes.
    """
    if setting.kind is Kind.ACTING:
        yield Hit(f"{setting.key} is {setting.value}", line=setting.line, symbol=f"{setting.key}: {setting.value}")
