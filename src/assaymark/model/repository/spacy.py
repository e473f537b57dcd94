"""spaCy pipelines: `config.cfg` names functions of registries, which packages fill by entry points.

Read from spaCy `util.py` (`load_model_from_config`) and confection `_registry.py`: a name reaches only what some
installed package registered, so a name that spaCy does not bring needs a stranger's package.
"""

import re
from collections.abc import Iterator

from assaymark.core.errors import AssayError
from assaymark.core.format import Item, Tree
from assaymark.model.huggingface.code import Repository
from assaymark.model.huggingface.views import Kind, Setting, UnreadableConfig

_LIMIT = 4 << 20
_LINE = re.compile(r"^\s*@(?P<registry>\w+)\s*[=:]\s*[\"']?(?P<name>[^\"'\r\n]+)", re.MULTILINE)
_BROUGHT = re.compile(
    r"(?:spacy(?:[-_.]\w+)*|thinc|srsly|wandb|catalogue|spacy-(?:transformers|legacy|curated-transformers|experimental|llm|loggers|pkuseg))\..+"
    r"|[A-Za-z_]\w*\.v\d+"
)
_MOST = 200


def views(tree: Tree, code: Repository, folder: str, names: list[str]) -> Iterator[tuple[str, Item]]:
    """Yield functions that the pipeline of this folder needs and spaCy does not bring, and the code of its package."""
    if "config.cfg" not in names or "meta.json" not in names:
        return
    path = f"{folder}config.cfg"
    try:
        text = tree.read(path, _LIMIT).decode("utf-8", "replace")
    except AssayError as error:
        yield path, UnreadableConfig(error.message)
        return
    seen: set[str] = set()
    for match in _LINE.finditer(text):
        name = match["name"].strip()
        if name not in seen and not _BROUGHT.fullmatch(name) and len(seen) < _MOST:
            seen.add(name)
            line = text.count("\n", 0, match.start("registry")) + 1
            yield path, Setting(Kind.FUNCTION, f"@{match['registry']}", name[:200], line)
    if "__init__.py" in names:
        reference = code.reference(
            "__init__.py", "__init__.load", folder, flag="always, when the pipeline's package is imported"
        )
        yield f"{folder}__init__.py", reference
