"""VEX documents: deterministic, valid, and never more than is known."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import numpy as np
import pytest
from safetensors.numpy import save_file

from assaymark import boms
from assaymark.bom import formats, vex
from assaymark.bom.validate import validate
from assaymark.bom.vex import Said, Stand
from assaymark.containing_vex import _is_whole

AT = "2026-11-24T10:00:00Z"
SAID = [
    Said("fraud/scorer@2", "assaymark-manifest-v1:" + "2" * 64, Stand.NOT_AFFECTED, "proven"),
    Said("fraud/scorer@1", "assaymark-manifest-v1:" + "1" * 64, Stand.AFFECTED, "", "do not load it"),
    Said("fraud/scorer@3", "assaymark-manifest-v1:" + "3" * 64, Stand.UNDER_INVESTIGATION, "unknown"),
]
STATEMENT: dict[str, Any] = {
    "type": "object",
    "required": ["vulnerability", "products", "status"],
    "properties": {
        "vulnerability": {"type": "object", "required": ["name"]},
        "timestamp": {"type": "string", "format": "date-time"},
        "products": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["@id"]}},
        "status": {"enum": ["not_affected", "affected", "fixed", "under_investigation"]},
        "justification": {
            "enum": [
                "component_not_present", "vulnerable_code_not_present", "vulnerable_code_not_in_execute_path",
                "vulnerable_code_cannot_be_controlled_by_adversary", "inline_mitigations_already_exist",
            ]
        },
    },
    "allOf": [
        {
            "if": {"properties": {"status": {"const": "not_affected"}}},
            "then": {"anyOf": [{"required": ["justification"]}, {"required": ["impact_statement"]}]},
        },
        {"if": {"properties": {"status": {"const": "affected"}}}, "then": {"required": ["action_statement"]}},
    ],
}  # fmt: skip
SCHEMA = {
    "type": "object",
    "required": ["@context", "@id", "author", "timestamp", "version", "statements"],
    "properties": {
        "@context": {"const": "https://openvex.dev/ns/v0.2.0"},
        "version": {"type": "integer", "minimum": 1},
        "statements": {"type": "array", "minItems": 1, "items": STATEMENT},
    },
}
"""From the text of the OpenVEX specification 0.2.0."""


def test_openvex_is_as_the_specification_says() -> None:
    document = vex.openvex("CVE-2026-1234", SAID, AT, "acme")
    jsonschema_rs.validate(SCHEMA, document)
    assert [one["status"] for one in document["statements"]] == ["affected", "not_affected", "under_investigation"]


def test_cyclonedx_is_valid() -> None:
    document = vex.cyclonedx("CVE-2026-1234", SAID, AT, "acme")
    assert [
        problem for problem in validate(document, "cyclonedx-1.6") if problem.severity.name not in {"INFO", "LOW"}
    ] == []


def test_cyclonedx_is_read_by_another_library() -> None:
    from cyclonedx.model.bom import Bom

    document = vex.cyclonedx("CVE-2026-1234", SAID, AT, "acme")
    found = Bom.from_json(document)
    assert sorted(one.analysis.state.value for one in found.vulnerabilities) == [
        "exploitable", "in_triage", "not_affected",
    ]  # fmt: skip


@pytest.mark.parametrize("write", [vex.openvex, vex.cyclonedx])
def test_the_same_is_the_same_whatever_the_order(write: Any) -> None:
    one, other = (json.dumps(write("x", said, AT, "acme")) for said in (SAID, SAID[::-1]))
    assert one == other
    assert one != json.dumps(write("y", SAID, AT, "acme"))


LOCKED = "numpy==1.26.4 --hash=sha256:" + "0" * 64 + "\n"
SCRATCH = "---\nlicense: mit\n---\n# x\n## Training\nThe model was trained from scratch.\n"


@pytest.mark.parametrize(
    ("files", "whole"),
    [
        ({}, True),
        ({"requirements.txt": "numpy\n"}, False),
        ({"requirements.txt": LOCKED + "torch>=2\n"}, False),
        ({"requirements.txt": ""}, False),
        ({"README.md": SCRATCH.replace("trained", "not trained")}, False),
        ({"README.md": "---\nbase_model: org/base\n---\n" + SCRATCH}, False),
        ({"README.md": "# x\n"}, False),
        ({"Dockerfile": "FROM nvcr.io/nvidia/pytorch@sha256:" + "d" * 64 + "\n"}, False),
    ],
)
def test_absence_is_proven_by_a_bill_without_holes(tmp_path: Path, files: dict[str, str], whole: bool) -> None:
    save_file({"w": np.zeros((4, 4), np.float32)}, tmp_path / "model.safetensors")
    for name, text in ({"requirements.txt": LOCKED, "README.md": SCRATCH} | files).items():
        (tmp_path / name).write_text(text)
    document = boms.render(boms.build(str(tmp_path)), "cyclonedx")
    assert _is_whole(formats.read(document.encode(), "bom.json")) is whole
