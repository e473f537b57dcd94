"""All that the layers can recognise and check, in one table; and the digest that names this very set."""

import hashlib
import os
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
        for folder, below, names in os.walk(os.path.join(top, room)):
            below.sort()
            inside = folder[len(top) + 1 :].replace(os.sep, "/")
            for name in sorted(names):
                if name.endswith((".py", ".txt", ".toml")):
                    with open(os.path.join(folder, name), "rb") as file:
                        data = file.read()
                    total.update(f"{inside}/{name}\0{len(data)}\0".encode() + data)
    return f"sha256:{total.hexdigest()}"
