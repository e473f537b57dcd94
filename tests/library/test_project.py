"""Manifests beside their locks."""

import json

import pytest

from assaymark.core.scan import FileReport
from assaymark.library.manifest import poetry_versions
from assaymark.library.semver import satisfies
from tests.conftest import ids, look_at_folder
from tests.library.test_lock import LOCKS, NPM, PDM, PIPFILE, POETRY, UV

PROJECT = '[project]\nname = "own"\ndependencies = [\n  "numpy>=1.26",\n  "{more}",\n]\n'


def hits(report: FileReport, rule: str) -> list[tuple[int | None, str, str]]:
    return [(f.where.line, f.where.symbol, f.message) for f in report.findings if f.id == rule]


def look_at_pair(manifest: str, lock: str, text: str, name: str = "pyproject.toml") -> FileReport:
    return look_at_folder({name: manifest.encode(), lock: text.encode()})[name]


@pytest.mark.parametrize("lock", ["uv.lock", "poetry.lock", "pdm.lock", "pylock.toml"])
def test_lib010_bad_missing(lock: str) -> None:
    report = look_at_pair(PROJECT.format(more="scipy"), lock, LOCKS[lock])
    ((line, name, message),) = hits(report, "LIB010")
    assert (line, name) == (5, "scipy")
    assert "run `" in message


@pytest.mark.parametrize("lock", ["uv.lock", "poetry.lock", "pdm.lock", "pylock.toml"])
def test_lib010_bad_outside(lock: str) -> None:
    report = look_at_pair(PROJECT.format(more="NumPy<1.20"), lock, LOCKS[lock])
    assert [(line, name) for line, name, _ in hits(report, "LIB010")] == [(5, "numpy")]


@pytest.mark.parametrize("lock", ["uv.lock", "poetry.lock", "pdm.lock", "pylock.toml"])
@pytest.mark.parametrize(
    "more",
    [
        "scipy; python_version<'3'",
        "own[extra]",
        "clip @ git+https://x.example/c.git",
        "numpy",
        "numpy==1.26.*",
        "not valid !",
    ],
)
def test_lib010_good_satisfied(lock: str, more: str) -> None:
    assert ids(look_at_pair(PROJECT.format(more=more), lock, LOCKS[lock])) == set()


def test_lib010_good_told_to_differ() -> None:
    for told in (
        'override-dependencies = ["numpy<2"]',
        '[tool.uv.sources]\nnumpy = {url = "x"}',
        'exclude-dependencies = ["scipy"]',
    ):
        more = "scipy" if "exclude" in told else "numpy<1.20"
        text = PROJECT.format(more=more) + ("" if told.startswith("[") else "[tool.uv]\n") + told
        assert ids(look_at_pair(text, "uv.lock", UV)) == set(), told


def test_lib010_bad_groups_and_extras() -> None:
    groups = PROJECT.format(more="numpy") + '[dependency-groups]\ndev = ["pytest", {include-group = "x"}]\n'
    assert [name for _, name, _ in hits(look_at_pair(groups, "uv.lock", UV), "LIB010")] == ["pytest"]
    assert ids(look_at_pair(groups, "pdm.lock", PDM)) == set()
    wanted = PDM.replace('["default"]', '["default", "dev"]')
    assert [name for _, name, _ in hits(look_at_pair(groups, "pdm.lock", wanted), "LIB010")] == ["pytest"]


POETRY_PROJECT = '[tool.poetry]\nname = "own"\n[tool.poetry.dependencies]\npython = "^3.11"\n{line}\n'


def test_lib010_bad_poetry() -> None:
    for line in ('numpy = "^2"', 'numpy = {version = "~1.25", extras = ["x"]}', 'scipy = "*"'):
        report = look_at_pair(POETRY_PROJECT.format(line=line), "poetry.lock", POETRY)
        assert [place for place, _, _ in hits(report, "LIB010")] == [5], line


def test_lib010_good_poetry() -> None:
    for line in (
        'numpy = "^1.26"', 'scipy = {version = "*", markers = "python_version<\'3\'"}', 'numpy = {git = "x"}',
        'numpy = "<1 || >1"', 'numpy = [{version = "^2", python = ">=3.13"}]', 'numpy = "1.26.4"',
    ):  # fmt: skip
        assert ids(look_at_pair(POETRY_PROJECT.format(line=line), "poetry.lock", POETRY)) == set(), line


def test_lib010_pipenv() -> None:
    bad = look_at_pair('[packages]\nnumpy = ">=2"\n[dev-packages]\npytest = "*"\n', "Pipfile.lock", PIPFILE, "Pipfile")
    assert [(line, name) for line, name, _ in hits(bad, "LIB010")] == [(2, "numpy"), (4, "pytest")]
    assert (
        ids(look_at_pair('[packages]\nnumpy = "*"\nclip = {git = "x"}\n', "Pipfile.lock", PIPFILE, "Pipfile")) == set()
    )


def test_lib010_npm() -> None:
    def package(**dependencies: str) -> str:
        return json.dumps({"name": "own", "dependencies": dependencies}, indent=1)

    bad = look_at_pair(package(**{"left-pad": "^2.0.0", "other": "1.x"}), "package-lock.json", NPM, "package.json")
    assert [(line, name) for line, name, _ in hits(bad, "LIB010")] == [(4, "left-pad"), (5, "other")]
    good = package(
        **{"left-pad": "^1.2.0 || 3", "@types/node": ">=18", "linked": "file:packages/linked", "git": "github:x/y"}
    )
    assert ids(look_at_pair(good, "package-lock.json", NPM, "package.json")) == set()


def test_lib010_compiled_requirements() -> None:
    def reports(wanted: bytes, pins: bytes) -> FileReport | None:
        return look_at_folder({"requirements.in": wanted, "requirements.txt": pins}).get("requirements.in")

    bad = reports(b"numpy>=2\nscipy\nsetuptools\n", b"numpy==1.26.4\n")
    assert bad is not None
    assert [(line, name) for line, name, _ in hits(bad, "LIB010")] == [(1, "numpy"), (2, "scipy")]
    good = reports(b"numpy>=1\n-e .\nx ; python_version<'3'\n", b"numpy==1.26.4\n")
    assert good is not None
    assert ids(good) == set()


def test_uv_workspace_members_are_compared_with_the_lock_of_the_root() -> None:
    member = UV.replace('editable = "."', 'editable = "packages/own"')
    files = {"pyproject.toml": b'[tool.uv.workspace]\nmembers = ["packages/*"]\n', "uv.lock": member.encode()}
    bad = look_at_folder(files | {"packages/own/pyproject.toml": PROJECT.format(more="scipy").encode()})
    assert [name for _, name, _ in hits(bad["packages/own/pyproject.toml"], "LIB010")] == ["scipy"]
    good = look_at_folder(files | {"packages/own/pyproject.toml": PROJECT.format(more="numpy").encode()})
    assert ids(good["packages/own/pyproject.toml"]) == set()


def test_lib013_bad_no_lock() -> None:
    for name, text in {
        "pyproject.toml": PROJECT.format(more="scipy"), "Pipfile": '[packages]\nx = "*"\n', "package.json": '{"dependencies": {"x": "1"}}'
    }.items():  # fmt: skip
        assert ids(look_at_folder({name: text.encode()})[name]) == {"LIB013"}


def test_lib013_good_locked_or_nothing_to_lock() -> None:
    wanted = PROJECT.format(more="numpy").encode()
    for other in ("conda-lock.yml", "pixi.lock", "requirements.txt", "pylock.dev.toml"):
        assert not any(
            r.findings for r in look_at_folder({"pyproject.toml": wanted, other: b""}).values() if "LIB013" in ids(r)
        ), other
    assert not look_at_folder({"pyproject.toml": b'[project]\nname = "x"\n'})
    assert not look_at_folder({"node_modules/x/package.json": b'{"dependencies": {"x": "1"}}'})
    assert not look_at_folder({"a/package.json": b'{"dependencies": {"x": "1"}}', "yarn.lock": b""})


def test_broken_documents_do_not_stop_the_rest() -> None:
    reports = look_at_folder(
        {
            "a/pyproject.toml": b"[", "b/package.json": b"{{ x }}", "c/pyproject.toml": PROJECT.format(more="scipy").encode(),
            "c/uv.lock": UV.encode(), "d/Pipfile": b"\xff", "e/pyproject.toml": PROJECT.format(more="x").encode(), "e/uv.lock": b"[",
        }
    )  # fmt: skip
    assert [name for _, name, _ in hits(reports["c/pyproject.toml"], "LIB010")] == ["scipy"]
    assert not any("CHK001" in ids(report) for report in reports.values())


@pytest.mark.parametrize(
    ("spelled", "meant"),
    [
        ("^1.2.3", ">=1.2.3,<2"), ("^0.2.3", ">=0.2.3,<0.3"), ("^0.0.3", ">=0.0.3,<0.0.4"), ("^0", ">=0,<1"), ("^0.0", ">=0.0,<0.1"),
        ("~1.2.3", ">=1.2.3,<1.3"), ("~1", ">=1,<2"), ("*", ""), ("1.2", "==1.2"), (">= 1, < 2", ">=1,<2"), (">=1 <2", ">=1,<2"),
        ("<1 || >2", None), ("latest", None), ("1.2.*", "==1.2.*"),
    ],
)  # fmt: skip
def test_poetry_versions(spelled: str, meant: str | None) -> None:
    assert poetry_versions(spelled) == meant


@pytest.mark.parametrize(
    ("version", "allowed", "answer"),
    [
        ("1.2.3", "^1.0.0", True), ("2.0.0", "^1.0.0", False), ("0.2.5", "^0.2.3", True), ("0.3.0", "^0.2.3", False),
        ("0.0.4", "^0.0.3", False), ("1.2.9", "~1.2.3", True), ("1.3.0", "~1.2.3", False), ("1.9.0", "~1", True), ("1.2.3", "1.x", True),
        ("2.0.0", "1.x", False), ("1.5.0", "1.2.0 - 1.6", True), ("1.7.0", "1.2.0 - 1.6", False), ("3.0.0", "<2 || >=3", True),
        ("1.2.3", "*", True), ("1.2.3", "", True), ("1.2.3", "latest", None), ("1.2.3-rc.1", "^1", None), ("1.2.3", ">=1.2.3 <1.3", True),
        ("2.0.0", "> 1.9", True), ("1.9.9", ">1.9", False), ("1.2.3", "1.2.3", True), ("1.2.4", "=1.2.3", False),
    ],
)  # fmt: skip
def test_semver(version: str, allowed: str, answer: bool | None) -> None:
    assert satisfies(version, allowed) is answer


def test_a_lock_with_countless_versions_is_not_compared_one_by_one() -> None:
    wanted = ", ".join(f'"a=={n}"' for n in range(20_000))
    project = f'[project]\nname = "p"\nversion = "1"\ndependencies = [{wanted}]\n'
    entry = '[[package]]\nname = "a"\nversion = "{}"\nsource = {{ registry = "https://pypi.org/simple" }}\n'
    lock = "version = 1\n" + "".join(entry.format(n) for n in range(100_000, 120_000))
    assert not look_at_pair(project, "uv.lock", lock).findings
