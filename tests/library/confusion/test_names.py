"""Names that are taken for others, through the judge, the index and the command."""

import json
from pathlib import Path

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.errors import Malformed
from assaymark.core.finding import Severity
from assaymark.faces.cli import run
from assaymark.library.confusion import index as index_module
from assaymark.library.confusion import lists, spelling
from assaymark.library.confusion.index import Index, build
from assaymark.library.confusion.internal import Internal, Named
from assaymark.library.confusion.judge import judge

POPULAR = [
    "boto3", "requests", "numpy", "urllib3", "python-dateutil", "botocore", "scikit-learn", "torch", "pandas", "aiohttp",
    "colorama", "django", "tensorflow", "pymongo", "jellyfish", "python-nmap", "transformers", "setuptools", "smtplib2",
    "mypy-boto3-s3", "mypy-boto3-ec2", "mypy-boto3-iam", "mypy-boto3-sqs", "mypy-boto3-sns", "mypy-boto3-kms", "pytest-mpl",
    "flask", "flask-cors", "flask-core", "redis", "celery", "opencv-python", "huggingface-hub", "num", "numpyx",
]  # fmt: skip


@pytest.fixture(scope="module")
def index() -> Index:
    return Index(build(POPULAR))


@pytest.mark.parametrize(
    ("wrong", "code", "target"),
    [
        ("reqeusts", "typosquat", "requests"),  # swapped
        ("requsts", "typosquat", "requests"),  # dropped
        ("reqquests", "typosquat", "requests"),  # repeated
        ("rewuests", "typosquat", "requests"),  # a key beside
        ("tenserflow", "typosquat", "tensorflow"),  # vowel
        ("colourama", "typosquat", "colorama"),
        ("botoceor", "typosquat", "botocore"),  # two
        ("aiohtttps", "typosquat", "aiohttp"),
        ("reqest", "typosquat", "requests"),
        ("jeIlyfish", "homoglyph", "jellyfish"),
        ("c0lorama", "homoglyph", "colorama"),
        ("r\u0435quests", "homoglyph", "requests"),  # a Cyrillic e
        ("\uff4e\uff55\uff4d\uff50\uff59", "homoglyph", "numpy"),  # full width: NFKC
        ("setup-tools", "separators", "setuptools"),
        ("scikitlearn", "separators", "scikit-learn"),
        ("nmap-python", "order", "python-nmap"),
        ("python-mongo", "combosquat", "pymongo"),
        ("python3-dateutil", "combosquat", "python-dateutil"),
        ("requests-sdk", "combosquat", "requests"),
        ("libdjango", "combosquat", "django"),
        ("openvc", "combosquat", "opencv-python"),
    ],
)
def test_what_is_taken_for_another_is_flagged(index: Index, wrong: str, code: str, target: str) -> None:
    found = judge(wrong, index)
    assert found is not None
    assert (found.code, found.target, found.flagged) == (code, target, True)
    assert found.reason
    assert found.rank == POPULAR.index(target) + 1


@pytest.mark.parametrize(
    "name", ["black", "mypy-boto3-sts", "flask_cors", "Requests", "zope.interface", "x", "", "-", "numpyx"]
)
def test_what_is_no_squat_is_not_flagged(index: Index, name: str) -> None:
    found = judge(name, index)
    assert found is None or not found.flagged


def test_popularity_does_not_clear_what_looks_the_same_to_the_eye() -> None:
    found = judge("co1orama", Index(build([*POPULAR, "co1orama", "colourama"])))
    assert found is not None and found.flagged and found.target == "colorama"
    assert judge("colourama", Index(build([*POPULAR, "colourama"]))) is None


def test_advice_is_no_alarm(index: Index) -> None:
    common, invented = judge("requests-client", index), judge("mypy-boto3", index)
    assert common is not None and (common.code, common.severity) == ("combosquat", Severity.LOW)
    assert invented is not None and invented.code == "invented" if invented else True
    made = judge("flask-boto3", Index(build([*POPULAR, "boto3-a", "boto3-b"])))
    assert made is not None and (made.code, made.severity) == ("invented", Severity.INFO)


def test_an_internal_name_and_what_a_public_index_has(index: Index) -> None:
    own = Internal(["acme-core", "Acme_Tools", "corp-*", "flask"])
    assert own.has("acme.core") and own.has("corp-x") and own.has("ACME-tools") and not own.has("acme")
    codes = {one.code for one in own.judge(Named("flask"), index, public=None)}
    assert codes == {"internal-public"}
    assert own.judge(Named("acme-core"), index, public=None) == []
    fetched = own.judge(Named("acme-core", index="https://pypi.org/simple"), index, public=None)
    assert [one.severity for one in fetched] == [Severity.HIGH]
    assert own.judge(Named("acme-core", index="https://pypi.org.evil.example/simple"), index, public=None) == []
    assert [one.severity for one in own.judge(Named("corp-x"), index, public=False)] == [Severity.LOW]
    assert [one.severity for one in own.judge(Named("corp-x"), index, public=True)] == [Severity.HIGH]
    assert [one.code for one in own.judge(Named("corp-x", mixed=True), index, public=None)] == ["internal"]
    like = own.judge(Named("acme-croe"), index, public=None)
    assert [(one.code, one.target) for one in like] == [("internal-like", "acme-core")]


@given(st.text(max_size=120))
@settings(max_examples=100, deadline=None)
def test_any_text_is_judged(text: str) -> None:
    judge(text, _INDEX)
    Internal(["acme-core"]).judge(Named(text), _INDEX, public=None)


_INDEX = Index(build(POPULAR))


@given(st.text("abcd", min_size=1, max_size=9), st.text("abcd", min_size=1, max_size=9))
@settings(max_examples=100, deadline=None)
def test_the_index_finds_all_within_one_edit(one: str, other: str) -> None:
    if spelling.distance(one, other) <= 1:
        assert 0 in Index(build([other])).near(one)
    assert spelling.distance(one, other) == spelling.distance(other, one)


@pytest.mark.parametrize("cut", [0, 5, 50, 100, 1000, -1])
def test_an_index_that_was_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(Malformed):
        Index(build(["numpy"])[:cut])


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"# nothing\n", b"a b\n", b'{"rows": [{}]}', b"{", b'{"rows": 3}', b"x" * 200]
)
def test_what_is_no_list_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        lists.read(data, "list")


def test_lists_are_lines_or_the_usual_json(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lists.read(b"\xef\xbb\xbfnumpy # the first\r\n\r\npandas\n", "list") == ["numpy", "pandas"]
    rows = {"last_update": "x", "rows": [{"download_count": 1, "project": "numpy"}, {"project": "Flask"}]}
    assert lists.read(json.dumps(rows).encode(), "list") == ["numpy", "Flask"]
    monkeypatch.setattr(index_module, "MOST", 1)
    with pytest.raises(Malformed):
        build(["a", "b"])


def command(tmp_path: Path, *arguments: str) -> int:
    return run(["--home", str(tmp_path / "home"), "deps", "names", *arguments])


@pytest.fixture
def popular(tmp_path: Path) -> str:
    (tmp_path / "popular.txt").write_text("\n".join(POPULAR))
    return str(tmp_path / "popular.txt")


def test_the_command_reads_names_files_and_folders(
    tmp_path: Path, popular: str, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "requirements.txt").write_text(
        "--extra-index-url https://pip.acme.example/simple\nnumpy==1\nreqeusts==2\nacme-core==1\nr\u0435quests==1\n"
    )
    (project / "pyproject.toml").write_text('[project]\nname = "x"\ndependencies = ["pandsa>=1"]\n')
    (project / "poetry.lock").write_text("not toml [")
    code = command(
        tmp_path, str(project), "tenserflow", "--popular", popular, "--internal", "acme-core", "--format", "json"
    )
    document = json.loads(capsys.readouterr().out)
    assert code == 1
    schema = Path(__file__).parents[3] / "docs" / "schemas" / "names-report-v1.schema.json"
    assert jsonschema_rs.validator_for(json.loads(schema.read_text())).is_valid(document)
    flagged = {(one["name"], one["code"], one["line"]) for one in document["findings"] if one["flagged"]}
    assert flagged == {
        ("reqeusts", "typosquat", 3), ("acme-core", "internal", 4), ("r\u0435quests", "homoglyph", 5),
        ("pandsa", "typosquat", 3), ("tenserflow", "typosquat", 0),
    }  # fmt: skip
    assert [one["path"] for one in document["unread"]] == [str(project / "poetry.lock")]


def test_the_list_is_kept_and_without_one_it_holds(
    tmp_path: Path, popular: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(tmp_path, "numpy") == 3
    assert "HOLD" in capsys.readouterr().out
    assert command(tmp_path, "numpy", "--popular", popular) == 0
    assert command(tmp_path, "numpy") == 0
    assert command(tmp_path, "nunpy") == 1
    assert "write numpy" in capsys.readouterr().out
    for kept in (tmp_path / "home" / "names").glob("*.idx"):
        kept.write_bytes(kept.read_bytes()[:-3])
    assert command(tmp_path, "numpy") == 3  # what is kept was damaged: nothing is known
    assert command(tmp_path, "numpy", "--popular", popular) == 0
    assert command(tmp_path) == 2
