"""The table of SPDX 3.0.1 that `bom.spdx` validates with, made from the bindings that the SPDX project generates.

    python scripts/spdx_model.py > src/assaymark/bom/spdx/schema/model-3.0.1.json

Classes with their parent, whether they are abstract, what identifies them, and their own properties: [datatype, least, most,
argument]. The argument is the class of an object, the name of an enumeration, or a pattern. What the bindings do not have is
stated here: properties that the AI and Dataset profiles make mandatory (their chapters "External properties restrictions").
"""

import json
import sys
from typing import Any

PREFIX = "https://spdx.org/rdf/3.0.1/terms/"
DATATYPES = {
    "StringProp": "string",
    "AnyURIProp": "uri",
    "DateTimeStampProp": "moment",
    "DateTimeProp": "moment",
    "IntegerProp": "integer",
    "PositiveIntegerProp": "positive",
    "NonNegativeIntegerProp": "natural",
    "BooleanProp": "flag",
    "FloatProp": "number",
    "ObjectProp": "object",
    "EnumProp": "enum",
}
REQUIRED_BY_PROFILE = {
    "ai_AIPackage": [
        "releaseTime",
        "software_downloadLocation",
        "software_packageVersion",
        "software_primaryPurpose",
        "suppliedBy",
    ],
    "dataset_DatasetPackage": [
        "builtTime",
        "originatedBy",
        "releaseTime",
        "software_downloadLocation",
        "software_primaryPurpose",
    ],
}


def _compact(iri: str) -> str:
    profile, _, name = iri.removeprefix(PREFIX).rpartition("/")
    return name if profile == "Core" else f"{profile.lower()}_{name}"


def _property(made: Any, prop: Any, enums: dict[str, list[str]]) -> list[Any]:
    several = hasattr(prop, "prop")
    single = prop.prop if several else prop
    kind = DATATYPES[type(single).__name__]
    argument = single.pattern
    if kind == "object":
        argument = single.cls._COMPACT_TYPE  # noqa: SLF001 - the bindings have no other door
    if kind == "enum":
        argument = _compact(single.context[0][0].rpartition("/")[0])
        enums[argument] = sorted(compact for _, compact in single.context)
    least = made.min_count or 0
    most = made.max_count or 0 if several else 1
    return [kind, least, most, argument or ""]


def table() -> dict[str, Any]:
    """What is written: `classes`, `enums` (name to values), `individuals` (compact name to class), `profiles`."""
    from spdx_python_model.bindings.v3_0_1 import model

    base = model.SHACLObject
    classes, enums, individuals = {}, {}, {}
    found = {made for made in base.CLASSES.values() if made._COMPACT_TYPE}  # noqa: SLF001 - as above
    for made in sorted(found, key=lambda one: one._COMPACT_TYPE):  # noqa: SLF001 - as above
        parent = made.__mro__[1]
        inherited = parent._OBJ_COMPACT_PROPS  # noqa: SLF001 - as above
        own = {key: one for key, one in made._OBJ_COMPACT_PROPS.items() if key not in inherited}  # noqa: SLF001 - as above
        classes[made._COMPACT_TYPE] = {  # noqa: SLF001 - as above
            "parent": parent._COMPACT_TYPE or "",  # noqa: SLF001 - as above
            "abstract": made.IS_ABSTRACT,
            "id": made.NODE_KIND.name,
            "properties": {key: _property(one, one.prop or one.reg(), enums) for key, one in sorted(own.items())},
        }
        if made.ID_ALIAS == "spdxId":
            individuals |= {_compact(iri): made._COMPACT_TYPE for iri in made.NAMED_INDIVIDUALS.values()}  # noqa: SLF001 - as above
    for name in enums:
        classes.pop(name, None)
    return {
        "source": "spdx-python-model, bindings v3_0_1 (Apache-2.0), made from the SPDX 3.0.1 model (Community-Spec-1.0)",
        "classes": classes,
        "enums": dict(sorted(enums.items())),
        "individuals": dict(sorted(individuals.items())),
        "profiles": REQUIRED_BY_PROFILE,
    }


def text() -> str:
    """The file, byte for byte."""
    return json.dumps(table(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
