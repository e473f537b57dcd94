"""What a BOM says against a snapshot of an environment."""

import hashlib
import importlib.metadata
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.bom.build import environment as snapshots
from assaymark.bom.document import Bom
from assaymark.bom.drift import Drift, drift, report
from assaymark.core.errors import Malformed
from assaymark.core.finding import Severity
from assaymark.core.strictjson import canonical
from assaymark.faces.cli import run
from tests.bom.locks import UV
from tests.bom.sights import built
from tests.bom.test_infra import snapshot as seen_as

ROOT = Path(__file__).parents[2]
A, B = "a" * 64, "b" * 64


def schema(name: str) -> Any:
    return jsonschema_rs.validator_for(json.loads((ROOT / "docs" / "schemas" / f"{name}.schema.json").read_text()))


def compare(contents: dict[str, bytes | str], **changes: object) -> Drift:
    return drift(built(contents), snapshots.read(seen_as(**changes).encode(), "x"))


def codes(found: Drift) -> dict[tuple[str, str], Severity]:
    return {(one.code, one.name): one.severity for one in found.differences}


def packages(*listed: tuple[str, str], **more: object) -> list[dict[str, object]]:
    return [
        {"name": n, "version": v, "manager": "pypi", "record": {"sha256": A, "files": 1, "agreed": 1}, **more}
        for n, v in listed
    ]


def test_what_is_as_declared_is_no_drift() -> None:
    found = compare({"requirements.txt": "torch==2.6.0\nnumpy==1.26.4\n"})
    assert not found.differences
    assert (found.libraries, found.agreed, found.verified, found.looked) == (2, 2, 2, True)


def test_a_snapshot_against_itself_and_its_bom() -> None:
    bom = built({"x.assay-environment.json": seen_as()})
    assert not drift(bom, snapshots.read(seen_as().encode(), "x")).differences


@pytest.mark.parametrize(
    ("lock", "installed", "expected"),
    [
        ("torch==2.6.0\n", [("torch", "2.5.0")], {("other-version", "torch"): Severity.HIGH}),
        ("torch==2.6.0\nx==1\n", [("torch", "2.6.0")], {("missing-library", "x"): Severity.HIGH}),
        ("torch==2.6.0\n", [("torch", "2.6.0"), ("y", "1")], {("extra-library", "y"): Severity.LOW}),
        ("torch==2.6.0\n", [("torch", "2.6.0"), ("pip", "1")], {("extra-library", "pip"): Severity.INFO}),
        ("torch>=2.6\n", [("torch", "2.5.0")], {("other-version", "torch"): Severity.HIGH}),
        ("torch>=2.6\n", [("torch", "2.7.0")], {}),
        ("torch==2.6\n", [("torch", "2.6.0")], {}),
        ("torch==2.6.0\n", [("torch", "2.6.0+cu124")], {}),
        ("torch==2.6.0+cu121\n", [("torch", "2.6.0+cu124")], {("other-version", "torch"): Severity.HIGH}),
        ("torch==2.6.0\nx==1; sys_platform == 'win32'\n", [("torch", "2.6.0")], {}),
        ("Some_Pkg==1\n", [("some-pkg", "1")], {}),
    ],
)
def test_libraries(lock: str, installed: list[tuple[str, str]], expected: dict[tuple[str, str], Severity]) -> None:
    found = codes(compare({"requirements.txt": lock}, distributions=packages(*installed), accelerator={}))
    assert found == expected


def test_markers_and_groups_decide_what_is_needed() -> None:
    markers = {"sys_platform": "linux", "python_full_version": "3.11.7", "python_version": "3.11"}
    listed = packages(("torch", "2.6.0"), ("numpy", "1.26.4"), ("ours", "1.0"))
    found = compare({"uv.lock": UV}, distributions=listed, markers=markers)
    assert codes(found) == {("missing-library", "pytest"): Severity.LOW}  # a group; colorama is of Windows
    windows = compare({"uv.lock": UV}, distributions=listed, markers={**markers, "sys_platform": "win32"})
    assert codes(windows)["missing-library", "colorama"] == Severity.HIGH


def test_conda_against_an_environment_without_conda() -> None:
    lock = {"environment.yml": "dependencies:\n- python=3.11.7\n- pytorch==2.6.0\n- numpy==1.25.0\n"}
    found = compare(lock)
    assert codes(found) == {("other-version", "numpy"): Severity.HIGH}
    assert "conda packages" in {what for what, _ in found.blind}
    listed = [{"name": "pytorch", "version": "2.6.0", "build": "b1", "manager": "conda"}]
    assert ("missing-library", "python") in codes(compare(lock, distributions=listed))


def test_names_of_foreign_documents() -> None:
    from assaymark.bom.document import Component, Fact, Status
    from assaymark.core.graph import NodeKind

    facts = {"purl": Fact("pkg:pypi/Some__Pkg@1.0?x=y", Status.DECLARED), "version": Fact("1.0", Status.DECLARED)}
    bom = Bom("a", (Component("a", NodeKind.MODEL), Component("b", NodeKind.LIBRARY, facts)))
    seen = snapshots.read(seen_as(distributions=packages(("some-pkg", "1.0"))).encode(), "x")
    assert drift(bom, seen).agreed == 1


def test_bytes_archives_and_startup_files() -> None:
    lock = {"requirements.txt": f"torch==2.6.0 --hash=sha256:{A}\n"}
    changed = {"sha256": A, "files": 3, "agreed": 1, "changed": ["torch/x.py"], "missing": ["torch/y.py"]}
    found = codes(compare(lock, distributions=packages(("torch", "2.6.0"), record=changed, digests=[f"sha256:{B}"])))
    assert found == {
        ("changed-bytes", "torch"): Severity.HIGH,
        ("missing-files", "torch"): Severity.MEDIUM,
        ("other-archive", "torch"): Severity.HIGH,
    }
    hook = {"path": "_virtualenv.pth", "sha256": hashlib.sha256(b"import _virtualenv").hexdigest()}
    startup = [hook, {"path": "evil.pth", "sha256": A}]
    assert codes(compare(lock, startup=startup, distributions=packages(("torch", "2.6.0")))) == {
        ("startup-file", "evil.pth"): Severity.LOW,
        ("startup-file", "_virtualenv.pth"): Severity.INFO,
    }
    before = {"x.assay-environment.json": seen_as(startup=[hook])}
    assert codes(compare(before, startup=startup)) == {("startup-file", "evil.pth"): Severity.HIGH}


def test_image_runtime_driver_device_setting() -> None:
    before = {"x.assay-environment.json": seen_as()}
    found = compare(
        before,
        image={"digest": f"sha256:{B}"},
        accelerator={"cuda": {"version": "11.8", "from": "x"}, "cudnn": {"version": "9.3.0", "from": "x"}},
        drivers=[{"name": "nvidia", "version": "550.90.07", "from": "x"}],
        devices=[{"name": "NVIDIA A100", "vendor": "NVIDIA", "uuid": "GPU-2"}],
        settings={"PYTHONHASHSEED": "1", "LANG": "C"},
        python={"implementation": "CPython", "version": "3.12.1"},
    )
    assert codes(found) == {
        ("other-image", "ghcr.io/acme/train"): Severity.HIGH,
        ("other-runtime", "CUDA"): Severity.HIGH,
        ("other-runtime", "cuDNN"): Severity.MEDIUM,
        ("other-runtime", "CPython"): Severity.MEDIUM,
        ("other-driver", "nvidia"): Severity.MEDIUM,
        ("other-device", "NVIDIA H100"): Severity.MEDIUM,
        ("other-setting", "PYTHONHASHSEED"): Severity.MEDIUM,
        ("other-setting", "LANG"): Severity.LOW,
    }
    assert list(found.differences) == sorted(found.differences, key=lambda one: -one.severity)


def test_what_cannot_be_compared_is_told_and_nothing_to_compare_holds() -> None:
    contents = {"Dockerfile": f"FROM a/b@sha256:{A}\n", "package-lock.json": '{"lockfileVersion": 3, "packages": '
                '{"node_modules/a": {"version": "1"}}}'}  # fmt: skip
    found = compare(contents, image={}, verified=False)
    assert not found.looked
    assert {what for what, _ in found.blind} == {"image", "other libraries", "libraries"}


@pytest.mark.parametrize(
    "bad", [b"", b"{}", b"[]", b"[" * 99_999, b'{"schema":"assaymark/environment/v1","distributions":[1]}']
)
def test_a_snapshot_that_is_none_is_malformed(bad: bytes) -> None:
    with pytest.raises(Malformed):
        snapshots.read(bad, "x")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 1 << 60) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=80, deadline=None)
@given(key=st.sampled_from(sorted(json.loads(seen_as()))), value=JSON)
def test_any_snapshot_is_compared_or_malformed(key: str, value: Any) -> None:
    bom = built({"requirements.txt": "torch==2.6.0\n"})
    try:
        seen = snapshots.read(seen_as(**{key: value}).encode(), "x")
    except Malformed:
        return
    schema("drift-report-v1").validate(report(drift(bom, seen), "b", "e"))


# the command line


def called(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    code = run(["bom", *(str(argument) for argument in arguments)])
    said = capsys.readouterr()
    return code, said.out, said.err


def write_bom(path: Path, bom: Bom) -> Path:
    from assaymark.boms import write

    write(bom, "json", str(path))
    return path


def test_snapshot_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = called(capsys, "snapshot", "--no-verify")
    assert (code, err) == (0, "")
    document = json.loads(out)
    schema("environment-v1").validate(document)
    assert out.encode() == canonical(document) + b"\n"
    place = tmp_path / "here.assay-environment.json"
    code, out, err = called(capsys, "snapshot", "--no-verify", "-o", place)
    assert (code, out) == (0, "")
    assert "names and versions only" in err
    assert json.loads(place.read_text()) == document


def test_drift_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bom = write_bom(tmp_path / "bom.json", built({"requirements.txt": "torch==2.6.0\nnumpy==1.26.4\n"}))
    same, other = tmp_path / "same.json", tmp_path / "other.json"
    same.write_text(seen_as())
    other.write_text(seen_as(distributions=packages(("torch", "2.5.0"), ("numpy", "1.26.4"))))
    code, out, _ = called(capsys, "drift", bom, "--environment", same)
    assert (code, "no drift that matters" in out) == (0, True)
    code, out, _ = called(capsys, "drift", bom, "--environment", other, "-o", tmp_path / "report.json")
    assert code == 1
    assert "HIGH     other-version: torch 2.5.0 is installed, not 2.6.0" in out
    assert "declared in requirements.txt, line 1" in out
    schema("drift-report-v1").validate(json.loads((tmp_path / "report.json").read_text()))
    assert called(capsys, "drift", bom, "--environment", other, "--fail-on", "critical")[0] == 0
    code, out, err = called(capsys, "drift", bom, "--environment", other, "--format", "json")
    assert (code, err) == (1, "")
    schema("drift-report-v1").validate(json.loads(out))
    assert called(capsys, "drift", same, "--environment", other)[0] == 1  # two snapshots
    assert called(capsys, "drift", bom, "--here", "--environment", other)[0] == 2
    assert called(capsys, "drift", tmp_path / "none.json", "--environment", other)[0] == 2
    empty = write_bom(tmp_path / "empty.json", built({"x.txt": "x"}))
    code, out, _ = called(capsys, "drift", empty, "--environment", same)
    assert (code, "HOLD" in out) == (3, True)
    assert called(capsys, "drift", bom, "--environment", bom)[0] == 3


def test_drift_against_this_environment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    version = importlib.metadata.version("packaging")
    good = write_bom(tmp_path / "good.json", built({"requirements.txt": f"packaging=={version}\n"}))
    bad = write_bom(tmp_path / "bad.json", built({"requirements.txt": "packaging==1.0\n"}))
    assert called(capsys, "drift", good, "--no-verify")[0] == 0
    assert called(capsys, "drift", bad, "--no-verify", "--here")[0] == 1
