"""DAT007."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.data.tables import FormulaCell


@check("DAT007", layer=Layer.DATA, severity=Severity.MEDIUM, since="0.1", refs=("CWE:1236",))
def table_holds_a_formula(cell: FormulaCell) -> Iterator[Hit]:
    """A cell is a formula that a spreadsheet evaluates.

    Why: A link shows one text and leads to another address; any other formula makes people see other values than a
    program that reads the same table.
    Fix: Keep values, not formulas, in data: export the table as values, or put `'` before cells that begin with `=`.
    """
    if cell.kind in {"link", "function"}:
        named = f" ({cell.header})" if cell.header else ""
        yield Hit(
            f"row {cell.row}, column {cell.column}{named}: a formula that calls {cell.name}",
            line=cell.line,
            symbol=f"{cell.kind} {cell.name} in column {cell.column}",
            excerpt=cell.excerpt,
        )
