"""What is wrong with a BOM: what its schema forbids, and what no schema can see.

`bom.validate_codes` has the table of problems. A HIGH one is an error, anything below is a warning.
"""

from typing import Any

from assaymark.core.finding import Severity
from assaymark.core.record import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong. `at` is a JSON pointer into the document ("" for all of it), `fix` what to write instead."""

    code: str
    severity: Severity
    at: str
    message: str
    fix: str

    @property
    def error(self) -> bool:
        """Whether a document with it is refused."""
        return self.severity >= Severity.HIGH


def validate(document: dict[str, Any], form: str, *, schema_only: bool = False) -> list[Problem]:
    """Every problem of a document, by place; `form` as `bom.formats.recognise` names it."""
    if form.startswith("spdx"):
        from assaymark.bom.spdx.validate import problems as spdx_problems

        return spdx_problems(document)
    if form == "assaymark":
        from assaymark.bom.neutral import from_json

        from_json(document)
        return []
    from assaymark.bom.problems.schema import problems as schema_problems

    found = schema_problems(document, form)
    if not schema_only:
        from assaymark.bom.problems.cyclonedx import problems

        deeper = problems(document)
        told = {problem.at for problem in deeper}
        found = [problem for problem in found if problem.at not in told] + deeper
    return sorted(found, key=lambda problem: (problem.at, problem.code, problem.message))
