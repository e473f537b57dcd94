"""Write src/assaymark/model/torch/operators.txt: the operators of PyTorch that only compute.

    python torch_operators.py OUT.txt [OLD.txt ...]

Run it in an environment that holds torch (and nothing else that registers operators). It takes the schemas that torch
itself registers in the namespaces of NAMESPACES, leaves out what ACTS names, and stops at a schema that takes a file name,
path or address and is not in ACTS: somebody has to look. Operators of OLD files (from other versions) are kept.
"""

import pathlib
import re
import sys

import torch

NAMESPACES = frozenset({
    "aten", "prim", "prims", "quantized", "_quantized", "quantization", "mkldnn", "mkldnn_prepacked", "mkl", "onednn",
    "sparse", "profiler", "rngprims", "export",
})  # fmt: skip
ACTS = frozenset(
    {"aten::save", "aten::from_file", "prim::rpc_async", "prim::rpc_sync", "prim::rpc_remote", "prim::PythonOp"}
)
"""Judged by hand in src/assaymark/model/torch/operators.py."""
NAMED = re.compile(r"file|path|url|uri|host|addr|dir$|library|command")
WITHOUT_SCHEMA = (
    "prim::shape",
    "prim::names",
    "prim::unchecked_unwrap_optional",
    "prim::real",
    "prim::imag",
    "prim::T",
)
REMOVED = """
    solve eig symeig lstsq rfft irfft fft ifft matrix_rank thnn_conv_depthwise2d thnn_conv_depthwise2d_forward
    thnn_conv2d_forward _convolution_nogroup _cat _s_where _mode _cumsum _cumprod _var _std _index_copy_ _bmm
    _multinomial_alias_draw _multinomial_alias_setup _baddbmm_mkldnn_ cudnn_convolution_bias cudnn_convolution_deprecated
    cudnn_convolution_transpose_deprecated _fft_with_size _amp_non_finite_check_and_unscale_ _solve_helper _svd_helper
    _qr_helper _inverse_helper _syevd_helper _symeig_helper _cholesky_helper _lu_solve_helper _triangular_solve_helper
    _linalg_inv_out_helper_
"""
"""Operators of torch 1.x in `aten` that computed only and are gone since (native_functions.yaml of 1.4 to 1.13)."""
HEADER = """\
# Operators of PyTorch that only compute: what a TorchScript archive, an exported program or an ExecuTorch program may use.
# Built by scripts/torch_operators.py from torch {version}; edit the script, not this file.
"""


def main() -> None:
    """Merge this torch's operators with those of older files."""
    out, *older = sys.argv[1:]
    names = {*WITHOUT_SCHEMA, *(f"aten::{name}" for name in REMOVED.split())}
    for schema in torch._C._jit_get_all_schemas():  # noqa: SLF001 - the only list there is
        if schema.name.partition("::")[0] not in NAMESPACES or schema.name in ACTS:
            continue
        asked = [a.name for a in schema.arguments if "str" in str(a.type) and NAMED.search(a.name)]
        if asked:
            sys.exit(f"{schema} takes {asked}: judge it by hand")
        names.add(schema.name)
    for path in older:
        lines = pathlib.Path(path).read_text(encoding="ascii").splitlines()
        names |= {line for line in lines if line and not line.startswith("#")}
    text = HEADER.format(version=torch.__version__) + "".join(f"{name}\n" for name in sorted(names - ACTS))
    pathlib.Path(out).write_text(text, encoding="ascii")


if __name__ == "__main__":
    main()
