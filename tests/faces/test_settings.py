"""Where settings come from, and what is refused in them."""

from datetime import date
from pathlib import Path

import pytest

from assaymark.core.errors import UsageError
from assaymark.settings import Settings, home, load

TODAY = date(2026, 11, 24)


def write(place: Path, text: str) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    return place


def loaded(start: Path) -> Settings:
    return load(None, start=str(start), today=TODAY)


def test_the_nearest_settings_count(tmp_path: Path) -> None:
    write(tmp_path / "assaymark.toml", 'fail_on = "low"')
    write(tmp_path / "sub" / "pyproject.toml", '[tool.assaymark]\nfail_on = "medium"')
    (tmp_path / "sub" / "deep").mkdir()
    assert loaded(tmp_path).fail_on == "low"
    assert loaded(tmp_path / "sub" / "deep").fail_on == "medium"
    assert loaded(tmp_path / "sub" / "deep").source == str(tmp_path / "sub" / "pyproject.toml")


def test_our_own_file_comes_before_the_project_file(tmp_path: Path) -> None:
    write(tmp_path / "assaymark.toml", 'fail_on = "low"')
    write(tmp_path / "pyproject.toml", '[tool.assaymark]\nfail_on = "medium"')
    assert loaded(tmp_path).fail_on == "low"


@pytest.mark.parametrize(
    "text", ["", "[tool]\n", "tool = 5\n", "[tool.other]\nx = 1\n", "not toml [", "[[tool]]\nx = 1\n"]
)
def test_a_project_file_of_others_is_passed_over(tmp_path: Path, text: str) -> None:
    write(tmp_path / "assaymark.toml", 'persona = "auditor"')
    write(tmp_path / "sub" / "pyproject.toml", text)
    assert loaded(tmp_path / "sub").persona == "auditor"


def test_a_project_file_that_the_user_names_must_speak_of_us(tmp_path: Path) -> None:
    for text in ("[tool]\n", "not toml ["):
        path = write(tmp_path / "pyproject.toml", text)
        with pytest.raises(UsageError, match=r"has no table \[tool.assaymark\]"):
            load(str(path), start=".", today=TODAY)


def test_the_search_ends_at_the_top_of_the_repository(tmp_path: Path) -> None:
    write(tmp_path / "assaymark.toml", 'fail_on = "low"')
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "repo" / "src").mkdir()
    assert loaded(tmp_path / "repo" / "src") == Settings()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("not toml [", "is not TOML"),
        ('colour = "red"', "known settings are allow, exclude, fail_on, ignore, persona"),
        ("fail_on = 3", "'fail_on' is a text"),
        ("persona = []", "'persona' is a text"),
        ('exclude = "x"', "'exclude' is a list of path patterns"),
        ("exclude = [1]", "'exclude' is a list of path patterns"),
        ('ignore = "x"', "'ignore' is not a list of tables"),
        ("[[ignore]]\nid = 'X'", "ignore 1: needs a reason and an owner"),
    ],
)
def test_settings_of_ours_that_are_wrong_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = write(tmp_path / "assaymark.toml", text)
    for given in (None, str(path)):
        with pytest.raises(UsageError, match=problem) as caught:
            load(given, start=str(tmp_path), today=TODAY)
        assert str(path) in caught.value.message


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "assaymark.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="is not TOML"):
        loaded(tmp_path)


def test_a_table_of_another_kind_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", "[tool]\nassaymark = 5\n")
    with pytest.raises(UsageError, match="known settings are"):
        loaded(tmp_path)


def test_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/h")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    assert home() == "/h/.local/share/assaymark"
    monkeypatch.setenv("XDG_DATA_HOME", "/x")
    assert home() == "/x/assaymark"
    monkeypatch.setenv("ASSAY_HOME", "/a")
    assert (home(), home("/given")) == ("/a", "/given")


def test_an_allow_policy_and_its_keys_stand_beside_the_file(tmp_path: Path) -> None:
    write(tmp_path / "assaymark.toml", '[allow]\npolicy = "allow.dsse"\nkeys = ["release", "keys/other.pub"]')
    found = loaded(tmp_path)
    assert found.allow == str(tmp_path / "allow.dsse")
    assert found.allow_keys == ("release", str(tmp_path / "keys" / "other.pub"))


@pytest.mark.parametrize(
    "text", ["allow = 5", "[allow]", '[allow]\npolicy = 5\nkeys = ["a"]', '[allow]\npolicy = "a"', '[allow]\npolicy = "a"\nkeys = [5]',
             '[allow]\npolicy = "a"\nkeys = ["b"]\nother = 1'],
)  # fmt: skip
def test_an_allow_table_that_makes_no_sense_is_refused(tmp_path: Path, text: str) -> None:
    write(tmp_path / "assaymark.toml", text)
    with pytest.raises(UsageError, match="allow"):
        loaded(tmp_path)
