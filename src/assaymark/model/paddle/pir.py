"""Paddle's newer programs (PIR, `inference.json`): every operator of every region.

Written by paddle/fluid/pir/serialize_deserialize. An operator is an object in a list called `ops`; its name stands under
`#`, as a dialect (0 builtin, 1 pd_op, 2 cf, or the dialect's own name) and the operator's name.
"""

import json
from collections.abc import Iterator

from assaymark.core.blob import Blob
from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.format import Context, Item
from assaymark.model.graphs import UNKNOWN, Acting, table
from assaymark.model.paddle.program import OPERATORS, PaddleOperator

_BUILTIN = frozenset(
    ["p", "module", "parameter", "set_parameter", "shadow_output", "constant", "combine", "slice", "split", "group"]
)  # parameters are so many that they are written as `p`
_CONTROL = frozenset(["yield", "stack_create", "tuple_push", "tuple_pop", "has_elements"])


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """A PaddleOperator for each that does not only compute."""
    context.budget.header(blob.size, "the PIR program")
    try:
        document = json.loads(blob.read(0, blob.size))
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the PIR program is no JSON: {error}", offset=0) from None
    base = document.get("base_code") if isinstance(document, dict) else None
    if not isinstance(base, dict) or base.get("magic") != "pir":
        return  # a document that only has this word in it; Paddle refuses it
    seen, count = set[str](), 0
    for operator in _operators(document):
        count += 1
        if count > OPERATORS:
            raise OverBudget(f"more than {OPERATORS:,} operators")
        name = operator.get("#")
        acting = _judge(name) if isinstance(name, str) else UNKNOWN
        if acting is None or (acting.deed == "unknown" and str(name) in seen):
            continue
        seen.add(str(name))
        yield PaddleOperator(str(name)[:300], acting.deed, tuple(_texts(operator, acting))[:8], None)
    if not count:
        raise Malformed("a PIR program without an operator", offset=0)


def _judge(name: str) -> Acting | None:
    dialect, _, operator = name.rpartition(".")
    if dialect in {"1", "pd_op"}:
        return table("paddle").judge(operator.removesuffix("_")) and table("paddle").judge(operator)
    known = _BUILTIN if dialect in {"", "0", "builtin"} else _CONTROL if dialect in {"2", "cf"} else frozenset()
    return None if operator in known else UNKNOWN


def _operators(document: object) -> Iterator[dict[str, object]]:
    todo = [document]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            for key, value in item.items():
                if key == "ops" and isinstance(value, list):
                    yield from (operator for operator in value if isinstance(operator, dict))
                todo.append(value)
        elif isinstance(item, list):
            todo.extend(item)


def _texts(operator: dict[str, object], acting: Acting) -> Iterator[str]:
    """Texts of the attributes that say what is touched: `{"N": name, "AT": {"D": value}}`."""
    attributes = operator.get("A")
    for attribute in attributes if isinstance(attributes, list) else ():
        if isinstance(attribute, dict) and attribute.get("N") in acting.attributes:
            value = attribute.get("AT")
            text = value.get("D") if isinstance(value, dict) else None
            if isinstance(text, str):
                yield text[:300]
