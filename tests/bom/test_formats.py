"""Which documents are read as a BOM, and how what is none is refused."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.bom.formats import LIMIT, parse, read, recognise, write
from assaymark.core.errors import AssayError, Malformed, UsageError
from tests.bom.boms_at_random import model_bom
from tests.bom.cyclonedx_documents import XML, foreign


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (json.dumps(foreign("1.5")).encode(), "cyclonedx-1.5"),
        (b"\xef\xbb\xbf" + json.dumps(foreign("1.4")).encode(), "cyclonedx-1.4"),
        (XML.encode(), "cyclonedx-xml-1.6"),
        (b'  \n{"spdxVersion": "SPDX-2.3"}', "spdx-2.3"),
        (b'{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": []}', "spdx-3.0.1"),
        (b"SPDXVersion: SPDX-2.3\nDataLicense: CC0-1.0\nSPDXID: SPDXRef-DOCUMENT\n", "spdx-tag-value"),
        (write(model_bom(), "json").encode(), "assaymark"),
    ],
)
def test_formats_are_recognised_by_content(data: bytes, form: str) -> None:
    assert recognise(data) == form


@pytest.mark.parametrize("form", ["json", "cyclonedx", "cyclonedx-1.6", "cyclonedx-1.7", "spdx"])
def test_what_is_written_is_read_as_the_same(form: str) -> None:
    text = write(model_bom(), form)
    assert text == write(model_bom(), form)
    assert read(text.encode(), "bom") == model_bom()


def test_a_format_that_is_not_written() -> None:
    with pytest.raises(UsageError, match="no BOM is written as"):
        write(model_bom(), "spdx-2.3")


@pytest.mark.parametrize(
    ("data", "what", "offset"),
    [
        (b"", "no bill of materials", 0),
        (b"hello", "no bill of materials", 0),
        (b"{}", "no bomFormat", 0),
        (b'{"bomFormat": "CycloneDX"}', "which version", 0),
        (b'{"bomFormat": "CycloneDX", "specVersion": {}}', "which version", 0),
        (b'{"bomFormat": "CycloneDX", "specVersion": "1.2"}', "CycloneDX 1.2, which is not read", 0),
        (b'{"bomFormat": "CycloneDX", "specVersion": "2.0"}', "CycloneDX 2.0, which is not read", 0),
        (b'{"a": 1, "a": 2}', 'line 1: the key "a" stands there twice', 9),
        (b'{"a": {"b": 1,\n"c": 1, "c": 2}}', 'line 2: the key "c" stands there twice', 23),
        (b'{"a": ' + b"9" * 5000 + b"}", "beyond 2\\^53", 6),
        (b'{"a": -9007199254740993}', "beyond 2\\^53", 6),
        (b'{"a": 1e999}', "1e999", 6),
        (b'{"a": NaN}', "NaN", 6),
        (b'{"a": -Infinity}', "Infinity", 6),
        (b'{"a": "\xff"}', "not UTF-8", 7),
        (b'{"a": [', "Expecting value", 7),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "deeper than 64", 69),
        (b'{"a": "' + b"x" * LIMIT + b'"}', "larger than 64 MiB", LIMIT),
        (b'{"a": [' + b"[]," * 4_000_001 + b"1]}", "values", None),
        ('{"bomFormat": "CycloneDX"}'.encode("utf-16"), "no bill of materials", 0),
    ],
)
def test_what_is_not_read_is_said_with_its_place(data: bytes, what: str, offset: int | None) -> None:
    with pytest.raises(Malformed, match=what) as raised:
        parse(data, "bom.json")
    assert raised.value.offset == offset


def test_a_million_references_are_read_in_one_pass() -> None:
    count = 200_000
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "components": [{"type": "library", "name": "a", "bom-ref": "a"}],
        "dependencies": [{"ref": "a", "dependsOn": [f"x{number}" for number in range(count)]}],
    }
    text = json.dumps(document)
    bom = read(text.encode(), "bom.json")
    assert json.loads(write(bom, "cyclonedx-1.6")) == document


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=40), place=st.integers(0, 2000), cut=st.integers(0, 40))
@pytest.mark.parametrize("valid", [XML.encode(), json.dumps(foreign("1.7")).encode()], ids=["xml", "json"])
def test_a_document_with_other_bytes_in_it_is_read_or_refused(valid: bytes, data: bytes, place: int, cut: int) -> None:
    try:
        read(valid[:place] + data + valid[place + cut :], "bom")
    except AssayError as error:
        assert isinstance(error, Malformed)


@pytest.mark.parametrize("valid", [XML.encode(), json.dumps(foreign("1.4")).encode()], ids=["xml", "json"])
def test_a_document_that_is_cut_off_is_refused(valid: bytes) -> None:
    body = valid.rstrip()
    for size in range(0, len(body), 7):
        with pytest.raises(Malformed):
            read(body[:size], "bom")
