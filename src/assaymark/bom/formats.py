"""Every document that a BOM is read from and written as: what it is, its BOM, and back.

Read: CycloneDX 1.4 to 1.7 (JSON, XML), SPDX 2.2 and 2.3 (JSON, tag-value), SPDX 3.0.1 (JSON-LD), and `assaymark/bom/v1`.
Written: CycloneDX 1.4 to 1.7 (JSON), SPDX 3.0.1 and `assaymark/bom/v1`. Reading is bounded: 64 MiB, four million values.
"""

import json
import re
from typing import Any

from assaymark.bom.cyclonedx import VERSIONS
from assaymark.bom.document import SCHEMA, Bom
from assaymark.core import strictjson
from assaymark.core.errors import Malformed, UsageError

LIMIT = 64 << 20
"""Bytes of a document."""
VALUES = 4_000_000
"""Values of a JSON document: what memory a reader takes goes by them."""
WRITTEN = (
    "cyclonedx",
    "cyclonedx-1.4",
    "cyclonedx-1.5",
    "cyclonedx-1.6",
    "cyclonedx-1.7",
    "spdx",
    "spdx-3.0.1",
    "json",
)
_ALIASES = {"cyclonedx": "cyclonedx-1.7", "spdx": "spdx-3.0.1", "json": "assaymark"}
_SPACE = re.compile(rb'http://cyclonedx\.org/schema/bom/([0-9.]{1,8})["\']')
_CONTEXT = re.compile(r"spdx\.org/rdf/(3\.[0-9.]+?)/")


def recognise(data: bytes) -> str:
    """Which format: `cyclonedx-1.6`, `cyclonedx-xml-1.5`, `spdx-2.3`, `spdx-3.0.1`, `spdx-tag-value`, `assaymark`; raises Malformed."""
    return parse(data, "the document")[0]


def read(data: bytes, name: str) -> Bom:
    """The BOM of a document in any format; `name` is for messages. Raises Malformed with the place."""
    return of(*parse(data, name))


def of(form: str, document: dict[str, Any]) -> Bom:
    """The BOM of a document that is parsed already."""
    if form.startswith("cyclonedx"):
        from assaymark.bom.cyclonedx.read import read as read_cyclonedx

        return read_cyclonedx(document)
    if form == "assaymark":
        from assaymark.bom.neutral import from_json

        return from_json(document)
    if form.startswith("spdx-3"):
        from assaymark.bom.spdx.read3 import read as read_three

        return read_three(document)
    from assaymark.bom.spdx.read2 import read as read_two

    return read_two(document)


def parse(data: bytes, name: str) -> tuple[str, dict[str, Any]]:
    """The format, and the document as JSON: XML and tag-value in the form that their JSON has."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    if len(data) > LIMIT:
        raise Malformed(f"{name} is larger than {LIMIT >> 20} MiB; BOMs of that size are not read", offset=LIMIT)
    start = data[:4096].lstrip()
    if start.startswith(b"<"):
        return _xml(data, name)
    if start.startswith(b"{"):
        document = _json(data, name)
        return _form(document, name), document
    if re.search(rb"(?m)^SPDXVersion:", data[:65536]):
        from assaymark.bom.spdx.tagvalue import parse as parse_tags

        return "spdx-tag-value", parse_tags(_text(data, name))
    raise Malformed(
        f"{name} is no bill of materials that is read here",
        offset=0,
        step="CycloneDX (JSON, XML) and SPDX (JSON, tag-value) are",
    )


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"{name} is not UTF-8: {error.reason}", offset=error.start) from None


def _json(data: bytes, name: str) -> dict[str, Any]:
    values = data.count(b",") + data.count(b"[") + data.count(b"{")
    if values > VALUES:
        raise Malformed(f"{name} has about {values:,} values; {VALUES:,} are read at most")
    try:
        document = strictjson.loads(data, name, limit=LIMIT, floats=True)
    except Malformed as error:
        if error.offset is None:
            raise _placed(error, data, name) from None
        raise
    if not isinstance(document, dict):
        raise Malformed(f"{name} is no bill of materials: it is not an object", offset=0)
    return document


def _placed(error: Malformed, data: bytes, name: str) -> Malformed:
    """The same with the place, where it can be found."""
    from assaymark.bom.formats_place import place

    found = place(data)
    if found is None or "(char " in error.message:
        char = re.search(r"\(char ([0-9]+)\)", error.message)
        return Malformed(error.message, offset=int(char[1]) if char else None, step=error.step)
    offset, said = found
    return Malformed(f"{name} is not JSON that is read here: {said}", offset=offset, step=error.step)


def _form(document: dict[str, Any], name: str) -> str:
    if document.get("bomFormat") == "CycloneDX":
        version = _version(document.get("specVersion"), name)
        if version not in VERSIONS:
            raise Malformed(
                f"{name} is CycloneDX {version}, which is not read",
                offset=0,
                step=f"versions that are: {', '.join(VERSIONS)}",
            )
        return f"cyclonedx-{version}"
    if document.get("schema") == SCHEMA:
        return "assaymark"
    stated = document.get("spdxVersion")
    if isinstance(stated, str):
        return f"spdx-{_version(stated.removeprefix('SPDX-'), name)}"
    context = document.get("@context")
    for one in context if isinstance(context, list) else [context]:
        found = _CONTEXT.search(one) if isinstance(one, str) else None
        if found:
            return f"spdx-{_version(found[1], name)}"
    raise Malformed(
        f"{name} is no bill of materials that is read here: it has no bomFormat, spdxVersion, SPDX @context or schema of ours",
        offset=0,
    )


def _version(stated: Any, name: str) -> str:
    if isinstance(stated, str) and re.fullmatch(r"[0-9.]{1,8}", stated):
        return stated
    raise Malformed(f"{name} does not say which version of its format it has", offset=0)


def _xml(data: bytes, name: str) -> tuple[str, dict[str, Any]]:
    from assaymark.bom.cyclonedx.xml import parse as parse_xml

    document = parse_xml(data, name)
    return f"cyclonedx-xml-{document['specVersion']}", document


def write(bom: Bom, form: str) -> str:
    """The document as text, always the same for the same BOM."""
    return write_with_losses(bom, form)[0]


def write_with_losses(bom: Bom, form: str) -> tuple[str, list[str]]:
    """The text, and JSON pointers of what the format has no field for and carries in properties."""
    form = _ALIASES.get(form, form)
    lost: list[str] = []
    if form in WRITTEN and form.startswith("cyclonedx"):
        from assaymark.bom.cyclonedx.write import write_with_losses as write_cyclonedx

        document, lost = write_cyclonedx(bom, form.removeprefix("cyclonedx-"))
    elif form == "spdx-3.0.1":
        from assaymark.bom.spdx.write import write as write_spdx

        document = write_spdx(bom)
    elif form == "assaymark":
        from assaymark.bom.neutral import to_json

        document = to_json(bom)
    else:
        raise UsageError(f"no BOM is written as {form!r}", step=f"formats: {', '.join(WRITTEN)}")
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n", lost
