"""Lock files: hashes, commits, addresses; and what is cut, mistyped or hostile."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.scan import FileReport
from assaymark.library.lock import read
from tests.conftest import ids, look_at, severe

SHA = "sha256:" + "0123456789abcdef" * 4
COMMIT = "a9b1bf5920416aaeaec965c25dd9e8f98c864f16"
FILE = f'{{ url = "https://files.pythonhosted.org/packages/ab/numpy-1.26.4-cp311-linux.whl", hash = "{SHA}" }}'

UV = f"""version = 1
requires-python = ">=3.11"

[[package]]
name = "numpy"
version = "1.26.4"
source = {{ registry = "https://pypi.org/simple" }}
wheels = [
    {FILE},
]

[[package]]
name = "clip"
version = "1.0"
source = {{ git = "https://github.com/openai/CLIP.git?rev=main#{COMMIT}" }}

[[package]]
name = "own"
version = "0.1"
source = {{ editable = "." }}
"""
POETRY = f"""[[package]]
name = "NumPy"
version = "1.26.4"
files = [{{file = "numpy-1.26.4-cp311-linux.whl", hash = "{SHA}"}}]

[[package]]
name = "clip"
version = "1.0"
files = []
[package.source]
type = "git"
url = "https://github.com/openai/CLIP.git"
reference = "main"
resolved_reference = "{COMMIT}"

[metadata]
lock-version = "2.1"
content-hash = "x"
"""
PDM = f"""[metadata]
groups = ["default"]
lock_version = "4.5.0"

[[package]]
name = "numpy"
version = "1.26.4"
files = [{{file = "numpy-1.26.4-cp311-linux.whl", hash = "{SHA}"}}]

[[package]]
name = "clip"
version = "1.0"
git = "https://github.com/openai/CLIP.git"
revision = "{COMMIT}"
"""
PYLOCK = f"""lock-version = "1.0"
created-by = "pip"

[[packages]]
name = "numpy"
version = "1.26.4"
wheels = [{{name = "numpy-1.26.4-cp311-linux.whl", url = "https://x.example/numpy-1.26.4-cp311-linux.whl", hashes = {{sha256 = "{SHA[7:]}"}}}}]

[[packages]]
name = "clip"
vcs = {{type = "git", url = "https://github.com/openai/CLIP.git", commit-id = "{COMMIT}"}}
"""
PIPFILE = json.dumps(
    {
        "_meta": {"sources": [{"name": "pypi", "url": "https://pypi.org/simple", "verify_ssl": True}]},
        "default": {
            "numpy": {"hashes": [SHA], "version": "==1.26.4"},
            "clip": {"git": "https://x.example/c", "ref": COMMIT},
        },
        "develop": {},
    },
    indent=1,
)
NPM = json.dumps(
    {
        "name": "own",
        "lockfileVersion": 3,
        "packages": {
            "": {"name": "own", "dependencies": {"left-pad": "^1.3.0"}},
            "node_modules/left-pad": {
                "version": "1.3.0",
                "resolved": "https://registry.npmjs.org/left-pad/-/left-pad-1.3.0.tgz",
                "integrity": "sha512-x",
            },
            "node_modules/@types/node": {
                "version": "20.0.0",
                "resolved": "https://registry.npmjs.org/@types/node/-/node-20.0.0.tgz",
                "integrity": "sha512-x",
            },
            "node_modules/linked": {"resolved": "packages/linked", "link": True},
            "node_modules/git": {"version": "1.0.0", "resolved": f"git+ssh://git@github.com/x/y.git#{COMMIT}"},
        },
    },
    indent=1,
)
LOCKS = {
    "uv.lock": UV, "poetry.lock": POETRY, "pdm.lock": PDM, "pylock.toml": PYLOCK, "Pipfile.lock": PIPFILE,
    "package-lock.json": NPM,
}  # fmt: skip


def hits(report: FileReport, rule: str) -> list[tuple[int | None, str]]:
    return [(f.where.line, f.where.symbol) for f in report.findings if f.id == rule]


@pytest.mark.parametrize("name", LOCKS)
def test_lib011_good_locks(name: str) -> None:
    assert ids(look_at(LOCKS[name].encode(), name)) == set()


def test_lib012_good_full_commit_and_loopback() -> None:
    local = UV.replace("https://pypi.org", "http://localhost:3141").replace(f', hash = "{SHA}"', "")
    assert "LIB012" not in ids(look_at(local.encode(), "uv.lock"))
    assert "LIB012" not in ids(look_at(UV.replace(COMMIT, COMMIT.upper()).encode(), "uv.lock"))


def test_own_lock_is_clean() -> None:
    with open("uv.lock", "rb") as file:
        assert ids(look_at(file.read(), "uv.lock")) == set()


@pytest.mark.parametrize(
    ("name", "old", "new", "line"),
    [
        ("uv.lock", f', hash = "{SHA}"', "", 4),
        ("poetry.lock", SHA, "md5:0123", 1),
        ("pdm.lock", f', hash = "{SHA}"', "", 5),
        ("pylock.toml", "sha256", "md5", 4),
        ("Pipfile.lock", SHA, "md5:1", 12),
        ("package-lock.json", '"integrity": "sha512-x"', '"dev": true', 11),
    ],
)
def test_lib011_bad_no_hash(name: str, old: str, new: str, line: int) -> None:
    report = look_at(LOCKS[name].replace(old, new, 1).encode(), name)
    assert hits(report, "LIB011") == [(line, "hashes")]


@pytest.mark.parametrize("name", [name for name in LOCKS if name != "package-lock.json"])
def test_lib012_bad_no_commit(name: str) -> None:
    report = look_at(LOCKS[name].replace(COMMIT, "main").encode(), name)
    assert [symbol for _, symbol in hits(report, "LIB012")] == ["clip"]


def test_lib012_bad_npm_and_plain() -> None:
    assert "LIB012" in ids(look_at(NPM.replace(COMMIT, "main").encode(), "package-lock.json"))
    plain = UV.replace("https://pypi.org", "http://pypi.example").replace(f', hash = "{SHA}"', "")
    assert [symbol for _, symbol in hits(look_at(plain.encode(), "uv.lock"), "LIB012")] == ["numpy"]


def test_lib016_bad_file_of_another_package() -> None:
    report = look_at(UV.replace("numpy-1.26.4-cp311", "nunpy-1.26.4-cp311").encode(), "uv.lock")
    assert hits(report, "LIB016") == [(4, "numpy")]
    npm = NPM.replace("/left-pad/-/left-pad-1.3.0.tgz", "/left-pda/-/left-pda-1.3.0.tgz")
    assert [symbol for _, symbol in hits(look_at(npm.encode(), "package-lock.json"), "LIB016")] == ["left-pad"]


def test_lib016_bad_file_from_elsewhere() -> None:
    for host in ("evil.example", "pythonhosted.org.evil.example", "evilpythonhosted.org"):
        report = look_at(UV.replace("files.pythonhosted.org", host).encode(), "uv.lock")
        assert hits(report, "LIB016") == [(4, "numpy")], host


def test_lib016_good_spellings() -> None:
    """File names as PyPI has them: any case, any separator, legacy source archives."""
    for package, file in (
        ("python-dateutil", "python_dateutil-2.9.0-py2.py3-none-any.whl"), ("pyyaml", "PyYAML-6.0.tar.gz"),
        ("zope-interface", "zope.interface-5.0.zip"), ("torch", "torch-2.1.0%2Bcpu-cp311-linux.whl"), ("h5py", "h5py-3.1.tar.gz"),
    ):  # fmt: skip
        text = UV.replace('name = "numpy"', f'name = "{package}"').replace("numpy-1.26.4-cp311-linux.whl", file)
        assert ids(look_at(text.encode(), "uv.lock")) == set(), file


def test_npm_version_1_nested_and_aliased() -> None:
    entry = {"version": "1.0.0", "resolved": "https://registry.npmjs.org/a/-/a-1.0.0.tgz", "integrity": "sha1-x"}
    alias = {"version": "npm:b@2.0.0", "resolved": "https://registry.npmjs.org/b/-/b-2.0.0.tgz", "integrity": "sha1-x"}
    bare = {"version": "3.0.0"}
    lock = {"lockfileVersion": 1, "dependencies": {"a": {**entry, "dependencies": {"c": bare}}, "alias": alias}}
    report = look_at(json.dumps(lock, indent=1).encode(), "package-lock.json")
    assert ids(report) == {"LIB011"}
    assert "1 of 3 packages have no hash: c" in report.findings[0].message


def test_old_poetry_locks_keep_hashes_apart() -> None:
    old = POETRY.replace(f'files = [{{file = "numpy-1.26.4-cp311-linux.whl", hash = "{SHA}"}}]\n', "")
    files = f'[metadata.files]\nNumPy = [{{file = "numpy-1.26.4-cp311-linux.whl", hash = "{SHA}"}}]\n'
    assert ids(look_at((old + files).encode(), "poetry.lock")) == set()
    assert ids(look_at((old + f'[metadata.hashes]\nNumPy = ["{SHA[7:]}"]\n').encode(), "poetry.lock")) == set()


def test_lib004_bad_pipfile_lock_does_not_verify() -> None:
    report = look_at(PIPFILE.replace("true", "false").encode(), "Pipfile.lock")
    assert "LIB004" in ids(report)


@pytest.mark.parametrize("name", ["Pipfile.lock", "package-lock.json", "poetry.lock"])
def test_cut_anywhere_holds(name: str) -> None:
    """These end in what makes them whole; a cut TOML array of tables may end between two entries, and be valid."""
    data = LOCKS[name].encode()
    for size in range(len(data) - (30 if name == "poetry.lock" else 1)):
        report = look_at(data[:size], name)
        assert "CHK002" in ids(report), size


@pytest.mark.parametrize("name", ["uv.lock", "pdm.lock", "pylock.toml"])
def test_cut_never_crashes(name: str) -> None:
    data = LOCKS[name].encode()
    for size in range(len(data)):
        assert "CHK001" not in ids(look_at(data[:size], name)), size
    assert severe(look_at(b"", name))


@pytest.mark.parametrize("name", LOCKS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_mutation_gives_a_report(name: str, data: st.DataObject) -> None:
    text = LOCKS[name]
    at = data.draw(st.integers(0, len(text)))
    length = data.draw(st.integers(0, 30))
    new = data.draw(
        st.sampled_from(["", "1", "[]", "{}", '"', "\n", "=", "null", '""', "[[package]]", "true", "\0", "-5"])
    )
    assert "CHK001" not in ids(look_at((text[:at] + new + text[at + length :]).encode(), name))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("uv.lock", 'version = 1\npackage = "x"'), ("uv.lock", "version = 1\n[[package]]\nname = 1"), ("uv.lock", "[" * 100_000),
        ("package-lock.json", "[" * 100_000), ("package-lock.json", '{"packages": 1' + "0" * 5_000 + "}"), ("Pipfile.lock", "[]"),
        ("Pipfile.lock", '{"_meta": {}, "default": {"a": []}}'), ("uv.lock", "a" + ".a" * 100_000 + " = 1"),
    ],
)  # fmt: skip
def test_hostile_is_malformed(name: str, text: str) -> None:
    assert "CHK002" in ids(look_at(text.encode(), name))


def test_keys_that_are_not_found_cost_little() -> None:
    entries = {f"node_modules/\u00e9{i}": {"version": "1.0.0", "integrity": "x"} for i in range(20_000)}
    text = json.dumps({"lockfileVersion": 3, "packages": entries})
    assert len(read(text, "package-lock.json").packages) == 20_000


def test_deeply_nested_npm_lock() -> None:
    text = (
        '{"lockfileVersion": 1, "dependencies": '
        + '{"a": {"version": "1", "dependencies": ' * 400
        + "{}"
        + "}}" * 400
        + "}"
    )
    assert len(read(text, "package-lock.json").packages) == 400
