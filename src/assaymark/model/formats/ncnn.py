"""ncnn: networks as text (`.param`) or binary (`.param.bin`), and the raw weights beside them (`.bin`).

Format: https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure. Layers are compiled into the library; one that is not
must be registered by the program that loads the network, as native code.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from assaymark.core.blob import Blob, exact
from assaymark.core.errors import AssayError, Malformed, Opaque, OverBudget
from assaymark.core.format import Context, Item, Tree, Values
from assaymark.model.weights.starts import starts

_LIMIT = 16 << 20
_LAYERS = 1_000_000
_LISTED = 20
_MAGIC = b"7767517"
_KNOWN = frozenset(
    """
    AbsVal ArgMax BatchNorm Bias BinaryOp BNLL Cast CELU Clip Concat Convolution Convolution1D Convolution3D
    ConvolutionDepthWise ConvolutionDepthWise1D ConvolutionDepthWise3D CopyTo Crop CumulativeSum Deconvolution
    Deconvolution1D Deconvolution3D DeconvolutionDepthWise DeconvolutionDepthWise1D DeconvolutionDepthWise3D DeepCopy
    DeformableConv2D Dequantize DetectionOutput Diag Dropout Einsum Eltwise ELU Embed Erf Exp ExpandDims Flatten Flip
    Fold GELU Gemm GLU GridSample GroupNorm GRU HardSigmoid HardSwish InnerProduct Input InstanceNorm Interp
    InverseSpectrogram LayerNorm Log LRN LSTM MatMul MemoryData Mish MultiHeadAttention MVN Noop Normalize Packing Padding
    Permute PixelShuffle Pooling Pooling1D Pooling3D Power PReLU PriorBox Proposal PSROIPooling Quantize Reduction ReLU
    Reorg Requantize Reshape RMSNorm RNN ROIAlign ROIPooling RotaryEmbed Scale SDPA SELU Shrink ShuffleChannel Sigmoid
    Slice Softmax Softplus Spectrogram Split SPP Squeeze StatisticsPooling Swish TanH Threshold Tile UnaryOp Unfold
    YoloDetectionOutput Yolov3DetectionOutput
    """.split()  # noqa: SIM905 - a table of words is read as a text
)
"""Layers of ncnn 1.0.20261020 (`layer_to_index`, src/CMakeLists.txt)."""
_LAYER = re.compile(rb"\w[\w.:+-]{0,200}")


@dataclass(frozen=True, slots=True)
class NcnnNetwork:
    """`foreign` are the types of layers that ncnn has not, 20 at most."""

    layers: int
    foreign: tuple[str, ...]


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """The types of all layers; raises Opaque for the binary form."""
    if not blob.read(0, 32).split(b"\n", 1)[0].strip() == _MAGIC:
        raise Opaque("a binary network of ncnn: its layers are numbers, which differ between versions")
    if blob.size > _LIMIT:
        raise OverBudget(f"a network of {blob.size:,} bytes, more than {_LIMIT >> 20} MiB")
    lines = exact(blob, 0, blob.size, "the network").split(b"\n")
    declared = lines[1].split() if len(lines) > 1 else []
    if len(declared) != 2 or not all(word.isdigit() and len(word) < 8 for word in declared):
        raise Malformed("the second line does not have the numbers of layers and blobs", offset=0)
    foreign: dict[str, None] = {}
    layers = 0
    for line in lines[2:]:
        words = line.split(None, 4)
        if not words:
            continue
        layers += 1
        if layers > _LAYERS:
            raise OverBudget(f"more than {_LAYERS:,} layers")
        if not layers % 10_000:
            context.budget.tick()
        if len(words) < 4 or not _LAYER.fullmatch(words[0]) or not (words[2].isdigit() and words[3].isdigit()):
            raise Malformed(f"line {layers + 2:,} is no layer", offset=0)
        kind = words[0].decode("ascii", "replace")
        if kind not in _KNOWN:
            foreign[kind[:100]] = None
    yield NcnnNetwork(layers, tuple(foreign)[:_LISTED])
    if layers != int(declared[0]):
        raise Malformed(f"declares {int(declared[0]):,} layers and has {layers:,}", offset=0)


def views(tree: Tree) -> Iterator[tuple[str, Item]]:
    """The weights of each network: raw values, in the order of its layers."""
    for path, facts in tree.files.items():
        weights = f"{path.removesuffix('.param')}.bin"
        if "ncnn" in facts.formats and path.endswith(".param") and weights in tree.files:
            try:
                with tree.open(weights) as blob:
                    # Weights that can be of several types have a tag of four bytes before them.
                    places = [(at, blob.size - at, "the first one") for at in (0, 4) if blob.size > at]
                    yield from ((weights, item) for item in starts(blob, places))
            except AssayError:
                continue
            yield path, Values(weights)
