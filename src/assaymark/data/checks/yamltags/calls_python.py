"""DAT005."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.data.yamltags import PythonTag


@check("DAT005", layer=Layer.DATA, severity=Severity.CRITICAL, since="0.1", refs=("CWE:502", "CWE:94"))
def yaml_calls_python(tag: PythonTag) -> Iterator[Hit]:
    """A YAML tag calls a Python function when the file is loaded.

    Why: `yaml.load(f, Loader=yaml.Loader)`, `unsafe_load` and PyYAML before 5.1 call what `!!python/object/apply:` and
    `object/new:` name, with arguments from the file.
    Fix: Delete the tagged value and read the file with `yaml.safe_load`, which refuses such tags.
    """
    if tag.form in {"object/apply", "object/new"} and not tag.inert:
        yield Hit(
            f"!!python/{tag.form}:{tag.name} calls {tag.name or 'something'} on load",
            line=tag.line,
            symbol=f"{tag.form}:{tag.name}",
            excerpt=tag.excerpt,
        )
