"""The chat templates of a folder, each held against the one that it ought to be: that of its base.

The base is what the user names (`assay scan --base`). Without that it is what lies in the folder itself: of a GGUF file
the template of the model folder that it lies in, else what most other files of the same model have. Poisoned templates
travel as one quantization among honest ones (Pillar Security, 2025: "Poisoned GGUF templates").
"""

import json
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from assaymark.core.budget import Budget, Spool
from assaymark.core.errors import AssayError
from assaymark.core.format import Context, Item, Skipped, Tree

_SETTINGS_LIMIT = 8 << 20
_TEMPLATE_LIMIT = 1 << 20
_FILES = 500
_COMPARED = 300
_SETTINGS = ("chat_template.json", "tokenizer_config.json", "processor_config.json")
_FILE = "chat_template.jinja"
_NAMED = (*_SETTINGS, _FILE)
_MORE = ("additional_chat_templates/", "chat_templates/")
_QUANTIZATION = re.compile(
    r"[-._](?:UD[-_.])?(?:i?q\d\w*|tq\d\w*|b?f(?:p)?16|f32|fp8\w*|mxfp4\w*|nvfp4\w*)(?=$|[-._])", re.IGNORECASE
)
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")


@dataclass(frozen=True, slots=True)
class Spoken:
    """One template as it is written."""

    path: str
    origin: str
    """The key or file, for messages."""
    name: str
    """Of one among several; empty for the one that is used where none is named."""
    text: str
    model: tuple[str, ...] = ()
    """Of GGUF: what the model calls itself, by file name and by metadata."""

    @property
    def place(self) -> str:
        """Where it stands, in words."""
        return f"{self.path} ({self.origin})" if self.model else self.path


_base: ContextVar[Sequence[Spoken]] = ContextVar("base", default=())


@contextmanager
def held_against(base: Sequence[Spoken]) -> Iterator[None]:
    """The block in which the templates of every folder are held against these."""
    token = _base.set(base)
    try:
        yield
    finally:
        _base.reset(token)


def views(tree: Tree) -> Iterator[tuple[str, Item]]:
    """A TemplateDifference for each template that has a base."""
    given = _base.get()
    if not given and len(tree.files) < 2:
        return
    quantized = sum("gguf" in facts.formats for facts in tree.files.values())
    if not given and quantized < 2 and not any(path.endswith(_NAMED) for path in tree.files):
        return
    found = list(spoken(tree))
    pairs = list(_with_base(found, given) if given else _within(found))
    if pairs:
        from assaymark.model.formats.jinja_difference import difference

        for own, base in pairs[:_COMPARED]:
            seen = difference(own.text, own.origin, base.text, base.place)
            yield own.path, Skipped(own.origin, f"not compared: {seen.fault}") if seen.fault else seen
    for own, _ in pairs[_COMPARED:]:
        yield own.path, Skipped(own.origin, f"not compared: more than {_COMPARED} templates")


def spoken(tree: Tree, *, alone: bool = False) -> Iterator[Spoken]:
    """All templates of the tree; what cannot be read is for the look at its file to say. `alone`: it is one named file."""
    left = _FILES
    for path in sorted(tree.files):
        base = path.rpartition("/")[2]
        reader = _READERS.get(base) or (_jinja if base.endswith(".jinja") else None)
        if alone and reader is _jinja:
            reader = _jinja_alone
        if reader is None and "gguf" in tree.files[path].formats:
            reader = _gguf
        if reader is not None and left:
            left -= 1
            try:
                yield from reader(tree, path)
            except (AssayError, ValueError, RecursionError):
                continue


def _settings(tree: Tree, path: str) -> Iterator[Spoken]:
    values = json.loads(tree.read(path, _SETTINGS_LIMIT))
    template = values.get("chat_template") if isinstance(values, dict) else None
    if isinstance(template, str):
        yield Spoken(path, "chat_template", "", template)
    elif isinstance(template, list | dict):
        pairs = template.items() if isinstance(template, dict) else [
            (one.get("name"), one.get("template")) for one in template[:100] if isinstance(one, dict)
        ]  # fmt: skip
        for name, text in pairs:
            if isinstance(name, str) and isinstance(text, str):
                yield Spoken(path, f"chat_template {name[:80]}", "" if name == "default" else name[:80], text)


def _jinja(tree: Tree, path: str) -> Iterator[Spoken]:
    folder, _, base = path.rpartition("/")
    if base == _FILE or f"{folder}/".endswith(_MORE):
        text = tree.read(path, _TEMPLATE_LIMIT).decode("utf-8", "replace")
        yield Spoken(path, base, "" if base == _FILE else base.removesuffix(".jinja"), text)


def _jinja_alone(tree: Tree, path: str) -> Iterator[Spoken]:
    """Whatever its name: it was named as the template of a base."""
    yield Spoken(path, path, "", tree.read(path, _TEMPLATE_LIMIT).decode("utf-8", "replace"))


def _gguf(tree: Tree, path: str) -> Iterator[Spoken]:
    from assaymark.model.formats import gguf

    with tree.open(path) as blob:
        says = gguf.spoken(blob, Context(Budget(monotonic=time.monotonic, spool=_no_spool), path))
    folder, _, base = path.rpartition("/")
    stem = _SHARD.sub("", base.removesuffix(".gguf"))
    model = (f"{folder}/{_QUANTIZATION.sub('', stem).lower()}", *([f"{folder}/ {says.name}"] if says.name else []))
    for key, text in says.templates:
        yield Spoken(path, key, key.removeprefix("tokenizer.chat_template").lstrip("."), text, model)


_READERS: dict[str, Callable[[Tree, str], Iterator[Spoken]]] = dict.fromkeys(_SETTINGS, _settings)


def _no_spool() -> Spool:
    raise RuntimeError("a header is not decompressed")


def _with_base(found: Sequence[Spoken], given: Sequence[Spoken]) -> Iterator[tuple[Spoken, Spoken]]:
    """Each with the base's template of the same name, or else with the one that it uses by default."""
    for own in found:
        same = [one for one in given if one.name == own.name] or [one for one in given if not one.name] or given
        yield own, next((one for one in same if one.text.split() == own.text.split()), same[0])


def _within(found: Sequence[Spoken]) -> Iterator[tuple[Spoken, Spoken]]:
    """What lies together: settings and their file, GGUF files and the folder around them, GGUF files of one model."""
    settings: dict[tuple[str, str], Spoken] = {}
    for own in found:
        if own.model:
            continue
        known = settings.setdefault((_folder(own), own.name), own)
        if known is not own:
            yield (own, known) if known.path.endswith(".json") else (known, own)
    alike: dict[tuple[str, str], list[Spoken]] = defaultdict(list)
    for own in found:
        above = next((settings[key] for key in _above(own) if key in settings), None) if own.model else None
        if above is not None:
            yield own, above
        for model in own.model if above is None else ():
            alike[model, own.name].append(own)
    seen: set[tuple[Spoken, str]] = set()
    for group in alike.values():
        for own, base in _among(group):
            if (own, base.text) not in seen:
                seen.add((own, base.text))
                yield own, base


def _folder(own: Spoken) -> str:
    folder = own.path.rpartition("/")[0]
    return next(
        (folder.removesuffix(f"/{m[:-1]}").removesuffix(m[:-1]) for m in _MORE if f"{folder}/".endswith(m)), folder
    )


def _above(own: Spoken) -> Iterator[tuple[str, str]]:
    """The folder of the file and the two around it, for the template of the same name."""
    folder = own.path.rpartition("/")[0]
    yield folder, own.name
    for _ in range(2):
        if folder:
            folder = folder.rpartition("/")[0]
            yield folder, own.name


def _among(group: Sequence[Spoken]) -> Iterator[tuple[Spoken, Spoken]]:
    """Files of one model: each against what most of the others have, two that disagree against each other."""
    counts = Counter(" ".join(own.text.split()) for own in group)
    if len(group) < 2:
        return
    (most, number), *others = counts.most_common()
    first = next(own for own in group if " ".join(own.text.split()) == most)
    tied = [text for text, count in others if count == number]
    for own in group:
        text = " ".join(own.text.split())
        if text != most or own is not first:
            yield own, first
        if text == most and tied and own is first:
            yield own, next(one for one in group if " ".join(one.text.split()) == tied[0])
