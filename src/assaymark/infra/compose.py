"""Docker compose files (the Compose Specification): images, powers, environment and commands of each service."""

from collections.abc import Iterator

from assaymark.core.blob import Blob
from assaymark.core.format import Context, Item
from assaymark.core.source.text import read_text
from assaymark.core.source.yaml_tree import LIMIT, Node, documents
from assaymark.infra.script import known_secrets
from assaymark.infra.workload import (
    Lines,
    Power,
    capabilities,
    command,
    environment,
    image,
    is_true,
    mount,
    text_of,
    value,
)  # fmt: skip

_NAMESPACES = {"network_mode": "the host's network", "pid": "the host's processes", "ipc": "the host's shared memory"}


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Everything of every service."""
    text = read_text(blob, context.budget, context.name, LIMIT)
    yield from known_secrets(text)
    lines = Lines(text)
    for root in documents(text):
        services = root.get("services") if root.kind == "mapping" else None
        seen: set[int] = set()
        for name, service in services.named() if services is not None else ():
            if service.kind == "mapping" and id(service) not in seen:  # an alias may repeat it ten thousand times
                seen.add(id(service))
                yield from _service(service, f"service {name[:100]}", lines)


def _service(service: Node, place: str, lines: Lines) -> Iterator[Item]:
    build = value(service, "build")
    if build is None:
        yield from image(value(service, "image"), place, lines)
    yield from _powers(service, place, lines)
    yield from environment(_pairs(value(service, "environment")), place, lines)
    yield from environment(_pairs(value(build, "args")), place, lines)
    for key in ("entrypoint", "command"):
        yield from command([value(service, key)])


def _powers(service: Node, place: str, lines: Lines) -> Iterator[Item]:
    privileged = value(service, "privileged")
    if privileged is not None and is_true(privileged):
        yield Power("privileged", "privileged: true", place, privileged.line, lines.at(privileged.line))
    yield from capabilities(value(service, "cap_add"), place, lines)
    for key, what in _NAMESPACES.items():
        node = value(service, key)
        if node is not None and text_of(node) == "host":
            yield Power("namespace", what, place, node.line, lines.at(node.line))
    volumes = value(service, "volumes")
    for volume in volumes.items if volumes is not None else ():
        source = value(volume, "source") if volume.kind == "mapping" else volume
        if source is not None:
            yield from mount(text_of(source).partition(":")[0], source.line, place, lines)


def _pairs(node: Node | None) -> Iterator[tuple[str, str, int]]:
    """`KEY: value` or `- KEY=value`."""
    if node is None:
        return
    for name, given in node.named():
        if given.kind == "scalar":
            yield name, given.text, given.line
    for item in node.items:
        name, equals, given_text = item.text.partition("=")
        if equals:
            yield name, given_text, item.line
    merged = node.get("<<") if node.kind == "mapping" else None
    if merged is not None and merged.kind == "mapping":
        yield from ((name, given.text, given.line) for name, given in merged.named() if given.kind == "scalar")
