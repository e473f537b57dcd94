"""What a chat template has that the one of its base has not, compared on the syntax trees after constants are folded.

White space, comments, quotes and the way a text is put together (`~`, `+`, one literal or several) make no difference.
Nothing is rendered. What differs is told apart by what it does:

- something is written, or Python is reached for, where the words of a message say so (`hears`);
- sentences, addresses or many words are written that the base never writes, or words of a message are looked for (`says`);
- conditions, expressions and marks that change how a conversation is laid out (`other`), and sentences that are gone (`lacks`).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from jinja2 import TemplateSyntaxError, nodes

from assaymark.model.formats.jinja import TEMPLATE_LIMIT, TemplateView, parsed, template_view
from assaymark.model.formats.jinja_fold import Folder, in_order
from assaymark.model.formats.jinja_gates import ADDRESS, MARKS, VALUES, WORD, Gates, dotted

_LISTED = 20
_CLAUSE = re.compile(r"[.!?:;\n\u3002\uff01\uff1f]+")
_CLAUSE_WORDS = 3
_SCRIPT = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{6,}")
"""Scripts without spaces between words."""
_KEY = re.compile(r"""\w+["'|<>]*:""")
_SINGLE_WORDS = 5
"""Words that the base has not, in pieces that are no clause: a sentence can be written word by word."""
_FOLDED = (nodes.Concat, nodes.Add, nodes.Filter, nodes.Call, nodes.Mul, nodes.Mod, nodes.Getitem)
_NAMING = frozenset(
    {"map", "select", "reject", "selectattr", "rejectattr", "groupby", "sort", "dictsort", "attr", "unique"}
)
_SIGNS = {"eq": "==", "ne": "!=", "gt": ">", "gteq": ">=", "lt": "<", "lteq": "<=", "in": "in", "notin": "not in"}

Places = tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class TemplateDifference:
    """One template held against that of its base. Lists are (line, what), 20 at most each; all empty: the same."""

    origin: str
    """Where the template stands."""
    base: str
    """Where the base's stands."""
    hears: Places = ()
    """Texts that depend on the words of a message, and steps into Python's internals."""
    says: Places = ()
    """Sentences and addresses that are written, and words that are looked for."""
    other: Places = ()
    """Conditions, expressions and marks."""
    lacks: tuple[str, ...] = ()
    """Sentences of the base that are not written."""
    fault: str = ""
    """Why nothing could be compared."""


def difference(text: str, origin: str, base: str, base_origin: str) -> TemplateDifference:
    """Hold `text` against `base`. Never raises for what they are."""
    if text.split() == base.split():
        return TemplateDifference(origin, base_origin)
    theirs, fault = _outline(base)
    if theirs is None:
        return TemplateDifference(origin, base_origin, fault=f"the template {base_origin} cannot be parsed: {fault}")
    ours, fault = _outline(text)
    if ours is None:
        return TemplateDifference(origin, base_origin, fault=f"the template {origin} cannot be parsed: {fault}")
    says = list(_says(ours, theirs))
    quiet = list(_watches(ours, theirs, loud=False))
    return TemplateDifference(
        origin,
        base_origin,
        _listed((*_hears(ours, theirs), *_watches(ours, theirs, loud=True))),
        _listed((*says, *quiet)),
        _listed(_other(ours, theirs)),
        tuple(clause for clause, known in theirs.clauses if not ours.has(known))[:_LISTED],
    )


def _listed(places: Iterable[tuple[int, str]]) -> Places:
    return tuple(sorted(dict.fromkeys((line, what[:300]) for line, what in places))[:_LISTED])


@lru_cache(maxsize=8)
def _outline(text: str) -> "tuple[_Outline | None, str]":
    if len(text) > TEMPLATE_LIMIT:
        return None, "it is too long"
    try:
        return _Outline(text), ""
    except TemplateSyntaxError as error:
        return None, f"line {error.lineno}: {error.message}"
    except (RecursionError, ValueError, OverflowError):
        return None, "it is nested too deeply, or has a literal that cannot be read"


class _Outline:
    """One template: what it writes, what it asks, what it computes."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.everything = list(in_order(parsed(text)))
        self.folder = Folder(self.everything)
        self.gates = Gates(self.everything, self.folder)
        self.written = tuple(_written(self.everything[:1], self.folder))
        self.conditions = {spelled(test, self.folder): test for test, _ in self.tests()}
        self.expressions = dict(self._expressions())
        running = [word for _, said in self.written for word in words_of(said)]
        self.words = frozenset(running)
        self._running = f" {' '.join(running)} "
        self._raw = "".join("".join(said.split()) for _, said in self.written)

    @cached_property
    def view(self) -> TemplateView:
        """The template looked at by itself."""
        return template_view(self.text, "")

    @cached_property
    def clauses(self) -> tuple[tuple[str, str], ...]:
        """What is written in a row, as (text, its words)."""
        return tuple(dict.fromkeys(clause for _, said in self.written for clause in clauses_of(said)))

    @cached_property
    def marks(self) -> frozenset[str]:
        """Control tokens that are written."""
        return frozenset(mark.strip() for _, said in self.written for mark in MARKS.findall(said))

    def has(self, words: str) -> bool:
        """Say whether these words are written here in a row."""
        return f" {words} " in self._running or (" " not in words and words in self._raw)

    def tests(self) -> Iterator[tuple[nodes.Node, list[nodes.Node]]]:
        """Every condition, with what it decides about."""
        for node in self.everything:
            if isinstance(node, nodes.If):
                yield node.test, [*node.body, *node.else_]
            elif isinstance(node, nodes.CondExpr):
                yield node.test, [part for part in (node.expr1, node.expr2) if part is not None]
            elif isinstance(node, nodes.For) and node.test is not None:
                yield node.test, node.body

    def _expressions(self) -> Iterator[tuple[str, int]]:
        """What is written out, assigned or looped over and is no constant."""
        for node in self.everything:
            if isinstance(node, nodes.Output):
                roots = [part for one in node.nodes for part in _joined(one)]
            elif isinstance(node, nodes.Assign):
                roots = [node.node]
            elif isinstance(node, nodes.For):
                roots = [node.iter]
            elif isinstance(node, nodes.ExprStmt):
                roots = [node.node]
            else:
                continue
            for part in roots:
                if not isinstance(part, nodes.TemplateData | nodes.Const) and not self.folder.values(part):
                    yield spelled(part, self.folder), part.lineno


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, control tokens left out."""
    return [word.lower() for word in WORD.findall(MARKS.sub(" ", text))]


def clauses_of(text: str) -> Iterator[tuple[str, str]]:
    """(text, its words) of what has three words or more in a row, or as much of a script without spaces."""
    for part in _CLAUSE.split(MARKS.sub("\n", text)):
        words = words_of(part)
        if len(words) >= _CLAUSE_WORDS:
            yield " ".join(part.split())[:200], " ".join(words)
        else:
            yield from ((found, found.lower()) for found in _SCRIPT.findall(part))


def _written(roots: list[nodes.Node], folder: Folder) -> Iterator[tuple[int, str]]:
    """(line, text) of what can come into the prompt; not what conditions compare, nor what an error says."""
    pending = list(roots)[::-1]
    while pending:
        node = pending.pop()
        if isinstance(node, nodes.Compare | nodes.Test) or (
            isinstance(node, nodes.Call) and dotted(node.node) == "raise_exception"
        ):
            continue
        if isinstance(node, nodes.TemplateData):
            yield node.lineno, node.data
        elif isinstance(node, (nodes.Const, *_FOLDED)):
            yield from ((node.lineno, text) for text in folder.texts(node))
        if isinstance(node, nodes.If | nodes.CondExpr | nodes.For):
            pending.extend(part for part in list(node.iter_child_nodes())[::-1] if part is not node.test)
        elif isinstance(node, nodes.Filter) and node.name in _NAMING:
            # The first argument (of the selecting ones, all) is the name of a filter, a test or an attribute.
            more = node.args[1:] if node.name == "map" else []
            pending.extend(part for part in (*more[::-1], node.node) if part is not None)
        elif isinstance(node, nodes.Getitem):
            pending.append(node.node)
        elif isinstance(node, nodes.Pair):
            pending.append(node.value)
        else:
            pending.extend(list(node.iter_child_nodes())[::-1])


def _joined(node: nodes.Node) -> list[nodes.Node]:
    """The parts of a text that is put together."""
    found, pending = [], [node]
    while pending:
        part = pending.pop()
        if isinstance(part, nodes.Concat):
            pending.extend(part.nodes[::-1])
        elif isinstance(part, nodes.Add):
            pending.extend((part.right, part.left))
        else:
            found.append(part)
    return found


def _hears(ours: _Outline, theirs: _Outline) -> Iterator[tuple[int, str]]:
    """Gates, steps to Python and concealed texts, as the look at one template finds them."""
    known = {(gate.trigger, gate.effect) for gate in theirs.gates.found}
    for gate in ours.gates.found:
        if (gate.trigger, gate.effect) not in known:
            yield gate.line, f"writes {gate.effect!r} when a message has {gate.trigger!r}"
    old, new = theirs.view, ours.view
    for verb, had, has in (("reaches", old.reaches, new.reaches), ("hides", old.conceals, new.conceals)):
        before = {what for _, what in had}
        yield from ((line, f"{verb} {what}") for line, what in has if what not in before)


def _watches(ours: _Outline, theirs: _Outline, *, loud: bool) -> Iterator[tuple[int, str]]:
    """New conditions that listen to words of a message; `loud` where new words are written on them."""
    for test, body in ours.tests():
        heard = ours.gates.heard(test)
        if heard and spelled(test, ours.folder) not in theirs.conditions:
            # What writes the very key that it looks for, or other keys (`enum:`), lays out a tool.
            known = {*theirs.words, *VALUES, *(word for trigger in heard for word in words_of(trigger))}
            texts = (text for _, text in _written(body, ours.folder))
            said = [text for text in texts if not known.issuperset(words_of(_KEY.sub(" ", text)))]
            if said and loud:
                yield test.lineno, f"writes {_short(said[0])!r} when a message has {heard[0]!r}"
            elif not said and not loud:
                yield test.lineno, f"looks for {heard[0]!r} in a message"


def _says(ours: _Outline, theirs: _Outline) -> Iterator[tuple[int, str]]:
    single: dict[str, int] = {}
    for line, text in ours.written:
        new = [clause for clause, words in clauses_of(text) if not theirs.has(words)]
        yield from ((line, f"writes {_short(clause)!r}") for clause in new)
        if ADDRESS.search(text) and "".join(text.split()) not in theirs._raw:  # noqa: SLF001 - of its own class
            yield line, f"writes the address in {_short(text)!r}"
        elif not new:
            single.update((word, line) for word in words_of(text) if word not in theirs.words and word not in single)
    if len(single) >= _SINGLE_WORDS:
        yield min(single.values()), f"writes {len(single)} words that it has not: {', '.join(list(single)[:8])}"


def _other(ours: _Outline, theirs: _Outline) -> Iterator[tuple[int, str]]:
    for key, test in ours.conditions.items():
        if key not in theirs.conditions:
            yield test.lineno, f"the condition {key[:200]}"
    for key, line in ours.expressions.items():
        if key not in theirs.expressions:
            yield line, f"the expression {key[:200]}"
    for line, text in ours.written:
        for mark in MARKS.findall(text):
            if mark.strip() not in theirs.marks:
                yield line, f"the mark {mark.strip()[:80]!r}"


def _short(text: str) -> str:
    return " ".join(text.split())[:120]


def spelled(node: nodes.Node, folder: Folder) -> str:  # noqa: PLR0911 - one line for each kind of node
    """An expression as a text: two that mean the same and are only written differently have one spelling."""
    if isinstance(node, _FOLDED):
        values = folder.values(node)
        if len(values) == 1:
            return repr(values[0])

    def of(part: nodes.Node | None) -> str:
        return "" if part is None else spelled(part, folder)

    def all_of(parts: Iterable[nodes.Node]) -> str:
        return ", ".join(of(part) for part in parts)

    match node:
        case nodes.Const():
            return repr(node.value)
        case nodes.TemplateData():
            return repr(" ".join(node.data.split()))
        case nodes.Name():
            return node.name
        case nodes.NSRef():
            return f"{node.name}.{node.attr}"
        case nodes.Getattr():
            return f"{of(node.node)}.{node.attr}"
        case nodes.Getitem():
            texts = folder.texts(node.arg)
            return f"{of(node.node)}.{texts[0]}" if len(texts) == 1 else f"{of(node.node)}[{of(node.arg)}]"
        case nodes.Slice():
            return f"{of(node.start)}:{of(node.stop)}:{of(node.step)}"
        case nodes.Filter() | nodes.Test():
            more = all_of((*node.args, *node.kwargs))
            sign = "|" if isinstance(node, nodes.Filter) else " is "
            return f"{of(node.node)}{sign}{node.name}{f'({more})' if more else ''}"
        case nodes.Call():
            return f"{of(node.node)}({all_of((*node.args, *node.kwargs))})"
        case nodes.Keyword():
            return f"{node.key}={of(node.value)}"
        case nodes.Pair():
            return f"{of(node.key)}: {of(node.value)}"
        case nodes.Compare():
            return of(node.expr) + "".join(f" {_SIGNS.get(o.op, o.op)} {of(o.expr)}" for o in node.ops)
        case nodes.And() | nodes.Or():
            return f"({of(node.left)} {type(node).__name__.lower()} {of(node.right)})"
        case nodes.Neg():
            return f"-{of(node.node)}"
        case nodes.Not():
            return f"not {of(node.node)}"
        case nodes.CondExpr():
            return f"({of(node.expr1)} if {of(node.test)} else {of(node.expr2)})"
        case nodes.Concat() | nodes.Add():
            return " ~ ".join(of(part) for part in _joined(node))
        case nodes.List() | nodes.Tuple() | nodes.Dict():
            return f"{type(node).__name__.lower()}({all_of(node.items)})"
    return f"{type(node).__name__}({all_of(node.iter_child_nodes())})"
