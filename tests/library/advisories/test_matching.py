"""Whether a record means a package: the evaluation of the OSV schema."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from assaymark.core.errors import AssayError, Malformed
from assaymark.core.finding import Severity
from assaymark.library.advisories import osv, severity
from assaymark.library.advisories.known import known, matches, merged
from assaymark.library.advisories.matching import match
from tests.library.advisories.records import NOW, record


def judged(document: dict[str, Any], version: str, *hashes: str, ecosystem: str = "PyPI", name: str = "demo") -> str:
    found = match(osv.read(document), ecosystem, name, version, hashes)
    return "no" if found is None else "possibly" if found.possibly else "yes"


FIXED = [{"introduced": "1.0"}, {"fixed": "2.0"}]


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("0.9", "no"),
        ("1.0", "yes"),
        ("1.0.0", "yes"),
        ("2.0rc1", "yes"),
        ("2.0", "no"),
        ("2.0.0", "no"),
        ("1!1.0", "no"),
    ],
)
def test_introduced_and_fixed(version: str, said: str) -> None:
    assert judged(record("A-1", events=FIXED), version) == said


def test_last_affected_is_affected() -> None:
    events = [{"introduced": "0"}, {"last_affected": "2.1.0"}]
    assert [judged(record("A-1", events=events), v) for v in ("0.1", "2.1", "2.1.0+cu121", "2.1.1")] == [
        "yes", "yes", "yes", "no",
    ]  # fmt: skip


def test_a_limit_ends_a_range() -> None:
    events = [{"introduced": "1.0"}, {"limit": "1.5"}]
    assert [judged(record("A-1", events=events), v) for v in ("1.4", "1.5")] == ["yes", "no"]
    assert judged(record("A-1", events=[{"introduced": "1.0"}, {"limit": "*"}]), "9") == "yes"


def test_events_are_taken_in_the_order_of_versions_and_ranges_add_up() -> None:
    events = [{"fixed": "3.2"}, {"introduced": "3.0"}, {"fixed": "1.5"}, {"introduced": "1.0"}]
    document = record("A-1", events=events, versions=["7.0"])
    assert [judged(document, v) for v in ("1.2", "2.0", "3.1", "3.2", "7")] == ["yes", "no", "yes", "no", "yes"]


def test_withdrawn_means_nobody() -> None:
    assert judged(record("A-1", versions=["1.0"], withdrawn=NOW), "1.0") == "no"


def test_versions_that_cannot_be_read_are_possible_and_never_no() -> None:
    assert judged(record("A-1", events=FIXED), "2004d") == "possibly"
    assert judged(record("A-1", events=FIXED, versions=["2004d"]), "2004d") == "yes"
    assert judged(record("A-1", events=[{"introduced": "x-y"}]), "1.0") == "possibly"
    assert judged(record("A-1", events=FIXED), "") == "possibly"
    assert judged(record("A-1"), "1.0") == "possibly"
    commits = [{"type": "GIT", "repo": "https://x", "events": [{"introduced": "0"}]}]
    assert judged(record("A-1", ranges=commits), "1.0") == "possibly"
    assert judged(record("A-1", ranges=commits, versions=["2.0"]), "1.0") == "no"


def test_names_are_compared_as_the_ecosystem_does() -> None:
    document = record("A-1", name="Zope.Interface", versions=["1"])
    assert judged(document, "1", name="zope_interface") == "yes"
    assert judged(document, "1", name="zope-interface", ecosystem="npm") == "no"


def test_npm_is_ordered_by_semver() -> None:
    document = record("A-1", ecosystem="npm", kind="SEMVER", events=[{"introduced": "1.0.0"}, {"fixed": "2.0.0-rc.2"}])
    said = [judged(document, v, ecosystem="npm") for v in ("1.0.0-a", "1.9.9", "2.0.0-rc.1", "2.0.0-rc.10", "2.0.0")]
    assert said == ["no", "yes", "yes", "no", "no"]


def test_a_malicious_record_means_versions_and_files_never_a_name() -> None:
    digest = "ab" * 32
    every = record(
        "MAL-2026-1", events=[{"introduced": "0"}], database_specific_of_package={"iocs": {"sha256": [digest]}}
    )
    assert judged(every, "1.0") == "possibly"
    assert judged(every, "1.0", f"sha256:{digest}") == "yes"
    assert judged(record("MAL-2026-1", versions=["6.6.6"]), "1.0") == "no"
    assert judged(record("MAL-2026-1", versions=["6.6.6"]), "6.6.6") == "yes"
    assert osv.read(record("pypi/2026-05-campaign/demo")).malicious
    assert not osv.read(record("PYSEC-2026-1")).malicious


_VERSIONS = st.builds(
    lambda a, b, c: f"{a}.{b}{c}", st.integers(0, 3), st.integers(0, 3), st.sampled_from(["", "rc1", ".0", ".post1"])
)


def _by_the_schema(events: list[tuple[str, str]], version: str) -> bool:
    """The pseudocode of the schema, word by word."""
    order = {"introduced": 0, "last_affected": 1, "fixed": 2}
    vulnerable, here = False, Version(version)
    for what, text in sorted(events, key=lambda e: (Version(e[1]), order[e[0]])):
        if what == "introduced" and here >= Version(text):
            vulnerable = True
        if what == "fixed" and here >= Version(text):
            vulnerable = False
        if what == "last_affected" and here > Version(text):
            vulnerable = False
    return vulnerable


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["introduced", "fixed", "last_affected"]), _VERSIONS), max_size=6),
    _VERSIONS,
    _VERSIONS,
)
def test_ranges_are_those_of_the_schemas_pseudocode(events: list[tuple[str, str]], first: str, version: str) -> None:
    listed = [("introduced", first), *events]
    document = record("A-1", events=[{what: text} for what, text in listed])
    assert (judged(document, version) == "yes") == _by_the_schema(listed, version)


# aliases and severity


def test_what_several_databases_say_is_one_thing() -> None:
    documents = [
        record("PYSEC-2026-1", versions=["1.0"], aliases=["CVE-2026-1"]),
        record("GHSA-a", versions=["1.0"], aliases=["CVE-2026-1"], events=[{"introduced": "0"}, {"fixed": "1.1"}],
               severity=[{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]),
        record("GHSA-b", versions=["1.0"]),
    ]  # fmt: skip
    groups = merged(matches(map(osv.read, documents), "PyPI", "demo", "1.0"))
    assert [len(group) for group in groups] == [2, 1]
    one = known(groups[0], "PyPI", "demo", "1.0")
    assert (one.id, one.aliases, one.severity, one.score, one.fixed) == (
        "CVE-2026-1", ("PYSEC-2026-1", "GHSA-a"), Severity.CRITICAL, 9.8, ("1.1",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([("CVSS_V2", "AV:N/AC:L/Au:N/C:P/I:P/A:P")], (Severity.HIGH, 7.5)),
        ([("CVSS_V3", "CVSS:3.0/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N")], (Severity.LOW, 1.8)),
        ([("CVSS_V4", "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N")], (Severity.CRITICAL, 9.3)),
        ([("CVSS_V3", "nonsense"), ("WORD", "MODERATE")], (Severity.MEDIUM, None)),
        ([("CVSS_V3", "nonsense")], (None, None)),
        ([], (None, None)),
    ],
)
def test_severity(pairs: list[tuple[str, str]], said: tuple[Severity | None, float | None]) -> None:
    assert severity.severity(pairs) == said


# records of strangers


@pytest.mark.parametrize(
    "bad",
    [
        None, [], "x", {}, {"id": 1}, {"id": "A-1"}, {"id": "A-1", "modified": "yesterday"},
        {"id": "\x1b[31m", "modified": NOW}, record("A-1", aliases="CVE"), record("A-1", aliases=[1]),
        {**record("A-1"), "affected": {}}, {**record("A-1"), "affected": [{}]}, record("A-1", versions=[1.0]),
        record("A-1", ranges=[{"type": "ECOSYSTEM", "events": [{"fixed": "1"}]}]),
        record("A-1", ranges=[{"type": "MAGIC", "events": []}]), record("A-1", severity=[{}]),
        record("A-1", events=[{"introduced": "0", "fixed": "1"}]), record("A-1", versions=["1"] * 20_001),
    ],
)  # fmt: skip
def test_a_malformed_record_says_what_is_wrong(bad: Any) -> None:
    with pytest.raises(Malformed):
        osv.read(bad)


@pytest.mark.parametrize(
    "text",
    [
        "a: &x 1\nb: *x",
        "a: !!python/object:os.system 1",
        "a: 1\na: 2",
        "? [a]\n: 1",
        "---\na\n---\nb",
        "a: [",
        "",
        "[" * 200,
    ],
)
def test_yaml_that_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(AssayError):
        osv.read(osv.parse_yaml(text))


def test_versions_of_yaml_stay_what_is_written() -> None:
    text = f"id: A-1\nmodified: {NOW}\naffected:\n- package: {{ecosystem: PyPI, name: demo}}\n  versions: [1.10, 2.0]\n"
    assert judged(osv.parse_yaml(text), "1.10") == "yes"
    assert judged(osv.parse_yaml(text), "1.1") == "no"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=8), x, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["id", "modified", "affected", "aliases", "severity", "database_specific", "summary", "withdrawn"]),
    _JSON,
)
def test_any_value_in_any_field_is_read_or_malformed(field: str, value: Any) -> None:
    document = {**record("A-1", events=FIXED, versions=["1.0"]), field: value}
    try:
        advisory = osv.read(document)
    except Malformed:
        return
    match(advisory, "PyPI", "demo", "1.5")
