"""Settings of a model folder that lies in an archive: what they say, without the files beside them.

Whoever unpacks the archive has a model folder. The code that the settings name is looked at as members of the archive.
"""

from collections.abc import Iterator

from assaymark.core.blob import Blob, exact
from assaymark.core.errors import AssayError
from assaymark.core.format import Context, Item
from assaymark.model.formats.jinja import template_view
from assaymark.model.huggingface.configs import read_config
from assaymark.model.huggingface.keys import (
    code_names,
    component_classes,
    escaping_paths,
    foreign_class,
    risky_settings,
)
from assaymark.model.huggingface.views import CodeReference, DuplicateKey
from assaymark.model.torch.part import TorchPart

_LIMIT = 8 << 20


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Yield the views that the checks on model folders read."""
    context.budget.tick()
    if not isinstance(blob, TorchPart) or blob.size > _LIMIT:
        return
    base = blob.path.rpartition("/")[2].lower()
    data = exact(blob, 0, blob.size, base)
    if base.endswith(".jinja"):
        yield template_view(data.decode("utf-8", "replace"), base)
        return
    try:
        config = read_config(data, base)
    except AssayError:
        return  # what else it is, other formats say
    if config.get("class_name") is not None and config.get("config") is not None:
        return  # of Keras, which has its own parser
    for key, named, line in code_names(config, base):
        repository, _, rest = named.rpartition("--")
        module = f"{(rest.rpartition('.')[0] or rest).replace('.', '/')}.py".casefold()
        if repository or not any(name == module or name.endswith(f"/{module}") for name in blob.names):
            yield CodeReference(key, named, repository, "", (), "", line, "with trust_remote_code=True")
    for component in component_classes(config, base):
        foreign = foreign_class(component)
        if foreign is not None:
            yield foreign
    yield from risky_settings(config, base)
    yield from escaping_paths(config, base)
    for key, first, last in config.twice:
        yield DuplicateKey(key[:200], str(first)[:80], str(last)[:80], config.line(f'"{key}"'))
    yield from _templates(config.get("chat_template"), base)


def _templates(template: object, base: str) -> Iterator[Item]:
    """One text, or several with names."""
    entries = (
        template.values() if isinstance(template, dict) else template if isinstance(template, list) else [template]
    )
    for entry in list(entries)[:100]:
        text = entry.get("template") if isinstance(entry, dict) else entry
        if isinstance(text, str):
            yield template_view(text, base)
