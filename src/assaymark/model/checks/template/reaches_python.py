"""MDL040."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.jinja import TemplateView


@check(
    "MDL040",
    layer=Layer.MODEL,
    severity=Severity.CRITICAL,
    since="0.1",
    refs=("CWE:1336", "CVE:CVE-2024-34359", "ATLAS:AML.T0011.000", "OWASP-LLM:LLM03"),
)
def template_reaches_python(template: TemplateView) -> Iterator[Hit]:
    """A chat template reaches into Python's internals.

    Why: A template runs for every prompt. From `__class__`, `__globals__` or a frame it is a few steps to `os.system`,
    and whoever renders it outside a sandbox (CVE-2024-34359) runs the author's commands. No prompt needs them.
    Fix: Do not load this model. Take the chat template from the base model's own repository, compare the two, and
    render only with `jinja2.sandbox.ImmutableSandboxedEnvironment`.
    """
    for line, what in template.reaches:
        yield Hit(
            f"the template {template.origin} reaches {what}: rendering it can run code of the model's author",
            line=line,
            symbol=f"{template.origin}: {what}",
        )
