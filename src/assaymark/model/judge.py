"""Whether a file's bytes may be loaded or converted: the same answer as `assay scan` gives, for bytes at hand."""

from typing import TYPE_CHECKING, Any

from assaymark.core.errors import AssayError

if TYPE_CHECKING:
    from collections.abc import Callable

    from assaymark.core.blob import Blob
    from assaymark.core.budget import Budget
    from assaymark.core.format import Head
    from assaymark.model.allow import AllowPolicy

Pair = tuple[str, str]
"""Module and qualified name, as Python 3 knows them."""


class Refused(AssayError):
    """What was to be loaded is not what the table and the policy allow. `reasons` are all of them, worst first."""

    def __init__(self, message: str, *, step: str = "", reasons: tuple[str, ...] = ()) -> None:
        super().__init__(message, step=step)
        self.reasons = reasons

    def __str__(self) -> str:
        return f"{self.message}\n  next: {self.step}" if self.step else self.message


def judge(
    blob: "Blob",
    name: str,
    budget: "Budget",
    policy: "AllowPolicy | None" = None,
    *,
    as_pickle: bool = False,
    tolerated: frozenset[str] = frozenset(),
) -> tuple[frozenset[Pair], tuple[str, ...]]:
    """The globals that a load may resolve, and the formats; raises Refused where `assay scan` would not allow the bytes.

    With `as_pickle` they are read as a pickle whatever they look like, as the unpickler will. Findings that only hold
    are passed over where their ids are `tolerated`.
    """
    from assaymark.core.finding import Severity
    from assaymark.core.look import look
    from assaymark.model.machine.table import Overlay, laid_over

    overlay = policy.overlay() if policy is not None else Overlay()
    with laid_over(overlay):
        report = look(blob, name, _catalog(blob if as_pickle else None), budget)
    against = [f for f in report.findings if f.severity >= Severity.HIGH or (f.holds and f.id not in tolerated)]
    if against:
        raise _refusal(name, sorted(against, key=lambda f: (-f.severity, f.id)))
    return frozenset(overlay.found), report.formats


def _catalog(root: "Blob | None") -> Any:
    """The formats of the model layer; `root`, if any, is taken for a pickle."""
    from dataclasses import replace
    from functools import partial

    from assaymark.core.look import Catalog
    from assaymark.model.catalog import FACTS, FORMATS

    formats = tuple(
        replace(f, recognise=partial(_is_root_or, root, f.recognise), first=b"")
        if f.name == "pickle" and root is not None
        else f
        for f in FORMATS
    )
    return Catalog(formats, (), FACTS)


def _is_root_or(root: "Blob", known: "Callable[[Head], bool]", head: "Head") -> bool:
    return head.blob is root or known(head)


def _refusal(name: str, against: list[Any]) -> Refused:
    reasons = tuple(f"{f.id} {f.message}" for f in against)
    more = f" (and {len(against) - 1} more reasons)" if len(against) > 1 else ""
    if all(f.id == "MDL002" for f in against):
        step = "review the class, then put that line into a signed policy: assay model learn FILE --out allow.toml"
    else:
        step = "do not load it; ask its producer for safetensors weights. assay scan shows every reason"
    return Refused(f"{name} was refused: {reasons[0]}{more}", step=step, reasons=reasons)
