"""MDL002."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Confidence, Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.pickle import PickleView


@check(
    "MDL002",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:502", "ATLAS:AML.T0011.000"),
)
def pickle_reaches_unknown_global(pickle: PickleView) -> Iterator[Hit]:
    """A pickle imports something that nobody has vetted.

    Why: Only names on the reviewed table are known to be harmless when a file calls them with data of its choice. A
    class of your own may be fine; a gadget that no list of bad names has yet looks just the same.
    Fix: Convert the weights to safetensors (`assay model convert`), or review the class's `__new__`, `__setstate__` and
    `__reduce__` and allow it in a signed policy: `assay model learn FILE --out allow.toml` writes the lines.
    """
    for event in pickle.of("unknown"):
        from assaymark.model.allow import usual_line

        target = f"{event.module}.{event.name}"
        yield Hit(
            f"{target} is not on the table of vetted globals; the line of a signed policy that would allow it: "
            f"{usual_line(event.module, event.name)}",
            offset=event.offset,
            symbol=target,
            excerpt=f"{event.opcode} {target}",
        )
    if pickle.dropped:
        yield Hit(f"{pickle.dropped:,} more imports and calls are not listed", symbol="more")
