"""Settings of package tools: sources, switched-off verification, credentials."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.scan import FileReport
from tests.conftest import ids, look_at, severe


def hits(report: FileReport, rule: str) -> list[tuple[int | None, str]]:
    return [(f.where.line, f.where.symbol) for f in report.findings if f.id == rule]


def test_lib003_bad_pip_conf() -> None:
    report = look_at(
        b"[global]\nextra-index-url =\n  https://a.example/simple\n  https://b.example/simple\n", "pip.conf"
    )
    assert hits(report, "LIB003") == [(3, "https://a.example/simple"), (4, "https://b.example/simple")]


UV = '[tool.uv]\nindex-strategy = "{strategy}"\n[[tool.uv.index]]\nname = "p"\nurl = "https://p.example/simple"\n{more}\n'


def test_lib003_bad_uv_mixes() -> None:
    report = look_at(UV.format(strategy="unsafe-best-match", more="").encode(), "pyproject.toml")
    assert hits(report, "LIB003") == [(5, "https://p.example/simple")]


def test_lib003_good_uv_asks_in_order() -> None:
    for strategy, more in (
        ("first-index", ""),
        ("unsafe-best-match", "explicit = true"),
        ("unsafe-best-match", "default = true"),
    ):
        assert ids(look_at(UV.format(strategy=strategy, more=more).encode(), "pyproject.toml")) == set()


def test_lib003_bad_poetry_pdm_pipenv() -> None:
    poetry = b'[[tool.poetry.source]]\nname="PyPI"\npriority="primary"\n[[tool.poetry.source]]\nname="x"\nurl="https://x.example"\n'
    assert hits(look_at(poetry, "pyproject.toml"), "LIB003") == [(6, "https://x.example")]
    assert "LIB003" in ids(look_at(b'[[tool.pdm.source]]\nname="x"\nurl="https://x.example"\n', "pyproject.toml"))
    pipfile = b'[pipenv]\ninstall_search_all_sources = true\n[[source]]\nurl="https://pypi.org/simple"\n[[source]]\nurl="https://x.example"\n'
    assert hits(look_at(pipfile, "Pipfile"), "LIB003") == [(6, "https://x.example")]


def test_lib003_good_bound_sources() -> None:
    poetry = b'[[tool.poetry.source]]\nname="x"\nurl="https://x.example"\npriority="explicit"\n'
    pipfile = b'[[source]]\nurl="https://pypi.org/simple"\n[[source]]\nurl="https://x.example"\n'
    pdm = b'[[tool.pdm.source]]\nname="pypi"\nurl="https://mirror.example"\n'
    assert (
        ids(look_at(poetry, "pyproject.toml")) | ids(look_at(pipfile, "Pipfile")) | ids(look_at(pdm, "pyproject.toml"))
        == set()
    )


@pytest.mark.parametrize(
    ("name", "data", "line"),
    [
        ("pip.conf", b"[global]\nindex-url: http://x.example/simple\n", 2),
        ("pip.ini", b"[install]\n; comment\ntrusted_host = x.example\n", 3),
        (".npmrc", b"registry=http://npm.example/\n", 1),
        (".npmrc", b"a=b\nstrict-ssl = false\n", 2),
        (".npmrc", b"@corp:registry=http://npm.example/\n", 1),
        ("uv.toml", b'[[index]]\nurl = "http://x.example/simple"\n', 2),
        ("uv.toml", b'allow-insecure-host = ["x.example"]\n', 1),
        ("pyproject.toml", b'[tool.uv.pip]\nextra-index-url = ["http://x.example/simple"]\n', 2),
        ("Pipfile", b'[[source]]\nurl = "https://x.example/simple"\nverify_ssl = false\n', 2),
        ("pyproject.toml", b'[[tool.pdm.source]]\nname="pypi"\nurl = "https://x.example"\nverify_ssl = false\n', 3),
    ],
)
def test_lib004_bad_settings(name: str, data: bytes, line: int) -> None:
    assert [place for place, _ in hits(look_at(data, name), "LIB004")] == [line]


def test_lib004_good_settings() -> None:
    assert (
        severe(look_at(b"[global]\nindex-url = https://x.example/simple\ntrusted-host = localhost\n", "pip.conf")) == []
    )
    assert severe(look_at(b"registry=https://registry.npmjs.org/\nstrict-ssl=true\nfund=false\n", ".npmrc")) == []


def test_lib014_bad_settings() -> None:
    token = "npm_" + "x1Y2z3A4b5" * 3 + "c6D7e8"
    report = look_at(f"//registry.npmjs.org/:_authToken={token}\n".encode(), ".npmrc")
    assert hits(report, "LIB014") == [(1, "token npm_…")]
    assert token not in repr(report)
    pypirc = look_at(b"[pypi]\nusername = bob\npassword = pa55w0rdX\n", ".pypirc")
    assert hits(pypirc, "LIB014") == [(3, "password pa5…")]
    assert "pa55w0rdX" not in repr(pypirc)
    assert "LIB014" in ids(look_at(b'[[index]]\nurl = "https://bob:pa55w0rdX@x.example"\n', "uv.toml"))


def test_lib014_good_settings() -> None:
    assert severe(look_at(b"//registry.npmjs.org/:_authToken=${NPM_TOKEN}\nalways-auth=true\n", ".npmrc")) == []
    assert severe(look_at(b"[pypi]\nusername = __token__\npassword = <token>\n", ".pypirc")) == []


def test_own_pyproject_is_clean() -> None:
    with open("pyproject.toml", "rb") as file:
        assert ids(look_at(file.read(), "pyproject.toml")) == set()


@pytest.mark.parametrize(
    "data", [b"[tool", b"a = 1\na = 2", b"a = " + b"[" * 5_000, b"a = " + b"9" * 5_000, b"\xff", b"a." * 200_000]
)
def test_no_toml_is_malformed(data: bytes) -> None:
    assert "CHK002" in ids(look_at(data, "pyproject.toml"))


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([".npmrc", "pip.conf", "uv.toml", "pyproject.toml", "Pipfile"]),
    st.lists(st.sampled_from(["[[index]]", "url", "=", "1", '"http://x"', "\n", "[tool.uv]", "[", "]", "index-url", " ", ":", "#"]), max_size=25),
)  # fmt: skip
def test_any_text_gives_a_report(name: str, parts: list[str]) -> None:
    assert "CHK001" not in ids(look_at("".join(parts).encode(), name))


WRONG_TYPES = b"""[tool]
uv = { index = [1, "x", {url = 5}], pip = [], sources = 3, index-strategy = [], allow-insecure-host = [1] }
poetry = { source = {}, dependencies = [], group = { a = 1 } }
pdm = { source = [{url = [], name = {}}], resolution = 4 }
[project]
name = 5
dependencies = "x"
optional-dependencies = [1]
"""


def test_more_sources_than_anybody_has() -> None:
    assert "CHK003" in ids(look_at(b'[[index]]\nurl="https://x.example"\n' * 2_000, "uv.toml"))


def test_wrong_types_are_no_crash() -> None:
    assert "CHK001" not in ids(look_at(WRONG_TYPES, "pyproject.toml"))
    assert all("CHK001" not in ids(r) for r in look_at_folder_of(WRONG_TYPES).values())


def look_at_folder_of(data: bytes) -> dict[str, FileReport]:
    from tests.conftest import look_at_folder

    return look_at_folder({"pyproject.toml": data, "uv.lock": b"version = 1\n"})
