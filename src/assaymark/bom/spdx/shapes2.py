"""What an SPDX 2.3 document is made of (chapters 6 to 12 and its JSON form).

A class is a line of properties: `key`, `!` where it is mandatory, `*` where it is a list, and `:kind` of its values, which are
texts where none is named: another class, `flag`, `natural`, `moment`, `any`, or an enumeration.
"""

from dataclasses import dataclass
from functools import cache

_CLASSES = {
    "document": "SPDXID! spdxVersion! name! dataLicense! documentNamespace! creationInfo!:creation comment $schema "
    "annotations*:annotation externalDocumentRefs*:external hasExtractedLicensingInfos*:license revieweds*:review "
    "documentDescribes* packages*:package files*:file snippets*:snippet relationships*:relationship",
    "creation": "created!:moment creators!* licenseListVersion comment",
    "annotation": "annotationDate!:moment annotationType!:annotation-type annotator! comment!",
    "review": "reviewer reviewDate!:moment comment",
    "external": "externalDocumentId! spdxDocument! checksum!:checksum",
    "checksum": "algorithm!:algorithm checksumValue!",
    "license": "licenseId! extractedText! name comment seeAlsos* crossRefs*:any",
    "package": "SPDXID! name! downloadLocation! annotations*:annotation attributionTexts* builtDate:moment checksums*:checksum "
    "comment copyrightText description externalRefs*:reference filesAnalyzed:flag hasFiles* homepage licenseComments "
    "licenseConcluded licenseDeclared licenseInfoFromFiles* originator packageFileName packageVerificationCode:verification "
    "primaryPackagePurpose:purpose releaseDate:moment sourceInfo summary supplier validUntilDate:moment versionInfo",
    "verification": "packageVerificationCodeValue! packageVerificationCodeExcludedFiles*",
    "reference": "referenceCategory!:category referenceType! referenceLocator! comment",
    "file": "SPDXID! fileName! checksums!*:checksum annotations*:annotation artifactOfs*:any attributionTexts* comment "
    "copyrightText fileContributors* fileDependencies* fileTypes*:file-type licenseComments licenseConcluded licenseInfoInFiles* "
    "noticeText",
    "snippet": "SPDXID! snippetFromFile! ranges!*:range annotations*:annotation attributionTexts* comment copyrightText "
    "licenseComments licenseConcluded licenseInfoInSnippets* name",
    "range": "startPointer!:pointer endPointer!:pointer",
    "pointer": "reference! offset:natural lineNumber:natural",
    "relationship": "spdxElementId! relatedSpdxElement! relationshipType!:relationship-type comment",
}
ENUMS = {
    "annotation-type": frozenset({"OTHER", "REVIEW"}),
    "algorithm": frozenset(
        [
            "ADLER32",
            "BLAKE2b-256",
            "BLAKE2b-384",
            "BLAKE2b-512",
            "BLAKE3",
            "MD2",
            "MD4",
            "MD5",
            "MD6",
            "SHA1",
            "SHA224",
            "SHA256",
            "SHA3-256",
            "SHA3-384",
            "SHA3-512",
            "SHA384",
            "SHA512",
        ]
    ),
    "category": frozenset(
        {"OTHER", "PERSISTENT-ID", "PERSISTENT_ID", "SECURITY", "PACKAGE-MANAGER", "PACKAGE_MANAGER"}
    ),
    "purpose": frozenset(
        [
            "APPLICATION",
            "ARCHIVE",
            "CONTAINER",
            "DEVICE",
            "FILE",
            "FIRMWARE",
            "FRAMEWORK",
            "INSTALL",
            "LIBRARY",
            "OPERATING-SYSTEM",
            "OPERATING_SYSTEM",
            "OTHER",
            "SOURCE",
        ]
    ),
    "file-type": frozenset(
        [
            "APPLICATION",
            "ARCHIVE",
            "AUDIO",
            "BINARY",
            "DOCUMENTATION",
            "IMAGE",
            "OTHER",
            "SOURCE",
            "SPDX",
            "TEXT",
            "VIDEO",
        ]
    ),
    "relationship-type": frozenset(
        [
            "AMENDS",
            "ANCESTOR_OF",
            "BUILD_DEPENDENCY_OF",
            "BUILD_TOOL_OF",
            "CONTAINED_BY",
            "CONTAINS",
            "COPY_OF",
            "DATA_FILE_OF",
            "DEPENDENCY_MANIFEST_OF",
            "DEPENDENCY_OF",
            "DEPENDS_ON",
            "DESCENDANT_OF",
            "DESCRIBED_BY",
            "DESCRIBES",
            "DEV_DEPENDENCY_OF",
            "DEV_TOOL_OF",
            "DISTRIBUTION_ARTIFACT",
            "DOCUMENTATION_OF",
            "DYNAMIC_LINK",
            "EXAMPLE_OF",
            "EXPANDED_FROM_ARCHIVE",
            "FILE_ADDED",
            "FILE_DELETED",
            "FILE_MODIFIED",
            "GENERATED_FROM",
            "GENERATES",
            "HAS_PREREQUISITE",
            "METAFILE_OF",
            "OPTIONAL_COMPONENT_OF",
            "OPTIONAL_DEPENDENCY_OF",
            "OTHER",
            "PACKAGE_OF",
            "PATCH_APPLIED",
            "PATCH_FOR",
            "PREREQUISITE_FOR",
            "PROVIDED_DEPENDENCY_OF",
            "REQUIREMENT_DESCRIPTION_FOR",
            "RUNTIME_DEPENDENCY_OF",
            "SPECIFICATION_FOR",
            "STATIC_LINK",
            "TEST_CASE_OF",
            "TEST_DEPENDENCY_OF",
            "TEST_OF",
            "TEST_TOOL_OF",
            "VARIANT_OF",
        ]
    ),
}


@dataclass(frozen=True, slots=True)
class Property:
    """Of a class. `kind` is `text`, or as in the module's docstring."""

    mandatory: bool
    several: bool
    kind: str


@cache
def shapes() -> dict[str, dict[str, Property]]:
    """Properties by class and key."""
    return {name: dict(map(_property, line.split())) for name, line in _CLASSES.items()}


def _property(word: str) -> tuple[str, Property]:
    key, _, kind = word.partition(":")
    return key.rstrip("!*"), Property("!" in key, key.endswith("*"), kind or "text")
