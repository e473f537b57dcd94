"""What a crash test does again and again, without the cost of a scan: `seal`, `publish`, `promote`."""

from pathlib import Path

from assaymark.core.clock import timestamp
from assaymark.core.digest import Digest
from assaymark.core.statements import Seal
from assaymark.core.strictjson import canonical
from assaymark.core.subject import Subject
from assaymark.registrar import sign
from assaymark.registry import models
from assaymark.registry.names import VersionName
from assaymark.registry.states import VersionState
from tests.registry.makers import bom, key, scan
from tests.registry.org import Org


def subject_of(org: Org, name: VersionName) -> Subject:
    with org.registrar.look() as work:
        row = models.find_version(work.connection, name)
        return Subject(str(name), Digest.parse(row.digest))


def seal(org: Org, name: VersionName, by: str = "ann") -> None:
    """With a bill of materials by the publisher."""
    from assaymark.registry import versions

    with org.registrar.look() as work:
        manifest = versions.manifest_of(work.connection, models.find_version(work.connection, name).id)
    said = Seal(
        project=name.model.project, model=name.model.model, version=name.version, publisher=by,
        at=timestamp(org.clock.moment),
    )  # fmt: skip
    envelope = sign(said.statement(Subject(str(name), manifest.digest)), key(by))
    org.registrar.seal(name, envelope, canonical(bom(manifest, by).to_json()))


def publish(org: Org, folder: Path, name: VersionName, findings: list | None = None) -> VersionState:
    """Upload, seal, and a scan that somebody else made."""
    org.registrar.upload(name, str(folder), "ann")
    seal(org, name)
    return attest(org, name, findings or [])


def attest(org: Org, name: VersionName, findings: list) -> VersionState:
    said = scan(subject_of(org, name), findings=findings, made=timestamp(org.clock.moment))
    return org.registrar.attest(name, canonical(said.to_json()))
