"""What a card documents: substance, next to nothing, an empty form, or nothing."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.model.origin.card import read_card
from assaymark.model.origin.documented import WANTED, State, documented
from tests.model.origin.makers import CARD, examine, ids, llama

FORM = """---
library_name: transformers
tags: []
---

# Model Card for Model ID

<!-- Provide a quick summary of what the model is/does. -->

## Uses

<!-- Address questions around how the model is intended to be used. -->

### Direct Use

[More Information Needed]

## Bias, Risks, and Limitations

[More Information Needed]

### Recommendations

Users (both direct and downstream) should be made aware of the risks, biases and limitations of the model. More information needed for further recommendations.

## Training Details

### Training Data

[More Information Needed]

### Training Procedure

#### Training Hyperparameters

- **Training regime:** [More Information Needed] <!--fp32, fp16 mixed precision, bf16 mixed precision -->

## Evaluation

### Results

[More Information Needed]
"""


def states(text: str) -> dict[str, State]:
    return {one.what: one.state for one in documented(read_card(text.encode(), "README.md"))}


def test_a_card_that_says_it_all() -> None:
    assert set(states(CARD).values()) == {State.PRESENT}


def test_the_form_of_the_hub_is_no_documentation() -> None:
    found = states(FORM)
    assert found.pop("licence") is State.MISSING
    assert set(found.values()) == {State.EMPTY}, found


def test_no_card() -> None:
    assert {one.state for one in documented(None)} == {State.MISSING}
    assert [one.what for one in documented(None)] == list(WANTED)


def test_a_field_alone_is_thin() -> None:
    found = states("---\nlicense: mit\ndatasets:\n- acme/corpus\n---\n# x\n\n## Limitations\n\nSome.\n")
    assert found["training data"] is State.THIN
    assert found["limitations"] is State.THIN
    assert found["licence"] is State.PRESENT


def test_headings_in_fences_are_text() -> None:
    assert (
        states("# x\n```\n## Limitations\nthis model has every limitation that one could think of, and more\n```\n")[
            "limitations"
        ]
        is State.MISSING
    )


@pytest.mark.parametrize(
    "text",
    [
        "---\nlicense: mit\n",
        "---\n- a\n---\n# x\n",
        "---\na: [\n---\n",
        "---\na: &x [*x]\n---\n# y\n",
        "\ufeff---\nlicense: mit\n---\n",
    ],
)
def test_front_matter_that_is_none(text: str) -> None:
    card = read_card(text.encode(), "README.md")
    assert card.fault or card.front is None or card.values("license") or card.front.pairs


def test_bytes_that_are_no_text() -> None:
    assert read_card(b"\xff\xfe\xff\x00\xd8", "README.md").fault


def test_mdl246_bad_an_empty_form(tmp_path: Path) -> None:
    found = examine(llama(tmp_path / "net", card=FORM))
    assert ids(found) == {"MDL246"}
    (finding,) = found.report.findings
    assert "training data (empty)" in finding.message


def test_mdl246_good_a_full_card(tmp_path: Path) -> None:
    assert "MDL246" not in ids(examine(llama(tmp_path / "net")))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300), st.integers(0, len(CARD)))
def test_any_card_can_be_read(text: str, at: int) -> None:
    for card in (text, CARD[:at] + text + CARD[at:], f"---\n{text}\n---\n{text}"):
        found = documented(read_card(card.encode("utf-8", "surrogatepass"), "README.md"))
        assert len(found) == len(WANTED)


def test_a_long_card_takes_no_long_time() -> None:
    for piece in ("<!--", "[", "{{", "## x\n", "**a** ", "- **b:**\n", "# a"):
        documented(read_card((piece * 100_000)[:400_000].encode(), "README.md"))
