"""MDL161."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.tensorflow.bundle import TfTensor


@check(
    "MDL161",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    since="0.1",
    refs=("CWE:1284",),
)
def tensorflow_checkpoint_entry(item: TfTensor) -> Iterator[Hit]:
    """An entry of a checkpoint points where no data can be.

    Why: Readers seek to what the index says: a shard that does not exist or a negative place reads something else, or
    fails in native code.
    Fix: Fetch the checkpoint again and compare its digests; write it anew with `tf.train.Checkpoint(...).write(path)`.
    """
    if not 0 <= item.shard < item.shards or item.offset < 0 or item.size < 0:
        where = f"shard {item.shard} of {item.shards}, offset {item.offset}, {item.size} bytes"
        yield Hit(f"tensor {item.name[:200]!r} lies in {where}", symbol=item.name[:300])
