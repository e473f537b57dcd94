"""Records that speak of a model, for certain or possibly."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from assaymark.core.errors import Malformed
from assaymark.core.finding import Severity
from assaymark.core.verdict import Outcome
from assaymark.model.origin.incidents import Match, Thing, match, read_advisories
from tests.model.origin.makers import CARD, adapter, examine, ids, llama

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def record(**fields: Any) -> bytes:
    return json.dumps({"id": "INC-1", "summary": "weights with a backdoor", **fields}).encode()


def matched(data: bytes, thing: Thing) -> list[Match]:
    return [incident.match for incident in match(read_advisories(data, "a.json"), [thing])]


def test_digest_and_revision_are_certain_names_are_not() -> None:
    digest = "a" * 64
    thing = Thing("model", "Acme/Net", COMMIT, frozenset({f"sha256:{digest}"}))
    assert matched(record(digest=digest), thing) == [Match.EXACT]
    assert matched(record(digest=[f"sha256:{digest.upper()}"]), thing) == [Match.EXACT]
    assert matched(record(purl=f"pkg:huggingface/acme/net@{COMMIT}"), thing) == [Match.EXACT]
    assert matched(record(purl="pkg:huggingface/acme/net"), thing) == [Match.POSSIBLE]
    assert matched(record(purl=f"pkg:huggingface/acme/net@{'b' * 40}"), thing) == []
    assert matched(record(purl="pkg:huggingface/acme/network"), thing) == []
    assert matched(record(purl="pkg:pypi/net"), thing) == []
    assert matched(record(publisher="acme"), Thing("publisher", "Acme")) == [Match.POSSIBLE]


def test_osv_records() -> None:
    osv = {
        "id": "OSV-2026-1", "details": "x", "database_specific": {"severity": "MODERATE"}, "references": [{"type": "WEB", "url": "https://x.test/1"}],
        "affected": [{"package": {"ecosystem": "Hugging Face", "name": "acme/net"}, "versions": [COMMIT]}],
    }  # fmt: skip
    (advisory,) = read_advisories(json.dumps(osv).encode(), "osv.json")
    assert advisory.severity is Severity.MEDIUM
    assert advisory.url == "https://x.test/1"
    assert advisory.purls == (f"pkg:huggingface/acme/net@{COMMIT}",)
    assert read_advisories(json.dumps(osv | {"withdrawn": "2026-01-01T00:00:00Z"}).encode(), "osv.json") == []
    assert len(read_advisories(json.dumps({"vulns": [osv, osv]}).encode(), "osv.json")) == 2
    assert len(read_advisories((json.dumps(osv) + "\n" + json.dumps(osv)).encode(), "osv.jsonl")) == 2


@pytest.mark.parametrize("data", [b"", b"[]x", b"[1]", b'{"id": 4}', b'{"a": 1}', b"\xff", b'[{"id": "x", "id": "y"}]'])
def test_what_is_no_record(data: bytes) -> None:
    with pytest.raises(Malformed):
        read_advisories(data, "a.json")


def test_strange_types_are_passed_over() -> None:
    for fields in (
        {"affected": 3},
        {"affected": [3]},
        {"affected": [{"package": []}]},
        {"digest": {"a": 1}},
        {"severity": [{"type": "CVSS_V3", "score": "x"}]},
        {"references": [1]},
        {"affected": [{"package": {"name": 3}, "database_specific": 4}]},
    ):
        assert len(read_advisories(record(**fields), "a.json")) == 1


def test_mdl244_bad_these_very_bytes(tmp_path: Path) -> None:
    folder = llama(tmp_path / "net")
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "a.json").write_bytes(record(digest=digest, severity="critical"))
    found = examine(folder, advisories=[str(tmp_path / "records")])
    assert ids(found) == {"MDL244"}
    assert found.report.verdict.outcome is Outcome.DENY
    assert found.document["incidents"][0]["by"] == f"sha256:{digest}"


def test_mdl244_good_the_folder_s_own_digest_only(tmp_path: Path) -> None:
    folder = llama(tmp_path / "net")
    manifest = examine(folder).document["subject"]["digest"]
    (tmp_path / "a.json").write_bytes(record(digest=manifest))
    assert "MDL244" in ids(examine(folder, advisories=[str(tmp_path / "a.json")]))
    (tmp_path / "a.json").write_bytes(record(digest="c" * 64, purl="pkg:huggingface/other/thing"))
    assert ids(examine(folder, advisories=[str(tmp_path / "a.json")])) == set()


def test_mdl245_bad_the_base_s_name(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(record(purl="pkg:huggingface/acme/base"))
    folder = adapter(tmp_path / "net")
    (folder / "README.md").write_text(CARD)
    found = examine(folder, advisories=[str(tmp_path / "a.json")])
    assert ids(found) == {"MDL245"}
    assert found.report.verdict.outcome is Outcome.ALLOW
    assert "possibly" in found.report.findings[0].message


def test_mdl245_good_a_base_that_only_sounds_alike(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(record(purl="pkg:huggingface/acme/bases"))
    assert "MDL245" not in ids(examine(adapter(tmp_path / "net"), advisories=[str(tmp_path / "a.json")]))


def test_the_base_s_bytes(tmp_path: Path) -> None:
    base = llama(tmp_path / "base")
    digest = hashlib.sha256((base / "model.safetensors").read_bytes()).hexdigest()
    (tmp_path / "a.json").write_bytes(record(digest=digest))
    found = examine(llama(tmp_path / "net", noise=0.002), base=str(base), advisories=[str(tmp_path / "a.json")])
    assert found.document["incidents"][0]["about"] == "base"
    assert "MDL244" in ids(found)
