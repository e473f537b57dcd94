"""DAT002."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.data.tables import FormulaCell


@check("DAT002", layer=Layer.DATA, severity=Severity.HIGH, since="0.1", refs=("CWE:1236", "ATLAS:AML.T0011"))
def table_runs_a_command(cell: FormulaCell) -> Iterator[Hit]:
    """A cell is a formula that starts a program or sends data away.

    Why: A spreadsheet that opens the table evaluates it: DDE starts a program on the reader's machine, WEBSERVICE and
    IMPORTXML send what stands in other cells to an address of the writer's choice.
    Fix: Remove the row and ask where it came from. When you write tables, put `'` before values that begin with = + - @.
    """
    if cell.kind in {"command", "request"}:
        does = f"starts {cell.name} over DDE" if cell.kind == "command" else f"calls {cell.name}"
        named = f" ({cell.header})" if cell.header else ""
        yield Hit(
            f"row {cell.row}, column {cell.column}{named}: a formula that {does}",
            line=cell.line,
            symbol=f"{cell.kind} {cell.name} in column {cell.column}",
            excerpt=cell.excerpt,
        )
