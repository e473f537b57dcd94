"""Where in a JSON document the first thing stands that our reader refuses: asked only when it has refused it."""

import re

from assaymark.core.strictjson import DEPTH

_TOKEN = re.compile(
    r"""(?P<text>"(?:[^"\\]|\\.)*")(?P<key>\s*:)?|(?P<open>[\[{])|(?P<close>[\]}])|(?P<number>-?[0-9][-+.eE0-9]*)|(?P<word>-?[A-Za-z]+)""",
    re.DOTALL,
)
_MOST = 8 << 20
"""Characters that are searched."""
_SAFE = 1 << 53


def place(data: bytes) -> tuple[int, str] | None:
    """Offset in bytes and what stands there; None where nothing was found in the first 8 million characters."""
    text = data[:_MOST].decode("utf-8", "replace")
    keys: list[set[str]] = []
    for token in _TOKEN.finditer(text):
        said = _refused(token, keys)
        if said:
            offset = len(text[: token.start()].encode("utf-8", "replace"))
            line = text.count("\n", 0, token.start()) + 1
            return offset, f"line {line}: {said}"
    return None


def _refused(token: re.Match[str], keys: list[set[str]]) -> str:
    kind, text = token.lastgroup, token[0]
    if kind == "key" and keys:
        name = token["text"]
        if name in keys[-1]:
            return f"the key {name[:60]} stands there twice"
        keys[-1].add(name)
    elif kind == "open":
        keys.append(set())
        if len(keys) > DEPTH:
            return f"nested deeper than {DEPTH}"
    elif kind == "close" and keys:
        keys.pop()
    elif kind == "number":
        return _number(text)
    elif kind == "word" and text not in ("true", "false", "null"):
        return f"{text[:20]} is no JSON value"
    return ""


def _number(text: str) -> str:
    whole = text.removeprefix("-").isdecimal()
    if whole and (len(text) > 17 or abs(int(text)) >= _SAFE):
        return f"the integer {text[:24]}{'…' if len(text) > 24 else ''} is beyond 2^53"
    if not whole and len(text) < 400:
        try:
            infinite = float(text) in (float("inf"), float("-inf"))
        except ValueError:
            return ""
        return f"the number {text[:24]} has no double that is near it" if infinite else ""
    return "" if whole else f"a number of {len(text):,} characters"
