"""MDL154."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.tensorflow.model import TfOperator

_LIBRARIES = {
    "Sentencepiece": "tensorflow-text",
    "Wordpiece": "tensorflow-text",
    "FastWordpiece": "tensorflow-text",
    "CaseFoldUTF8": "tensorflow-text",
    "NormalizeUTF8": "tensorflow-text",
    "RegexSplit": "tensorflow-text",
    "UnicodeScriptTokenize": "tensorflow-text",
    "WhitespaceTokenize": "tensorflow-text",
    "TFText>": "tensorflow-text",
    "SimpleML": "tensorflow-decision-forests",
    "Addons>": "tensorflow-addons",
    "IO>": "tensorflow-io",
    "TPU": "TensorFlow's TPU runtime",
}
"""How operators of well-known libraries begin."""


@check(
    "MDL154",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=(
        "CWE:829",
        "ATLAS:AML.T0010",
    ),
)
def tensorflow_unknown_operator(item: TfOperator) -> Iterator[Hit]:
    """A TensorFlow graph needs an operator that is not known to only compute.

    Why: It comes from a native library that must be loaded into the process (`tf.load_op_library`), or it drives devices
    and other processes; what it does is not in the model and was not looked at.
    Fix: Name the library that defines it, scan and pin it like any other dependency, then accept this finding with a
    reasoned ignore.
    """
    if item.deed == "unknown":
        library = next((library for prefix, library in _LIBRARIES.items() if item.op.startswith(prefix)), "")
        source = f"an operator of {library}" if library else "an operator that is not in the table of vetted ones"
        yield Hit(f"{item.op} at {item.place}: {source}", offset=item.offset, symbol=item.op)
