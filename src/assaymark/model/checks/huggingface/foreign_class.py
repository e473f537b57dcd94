"""MDL106."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.huggingface.views import Kind, Setting


@check("MDL106", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:829",))
def component_of_a_foreign_package(setting: Setting) -> Iterator[Hit]:
    """A component's class comes from a package that the library does not bring.

    Why: The loader imports whatever is installed under that name; a package with it may be anyone's.
    Fix: Say which package and version it is and lock it with its hash, or use a class of the library itself.
    """
    if setting.kind is Kind.FOREIGN:
        yield Hit(
            f"{setting.key} is made by {setting.value}", line=setting.line, symbol=f"{setting.key}: {setting.value}"
        )
