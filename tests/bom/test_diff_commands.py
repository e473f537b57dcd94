"""`assay bom diff`, `merge` and `score` as people run them, on documents that we and others write."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import numpy as np
import pytest
from safetensors.numpy import save_file

from assaymark.faces.cli import run

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"


def valid(name: str, document: Any) -> None:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text("utf-8"))
    assert [error.message for error in jsonschema_rs.Draft202012Validator(schema).iter_errors(document)] == []


def model(folder: Path, seed: int, numpy: str = "2.1.0", base: str = "google-bert/bert-base-uncased") -> Path:
    folder.mkdir()
    values = np.random.default_rng(seed).normal(size=(8, 8)).astype("float32")
    save_file({"encoder.weight": values}, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps({"architectures": ["BertModel"], "model_type": "bert"}))
    (folder / "README.md").write_text(
        f"---\nlicense: apache-2.0\nbase_model: {base}\ndatasets: [stanfordnlp/imdb]\n---\n# scorer\n"
    )
    (folder / "requirements.txt").write_text(f"numpy=={numpy} --hash=sha256:{'ab12' * 16}\n")
    return folder


@pytest.fixture
def documents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """One model in three formats, and another one that came after it."""
    one = model(tmp_path / "scorer", 1)
    (tmp_path / "later").mkdir()
    other = model(tmp_path / "later" / "scorer", 2, "2.0.0", "mallory/bert")
    made = {form: str(tmp_path / f"one.{form}.json") for form in ("cyclonedx", "cyclonedx-1.6", "spdx", "json")}
    made["later"] = str(tmp_path / "later.json")
    assert (
        run(["bom", "build", str(one), *(arg for form in list(made)[:4] for arg in ("-o", f"{form}:{made[form]}"))])
        == 0
    )
    assert run(["bom", "build", str(other), "-o", f"cyclonedx:{made['later']}"]) == 0
    capsys.readouterr()
    return made


@pytest.mark.parametrize("form", ["cyclonedx-1.6", "spdx", "json"])
def test_one_model_in_two_formats_is_equal(
    documents: dict[str, str], form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["bom", "diff", documents["cyclonedx"], documents[form]]) == 0
    assert capsys.readouterr().out.startswith("no change: ")
    assert run(["bom", "diff", documents[form], documents["cyclonedx"], "--format", "json", "--fail-on", "info"]) == 0
    report = json.loads(capsys.readouterr().out)
    valid("bom-diff-v1", report)
    assert report["equal"]


def test_a_later_model_is_told_by_what_matters(documents: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bom", "diff", documents["spdx"], documents["later"], "--format", "json"]) == 1
    report = json.loads(capsys.readouterr().out)
    valid("bom-diff-v1", report)
    codes = {change["code"]: change["severity"] for change in report["changes"]}
    assert codes["weights-changed"] == "high"
    assert codes["base-changed"] == "high"
    assert codes["library-downgraded"] == "high"
    assert not {code for code in codes if "known" in code or "gap" in code}
    assert run(["bom", "diff", documents["spdx"], documents["later"], "--fail-on", "critical"]) == 0
    text = capsys.readouterr().out
    assert "google-bert/bert-base-uncased" in text
    assert text.splitlines()[-1].startswith("next: ")


def test_markdown_formats_nothing_of_a_stranger(
    documents: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(Path(documents["json"]).read_text("utf-8"))
    text = json.dumps(document).replace("scorer", "`x` | <img src=x> @all\\u202e")
    (tmp_path / "evil.json").write_text(text)
    run(["bom", "diff", str(tmp_path / "evil.json"), documents["later"], "--format", "markdown"])
    out = capsys.readouterr().out
    assert "### model" in out
    for line in (line for line in out.splitlines() if line.startswith("| **")):
        assert line.count(" | ") == 4
        outside = "".join(line.replace("``", "\0").split("\0")[::2])
        assert "<img" not in "".join(outside.split("`")[::2])
    assert "\u202e" not in out


def test_merging_one_model_in_three_formats_gives_it(
    documents: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, conflicts = tmp_path / "merged.json", tmp_path / "conflicts.json"
    paths = [documents[form] for form in ("cyclonedx", "spdx", "json")]
    assert run(["bom", "merge", *paths, "-o", str(out), "--conflicts", str(conflicts)]) == 0
    report = json.loads(conflicts.read_text("utf-8"))
    valid("bom-merge-v1", report)
    assert report["conflicts"] == []
    capsys.readouterr()
    assert run(["bom", "diff", documents["cyclonedx"], str(out), "--fail-on", "info"]) == 0, capsys.readouterr().out
    assert run(["bom", "merge", *reversed(paths), "-o", str(tmp_path / "again.json")]) == 0
    assert (tmp_path / "again.json").read_bytes() == out.read_bytes()


def test_merging_two_models_of_one_name_keeps_both_and_says_so(
    documents: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, conflicts = tmp_path / "merged.json", tmp_path / "conflicts.json"
    assert (
        run(["bom", "merge", documents["cyclonedx"], documents["later"], "-o", str(out), "--conflicts", str(conflicts)])
        == 1
    )
    report = json.loads(conflicts.read_text("utf-8"))
    valid("bom-merge-v1", report)
    assert report["conflicts"][0]["kind"] == "digest"
    assert "digests" not in capsys.readouterr().out
    assert run(["bom", "validate", str(out)]) == 0


def test_a_merge_of_what_others_wrote_keeps_its_sections(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lib = {"type": "library", "name": "numpy", "version": "2.1.0", "purl": "pkg:pypi/numpy@2.1.0"}
    one = {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "components": [{**lib, "bom-ref": "l1", "scope": "required"}],
        "vulnerabilities": [{"id": "CVE-2026-0001", "affects": [{"ref": "l1"}]}],
    }  # fmt: skip
    two = {"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": "x", "dataLicense": "CC0-1.0",
           "documentNamespace": "https://example.org/x", "creationInfo": {"created": "2026-01-01T00:00:00Z", "creators": ["Tool: syft-1"]},
           "packages": [{"SPDXID": "SPDXRef-n", "name": "numpy", "versionInfo": "2.1.0", "downloadLocation": "NOASSERTION",
                         "licenseDeclared": "BSD-3-Clause",
                         "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:pypi/numpy@2.1.0"}]}]}  # fmt: skip
    for name, document in (("one", one), ("two", two)):
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    assert (
        run(["bom", "merge", str(tmp_path / "one.json"), str(tmp_path / "two.json"), "-o", str(tmp_path / "m.json")])
        == 0
    )
    made = json.loads((tmp_path / "m.json").read_text("utf-8"))
    library = made["metadata"]["component"]
    assert "components" not in made
    assert library["purl"] == "pkg:pypi/numpy@2.1.0"
    assert "BSD-3-Clause" in json.dumps(library)
    assert library["scope"] == "required"
    assert made["vulnerabilities"][0]["affects"] == [{"ref": library["bom-ref"]}]


def test_score(documents: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bom", "score", documents["spdx"], "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    valid("bom-score-v1", report)
    by_name = {profile["profile"]: profile["verifiable"] for profile in report["profiles"]}
    assert by_name["verifiability"] > 40
    assert run(["bom", "score", documents["spdx"], "--fail-under", "99"]) == 1
    text = capsys.readouterr().out
    assert "g7-ai" in text and "assay bom" in text
    assert (
        run(["bom", "score", documents["cyclonedx"], "--profile", "g7-ai", "--format", "markdown", "--fail-under", "1"])
        == 0
    )
    assert "G7 SBOM for AI" in capsys.readouterr().out
    assert run(["bom", "score", documents["cyclonedx"], "--profile", "g8"]) == 2


def test_a_signature_raises_the_score_and_a_strangers_does_not(
    documents: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = ["--home", str(tmp_path / "home")]
    for name in ("ann", "bob"):
        assert run([*home, "key", "create", name]) == 0
    signed = str(tmp_path / "signed.json")
    assert (
        run(
            [
                *home,
                "bom",
                "sign",
                documents["cyclonedx"],
                "--model",
                str(tmp_path / "scorer"),
                "--key",
                "ann",
                "-o",
                signed,
            ]
        )
        == 0
    )
    capsys.readouterr()
    totals = []
    for arguments in (["bom", "score", documents["cyclonedx"]], [*home, "bom", "score", signed, "--key", "ann"]):
        assert run([*arguments, "--profile", "verifiability", "--format", "json"]) == 0
        totals.append(json.loads(capsys.readouterr().out)["profiles"][0]["verifiable"])
    assert totals[1] > totals[0]
    assert run([*home, "bom", "score", signed, "--key", "bob"]) == 1


def test_what_cannot_be_read(documents: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bom", "diff", str(tmp_path / "none"), documents["json"]]) == 2
    (tmp_path / "x.json").write_text("{}")
    assert run(["bom", "diff", str(tmp_path / "x.json"), documents["json"]]) == 3
    assert run(["bom", "merge", documents["json"]]) == 2
    assert run(["bom", "score", str(tmp_path / "none"), "--key", str(tmp_path / "k.pub")]) == 2
