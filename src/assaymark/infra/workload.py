"""What compose files and Kubernetes manifests have in common: containers, their images, powers, environment."""

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from assaymark.core.format import Item
from assaymark.core.source.secrets import find_secrets, looks_secret, mask, redact, safe_excerpt, secret_name
from assaymark.core.source.yaml_tree import Node
from assaymark.infra.image import ImageName, expand, image_name
from assaymark.infra.packages import pair_views, script_views
from assaymark.infra.script import EnvironmentPair, PlainSecret, ShellScript

_TRUE = frozenset({"true", "yes", "on"})
_STRONG_CAPABILITIES = frozenset({"ALL", "SYS_ADMIN", "SYS_MODULE", "DAC_READ_SEARCH"})
_SOCKETS = ("docker.sock", "containerd.sock", "crio.sock", "podman.sock", "cri-dockerd.sock", "buildkitd.sock")
_HOST_ROOTS = frozenset({"", "/", "/run", "/var/run", "/var/run/docker", "/run/containerd"})


@dataclass(frozen=True, slots=True)
class WorkloadImage:
    """The image of one container."""

    image: ImageName
    written: str
    place: str
    line: int
    excerpt: str


@dataclass(frozen=True, slots=True)
class Power:
    """Something that lets a container reach the host. `kind` is `privileged`, `mount` or `namespace`."""

    kind: str
    what: str
    place: str
    line: int
    excerpt: str


class Lines:
    """The lines of a document, as excerpts."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")

    def at(self, line: int, *values: str) -> str:
        """The line of this number, secrets and these values masked."""
        return safe_excerpt(self._lines[line - 1], *values) if 0 < line <= len(self._lines) else ""


def value(node: Node | None, key: str) -> Node | None:
    """The value of a key, from a merged mapping (`<<`) where the node itself has none."""
    for _ in range(8):
        if node is None or node.kind != "mapping":
            return None
        found = node.get(key)
        if found is not None:
            return found
        merged = node.get("<<")
        node = merged.items[0] if merged is not None and merged.items else merged
    return None


def text_of(node: Node | None) -> str:
    """The text of a scalar, else an empty one."""
    return node.text if node is not None and node.kind == "scalar" else ""


def is_true(node: Node | None) -> bool:
    """A scalar that YAML 1.1 or 1.2 reads as true."""
    return text_of(node).lower() in _TRUE


def image(node: Node | None, place: str, lines: Lines) -> Iterator[Item]:
    """The image that a scalar names; variables take their defaults."""
    written = text_of(node)
    if node is not None and written:
        name = image_name(expand(written, {}))
        yield WorkloadImage(name, redact(written)[:300], place, node.line, lines.at(node.line))


def environment(pairs: Iterable[tuple[str, str, int]], place: str, lines: Lines) -> Iterator[Item]:
    """(name, value, line) of a container's environment: variables, and secrets by their name.

    A password that stands beside it as user or database name too is the default of a demonstration, not a secret.
    """
    listed = list(pairs)
    plain = {given for name, given, _ in listed if secret_name(name) is None}
    for name, given, line in listed:
        yield from pair_views(EnvironmentPair(place, name, redact(given), line, lines.at(line)))
        kind = looks_secret(name, given) if given not in plain else None
        if kind is not None and not any(True for _ in find_secrets(given)):
            yield PlainSecret(kind, mask(given), f"{place}: {name}", line, lines.at(line, given))


def command(nodes: Iterable[Node | None]) -> Iterator[Item]:
    """What a container starts: a text, or a list of words; `sh -c` and its script are looked at as that script."""
    words: list[Node] = []
    for node in nodes:
        if node is not None and node.kind == "scalar" and node.text:
            yield from script_views(ShellScript(node.text, node.line + node.block, "start"))
        elif node is not None:
            words += [item for item in node.items if item.kind == "scalar"]
    inline = next(
        (i for i, word in enumerate(words[:-1]) if i and word.text.startswith("-") and word.text.endswith("c")), None
    )
    if inline is not None and words[0].text.endswith("sh"):
        script = words[inline + 1]
        yield from script_views(ShellScript(script.text, script.line + script.block, "start"))
    elif words:
        yield from script_views(ShellScript(shlex.join(word.text for word in words), words[0].line, "start"))


def capabilities(node: Node | None, place: str, lines: Lines) -> Iterator[Power]:
    """Added capabilities that are as good as root on the host."""
    for item in node.items if node is not None else ():
        name = item.text.upper().removeprefix("CAP_")
        if name in _STRONG_CAPABILITIES:
            yield Power("privileged", f"capability {name}", place, item.line, lines.at(item.line))


def mount(path: str, line: int, place: str, lines: Lines) -> Iterator[Power]:
    """A path of the host whose content gives the host away."""
    bare = path.rstrip("/")
    if bare.endswith(_SOCKETS):
        yield Power("mount", f"{path} (whoever can write to it is root on the host)", place, line, lines.at(line))
    elif bare in _HOST_ROOTS and path.startswith("/"):
        yield Power("mount", f"{path} of the host", place, line, lines.at(line))
