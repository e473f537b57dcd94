"""Kubernetes manifests: containers wherever they stand, in pods, workloads and custom resources; Secrets and ConfigMaps.

A Helm template is read with its expressions taken as unknown values; one that still is no YAML is named as not seen.
"""

import base64
import binascii
import re
from collections.abc import Iterator

from assaymark.core.blob import Blob
from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.format import Context, Item, Skipped
from assaymark.core.source.secrets import find_secrets, looks_secret, mask
from assaymark.core.source.text import read_text
from assaymark.core.source.yaml_tree import Node, documents, walk
from assaymark.infra.image import UNKNOWN
from assaymark.infra.packages import script_views
from assaymark.infra.script import PlainSecret, ShellScript, known_secrets
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

_CONTAINERS = ("containers", "initContainers", "ephemeralContainers", "sidecars")
_SINGLE = ("container", "script")
_NAMESPACES = {
    "hostNetwork": "the host's network", "hostPID": "the host's processes", "hostIPC": "the host's shared memory"
}  # fmt: skip
_LONGEST_SECRET = 64 << 10
_LIMIT = 16 << 20  # bytes of all documents of one file together
_MOST = 20_000  # documents of one file
_SEPARATOR = re.compile(r"^---[ \t]*(?:#.*)?\r?\n", re.MULTILINE)
_KIND = re.compile(r"^[\"']?kind[\"']?[ \t]*:", re.MULTILINE)
_DEFINITION = re.compile(r"^kind:[ \t]*[\"']?CustomResourceDefinition[\"']?[ \t\r]*$", re.MULTILINE)


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Everything of every object."""
    text = read_text(blob, context.budget, context.name, _LIMIT)
    yield from known_secrets(text)
    lines = Lines(text)
    template = "{{" in text
    try:
        for root in objects(without_expressions(text) if template else text):
            context.budget.tick()
            yield from _object(root, lines)
    except Malformed:
        if not template:
            raise
        why = "it is no YAML before it is rendered: scan the output of `helm template`"
        yield Skipped("template", why, holds=False)


def objects(text: str) -> Iterator[Node]:
    """The objects of a manifest, each document parsed by itself within the limits of `yaml_tree`.

    Definitions of custom resources are left out: they are schemas, megabytes long, and nothing in them runs.
    """
    line = 0
    for count, document in enumerate(_SEPARATOR.split(text)):
        if count > _MOST:
            raise OverBudget(f"more than {_MOST:,} documents in one file")
        if not _DEFINITION.search(document) or len(_KIND.findall(document)) > 1:
            for root in documents(document):
                if root.kind == "mapping" and root.get("apiVersion") is not None:
                    for node, _ in walk(root):
                        node.line += line
                    yield root
        line += document.count("\n") + 1


def without_expressions(text: str) -> str:
    """`{{ … }}` replaced by UNKNOWN, lines of nothing else emptied; line numbers stay."""
    parts: list[str] = []
    at = 0
    while (start := text.find("{{", at)) >= 0:
        end = text.find("}}", start)
        end = end + 2 if end >= 0 else len(text)
        parts += (text[at:start], UNKNOWN, "\n" * text.count("\n", start, end))
        at = end
    lines = "".join((*parts, text[at:])).split("\n")
    return "\n".join("" if UNKNOWN in line and not line.replace(UNKNOWN, "").strip() else line for line in lines)


def _object(root: Node, lines: Lines) -> Iterator[Item]:
    kind = text_of(root.get("kind"))
    name = f"{kind} {text_of(root.get('metadata', 'name'))}".replace(UNKNOWN, "?")[:150].strip()
    if kind in {"Secret", "ConfigMap"}:
        yield from _data(root, name, lines, encoded=kind == "Secret")
        return
    seen: set[int] = set()
    for node, _ in walk(root):
        found = _containers(node) if node.kind == "mapping" else []
        if found:
            yield from _pod(node, name, lines)
        for container in found:
            if id(container) not in seen:  # an alias may repeat it ten thousand times
                seen.add(id(container))
                yield from _container(container, name, lines)


def _containers(node: Node) -> list[Node]:
    """The containers that stand directly below a mapping: a pod's, or the one of a workflow's step."""
    listed = [found for key in _CONTAINERS if (found := node.get(key)) is not None and found.kind == "sequence"]
    single = [found for key in _SINGLE if (found := node.get(key)) is not None and found.get("image") is not None]
    return [container for found in listed for container in found.items if container.kind == "mapping"] + single


def _pod(pod: Node, place: str, lines: Lines) -> Iterator[Item]:
    for key, what in _NAMESPACES.items():
        node = pod.get(key)
        if node is not None and is_true(node):
            yield Power("namespace", what, place, node.line, lines.at(node.line))
    volumes = pod.get("volumes")
    for volume in volumes.items if volumes is not None else ():
        path = volume.get("hostPath", "path")
        if path is not None:
            yield from mount(path.text, path.line, place, lines)


def _container(container: Node, owner: str, lines: Lines) -> Iterator[Item]:
    place = f"{owner}, container {text_of(container.get('name'))[:80]}".removesuffix(", container ")
    yield from image(container.get("image"), place, lines)
    privileged = container.get("securityContext", "privileged")
    if privileged is not None and is_true(privileged):
        yield Power("privileged", "privileged: true", place, privileged.line, lines.at(privileged.line))
    yield from capabilities(container.get("securityContext", "capabilities", "add"), place, lines)
    listed = container.get("env")
    pairs = [(text_of(item.get("name")), item.get("value")) for item in listed.items] if listed is not None else []
    yield from environment(
        ((n, v.text, v.line) for n, v in pairs if v is not None and v.kind == "scalar"), place, lines
    )
    yield from command([container.get("command"), container.get("args")])
    source = container.get("source")
    if source is not None and source.kind == "scalar":
        yield from script_views(ShellScript(source.text, source.line + source.block, "start"))


def _data(root: Node, place: str, lines: Lines, *, encoded: bool) -> Iterator[Item]:
    """Values of a Secret (in base64 under `data`) or a ConfigMap that are secrets in clear."""
    for key, is_base64 in (("data", encoded), ("stringData", False)):
        node = value(root, key)
        for name, given in node.named() if node is not None else ():
            if given.kind != "scalar":
                continue
            clear = _decoded(given.text) if is_base64 else given.text
            known = next(find_secrets(clear), None) if is_base64 else None
            kind = known.kind if known is not None else looks_secret(name, clear) if "\n" not in clear else None
            if kind is not None and (known is not None or not any(True for _ in find_secrets(clear))):
                masked = known.masked if known is not None else mask(clear)
                yield PlainSecret(kind, masked, f"{place}: {name[:80]}", given.line, lines.at(given.line, given.text))


def _decoded(text: str) -> str:
    try:
        return base64.b64decode("".join(text.split())[:_LONGEST_SECRET], validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
