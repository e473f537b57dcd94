"""WHAT -> seeds: digests, purls, ranges, names and advisories."""

import pytest

from assaymark.bom import graph, selectors
from assaymark.bom import selectors_versions as versions
from assaymark.bom.selectors_versions import Unread, in_osv, in_range
from assaymark.core.errors import NotFound, UsageError
from assaymark.core.graph import Claims, Node, NodeKind
from tests.bom.graphs import day, library, numbers, opened

DATA, WEIGHTS, OTHER = ("a" * 64, "b" * 64, "d" * 64)
TORCH = ("1.13", "2.0.1", "2.5.1", "2.6.0rc1", "2.6", "odd one")
NODES = (
    *(library("torch", version) for version in TORCH if version != "odd one"),
    Node("pkg:pypi/torch@odd%20one", NodeKind.LIBRARY, "torch", "odd one", "pkg:pypi/torch@odd%20one"),
    Node("pkg:pypi/torch@2.5.1%2Bcu121", NodeKind.LIBRARY, "torch", "2.5.1+cu121", "pkg:pypi/torch@2.5.1%2Bcu121"),
    Node("pkg:pypi/torch", NodeKind.LIBRARY, "torch", "", "pkg:pypi/torch"),
    library("numpy", "1.26", f"sha256:{OTHER}", f"sha512:{OTHER * 2}"),
    Node("pkg:npm/%40scope/lib@1.2.3-beta", NodeKind.LIBRARY, "lib", "1.2.3-beta", "pkg:npm/%40scope/lib@1.2.3-beta"),
    Node("pkg:maven/org.x/y@1.0", NodeKind.LIBRARY, "y", "1.0", "pkg:maven/org.x/y@1.0"),
    Node("pkg:generic/thing@7", NodeKind.LIBRARY, "thing", "7", "pkg:generic/thing@7"),
    Node(
        f"sha256:{DATA}",
        NodeKind.DATA,
        "imdb",
        "",
        "pkg:huggingface/datasets/imdb@abc",
        ("data:imdb", "data:stanfordnlp/imdb"),
    ),
    Node(f"assaymark-manifest-v1:{WEIGHTS}", NodeKind.MODEL, "imdb", "", "", ("vision/net@1",)),
    Node("model:org/base", NodeKind.MODEL, "org/base"),
    Node("party:acme corp", NodeKind.PARTY, "Acme Corp"),
)


@pytest.fixture
def connection(database_url):
    database = opened(database_url)
    with database.write() as writing:
        graph.add(writing, Claims("sha256:1", NODES[0].key, NODES, (), day(1)))
    with database.read() as reading:
        yield reading
    database.close()


def found(connection, what, advisory=None):
    """Keys without the package's name, and of those that are unsure."""
    keys = {number: key.removeprefix("pkg:pypi/torch@") for key, number in numbers(connection).items()}
    selection = selectors.select(connection, what, advisory)
    assert list(selection.seeds) == sorted(set(selection.seeds))
    assert {one.node for one in selection.unsure} <= set(selection.seeds)
    unsure = {one.node for one in selection.unsure}
    return {keys[n] for n in selection.seeds if n not in unsure}, {keys[n] for n in unsure}


UNSURE = {"odd%20one", "pkg:pypi/torch"}


@pytest.mark.parametrize(
    ("what", "sure", "unsure"),
    [
        (DATA, {f"sha256:{DATA}"}, set()),
        (f"sha256:{DATA.upper()}", {f"sha256:{DATA}"}, set()),
        (WEIGHTS, {f"assaymark-manifest-v1:{WEIGHTS}"}, set()),
        (f"assaymark-manifest:{WEIGHTS}", {f"assaymark-manifest-v1:{WEIGHTS}"}, set()),
        (OTHER, {"pkg:pypi/numpy@1.26"}, set()),
        (f"sha512:{OTHER * 2}", {"pkg:pypi/numpy@1.26"}, set()),
        ("pkg:pypi/Torch@2.5.1", {"2.5.1"}, {"pkg:pypi/torch"}),
        ("pkg:pypi/torch", {"1.13", "2.0.1", "2.5.1", "2.5.1%2Bcu121", "2.6.0rc1", "2.6", *UNSURE}, set()),
        ("pkg:pypi/torch@<2.6", {"1.13", "2.0.1", "2.5.1", "2.5.1%2Bcu121", "2.6.0rc1"}, UNSURE),
        ("pkg:pypi/torch@>=2,<2.6", {"2.0.1", "2.5.1", "2.5.1%2Bcu121", "2.6.0rc1"}, UNSURE),
        ("pkg:pypi/torch@%3C2", {"1.13"}, UNSURE),
        ("pkg:pypi/torch@==2.*,!=2.5.1", {"2.0.1", "2.6.0rc1", "2.6"}, UNSURE),
        ("pkg:pypi/torch@~=2.5.1", {"2.5.1", "2.5.1%2Bcu121"}, UNSURE),
        ("pkg:pypi/torch@vers:pypi/>=2|!=2.0.1|<2.6", {"2.5.1", "2.5.1%2Bcu121", "2.6.0rc1"}, UNSURE),
        ("pkg:pypi/torch@vers:pypi/*", {"1.13", "2.0.1", "2.5.1", "2.5.1%2Bcu121", "2.6.0rc1", "2.6"}, UNSURE),
        ("pkg:npm/@scope/lib@<1.2.3", {"pkg:npm/%40scope/lib@1.2.3-beta"}, set()),
        ("pkg:npm/%40scope/lib@>=2", set(), set()),
        ("pkg:npm/@scope/lib", {"pkg:npm/%40scope/lib@1.2.3-beta"}, set()),
        ("pkg:generic/thing@<9", set(), {"pkg:generic/thing@7"}),
        ("vision/net@1", {f"assaymark-manifest-v1:{WEIGHTS}"}, set()),
        ("dataset:imdb", {f"sha256:{DATA}"}, set()),
        ("model:imdb", {f"assaymark-manifest-v1:{WEIGHTS}"}, set()),
        ("base:org/base", {"model:org/base"}, set()),
        ("org/base", {"model:org/base"}, set()),
        ("publisher:ACME  corp", {"party:acme corp"}, set()),
        ("acme corp", {"party:acme corp"}, set()),
        ("stanfordnlp/imdb", {f"sha256:{DATA}"}, set()),
        ("numpy", {"pkg:pypi/numpy@1.26"}, set()),
    ],
)
def test_what_is_meant(connection, what, sure, unsure):
    assert found(connection, what) == (sure, unsure)


@pytest.mark.parametrize(
    "what",
    [
        "c" * 64,
        "pkg:pypi/none",
        "pkg:pypi/none@1",
        "pkg:pypi/none@<1",
        "nothing",
        "publisher:nobody",
        "p/m@1",
        "CVE-2024-12345",
    ],
)
def test_what_is_not_there(connection, what):
    with pytest.raises(NotFound) as caught:
        selectors.select(connection, what)
    assert caught.value.step


@pytest.mark.parametrize(
    "what", ["", "x" * 4000, "a\0b", "pkg:", "pkg:pypi/torch@<<2", "pkg:pypi/torch@<not,>a", "vers:pypi/<2", "pkg:pypi/torch@vers:npm/<2",
             "dataset:", "pkg:pypi/torch@" + "<2," * 900, "pkg:npm/@scope/lib@>=x.y.z,<"]
)  # fmt: skip
def test_what_makes_no_sense(connection, what):
    with pytest.raises(UsageError):
        selectors.select(connection, what)


def test_an_ambiguous_name_lists_the_choices(connection):
    with pytest.raises(UsageError, match="data pkg:huggingface") as caught:
        selectors.select(connection, "imdb")
    assert "data:imdb" in caught.value.step or "model:imdb" in caught.value.step


def osv(*affected, **more):
    return {"id": "TEST-2026-1", "affected": list(affected), **more}


def entry(name, ecosystem="PyPI", versions=(), **events):
    ranges = [{"type": "ECOSYSTEM", "events": [{kind: value} for kind, value in events.items()]}] if events else []
    return {"package": {"ecosystem": ecosystem, "name": name}, "ranges": ranges, "versions": list(versions)}


@pytest.mark.parametrize(
    ("record", "sure", "unsure"),
    [
        (osv(entry("Torch", introduced="2.0", fixed="2.6")), {"2.0.1", "2.5.1", "2.5.1%2Bcu121", "2.6.0rc1"}, UNSURE),
        (osv(entry("torch", introduced="0", last_affected="2.0.1")), {"1.13", "2.0.1"}, UNSURE),
        (osv(entry("torch", versions=["1.13.0"])), {"1.13"}, {"pkg:pypi/torch"}),
        (osv(entry("@scope/lib", "npm", introduced="1.0.0", fixed="1.2.3")), {"pkg:npm/%40scope/lib@1.2.3-beta"}, set()),
        (osv(entry("org.x:y", "Maven", introduced="0", fixed="1.1")), {"pkg:maven/org.x/y@1.0"}, set()),
        (osv(entry("none", introduced="0"), entry("numpy", introduced="0")), {"pkg:pypi/numpy@1.26"}, set()),
        (osv({"package": {"purl": "pkg:pypi/numpy"}, "ranges": [{"type": "GIT", "events": []}]}), set(), {"pkg:pypi/numpy@1.26"}),
        (osv(entry("torch", introduced="0"), withdrawn="2026-01-01T00:00:00Z"), set(), set()),
        (osv("junk", {"package": 7}, {"package": {"ecosystem": "Nowhere", "name": "x"}}, entry("", introduced="0")), set(), set()),
        ({"id": 7, "affected": {}}, set(), set()),
    ],
)  # fmt: skip
def test_osv_records(connection, record, sure, unsure):
    assert found(connection, record) == (sure, unsure)


def test_an_advisory_by_its_id(connection):
    asked = []

    def known(name):
        asked.append(name)
        return osv(entry("numpy", introduced="0"))

    for name in ("CVE-2024-12345", "GHSA-abcd-efgh-1234", "PYSEC-2024-12", "MAL-2026-99"):
        assert found(connection, name, known) == ({"pkg:pypi/numpy@1.26"}, set())
    assert len(asked) == 4


def test_several_stretches_of_an_osv_range():
    events = [
        {"introduced": "0"},
        {"fixed": "1.2"},
        {"introduced": "2.0"},
        {"last_affected": "2.3"},
        {"introduced": "3.0b1"},
    ]
    test = in_osv("pypi", {"ranges": [{"type": "ECOSYSTEM", "events": events[::-1]}]})
    assert [test(v) for v in ("0.1", "1.1.9", "1.2", "1.9", "2.0", "2.3", "2.3.post1", "3.0b1", "9")] == [
        True, True, False, False, True, True, False, True, True,
    ]  # fmt: skip


def test_a_pre_release_below_the_bound_is_in_the_range():
    assert in_range("pypi", "<2.6")("2.6rc1")
    assert in_range("pypi", "<2.6")("2.6.dev1+local")
    assert not in_range("pypi", ">=2.6")("2.6rc1")
    assert in_range("npm", "<1.0.0")("1.0.0-rc.1")


@pytest.mark.parametrize(("text", "inside", "outside"), [
    (">=1|<2|>=3|<4", ["1", "1.9", "3"], ["0.9", "2", "2.5", "4"]),
    ("<2|>=3", ["1", "3", "9"], ["2", "2.9"]),
    ("1.5|2.5", ["1.5", "2.5.0"], ["1.6"]),
    ("!=1.5", ["1.4", "2"], ["1.5"]),
    (">1|<=2", ["1.1", "2"], ["1", "2.1"]),
])  # fmt: skip
def test_vers(text, inside, outside):
    test = in_range("pypi", f"vers:pypi/{text}")
    assert [test(v) for v in inside] == [True] * len(inside)
    assert [test(v) for v in outside] == [False] * len(outside)


def test_versions_nobody_can_read():
    for scheme, version in (("pypi", "odd one"), ("npm", "latest"), ("generic", "1"), ("maven", "")):
        try:
            versions.order(scheme)(version)
        except Unread:
            continue
        assert scheme == "maven"  # reads anything
