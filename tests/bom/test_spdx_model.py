"""The vendored table of SPDX 3.0.1 is what the bindings of the SPDX project say."""

import importlib.util
from importlib.resources import files
from pathlib import Path

import pytest

from assaymark.bom.spdx.model import compact, model


def test_the_table_is_what_the_script_makes():
    pytest.importorskip("spdx_python_model")
    path = Path(__file__).parents[2] / "scripts" / "spdx_model.py"
    spec = importlib.util.spec_from_file_location("spdx_model", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert (files("assaymark.bom.spdx") / "schema/model-3.0.1.json").read_text("utf-8") == script.text()


def test_inheritance():
    shape = model().shapes["ai_AIPackage"]
    assert {"Element", "Artifact", "software_Package"} <= shape.ancestors
    assert shape.properties["creationInfo"].least == 1
    assert model().is_a("dataset_DatasetPackage", "Artifact") and not model().is_a("no such", "Artifact")


@pytest.mark.parametrize(
    ("long", "short"),
    [
        ("https://spdx.org/rdf/3.0.1/terms/Software/Package", "software_Package"),
        ("https://spdx.org/rdf/3.0.0/terms/Core/Relationship", "Relationship"),
        ("spdx:AI/AIPackage", "ai_AIPackage"),
        ("https://spdx.org/rdf/3.0.1/terms/Core/RelationshipType/contains", "contains"),
        ("contains", "contains"),
    ],
)
def test_names_are_shortened_as_the_context_does(long, short):
    assert compact(long) == short
