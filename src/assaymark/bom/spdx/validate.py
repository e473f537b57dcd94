"""What is wrong with an SPDX document: structure, references, digests, package URLs, circles. 3.0 and 2.2 or 2.3."""

from typing import Any

from assaymark.bom.spdx.bound import text
from assaymark.bom.validate import Problem


def problems(document: dict[str, Any]) -> list[Problem]:
    """Every problem, by place. Raises Malformed where it is no SPDX document, or one beyond bounds."""
    if isinstance(document, dict) and text(document, "spdxVersion"):
        from assaymark.bom.spdx.validate2 import problems as found
    else:
        from assaymark.bom.spdx.validate3 import problems as found
    return sorted(found(document), key=lambda problem: (problem.at, problem.code, problem.message))
