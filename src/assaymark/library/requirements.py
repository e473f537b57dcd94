"""Requirement and constraint files, read by pip's own line rules (pip `_internal/req/req_file.py`).

Lines end where `str.splitlines` ends them, backslashes join them, `#` after white space starts a comment, and long
options may be abbreviated. Nothing is resolved, fetched or included: `-r` and `-c` are looked at as files of their own.
"""

import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from assaymark.core.blob import Blob
from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.format import Context, Item
from assaymark.core.source.secrets import redact, safe_excerpt
from assaymark.core.source.text import LIMIT, decode
from assaymark.library import urls
from assaymark.library.sources import Source, credentials, source

_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*$")
_ENDS = re.compile(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_ARCHIVE = re.compile(r"\.(?:whl|zip|tar(?:\.(?:gz|bz2|xz|lzma))?|tgz|tbz|txz|tlz)(?:\[[\w,.\s-]*\])?$", re.IGNORECASE)
_STRONG = re.compile(r"sha(?:256|384|512):[0-9a-f]{64,128}", re.IGNORECASE)
_FRAGMENT = re.compile(r"(?<=[#&])sha(?:256|384|512)=[0-9a-f]{64,128}(?![0-9a-f])", re.IGNORECASE)
_SLOW_CODECS = frozenset({"punycode", "idna"})  # quadratic in the length
_LONGEST = 4_096  # characters of one requirement without its options
_MOST_LINES = 50_000
_LONGEST_LINE = 256 << 10  # characters; a thousand hashes take less than a third

_FLAGS = frozenset({"no-index", "prefer-binary", "require-hashes", "pre"})
_VALUED = frozenset(
    {
        "index-url", "pypi-url", "extra-index-url", "constraint", "requirement", "editable", "find-links", "no-binary",
        "only-binary", "trusted-host", "use-feature", "hash", "global-option", "install-option", "config-settings",
        "config-setting", "only-final", "all-releases", "uploaded-prior-to",
    }
)  # fmt: skip
_SHORT = {
    "i": "index-url", "r": "requirement", "c": "constraint", "e": "editable", "f": "find-links", "C": "config-settings"
}  # fmt: skip
_SOURCES = {
    "index-url": "index", "pypi-url": "index", "extra-index-url": "extra-index", "find-links": "find-links",
    "trusted-host": "no-verify",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that a requirement file asks for."""

    name: str
    """As PEP 503 normalises it; empty where the line does not say."""
    text: str
    """The requirement without its options, secrets masked."""
    line: int
    excerpt: str
    form: str
    """`index`, `vcs`, `url` or `path`."""
    pinned: bool
    """Exactly one version, commit or content can be meant."""
    hashed: bool
    """At least one sha256 or stronger stands beside it or in its address."""
    reference: str = ""
    """Branch, tag or commit of a VCS address."""
    role: str = "requirements"
    """`requirements`, `constraints`, or `source` for a `.in` file that a lock is compiled from."""
    constrained: bool = False
    """The file names a constraint file, which may pin what is not pinned here."""
    specifier: str = ""
    marker: str = ""
    hashes: tuple[str, ...] = ()
    """`algorithm:hex` as written beside it or in its address."""


@dataclass(frozen=True, slots=True)
class RequirementsFile:
    """What holds for the whole file: how many pins it has, and which of them carry no hash."""

    pins: int
    unhashed: tuple[str, ...]
    line: int
    excerpt: str
    """Of the first pin without a hash."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that pip itself would refuse, or that only makes sense after a template was filled in."""

    line: int
    excerpt: str
    why: str


@dataclass(frozen=True, slots=True)
class HiddenLine:
    """A line that pip reads and an editor shows as part of the line before it."""

    line: int
    excerpt: str
    separator: str


@dataclass(frozen=True, slots=True)
class Line:
    """A logical line: comments gone, continuations joined. `number` is where an editor shows its first part."""

    number: int
    text: str
    separator: str
    """The character before it that ended the previous line, where editors do not break lines; else empty."""


@dataclass(frozen=True, slots=True)
class Document:
    """A whole requirement file."""

    lines: tuple[Line, ...]
    requirements: tuple[Requirement, ...]
    options: tuple[tuple[Line, str, str], ...]
    """(line, long option, value) of the lines that are options of the file."""
    bad: tuple[BadLine, ...]


def role_of(name: str) -> str:
    """What a file of this name is for."""
    base = name.rsplit("/", 1)[-1].lower()
    return "source" if base.endswith(".in") else "constraints" if "constraints" in base else "requirements"


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Every requirement, source, secret and unreadable line, then the file as a whole."""
    context.budget.tick()
    if blob.size > LIMIT:
        message = f"a requirement file of {blob.size:,} bytes, more than the {LIMIT >> 20} MiB that are looked at"
        raise OverBudget(message)
    text = text_of(blob.read(0, blob.size))
    document = read(text, context.name, context.budget.tick)
    yield from document.bad
    for line in document.lines:
        if line.separator:
            yield HiddenLine(line.number, safe_excerpt(line.text), f"U+{ord(line.separator):04X}")
    yield from document.requirements
    yield from _sources(document)
    yield from credentials(text)
    yield _summary(document)


def _sources(document: Document) -> Iterator[Source]:
    """Every place that the file has packages fetched from."""
    listed = [r for r in document.requirements if r.form == "index"]
    alone = any(option == "no-index" for _, option, _ in document.options)
    checked = bool(listed) and all(r.hashed for r in listed)
    for line, option, value in document.options:
        if option in _SOURCES:
            mixes = option == "extra-index-url" and not checked and not alone
            yield source(_SOURCES[option], value, line.number, line.text, "pip", mixes=mixes)
    for r in document.requirements:
        if r.form in {"url", "vcs"} and not (r.hashed or urls.is_commit(r.reference)):
            yield source("direct", _url(r.text), r.line, r.excerpt, "pip")


def text_of(data: bytes) -> str:
    """Decode as pip does: byte order mark, else a coding line (PEP 263) among the first two, else UTF-8."""
    claims = (_CODING.match(line[:1_000]) for line in data.split(b"\n", 2)[:2])
    encoding = next((match[1].decode() for match in claims if match), "utf-8")
    known = encoding.lower().replace("-", "_") not in _SLOW_CODECS
    try:
        return decode(data, "a requirement file", encoding if known else "utf-8")
    except (LookupError, UnicodeError):
        message = f"a requirement file that claims an encoding which is none: {encoding[:40]}"
        raise Malformed(message, offset=0) from None


def _untimed() -> None:
    """What is read a second time was timed the first time."""


def read(text: str, name: str, tick: Callable[[], object] = _untimed) -> Document:
    """Take a requirement file apart; `tick` is called now and then. Never raises for what a line says.

    OverBudget for more lines than anybody has.
    """
    role = role_of(name)
    lines: list[Line] = []
    requirements: list[Requirement] = []
    options: list[tuple[Line, str, str]] = []
    bad: list[BadLine] = []
    for line in logical_lines(text):
        if len(lines) % 1_000 == 0:
            tick()
        if len(lines) == _MOST_LINES:
            raise OverBudget(f"a requirement file of more than {_MOST_LINES:,} lines")
        lines.append(line)
        try:
            wanted, given = _parts(line.text)
        except ValueError as error:
            bad.append(BadLine(line.number, safe_excerpt(line.text), str(error)))
            continue
        editables = [value for option, value in given if option == "editable" and not wanted]
        for spelled in [wanted] if wanted else editables:
            try:
                made = _requirement(spelled, given, line, role)
                written = _hashes(made, given)
                requirements.append(replace(made, hashes=written) if written else made)
            except ValueError as error:
                bad.append(BadLine(line.number, safe_excerpt(line.text), str(error)))
        if not wanted:
            options += ((line, option, value) for option, value in given if option != "editable")
    if any(option == "constraint" for _, option, _ in options):
        requirements = [replace(requirement, constrained=True) for requirement in requirements]
    return Document(tuple(lines), tuple(requirements), tuple(options), tuple(bad))


def _hashes(requirement: Requirement, given: list[tuple[str, str]]) -> tuple[str, ...]:
    found = [value for option, value in given if option == "hash"]
    if requirement.hashed and not found:
        found = [match[0].replace("=", ":", 1) for match in _FRAGMENT.finditer(requirement.text)]
    return tuple(dict.fromkeys(value.lower() for value in found if _STRONG.fullmatch(value)))


def logical_lines(text: str) -> Iterator[Line]:
    """Lines as pip sees them, without the empty ones (`join_lines` and `ignore_comments`)."""
    parts: list[str] = []
    number, first, separator, opened = 1, 1, "", ""
    for line, end in _physical(text):
        comment = line.lstrip().startswith("#")
        if not parts:
            first, opened = number, separator
        if line.endswith("\\") and not comment:
            parts.append(line.strip("\\"))
        else:
            joined = _COMMENT.sub("", "".join((*parts, " " + line if comment else line))).strip()
            parts = []
            if joined:
                yield Line(first, joined, opened)
        separator = "" if end in {"\n", "\r\n", "\r", ""} else end
        number += end in {"\n", "\r\n", "\r"}
    joined = _COMMENT.sub("", "".join(parts)).strip()
    if joined:
        yield Line(first, joined, opened)


def _physical(text: str) -> Iterator[tuple[str, str]]:
    """(line, what ended it), by the same ends as `str.splitlines`."""
    at = 0
    for match in _ENDS.finditer(text):
        yield text[at : match.start()], match[0]
        at = match.end()
    if at < len(text):
        yield text[at:], ""


def _parts(line: str) -> tuple[str, list[tuple[str, str]]]:
    """The requirement of a line (empty for a line of options), and its (long option, value) pairs."""
    if len(line) > _LONGEST_LINE:
        raise ValueError(f"a line of {len(line):,} characters")
    tokens = line.split(" ")
    first = next((i for i, token in enumerate(tokens) if token.startswith("-")), len(tokens))
    words = shlex.split(" ".join(tokens[first:]))
    given: list[tuple[str, str]] = []
    at = 0
    while at < len(words):
        word, at = words[at], at + 1
        if word.startswith("--"):
            spelled, equals, value = word[2:].partition("=")
            option = _long(spelled)
        elif word.startswith("-") and word[1:2] in _SHORT:
            option, value, equals = _SHORT[word[1]], word[2:], word[2:]
        else:
            raise ValueError(f"`{word[:60]}` is no option that a requirement file may have")
        if option not in _FLAGS and not equals:
            if at == len(words):
                raise ValueError(f"--{option} needs a value")
            value, at = words[at], at + 1
        given.append((option, value))
    return " ".join(tokens[:first]).strip(), given


def _long(spelled: str) -> str:
    """The option meant: its name, or a beginning that only one option has, as optparse allows."""
    known = _FLAGS | _VALUED
    if spelled in known:
        return spelled
    matches = [option for option in known if spelled and option.startswith(spelled)]
    if len(matches) != 1:
        raise ValueError(f"`--{spelled[:60]}` is no option that a requirement file may have")
    return matches[0]


def _requirement(spelled: str, given: list[tuple[str, str]], line: Line, role: str) -> Requirement:
    """One requirement; raises ValueError for what is none."""
    from packaging.requirements import InvalidRequirement
    from packaging.requirements import Requirement as Parsed
    from packaging.utils import canonicalize_name

    if len(spelled) > _LONGEST:
        raise ValueError(f"a requirement of {len(spelled):,} characters")
    hashed = any(option == "hash" and _STRONG.fullmatch(value) for option, value in given)
    excerpt = safe_excerpt(line.text)
    named = re.match(r"[A-Za-z0-9][\w.-]*\s*(?:\[[^\]]*\]\s*)?@\s*(?=\S)", spelled)
    if named is None and ("://" in spelled or urls.is_vcs(spelled) or _is_path(spelled)):
        return _addressed("", spelled, hashed, line, excerpt, role)
    try:
        parsed = Parsed(spelled)
        marker = str(parsed.marker or "")
    except (InvalidRequirement, RecursionError) as error:
        raise ValueError(str(error).split("\n", 1)[0] or "markers nested too deep") from None
    name = canonicalize_name(parsed.name)
    if parsed.url is not None:
        return _addressed(name, parsed.url, hashed, line, excerpt, role)
    pinned = any(s.operator in {"==", "==="} and not s.version.endswith(".*") for s in parsed.specifier)
    return Requirement(
        name, redact(spelled), line.number, excerpt, "index", pinned or hashed, hashed,
        role=role, specifier=str(parsed.specifier), marker=marker,
    )  # fmt: skip


def _addressed(name: str, address: str, hashed: bool, line: Line, excerpt: str, role: str) -> Requirement:  # noqa: FBT001 - a fact
    address = re.split(r";\s", address, maxsplit=1)[0].strip()
    if not name:
        egg = re.search(r"[#&]egg=([A-Za-z0-9][\w.-]*)", address)
        name = egg[1].lower() if egg else ""
    form = "vcs" if urls.is_vcs(address) else "url" if "://" in address and not address.startswith("file:") else "path"
    hashed = hashed or urls.is_hashed(address)
    pinned = hashed or (form != "path" and urls.is_fixed(address))
    ref = urls.reference(address) if form == "vcs" else ""
    return Requirement(name, redact(address), line.number, excerpt, form, pinned, hashed, ref, role)


def _is_path(text: str) -> bool:
    """A path in the file system: it begins like one, or names an archive."""
    bare = text.split(";", 1)[0].strip()
    return (
        bare.startswith((".", "/", "~", "file:"))
        or bool(_ARCHIVE.search(bare))
        or bool(re.match(r"[\w.-]+[/\\]", bare))
    )


def _url(text: str) -> str:
    """The address of `name @ address`, or of the address alone."""
    match = re.search(r"(?:^|[\s@])([A-Za-z+]+://\S+)", text)
    return match[1] if match else text


def _summary(document: Document) -> RequirementsFile:
    pins = [r for r in document.requirements if r.form == "index" and r.pinned and r.role == "requirements"]
    bare = [r for r in pins if not r.hashed]
    line, excerpt = (bare[0].line, bare[0].excerpt) if bare else (1, "")
    return RequirementsFile(len(pins), tuple(r.name for r in bare), line, excerpt)
