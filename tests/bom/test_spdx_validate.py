"""What is found to be wrong with SPDX documents, and where."""

import copy

import pytest

from assaymark.bom.problems.codes import CODES as ALL
from assaymark.bom.spdx.codes import CODES
from assaymark.bom.spdx.validate import problems
from assaymark.bom.spdx.write import write
from tests.bom.spdx_samples import foreign, model_bom, two


def codes(document):
    return {(problem.code, problem.at) for problem in problems(document)}


def sound():
    """The foreign document without what is wrong with it."""
    document = copy.deepcopy(foreign())
    document["@context"] = document["@context"]
    document["@graph"] = [one for one in document["@graph"] if one.get("spdxId") not in {"ex:gadget", "ex:r7"}]
    return document


def place(document, name):
    return next(f"/@graph/{n}" for n, one in enumerate(document["@graph"]) if one.get("spdxId") == name)


def named(document, name):
    return next(one for one in document["@graph"] if one.get("spdxId") == name)


def test_a_sound_document_has_no_problem():
    assert codes(sound()) == set()
    assert codes(two()) == set()


def test_what_is_wrong_with_the_foreign_one():
    document = foreign()
    assert codes(document) == {("BOM001", place(document, "ex:gadget")), ("BOM033", place(document, "ex:r7"))}


MODEL = "ex:model"
CASES_3 = {
    "unknown property": (MODEL, "colour", "red", "BOM001", "/colour"),
    "list for one": (MODEL, "name", ["a"], "BOM001", "/name"),
    "one for a list": (MODEL, "ai_domain", "text", "BOM001", "/ai_domain"),
    "wrong datatype": ("ex:data", "dataset_datasetSize", -1, "BOM001", "/dataset_datasetSize"),
    "wrong value": (MODEL, "ai_autonomyType", "perhaps", "BOM001", "/ai_autonomyType"),
    "no list of none": ("ex:data", "dataset_datasetType", [], "BOM001", "/dataset_datasetType"),
    "wrong class of reference": (MODEL, "suppliedBy", "ex:data", "BOM001", "/suppliedBy"),
    "wrong class inside": (MODEL, "ai_metric", [{"type": "Hash", "algorithm": "md5", "hashValue": "0" * 32}], "BOM001", "/ai_metric/0"),
    "dangling": (MODEL, "suppliedBy", "ex:nobody", "BOM003", "/suppliedBy"),
    "no creation": (MODEL, "creationInfo", "_:nothing", "BOM003", "/creationInfo"),
    "moment": (MODEL, "releaseTime", "2024-13-01T00:00:00Z", "BOM012", "/releaseTime"),
    "digest": (
        MODEL, "verifiedUsing", [{"type": "Hash", "algorithm": "sha256", "hashValue": "abc"}], "BOM004", "/verifiedUsing/0/hashValue",
    ),
    "purl": ("ex:lib", "software_packageUrl", "pkg:nothing", "BOM005", "/software_packageUrl"),
    "no iri": ("ex:gone", "spdxId", "gone", "BOM001", ""),
    "ends": ("ex:r2", "relationshipType", "hasDeclaredLicense", "BOM032", "/from"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES_3)
def test_of_version_3(case):
    name, key, value, code, at = CASES_3[case]
    document = sound()
    if name == "ex:gone":
        document["@graph"].append({"type": "Tool", "spdxId": name, "creationInfo": "_:c"})
    where = place(document, name)
    named(document, name)[key] = value
    assert (code, where + at) in codes(document)


def test_mandatory_and_abstract():
    document = sound()
    del named(document, "ex:data")["creationInfo"]
    named(document, "ex:lib")["type"] = "Artifact"
    found = [problem.message for problem in problems(document)]
    assert "dataset_DatasetPackage has no creationInfo, which is mandatory" in found
    assert any("abstract" in message for message in found)


def test_two_of_one_name():
    document = sound()
    document["@graph"].append(copy.deepcopy(named(document, "ex:lib")))
    assert ("BOM002", f"/@graph/{len(document['@graph']) - 1}") in codes(document)


def test_a_profile_asks_for_more():
    document = sound()
    del named(document, MODEL)["releaseTime"]
    assert ("BOM031", place(document, MODEL)) in codes(document)
    named(document, "ex:doc")["profileConformance"] = ["core"]
    assert codes(document) == set()


def test_its_own_ancestor():
    document = sound()
    for name, source, target in (("ex:c1", "ex:data", "ex:lib"), ("ex:c2", "ex:lib", "ex:data")):
        document["@graph"].append({
            "type": "Relationship", "spdxId": name, "creationInfo": "_:c", "from": source, "to": [target],
            "relationshipType": "descendantOf",
        })  # fmt: skip
    assert "BOM010" in {code for code, _ in codes(document)}


CASES_2 = {
    "unknown property": (("packages", 0), "colour", "red", "BOM001", "/packages/0/colour"),
    "flag": (("packages", 0), "filesAnalyzed", "yes", "BOM001", "/packages/0/filesAnalyzed"),
    "mandatory": (("files", 0), "checksums", [], "BOM001", "/files/0"),
    "empty": (("packages", 0), "name", " ", "BOM034", "/packages/0/name"),
    "value": (("relationships", 1), "relationshipType", "LOVES", "BOM001", "/relationships/1/relationshipType"),
    "digest": (("files", 0, "checksums", 0), "checksumValue", "ab", "BOM004", "/files/0/checksums/0/checksumValue"),
    "purl": (
        ("packages", 1, "externalRefs", 0),
        "referenceLocator",
        "numpy",
        "BOM005",
        "/packages/1/externalRefs/0/referenceLocator",
    ),
    "dangling": (
        ("relationships", 1),
        "relatedSpdxElement",
        "SPDXRef-no",
        "BOM003",
        "/relationships/1/relatedSpdxElement",
    ),
    "to itself": (("relationships", 1), "relatedSpdxElement", "SPDXRef-weights", "BOM033", "/relationships/1"),
    "moment": (("creationInfo",), "created", "today", "BOM012", "/creationInfo/created"),
    "creator": (("creationInfo",), "creators", ["me"], "BOM001", "/creationInfo/creators/0"),
    "twice": (("packages", 1), "SPDXID", "SPDXRef-app", "BOM002", "/packages/1"),
    "no id": (("packages", 1), "SPDXID", "weights", "BOM001", "/packages/1"),
    "namespace": ((), "documentNamespace", "https://example.com/#a", "BOM001", "/documentNamespace"),
    "licence of the data": ((), "dataLicense", "MIT", "BOM001", "/dataLicense"),
}


@pytest.mark.parametrize("case", CASES_2)
def test_of_version_2(case):
    path, key, value, code, at = CASES_2[case]
    document = two()
    holder = document
    for one in path:
        holder = holder[one]
    holder[key] = value
    assert (code, at) in codes(document)


def test_a_long_circle_and_many_are_told_in_short():
    about = {"creationInfo": "_:c"}
    ring = [{"type": "software_Package", "spdxId": f"urn:x:{n}", **about} for n in range(3000)]
    ring += [
        {"type": "Relationship", "spdxId": f"urn:r:{n}", "from": f"urn:x:{n}", "to": [f"urn:x:{(n + 1) % 3000}", "urn:x:0"],
         "relationshipType": "dependsOn", **about}
        for n in range(3000)
    ]  # fmt: skip
    document = sound()
    document["@graph"] += ring
    told = [problem for problem in problems(document) if problem.code == "BOM009"]
    assert 0 < len(told) <= 1000 and all(len(problem.message) < 300 for problem in told)


def test_codes_are_not_those_of_others():
    assert not CODES.keys() & (ALL.keys() - CODES.keys())
    assert {problem.code for problem in problems(write(model_bom()))} <= {"BOM031"}
