"""The official JSON schemas of CycloneDX, compiled when they are first needed; README.md says where they come from."""

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jsonschema_rs

_SHARED = ("spdx", "jsf-0.82", "cryptography-defs")
_BASE = "http://cyclonedx.org/schema/"


@cache
def text(name: str) -> Any:
    """One schema file as it stands: `bom-1.7`, `spdx`."""
    return json.loads(files(__name__).joinpath(f"{name}.SNAPSHOT.schema.json").read_bytes())


@cache
def validator(version: str) -> "jsonschema_rs.Draft7Validator":
    """The schema of a version of CycloneDX, formats (dates, URLs) included."""
    import jsonschema_rs

    registry = jsonschema_rs.Registry([(f"{_BASE}{name}.SNAPSHOT.schema.json", text(name)) for name in _SHARED])
    return jsonschema_rs.Draft7Validator(
        text(f"bom-{version}"), registry=registry, validate_formats=True, offline=True, mask="it"
    )


@cache
def spdx_ids() -> frozenset[str]:
    """The ids of licences and exceptions that SPDX lists."""
    return frozenset(text("spdx")["enum"])
