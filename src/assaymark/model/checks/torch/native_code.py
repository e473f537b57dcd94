"""MDL132."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.torch.views import NativeCode


@check(
    "MDL132",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:829", "ATLAS:AML.T0010.003"),
)
def exported_program_holds_native_code(code: NativeCode) -> Iterator[Hit]:
    """An exported program holds compiled code.

    Why: AOTInductor compiles a model into a shared library, which the loader opens with `dlopen` (or compiles from the C++
        beside it). Native code may do anything, and its bytes do not tell.
    Fix: Ask for the program as written by `torch.export.save` and compile it yourself:
        `torch._inductor.aoti_compile_and_package(torch.export.load("model.pt2"))`.
    """
    yield Hit(f"{code.what} is native code or is compiled to it; it runs {code.when}", symbol=code.what)
