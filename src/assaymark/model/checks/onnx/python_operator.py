"""MDL053."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.onnx import OnnxModel, OnnxNode

_PYTHON = frozenset({"pyop", "pythonop", "pythonopgrad", "pycustomop", "pycustomopdef", "pyfunc", "pyfunction"})
_CONTRIB = frozenset({"ai.onnx.contrib", "com.microsoft.extensions"})
"""Domains where onnxruntime-extensions registers Python functions as operators (`@onnx_op`)."""
_NATIVE = frozenset({
    "AddSharedInput", "AudioDecoder", "AzureAudioToText", "AzureTextToText", "AzureTritonInvoker", "BasicTokenizer",
    "BertTokenizer", "BertTokenizerDecoder", "BlingFireSentenceBreaker", "BpeDecoder", "BpeTokenizer", "CLIPTokenizer",
    "DecodeImage", "DrawBoundingBoxes", "EncodeImage", "FastGelu", "GPT2Tokenizer", "GaussianBlur", "HfBertTokenizer",
    "HfJsonTokenizer", "ImageDecoder", "ImageReader", "Inverse", "MaskedFill", "MaskedScatterNDOfShape",
    "MergeSignalSegments", "MulMulSigmoid", "MulSharedInput", "MulSigmoid", "NegPos", "NegXPlus1", "OpenAIAudioToText",
    "OpenAIChat", "OpenAIEmbeddings", "RaggedTensorToDense", "RaggedTensorToSparse", "ReplaceZero", "RobertaTokenizer",
    "STFT", "ScatterNDOfShape", "SegmentExtraction", "SegmentSum", "SentencepieceDecoder", "SentencepieceTokenizer",
    "SplitSignalSegments", "SpmTokenizer", "StftNorm", "StringConcat", "StringECMARegexReplace",
    "StringECMARegexSplitWithOffsets", "StringEqual", "StringHash", "StringHashFast", "StringJoin", "StringLength",
    "StringLower", "StringMapping", "StringRaggedTensorToDense", "StringRegexReplace", "StringRegexSplitWithOffsets",
    "StringSplit", "StringStrip", "StringToVector", "StringUpper", "Transpose2DCastFP16", "Transpose2DCastFP32",
    "TrieDetokenizer", "TrieTokenizer", "VectorToString", "WordpieceTokenizer",
})  # fmt: skip
"""The operators of that library that are written in C++; the rule on foreign domains speaks of them."""


@check("MDL053", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:829", "ATLAS:AML.T0011.000"))
def onnx_python_operator(model: OnnxModel) -> Iterator[Hit]:
    """An ONNX model runs a Python function.

    Why: The operator imports or calls Python code by a name that stands in the model. ONNX is chosen because it cannot
    do that.
    Fix: Do not load the file. Ask its producer for an export without Python operators, or for the operator as ONNX
    functions.
    """
    for node in model.nodes:
        if _is_python(node, model):
            attributes = dict(node.attributes)
            named = ", ".join(
                f"{key}={attributes[key][:100]!r}" for key in ("module", "class_name") if key in attributes
            )
            yield Hit(
                f"operator {node.operator} of {node.domain!r} is Python code{f' ({named})' if named else ''}",
                offset=node.offset,
                symbol=f"{node.domain}.{node.operator}",
            )


def _is_python(node: OnnxNode, model: OnnxModel) -> bool:
    if node.operator.lower() in _PYTHON or {"module", "class_name"} <= dict(node.attributes).keys():
        return True
    own = (node.domain, node.operator) in model.functions
    return node.domain in _CONTRIB and node.operator not in _NATIVE and not own
