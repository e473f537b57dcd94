"""SPDX 2.2 and 2.3, as JSON and as tag-value."""

import copy
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.bom.document import Bom, Fact, Relation, Status
from assaymark.bom.spdx import tagvalue
from assaymark.bom.spdx.read2 import read, write2
from assaymark.bom.spdx.read3 import read as read3
from assaymark.bom.spdx.terms import MEANINGS_2
from assaymark.bom.spdx.validate import problems
from assaymark.bom.spdx.write import write
from assaymark.core.errors import Malformed, UsageError
from assaymark.core.graph import EdgeKind, NodeKind
from tests.bom.spdx_samples import DIGEST, two
from tests.bom.test_spdx_read3 import mutated

TEXT = """SPDXVersion: SPDX-2.3
DataLicense: CC0-1.0
SPDXID: SPDXRef-DOCUMENT
DocumentName: sample
DocumentNamespace: https://example.com/doc
# a comment
Creator: Tool: maker-1.2.3
Creator: Person: Ada (ada@example.com)
Created: 2024-01-01T00:00:00Z
Relationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-app

PackageName: app
SPDXID: SPDXRef-app
PackageVersion: 1.0
PackageDownloadLocation: NOASSERTION
FilesAnalyzed: true
PackageVerificationCode: cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd (excludes: ./a.spdx)
PackageChecksum: SHA256: {digest}
ExternalRef: PACKAGE-MANAGER purl pkg:pypi/app@1.0
PackageLicenseConcluded: MIT
PackageLicenseDeclared: MIT
PackageLicenseInfoFromFiles: MIT
PackageCopyrightText: <text>Copyright: Ada
and: others</text>

FileName: ./run.py
SPDXID: SPDXRef-file
FileType: SOURCE
FileChecksum: SHA1: cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd
LicenseConcluded: MIT
LicenseInfoInFile: MIT
FileCopyrightText: NONE

SnippetSPDXID: SPDXRef-part
SnippetFromFileSPDXID: SPDXRef-file
SnippetByteRange: 1:9
SnippetLicenseConcluded: MIT
SnippetCopyrightText: NONE

Annotator: Person: Ada
AnnotationDate: 2024-01-01T00:00:00Z
AnnotationType: REVIEW
SPDXREF: SPDXRef-app
AnnotationComment: <text>fine</text>
""".replace("{digest}", DIGEST)


def test_json_is_understood_and_given_back():
    bom = read(two())
    assert write2(bom) == two()
    assert (bom.subject, bom.at, bom.author, bom.tools) == (
        "SPDXRef-app",
        "2024-01-01T00:00:00Z",
        "Acme",
        (("maker", "1.2.3"),),
    )
    assert {c.ref: c.kind for c in bom.components} == {
        "SPDXRef-app": NodeKind.LIBRARY,
        "SPDXRef-file": NodeKind.FILE,
        "SPDXRef-snippet": NodeKind.FILE,
        "SPDXRef-weights": NodeKind.MODEL,
    }
    assert bom.component("SPDXRef-file").hashes == {"sha256": DIGEST, "sha1": "cd" * 20}
    assert bom.component("SPDXRef-weights").text("license") == "Apache-2.0"
    assert {(r.source, r.kind, r.target) for r in bom.relations} == {
        ("SPDXRef-app", EdgeKind.HAS_DATA_FILE, "SPDXRef-weights"),
        ("SPDXRef-app", EdgeKind.DEPENDS_ON, "SPDXRef-weights"),
        ("SPDXRef-app", EdgeKind.CONTAINS, "SPDXRef-file"),
        ("SPDXRef-file", EdgeKind.CONTAINS, "SPDXRef-snippet"),
    }


@pytest.mark.parametrize("kind", sorted(MEANINGS_2))
def test_which_way_a_relationship_points(kind):
    document = two()
    document["relationships"] = [
        {"spdxElementId": "SPDXRef-app", "relationshipType": kind, "relatedSpdxElement": "SPDXRef-weights"}
    ]
    turned = kind.endswith(("_OF", "_FOR", "_BY")) and kind not in {"DESCENDANT_OF", "COPY_OF"}
    turned = turned or kind in {"GENERATES", "EXPANDED_FROM_ARCHIVE"}
    ends = ("SPDXRef-weights", "SPDXRef-app") if turned else ("SPDXRef-app", "SPDXRef-weights")
    [relation] = [one for one in read(document).relations if "SPDXRef-weights" in {one.source, one.target}]
    assert (relation.source, relation.target) == ends


def test_in_spdx_3_it_is_the_same_bom():
    assert read3(json.loads(json.dumps(write(read(two()))))) == read(two())


def test_tag_value_is_the_same_as_json():
    document = tagvalue.parse(TEXT)
    assert not [problem for problem in problems(document) if problem.error]
    [package] = document["packages"]
    assert package["copyrightText"] == "Copyright: Ada\nand: others"
    assert package["hasFiles"] == ["SPDXRef-file"] and package["annotations"][0]["comment"] == "fine"
    assert package["packageVerificationCode"]["packageVerificationCodeExcludedFiles"] == ["./a.spdx"]
    assert document["snippets"][0]["ranges"][0]["endPointer"] == {"reference": "SPDXRef-file", "offset": 9}
    assert read(document).root.text("purl") == "pkg:pypi/app@1.0"


@pytest.mark.parametrize("document", [two(), tagvalue.parse(TEXT)])
def test_spdx_tools_finds_what_we_give_back_valid(tmp_path, document):
    parse = pytest.importorskip("spdx_tools.spdx.parser.json.json_parser").parse_from_file
    validate = pytest.importorskip("spdx_tools.spdx.validation.document_validator").validate_full_spdx_document
    path = tmp_path / "sample.spdx.json"
    path.write_text(json.dumps(write2(read(document))))
    assert [message.validation_message for message in validate(parse(str(path), "utf-8"))] == []


def test_what_has_changed_is_written():
    bom = read(two())
    app = bom.component("SPDXRef-app")
    facts = {**app.facts, "purl": Fact("pkg:pypi/app@1", Status.DECLARED), "version": Fact("2", Status.DECLARED)}
    components = tuple(replace(one, facts=facts) if one == app else one for one in bom.components)
    relations = (
        *[r for r in bom.relations if r.kind is EdgeKind.CONTAINS],
        Relation("SPDXRef-weights", EdgeKind.DESCENDANT_OF, "SPDXRef-app"),
    )
    document = write2(replace(bom, components=components, relations=relations))
    assert document["packages"][0]["versionInfo"] == "2"
    assert document["packages"][0]["externalRefs"][0]["referenceLocator"] == "pkg:pypi/app@1"
    assert [one["relationshipType"] for one in document["relationships"]] == ["DESCRIBES", "DESCENDANT_OF"]
    assert {(r.source, r.kind, r.target) for r in read(document).relations} == {
        (r.source, r.kind, r.target) for r in relations
    }


def test_what_was_not_read_from_spdx_2_is_not_written_as_such():
    with pytest.raises(UsageError):
        write2(Bom("", ()))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "no SPDXVersion"),
        ("nonsense", "line 1 is no tag"),
        ("SPDXVersion: SPDX-2.3\nDocumentComment: <text>open", "has no end"),
        ("SPDXVersion: SPDX-2.3\nRelationship: a b", "line 2 has no relationship"),
        ("SPDXVersion: SPDX-2.3\nPackageName: a\nPackageChecksum: zz", "line 3 has no checksum"),
        ("SPDXVersion: SPDX-2.3\nSnippetSPDXID: a\nSnippetByteRange: " + "9" * 9999 + ":1", "line 3 has no range"),
        ("SPDXVersion: SPDX-2.3\nRelationshipComment: x", "none before it"),
    ],
)
def test_text_that_is_malformed(text, word):
    with pytest.raises(Malformed, match=word):
        tagvalue.parse(text)


def test_unknown_tags_are_kept():
    document = tagvalue.parse(TEXT + "Strange: thing\n")
    assert document["unknownTags"][0][1:] == ["Strange", "thing"]
    assert write2(read(document)) == document


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_mutations_are_read_and_given_back_or_malformed(data):
    document = mutated(data, two())
    try:
        problems(document)
        bom = read(document)
    except Malformed:
        return
    assert write2(bom) == document
    assert read3(write(bom)) == bom


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_mutated_text_is_read_or_malformed(data):
    lines = copy.copy(TEXT.split("\n"))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        lines[at : at + data.draw(st.integers(0, 2))] = data.draw(
            st.lists(st.sampled_from(lines) | st.text(max_size=20), max_size=3)
        )
        lines = lines or [""]
    try:
        document = tagvalue.parse("\n".join(lines))
        problems(document)
        assert write2(read(document)) == document
    except Malformed:
        pass
