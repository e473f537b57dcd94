"""How the infrastructure layer knows its documents: by name together with how they begin."""

import re
from collections.abc import Callable

from assaymark.core.format import Head

Recognise = Callable[[Head], bool]

_DOCKERFILE = re.compile(r"dockerfile|containerfile|[\w.-]+\.(?:dockerfile|containerfile)")
_LIKE_DOCKERFILE = re.compile(r"(?:dockerfile|containerfile)[._-][\w.-]+|[\w.-]+[._-](?:dockerfile|containerfile)")
_FIRST = re.compile(
    rb"\A(?:\xef\xbb\xbf)?(?:[ \t]*(?:#[^\n]*)?\r?\n)*[ \t]*(?:FROM[ \t]+\S|ARG[ \t]+\w)", re.IGNORECASE
)
_FROM = re.compile(
    rb"^[ \t]*FROM[ \t]+(?:--platform=\S+[ \t]+)?[\w$][\w./:@${}-]*(?:[ \t]+AS[ \t]+[\w.-]+)?[ \t]*\r?$",
    re.IGNORECASE | re.MULTILINE,
)
_INSTRUCTION = re.compile(rb"^[ \t]*(?:RUN|COPY|ADD|CMD|ENTRYPOINT|WORKDIR|ENV|USER|EXPOSE)[ \t]+\S", re.MULTILINE)
_COMPOSE = re.compile(r"(?:docker-)?compose(?:[._-][\w.-]+)?\.ya?ml|[\w.-]+[._-]compose\.ya?ml")
_SERVICES = re.compile(rb"^services:[ \t]*(?:#.*)?\r?$", re.MULTILINE)
_API_VERSION = re.compile(rb"^[\"']?apiVersion[\"']?[ \t]*:[ \t]*\S", re.MULTILINE)
_KIND = re.compile(rb"^[\"']?kind[\"']?[ \t]*:[ \t]*\S", re.MULTILINE)


def is_dockerfile(head: Head) -> bool:
    """`Dockerfile`, `Containerfile` and their like by name; anything that begins as one and goes on as one."""
    if _DOCKERFILE.fullmatch(head.basename):
        return True
    if not head.is_text or not _FIRST.match(head.start) or not _FROM.search(head.start):
        return False
    return bool(_LIKE_DOCKERFILE.fullmatch(head.basename)) or bool(_INSTRUCTION.search(head.start))


def is_compose(head: Head) -> bool:
    """Compose files by name; other YAML with services at the top that have images or builds."""
    if _COMPOSE.fullmatch(head.basename):
        return True
    if not head.basename.endswith((".yml", ".yaml")) or not _SERVICES.search(head.start):
        return False
    return bool(re.search(rb"^[ \t]+(?:image|build)[ \t]*:", head.start, re.MULTILINE))


def is_kubernetes(head: Head) -> bool:
    """YAML documents with `apiVersion` and `kind` at the top, as every Kubernetes object has them."""
    if not head.basename.endswith((".yml", ".yaml", ".tpl")) or not head.is_text:
        return False
    return bool(_API_VERSION.search(head.start) and _KIND.search(head.start))
