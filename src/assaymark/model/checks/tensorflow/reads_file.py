"""MDL151."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.tensorflow.model import TfOperator


@check(
    "MDL151",
    layer=Layer.MODEL,
    severity=Severity.HIGH,
    since="0.1",
    refs=(
        "CWE:22",
        "CWE:73",
        "ATLAS:AML.T0011.000",
    ),
)
def tensorflow_reads_file(item: TfOperator) -> Iterator[Hit]:
    """A TensorFlow graph reads a file that is not an asset of the model.

    Why: Keys, tokens and passwords of whoever runs the model flow into its outputs, or, where an input gives the path, to
    anyone who may send a request. Paths may be URLs too: TensorFlow opens gs://, s3:// and others.
    Fix: Do not run it where secrets can be read. Ask the producer to keep what the model needs in `assets/`
    (`tf.saved_model.Asset(path)`) and to read everything else in the program.
    """
    if item.deed == "reads":
        where = ", ".join(item.targets) or "a path that cannot be known"
        yield Hit(
            f"{item.op} at {item.place} reads {where}",
            offset=item.offset,
            symbol=f"{item.op} {item.function or item.node}: {', '.join(item.targets)}"[:300],
        )
