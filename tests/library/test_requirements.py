"""Requirement files: pip's line rules, and every check that reads them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.scan import FileReport
from assaymark.library.requirements import logical_lines, read
from tests.conftest import ids, look_at, look_at_folder, severe

HASH = "sha256:" + "0123456789abcdef" * 4
COMMIT = "a9b1bf5920416aaeaec965c25dd9e8f98c864f16"


def look_at_lines(*lines: str, name: str = "requirements.txt") -> FileReport:
    return look_at("\n".join(lines).encode() + b"\n", name)


def hits(report: FileReport, rule: str) -> list[tuple[int | None, str]]:
    return [(f.where.line, f.where.symbol) for f in report.findings if f.id == rule]


# --- LIB001 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line", ["numpy", "numpy>=1.2", "numpy==1.*", "numpy~=1.2.3", "numpy[extra] ; python_version<'4'"]
)
def test_lib001_bad_ranges(line: str) -> None:
    assert hits(look_at_lines("# first", line), "LIB001") == [(2, "numpy")]


def test_lib001_bad_line_number_of_a_joined_line() -> None:
    report = look_at_lines("a==1", "", "num\\", "py # why", "b==2")
    assert hits(report, "LIB001") == [(3, "numpy")]


@pytest.mark.parametrize(
    "line",
    [
        "numpy==1.26.4",
        "numpy===1.26.4+cu118",
        "torch==2.1.0+cu118 ; sys_platform=='linux'",
        f"numpy>=1 --hash={HASH}",
        "# numpy",
    ],
)
def test_lib001_good_pins(line: str) -> None:
    assert "LIB001" not in ids(look_at_lines(line))


def test_lib001_good_source_and_constraints() -> None:
    assert "LIB001" not in ids(look_at_lines("numpy", name="requirements.in"))
    assert "LIB001" not in ids(look_at_lines("numpy<2", name="constraints.txt"))


def test_lib001_good_pinned_by_the_constraint_file() -> None:
    reports = look_at_folder(
        {"a/requirements.txt": b"-c ../constraints.txt\nnumpy\nscipy\n", "constraints.txt": b"numpy==1.26.4\n"}
    )
    assert hits(reports["a/requirements.txt"], "LIB001") == [(3, "scipy")]
    assert "LIB001" not in ids(look_at_lines("-c c.txt", "numpy"))


def test_constraint_files_that_name_each_other_end() -> None:
    circle = b"-c requirements.txt\n-r constraints.txt\n-c constraints.txt\nnumpy\n"
    reports = look_at_folder({"requirements.txt": circle, "constraints.txt": circle})
    assert hits(reports["requirements.txt"], "LIB001") == [(4, "numpy")]


# --- LIB002 -----------------------------------------------------------------------------------------------------------


def test_lib002_bad_one_finding_a_file() -> None:
    report = look_at_lines("a==1", "b==2", f"c==3 --hash={HASH}")
    assert hits(report, "LIB002") == [(1, "hashes")]
    assert "2 of 3" in report.findings[0].message


def test_lib002_good_hashes() -> None:
    report = look_at_lines("a==1 \\", f"    --hash={HASH} \\", f"    --hash {HASH}")
    assert ids(report) == set()


def test_lib002_good_md5_is_no_hash() -> None:
    assert "LIB002" in ids(look_at_lines("a==1 --hash=md5:" + "0" * 32))


# --- LIB003, LIB004 ---------------------------------------------------------------------------------------------------


def test_lib003_bad_extra_index() -> None:
    report = look_at_lines("--extra-index-url https://private.example/simple", "a==1")
    assert hits(report, "LIB003") == [(1, "https://private.example/simple")]


def test_lib003_good_hashed_or_alone() -> None:
    assert "LIB003" not in ids(look_at_lines("--extra-index-url https://p.example/simple", f"a==1 --hash={HASH}"))
    assert "LIB003" not in ids(look_at_lines("--no-index", "--extra-index-url https://p.example/simple", "a==1"))
    assert "LIB003" not in ids(look_at_lines("--index-url https://p.example/simple", "a==1"))


@pytest.mark.parametrize(
    "line",
    [
        "--index-url http://pypi.example/simple", "-ihttp://pypi.example/simple", "--trusted-host pypi.example",
        "--trusted pypi.example", "-f http://x.example/", "a @ http://x.example/a-1-py3-none-any.whl",
        "git+http://x.example/a.git", "git+git://x.example/a.git@main",
    ],
)  # fmt: skip
def test_lib004_bad_no_tls(line: str) -> None:
    assert "LIB004" in ids(look_at_lines(line))


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://pypi.example/simple", "--index-url http://localhost:3141/root", "--trusted-host 127.0.0.1",
        "--index-url ${INDEX}", "git+ssh://git@github.com/x/y.git@" + COMMIT, f"git+http://x.example/a.git@{COMMIT}",
        "a @ http://x.example/a-1-py3-none-any.whl#sha256=" + "0" * 64,
    ],
)  # fmt: skip
def test_lib004_good_tls_or_loopback(line: str) -> None:
    assert severe(look_at_lines(line)) == []


# --- LIB005 to LIB008, LIB014 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "git+https://github.com/openai/CLIP.git", "clip @ git+https://github.com/openai/CLIP.git@main",
        "-e git+https://github.com/openai/CLIP.git@v1#egg=clip", "git+https://github.com/openai/CLIP.git@a9b1bf5",
        "https://x.example/a-1-py3-none-any.whl", "a @ https://x.example/a-1.zip#md5=" + "0" * 32,
        "git+git@github.com:openai/CLIP.git",
    ],
)  # fmt: skip
def test_lib005_bad_moving(line: str) -> None:
    assert [line for line, _ in hits(look_at_lines(line), "LIB005")] == [1]


@pytest.mark.parametrize(
    "line",
    [
        f"git+https://github.com/openai/CLIP.git@{COMMIT}#egg=clip", f"https://github.com/x/y/archive/{COMMIT}.zip",
        "https://x.example/a-1-py3-none-any.whl#sha256=" + "0" * 64, f"https://x.example/a-1.zip --hash={HASH}", "-e .",
    ],
)  # fmt: skip
def test_lib005_good_fixed(line: str) -> None:
    assert ids(look_at_lines(line)) == set()


@pytest.mark.parametrize(
    "line", ["this is not valid", "--frobnicate x", "a ==", "a==1 --hash", "a; (" + "(" * 500, 'a --hash="']
)
def test_lib006_bad_lines(line: str) -> None:
    report = look_at_lines(line)
    assert [f.where.line for f in report.findings if f.id == "LIB006"] == [1]
    assert any(f.holds for f in report.findings)


def test_lib006_good_grammar() -> None:
    lines = [
        "-r other.txt",
        "--pre",
        "--no-binary :all:",
        "--require-hashes",
        "a (==1)",
        "a[b,c]==1",
        "",
        "   # x",
        "./a.whl",
        "b.tar.gz",
    ]
    assert "LIB006" not in ids(look_at_lines(*lines))


def test_lib007_bad_outside() -> None:
    for line in ("-e ../shared", "/srv/wheels/a.whl", "file:///srv/a.whl", "${ROOT}/a.whl", "./a/../../b"):
        assert "LIB007" in ids(look_at_lines(line)), line


def test_lib007_good_inside() -> None:
    for line in ("-e .", "./libs/a", "libs/a.whl"):
        assert ids(look_at_lines(line)) == set(), line


@pytest.mark.parametrize("separator", ["\u2028", "\u0085", "\f", "\v", "\x1c"])
def test_lib008_bad_hidden(separator: str) -> None:
    report = look_at_lines("a==1", f"# harmless{separator}evil==6", "b==1")
    assert hits(report, "LIB008") == [(2, "evil==6")]


def test_lib008_good_line_ends() -> None:
    for end in (b"\n", b"\r\n", b"\r"):
        report = look_at(b"# a" + end + b"b==1" + end + end + b"c==2" + end, "requirements.txt")
        assert "LIB008" not in ids(report)
    assert hits(look_at(b"a==1\r\nb\r\n", "requirements.txt"), "LIB001") == [(2, "b")]


def test_lib014_bad_password_is_masked() -> None:
    report = look_at_lines("--index-url https://bob:pa55w0rdX@host.example/simple")
    assert hits(report, "LIB014") == [(1, "password in a URL pa5…")]
    assert "pa55w0rdX" not in repr(report)


def test_lib014_good_environment() -> None:
    assert "LIB014" not in ids(look_at_lines("--index-url https://${USER}:${TOKEN}@host.example/simple"))


# --- the document -----------------------------------------------------------------------------------------------------


def test_recognised_by_name_and_content() -> None:
    for name in (
        "requirements.txt",
        "requirements-dev.txt",
        "dev-requirements.txt",
        "requirements/base.txt",
        "constraints.txt",
    ):
        assert "requirements" in look_at(b"numpy==1\nscipy\n", name).formats, name
    for name in ("notes.txt", "system-requirements.txt", "requirements/README.txt"):
        assert "requirements" not in look_at(b"You need 16 GB of RAM.\nAnd a GPU, of course.\n", name).formats, name


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks(encoding: str) -> None:
    assert hits(look_at("numpy\n".encode(encoding), "requirements.txt"), "LIB001") == [(1, "numpy")]


def test_coding_line() -> None:
    data = "# -*- coding: latin-1 -*-\n# é\nnumpy\n".encode("latin-1")
    assert hits(look_at(data, "requirements.txt"), "LIB001") == [(3, "numpy")]


@pytest.mark.parametrize(
    "data", [b"\xff\xfa numpy", b"# coding: rot13\nahzcl", b"# coding: nonsense\nnumpy", b"\xff\xfea"]
)
def test_no_text_is_malformed(data: bytes) -> None:
    assert "CHK002" in ids(look_at(data, "requirements.txt"))


def test_too_long_is_over_budget() -> None:
    assert "CHK003" in ids(look_at(b"#" * (5 << 20), "requirements.txt"))
    assert "CHK003" in ids(look_at(b"-r a\n" * 60_000, "requirements.txt"))


def test_lines_are_those_of_pip() -> None:
    """Against the results of pip's `preprocess`, worked out by hand from its source."""
    text = "a \\\n# comment\\\nb\nc\\\n  \\\nd # e\\\nf\\"
    assert [(line.number, line.text) for line in logical_lines(text)] == [(1, "a"), (3, "b"), (4, "c  d")]


def test_long_lines_cost_little() -> None:
    for text in (
        " " * 200_000 + "#",
        "a" * 200_000,
        "a " * 100_000,
        "x" + " ;" * 50_000,
        "\\\n" * 100_000,
        "-" * 300_000,
    ):
        read(text, "requirements.txt")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(
    ["numpy==1.2", "--hash=sha256:" + "a" * 64, "\\\n", "\n", " ", "#", "git+https://x.example/y@", "-r", "-e", "[", ";", "'", "@", "\u2028", "é", "\0"]
), max_size=30))  # fmt: skip
def test_any_text_gives_a_report(parts: list[str]) -> None:
    assert "CHK001" not in ids(look_at("".join(parts).encode(), "requirements.txt"))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_a_report(data: bytes) -> None:
    assert "CHK001" not in ids(look_at(data, "requirements.txt"))
