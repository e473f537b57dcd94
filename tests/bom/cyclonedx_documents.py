"""Documents as other tools write them: every part of CycloneDX that a reader must not lose."""

from typing import Any

_HASH = [{"alg": "SHA-256", "content": "AB" * 32}, {"alg": "MD5", "content": "0" * 32}]


def foreign(version: str) -> dict[str, Any]:
    """A document of a version with what that version has; order, case and nesting are not ours."""
    made: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": version,
        "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
        "version": 3,
        "metadata": {
            "timestamp": "2026-02-03T04:05:06+01:00",
            "tools": [{"vendor": "Acme", "name": "bomber", "version": "9", "hashes": _HASH}],
            "authors": [{"name": "A. Writer", "email": "a@example.org"}, {"name": "B"}],
            "component": {"type": "application", "name": "shop", "version": "1", "bom-ref": "shop"},
            "manufacture": {"name": "Acme", "url": ["https://example.org"]},
            "licenses": [{"license": {"id": "CC0-1.0"}}],
            "properties": [{"name": "x", "value": "1"}, {"name": "x", "value": "2"}],
        },
        "components": [
            {
                "type": "framework", "bom-ref": "z", "group": "org.acme", "name": "zeta", "version": "2", "scope": "optional",
                "hashes": _HASH, "cpe": "cpe:2.3:a:acme:zeta:2:*:*:*:*:*:*:*", "purl": "pkg:maven/org.acme/zeta@2",
                "licenses": [{"license": {"id": "MIT", "url": "https://example.org/l"}}, {"license": {"name": "Own"}}],
                "swid": {"tagId": "t", "name": "zeta"}, "modified": True, "copyright": "Acme",
                "components": [
                    {"type": "library", "bom-ref": "inner", "name": "inner", "components": []},
                    {"type": "file", "name": "no-ref", "hashes": [{"alg": "SHA-1", "content": "c" * 40}]},
                ],
                "pedigree": {
                    "ancestors": [{"type": "library", "name": "alpha", "purl": "pkg:maven/org.acme/alpha@1"}],
                    "descendants": [{"type": "library", "name": "omega"}], "variants": [{"type": "library", "name": "var"}],
                    "commits": [{"uid": "abc", "message": "m"}, {"uid": "def"}],
                    "patches": [{"type": "backport", "diff": {"url": "https://example.org/p"}}], "notes": "n",
                },
                "externalReferences": [
                    {"type": "vcs", "url": "https://example.org/git", "comment": "c"}, {"type": "vcs", "url": "https://example.org/2"},
                    {"type": "website", "url": "https://example.org"},
                ],
                "evidence": {"copyright": [{"text": "c"}]},
                "releaseNotes": {"type": "major", "notes": [{"text": {"content": "x"}}]},
            },
            {"type": "operating-system", "name": "linux", "bom-ref": "os"},
            {"type": "library", "name": "twice"},
            {"type": "library", "name": "twice", "version": "2"},
        ],
        "services": [{"bom-ref": "svc", "name": "api", "endpoints": ["https://example.org"], "services": [{"name": "inner"}]}],
        "externalReferences": [{"type": "bom", "url": "https://example.org/bom"}],
        "dependencies": [
            {"ref": "z", "dependsOn": ["svc", "os"]}, {"ref": "shop", "dependsOn": ["z", "inner"]}, {"ref": "svc"}, {"ref": "os", "dependsOn": []},
        ],
        "compositions": [{"aggregate": "complete", "assemblies": ["z"], "dependencies": ["shop"]}],
        "vulnerabilities": [
            {
                "bom-ref": "v", "id": "CVE-2026-1", "cwes": [502], "ratings": [{"score": 9.8, "severity": "critical"}],
                "affects": [{"ref": "z", "versions": [{"version": "2", "status": "affected"}]}],
                "analysis": {"state": "not_affected", "justification": "code_not_reachable"},
            },
        ],
    }  # fmt: skip
    if version == "1.4":
        return made
    made["properties"] = [{"name": "y", "value": ""}]
    made["annotations"] = [
        {
            "subjects": ["z"],
            "annotator": {"individual": {"name": "A"}},
            "timestamp": "2026-01-01T00:00:00Z",
            "text": "t",
        }
    ]
    made["formulation"] = [
        {"bom-ref": "f", "workflows": [{"bom-ref": "w", "uid": "w", "taskTypes": ["build"], "name": "make"}]}
    ]
    made["components"] += [
        {
            "type": "machine-learning-model", "bom-ref": "m", "name": "model", "version": "7", "hashes": _HASH,
            "modelCard": {
                "bom-ref": "card",
                "modelParameters": {
                    "approach": {"type": "supervised"}, "task": "classify", "architectureFamily": "bert",
                    "datasets": [{"ref": "d"}, {"type": "dataset", "name": "inline", "contents": {"url": "https://example.org/d"}}],
                    "inputs": [{"format": "text"}], "outputs": [{"format": "label"}],
                },
                "quantitativeAnalysis": {
                    "performanceMetrics": [{"type": "f1", "value": "0.9", "confidenceInterval": {"lowerBound": "0.8"}}],
                    "graphics": {"description": "g"},
                },
                "considerations": {"users": ["u"], "useCases": ["a", "b"], "fairnessAssessments": [{"groupAtRisk": "g"}]},
            },
        },
        {"type": "data", "bom-ref": "d", "name": "imdb", "data": [{"type": "dataset", "sensitiveData": ["none"]}]},
    ]  # fmt: skip
    if version == "1.5":
        return made
    made["components"].append(
        {"type": "cryptographic-asset", "name": "aes", "cryptoProperties": {"assetType": "algorithm", "oid": "2.16"}}
    )
    made["components"][0] |= {
        "tags": ["a", "b"],
        "omniborId": ["gitoid:blob:sha1:" + "a" * 40],
        "manufacturer": {"name": "M"},
    }
    made["declarations"] = {"claims": [{"bom-ref": "c", "target": "z", "predicate": "safe"}]}
    made["definitions"] = {"standards": [{"bom-ref": "s", "name": "std"}]}
    if version == "1.7":
        made["components"].append(
            {"type": "library", "name": "ext", "bom-ref": "ext", "isExternal": True, "versionRange": "vers:pypi/>=1|<2"}
        )
        made["citations"] = [
            {"pointers": ["/components/0/name"], "timestamp": "2026-01-01T00:00:00Z", "attributedTo": "shop"}
        ]
        made["metadata"]["distributionConstraints"] = {"tlp": "AMBER"}
    return made


XML = """<?xml version="1.0" encoding="UTF-8"?>
<bom xmlns="http://cyclonedx.org/schema/bom/1.6" serialNumber="urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79" version="1">
  <metadata>
    <timestamp>2026-01-01T00:00:00Z</timestamp>
    <tools><components><component type="application"><name>bomber</name><version>9</version></component></components></tools>
    <component type="machine-learning-model" bom-ref="m">
      <name>model</name>
      <version>1</version>
      <hashes><hash alg="SHA-256">0000000000000000000000000000000000000000000000000000000000000001</hash></hashes>
      <licenses><license><id>MIT</id></license></licenses>
      <tags><tag>nlp</tag></tags>
      <modelCard>
        <modelParameters>
          <approach><type>supervised</type></approach>
          <task>classify</task>
          <datasets><dataset><ref>d</ref></dataset></datasets>
          <inputs><input><format>text</format></input></inputs>
        </modelParameters>
        <quantitativeAnalysis><performanceMetrics><performanceMetric><type>f1</type><value>0.9</value></performanceMetric></performanceMetrics></quantitativeAnalysis>
      </modelCard>
    </component>
  </metadata>
  <components>
    <component type="library" bom-ref="l">
      <supplier><name>Acme</name><url>https://example.org</url><url>https://example.com</url></supplier>
      <name>lib</name><version>2</version>
      <licenses><expression>MIT OR Apache-2.0</expression></licenses>
      <purl>pkg:pypi/lib@2</purl>
      <pedigree><ancestors><component type="library"><name>old</name></component></ancestors></pedigree>
      <externalReferences><reference type="vcs"><url>https://example.org/git</url></reference></externalReferences>
      <components><component type="file"><name>a.py</name></component></components>
      <evidence><identity><field>name</field><confidence>0.5</confidence></identity><identity><field>version</field></identity></evidence>
      <properties><property name="k">v</property></properties>
    </component>
    <component type="data" bom-ref="d"><name>imdb</name><data><type>dataset</type><name>imdb</name></data></component>
  </components>
  <services>
    <service bom-ref="s"><name>api</name><authenticated>true</authenticated>
      <data><dataflow name="flow"><classification flow="inbound">PII</classification></dataflow></data></service>
  </services>
  <dependencies><dependency ref="m"><dependency ref="l"/></dependency><dependency ref="l"/></dependencies>
  <compositions><composition><aggregate>complete</aggregate><assemblies><assembly ref="l"/></assemblies></composition></compositions>
  <vulnerabilities><vulnerability bom-ref="v"><id>CVE-2026-1</id><cwes><cwe>502</cwe></cwes>
    <affects><target><ref>l</ref></target></affects></vulnerability></vulnerabilities>
  <x:note xmlns:x="urn:example">kept as it stands</x:note>
</bom>
"""
XML_SAYS: dict[str, Any] = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
    "version": 1,
    "metadata": {
        "timestamp": "2026-01-01T00:00:00Z",
        "tools": {"components": [{"type": "application", "name": "bomber", "version": "9"}]},
        "component": {
            "type": "machine-learning-model", "bom-ref": "m", "name": "model", "version": "1", "tags": ["nlp"],
            "hashes": [{"alg": "SHA-256", "content": f"{1:064}"}], "licenses": [{"license": {"id": "MIT"}}],
            "modelCard": {
                "modelParameters": {
                    "approach": {"type": "supervised"}, "task": "classify", "datasets": [{"ref": "d"}], "inputs": [{"format": "text"}],
                },
                "quantitativeAnalysis": {"performanceMetrics": [{"type": "f1", "value": "0.9"}]},
            },
        },
    },
    "components": [
        {
            "type": "library", "bom-ref": "l", "name": "lib", "version": "2", "purl": "pkg:pypi/lib@2",
            "supplier": {"name": "Acme", "url": ["https://example.org", "https://example.com"]},
            "licenses": [{"expression": "MIT OR Apache-2.0"}], "pedigree": {"ancestors": [{"type": "library", "name": "old"}]},
            "externalReferences": [{"type": "vcs", "url": "https://example.org/git"}],
            "components": [{"type": "file", "name": "a.py"}],
            "evidence": {"identity": [{"field": "name", "confidence": 0.5}, {"field": "version"}]},
            "properties": [{"name": "k", "value": "v"}],
        },
        {"type": "data", "bom-ref": "d", "name": "imdb", "data": [{"type": "dataset", "name": "imdb"}]},
    ],
    "services": [
        {"bom-ref": "s", "name": "api", "authenticated": True, "data": [{"name": "flow", "classification": "PII", "flow": "inbound"}]}
    ],
    "dependencies": [{"ref": "m", "dependsOn": ["l"]}, {"ref": "l"}],
    "compositions": [{"aggregate": "complete", "assemblies": ["l"]}],
    "vulnerabilities": [{"bom-ref": "v", "id": "CVE-2026-1", "cwes": [502], "affects": [{"ref": "l"}]}],
    "properties": [{"name": "assaymark:xml", "value": '<x:note xmlns:x="urn:example">kept as it stands</x:note>'}],
}  # fmt: skip
