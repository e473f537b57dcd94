"""What `assay scan` can say of claims at the price of a header: the rank and the modules of an adapter."""

import time
from collections.abc import Iterator
from typing import NoReturn

from assaymark.core.budget import Budget, Limits
from assaymark.core.errors import OverBudget
from assaymark.core.format import Item, Tree
from assaymark.model.origin.beside import adapter
from assaymark.model.origin.claims import Result
from assaymark.model.origin.model import Model
from assaymark.model.origin.stock import read_set, sets_of
from assaymark.model.weights.views import Contradiction, Declarations

_ADAPTERS = 200


def views(tree: Tree) -> Iterator[tuple[str, Item]]:
    """What `adapter_config.json` says and the tensors beside it do not bear out."""
    configs = sorted(path for path in tree.files if path.rsplit("/", 1)[-1] == "adapter_config.json")
    for path in configs[:_ADAPTERS]:
        folder = path.removesuffix("adapter_config.json")
        weights = f"{folder}adapter_model.safetensors"
        if weights not in tree.files:
            continue
        model = Model(tree, folder, {}, _budget)
        (one,) = sets_of([weights])
        read_set(one, tree, _budget)
        config = model.config(path)
        if config is None or not one.complete:
            continue  # others speak of what is broken
        adapter(model, one, config)
        wrong = [claim for claim in model.ledger.claims if claim.result is Result.CONTRADICTED]
        yield path, Declarations(tuple(Contradiction(claim.about, claim.says, claim.found) for claim in wrong))


def _budget() -> Budget:
    return Budget(Limits(seconds=60.0), monotonic=time.monotonic, spool=_no_spool)


def _no_spool() -> NoReturn:
    raise OverBudget("a header of safetensors needs no room")
