"""`assay scan` of other machines as a user meets it: exit codes, messages, progress, interruption, evidence."""

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
from pathlib import Path

import jsonschema_rs
import pytest

from assaymark.app import render
from assaymark.core.verdict import Outcome
from assaymark.faces.cli import run
from assaymark.report import FORMATS, schemas
from tests.feeds.conftest import Look
from tests.feeds.servers import Content, Data, Hub, Reply, Request, ranged, safetensors_of, serving

BAD = b"cposix\nsystem\n(S'id'\ntR."
FILES: dict[str, Content] = {"config.json": Data(b"{}"), "model.bin": Data(pickle.dumps(list(range(400_000))))}


@pytest.fixture
def assay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> object:
    """Run a command; its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))

    def command(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        out, err = capsys.readouterr()
        return code, out, err

    return command


def test_exit_codes(assay: object, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub(FILES)
    with serving(hub) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        code, out, err = assay("scan", "hf://acme/net")  # type: ignore[operator]
        assert (code, err) == (0, "")
        assert f"hf://acme/net@{hub.commit} (git-commit)" in out
        assert "digests: 1 declared by the host, 0 verified" in out
        assert assay("scan", "hf://acme/net", "--full")[0] == 0  # type: ignore[operator]
        hub.files["model.bin"] = Data(BAD)
        assert assay("scan", "hf://acme/net")[0] == 1  # type: ignore[operator]
        hub.token = "t"
        code, out, err = assay("scan", "hf://acme/net")  # type: ignore[operator]
        assert (code, out) == (4, "")
        assert "HF_TOKEN" in err
        assert "Traceback" not in err
    code, _, err = assay("scan", "ftp://acme/net")  # type: ignore[operator]
    assert code == 2
    assert "hf://" in err
    code, _, err = assay("scan", "hf://acme/net")  # type: ignore[operator]
    assert code == 3
    assert "cannot be reached" in err


@pytest.mark.parametrize(
    "reference",
    ["hf://a/b", "https://h/f", "s3://bucket/k", "gs://bucket/k", "az://box/k", "oci://h/n", "mlflow://h/runs:/r"],
)
def test_offline_nothing_is_dialled(assay: object, monkeypatch: pytest.MonkeyPatch, reference: str) -> None:
    monkeypatch.setenv("ASSAY_OFFLINE", "1")
    monkeypatch.setattr(socket, "create_connection", None)
    monkeypatch.setattr(socket, "getaddrinfo", None)
    code, out, err = assay("scan", reference)  # type: ignore[operator]
    assert (code, out) == (2, "")
    assert "ASSAY_OFFLINE is set" in err


def test_here_and_there_in_one_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    (tmp_path / "local.pkl").write_bytes(BAD)
    with serving(Hub(FILES)) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        report = look("hf://acme/net", str(tmp_path / "local.pkl"), "hf://acme/net/model.bin")
    assert report.verdict.outcome is Outcome.DENY
    assert {file.path for file in report.files} == {"net/config.json", "net/model.bin", "local.pkl", "model.bin"}
    assert [root.source is not None for root in report.roots] == [True, False, True]
    assert [file.fetched is not None for file in report.files] == [True, True, False, True]


def test_checks_across_files_of_a_repository(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    files: dict[str, Content] = {"requirements.txt": Data(b"numpy\n"), "pyproject.toml": Data(b"[project]\nname='x'\n")}
    with serving(Hub(files)) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        report = look("hf://acme/net")
        assert sum("/resolve/" in r.path for r in server.seen) == len(files)  # each fetched once
    assert any(finding.id.startswith("LIB") for finding in report.findings)


def test_every_form_says_what_was_resolved(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    hub = Hub(FILES)
    with serving(hub) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        report = look("hf://acme/net")
    for form in FORMATS:
        if form != "junit":
            assert hub.commit in render(report, form)
    document = json.loads(render(report, "json"))
    jsonschema_rs.Draft202012Validator(schemas.schema("scan-report-v1")).validate(document)
    assert document["roots"][0]["source"]["value"] == hub.commit
    assert document["files"][1]["fetched"]["requests"] > 1
    assert "declared, not verified" in render_verbose(report)


def render_verbose(report: object) -> str:
    return render(report, "text", verbose=True)  # type: ignore[arg-type]


def test_places_in_sarif_are_uris(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    with serving(Hub({"a b.bin": Data(BAD)})) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        document = json.loads(render(look("hf://acme/net"), "sarif"))
    assert "hf://acme/net/a%20b.bin" in json.dumps(document)


def test_progress_is_in_bytes_fetched(look: Look) -> None:
    seen: list[tuple[int, int, int, int]] = []
    with serving(lambda r: ranged(r, safetensors_of(1 << 40))) as server:
        look(f"{server.url}/a.safetensors", progress=lambda *said: seen.append(said))
    assert seen[-1][:2] == (1, 1)
    assert 0 < seen[-1][2] < 1_000_000
    assert seen[-1][3] == 0


def test_evidence_of_a_remote_scan(assay: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert assay("key", "create", "me")[0] == 0  # type: ignore[operator]
    hub = Hub(FILES)
    with serving(hub) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        signed = ("--evidence", "e.json", "--key", "me")
        code, _, err = assay("scan", "hf://acme/net", *signed)  # type: ignore[operator]
        assert code == 2
        assert "--full" in err
        assert assay("scan", "hf://acme/net", "--full", *signed)[0] == 0  # type: ignore[operator]
        code, out, err = assay("evidence", "verify", "e.json", "hf://acme/net", "--key", "me")  # type: ignore[operator]
        assert (code, err) == (0, "")
        assert "(matches)" in out
        hub.files["config.json"] = Data(b"[]")
        code, _, err = assay("evidence", "verify", "e.json", "hf://acme/net", "--key", "me")  # type: ignore[operator]
        assert code == 1
        assert "is not what was signed" in err
    for name, content in FILES.items():  # a download of the same commit is the same subject
        (tmp_path / "net").mkdir(exist_ok=True)
        (tmp_path / "net" / name).write_bytes(content.read(0, content.size))
    assert assay("evidence", "verify", "e.json", "net", "--key", "me")[0] == 0  # type: ignore[operator]


_RUN = "import sys; from assaymark.faces.cli import run; code = run(sys.argv[1:]); print(*sys.modules, code, file=sys.stderr)"


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "ASSAY_HOME": str(folder / "home"), **more}


def test_a_local_scan_imports_nothing_that_dials(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps([1]))
    command = [sys.executable, "-c", _RUN, "scan", "--no-config", "a.pkl"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment(tmp_path), check=False)
    *names, code = done.stderr.split()
    assert code == "0"
    assert not {n for n in names if n.split(".")[0] in {"httpx", "obstore", "ssl", "socket"}}
    assert not {n for n in names if n.startswith("assaymark.feeds")}


@pytest.mark.parametrize("reference", ["hf", "s3"])
def test_one_client_does_not_import_the_other(tmp_path: Path, reference: str) -> None:
    code = f"import sys; from assaymark.feeds import connect; connect('{reference}://bucket/key'); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(tmp_path),
        check=False,
    )
    names = {name.partition(".")[0] for name in done.stdout.split()}
    assert done.returncode == 0, done.stderr
    assert ("httpx" in names, "obstore" in names) == ((True, False) if reference == "hf" else (False, True))


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_it_can_be_interrupted(tmp_path: Path) -> None:
    """The server takes the request for a file and never answers; the user does not wait for it."""
    import threading

    asked, end = threading.Event(), threading.Event()

    def answer(request: Request) -> Reply:
        if request.headers.get("range") == "bytes=0-0":
            return ranged(request, safetensors_of(1 << 30))
        asked.set()
        end.wait(60)
        return Reply(500)

    with serving(answer) as server:
        # Whoever runs the tests in the background ignores the signal, and so would the command.
        heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
        heard += "; from assaymark.faces.cli import main; main()"
        command = [sys.executable, "-c", heard, "scan", "--no-config", f"{server.url}/a.safetensors"]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment(tmp_path)
        )
        try:
            assert asked.wait(60)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
        finally:
            end.set()
            process.kill()
    assert process.returncode == 130
    assert out == ""
    assert err.strip() == "interrupted; nothing was left behind"
