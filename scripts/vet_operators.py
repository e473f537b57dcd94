"""Write the tables of vetted operators from the registries of the real libraries. Run by hand, never by `assay`.

Each library stands in an environment of its own; each run writes one table:

    python scripts/vet_operators.py tensorflow   # tensorflow-cpu 2.21.0
    python scripts/vet_operators.py paddle       # paddlepaddle 3.3.1
    python scripts/vet_operators.py coreml       # coremltools 9.0

A table lists what the library registers, less what acts outside of the graph (ACTING in the parsers: files, Python,
the network, processes) and less what nobody here looked at (DOUBTFUL). What is in no table holds the verdict.
"""

import importlib.metadata
import re
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path

MODEL = Path(__file__).resolve().parents[1] / "src" / "assaymark" / "model"

TENSORFLOW_DOUBTFUL = re.compile(
    r"""_?(?:Nccl|Collective|Host)?(?:Send|Recv)\w* | _?Collective\w+ | _?Nccl\w+ | \w*TPU(?!\w*Partitioned)\w* | \w*Tpu\w*
    | Remote\w+ | Rpc\w+ | DeleteRpc\w+ | \w*Distributed\w* | DTensor\w+ | CopyToMesh\w* | Relayout\w* | WorkerHeartbeat
    | _?Xla(?:Send|Recv|Host|Sparse|Run|Compile|Merge|AotOnly)\w* | Mlir\w+ | FileSystem\w+ | \w+InFdo | \w*SparseCore\w*
    | DeserializeIterator | \w*WithPhysicalReplica | ListDataset | DatasetToGraph\w* | _?SetGlobal\w+ | UpdateTaskId\w+
    | GlobalIterId | Infeed\w+ | Outfeed\w+ | Prelinearize\w* | _EagerConst | DevicePlacementOp | .*\WTest\w+""",
    re.VERBOSE,
)
"""Registered operators that talk to other devices or processes, or configure the runtime: not vetted, they hold."""
TENSORFLOW_TESTS = frozenset(["A", "Attr", "AttrBool", "AttrBoolList", "AttrDefault", "AttrEmptyListDefault", "AttrEnum", "AttrEnumList", "AttrFloat", "AttrListDefault", "AttrListMin", "AttrListTypeDefault", "AttrMin", "AttrPartialShape", "AttrPartialShapeList", "AttrShape", "AttrShapeList", "AttrTypeDefault", "B", "Binary", "ComplexStruct", "ConstructionFails", "CopyOp", "DefaultAttrs", "DtypeWithDefaultOp", "FiveFloatOutputs", "FloatInput", "FloatOutput", "FloatOutputStringOutput", "Foo1", "Foo2", "Foo3", "FuncAttr", "FuncListAttr", "GraphDefVersion", "InPolymorphicTwice", "Int64Output", "IntAttr", "IntInput", "IntInputFloatInput", "IntInputIntOutput", "IntOutput", "IntOutputFloatOutput", "KernelLabel", "KernelLabelRequired", "ListInput", "ListOutput", "MixedStruct", "NInPolymorphicTwice", "NInTwice", "NInTwoTypeVariables", "NIntsIn", "NIntsOut", "NIntsOutDefault", "NPolymorphicIn", "NPolymorphicOut", "NPolymorphicOutDefault", "NPolymorphicRestrictIn", "NPolymorphicRestrictOut", "None", "Old", "OpWithDefaultAttr", "OpWithFutureDefaultAttr", "OutT", "OutTypeList", "OutTypeListRestrict", "Polymorphic", "PolymorphicDefaultOut", "PolymorphicOut", "RefIn", "RefInputFloatInput", "RefInputFloatInputIntOutput", "RefInputIntInput", "RefOut", "RefOutput", "RefOutputFloatOutput", "RequiresOlderGraphVersion", "ReservedAttr", "ReservedInput", "ResourceCreateOp", "ResourceInitializedOp", "ResourceUsingOp", "Restrict", "Simple", "SimpleStruct", "StringListAttr", "StubResourceHandleOp", "TestAttr", "TestStringOutput", "TwoFloatInputs", "TwoFloatInputsFloatOutput", "TwoFloatInputsIntOutput", "TwoFloatOutputs", "TwoIntInputs", "TwoIntOutputs", "TwoRefsIn", "TypeList", "TypeListRestrict", "TypeListTwice", "Unary"])  # fmt: skip
"""Operators that exist for TensorFlow's own tests."""

PADDLE_DOUBTFUL = re.compile(
    r"c_comm_\w+|c_gen_\w+|comm_init_\w+|create_\w*reader|run_program\w*|\w*_engine|pylayer\w*|ap_\w+|fusion_group|"
    r"p_(?:send|recv)\w*|(?:send|recv)_v2|partial_(?:send|recv|allgather)|pyramid_hash\w*|read|\w*custom\w*|tdm_\w+"
)


def tensorflow() -> Iterable[str]:
    """Every operator that the TensorFlow of this environment registers."""
    from tensorflow.core.framework import op_def_pb2
    from tensorflow.python.client import pywrap_tf_session

    operators = op_def_pb2.OpList()
    operators.ParseFromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
    acting = _acting("tensorflow")
    names = (operator.name for operator in operators.op)
    return (n for n in names if n not in acting | TENSORFLOW_TESTS and not TENSORFLOW_DOUBTFUL.fullmatch(n))


def paddle() -> Iterable[str]:
    """Every operator of Paddle's older programs, and those of the newer PIR programs."""
    import paddle as library
    from paddle.base import core

    acting = _acting("paddle")
    names = {*core.get_all_op_names(), *(n for n in dir(library._C_ops) if re.fullmatch("[a-z][a-z0-9_]+", n))}  # noqa: SLF001 - the only list there is
    dialect = Path(core.libpaddle.__file__).read_bytes()
    names |= {name.decode() for name in re.findall(rb"\0pd_op\.([a-z][a-z0-9_]*)\0", dialect)}
    names |= set(core._get_registered_phi_kernels("all"))  # noqa: SLF001 - the kernels are the operators of PIR
    return (n for n in names if n not in acting and not PADDLE_DOUBTFUL.fullmatch(n))


def coreml() -> Iterable[str]:
    """Every operator of the model intermediate language; none of them acts outside of the program."""
    import coremltools.converters.mil.mil.ops.defs  # noqa: F401 - fills the registry
    from coremltools.converters.mil.mil.ops.registry import SSAOpRegistry

    return SSAOpRegistry.core_ops


def _acting(package: str) -> frozenset[str]:
    """The names in the first column of the package's `acting.txt`."""
    lines = (MODEL / package / "acting.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line.split()[0] for line in lines if line.strip() and not line.startswith("#"))


TABLES = {
    "tensorflow": (tensorflow, "tensorflow-cpu"),
    "paddle": (paddle, "paddlepaddle"),
    "coreml": (coreml, "coremltools"),
}

if __name__ == "__main__":
    names, distribution = TABLES[sys.argv[1]]
    version = importlib.metadata.version(distribution)
    words = sorted(set(names()))
    head = f"# {len(words)} operators of {distribution} {version} that compute only. Written by scripts/vet_operators.py {sys.argv[1]}.\n"
    body = "\n".join(textwrap.wrap(" ".join(words), 118, break_long_words=False, break_on_hyphens=False))
    (MODEL / sys.argv[1] / "vetted.txt").write_text(head + body + "\n", encoding="utf-8")
