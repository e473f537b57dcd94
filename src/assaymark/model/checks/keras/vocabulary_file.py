"""MDL073."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.keras import KerasObject

_READERS = ("Lookup", "TextVectorization", "Tokenizer", "VocabularyFileCategoricalColumn")
_KEYS = frozenset({"vocabulary", "vocabulary_file", "vocabulary_path", "merges", "proto"})


@check(
    "MDL073",
    layer=Layer.MODEL,
    severity=Severity.HIGH,
    since="0.1",
    refs=("CWE:73", "CWE:918", "ATLAS:AML.T0010.003", "CVE:CVE-2025-12058"),
)
def vocabulary_file(item: KerasObject) -> Iterator[Hit]:
    """A Keras layer reads its vocabulary from a path or URL.

    Why: Loading the model opens that path with TensorFlow's file layer, which knows local files, `gs://`, `s3://`, `http://`
    and more: any file of the machine becomes part of the model, or the machine sends a request that the author chose.
    Fix: Do not load it with `safe_mode=False` or with Keras before 3.12. Have the layer built with the terms themselves,
    `layer.set_vocabulary(terms)`, and the model saved again: `.keras` then keeps them under `assets/`.
    """
    if not item.leaf.endswith(_READERS):
        return
    for key, text in item.texts:
        if key in _KEYS and text:
            reach = "fetches" if "://" in text else "reads the file"
            yield Hit(
                f"{item.place or 'the document'}: {item.leaf} {reach} {text} when the model is loaded",
                symbol=f"{item.leaf} {text}",
                excerpt=f"{key}: {text}",
            )
