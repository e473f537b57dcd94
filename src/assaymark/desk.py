"""The registry as its faces use it: names and JSON in, JSON out. `feeds.registry.Remote` has the same methods over HTTP.

Whoever calls has been let in already (faces.http; on the command line it is whoever may read the home). What people sign
is signed on their side: this side hands out what is to be signed, and takes envelopes.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from assaymark.core.bundle import Bundle
from assaymark.core.envelope import Verifier
from assaymark.core.errors import NotFound, UsageError
from assaymark.core.manifest import ManifestFile
from assaymark.core.ports import BlobReader, Source
from assaymark.core.statements import Seal
from assaymark.core.subject import Subject
from assaymark.core.verdict import Verdict
from assaymark.desk_containment import Containing
from assaymark.registrar import FRESH, Registrar
from assaymark.registry import containment, deployments, gate, models, promotions, queries, versions
from assaymark.registry.names import ModelName, VersionName
from assaymark.registry.states import VersionState

Json = dict[str, Any]
_BY_HAND = {"deprecate": VersionState.DEPRECATED, "revoke": VersionState.REVOKED, "delete": VersionState.TOMBSTONE}


class Desk(Containing):
    """One caller's way to a registry. `actor` is the name of his account, and is what the ledger says."""

    def __init__(self, registrar: Registrar, actor: str) -> None:
        self.registrar = registrar
        self.actor = actor

    # Names

    def create(self, name: str, *, quota: int | None = None, card: str = "") -> Json:
        """A project, or with a slash a model."""
        with self.registrar.work() as work:
            if "/" in name:
                models.create_model(work, ModelName.parse(name), self.actor, card)
            else:
                models.create_project(work, name, quota)
        return {"created": name}

    def describe(self, model: str, card: str) -> Json:
        """Replace a model's card."""
        with self.registrar.work() as work:
            models.describe(work, ModelName.parse(model), card)
        return {"model": model}

    def search(self, text: str = "", *, after: int = 0, projects: frozenset[str] | None = None) -> list[Json]:
        """Models whose name holds the text, a page of them."""
        with self.registrar.database.read() as connection:
            return queries.search(connection, text, projects=projects, after=after)

    def show(self, name: str) -> Json:
        """A model, or with `@` a version."""
        with self.registrar.database.read() as connection:
            if "@" in name:
                return queries.show_version(connection, VersionName.parse(name))
            return queries.show_model(connection, ModelName.parse(name))

    def versions(self, model: str, *, before: int | None = None) -> list[Json]:
        """Versions of a model, the newest first, a page of them."""
        with self.registrar.database.read() as connection:
            return queries.versions(connection, ModelName.parse(model), before=before)

    def files(self, version: str, *, after: str = "") -> list[Json]:
        """Files of a version, a page of them."""
        with self.registrar.database.read() as connection:
            return queries.files(connection, VersionName.parse(version), after=after)

    def file(self, version: str, path: str) -> tuple[str, int] | None:
        """Sha256 and size of one file of a version, or None."""
        with self.registrar.database.read() as connection:
            row = queries.file(connection, VersionName.parse(version), path)
        return None if row is None else (row.sha256, row.size)

    # Trust

    def roots(self) -> list[Json]:
        """Every version of the trust root, in its envelope."""
        with self.registrar.database.read() as connection:
            return queries.roots(connection)

    def install_root(self, document: bytes) -> Json:
        """Install the first trust root, or the next one."""
        root = self.registrar.install_root(document, self.actor)
        return {"name": root.name, "version": root.version, "expires": root.expires}

    def add_policy(self, document: Json) -> Json:
        """Keep a policy."""
        return {"policy": self.registrar.add_policy(document)}

    # Publishing

    def draft(self, version: str, publisher: str, parents: Sequence[tuple[str, str]] = ()) -> Json:
        """Begin a version. `parents`: versions that it was made of, and how."""
        named = [(VersionName.parse(parent), kind) for parent, kind in parents]
        with self.registrar.work() as work:
            versions.draft(work, VersionName.parse(version), publisher, named)
        return {"version": version, "state": VersionState.DRAFT}

    def add_files(self, version: str, files: Iterable[Json]) -> Json:
        """Say which blobs a draft holds: path, size and sha256 of each."""
        given = [ManifestFile(file["path"], file["size"], file["sha256"]) for file in files]
        name = VersionName.parse(version)
        with self.registrar.work() as work:
            versions.check_drafter(work, name, self.actor)
            versions.add_files(work, name, given)
        return {"version": version, "files": len(given)}

    def upload(
        self, version: str, folder: str, publisher: str, progress: Callable[[int], None] | None = None
    ) -> Subject:
        """Store every file of a folder as a draft; what is returned is to be sealed."""
        return self.registrar.upload(VersionName.parse(version), folder, publisher, progress)

    def put_blob(self, project: str, source: Source, sha256: str) -> Json:
        """Store bytes for versions of a project; raises Untrusted when they are not what they are named for."""
        return {"sha256": sha256, "size": self.registrar.put_blob(project, source, sha256)}

    def has_blobs(self, project: str, sha256s: Sequence[str]) -> list[str]:
        """Those of these blobs that were brought into the project before, and need not be sent again."""
        with self.registrar.look() as work:
            found = versions.uploaded(work, project, set(sha256s))
        return sorted(sha256 for sha256 in found if self.registrar.store.touch(sha256))

    def seal(self, version: str, envelope: bytes, bom: bytes | None = None) -> Json:
        """Freeze a draft by its publisher's seal. `bom`: a bill of materials that he signed, taken with it or not at all."""
        self.registrar.seal(VersionName.parse(version), envelope, bom)
        return {"version": version, "state": VersionState.SEALED}

    def scan_again(self, version: str) -> Json:
        """Have a version scanned once more by the server's own worker."""
        self.registrar.ask_scan(VersionName.parse(version))
        return {"version": version, "scan": "waiting"}

    def scan(self, version: str, folder: str | None = None) -> Json:
        """Scan a sealed version, here where the scanner's key is."""
        return {"version": version, "state": self.registrar.scan(VersionName.parse(version), folder)}

    def attest(self, version: str, envelope: bytes) -> Json:
        """Take evidence of a trusted key."""
        return {"version": version, "state": self.registrar.attest(VersionName.parse(version), envelope)}

    def statement(self, version: str, digest: str) -> Json:
        """The envelope of what was said about a version, by the digest that `show` names."""
        with self.registrar.database.read() as connection:
            return queries.statement(connection, VersionName.parse(version), digest)

    # Deployments

    def deploy(self, version: str, name: str, environment: str = deployments.ENVIRONMENT, *, since: str = "") -> Json:
        """Report that a version runs under a name; what ran under it before ended then."""
        with self.registrar.work() as work:
            return deployments.deploy(
                work, VersionName.parse(version), name, environment, since=since, actor=self.actor
            )

    def undeploy(self, name: str, environment: str = deployments.ENVIRONMENT, *, until: str = "") -> Json:
        """Report that nothing runs under a name any more."""
        with self.registrar.work() as work:
            return deployments.undeploy(work, name, environment, until=until, actor=self.actor)

    def running(self, name: str, environment: str = deployments.ENVIRONMENT) -> list[Json]:
        """What runs under a name: one or nothing."""
        with self.registrar.database.read() as connection:
            return deployments.running(connection, name, environment)

    def deployments(
        self, model: str = "", *, ended: bool = False, after: int = 0, projects: frozenset[str] | None = None
    ) -> list[Json]:
        """What runs, of a model or of all, a page of it."""
        named = ModelName.parse(model) if model else None
        with self.registrar.database.read() as connection:
            return deployments.listed(connection, named, ended=ended, after=after, projects=projects)

    def add_bom(self, document: bytes, series: str = "", keys: Sequence[Verifier] = ()) -> Json:
        """Take a bill of materials of something that no version here is into the graph."""
        from assaymark import filling_boms

        return filling_boms.add(self.registrar, document, series, keys, self.actor)

    # Promotion

    def propose(
        self, version: str, channel: str, requester: str, *, reason: str = "", days: int = 7, emergency: bool = False
    ) -> Json:
        """What a requester has to sign."""
        with self.registrar.look() as work:
            subject, asked = promotions.propose(
                work, VersionName.parse(version), channel, requester, reason=reason, days=days, emergency=emergency
            )
        return {"digest": str(subject.digest), "request": asked.predicate()}

    def request(self, version: str, envelope: bytes, channel: str) -> Json:
        """Open a request for this channel."""
        with self.registrar.work() as work:
            nonce = promotions.request(work, VersionName.parse(version), envelope, channel)
        return {"request": nonce, "state": "open"}

    def requests(self, *, state: str | None = None, projects: frozenset[str] | None = None) -> list[Json]:
        """Requests, the newest first."""
        with self.registrar.database.read() as connection:
            return queries.requests(connection, state=state, projects=projects)

    def asked(self, nonce: str) -> Json:
        """The line of a list for one request: enough to say whether somebody may see or change it."""
        with self.registrar.database.read() as connection:
            return queries.request(connection, nonce)

    def request_of(self, nonce: str) -> Json:
        """A request: what was asked, who decided, what the gate says now. An approver signs what stands here."""
        with self.registrar.look() as work:
            promotion = gate.find(work, nonce)
            verdict = gate.judge(work, promotion)
            policy = gate.policy_of(work, promotion.said.channel)
            row = promotion.row.version
            seal, evidence = versions.statement_of(work, row, Seal.TYPE), gate.bound_evidence(work, promotion)
        return {
            "request": nonce,
            "version": str(promotion.name),
            "digest": str(promotion.digest),
            "channel": promotion.said.channel,
            "state": promotion.row.state,
            "payload": promotion.row.digest,
            "asked": promotion.said.predicate(),
            "decisions": [item.statement.predicate for item in promotion.approvals],
            "verdict": _verdict(verdict),
            "policy": policy.to_json(),
            "envelopes": {
                "request": promotion.signed.envelope.to_json(),
                "seal": seal.envelope.to_json() if seal else None,
                "evidence": [item.envelope.to_json() for item in evidence],
            },
        }

    def decide(self, nonce: str, envelope: bytes) -> Json:
        """Take an approval or a denial."""
        with self.registrar.work() as work:
            return {"request": nonce, "state": promotions.decide_on(work, nonce, envelope)}

    def activate(self, nonce: str) -> Json:
        """Move the channel of an approved request."""
        receipt = self.registrar.activate(nonce, self.actor)
        done: Json = {"request": nonce, "state": "active", "leaf": receipt.index if receipt else None}
        return done if receipt else done | {"waits": "hosts get it once enough witnesses have seen the log"}

    def withdraw(self, nonce: str, reason: str = "", *, active: bool = True) -> Json:
        """Void a request that is open, or where `active` may be, take back what it made active."""
        with self.registrar.work() as work:
            promotions.void(work, nonce, self.actor, reason, active=active)
        return {"request": nonce, "state": "void"}

    def review(self, model: str, channel: str, conclusion: str) -> Json:
        """End the review that a break-glass promotion forces."""
        with self.registrar.work() as work:
            promotions.review(work, ModelName.parse(model), channel, self.actor, conclusion)
        return {"model": model, "channel": channel, "reviewed": True}

    # Stopping

    def quarantine(self, version: str, envelope: bytes) -> Json:
        """Stop a version, by a security person's word."""
        with self.registrar.work() as work:
            versions.quarantine(work, VersionName.parse(version), envelope)
        return {"version": version, "state": VersionState.QUARANTINED}

    def quarantined(self, version: str) -> Json:
        """The quarantine that stands, which a lift has to name."""
        name = VersionName.parse(version)
        with self.registrar.look() as work:
            row = models.find_version(work.connection, name)
            given = versions.lifted_by(work, row.id)
        if not given:
            raise NotFound(f"{version} was never quarantined")
        standing = [one for one, people in given.items() if len(people) < versions.LIFTS]
        return {"version": version, "digest": row.digest, "quarantine": (standing or [*given])[-1]}

    def lift(self, version: str, envelope: bytes) -> Json:
        """Take one of the two words that end a quarantine."""
        with self.registrar.work() as work:
            name = VersionName.parse(version)
            state = versions.lift(work, name, envelope)
            containment.settle_version(work, models.find_version(work.connection, name).id, self.actor)
        return {"version": version, "state": state}

    def set_state(self, version: str, act: str, reason: str = "") -> Json:
        """Act is `deprecate`, `revoke` or `delete`."""
        if act not in _BY_HAND:
            raise UsageError(f"{act!r} is nothing that is done to a version", step=", ".join(_BY_HAND))
        with self.registrar.work() as work:
            versions.set_state(work, VersionName.parse(version), _BY_HAND[act], self.actor, reason)
        return {"version": version, "state": _BY_HAND[act]}

    def delete(self, model: str) -> Json:
        """Leave a tombstone of a model without living versions."""
        with self.registrar.work() as work:
            models.delete_model(work, ModelName.parse(model), self.actor)
        return {"deleted": model}

    # Webhooks (assaymark.notifying, which is imported here: few servers' first answers need it)

    def webhooks(self, project: str) -> list[Json]:
        """Who is told of a project's events."""
        from assaymark import notifying

        return notifying.listed(self.registrar, project)

    def add_webhook(self, project: str, url: str, events: Sequence[str] = ()) -> Json:
        """Tell a URL of them; the secret is in the answer, this once."""
        from assaymark import notifying

        return notifying.add(self.registrar, project, url, events, self.actor)

    def remove_webhook(self, project: str, webhook: str) -> Json:
        """End one."""
        from assaymark import notifying

        return notifying.remove(self.registrar, project, webhook)

    def test_webhook(self, project: str, webhook: str) -> Json:
        """Send a message of the type `test` now."""
        from assaymark import notifying

        return notifying.test(self.registrar, project, webhook)

    # Impact

    def impact(self, what: Any, *, as_of: str = "", channel: str = "") -> Iterator[Json]:
        """Who is affected: the head, every hit, and an end with their number."""
        from assaymark import impacting

        return impacting.impact(self.registrar, what, as_of=as_of, channel=channel).lines()

    def why(self, model: str, what: Any, *, as_of: str = "") -> Json:
        """The way by which WHAT reaches a model."""
        from assaymark import impacting

        return impacting.why(self.registrar, model, what, as_of=as_of)

    def ancestry(self, model: str, *, as_of: str = "") -> Json:
        """All that went into a model."""
        from assaymark import impacting

        return impacting.ancestry(self.registrar, model, as_of=as_of)

    # Loading

    def bundle(self, model: str, channel: str, fresh: timedelta = FRESH) -> Bundle:
        """What a host needs to verify."""
        return self.registrar.bundle(ModelName.parse(model), channel, fresh)

    def blob(self, sha256: str) -> BlobReader:
        """The bytes of that name, verified while they are read."""
        return self.registrar.store.open(sha256)


def _verdict(verdict: Verdict) -> Json:
    return {
        "outcome": verdict.outcome,
        "action": verdict.action,
        "policy": verdict.policy,
        "reasons": [asdict(reason) for reason in verdict.reasons],
    }
