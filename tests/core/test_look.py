"""The runner: whatever a parser or a check does, the report says what was seen and what was not."""

import itertools
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from assaymark.core.blob import Bytes
from assaymark.core.budget import Budget, Limits
from assaymark.core.check import RULES, check
from assaymark.core.errors import Malformed, Opaque, OverBudget, Unreadable
from assaymark.core.finding import Finding, Hit, Severity
from assaymark.core.format import Context, FileFacts, Format, Item, Member, Project, Skipped
from assaymark.core.look import Catalog, clean, look, look_at_tree, unseen
from assaymark.core.scan import FileReport
from assaymark.core.subject import Layer
from assaymark.storage.spool import FileSpool
from tests.conftest import MemoryTree

Parse = Callable[[object, Context], Iterator[Item]]
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Seen:
    """A view."""

    text: str


class Bench:
    """A catalog of one format `X`, made of the functions that a test brings."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.name = f"bench{next(_numbers)}"
        self.patch = monkeypatch
        self.ids: list[str] = []
        self.module(f"{self.name}.checks", __path__=[])
        self.module(f"{self.name}.facts", __path__=[])
        self.formats = [
            Format("x", lambda head: head.start[:1] == b"X", f"{self.name}.parser", (f"{self.name}.checks",), (".x",))
        ]
        self.projects: tuple[Project, ...] = ()
        self.parser(lambda blob, context: iter(()))

    def module(self, name: str, **content: object) -> None:
        module = types.ModuleType(name)
        module.__dict__.update(content)
        self.patch.setitem(sys.modules, name, module)

    def parser(self, parse: Parse) -> None:
        self.module(f"{self.name}.parser", parse=parse)

    def check(
        self, run: Callable[[object], Iterator[Hit]], view: type = Seen, room: str = "checks", **axes: object
    ) -> str:
        def checker(item: object) -> Iterator[Hit]:
            return run(item)

        rule_id = f"MDL{990 + len(self.ids)}"
        checker.__annotations__ = {"item": view}
        checker.__doc__ = "Title.\n\nWhy: x.\nFix: y."
        checker.__module__ = f"{self.name}.{room}.some"
        check(rule_id, **({"layer": Layer.MODEL, "severity": Severity.HIGH, "since": "0.1"} | axes))(checker)  # type: ignore[arg-type]
        self.ids.append(rule_id)
        return rule_id

    def look(
        self, data: bytes = b"X", name: str = "file", clock: Callable[[], float] = lambda: 0.0, **limits: float
    ) -> FileReport:
        catalog = Catalog(tuple(self.formats), self.projects, (f"{self.name}.facts",))
        return look(Bytes(data), name, catalog, Budget(Limits(**limits), monotonic=clock, spool=FileSpool))

    def look_at_folder(self, contents: dict[str, bytes]) -> dict[str, FileReport]:
        return look_at_tree(MemoryTree(contents), Catalog((), self.projects, ()))


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    made = Bench(monkeypatch)
    yield made
    for rule_id in made.ids:
        RULES.pop(rule_id, None)


def views(*items: object, then: BaseException | None = None) -> Parse:
    def parse(_blob: object, _context: Context) -> Iterator[Item]:
        yield from items
        if then is not None:
            raise then

    return parse


def nested(size: int, member: Member, *inner: object) -> Parse:
    """The member in a blob of this size, the other items in any other."""
    return lambda blob, _context: iter([member] if blob.size == size else inner)  # type: ignore[attr-defined] # a Blob


def says(text: str = "bad") -> Callable[[object], Iterator[Hit]]:
    return lambda _: iter([Hit(text, symbol=text)])


def fails(error: BaseException) -> Callable[[object], Iterator[Hit]]:
    def run(_: object) -> Iterator[Hit]:
        raise error
        yield

    return run


def only(report: FileReport, rule_id: str) -> Finding:
    (found,) = [f for f in report.findings if f.id == rule_id]
    return found


# What goes wrong is said, and the next step runs


CASES = [
    (Malformed("half a header", offset=7), "CHK002", "half a header"),
    (OverBudget("too much"), "CHK003", "too much"),
    (Unreadable("read failed"), "CHK004", "read failed"),
    (Opaque("sealed"), "CHK005", "sealed"),
    (MemoryError(), "CHK003", "more memory than there is"),
    (RecursionError("deep"), "CHK001", "RecursionError: deep"),
    (KeyError("name"), "CHK001", "KeyError: 'name'"),
    (AssertionError(), "CHK001", "AssertionError"),
]


@pytest.mark.parametrize(("error", "rule_id", "text"), CASES, ids=lambda c: type(c).__name__)
def test_a_parser_that_fails_keeps_what_it_saw_before(bench: Bench, error: Exception, rule_id: str, text: str) -> None:
    bad = bench.check(says())
    bench.parser(views(Seen("first"), then=error))
    report = bench.look()
    fault = only(report, rule_id)
    assert text in fault.message
    assert fault.message.startswith("x: ")
    assert fault.holds
    assert only(report, bad).message == "bad"
    assert report.analysed


@pytest.mark.parametrize(("error", "rule_id", "text"), CASES, ids=lambda c: type(c).__name__)
def test_a_check_that_fails_takes_no_other_along(bench: Bench, error: Exception, rule_id: str, text: str) -> None:
    broken, bad = bench.check(fails(error)), bench.check(says())
    bench.parser(views(Seen("first"), Seen("second")))
    report = bench.look()
    fault = only(report, rule_id)
    assert text in fault.message
    assert broken in fault.message
    assert (fault.holds, fault.count) == (True, 2)
    assert only(report, bad).count == 2
    assert set(report.checks) == {broken, bad}


def test_a_crash_says_where_it_happened(bench: Bench) -> None:
    def innermost() -> None:
        raise ZeroDivisionError("x")

    def parse(_blob: object, _context: Context) -> Iterator[Item]:
        innermost()
        yield

    bench.parser(parse)
    assert "innermost, line" in only(bench.look(), "CHK001").message


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=lambda e: type(e).__name__)
def test_the_user_and_the_system_are_obeyed(bench: Bench, error: BaseException) -> None:
    bench.parser(views(then=error))
    with pytest.raises(type(error)):
        bench.look()


def test_a_malformed_place_is_kept(bench: Bench) -> None:
    bench.parser(views(then=Malformed("x", offset=7)))
    assert only(bench.look(), "CHK002").where.offset == 7


def test_a_module_that_cannot_be_imported_is_a_crash_of_ours(bench: Bench) -> None:
    bench.formats = [Format("x", lambda head: True, "assaymark.no_such_module")]
    assert "ModuleNotFoundError" in only(bench.look(), "CHK001").message


def test_a_recogniser_that_crashes_holds(bench: Bench) -> None:
    bench.formats = [Format("x", fails(ValueError("oh")), None)]  # type: ignore[arg-type]
    bench.formats[0] = Format("x", lambda head: [][1])
    assert only(bench.look(), "CHK001").holds


# Recognition


def test_content_that_nobody_knows_is_opaque(bench: Bench) -> None:
    assert "beginning with 00 ff" in only(bench.look(b"\0\xff"), "CHK005").message
    assert bench.look(b"plain text\n").findings == ()
    assert not bench.look(b"plain text\n").analysed


def test_a_suffix_counts_only_where_the_content_says_nothing(bench: Bench) -> None:
    bench.formats.append(Format("y", lambda head: head.start[:1] == b"Y"))
    assert bench.look(b"plain", "a/B.X").formats == ("x",)
    assert bench.look(b"Yes", "b.x").formats == ("y",)
    assert bench.look(b"plain", "b.xx").formats == ()


def test_all_formats_that_recognise_the_bytes_look_at_them(bench: Bench) -> None:
    bench.parser(views(Seen("x"), then=ValueError()))
    bench.module("second_parser", parse=views(Seen("y")))
    bench.formats.append(Format("y", lambda head: True, "second_parser", (f"{bench.name}.checks",)))
    bad = bench.check(says())
    report = bench.look()
    assert report.formats == ("x", "y")
    assert only(report, bad).count == 2


def test_checks_read_only_views_of_their_type_and_their_format(bench: Bench) -> None:
    other = bench.check(says("other"), view=Member)
    facts = bench.check(says("facts"), view=FileFacts, room="facts")
    bench.parser(views(Seen("x")))
    report = bench.look()
    assert other not in report.checks
    assert only(report, facts).message == "facts"


def test_the_facts_tell_name_size_and_formats(bench: Bench) -> None:
    bench.check(
        lambda facts: iter([Hit(f"{facts.name} {facts.size} {facts.formats} {facts.suffix}")]), FileFacts, "facts"
    )
    bench.parser(nested(1, Member("in/B.X", Bytes(b"XX"))))
    messages = [f.message for f in bench.look(name="dir/A.tar.GZ").findings]
    assert messages == ["dir/A.tar.GZ 1 ('x',) .gz", "in/B.X 2 ('x',) .x"]


# Members, gaps, limits


def test_members_are_looked_at_like_files_and_named_by_their_way(bench: Bench) -> None:
    bad = bench.check(says())

    def parse(blob: Bytes, context: Context) -> Iterator[Item]:
        if blob.size > 1:
            yield Member("in/ner", Bytes(blob.read(1, 99)))
        else:
            yield Seen(context.name)

    bench.parser(parse)
    finding = only(bench.look(b"XXX", "a/outer"), bad)
    assert (finding.where.path, finding.where.member) == ("a/outer", "in/ner!in/ner")


@pytest.mark.parametrize("depth", [0, 3])
def test_nesting_ends_at_the_limit(bench: Bench, depth: int) -> None:
    reached = []

    def parse(blob: Bytes, _context: Context) -> Iterator[Item]:
        reached.append(1)
        yield Member("n", blob)
        yield Seen("after")

    bench.parser(parse)
    report = bench.look(depth=depth)
    assert len(reached) == depth + 1
    assert f"nested deeper than {depth}" in only(report, "CHK003").message


def test_members_are_counted_over_all_containers(bench: Bench) -> None:
    bench.parser(lambda blob, context: (Member(f"m{n}", Bytes(b"t")) for n in itertools.count()))
    assert "more than 20 members" in only(bench.look(members=20), "CHK003").message


def test_what_was_skipped_holds_unless_it_cannot_hide_anything(bench: Bench) -> None:
    bench.parser(views(Skipped("block 1", "sealed"), Skipped("block 2", "numbers", holds=False)))
    report = bench.look(name="f")
    assert only(report, "CHK005").message == "block 1: sealed"
    assert only(report, "CHK005").holds
    assert [(g.what, g.why) for g in report.gaps] == [("f!block 2", "numbers")]


def test_time_is_up(bench: Bench) -> None:
    clock = itertools.count()

    def parse(_blob: object, context: Context) -> Iterator[Item]:
        while True:
            context.budget.tick()
            yield Seen("again")

    bench.parser(parse)
    report = bench.look(clock=lambda: next(clock), seconds=50)
    assert "not finished within 50 s" in only(report, "CHK003").message


def test_findings_of_one_rule_are_capped_and_the_rest_counted_as_a_gap(bench: Bench) -> None:
    many = bench.check(lambda _: (Hit(f"number {n}") for n in range(1000)))
    one = bench.check(says())
    bench.parser(views(Seen("x")))
    report = bench.look(findings=10)
    assert len([f for f in report.findings if f.id == many]) == 10
    assert only(report, one)
    (gap,) = report.gaps
    assert f"more than 10 different findings of {many}" in gap.why


def test_the_same_thing_seen_again_only_counts(bench: Bench) -> None:
    bad = bench.check(lambda _: iter([Hit("first", 1, symbol="s"), Hit("second", 2, symbol="s"), Hit("x", symbol="t")]))
    bench.parser(views(Seen("x")))
    first, second = (f for f in bench.look().findings if f.id == bad)
    assert (first.count, first.where.offset, first.message) == (2, 1, "first")
    assert second.count == 1


# Text of strangers


def test_hostile_text_is_escaped_before_it_is_kept(bench: Bench) -> None:
    text = "a\x1b[31m\u202eb\udcff\x9b\0"
    bad = bench.check(lambda _: iter([Hit(text, symbol=text, excerpt=text)]))
    bench.parser(nested(1, Member("m\x1b[1m\r", Bytes(b"XX")), Seen("x")))
    finding = [f for f in bench.look().findings if f.id == bad][-1]
    safe = "a\\x1b[31m\\u202eb\\udcff\\x9b\\x00"
    assert (finding.message, finding.where.symbol, finding.excerpt) == (safe, safe, safe)
    assert finding.where.member == "m\\x1b[1m\\x0d"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 模", "plain é 模"),
        ("a\nb\tc", "a\nb\tc"),
        ("\r\b\x7f\x85", "\\x0d\\x08\\x7f\\x85"),
        ("\u2066\u2028", "\\u2066\\u2028"),
    ],
)
def test_clean(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_clean_cuts_long_text() -> None:
    assert clean("x" * 5000, 10) == "x" * 10 + " …"
    assert clean("x" * 10, 10) == "x" * 10


# Folders


def test_a_project_that_crashes_says_so_at_the_path_it_was_at(bench: Bench) -> None:
    bad = bench.check(says())

    def project(_tree: object) -> Iterator[tuple[str, Item]]:
        yield "a.json", Seen("x")
        yield "b.json", Seen("y")
        raise ValueError("oh")

    bench.module(f"{bench.name}.project", views=project)
    bench.projects = (Project("p", f"{bench.name}.project", (f"{bench.name}.checks",)),)
    reports = bench.look_at_folder({})
    assert only(reports["a.json"], bad)
    assert {f.id for f in reports["b.json"].findings} == {bad, "CHK001"}
    assert all(reports[path].checks == (bad,) for path in ("a.json", "b.json"))


def test_something_unseen_is_a_finding_that_holds() -> None:
    report = unseen("pipe", 0, "CHK004", "is a pipe")
    assert only(report, "CHK004").holds
    assert not report.analysed
    assert report.sha256 is None


def test_skipped_project_parts_do_not_get_lost(bench: Bench) -> None:
    def project(_tree: object) -> Iterator[tuple[str, Item]]:
        yield "index.json", Skipped("shard 2", "cannot be read")

    bench.module(f"{bench.name}.project", views=project)
    bench.projects = (Project("p", f"{bench.name}.project", (f"{bench.name}.checks",)),)
    assert "shard 2: cannot be read" in only(bench.look_at_folder({})["index.json"], "CHK005").message


@pytest.mark.parametrize(
    ("names", "asked"),
    [
        (["x/Start.JSON"], True),
        (["x/store/blobs/a"], True),
        (["start.json.bak", "blobs"], False),
        ([], False),
    ],
    ids=repr,
)
def test_a_project_is_asked_only_about_folders_with_a_file_that_it_starts_from(
    bench: Bench, names: list[str], asked: bool
) -> None:
    def project(_tree: object) -> Iterator[tuple[str, Item]]:
        yield "said", Skipped("it", "was asked")

    bench.module(f"{bench.name}.project", views=project)
    bench.projects = (Project("p", f"{bench.name}.project", (), ("start.json",), within=("/blobs/",)),)
    assert bool(bench.look_at_folder(dict.fromkeys(names, b"x"))) is asked
