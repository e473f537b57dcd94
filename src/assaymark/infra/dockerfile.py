"""Dockerfiles and Containerfiles: images, users, scripts, secrets (docs.docker.com/reference/dockerfile).

Variables with a value in the file are followed, stages inherit from stages. Nothing is built and nothing is fetched:
an image is judged by its name alone.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from assaymark.core.blob import Blob
from assaymark.core.errors import OverBudget
from assaymark.core.format import Context, Item
from assaymark.core.source.secrets import find_secrets, looks_secret, mask, redact, safe_excerpt
from assaymark.core.source.text import read_text
from assaymark.infra.dockerlines import BadInstruction, Instruction, instructions, plain, unquote
from assaymark.infra.image import ImageName, expand, image_name
from assaymark.infra.keyfiles import is_key_file
from assaymark.infra.packages import pair_views, script_views
from assaymark.infra.script import EnvironmentPair, PlainSecret, known_secrets

_REMOTE = re.compile(r"(?:https?|ftp|git|ssh)://|git@", re.IGNORECASE)
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_MOUNTED_FROM = re.compile(r"--mount=(?:.*,)?from=([^,\s]+)")


@dataclass(frozen=True, slots=True)
class BaseImage:
    """An image that a build starts from or copies from. `role` is `FROM`, `--from` or `syntax`."""

    image: ImageName
    written: str
    role: str
    line: int
    excerpt: str


@dataclass(frozen=True, slots=True)
class FinalStage:
    """The last stage: who it runs as. `user` is empty where no USER stands in it or in the stages it is built on."""

    user: str
    base: ImageName
    line: int
    excerpt: str


@dataclass(frozen=True, slots=True)
class Added:
    """ADD of something remote. `fixed`: a checksum, or a full commit of a repository."""

    url: str
    fixed: bool
    line: int
    excerpt: str


@dataclass(slots=True)
class _Stage:
    base: ImageName
    line: int
    excerpt: str
    user: str = ""
    variables: dict[str, str] = field(default_factory=dict)


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Every image, script, pair and secret, then the final stage."""
    text = read_text(blob, context.budget, "a Dockerfile")
    yield from known_secrets(text)
    build = _Build()
    for instruction in instructions(text):
        context.budget.tick()
        if isinstance(instruction, BadInstruction):
            yield instruction
        else:
            yield from build.take(instruction)
    yield from build.finish()


_MOST_STAGES = 1_000
_MOST_VARIABLES = 1_000  # of one stage; a stage on another has all of its


class _Build:
    """The build as far as it was read: global variables, stages, their users."""

    def __init__(self) -> None:
        self.globals: dict[str, str] = {}
        self.stages: list[_Stage] = []
        self.named: dict[str, _Stage] = {}

    def take(self, item: Instruction) -> Iterator[Item]:
        """Views of one instruction."""
        match item.keyword:
            case "syntax":
                yield BaseImage(image_name(item.value), item.value, "syntax", item.line, item.excerpt)
            case "FROM":
                yield from self.start(item)
            case "ARG":
                yield from self.pairs(item)
            case _ if not self.stages:
                yield BadInstruction(f"{item.keyword} before the first FROM", item.line, item.excerpt)
            case "ENV" | "LABEL":
                yield from self.pairs(item)
            case "RUN" | "CMD" | "ENTRYPOINT":
                yield from self.run(item)
            case "COPY" | "ADD":
                yield from self.copy(item)
            case "USER":
                stage = self.stages[-1]
                stage.user = expand(unquote(plain(item.value)), self.variables())
                stage.line, stage.excerpt = item.line, item.excerpt

    def finish(self) -> Iterator[Item]:
        """The final stage."""
        if self.stages:
            last = self.stages[-1]
            yield FinalStage(last.user, last.base, last.line, last.excerpt)
        else:
            yield BadInstruction("no FROM: nothing is built", 1, "")

    def variables(self) -> dict[str, str]:
        """What variables stand for here; `ARG X` without a value takes over the global one."""
        return self.stages[-1].variables if self.stages else self.globals

    def start(self, item: Instruction) -> Iterator[Item]:
        """FROM: a new stage, on an image or on an earlier stage."""
        words = item.operands()
        if len(words) not in {1, 3} or (len(words) == 3 and words[1].upper() != "AS"):
            yield BadInstruction("FROM is written `FROM image [AS name]`", item.line, item.excerpt)
        written = words[0] if words else ""
        parent = self.named.get(written.lower())
        image = image_name(expand(written, self.globals))
        if parent is not None:
            stage = _Stage(parent.base, item.line, item.excerpt, parent.user, dict(parent.variables))
        else:
            stage = _Stage(image, item.line, item.excerpt)
            if image.name != "scratch":
                yield BaseImage(image, redact(written), "FROM", item.line, item.excerpt)
        if len(self.stages) == _MOST_STAGES:
            raise OverBudget(f"a build of more than {_MOST_STAGES:,} stages")
        self.stages.append(stage)
        if len(words) == 3:
            self.named[words[2].lower()] = stage

    def pairs(self, item: Instruction) -> Iterator[Item]:
        """ENV and ARG: variables and secrets. LABEL: secrets."""
        variables = self.variables()
        for name, value, line in item.pairs():
            if value is None:
                if name in self.globals:
                    variables[name] = self.globals[name]
                continue
            if item.keyword != "LABEL":
                if len(variables) == _MOST_VARIABLES:
                    raise OverBudget(f"a stage with more than {_MOST_VARIABLES:,} variables")
                variables[name] = expand(value, variables)
            excerpt = safe_excerpt(f"{item.keyword} {name}={value}")
            yield from pair_views(EnvironmentPair(f"{item.keyword} {name}", name, redact(value), line, excerpt))
            kind = looks_secret(name, value)
            if kind is not None and not any(True for _ in find_secrets(value)):
                excerpt = safe_excerpt(excerpt, value)
                yield PlainSecret(kind, mask(value), f"{item.keyword} {name}", line, excerpt)

    def run(self, item: Instruction) -> Iterator[Item]:
        """RUN, CMD and ENTRYPOINT: scripts, what they are given, what is mounted into them."""
        for flag in item.flags()[0]:
            match = _MOUNTED_FROM.match(flag)
            if match:
                yield from self.other_image(match[1], item)
        for script in item.scripts():
            yield from script_views(script)

    def copy(self, item: Instruction) -> Iterator[Item]:
        """COPY and ADD: key files, other images, what comes from the network."""
        flags, _ = item.flags()
        for flag in flags:
            if flag.startswith("--from="):
                yield from self.other_image(flag[7:], item)
        checked = any(flag.startswith("--checksum=sha") for flag in flags)
        for source in item.operands()[:-1]:
            if is_key_file(source):
                name = source[:100]
                yield PlainSecret(
                    "file of keys or credentials", name, f"{item.keyword} {name}", item.line, item.excerpt
                )
            if item.keyword == "ADD" and _REMOTE.match(source):
                commit = source.partition("#")[2].partition(":")[0]
                yield Added(redact(source), checked or bool(_COMMIT.fullmatch(commit)), item.line, item.excerpt)

    def other_image(self, written: str, item: Instruction) -> Iterator[Item]:
        """An image that files are taken from, unless it is a stage of this build."""
        if written.lower() not in self.named and not written.isdigit():
            image = image_name(expand(written, self.variables()))
            yield BaseImage(image, redact(written), "--from", item.line, item.excerpt)
