"""SPDX 2 in tag-value form as its JSON form has it (chapters 6 to 12 of SPDX 2.3 name both).

Read line by line; a text in <text>…</text> may have several. Tags that are not known are kept as they stand in `unknownTags`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from assaymark.core.errors import Malformed

LIMIT = 64 << 20
_LINE = re.compile(r"([A-Za-z0-9]+)\s*:[ \t]*(.*)")
_CHECKSUM = re.compile(r"([A-Za-z0-9-]+)\s*:\s*([0-9A-Fa-f]+)")
_VERIFICATION = re.compile(r"([0-9A-Fa-f]+)\s*(?:\((?:excludes:?)?\s*(.*)\))?")
_DOCUMENT_REF = re.compile(r"(DocumentRef-\S+)\s+(\S+)\s+([A-Za-z0-9-]+)\s*:\s*([0-9A-Fa-f]+)")

_TEXTS = {
    "document": {
        "SPDXVersion": "spdxVersion", "DataLicense": "dataLicense", "SPDXID": "SPDXID", "DocumentName": "name",
        "DocumentNamespace": "documentNamespace", "DocumentComment": "comment",
    },
    "creationInfo": {"LicenseListVersion": "licenseListVersion", "Created": "created", "CreatorComment": "comment"},
    "package": {
        "PackageName": "name", "SPDXID": "SPDXID", "PackageVersion": "versionInfo", "PackageFileName": "packageFileName",
        "PackageSupplier": "supplier", "PackageOriginator": "originator", "PackageDownloadLocation": "downloadLocation",
        "PackageHomePage": "homepage", "PackageSourceInfo": "sourceInfo", "PackageLicenseConcluded": "licenseConcluded",
        "PackageLicenseDeclared": "licenseDeclared", "PackageLicenseComments": "licenseComments",
        "PackageCopyrightText": "copyrightText", "PackageSummary": "summary", "PackageDescription": "description",
        "PackageComment": "comment", "PrimaryPackagePurpose": "primaryPackagePurpose", "ReleaseDate": "releaseDate",
        "BuiltDate": "builtDate", "ValidUntilDate": "validUntilDate",
    },
    "file": {
        "FileName": "fileName", "SPDXID": "SPDXID", "LicenseConcluded": "licenseConcluded", "LicenseComments": "licenseComments",
        "FileCopyrightText": "copyrightText", "FileComment": "comment", "FileNotice": "noticeText",
    },
    "snippet": {
        "SnippetSPDXID": "SPDXID", "SnippetFromFileSPDXID": "snippetFromFile", "SnippetName": "name",
        "SnippetLicenseConcluded": "licenseConcluded", "SnippetLicenseComments": "licenseComments",
        "SnippetCopyrightText": "copyrightText", "SnippetComment": "comment",
    },
    "license": {
        "LicenseID": "licenseId", "ExtractedText": "extractedText", "LicenseName": "name", "LicenseComment": "comment",
    },
    "annotation": {"Annotator": "annotator", "AnnotationDate": "annotationDate", "AnnotationComment": "comment",
                   "AnnotationType": "annotationType"},
    "review": {"Reviewer": "reviewer", "ReviewDate": "reviewDate", "ReviewComment": "comment"},
}  # fmt: skip
"""Tag -> key, for tags whose value is one text."""
_MANY = {
    "Creator": "creators", "FileType": "fileTypes", "LicenseInfoInFile": "licenseInfoInFiles", "FileContributor": "fileContributors",
    "FileAttributionText": "attributionTexts", "PackageAttributionText": "attributionTexts",
    "SnippetAttributionText": "attributionTexts", "PackageLicenseInfoFromFiles": "licenseInfoFromFiles",
    "LicenseInfoInSnippet": "licenseInfoInSnippets", "LicenseCrossReference": "seeAlsos", "FileDependency": "fileDependencies",
}  # fmt: skip
"""Tag -> key of a list of texts."""
_STARTS = {"PackageName": "package", "FileName": "file", "SnippetSPDXID": "snippet", "LicenseID": "license",
           "Annotator": "annotation", "Reviewer": "review"}  # fmt: skip
_ROOMS = {
    "package": "packages",
    "file": "files",
    "snippet": "snippets",
    "license": "hasExtractedLicensingInfos",
    "review": "revieweds",
}


@dataclass(slots=True)
class _State:
    document: dict[str, Any] = field(default_factory=dict)
    section: str = "document"
    entry: dict[str, Any] = field(default_factory=dict)
    package: dict[str, Any] | None = None
    annotated: dict[str, dict[str, Any]] = field(default_factory=dict)
    contained: list[tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=list)
    loose: list[dict[str, Any]] = field(default_factory=list)


def parse(text: str) -> dict[str, Any]:
    """The document in JSON form; raises Malformed with the line where one is no tag."""
    if len(text) > LIMIT:
        raise Malformed(f"the tag-value document has {len(text):,} characters, at most {LIMIT:,} are read")
    state = _State()
    state.entry = state.document
    for number, tag, value in _lines(text):
        if tag in _STARTS:
            _start(state, _STARTS[tag])
        _set(state, tag, value, number)
    for package, file in state.contained:
        if "SPDXID" in file:
            package.setdefault("hasFiles", []).append(file["SPDXID"])
    _hand_out(state)
    if not state.document.get("spdxVersion"):
        raise Malformed("the tag-value document has no SPDXVersion", step="its first line is SPDXVersion: SPDX-2.3")
    return state.document


def _lines(text: str) -> Iterator[tuple[int, str, str]]:
    """Line number, tag and value."""
    lines = iter(enumerate(text.removeprefix("\ufeff").split("\n"), 1))
    for number, line in lines:
        line = line.rstrip("\r")  # noqa: PLW2901 - the same line, less its end
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.match(line.lstrip())
        if not match:
            raise Malformed(f"line {number} is no tag with a value: {line.strip()[:60]!r}")
        tag, value = match[1], match[2].strip()
        if value.startswith("<text>"):
            value = _several(value.removeprefix("<text>"), lines, number)
        yield number, tag, value


def _several(first: str, lines: Iterator[tuple[int, str]], number: int) -> str:
    parts = [first]
    while "</text>" not in parts[-1]:
        following = next(lines, None)
        if following is None:
            raise Malformed(f"the <text> of line {number} has no end")
        parts.append(following[1].rstrip("\r"))
    parts[-1] = parts[-1].partition("</text>")[0]
    return "\n".join(parts)


def _start(state: _State, section: str) -> None:
    state.section, state.entry = section, {}
    if section in _ROOMS:
        state.document.setdefault(_ROOMS[section], []).append(state.entry)
    else:
        state.loose.append(state.entry)
    if section == "package":
        state.package = state.entry
    elif section == "file" and state.package is not None:
        state.contained.append((state.package, state.entry))


def _set(state: _State, tag: str, value: str, number: int) -> None:
    section = state.section
    if tag in _SPECIAL:
        _SPECIAL[tag](state, value, number)
        return
    if tag in _TEXTS["creationInfo"]:
        state.document.setdefault("creationInfo", {})[_TEXTS["creationInfo"][tag]] = value
    elif tag in _TEXTS["document"] and tag != "SPDXID":
        state.document[_TEXTS["document"][tag]] = value
    elif tag in _TEXTS[section]:
        state.entry[_TEXTS[section][tag]] = value
        if tag.endswith("SPDXID"):
            state.annotated[value] = state.entry
    elif tag == "Creator":
        state.document.setdefault("creationInfo", {}).setdefault("creators", []).append(value)
    elif tag in _MANY:
        state.entry.setdefault(_MANY[tag], []).append(value)
    else:
        state.document.setdefault("unknownTags", []).append([number, tag, value])


def _checksum(state: _State, value: str, number: int) -> None:
    match = _CHECKSUM.fullmatch(value)
    if not match:
        raise Malformed(f"line {number} has no checksum as ALGORITHM: digits")
    state.entry.setdefault("checksums", []).append({"algorithm": match[1], "checksumValue": match[2]})


def _external(state: _State, value: str, number: int) -> None:
    parts = value.split(None, 2)
    if len(parts) != 3:
        raise Malformed(f"line {number} has no reference as CATEGORY type locator")
    category = parts[0].replace("_", "-")
    made = {"referenceCategory": category, "referenceType": parts[1], "referenceLocator": parts[2]}
    state.entry.setdefault("externalRefs", []).append(made)


def _external_comment(state: _State, value: str, number: int) -> None:
    if not state.entry.get("externalRefs"):
        raise Malformed(f"line {number} has a comment on a reference, and there is none before it")
    state.entry["externalRefs"][-1]["comment"] = value


def _relationship(state: _State, value: str, number: int) -> None:
    parts = value.split()
    if len(parts) != 3:
        raise Malformed(f"line {number} has no relationship as ID TYPE ID")
    made = {"spdxElementId": parts[0], "relationshipType": parts[1], "relatedSpdxElement": parts[2]}
    state.document.setdefault("relationships", []).append(made)


def _relationship_comment(state: _State, value: str, number: int) -> None:
    if not state.document.get("relationships"):
        raise Malformed(f"line {number} has a comment on a relationship, and there is none before it")
    state.document["relationships"][-1]["comment"] = value


def _document_ref(state: _State, value: str, number: int) -> None:
    match = _DOCUMENT_REF.fullmatch(value)
    if not match:
        raise Malformed(f"line {number} has no document as DocumentRef-ID IRI ALGORITHM: digits")
    checksum = {"algorithm": match[3], "checksumValue": match[4]}
    made = {"externalDocumentId": match[1], "spdxDocument": match[2], "checksum": checksum}
    state.document.setdefault("externalDocumentRefs", []).append(made)


def _analyzed(state: _State, value: str, number: int) -> None:
    if value.lower() not in {"true", "false"}:
        raise Malformed(f"line {number}: FilesAnalyzed is true or false")
    state.entry["filesAnalyzed"] = value.lower() == "true"


def _verification(state: _State, value: str, number: int) -> None:
    match = _VERIFICATION.fullmatch(value)
    if not match:
        raise Malformed(f"line {number} has no verification code")
    made: dict[str, Any] = {"packageVerificationCodeValue": match[1]}
    if match[2]:
        made["packageVerificationCodeExcludedFiles"] = [one.strip() for one in match[2].split(",")]
    state.entry["packageVerificationCode"] = made


def _range(pointer: str) -> Callable[[_State, str, int], None]:
    def put(state: _State, value: str, number: int) -> None:
        start, colon, end = value.partition(":")
        if not colon or not (start.strip().isdecimal() and end.strip().isdecimal()) or len(value) > 40:
            raise Malformed(f"line {number} has no range as FIRST:LAST")
        file = state.entry.get("snippetFromFile", "")
        ends = [{"reference": file, pointer: int(one)} for one in (start, end)]
        state.entry.setdefault("ranges", []).append({"startPointer": ends[0], "endPointer": ends[1]})

    return put


def _annotated(state: _State, value: str, _: int) -> None:
    state.entry["SPDXREF"] = value


_SPECIAL: dict[str, Callable[[_State, str, int], None]] = {
    "PackageChecksum": _checksum,
    "FileChecksum": _checksum,
    "ExternalRef": _external,
    "ExternalRefComment": _external_comment,
    "Relationship": _relationship,
    "RelationshipComment": _relationship_comment,
    "ExternalDocumentRef": _document_ref,
    "FilesAnalyzed": _analyzed,
    "PackageVerificationCode": _verification,
    "SnippetByteRange": _range("offset"),
    "SnippetLineRange": _range("lineNumber"),
    "SPDXREF": _annotated,
}


def _hand_out(state: _State) -> None:
    """Annotations to what they are about; to the document where that is not here."""
    for annotation in state.loose:
        about = annotation.pop("SPDXREF", "")
        target = state.annotated.get(about, state.document)
        target.setdefault("annotations", []).append(annotation)
        if target is state.document and about not in {"", state.document.get("SPDXID")}:
            annotation["spdxElementId"] = about
