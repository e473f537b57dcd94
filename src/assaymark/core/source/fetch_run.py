"""What a shell script fetches and runs unseen: `curl … | sh`, `bash <(wget …)`, `eval "$(curl …)"`, and its like.

Judged on the words of core.shell, so that quoting, options, `sudo` and what stands in between do not matter, and a
text that only speaks of `curl | sh` does not count.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from assaymark.core.source.shell import HOLE, Command, Script, Word, commands, parse

SHELL = re.compile(r"(?:ba|da|z|k|mk|a|fi|c|tc)?sh")
INTERPRETER = re.compile(
    r"python[\d.]*|pypy[\d.]*|perl[\d.]*|ruby[\d.]*|node|nodejs|php[\d.]*|lua[\d.]*|pwsh|powershell|Rscript"
)
_POWERSHELL = frozenset({"pwsh", "powershell"})
_EVALUATES = frozenset({"eval", "source", ".", "exec"})
_INVOKE = frozenset({"iex", "invoke-expression"})
_PREFIXES = frozenset(
    {
        "sudo",
        "doas",
        "env",
        "exec",
        "command",
        "builtin",
        "nohup",
        "nice",
        "ionice",
        "time",
        "stdbuf",
        "busybox",
        "chroot",
        "xargs",
    }
)
_PREFIX_VALUES = {
    "sudo": "ugCpThrRDUP",
    "doas": "uC",
    "env": "uCS",
    "nice": "n",
    "ionice": "cnp",
    "stdbuf": "ioe",
    "xargs": "aEIILnPs",
}
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=.*", re.DOTALL)
_ASSIGNED_HOLE = re.compile(rf"([A-Za-z_]\w*)={HOLE}")
_WEB = frozenset(
    {"curl", "wget", "curlie", "http", "https", "fetch", "iwr", "irm", "invoke-webrequest", "invoke-restmethod"}
)
_NETCAT = frozenset({"nc", "ncat", "netcat"})
_CLOUD = frozenset({"gsutil", "aws", "az", "gcloud"})
_DECODERS = frozenset({"base64", "base32", "xxd", "openssl"})
_COPIES = frozenset({"cat", "echo", "printf", "zcat", "bzcat", "xzcat", "tee"})
_STDIN = frozenset({"-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})
_OUTPUT = frozenset({"--output", "--output-document"})
_INTERPRETER_VALUES = frozenset({"-o", "+o", "-O", "-W", "-X", "--rcfile", "--init-file"})
_RAW = frozenset({"nc", "ncat", "netcat", "socat"})
_TO_FILE = re.compile(r"-[A-Za-z#]*[oO]$")
_TO_STDOUT = re.compile(r"(?:-[A-Za-z]*O|--output-document=)(?:-|/dev/stdout)$")
_NET_OBJECT = re.compile(r"downloadstring|downloaddata|net\.webclient|system\.net\.http", re.IGNORECASE)
_MOST = 50  # findings of one script
_DEEPEST = 6  # scripts within `-c`


@dataclass(frozen=True, slots=True)
class Risk:
    """`what` completes "this line ..."; `offset` is where in the script, in characters."""

    offset: int
    what: str


def risks(text: str) -> Iterator[Risk]:
    """What the script runs that nobody has seen, in order, each place once."""
    seen: set[int] = set()
    for risk in _script(parse(text), 0, set()):
        if risk.offset not in seen:
            seen.add(risk.offset)
            yield risk
        if len(seen) >= _MOST:
            return


def program(command: Command) -> tuple[str, list[Word]]:
    """The program that a command starts, in lower case and without its folder, and its arguments.

    Assignments and programs that only start another one (`sudo`, `env`, `timeout 5`) are stepped over.
    """
    words = command.words
    at = 0
    while at < len(words):
        text = words[at].text
        name = text.rpartition("/")[2].removesuffix(".exe")
        if _ASSIGNMENT.fullmatch(text):
            at += 1
        elif name == "timeout":
            at = _skip_options(words, at + 1, "ks") + 1
        elif name in _PREFIXES and at + 1 < len(words):
            at = _skip_options(words, at + 1, _PREFIX_VALUES.get(name, ""))
        else:
            return name if INTERPRETER.fullmatch(name) else name.lower(), words[at + 1 :]
    return "", []


def _skip_options(words: list[Word], at: int, valued: str) -> int:
    """Index of the first word that is no option; single letters in `valued` take the next word."""
    while at < len(words) and words[at].text.startswith("-"):
        text = words[at].text
        at += 1
        if text == "--":
            break
        if len(text) == 2 and text[1] in valued:
            at += 1
    return at


def _script(script: Script, depth: int, tainted: set[str]) -> Iterator[Risk]:
    """`tainted` are the variables that hold a download."""
    if depth > _DEEPEST:
        return
    for pipeline in script:
        source = ""
        for command in pipeline:
            name, arguments = program(command)
            if command.piped and source and _runs_input(command, name, arguments):
                yield Risk(command.offset, f"pipes {source} into {name}")
            for word in command.words:
                if (match := _ASSIGNED_HOLE.fullmatch(word.text)) and any(
                    True for s in word.scripts for _ in _sources(s)
                ):
                    tainted.add(match[1])
            yield from _evaluated(command, name, arguments, tainted)
            yield from _stranger(command, name, arguments)
            yield from _inline(command, name, arguments, depth, tainted)
            for nested in _nested(command):
                yield from _script(nested, depth + 1, tainted)
            source = _source(command, name, arguments, tainted) or source


def _nested(command: Command) -> Iterator[Script]:
    if command.group is not None:
        yield command.group
    for word in (*command.words, *command.here, *command.redirects):
        yield from word.scripts


def _evaluated(command: Command, name: str, arguments: list[Word], tainted: set[str]) -> Iterator[Risk]:
    """A substitution that is run: as the command itself, or as what an interpreter is given to run."""
    first = next((word for word in command.words if not _ASSIGNMENT.fullmatch(word.text)), None)
    if first is not None and first.text.startswith(HOLE):
        yield from (Risk(first.offset, f"runs {what}") for inner in first.scripts for what in _sources(inner))
    interpreter = _is_shell(name) or bool(INTERPRETER.fullmatch(name))
    if not (interpreter or name in _EVALUATES or name in _INVOKE):
        return
    reads = _runs_input(command, name, arguments)
    for word in (*arguments, *(command.here if reads else ())):
        if word.text.strip("- \t\n") == HOLE or _variable(word.text) in tainted:
            what = next((what for inner in word.scripts for what in _sources(inner)), "")
            if what or not word.scripts:
                yield Risk(word.offset, f"runs {what or 'a download'} with {name}")
    if name in _INVOKE and command.group is not None:
        inside = [word.text for inner in commands(command.group) for word in inner.words]
        if any(_NET_OBJECT.search(text) or text.lower() in _WEB for text in inside):
            yield Risk(command.offset, f"runs a download with {name}")


def _stranger(command: Command, name: str, arguments: list[Word]) -> Iterator[Risk]:
    """A shell handed to whoever is at the other end."""
    told = (*command.words, *command.here) if _is_shell(name) or name == "exec" else ()
    for word in (*told, *command.redirects):
        if "/dev/tcp/" in word.text:
            yield Risk(word.offset, "talks to a stranger over /dev/tcp")
    if name in _NETCAT and any(re.fullmatch(r"-[a-z]*[ec]", word.text) for word in arguments):
        yield Risk(command.offset, "gives a stranger a shell through netcat")


def _is_shell(name: str) -> bool:
    return bool(SHELL.fullmatch(name))


def _variable(text: str) -> str:
    match = re.fullmatch(r"\$\{?(\w+)\}?", text.strip())
    return match[1] if match else ""


def _inline(command: Command, name: str, arguments: list[Word], depth: int, tainted: set[str]) -> Iterator[Risk]:
    """Code that stands in the line itself: `sh -c '…'`, `bash <<EOF`, `python -c '…'`, `powershell -Command …`."""
    if SHELL.fullmatch(name) or name == "eval":
        texts = [word.text for word in command.here]
        texts += [" ".join(word.text for word in arguments)] if name == "eval" else _after(arguments, r"-[a-z]*c")
        for text in texts:
            yield from (
                Risk(command.offset, risk.what) for risk in _script(parse(text.replace(HOLE, "_")), depth + 1, tainted)
            )
    elif name in _POWERSHELL:
        for text in _after(arguments, r"-(?:c|command)", rest=True):
            yield from (
                Risk(command.offset, risk.what) for risk in _script(parse(text.replace(HOLE, "_")), depth + 1, tainted)
            )
    elif name.startswith(("python", "pypy")):
        for code in (*_after(arguments, r"-[A-Za-z]*c"), *(word.text for word in command.here if "\n" in word.text)):
            if _python_fetches_and_runs(code):
                yield Risk(command.offset, "has Python fetch code and run it")


def _after(arguments: list[Word], option: str, *, rest: bool = False) -> list[str]:
    """The word after an option (all that follow, for `rest`); options are looked for before the first operand."""
    texts = [word.text for word in arguments]
    at = 0
    while at < len(texts):
        if re.fullmatch(option, texts[at], re.IGNORECASE if rest else 0):
            following = texts[at + 1 :]
            return [" ".join(following)] if rest else following[:1]
        if not texts[at].startswith(("-", "+")) and not rest:
            return []
        at += 1 + (texts[at] in _INTERPRETER_VALUES)
    return []


def _python_fetches_and_runs(code: str) -> bool:
    from assaymark.core.errors import AssayError
    from assaymark.core.source.python import Deed, calls

    try:
        source = calls(code)
    except AssayError:
        return False
    return any(source.deeds(Deed.NETWORK)) and any(source.deeds(Deed.EXECUTION, Deed.PROCESS))


def _runs_input(command: Command, name: str, arguments: list[Word]) -> bool:
    """The program takes what it runs from its standard input."""
    texts = [word.text for word in arguments]
    shell = _is_shell(name)
    if not shell and not INTERPRETER.fullmatch(name):
        return name in _INVOKE or (name in {".", "source"} and "/dev/stdin" in texts)
    if shell and texts[-1:] == ["-c"]:
        return any(word.text.endswith("xargs") for word in command.words)
    code = r"-[A-Za-z]*c" if shell else r"-[A-Za-z]*[cmenprE]|--(?:eval|print|version|help)|-(?:Command|File)"
    at = 0
    while at < len(texts):
        text, at = texts[at], at + 1
        if text in _STDIN or (shell and re.fullmatch(r"-[a-z]*s[a-z]*", text)):
            return True
        if re.fullmatch(code, text):
            return name in _POWERSHELL and "-" in texts[at:]
        if not text.startswith(("-", "+")):
            return False
        at += text in _INTERPRETER_VALUES
    return True


def _source(command: Command, name: str, arguments: list[Word], tainted: set[str]) -> str:
    """What the command writes to its output that nobody has seen: a download, or decoded text."""
    nested = [command.group] if command.group is not None else []
    if name in _COPIES:
        nested += [inner for word in (*arguments, *command.here) for inner in word.scripts]
        if any(_variable(word.text) in tainted for word in arguments):
            return "a download"
    found = next((what for script in nested for what in _sources(script)), "")
    if found or command.to_file:
        return found
    texts = [word.text for word in arguments]
    if _fetches(name, texts):
        return "a download"
    decodes = name in _DECODERS and any(re.fullmatch(r"-[a-z]*[dDr][a-z]*|--decode", text) for text in texts)
    return "decoded text" if decodes else ""


def _fetches(name: str, texts: list[str]) -> bool:
    """The program writes a download to its output (`wget` only when told to, `curl` unless told not to)."""
    if name in _WEB:
        to_file = any(_TO_FILE.match(text) or text.startswith(("--output", "--remote-name")) for text in texts)
        return _to_stdout(texts) or not (to_file or name == "wget")
    return name in _RAW or (name in _CLOUD and ("cat" in texts or texts[-1:] == ["-"]))


def _to_stdout(texts: list[str]) -> bool:
    """An output option that names standard output."""
    if any(_TO_STDOUT.match(text) for text in texts):
        return True
    pairs = pairwise(texts)
    return any(
        following in {"-", "/dev/stdout"} and (_TO_FILE.match(text) or text in _OUTPUT) for text, following in pairs
    )


def _sources(script: Script) -> Iterator[str]:
    """What reaches the output of a script."""
    for pipeline in script:
        found = ""
        for command in pipeline:
            name, arguments = program(command)
            found = _source(command, name, arguments, set()) or found
        if found and not pipeline[-1].to_file:
            yield found
