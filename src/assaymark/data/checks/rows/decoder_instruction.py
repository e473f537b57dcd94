"""DAT009."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.data.rows import DecoderInstruction


@check("DAT009", layer=Layer.DATA, severity=Severity.HIGH, since="0.1", refs=("CWE:502",))
def json_makes_a_decoder_call(instruction: DecoderInstruction) -> Iterator[Hit]:
    """JSON tells its decoder to import and call something.

    Why: `jsonpickle.decode` obeys keys like `py/reduce`: reading the rows is as good as running a pickle.
    Fix: Read the rows with `json.loads`, never with jsonpickle, and have the supplier write plain values.
    """
    target = f" of {instruction.name}" if instruction.name else ""
    yield Hit(
        f"{instruction.key}{target} is an instruction for jsonpickle",
        line=instruction.line,
        symbol=f"{instruction.key} {instruction.name}",
        excerpt=instruction.excerpt,
    )
