"""What stands out among the layers of a model, whose shards are several files."""

from collections import defaultdict
from collections.abc import Iterator

from assaymark.core.format import Item, Tree
from assaymark.model.weights.likes import among_likes
from assaymark.model.weights.session import current
from assaymark.model.weights.views import Oddities, Oddity, TensorStats


def views(tree: Tree) -> Iterator[tuple[str, Item]]:
    """For each file its tensors that are of another magnitude than its like in the same folder."""
    session = current()
    lead = session.leads.pop(0) if session.leads else ""
    folders: dict[str, list[tuple[str, TensorStats]]] = defaultdict(list)
    for path in tree.files:
        for stats in session.stats.get(lead + path, ()):
            folders[path.rpartition("/")[0]].append((path, stats))
    for pairs in folders.values():
        where = {id(stats): path for path, stats in pairs}
        found: dict[str, list[Oddity]] = {path: [] for path, _ in pairs}
        for stats, odd in among_likes(stats for _, stats in pairs):
            found[where[id(stats)]].append(odd)
        yield from ((path, Oddities(tuple(odd))) for path, odd in found.items())
