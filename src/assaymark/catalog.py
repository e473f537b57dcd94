"""All that the layers can recognise and check, in one table; and the digest that names this very set."""

import hashlib
import os
from collections.abc import Iterator
from functools import cache

from assaymark.core.look import Catalog


@cache
def catalog() -> Catalog:
    """The formats of all layers, in the order in which they are asked."""
    from assaymark.data import catalog as data
    from assaymark.infra import catalog as infra
    from assaymark.library import catalog as library
    from assaymark.model import catalog as model
    from assaymark.tooling import catalog as tooling

    layers = (model, data, library, infra, tooling)
    return Catalog(
        formats=tuple(f for layer in layers for f in layer.FORMATS),
        projects=tuple(p for layer in layers for p in layer.PROJECTS),
        facts=tuple(p for layer in layers for p in layer.FACTS),
    )


@cache
def checkset() -> str:
    """`sha256:` over every source and table that can change what a scan says. Evidence and cache keys carry it."""
    total = hashlib.sha256()
    top = os.path.dirname(__file__)
    for room in ("core", "data", "infra", "library", "model", "sandbox", "tooling"):
        for name, data in _sources(top, room):
            total.update(f"{name}\0{len(data)}\0".encode() + data)
    return f"sha256:{total.hexdigest()}"


def _sources(top: str, inside: str) -> Iterator[tuple[str, bytes]]:
    """Path and content of our own files: those of a folder, then what is below; os.walk and open take half as long again."""
    below = []
    with os.scandir(f"{top}/{inside}") as items:
        for item in sorted(items, key=lambda item: item.name):
            if item.name.endswith((".py", ".txt", ".toml")):
                descriptor = os.open(item.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
                try:
                    yield f"{inside}/{item.name}", os.read(descriptor, os.fstat(descriptor).st_size)
                finally:
                    os.close(descriptor)
            elif item.is_dir():
                below.append(f"{inside}/{item.name}")
    for folder in below:
        yield from _sources(top, folder)
