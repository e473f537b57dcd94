"""Python that an archive brings and its loader imports: torch.package modules, TorchServe handlers."""

from collections.abc import Iterator

from assaymark.core.blob import exact
from assaymark.core.errors import AssayError, OverBudget
from assaymark.core.source.python import LIMIT, Deed, calls
from assaymark.model.torch.part import Role, TorchPart
from assaymark.model.torch.views import BundledAct, BundledCode

_BUNDLES = {
    Role.PACKAGE: "torch.package archive",
    Role.HANDLER: "TorchServe archive",
    Role.REPOSITORY: "model folder in an archive",
    Role.PROGRAM: "zip application",
}
_TELLS = (Deed.PROCESS, Deed.EXECUTION, Deed.UNPICKLING, Deed.NATIVE, Deed.NETWORK, Deed.DELETION, Deed.DYNAMIC)
_ACTS = 200


def read_code(part: TorchPart) -> Iterator[BundledCode | BundledAct]:
    """Say that it runs and what it does, then each call that does something."""
    bundle = _BUNDLES[part.role]
    if part.path.lower().endswith(".pyc"):
        yield BundledCode(bundle, part.path, (), "it is byte code")
        return
    try:
        if part.size > LIMIT:
            raise OverBudget(f"it is {part.size:,} bytes long, more than the {LIMIT >> 20} MiB that are read")
        source = calls(exact(part, 0, part.size, part.path))
    except AssayError as error:
        yield BundledCode(bundle, part.path, (), error.message)
        return
    acts = [call for call in source.deeds(*_TELLS) if call.called or call.deed is not Deed.NETWORK]
    deeds = {call.deed for call in acts}
    if source.calls or source.imports or source.classes:
        yield BundledCode(bundle, part.path, tuple(d.value for d in Deed if d in deeds), "")
    for call in acts[:_ACTS]:
        if call.deed is not None:
            yield BundledAct(
                bundle, call.deed, call.name, call.line, call.on_import, call.within, call.excerpt, call.hidden
            )
