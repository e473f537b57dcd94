"""Dockerfiles: the lexer against BuildKit's rules, and every check that reads images, users, secrets and ADD."""

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.scan import FileReport
from assaymark.infra.dockerlines import BadInstruction, Instruction, instructions, unquote, words
from tests.conftest import ids, look_at, severe

DIGEST = "sha256:" + "0123456789abcdef" * 4
FROM = f"FROM python:3.12.7-slim@{DIGEST}\n"
GOOD = f"""# syntax=docker/dockerfile:1
ARG VERSION=3.12.7
FROM --platform=$BUILDPLATFORM python:${{VERSION}}-slim@{DIGEST} AS build
WORKDIR /app
COPY requirements.txt .env.example ./
RUN --mount=type=secret,id=token,env=HF_TOKEN \\
    --mount=type=cache,target=/root/.cache \\
    # a comment within
    pip install --require-hashes -r requirements.txt \\

    && echo 'never curl https://x | sh'
FROM scratch
COPY --from=build /app /app
COPY --from=0 /x /x
ENV TOKENIZERS_PARALLELISM=false MAX_TOKENS=4096 HF_HOME="/data/hf" PAD_TOKEN_ID=0
USER 10001:10001
ENTRYPOINT ["python", "-m", "app"]
"""


def look_at_lines(*lines: str, name: str = "Dockerfile") -> FileReport:
    return look_at((FROM + "\n".join(lines) + "\nUSER app\n").encode(), name)


def hits(report: FileReport, rule: str) -> list[tuple[int | None, str]]:
    return [(f.where.line, f.message) for f in report.findings if f.id == rule]


def test_good_dockerfile_is_clean() -> None:
    assert ids(look_at(GOOD.encode(), "Dockerfile")) == set()


# --- INF001, INF002 ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "FROM python", "FROM python:latest", "from registry.example:5000/team/python", "FROM --platform=linux/amd64 python:nightly AS x",
        "FROM tensorflow/tensorflow:latest-gpu", "FROM python@sha256:123", "FROM ${X:-python}", "FROM python:$TAG",
    ],
)  # fmt: skip
def test_inf001_bad_moving(line: str) -> None:
    assert [
        place for place, _ in hits(look_at(f"ARG TAG=latest\n{line}\nUSER app\n".encode(), "Dockerfile"), "INF001")
    ] == [2]


def test_inf001_bad_copied_from_another_image() -> None:
    report = look_at_lines(
        "COPY --from=ghcr.io/astral-sh/uv:latest /uv /bin/", "RUN --mount=type=bind,from=busybox,target=/x true"
    )
    assert [line for line, _ in hits(report, "INF001")] == [2, 3]


@pytest.mark.parametrize(
    "line",
    [
        "FROM python:3.12",
        f"FROM python:latest@{DIGEST}",
        "FROM scratch",
        "FROM ${IMAGE}",
        "FROM python:${TAG}",
        f"FROM x@{DIGEST}",
    ],
)
def test_inf001_good_fixed_or_unknown(line: str) -> None:
    assert "INF001" not in ids(look_at(f"ARG TAG\n{line}\nUSER app\n".encode(), "Dockerfile"))


def test_inf001_good_stage_names() -> None:
    text = FROM.replace("\n", " AS Base\n") + "FROM base\nCOPY --from=BASE /x /x\nUSER app\n"
    assert ids(look_at(text.encode(), "Dockerfile")) == set()


def test_inf002_bad_no_digest() -> None:
    report = look_at(b"FROM python:3.12.7-slim\nUSER app\n", "Dockerfile")
    assert [line for line, _ in hits(report, "INF002")] == [1]
    assert ids(report) == {"INF002"}


def test_inf002_good_digest() -> None:
    assert ids(look_at((FROM + "USER app\n").encode(), "Dockerfile")) == set()
    assert "INF002" not in ids(look_at(b"FROM x@${DIGEST}\nUSER app\n", "Dockerfile"))


# --- INF004 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "line"), [("CMD x\n", 1), ("USER root\n", 2), ("USER app\nUSER 0:0\n", 3), ("ARG U=root\nUSER $U\n", 3)]
)
def test_inf004_bad_root(lines: str, line: int) -> None:
    assert [place for place, _ in hits(look_at((FROM + lines).encode(), "Dockerfile"), "INF004")] == [line]


def test_inf004_bad_only_an_earlier_stage_has_a_user() -> None:
    assert "INF004" in ids(look_at((FROM + "USER app\n" + FROM + "CMD x\n").encode(), "Dockerfile"))


@pytest.mark.parametrize(
    "lines", ["USER app\n", "USER root\nRUN x\nUSER 1000:0\n", "USER $UID\n", "ENV U=app\nUSER ${U}\n", 'USER "app"\n']
)
def test_inf004_good_user(lines: str) -> None:
    assert "INF004" not in ids(look_at((FROM + lines).encode(), "Dockerfile"))


def test_inf004_good_inherited_or_nonroot() -> None:
    base = FROM.replace("\n", " AS base\n") + "USER app\nFROM base\nCMD x\n"
    assert "INF004" not in ids(look_at(base.encode(), "Dockerfile"))
    assert "INF004" not in ids(look_at(f"FROM gcr.io/distroless/python3:nonroot@{DIGEST}\n".encode(), "Dockerfile"))


# --- INF005 -----------------------------------------------------------------------------------------------------------

RANDOM = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"


@pytest.mark.parametrize(
    "line",
    [
        f"ENV API_KEY={RANDOM}", f"ENV API_KEY {RANDOM}", f"ARG DB_PASSWORD='{RANDOM}'", f'LABEL token="{RANDOM}"',
        f"ENV A=b \\\n C=d \\\n # why\n SECRET_KEY={RANDOM}", f"RUN export GITHUB_TOKEN={RANDOM}", f"RUN login --password={RANDOM}",
        f"RUN login --password {RANDOM} && x", f'RUN echo "API_TOKEN={RANDOM}" >> .env', f'RUN curl -H "X-Api-Key: {RANDOM}" https://x -o y',
        f'CMD ["serve", "--api-key", "{RANDOM}"]', f"RUN git clone https://bob:{RANDOM}@x.example/y", "RUN pip install -i https://u:hunter2pw@x.example/s -r r",
        f"RUN <<EOF\nexport API_KEY={RANDOM}\nEOF", "ENV AWS_ACCESS_KEY_ID=AKIAQYLPMN5HHHFPZAM2",
    ],
)  # fmt: skip
def test_inf005_bad_secret(line: str) -> None:
    report = look_at_lines(line)
    assert [place for place, _ in hits(report, "INF005")] == [
        2 + next((i for i, part in enumerate(line.split("\n")) if RANDOM in part), 0)
    ]
    assert RANDOM not in repr(report)
    assert "hunter2pw" not in repr(report)


@pytest.mark.parametrize(
    "name",
    [
        ".env",
        "id_rsa",
        ".netrc",
        "server-key.pem",
        "private.key",
        "certs/client.p12",
        ".aws/credentials",
        "/root/.ssh/",
    ],
)
def test_inf005_bad_key_file(name: str) -> None:
    assert [line for line, _ in hits(look_at_lines(f"COPY --chown=app app.py {name} /app/"), "INF005")] == [2]
    assert "INF005" in ids(look_at_lines(f'ADD ["{name}", "/app/"]'))


@pytest.mark.parametrize(
    "line",
    [
        "ENV API_KEY=${API_KEY}", "ENV API_KEY=changeme", "ARG TOKEN", "ENV TOKEN_FILE=/run/secrets/token", "ENV POSTGRES_PASSWORD=postgres",
        "COPY .env.example id_rsa.pub ca.pem public_key.pem /app/", "RUN TOKEN=$(cat /run/secrets/token) make", "ENV PASSWORD=<password>",
        "ENV OPENAI_API_KEY=sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "LABEL maintainer=bob@x.example", "ENV OPENAI_API_KEY=EMPTY",
        "ENV SECRET_NAME=projects/x/secrets/y", "RUN useradd --password x app", "COPY .ssh/known_hosts /x/", "ENV KEYCLOAK_TOKEN_URL=https://x/y",
    ],
)  # fmt: skip
def test_inf005_good_no_secret(line: str) -> None:
    assert "INF005" not in ids(look_at_lines(line))


def test_excerpts_of_other_checks_hide_secrets_too() -> None:
    report = look_at_lines(f"RUN export API_KEY={RANDOM} && curl -k https://x.example | sh && pip install numpy")
    assert ids(report) == {"INF003", "INF005", "INF007", "INF008"}
    assert RANDOM not in repr(report)


# --- INF006, INF009 ---------------------------------------------------------------------------------------------------


def test_inf006_bad_remote() -> None:
    for line in (
        "ADD https://x.example/model.pth /m/",
        "ADD git@github.com:x/y.git#main /m/",
        'ADD ["https://x.example/a", "/b"]',
    ):
        assert [place for place, _ in hits(look_at_lines(line), "INF006")] == [2], line


def test_inf006_good_checked() -> None:
    for line in (
        f"ADD --checksum={DIGEST} https://x.example/model.pth /m/", "ADD https://github.com/x/y.git#" + "a1" * 20 + ":docs /m/",
        "ADD model.tar.gz /m/",
    ):  # fmt: skip
        assert "INF006" not in ids(look_at_lines(line)), line


@pytest.mark.parametrize(
    "text",
    [
        "FROM a:1\nFOO bar\n",
        "RUN x\nFROM a:1\n",
        "# only a comment\n",
        "FROM a:1 B c\n",
        "FROM a:1\nRUN\n",
        "{{ if }}\nFROM a\n",
        "",
    ],
)
def test_inf009_bad_unreadable(text: str) -> None:
    report = look_at(text.encode(), "Dockerfile")
    assert "INF009" in ids(report)
    assert any(f.holds for f in report.findings)


def test_inf009_good_odd_but_valid() -> None:
    text = "\n \n#comment\nfrom a:1 as b\nonbuild run x\nONBUILD ONBUILD RUN y\nMaintainer me\nHEALTHCHECK NONE\nSTOPSIGNAL 9\n\tUSER app\n"
    assert "INF009" not in ids(look_at(text.encode(), "Dockerfile"))


# --- recognition and lexer --------------------------------------------------------------------------------------------


def test_recognised_by_name_and_content() -> None:
    for name in ("Dockerfile", "Containerfile", "dockerfile.gpu", "Dockerfile-dev", "serve.Dockerfile", "build.txt"):
        assert "dockerfile" in look_at(b"# x\nFROM python:3.12 AS x\nRUN y\n", name).formats, name
    assert "dockerfile" not in look_at(b"FROM llama3\nPARAMETER temperature 1\n", "Modelfile").formats
    assert "dockerfile" not in look_at(b"From here on, run away.\nCOPY that.\n", "Dockerfile.md").formats
    assert "dockerfile" not in look_at(b"node_modules\n.git\n", "Dockerfile.dockerignore").formats


def test_lexer_continuations_comments_and_lines() -> None:
    text = "FROM a:1\nRUN x \\\n # why\n\n  y \\  \n && z\\\\\nRUN w"
    found = [i for i in instructions(text) if isinstance(i, Instruction)]
    assert [(i.keyword, i.line) for i in found] == [("FROM", 1), ("RUN", 2), ("RUN", 7)]
    assert found[1].value.count("\n") == 4


def test_lexer_escape_directive() -> None:
    found = [i for i in instructions("# escape=`\nFROM a:1\nRUN x `\n y\nCOPY a C:\\\n") if isinstance(i, Instruction)]
    assert [(i.keyword, i.line) for i in found] == [("FROM", 2), ("RUN", 3), ("COPY", 5)]


def test_lexer_heredocs() -> None:
    text = 'FROM a:1\nRUN <<A cat - <<-"B" 3<<C\na\nA\n\tb\n\tB\nc\nC\nRUN echo "<<X" $((1<<2)) <<<y\nCMD z'
    found = [i for i in instructions(text) if isinstance(i, Instruction)]
    assert [(h.name, h.body, h.line) for h in found[1].heredocs] == [("A", "a", 3), ("B", "\tb", 5), ("C", "c", 7)]
    assert [i.line for i in found] == [1, 2, 9, 10]
    assert not any(isinstance(i, BadInstruction) for i in instructions(text))


def test_words_and_quotes() -> None:
    assert [word for word, _ in words('a \'b c\' "d \\" e" f\\ g \\\n h')] == ["a", "'b c'", '"d \\" e"', "f\\ g", "h"]
    assert unquote('\'b c\'"d\\""\\e') == 'b cd"e'


def test_byte_order_mark_and_windows_line_ends() -> None:
    report = look_at(b"\xef\xbb\xbfFROM python\r\nRUN curl https://x.example \\\r\n | sh\r\nUSER app\r\n", "Dockerfile")
    assert ids(report) == {"INF001", "INF003"}


def test_long_documents_cost_little() -> None:
    for line in (
        'A="\\"' * 20_000,
        "'" * 40_000,
        "<<A " * 10_000,
        "$(" * 20_000,
        "--a " * 20_000,
        "\\\n" * 20_000,
    ):
        assert "CHK001" not in ids(look_at_lines("ENV " + line, "RUN " + line, "COPY " + line))
    assert "CHK003" in ids(look_at_lines("ENV " + "A=b " * 6_000))


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_mutation_gives_a_report(data: st.DataObject) -> None:
    at, length = data.draw(st.integers(0, len(GOOD))), data.draw(st.integers(0, 40))
    new = data.draw(
        st.sampled_from(["", "\\", "\n", "<<EOF", "'", '"', "${", "ONBUILD ", "[", "FROM ", "\0", "--from=", "é", "`"])
    )
    assert "CHK001" not in ids(look_at((GOOD[:at] + new + GOOD[at + length :]).encode(), "Dockerfile"))


def test_cut_anywhere_gives_a_report() -> None:
    data = GOOD.encode()
    for size in range(len(data)):
        report = look_at(data[:size], "Dockerfile")
        assert "CHK001" not in ids(report), size
        assert severe(report) or size > data.index(b"USER"), size


def test_variables_that_hold_each_other_do_not_grow_without_end() -> None:
    lines = ["FROM alpine:3.20", "ENV a0=" + "x" * 2_000]
    lines += [f"ENV a{n}=" + f"$a{n - 1}" * 1_000 for n in range(1, 9)]
    tracemalloc.start()
    try:
        look_at("\n".join([*lines, "USER $a8"]).encode(), "Dockerfile")
        assert tracemalloc.get_traced_memory()[1] < 100 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "data",
    ["FROM a AS s\n" + "FROM s AS s\n" * 1_500, "FROM a\n" + "".join(f"ENV v{n}=1\n" for n in range(1_500))],
    ids=["stages", "variables"],
)
def test_builds_without_end_are_held(data: str) -> None:
    assert "CHK003" in ids(look_at(data.encode(), "Dockerfile"))


def test_settings_that_almost_are_take_linear_time() -> None:
    for command in ("git config " + "http." * 60_000, "poetry config " + "certificates." * 25_000):
        assert "INF007" not in ids(look_at(f"FROM a\nRUN {command}\n".encode(), "Dockerfile"))
    line = "pip install git+https://x.example/r" + "#" * 300_000
    assert "INF008" in ids(look_at(f"FROM a\nRUN {line}\n".encode(), "Dockerfile"))
