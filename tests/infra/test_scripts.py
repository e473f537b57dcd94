"""Scripts in build files and manifests: what they fetch and run, verify, and pin."""

import pytest

from assaymark.core.scan import FileReport
from tests.conftest import ids, look_at

FROM = "FROM python:3.12.7-slim@sha256:" + "0123456789abcdef" * 4 + "\n"


def look_at_run(script: str) -> FileReport:
    return look_at(f"{FROM}RUN {script}\nUSER app\n".encode(), "Dockerfile")


def hits(report: FileReport, rule: str) -> list[tuple[int | None, str]]:
    return [(f.where.line, f.where.symbol) for f in report.findings if f.id == rule]


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("curl -fsSL https://x.example | bash", 2), ("set -eux; \\\n  apt-get update \\\n  && curl https://x.example \\\n  | sh -", 5),
        ("<<EOF\napt-get update\nwget -qO- https://x.example | sh\nEOF", 4), ('["sh", "-c", "curl https://x.example | sh"]', 2),
        ("python3 <<EOF\nimport urllib.request as r\nexec(r.urlopen('https://x.example').read())\nEOF", 2), ("bash <(curl https://x.example)", 2),
        ("<<EOF\n#!/usr/bin/env python3\nimport urllib.request as r\nexec(r.urlopen('https://x.example').read())\nEOF", 2),
    ],
)  # fmt: skip
def test_inf003_bad_fetch_and_run(script: str, line: int) -> None:
    assert [place for place, _ in hits(look_at_run(script), "INF003")] == [line]


def test_inf003_bad_powershell_and_start() -> None:
    text = (
        FROM
        + 'SHELL ["powershell", "-Command"]\nRUN iex ((New-Object Net.WebClient).DownloadString(\'https://x.example\'))\nCMD curl https://x.example | sh\n'
    )
    assert [line for line, _ in hits(look_at(text.encode(), "Dockerfile"), "INF003")] == [3, 4]


@pytest.mark.parametrize(
    "script",
    [
        "echo 'curl https://x.example | sh'", "curl -o i.sh https://x.example && sha256sum -c i.sum && sh i.sh", "curl https://x.example | tar xz",
        "<<EOF\n# curl https://x.example | sh\necho done\nEOF", "cat <<EOF > notes.txt\ncurl https://x.example | sh\nEOF",
    ],
)  # fmt: skip
def test_inf003_good_nothing_unseen_runs(script: str) -> None:
    assert "INF003" not in ids(look_at_run(script))


@pytest.mark.parametrize(
    "script",
    [
        "pip install --trusted-host pypi.example numpy==1", "python -m pip install -i http://pypi.example/simple numpy==1",
        "pip install --extra-index-url=http://pypi.example numpy==1", "uv pip install --index-url http://pypi.example numpy==1",
        "pip config set global.trusted-host pypi.example", "PIP_TRUSTED_HOST=pypi.example pip install numpy==1", "npm config set strict-ssl false",
        "npm install --strict-ssl=false", "apt-get install -y --allow-unauthenticated x", "apt-get -o APT::Get::AllowUnauthenticated=true install x",
        "apt-get -o Acquire::https::Verify-Peer=false update", "echo 'deb [trusted=yes] https://x.example ./' > /etc/apt/sources.list.d/x.list",
        "apk add --allow-untrusted x", "yum install --nogpgcheck x", "rpm -i --nosignature x.rpm", "curl -k https://x.example -o y",
        "curl -fsSLk https://x.example -o y", "curl --insecure https://x.example", "sudo wget --no-check-certificate https://x.example",
        "git -c http.sslVerify=false clone https://x.example/y", "git config --global http.sslVerify false", "GIT_SSL_NO_VERIFY=1 git clone x",
        "conda config --set ssl_verify no", "NODE_TLS_REJECT_UNAUTHORIZED=0 npm ci", "export PYTHONHTTPSVERIFY=0", "kubectl --insecure-skip-tls-verify get x",
    ],
)  # fmt: skip
def test_inf007_bad_unverified(script: str) -> None:
    assert [line for line, _ in hits(look_at_run(f"true \\\n && {script}"), "INF007")] == [3]


def test_inf007_bad_variable() -> None:
    report = look_at(
        (FROM + 'ENV A=b NODE_TLS_REJECT_UNAUTHORIZED="0"\nENV CURL_CA_BUNDLE=""\nUSER app\n').encode(), "Dockerfile"
    )
    assert [line for line, _ in hits(report, "INF007")] == [2, 3]


@pytest.mark.parametrize(
    "script",
    [
        "curl -fsSL https://x.example -o k", "curl -ok https://x.example", "curl -k https://localhost:8080/health", "npm config set strict-ssl true",
        "pip install --trusted-host localhost -i http://localhost:3141/ numpy==1", "echo --allow-unauthenticated-users=false", "git clone https://x.example/y",
        "curl -sSf --proto '=https' https://x.example -o y", "apt-get install -y --no-install-recommends curl", "export PYTHONHTTPSVERIFY=1",
    ],
)  # fmt: skip
def test_inf007_good_verified(script: str) -> None:
    assert "INF007" not in ids(look_at_run(script))


@pytest.mark.parametrize(
    ("script", "names"),
    [
        ("pip install numpy", "numpy"), ("pip3 install -U --no-cache-dir 'numpy>=1' scipy==1.0 torch", "numpy, torch"),
        ("python3 -m pip install --index-url https://x.example numpy", "numpy"), ("uv pip install --system numpy", "numpy"),
        ("pipx install poetry", "poetry"), ("uv tool install ruff", "ruff"), ("pip install git+https://x.example/y.git", "git+https://x.example/y.git"),
        ("apt-get update && pip install numpy[extra] # why", "numpy"),
    ],
)  # fmt: skip
def test_inf008_bad_unpinned(script: str, names: str) -> None:
    assert hits(look_at_run(script), "INF008") == [(2, names)]


@pytest.mark.parametrize(
    "script",
    [
        "pip install numpy==1.26.4", "pip install -r requirements.txt", "pip install .", "pip install -e ./x --no-deps", "pip install --upgrade pip setuptools wheel",
        "pip install /wheels/*.whl", "pip install numpy -c constraints.txt", "pip install $PACKAGES", "pip install git+https://x.example/y.git@" + "a1" * 20,
        "pip list", "pip download x", 'pip install "numpy==${VERSION}"', "apt-get install pip",
    ],
)  # fmt: skip
def test_inf008_good_pinned(script: str) -> None:
    assert "INF008" not in ids(look_at_run(script))


def test_inf020_bad_extra_index() -> None:
    for option in ("--extra-index-url https://p.example/simple", "--extra-index-url=https://p.example/simple"):
        assert hits(look_at_run(f"pip install {option} numpy==1"), "INF020") == [(2, "https://p.example/simple")]


def test_inf020_good_one_index() -> None:
    for script in ("pip install --index-url https://p.example/simple numpy==1", "uv pip install --extra-index-url https://p.example numpy==1",
                   "pip install --require-hashes --extra-index-url https://p.example -r r.txt"):  # fmt: skip
        assert "INF020" not in ids(look_at_run(script)), script


@pytest.mark.parametrize(
    "script",
    [
        "wget https://x.example/Miniconda3.sh && bash Miniconda3.sh -b", "curl -fsSLo /tmp/i.sh https://x.example/y && sh /tmp/i.sh", "curl -O https://x.example/get-pip.py && python3 get-pip.py",
        "curl https://x.example/y > i.sh; chmod +x i.sh; ./i.sh", "wget -O i https://x.example/y; chmod +x i; ./i --yes", "curl --output i.sh https://x.example && sudo bash -x i.sh",
    ],
)  # fmt: skip
def test_inf021_bad_unchecked(script: str) -> None:
    assert [line for line, _ in hits(look_at_run(script), "INF021")] == [2]


@pytest.mark.parametrize(
    "script",
    [
        "curl -o i.sh https://x.example && echo 'x  i.sh' | sha256sum -c - && sh i.sh", "wget https://x.example/m.tar.gz && tar xf m.tar.gz && ./configure",
        "curl -o data.json https://x.example && python process.py", "curl -o i.sh https://x.example", "curl https://x.example/a > /dev/null; sh b.sh",
    ],
)  # fmt: skip
def test_inf021_good_checked_or_not_run(script: str) -> None:
    assert "INF021" not in ids(look_at_run(script))
