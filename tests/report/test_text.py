import re

import pytest

from assaymark.report.text import render
from tests.report import samples

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def blocks(document: str) -> list[list[str]]:
    """The lines of each finding."""
    parts = document.split("\n\n")
    return [part.splitlines() for part in parts if "\n  --> " in part]


@pytest.mark.parametrize("width", [None, 40, 80, 100, 300])
def test_a_finding_takes_at_most_eight_lines(width: int | None) -> None:
    for report, rules in ((samples.rich(), samples.RULES), (samples.hostile(), samples.hostile_rules())):
        found = blocks(render(report, rules, width=width))
        assert len(found) == len(report.findings)
        assert max(map(len, found)) <= 8


def test_a_finding_says_where_what_why_and_how_to_fix() -> None:
    first = blocks(render(samples.rich(), samples.RULES))[0]
    assert first[0] == "✖ CRITICAL MDL901 A pickle starts a command when the model is loaded (seen 3 times)"
    assert first[1].startswith(
        "  --> projects/tiny/checkpoints/epoch-3.pt!epoch-3/data.pkl @37  fingerprint 75c7a0279d2c"
    )
    assert first[2] == "      37 | STACK_GLOBAL posix system"
    assert first[-3] == "    = posix.system is called with 'curl -s https://…/x | sh'"
    assert first[-2].startswith("  why torch.load and joblib.load run")
    assert first[-1].startswith("  fix Do not load it.")


def test_worst_first_and_the_findings_of_a_file_together() -> None:
    places = re.findall(r"  --> (\S+?)(?:[:!]| @)", render(samples.rich(), samples.RULES))
    assert places[0].endswith("epoch-3.pt")
    assert places[-2:] == ["projects/tiny/requirements.txt"] * 2


def test_why_and_fix_stand_once_for_each_rule_and_file() -> None:
    document = render(samples.rich(), samples.RULES)
    assert document.count("A requirement is not pinned by hash") == 2
    assert document.count("Without a hash the index decides") == 1


def test_lines_keep_the_width() -> None:
    for line in render(samples.rich(), samples.RULES, width=80).splitlines():
        assert len(line) <= 80 or "-->" in line or not line.startswith(" ")


def test_five_of_a_rule_in_full_and_the_rest_by_id() -> None:
    document = render(samples.big(), samples.RULES)
    rules = {finding.id for finding in samples.big().findings}
    assert len(blocks(document)) == 5 * len(rules)
    assert f"… and {5000 - 5 * len(rules):,} more findings, not shown (-v shows all):\n" in document
    assert all(f"{rule_id} \u00d7" in document for rule_id in rules)
    assert len(blocks(render(samples.big(findings=200), samples.RULES, verbose=True))) == 200


def test_the_verdict_is_the_last_block() -> None:
    last = render(samples.rich(), samples.RULES).split("\n\n")[-1].splitlines()
    assert last[0] == (
        "✖ DENY  1 critical · 3 high · 2 medium · 2 low · 1 could not be vouched for · 1 ignored · 1 known in 11 files"
    )
    assert last[1] == "  deny MDL901: critical: posix.system is called with 'curl -s https://…/x | sh'"
    assert last[5].startswith("  hold CHK902: ")
    assert last[-1] == "  more: assay explain MDL901"


def test_more_than_five_reasons_are_summed_up() -> None:
    document = render(samples.hostile(), samples.hostile_rules())
    assert "  and 20 more (-v shows all)" in document
    assert "more (-v" not in render(samples.hostile(), samples.hostile_rules(), verbose=True)


def test_quiet_is_the_verdict_alone() -> None:
    assert render(samples.clean(), samples.RULES, quiet=True) == "✔ ALLOW  no findings in 1 file\n"
    assert render(samples.empty(), samples.RULES, quiet=True) == "‖ HOLD  no findings in 0 files\n"


def test_nothing_looked_at_is_said() -> None:
    document = render(samples.empty(), samples.RULES)
    assert "Looked at   0 files, 0 B" in document
    assert "hold coverage: no file of a kind that any check reads was found" in document


def test_coverage_counts_all_that_was_left_out() -> None:
    document = render(samples.rich(), samples.RULES)
    assert "Looked at   11 files, 6.1 GB · 10 parsed, 1 by name and first bytes only\n" in document
    assert "Checks      8 ran\n" in document
    assert "Left out    3: tensor data of 4,831,838,208 bytes are numbers (and 1 alike); an image" in document
    assert "Excluded    2: named in assaymark.toml; version control data\n" in document
    assert "Not shown   1 ignored · 1 known by the baseline · 4 of another persona\n" in document


def test_verbose_names_every_gap_check_and_ignore() -> None:
    document = render(samples.rich(), samples.RULES, verbose=True)
    assert "- LIB902 0 files" in document
    assert "- model/model-00002.safetensors: tensor data of 512 bytes are numbers" in document
    assert "- model/.cache: named in assaymark.toml" in document
    assert "until 2027-01-31, data@example.org: reviewed: phone numbers" in document


def test_colour_only_adds() -> None:
    plain = render(samples.rich(), samples.RULES, width=80)
    coloured = render(samples.rich(), samples.RULES, width=80, color=True)
    assert "\x1b[" not in plain
    assert "\x1b[" in coloured
    assert ANSI.sub("", coloured) == plain


def test_a_strangers_escapes_never_reach_the_terminal() -> None:
    coloured = render(samples.hostile(), samples.hostile_rules(), color=True, verbose=True)
    assert "\x1b" not in ANSI.sub("", coloured)
    assert "\x1b[2J" not in coloured
    assert "\\x1b[2J" in coloured


def test_a_folded_message_is_no_command_to_a_runner() -> None:
    document = render(samples.hostile(), samples.hostile_rules(), width=40)
    assert not re.search(r"^\s*::", document, re.MULTILINE)
