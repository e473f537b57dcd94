"""An organisation's own allow policy: globals beside the table, each reviewed by a person, for a while.

`assay model learn` writes one from files that are trusted, a person reviews it, a key signs it. What the table of
dangerous names knows can never be allowed. Pure: the parsed document and today's date come in.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from assaymark.core.errors import UsageError
from assaymark.model.machine.table import Overlay, judge

SCHEMA = "assaymark/allow/v1"
PREDICATE_TYPE = "https://assaymark.dev/attestation/allow/v1"
LONGEST = timedelta(days=366)
USES = ("call", "new", "build", "items")
"""What an entry may grant beside being named; as in vetted.txt."""
ARGUMENTS = ("data", "any-vetted")
_MOST = 10_000
_TOP = {"schema", "reviewed_by", "reason", "expires", "globals"}
_ENTRY = {"module", "name", "uses", "arguments", "files"}


@dataclass(frozen=True, slots=True)
class Allowed:
    """One global and what files may do with it. `files` are the digests of those that it was learned from."""

    module: str
    name: str
    uses: frozenset[str] = frozenset()
    arguments: str = "data"
    files: tuple[str, ...] = ()

    def line(self) -> str:
        """The line of a policy that says so (TOML)."""
        uses = ", ".join(quote(use) for use in USES if use in self.uses)
        parts = [f"module = {quote(self.module)}", f"name = {quote(self.name)}", f"uses = [{uses}]"]
        if self.arguments != "data":
            parts.append(f"arguments = {quote(self.arguments)}")
        if self.files:
            parts.append(f"files = [{', '.join(quote(file) for file in self.files)}]")
        return f"{{ {', '.join(parts)} }}"


@dataclass(frozen=True, slots=True)
class AllowPolicy:
    """A policy that a person answers for. `signers` are the keys whose signatures over it were verified."""

    globals: tuple[Allowed, ...]
    reviewed_by: str
    reason: str
    expires: date
    signers: frozenset[str] = frozenset()

    def to_json(self) -> dict[str, Any]:
        """The predicate that is signed."""
        return {
            "schema": SCHEMA,
            "reviewed_by": self.reviewed_by,
            "reason": self.reason,
            "expires": self.expires.isoformat(),
            "globals": [
                {
                    "module": item.module,
                    "name": item.name,
                    "uses": [use for use in USES if use in item.uses],
                    "arguments": item.arguments,
                    "files": list(item.files),
                }
                for item in self.globals
            ],
        }

    @property
    def digest(self) -> str:
        """`sha256:` over the RFC 8785 form."""
        import rfc8785

        return f"sha256:{hashlib.sha256(rfc8785.dumps(self.to_json())).hexdigest()}"

    def overlay(self) -> Overlay:
        """What the machine is told."""
        return Overlay({(item.module, item.name): (item.uses | {"type"}, item.arguments) for item in self.globals})


def read_policy(document: Any, today: date, source: str) -> AllowPolicy:
    """Check a policy, from TOML or from its signed form; raises UsageError that names what is wrong with it."""
    if not isinstance(document, Mapping) or document.get("schema") != SCHEMA or document.keys() - _TOP:
        known = ", ".join(sorted(_TOP))
        raise UsageError(f"{source} is no allow policy: schema is {SCHEMA!r}, known keys are {known}")
    for key in ("reviewed_by", "reason"):
        if not isinstance(document.get(key), str) or not document[key].strip():
            raise UsageError(f"{source}: {key!r} is empty", step=f"review each line, then fill in {key} = …")
    entries = document.get("globals")
    if not isinstance(entries, (list, tuple)) or len(entries) > _MOST:
        raise UsageError(f"{source}: 'globals' is a list of at most {_MOST:,} tables")
    read = tuple(_entry(entry, f"{source}: global {n}") for n, entry in enumerate(entries, 1))
    if len({(item.module, item.name) for item in read}) != len(read):
        raise UsageError(f"{source}: a global is listed twice", step="merge the uses into one line")
    return AllowPolicy(read, document["reviewed_by"], document["reason"], _expiry(document, today, source))


def _expiry(document: Mapping[str, Any], today: date, source: str) -> date:
    expires = document.get("expires")
    if isinstance(expires, str):
        try:
            expires = date.fromisoformat(expires)
        except ValueError:
            expires = None
    if type(expires) is not date:
        raise UsageError(f"{source}: 'expires' is no date", step=f"at most expires = {today + LONGEST}")
    if expires > today + LONGEST:
        raise UsageError(f"{source}: expires {expires}, more than a year from now", step=f"at most {today + LONGEST}")
    if expires < today:
        raise UsageError(f"{source}: expired on {expires}", step="review it again, set a new date and sign it")
    return expires


def _entry(entry: Any, place: str) -> Allowed:
    if not isinstance(entry, Mapping) or entry.keys() - _ENTRY:
        raise UsageError(f"{place}: known keys are {', '.join(sorted(_ENTRY))}")
    module, name = entry.get("module"), entry.get("name")
    if not isinstance(module, str) or not isinstance(name, str) or not module or not name:
        raise UsageError(f"{place}: needs a module and a name")
    uses, arguments, files = entry.get("uses", []), entry.get("arguments", "data"), entry.get("files", [])
    if not isinstance(uses, list) or not all(use in USES for use in uses):
        raise UsageError(f"{place}: uses are of {', '.join(USES)}")
    if arguments not in ARGUMENTS:
        raise UsageError(f"{place}: arguments are one of {', '.join(ARGUMENTS)}")
    if not isinstance(files, list) or not all(isinstance(file, str) for file in files):
        raise UsageError(f"{place}: 'files' is a list of digests")
    if danger := _danger(module, name):
        raise UsageError(f"{place}: {module}.{name} {danger}; no policy can allow that", step="take the line out")
    return Allowed(module, name, frozenset(uses), arguments, tuple(files))


def _danger(module: str, name: str) -> str:
    """What is known against a global; empty where nothing is.

    An attribute of a package may be its module (`torch`, `hub.load`), so that the whole may be split in other places.
    """
    if "__builtins__" in name.split("."):
        return "reaches every builtin"
    parts = f"{module}.{name}".split(".")
    pairs = ((".".join(parts[:at]), ".".join(parts[at:])) for at in range(len(module.split(".")), len(parts)))
    return next((danger for pair in pairs if (danger := judge(*pair)[1])), "")


def usual_line(module: str, name: str) -> str:
    """The line that would allow a global as it is mostly used: a class is made and built, a function called."""
    last = name.rpartition(".")[2].lstrip("_")
    return Allowed(module, name, frozenset(("new", "build") if last[:1].isupper() else ("call",))).line()


def quote(text: str) -> str:
    """A TOML basic string."""
    escaped = (c if c.isprintable() and c not in '"\\' else _escape(c) for c in text)
    return f'"{"".join(escaped)}"'


def _escape(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    code = ord(char)
    if 0xD800 <= code < 0xE000:
        return "\\uFFFD"  # a lone surrogate names nothing
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def write_policy(found: Iterable[tuple[Allowed, tuple[str, ...]]], today: date) -> str:
    """A policy to be reviewed: what was learned, each line under comments that say where it was seen."""
    lines = [
        "# Globals that trusted files name and the table of vetted globals does not. Review each line: whoever writes a",
        "# file may then make, call and build these with data of his choice. Take out what you do not know.",
        f"schema = {quote(SCHEMA)}",
        'reviewed_by = ""  # who read the code of each class below',
        'reason = ""',
        f'expires = ""  # a date, at most {today + LONGEST}, without quotes',
        "globals = [",
    ]
    for item, notes in found:
        lines += [f"  # {_comment(note)}" for note in notes]
        lines.append(f"  {item.line()},")
    return "\n".join([*lines, "]", ""])


def _comment(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)
