"""DAT010."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.data.yamltags import PythonTag


@check("DAT010", layer=Layer.DATA, severity=Severity.HIGH, since="0.1", refs=("CWE:502",))
def yaml_imports_python(tag: PythonTag) -> Iterator[Hit]:
    """A YAML tag imports a Python module or makes an object of its class when the file is loaded.

    Why: An unsafe loader imports the module, which runs its code, and hands the object a state that the file chose.
    Fix: Write plain values and read the file with `yaml.safe_load`.
    """
    if tag.form not in {"object/apply", "object/new"} and not tag.inert:
        yield Hit(
            f"!!python/{tag.form}:{tag.name} needs {tag.name or 'Python'} on load",
            line=tag.line,
            symbol=f"{tag.form}:{tag.name}",
            excerpt=tag.excerpt,
        )
