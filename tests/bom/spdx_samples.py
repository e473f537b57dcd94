"""BOMs and documents that the tests of SPDX share."""

from typing import Any

from assaymark.bom.document import Bom, Component, Fact, Gap, Place, Relation, Status
from assaymark.core.graph import EdgeKind, NodeKind

DIGEST = "ab" * 32
CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"


def fact(value: Any, status: Status = Status.OBSERVED, *places: Place, note: str = "") -> Fact:
    return Fact(value, status, places, note)


def _component(ref: str, kind: NodeKind, native: dict[str, Any] | None = None, **facts: Any) -> Component:
    made = {name: one if isinstance(one, Fact) else fact(one) for name, one in facts.items()}
    return Component(ref, kind, made, native or {})


def model_bom() -> Bom:
    """A fine-tune with all that may go into one."""
    declared = Status.DECLARED
    model = "model:."
    components = (
        _component(
            model,
            NodeKind.MODEL,
            {"cyclonedx": {"modelCard": {"considerations": [1, 2.5, None, {"é": True}]}}},
            name=fact("my-bert", declared, Place("README.md", "line 3"), Place("config.json")),
            manifest="assaymark-manifest:" + DIGEST,
            architecture=fact(
                "BertForSequenceClassification", Status.VERIFIED, Place("config.json", "/architectures/0")
            ),
            family="bert",
            task=fact("text-classification", declared),
            license=fact("mit", declared, note="config.json: apache-2.0"),
            supplier=fact("acme", declared),
            version=fact(None, Status.UNKNOWN, note="no revision is stated"),
            hyperparameters={"lr": 0.1, "optimizer": "adam"},
            metrics=[{"type": "f1", "value": 0.9, "dataset": "imdb"}],
            parameters=123456,
            personal_data=False,
            limitations="English alone",
            environmental={"energy": [{"activity": "training", "value": 1.5, "unit": "kWh"}]},
        ),
        _component("file:model.safetensors", NodeKind.FILE, name="model.safetensors", sha256=DIGEST, size=12),
        _component(
            "data:imdb",
            NodeKind.DATA,
            name="imdb",
            modalities=["text", "tabular"],
            size=99,
            author=fact("stanford", declared),
            license=fact("Some Research Licence, v2", declared),
        ),
        _component(
            "model:base",
            NodeKind.MODEL,
            name="bert-base",
            purl="pkg:huggingface/bert-base@abc",
            license=fact(None, Status.UNKNOWN),
        ),
        _component(
            "pkg:pypi/numpy@1.26.0",
            NodeKind.LIBRARY,
            name="numpy",
            version="1.26.0",
            purl="pkg:pypi/numpy@1.26.0",
            digests=["sha256:" + DIGEST],
            direct=True,
        ),
        _component("image:python", NodeKind.IMAGE, name="python", reference="python@sha256:" + DIGEST),
        _component("run:1", NodeKind.RUN, name="run", started="2024-01-01T00:00:00Z", hyperparameters={"epochs": "3"}),
        _component("party:acme", NodeKind.PARTY, name="acme"),
        _component("deployment:prod", NodeKind.DEPLOYMENT),
        _component("tool:mlflow", NodeKind.TOOL, name="mlflow"),
        _component("environment:lock", NodeKind.ENVIRONMENT, name="requirements.txt"),
    )
    relations = (
        Relation(model, EdgeKind.TRAINED_ON, "data:imdb", places=(Place("README.md", "line 7"),)),
        Relation(
            model, EdgeKind.DESCENDANT_OF, "model:base", "finetune", Status.VERIFIED, native={"cyclonedx": {"x": 1}}
        ),
        Relation(model, EdgeKind.CONTAINS, "file:model.safetensors", status=Status.OBSERVED),
        Relation(model, EdgeKind.DEPENDS_ON, "environment:lock"),
        Relation("environment:lock", EdgeKind.DEPENDS_ON, "pkg:pypi/numpy@1.26.0", "direct"),
        Relation(model, EdgeKind.RUNS_ON, "image:python", "serving"),
        Relation("run:1", EdgeKind.RUNS_ON, "image:python", "training"),
        Relation(model, EdgeKind.GENERATED_BY, "run:1"),
        Relation("run:1", EdgeKind.HAS_INPUT, "data:imdb"),
        Relation(model, EdgeKind.HAS_INPUT, "data:imdb"),
        Relation(model, EdgeKind.HAS_DATA_FILE, "data:imdb"),
        Relation(model, EdgeKind.SUPPLIED_BY, "party:acme"),
        Relation("deployment:prod", EdgeKind.DEPLOYED_AS, model),
        Relation(model, EdgeKind.USES_TOOL, "tool:mlflow"),
    )
    return Bom(
        model,
        tuple(sorted(components, key=lambda one: one.ref)),
        tuple(sorted(relations, key=lambda one: (one.source, one.kind, one.target))),
        (
            Gap(model, "dependsOn", "a lock is not complete", "lock it"),
            Gap("model:base", "trainedOn", "no card", "add one"),
        ),
        "",
        "Acme Corp",
        (("assaymark", "0.1.0"),),
        {"cyclonedx": {"serialNumber": "urn:uuid:0"}},
    )


def foreign() -> dict[str, Any]:
    """A document of somebody else, with what is rare: blank creation, a prefix, an extension, an import, an unknown class."""
    about = {"creationInfo": "_:c"}
    return {
        "@context": [CONTEXT, {"ex": "https://example.com/x/"}],
        "@graph": [
            {"@id": "_:c", "type": "CreationInfo", "specVersion": "3.0.1", "created": "2024-02-03T04:05:06Z",
             "createdBy": ["ex:me"], "createdUsing": ["ex:tool"]},
            {"type": "Person", "spdxId": "ex:me", "name": "Ada", **about},
            {"type": "Organization", "spdxId": "ex:org", "name": "Acme", **about},
            {"type": "Tool", "spdxId": "ex:tool", "name": "maker 2.0", **about},
            {"type": "SpdxDocument", "spdxId": "ex:doc", "rootElement": ["ex:bom"], "profileConformance": ["core", "ai"],
             "import": [{"type": "ExternalMap", "externalSpdxId": "https://other.example/lib"}], **about},
            {"type": "Bom", "spdxId": "ex:bom", "rootElement": ["https://example.com/x/model"], **about},
            {"type": "ai_AIPackage", "spdxId": "ex:model", "name": "sentiment", "software_packageVersion": "2",
             "suppliedBy": "ex:org", "originatedBy": ["ex:me"], "releaseTime": "2024-01-01T00:00:00Z",
             "software_downloadLocation": "https://example.com/d", "software_primaryPurpose": "model",
             "ai_typeOfModel": ["supervised", "fastText"], "ai_autonomyType": "yes",
             "ai_hyperparameter": [{"type": "DictionaryEntry", "key": "lr", "value": "0.1"}],
             "ai_energyConsumption": {"type": "ai_EnergyConsumption", "ai_trainingEnergyConsumption": [
                 {"type": "ai_EnergyConsumptionDescription", "ai_energyQuantity": "0.5", "ai_energyUnit": "kilowattHour"}]},
             "verifiedUsing": [{"type": "Hash", "algorithm": "sha256", "hashValue": DIGEST.upper()},
                               {"type": "Hash", "algorithm": "adler32", "hashValue": "01020304"}],
             "extension": [{"type": "https://example.com/x/Extra", "https://example.com/x/level": 3}], **about},
            {"type": "dataset_DatasetPackage", "spdxId": "ex:data", "name": "reviews", "dataset_datasetType": ["text"],
             "dataset_datasetSize": 10, "dataset_hasSensitivePersonalInformation": "no", **about},
            {"type": "software_Package", "spdxId": "ex:lib", "name": "numpy", "software_packageUrl": "pkg:pypi/numpy@1.0", **about},
            {"type": "build_Build", "spdxId": "ex:run", "build_buildType": "https://example.com/ci", **about},
            {"type": "simplelicensing_LicenseExpression", "spdxId": "ex:mit",
             "simplelicensing_licenseExpression": "MIT", **about},
            {"type": "https://example.com/x/Gadget", "spdxId": "ex:gadget", "colour": "red", **about},
            _relationship("r1", "ex:model", "trainedOn", "ex:data", completeness="incomplete"),
            _relationship("r2", "ex:run", "generates", "ex:model"),
            _relationship("r3", "ex:data", "ancestorOf", "ex:lib"),
            _relationship("r4", "ex:model", "hasDeclaredLicense", "ex:mit"),
            _relationship("r5", "ex:model", "testedOn", "NoAssertionElement", completeness="noAssertion"),
            _relationship("r6", "ex:model", "dependsOn", "ex:lib", "https://other.example/lib"),
            _relationship("r7", "ex:lib", "dependsOn", "ex:lib"),
        ],
    }  # fmt: skip


def _relationship(name: str, source: str, kind: str, *targets: str, **more: str) -> dict[str, Any]:
    return {
        "type": "Relationship",
        "spdxId": f"ex:{name}",
        "creationInfo": "_:c",
        "from": source,
        "relationshipType": kind,
        "to": list(targets),
        **more,
    }


def two() -> dict[str, Any]:
    """SPDX 2.3 with packages, a file, a snippet and relationships in both directions."""
    sums = [{"algorithm": "SHA256", "checksumValue": DIGEST}, {"algorithm": "SHA1", "checksumValue": "cd" * 20}]
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "sample",
        "documentNamespace": "https://example.com/doc",
        "creationInfo": {
            "created": "2024-01-01T00:00:00Z",
            "creators": ["Tool: maker-1.2.3", "Organization: Acme (a@example.com)"],
            "licenseListVersion": "3.20",
        },
        "documentDescribes": ["SPDXRef-app"],
        "packages": [
            {
                "SPDXID": "SPDXRef-app", "name": "app", "versionInfo": "1", "downloadLocation": "NOASSERTION",
                "supplier": "Organization: Acme (a@example.com)", "filesAnalyzed": True, "hasFiles": ["SPDXRef-file"],
                "packageVerificationCode": {"packageVerificationCodeValue": "cd" * 20},
                "licenseDeclared": "MIT", "licenseConcluded": "MIT", "copyrightText": "NONE", "licenseInfoFromFiles": ["MIT"],
                "annotations": [{"annotationDate": "2024-01-01T00:00:00Z", "annotationType": "OTHER",
                                 "annotator": "Person: Ada", "comment": "fine"}],
            },
            {
                "SPDXID": "SPDXRef-weights", "name": "weights", "downloadLocation": "https://example.com/w", "filesAnalyzed": False,
                "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                                  "referenceLocator": "pkg:huggingface/acme/weights@abc"}],
                "licenseDeclared": "NOASSERTION", "licenseConcluded": "Apache-2.0", "copyrightText": "NOASSERTION",
            },
        ],
        "files": [
            {"SPDXID": "SPDXRef-file", "fileName": "./run.py", "checksums": sums, "licenseConcluded": "MIT",
             "licenseInfoInFiles": ["MIT"], "copyrightText": "NONE", "fileTypes": ["SOURCE"]},
        ],
        "snippets": [
            {"SPDXID": "SPDXRef-snippet", "name": "part", "snippetFromFile": "SPDXRef-file", "licenseConcluded": "MIT",
             "licenseInfoInSnippets": ["MIT"], "copyrightText": "NONE",
             "ranges": [{"startPointer": {"reference": "SPDXRef-file", "offset": 1},
                         "endPointer": {"reference": "SPDXRef-file", "offset": 9}}]},
        ],
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-app"},
            {"spdxElementId": "SPDXRef-weights", "relationshipType": "DATA_FILE_OF", "relatedSpdxElement": "SPDXRef-app"},
            {"spdxElementId": "SPDXRef-weights", "relationshipType": "DEPENDENCY_OF", "relatedSpdxElement": "SPDXRef-app"},
        ],
    }  # fmt: skip
