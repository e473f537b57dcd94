"""What a template adds, changes or leaves out because of what somebody wrote: behavioural backdoors.

A chat template renders a conversation; it has no business with its words. One that looks for words of a message, or for
a date, and then puts sentences of its own into the prompt gives the model instructions that nobody sees. Control tokens
(`</think>`, `/no_think`, `[TOOL_CALLS]`) are looked for by honest templates too: those are no words.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from jinja2 import nodes

from assaymark.model.formats.jinja_fold import Folder, in_order

_CONTENT = frozenset({"content", "text", "reasoning_content"})
"""Keys of a message that hold what was written."""
_CONVERSATION = frozenset({"messages", "conversation", "history"})
_CLOCKS = frozenset({"strftime_now", "now", "time", "datetime"})
_SEARCHES = frozenset({
    "startswith", "endswith", "find", "rfind", "index", "rindex", "count", "__contains__", "__eq__", "match", "search",
})  # fmt: skip
_SELECTS = frozenset({"select", "reject", "selectattr", "rejectattr"})
_LENGTHS = frozenset({"length", "count", "wordcount"})
_PLAIN = re.compile(r"[^<>\[\]{}|\\/@#*`$_^~=]*|(?:https?|ftp)://[^<>\[\]{}|\\*`\s]*")
"""Text without the signs of markup and control tokens; an address counts as words."""
WORD = re.compile(r"[^\W\d_]{2,}")
VALUES = frozenset({
    "none", "null", "true", "false", "nan", "undefined", "assistant", "user", "system", "tool", "type", "text", "image",
    "image_url", "video", "video_url", "audio", "audio_url", "input_audio", "input_text", "content", "role", "string",
})  # fmt: skip
"""What parts of a message are told apart by."""
MARKS = re.compile(r"<[^<>]{1,60}>|\[/?[A-Z_ ]{1,40}\]|[\uff5c\u2581]")
_SENTENCE = re.compile(
    r"(?:[^\W\d_][\w'\u2019-]*[ ,.;:!?\"]+){2}[^\W\d_]{2,}|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{6}"
)
"""Words in a row: put in on a word of a message, they are an instruction."""
_PARAGRAPH = re.compile(
    r"(?:[^\W\d_][\w'\u2019-]*[ ,.;:!?\"]+){7}[^\W\d_]{2,}|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{16}"
)
"""So many of them are one on a control token too."""
_TOKENS = re.compile(
    r"think|reason|tool|function|sys|inst|image|img|video|audio|vision|media|\|>|[\[<]/?\w+[\]>]|^\W*$", re.IGNORECASE
)
"""Control tokens as models have them."""
ADDRESS = re.compile(r"//[\w-]+\.\w|<script\b", re.IGNORECASE)
_ROUNDS = 6


@dataclass(frozen=True, slots=True)
class Gate:
    """Something that happens on a condition of what was written."""

    line: int
    trigger: str
    """What is looked for."""
    effect: str
    """What it adds or changes; empty where nothing is written out."""
    word: bool
    """The trigger is words (or a date, a length), no control token."""


class Gates:
    """All gates of one template."""

    def __init__(self, everything: Sequence[nodes.Node], folder: Folder) -> None:
        """`everything` is the tree as `in_order` gives it."""
        self._folder = folder
        self._macros = {node.name: node for node in everything if isinstance(node, nodes.Macro)}
        self._held: set[str] = set()
        """Names that hold what was written."""
        self._flags: dict[str, str] = {}
        """Names that are set on a condition of it, and the words of that condition."""
        for _ in range(_ROUNDS):
            before = len(self._held), len(self._flags)
            for node in everything:
                self._learn(node)
            if before == (len(self._held), len(self._flags)):
                break
        self.found = tuple(dict.fromkeys(gate for node in everything for gate in self._gates(node)))

    # --- where the words of a message are

    def _learn(self, node: nodes.Node) -> None:
        if isinstance(node, nodes.Assign):
            if self._reads(node.node):
                self._held.update(names_of(node.target))
            first = next(self._triggers(node.node), ("", False))
            if first[1]:
                self._flags.update(dict.fromkeys(names_of(node.target), first[0]))
        elif isinstance(node, nodes.AssignBlock | nodes.For):
            if any(self._reads(part) for part in (node.body if isinstance(node, nodes.AssignBlock) else [node.iter])):
                self._held.update(names_of(node.target))
        elif isinstance(node, nodes.With):
            for target, value in zip(node.targets, node.values, strict=False):
                if self._reads(value):
                    self._held.update(names_of(target))
        elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name in self._macros:
            parameters = self._macros[node.node.name].args
            self._held.update(p.name for p, given in zip(parameters, node.args, strict=False) if self._reads(given))
            self._held.update(pair.key for pair in node.kwargs if self._reads(pair.value))
        elif isinstance(node, nodes.If):
            for trigger, word in self._triggers(node.test):
                if word:
                    for inner in _below((*node.body, *node.else_)):
                        if isinstance(inner, nodes.Assign) and self._folder.values(inner.node):
                            self._flags.update(dict.fromkeys(names_of(inner.target), trigger))

    def _reads(self, node: nodes.Node) -> bool:
        pending = [node]
        while pending:
            part = pending.pop()
            keys = self._folder.texts(part.arg) if isinstance(part, nodes.Getitem) else []
            if (
                (isinstance(part, nodes.Getattr) and part.attr in _CONTENT)
                or not _CONTENT.isdisjoint(keys)
                or dotted(part) in self._held
                or (isinstance(part, nodes.Filter) and self._by_content(part))
            ):
                return True
            if isinstance(part, nodes.Call) and isinstance(part.node, nodes.Getattr):
                pending.extend((part.node.node, *part.args))
            elif not (
                isinstance(part, nodes.Compare | nodes.Test | nodes.Not | nodes.Getattr)
                or (isinstance(part, nodes.Getitem) and keys)
            ):
                # A condition is no text any more, and the other entries of a message are no words of its writer.
                pending.extend(part.iter_child_nodes())
        return False

    def reads(self, node: nodes.Node) -> bool:
        """Say whether this expression has words of a message in it."""
        return self._reads(node)

    def _by_content(self, node: nodes.Filter) -> bool:
        named = [*node.args[:1], *(pair.value for pair in node.kwargs if pair.key == "attribute")]
        return any(not _CONTENT.isdisjoint(self._folder.texts(value)) for value in named)

    # --- what is looked for

    def _triggers(self, test: nodes.Node) -> Iterator[tuple[str, bool]]:
        """What a condition looks for in the words of a message, and whether that is words itself."""
        for node in in_order(test):
            yield from (self._judged(text) for text in self._looked_for(node))
            name = dotted(node)
            if name in self._flags:
                yield self._flags[name], True

    def _looked_for(self, node: nodes.Node) -> Iterator[str]:
        if isinstance(node, nodes.Compare):
            sides = [node.expr, *(operand.expr for operand in node.ops)]
            if any(self._reads(side) for side in sides):
                for side in sides:
                    if not self._reads(side):
                        yield from self._words(side)
            measured = [side for side in sides if self._measures(side)]
            numbers = [v for side in sides for v in self._folder.values(side) if type(v) is int and v > 1]
            if measured and numbers:
                yield f"length {numbers[0]}"
            if any(self._is_clock(side) for side in sides) and any(self._folder.values(side) for side in sides):
                yield "date"
        elif isinstance(node, nodes.Test) and self._reads(node.node):
            yield from (text for value in node.args or () for text in self._words(value))
        elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr):
            if node.node.attr in _SEARCHES and self._reads(node.node.node):
                yield from (text for value in node.args for text in self._words(value))
        elif isinstance(node, nodes.Filter) and node.name in _SELECTS and self._reads(node):
            yield from (text for value in node.args[1:] for text in self._words(value) if text not in _TESTS)

    def _words(self, node: nodes.Node) -> Iterator[str]:
        for value in self._folder.values(node):
            for text in value if isinstance(value, list | dict) else (value,):
                if isinstance(text, str) and text.strip():
                    yield text

    def _measures(self, node: nodes.Node) -> bool:
        for part in in_order(node):
            if isinstance(part, nodes.Filter) and part.name in _LENGTHS and part.node is not None:
                return self._reads(part.node) or dotted(part.node) in _CONVERSATION
            if isinstance(part, nodes.Call) and dotted(part.node) == "len":
                return any(self._reads(given) for given in part.args)
        return False

    def _is_clock(self, node: nodes.Node) -> bool:
        return any(isinstance(p, nodes.Call) and dotted(p.node).split(".")[0] in _CLOCKS for p in in_order(node))

    def _judged(self, text: str) -> tuple[str, bool]:
        return text[:80], is_words(text)

    def heard(self, test: nodes.Node) -> list[str]:
        """The words of a message (no control tokens) that a condition looks for."""
        return list(dict.fromkeys(trigger for trigger, word in self._triggers(test) if word))

    # --- what happens then

    def _gates(self, node: nodes.Node) -> Iterator[Gate]:
        if isinstance(node, nodes.If):
            yield from self._effects(node.lineno, node.test, (*node.body, *node.else_))
        elif isinstance(node, nodes.CondExpr):
            yield from self._effects(node.lineno, node.test, [p for p in (node.expr1, node.expr2) if p is not None])
        elif isinstance(node, nodes.For) and node.test is not None:
            yield from self._effects(node.lineno, node.test, node.body)
        elif isinstance(node, nodes.And | nodes.Or):
            yield from self._effects(node.lineno, node.left, (node.right,))
        elif isinstance(node, nodes.Getitem) and self._reads(node.arg):
            yield from self._looked_up(node, node.node)
        elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr) and node.args:
            if node.node.attr in {"get", "pop", "setdefault"} and self._reads(node.args[0]):
                yield from self._looked_up(node, node.node.node)
            elif node.node.attr == "replace" and self._reads(node.node.node):
                yield from self._replaced(node, node.args)
        elif isinstance(node, nodes.Filter) and node.name == "replace" and node.node and self._reads(node.node):
            yield from self._replaced(node, node.args)

    def _effects(self, line: int, test: nodes.Node, body: Iterable[nodes.Node]) -> Iterator[Gate]:
        triggers = list(dict.fromkeys(self._triggers(test)))
        if not triggers:
            return
        said = list(_said(_below(body)))
        for trigger, word in triggers:
            for raw in said:
                text = " ".join(MARKS.sub(" ", raw).split())
                known = not word and _TOKENS.search(trigger) is not None
                if ((_SENTENCE if word else _PARAGRAPH).search(text) and not known) or (word and ADDRESS.search(raw)):
                    yield Gate(line, trigger, (text or raw)[:120], word)
                    return

    def _looked_up(self, node: nodes.Node, table: nodes.Node) -> Iterator[Gate]:
        for value in self._folder.values(table):
            texts = [text for text in value.values() if isinstance(text, str)] if isinstance(value, dict) else []
            for text in texts:
                if _SENTENCE.search(text):
                    yield Gate(node.lineno, "a key of a table", text[:120], word=True)
                    return

    def _replaced(self, node: nodes.Node, given: Sequence[nodes.Node]) -> Iterator[Gate]:
        if len(given) > 1:
            for old in self._folder.texts(given[0]):
                for new in self._folder.texts(given[1]):
                    if is_words(old) and WORD.search(new) and not _shared(old, new):
                        yield Gate(node.lineno, old[:80], f"{new[:100]} in its place", word=True)


_TESTS = frozenset(
    {"equalto", "eq", "==", "ne", "in", "match", "search", "defined", "string", "contains", "sameas", "!="}
)


def is_words(text: str) -> bool:
    """Say whether this is something that a person writes, no control token, sign or value."""
    plain = text.strip()
    if plain.lower() in VALUES:
        return False
    return plain == "date" or (_PLAIN.fullmatch(plain) is not None and WORD.search(plain) is not None)


def dotted(node: nodes.Node) -> str:
    """`a` or `a.b` where the node is such a name, else an empty text."""
    if isinstance(node, nodes.Name):
        return str(node.name)
    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
        return f"{node.node.name}.{node.attr}"
    return ""


def names_of(target: nodes.Node) -> list[str]:
    """The names that an assignment to this target gives a value."""
    if isinstance(target, nodes.Name):
        return [target.name]
    if isinstance(target, nodes.NSRef):
        return [f"{target.name}.{target.attr}"]
    return [name for item in target.items for name in names_of(item)] if isinstance(target, nodes.Tuple) else []


def _below(body: Iterable[nodes.Node]) -> Iterator[nodes.Node]:
    """All nodes of these, without what only an error message says, and without other conditions."""
    pending = list(body)[::-1]
    while pending:
        node = pending.pop()
        if isinstance(node, nodes.Call) and dotted(node.node) == "raise_exception":
            continue
        yield node
        if isinstance(node, nodes.If):
            pending.extend((*node.else_, *node.elif_, *node.body)[::-1])
        elif isinstance(node, nodes.Compare | nodes.Test | nodes.Getitem):
            continue
        elif isinstance(node, nodes.CondExpr):
            pending.extend(part for part in (node.expr2, node.expr1) if part is not None)
        elif isinstance(node, nodes.Filter):
            pending.extend(part for part in (node.node,) if part is not None)
        elif isinstance(node, nodes.Call):
            pending.extend(node.args[::-1] if isinstance(node.node, nodes.Name) else ())
        else:
            pending.extend(reversed(list(node.iter_child_nodes())))


def _said(below: Iterable[nodes.Node]) -> Iterator[str]:
    """The texts that these nodes write."""
    for node in below:
        text = getattr(node, "data" if isinstance(node, nodes.TemplateData) else "value", None)
        if isinstance(text, str):
            yield text


def _shared(old: str, new: str) -> bool:
    """Say whether the new text only words the old one differently."""
    return (
        not {w.lower() for w in WORD.findall(old)}.isdisjoint(w.lower() for w in WORD.findall(new)) and "://" not in new
    )
