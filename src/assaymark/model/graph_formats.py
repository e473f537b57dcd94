"""The formats of this layer that hold graphs in protobuf, flatbuffer and text: TensorFlow, TFLite, Core ML, Paddle."""

from assaymark.core.format import Format
from assaymark.model.coreml import recognise as coreml
from assaymark.model.paddle import recognise as paddle
from assaymark.model.tensorflow import recognise as tensorflow
from assaymark.model.tflite import recognise as tflite

_CHECKS = "assaymark.model.checks"
_TENSORFLOW = (f"{_CHECKS}.tensorflow",)

FORMATS = (
    Format("tensorflow", tensorflow.is_graph, "assaymark.model.tensorflow.model", _TENSORFLOW, (".pb",)),
    Format("tensorflow-text", tensorflow.is_text_graph, "assaymark.model.tensorflow.text", _TENSORFLOW),
    Format("tensorflow-checkpoint", tensorflow.is_checkpoint, "assaymark.model.tensorflow.bundle", _TENSORFLOW),
    Format("tensorflow-shard", tensorflow.is_shard),
    Format("tensorflow-fingerprint", tensorflow.is_fingerprint, first=b"\x08"),
    Format("keras-metadata", tensorflow.is_metadata, "assaymark.model.tensorflow.metadata"),
    Format(
        "tflite", tflite.is_tflite, "assaymark.model.tflite.model", (f"{_CHECKS}.tflite", *_TENSORFLOW), (".tflite",)
    ),
    Format("coreml", coreml.is_model, "assaymark.model.coreml.model", (f"{_CHECKS}.coreml",), (".mlmodel",)),
    Format(
        "coreml-package",
        coreml.is_manifest,
        "assaymark.model.coreml.package",
        (f"{_CHECKS}.coreml",),
        first=b"{ \t\r\n\xef",
    ),
    Format("coreml-weights", coreml.is_weights, "assaymark.model.coreml.weights", (f"{_CHECKS}.coreml",)),
    Format("paddle", paddle.is_program, "assaymark.model.paddle.program", (f"{_CHECKS}.paddle",), (".pdmodel",)),
    Format("paddle-pir", paddle.is_pir, "assaymark.model.paddle.pir", (f"{_CHECKS}.paddle",), first=b"{ \t\r\n"),
    Format("paddle-params", paddle.is_params, "assaymark.model.paddle.params", (f"{_CHECKS}.paddle",), (".pdiparams",)),
)
