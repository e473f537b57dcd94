"""The published JSON Schemas, as the package itself uses them."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from assaymark.core.errors import Malformed
from assaymark.core.evidence import ORIGIN, TEST_RESULT


@cache
def schema(name: str) -> Any:
    """One of `scan-report-v1`, `scan-evidence-v1`, parsed."""
    return json.loads((files(__package__) / "schema" / f"{name}.schema.json").read_text(encoding="utf-8"))


def check_evidence(predicate_type: str, predicate: Mapping[str, Any]) -> None:
    """Raise Malformed unless the predicate has the form that is published for its type."""
    import jsonschema_rs

    if predicate_type not in {TEST_RESULT, ORIGIN}:
        raise Malformed(f"predicate type {predicate_type!r} is not one that this version knows")
    try:
        jsonschema_rs.validate(schema("scan-evidence-v1"), dict(predicate))
        if predicate_type == ORIGIN:
            jsonschema_rs.validate(schema("origin-v1"), predicate.get("origin"))
    except jsonschema_rs.ValidationError as error:
        place = "/".join(str(part) for part in error.instance_path)
        raise Malformed(
            f"the evidence does not have the published form: {place or 'predicate'}: {error.message}"
        ) from error
