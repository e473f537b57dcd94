"""All that went into a model, layer by layer."""

from collections.abc import Iterator, Mapping
from typing import Any

from assaymark.core.look import clean

_ORDER = (
    "model",
    "data",
    "environment",
    "library",
    "image",
    "platform",
    "device",
    "driver",
    "tool",
    "run",
    "file",
    "party",
)
_SHOWN = 200


def render(found: Mapping[str, Any]) -> Iterator[str]:
    """Names by kind, a line each; long lists are cut with a count."""
    groups: dict[str, list[str]] = {}
    for node in found["nodes"]:
        name = node["versions"][0] if node["versions"] else node["purl"] or node["name"] or node["key"]
        version = f"@{node['version']}" if node["version"] and "@" not in name else ""
        groups.setdefault(node["kind"], []).append(clean(name + version))
    yield f"{len(found['nodes']):,} went into {clean(found['model'])}, itself included, over {len(found['edges']):,} edges\n"
    for kind in (*_ORDER, *sorted(groups.keys() - {*_ORDER})):
        names = sorted(groups.get(kind, ()))
        if names:
            yield f"\n{kind} ({len(names):,})\n"
            yield from (f"  {name}\n" for name in names[:_SHOWN])
            if len(names) > _SHOWN:
                yield f"  … and {len(names) - _SHOWN:,} more: --format json names all\n"
    if found["hidden"]:
        yield "\nThere is more that is not for you to see.\n"
