"""YAML as nodes: lines, tags, aliases; and limits."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.source.yaml_tree import documents, walk


def test_lines_tags_and_styles() -> None:
    (root,) = documents("a: 1\nb:\n  - !!python/name:os.system x\n  - |\n    text\non: 'q'\n")
    b = root.get("b")
    assert b is not None
    assert [(n.line, n.tag, n.text, n.block) for n in b.items] == [
        (3, "tag:yaml.org,2002:python/name:os.system", "x", False),
        (4, "", "text\n", True),
    ]
    on = root.get("on")
    assert on is not None
    assert (on.text, on.quoted, on.line) == ("q", True, 6)
    assert root.get("b", "c") is None


def test_the_last_of_two_keys_counts() -> None:
    (root,) = documents("a: 1\na: 2\n")
    found = root.get("a")
    assert found is not None
    assert found.text == "2"
    assert [name for name, _ in root.named()] == ["a", "a"]


def test_documents_come_before_the_fault() -> None:
    roots = documents("--- one\n--- two\n---\n[\n")
    assert [next(roots).text, next(roots).text] == ["one", "two"]
    with pytest.raises(Malformed, match="line"):
        next(roots)


def test_aliases_are_shared_and_may_lead_back() -> None:
    (root,) = documents("a: &x {b: [1, *x]}\nc: *x\n")
    assert root.get("a") is root.get("c")
    assert sum(1 for _ in walk(root)) == 4


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5000,
        "- " * 5000,
        "? " * 5000,
        "- a\n" * 150_000 + "- b\n" * 60_000,
        "a: &a x\n" + "b: *a\n" * 20_000,
        "a" * (3 << 20),
    ],
)
def test_limits(text: str) -> None:
    with pytest.raises(OverBudget):
        list(documents(text))


@pytest.mark.parametrize("text", ["a: [", "a: *b", "\x01", "%TAG ! a\n%TAG ! a\n---\n", "a: 'x", "\t- a"])
def test_faults(text: str) -> None:
    with pytest.raises(Malformed):
        list(documents(text))


@given(st.text(alphabet="ab:-[]{}&*!|>'\" \n\t#?,%", max_size=60))
@settings(max_examples=100, deadline=None)
def test_any_text_ends_well(text: str) -> None:
    try:
        for root in documents(text):
            list(walk(root))
    except (Malformed, OverBudget):
        return
