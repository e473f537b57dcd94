"""Which operators of a compiled PyTorch program only compute, and what the others do.

Default deny: what is neither in operators.txt nor named here comes from a library that nobody here has looked into.
"""

import re
from functools import cache
from importlib import resources

_ACTS = {
    "aten::save": "writes an object to a file of any name",
    "aten::from_file": "maps a file of any name into memory, and makes or overwrites it when it is told to",
    "image::read_file": "reads a file of any name",
    "image::write_file": "writes a file of any name",
    "video_reader::read_video_from_file": "reads a file of any name",
    "video_reader::probe_video_from_file": "reads a file of any name",
    "prim::rpc_async": "runs a function on another machine",
    "prim::rpc_sync": "runs a function on another machine",
    "prim::rpc_remote": "runs a function on another machine",
    "prim::PythonOp": "calls Python",
    "debugprims::load_tensor": "reads a file of any name",
}
_ACTING_NAME = re.compile(
    r"(?:torchaudio\w*|image|video_reader|torchtext|torchcodec_ns)::"
    r"(?:sox_io\w*|\w*stream_?(?:reader|writer)\w*|(?:\w*_)?(?:file|load|save|write|open)(?:_\w*)?)"
)
"""Operators of the media libraries that take a file name or an address."""
_COMPUTES = re.compile(
    r"torchvision::\w+|image::(?:en|de)code_\w+|video_reader::\w+_memory|torchaudio::\w+|quantized_decomposed::\w+"
    r"|dim_order_ops::\w+|llama::(?:sdpa|custom_sdpa|update_cache|custom_quantized_sdpa)\w*"
    r"|cortex_m::\w+|cadence::\w+|executorch_prim::\w+"
)
"""Libraries whose other operators compute: torchvision, torchaudio, and ExecuTorch's own kernels."""
_HIGHER_ORDER = frozenset({
    "cond", "while_loop", "map", "map_impl", "scan", "associative_scan", "out_dtype", "strict_mode", "auto_functionalized",
    "auto_functionalized_v2", "wrap_with_set_grad_enabled", "wrap_with_autocast", "flex_attention",
    "flex_attention_backward", "hints_wrapper", "invoke_subgraph", "tag_activation_checkpoint", "checkpoint", "wrap",
    "wrap_activation_checkpoint", "with_effects", "run_const_graph", "foreach_map", "flat_apply", "local_map_hop",
})  # fmt: skip
_CLASSES = frozenset({
    "quantized::Conv2dPackedParamsBase", "quantized::Conv3dPackedParamsBase", "quantized::LinearPackedParamsBase",
    "quantized::EmbeddingPackedParamsBase", "rnn::CellParamsBase", "sparse::LinearPackedParamsBase",
    "mkldnn::ConvOpContext", "xnnpack::LinearOpContext", "xnnpack::Conv2dOpContext",
    "xnnpack::TransposeConv2dOpContext", "profiler::_RecordFunction",
})  # fmt: skip
"""Classes of torch itself that hold packed numbers; their `__setstate__` reads shapes and tensors."""


@cache
def _table() -> frozenset[str]:
    text = resources.files("assaymark.model.torch").joinpath("operators.txt").read_text("ascii")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))


def computes(name: str) -> bool:
    """Whether `namespace::name` (no overload) only computes."""
    if name in _ACTS or _ACTING_NAME.fullmatch(name):
        return False
    namespace, _, leaf = name.partition("::")
    if namespace == "higher_order":
        return leaf in _HIGHER_ORDER
    return name in _table() or _COMPUTES.fullmatch(name) is not None


def acts(name: str) -> str:
    """What the operator does to files, programs or the network; empty where nothing is known."""
    if name in _ACTS:
        return _ACTS[name]
    return "takes the name of a file or stream" if _ACTING_NAME.fullmatch(name) else ""


ACTING_METHODS = {name.removeprefix("aten::"): does for name, does in _ACTS.items() if name.startswith("aten::")}
"""Those that can be called as a method of any value: `x.save("f")` is `aten::save`."""


def knows_class(name: str) -> bool:
    """Whether `namespace::Name` is a class of torch itself that holds numbers."""
    return name in _CLASSES
