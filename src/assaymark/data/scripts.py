"""Dataset loading scripts: Python that `load_dataset` or `tfds.load` imports and runs to make the data.

This module's `parse` reads a file that defines a builder; `views` finds, in a folder, the script that `load_dataset`
would run by its name although it defines none that can be seen.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from assaymark.core.blob import Blob, exact
from assaymark.core.errors import AssayError, OverBudget
from assaymark.core.format import Context, Item, Tree
from assaymark.core.source.python import LIMIT, Deed, PySource, calls
from assaymark.core.source.secrets import redact

_BUILDERS = ("GeneratorBasedBuilder", "ArrowBasedBuilder", "BeamBasedBuilder", "DatasetBuilder", "BuilderConfig")
_HARMFUL = (Deed.PROCESS, Deed.EXECUTION, Deed.UNPICKLING, Deed.NATIVE, Deed.NETWORK)
_DATA = (".parquet", ".csv", ".tsv", ".json", ".jsonl", ".arrow", ".tar", ".zip", ".gz", ".txt")
_CARD = re.compile(
    rb"\A\s*---\s*\n(?:[^\n]*\n){0,400}?(?:dataset_info|task_categories|size_categories|annotations_creators|language_creators|source_datasets)\s*:"
)
_HUB = ("huggingface.co", "hf.co")
_MOST = 200


@dataclass(frozen=True, slots=True)
class Act:
    """One call of the script that does something to the machine."""

    deed: Deed
    name: str
    line: int
    on_import: bool
    excerpt: str


@dataclass(frozen=True, slots=True)
class DatasetScript:
    """A loading script: the builder it defines (or how it was found), what it does, and where it takes data from."""

    title: str
    line: int
    acts: tuple[Act, ...]
    hosts: tuple[str, ...]
    """Hosts of the addresses written in it, the hub's own excepted."""
    plain: tuple[str, ...]
    """Addresses without TLS."""


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Yield the script, if it does define a builder."""
    if blob.size > LIMIT:
        raise OverBudget(f"dataset script of {blob.size:,} bytes, more than the {LIMIT >> 20} MiB that are read")
    source = calls(exact(blob, 0, blob.size, context.name))
    for made in source.classes:
        base = next((b for b in made.bases if b.rpartition(".")[2] in _BUILDERS), "")
        if base and not base.endswith("BuilderConfig"):
            yield _script(f"class {made.name}({base})", made.line, source)
            return


def _script(title: str, line: int, source: PySource) -> DatasetScript:
    acts = [
        Act(c.deed, c.name, c.line, c.on_import, c.excerpt)
        for c in source.calls
        if c.deed is not None and (c.hidden or (c.deed in _HARMFUL and (c.called or c.deed is not Deed.NETWORK)))
    ]
    hosts: dict[str, None] = {}
    plain: dict[str, None] = {}
    for _, url in source.urls:
        host = _host(url)
        if host and not host.endswith(_HUB):
            hosts[host] = None
            if url.startswith(("http://", "ftp://")) and _is_file(url):
                plain[redact(url)[:200]] = None
    return DatasetScript(title, line, tuple(acts[:_MOST]), tuple(hosts)[:20], tuple(plain)[:20])


def _host(url: str) -> str:
    try:
        return urlsplit(url.strip()).hostname or "" if url.startswith(("http", "ftp")) and " " not in url else ""
    except ValueError:
        return ""


def _is_file(url: str) -> bool:
    """It names a file to be fetched, rather than a home page."""
    return (
        re.search(
            r"\.(?:zip|tar|t?gz|bz2|xz|csv|tsv|jsonl?|txt|parquet|npz?|pkl|pickle|pt|bin|h5|7z|py)(?:[?#]|$)", url
        )
        is not None
    )


def views(tree: Tree) -> Iterator[tuple[str, Item]]:
    """Yield scripts that are run by their name: `x/x.py` beside a dataset card, or the only one beside a card without data."""
    for card in [path for path in tree.files if path.rsplit("/", 1)[-1] == "README.md"]:
        folder = card.removesuffix("README.md")
        path = _by_name(tree, folder)
        if path is None or "dataset-script" in tree.files[path].formats:
            continue
        try:
            if _CARD.match(tree.read(card, 1 << 20)):
                yield path, _named(path, tree)
        except AssayError:
            # The card is looked at as a file of its own, where what is wrong with it is said.
            continue


def _named(path: str, tree: Tree) -> DatasetScript:
    title = f"{path.rsplit('/', 1)[-1]} beside a dataset card"
    try:
        return _script(title, 1, calls(tree.read(path, LIMIT)))
    except AssayError as error:
        return DatasetScript(f"{title}, not readable ({error.message})", 1, (), (), ())


def _by_name(tree: Tree, folder: str) -> str | None:
    if folder:
        path = f"{folder}{folder.rstrip('/').rsplit('/', 1)[-1]}.py"
        return path if path in tree.files else None
    here = [path for path in tree.files if "/" not in path]
    scripts = [path for path in here if path.endswith(".py")]
    has_data = any(path.endswith(_DATA) and path != "requirements.txt" for path in tree.files)
    return scripts[0] if len(scripts) == 1 and not has_data else None
