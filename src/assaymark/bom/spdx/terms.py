"""What SPDX calls what the neutral BOM has: classes and purposes of components, types of relationships, names of digests.

Directions are those of core.graph: from what consumed to what was consumed. `turned` marks types that say it the other way round.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from assaymark.core.graph import EdgeKind, NodeKind

AI, DATASET, PACKAGE, FILE, BUILD = (
    "ai_AIPackage",
    "dataset_DatasetPackage",
    "software_Package",
    "software_File",
    "build_Build",
)
CLASSES: Mapping[NodeKind, tuple[str, str]] = {
    NodeKind.MODEL: (AI, "model"),
    NodeKind.DATA: (DATASET, "data"),
    NodeKind.LIBRARY: (PACKAGE, "library"),
    NodeKind.ENVIRONMENT: (PACKAGE, "manifest"),
    NodeKind.IMAGE: (PACKAGE, "container"),
    NodeKind.PLATFORM: (PACKAGE, "platform"),
    NodeKind.DEVICE: (PACKAGE, "device"),
    NodeKind.DRIVER: (PACKAGE, "deviceDriver"),
    NodeKind.TOOL: (PACKAGE, "application"),
    NodeKind.RUN: (BUILD, ""),
    NodeKind.FILE: (FILE, ""),
    NodeKind.PARTY: ("Agent", ""),
    NodeKind.DEPLOYMENT: (PACKAGE, "install"),
}
"""Class and primary purpose of a component."""
PURPOSES: Mapping[str, NodeKind] = {
    "model": NodeKind.MODEL,
    "data": NodeKind.DATA,
    "container": NodeKind.IMAGE,
    "operatingSystem": NodeKind.PLATFORM,
    "platform": NodeKind.PLATFORM,
    "device": NodeKind.DEVICE,
    "deviceDriver": NodeKind.DRIVER,
    "firmware": NodeKind.DRIVER,
    "manifest": NodeKind.ENVIRONMENT,
}
"""What a package of such a purpose is; any other one is a library."""
_PURLS = {"huggingface": NodeKind.MODEL, "mlflow": NodeKind.MODEL, "oci": NodeKind.IMAGE, "docker": NodeKind.IMAGE}
HOSTS = frozenset({NodeKind.IMAGE, NodeKind.PLATFORM, NodeKind.DEVICE, NodeKind.DRIVER})
HASHES: Mapping[str, str] = {
    "sha256": "sha256",
    "sha384": "sha384",
    "sha512": "sha512",
    "sha1": "sha1",
    "md5": "md5",
    "sha3_256": "sha3-256",
    "sha3_384": "sha3-384",
    "sha3_512": "sha3-512",
    "blake2b256": "blake2b-256",
    "blake3": "blake3",
}
"""HashAlgorithm of SPDX 3, and the fact."""
HASHES_2: Mapping[str, str] = {
    "SHA256": "sha256",
    "SHA384": "sha384",
    "SHA512": "sha512",
    "SHA1": "sha1",
    "MD5": "md5",
    "SHA3-256": "sha3-256",
    "SHA3-384": "sha3-384",
    "SHA3-512": "sha3-512",
    "BLAKE2b-256": "blake2b-256",
    "BLAKE3": "blake3",
}
"""The same of SPDX 2."""
LENGTHS: Mapping[str, int] = {
    "md2": 32,
    "md4": 32,
    "md5": 32,
    "sha1": 40,
    "sha224": 56,
    "sha256": 64,
    "sha384": 96,
    "sha512": 128,
    "sha3_224": 56,
    "sha3_256": 64,
    "sha3_384": 96,
    "sha3_512": 128,
    "blake2b256": 64,
    "blake2b384": 96,
    "blake2b512": 128,
    "adler32": 8,
}
"""Hexadecimal digits of a digest (BLAKE3 and MD6 have any number)."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """A type of relationship in the words of the neutral BOM."""

    kind: EdgeKind
    how: str = ""
    turned: bool = False


WRITTEN: Mapping[EdgeKind, str] = {
    EdgeKind.TRAINED_ON: "trainedOn",
    EdgeKind.TESTED_ON: "testedOn",
    EdgeKind.DESCENDANT_OF: "descendantOf",
    EdgeKind.DEPENDS_ON: "dependsOn",
    EdgeKind.CONTAINS: "contains",
    EdgeKind.HAS_DATA_FILE: "hasDataFile",
    EdgeKind.USES_TOOL: "usesTool",
    EdgeKind.HAS_INPUT: "hasInput",
    EdgeKind.GENERATED_BY: "generates",
    EdgeKind.RUNS_ON: "hasHost",
    EdgeKind.SUPPLIED_BY: "availableFrom",
    EdgeKind.DEPLOYED_AS: "other",
}
FROM_BUILD: Mapping[EdgeKind, str] = {EdgeKind.RUNS_ON: "hasPrerequisite", EdgeKind.HAS_INPUT: "other"}
"""SPDX has these relationships for a Build alone: what stands for them from anything else."""
DESCRIBED = frozenset({"other", "hasPrerequisite"})
"""Types whose `description` may name the kind of edge."""
MEANINGS: Mapping[str, Meaning] = {
    "trainedOn": Meaning(EdgeKind.TRAINED_ON),
    "testedOn": Meaning(EdgeKind.TESTED_ON),
    "descendantOf": Meaning(EdgeKind.DESCENDANT_OF),
    "ancestorOf": Meaning(EdgeKind.DESCENDANT_OF, turned=True),
    "copiedTo": Meaning(EdgeKind.DESCENDANT_OF, "copy", turned=True),
    "dependsOn": Meaning(EdgeKind.DEPENDS_ON),
    "hasPrerequisite": Meaning(EdgeKind.DEPENDS_ON, "prerequisite"),
    "hasRequirement": Meaning(EdgeKind.DEPENDS_ON, "requirement"),
    "hasOptionalDependency": Meaning(EdgeKind.DEPENDS_ON, "optional"),
    "hasProvidedDependency": Meaning(EdgeKind.DEPENDS_ON, "provided"),
    "hasDynamicLink": Meaning(EdgeKind.DEPENDS_ON, "dynamic-link"),
    "hasStaticLink": Meaning(EdgeKind.DEPENDS_ON, "static-link"),
    "hasDependencyManifest": Meaning(EdgeKind.DEPENDS_ON, "manifest"),
    "contains": Meaning(EdgeKind.CONTAINS),
    "hasOptionalComponent": Meaning(EdgeKind.CONTAINS, "optional"),
    "expandsTo": Meaning(EdgeKind.CONTAINS, "expanded"),
    "hasDistributionArtifact": Meaning(EdgeKind.CONTAINS, "distribution"),
    "packagedBy": Meaning(EdgeKind.CONTAINS, "packaged", turned=True),
    "hasDataFile": Meaning(EdgeKind.HAS_DATA_FILE),
    "usesTool": Meaning(EdgeKind.USES_TOOL),
    "hasInput": Meaning(EdgeKind.HAS_INPUT),
    "generates": Meaning(EdgeKind.GENERATED_BY, turned=True),
    "hasOutput": Meaning(EdgeKind.GENERATED_BY, "output", turned=True),
    "hasHost": Meaning(EdgeKind.RUNS_ON),
    "availableFrom": Meaning(EdgeKind.SUPPLIED_BY),
}
SCOPES: Mapping[EdgeKind, Mapping[str, str]] = {
    EdgeKind.RUNS_ON: {"training": "development", "serving": "runtime"},
    EdgeKind.DEPENDS_ON: {name: name for name in ("build", "design", "development", "runtime", "test")},
}
"""How a relation is refined, and the LifecycleScopeType that says so."""
MEANINGS_2: Mapping[str, Meaning] = {
    "DEPENDS_ON": Meaning(EdgeKind.DEPENDS_ON),
    "DEPENDENCY_OF": Meaning(EdgeKind.DEPENDS_ON, turned=True),
    "BUILD_DEPENDENCY_OF": Meaning(EdgeKind.DEPENDS_ON, "build", turned=True),
    "DEV_DEPENDENCY_OF": Meaning(EdgeKind.DEPENDS_ON, "development", turned=True),
    "OPTIONAL_DEPENDENCY_OF": Meaning(EdgeKind.DEPENDS_ON, "optional", turned=True),
    "PROVIDED_DEPENDENCY_OF": Meaning(EdgeKind.DEPENDS_ON, "provided", turned=True),
    "RUNTIME_DEPENDENCY_OF": Meaning(EdgeKind.DEPENDS_ON, "runtime", turned=True),
    "TEST_DEPENDENCY_OF": Meaning(EdgeKind.DEPENDS_ON, "test", turned=True),
    "DEPENDENCY_MANIFEST_OF": Meaning(EdgeKind.DEPENDS_ON, "manifest", turned=True),
    "HAS_PREREQUISITE": Meaning(EdgeKind.DEPENDS_ON, "prerequisite"),
    "PREREQUISITE_FOR": Meaning(EdgeKind.DEPENDS_ON, "prerequisite", turned=True),
    "DYNAMIC_LINK": Meaning(EdgeKind.DEPENDS_ON, "dynamic-link"),
    "STATIC_LINK": Meaning(EdgeKind.DEPENDS_ON, "static-link"),
    "CONTAINS": Meaning(EdgeKind.CONTAINS),
    "CONTAINED_BY": Meaning(EdgeKind.CONTAINS, turned=True),
    "PACKAGE_OF": Meaning(EdgeKind.CONTAINS, turned=True),
    "OPTIONAL_COMPONENT_OF": Meaning(EdgeKind.CONTAINS, "optional", turned=True),
    "EXPANDED_FROM_ARCHIVE": Meaning(EdgeKind.CONTAINS, "expanded", turned=True),
    "DISTRIBUTION_ARTIFACT": Meaning(EdgeKind.CONTAINS, "distribution"),
    "DESCENDANT_OF": Meaning(EdgeKind.DESCENDANT_OF),
    "ANCESTOR_OF": Meaning(EdgeKind.DESCENDANT_OF, turned=True),
    "COPY_OF": Meaning(EdgeKind.DESCENDANT_OF, "copy"),
    "GENERATES": Meaning(EdgeKind.GENERATED_BY, turned=True),
    "GENERATED_FROM": Meaning(EdgeKind.GENERATED_BY),
    "DATA_FILE_OF": Meaning(EdgeKind.HAS_DATA_FILE, turned=True),
    "BUILD_TOOL_OF": Meaning(EdgeKind.USES_TOOL, "build", turned=True),
    "DEV_TOOL_OF": Meaning(EdgeKind.USES_TOOL, "development", turned=True),
    "TEST_TOOL_OF": Meaning(EdgeKind.USES_TOOL, "test", turned=True),
}
"""Types of SPDX 2 (chapter 11). The others say nothing of what consumed what."""


def kind_by_purl(purl: str) -> NodeKind | None:
    """What the type of a package URL says."""
    kind = _PURLS.get(purl.removeprefix("pkg:").partition("/")[0].lower())
    return NodeKind.DATA if kind is NodeKind.MODEL and "/datasets/" in purl else kind
