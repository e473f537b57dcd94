"""The parser of `assay model weights`: every tensor of a file, read once. Formats are told by content."""

from collections.abc import Iterator

from assaymark.core.blob import Blob
from assaymark.core.errors import AssayError, OverBudget
from assaymark.core.format import Context, Item
from assaymark.model.weights.likes import among_likes, oddities
from assaymark.model.weights.session import current
from assaymark.model.weights.source import Weights, weights
from assaymark.model.weights.values import examine
from assaymark.model.weights.views import Oddities, TensorStats

_MOST = 1_000


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """What each tensor carries, its statistics, and what stands out; tensors of the same bytes are read once."""
    session = current()
    seen: dict[object, str] = {}
    stats: list[TensorStats] = []
    fault: AssayError | None = None
    for item in weights(blob, context, session.sibling):
        if not isinstance(item, Weights):
            yield item
            continue
        place = (id(item.blob), item.key, item.offset, item.size)
        if item.size and place in seen:
            session.tied.setdefault(session.path, []).append((item.name, seen[place]))
            continue
        seen[place] = item.name
        base = session.base.get(item.name)
        session.compared += base is not None
        try:
            for view in examine(item, base, context.budget):
                if isinstance(view, TensorStats):
                    session.note(view)
                    stats.append(view)
                yield view
        except OverBudget:
            raise
        except AssayError as error:  # the next tensor may be whole
            fault = fault or error
    odd = [*oddities(stats), *(odd for _, odd in among_likes(stats) if session.alone)]
    if stats:
        yield Oddities(tuple(odd[:_MOST]))
    if fault is not None:
        raise fault
