"""Channel policies as files: those that ship, those of the user, and what they say of signed evidence at hand."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files

from assaymark.core.digest import Digest, sha256
from assaymark.core.envelope import Envelope
from assaymark.core.errors import Malformed, UsageError
from assaymark.core.evidence import Evidence, read_statement
from assaymark.core.policy import Parties, Policy, decide
from assaymark.core.statements import Request, Seal, is_name, read_any, version_name
from assaymark.core.strictjson import loads
from assaymark.core.subject import Subject
from assaymark.core.trust import TrustRoot
from assaymark.core.verdict import Verdict
from assaymark.registry.explain import Need, explain
from assaymark.verifying import read_root

SHIPPED = ("production", "staging", "production-1")
"""`production-1` is the first version, which asked for no bill of materials; trust roots that name its digest go on."""
_LIMIT = 1 << 20
_EVIDENCE = 400 << 20


@dataclass(frozen=True, slots=True)
class Judged:
    """The gate's verdict, and each requirement by itself."""

    verdict: Verdict
    needs: tuple[Need, ...]
    unsigned: tuple[str, ...]
    """Files that nobody of the trust root signed."""


def read_policy(name: str) -> Policy:
    """A file, or one of SHIPPED by its name; raises UsageError, Malformed."""
    if name in SHIPPED and not os.path.exists(name):
        data = (files("assaymark.registry") / "policies" / f"{name}.json").read_bytes()
    else:
        data = _content(name, _LIMIT, f"those that ship are {', '.join(SHIPPED)}")
    return Policy.from_json(loads(data, name, limit=_LIMIT))


def text(policy: Policy) -> str:
    """The document, to read or to change."""
    return json.dumps(policy.to_json(), indent=2)


def judge(
    policy: Policy, action: str, root: str, version: str, digest: str, evidence: Sequence[str], now: datetime
) -> Judged:
    """What the policy says, now, of the evidence in these files about a version; raises UsageError, Malformed, Untrusted.

    Publisher and requester are those of the seal and of the request among the files, when they are signed.
    """
    if action not in policy.actions:
        raise UsageError(f"the policy knows {', '.join(sorted(policy.actions))}", step="name one with --action")
    trust = read_root(root)
    project, subject = _subject(version, digest)
    found = [(name, _evidence(name, trust)) for name in evidence]
    signed = [item for _, item in found if item.signers]
    parties = Parties(trust, project, *_named(signed))
    return Judged(
        decide(action, subject, signed, policy, now, parties=parties),
        tuple(explain(action, subject, signed, policy, now, parties=parties)),
        tuple(name for name, item in found if not item.signers),
    )


def _subject(version: str, digest: str) -> tuple[str, Subject]:
    whole, _, tag = version.rpartition("@")
    project, _, model = whole.partition("/")
    if not all(map(is_name, (project, model, tag))):
        raise UsageError(f"{version!r:.200} is no version", step="write it as project/model@version")
    try:
        return project, Subject(version_name(project, model, tag), Digest.parse(digest))
    except ValueError as error:
        raise UsageError(f"{error}", step="see it with: assay scan MODEL --format json") from error


def _evidence(name: str, trust: TrustRoot) -> Evidence:
    envelope = Envelope.from_json(_content(name, _EVIDENCE, "name files of evidence"))
    return Evidence(read_statement(envelope), sha256(envelope.payload), trust.signers(envelope))


def _named(evidence: Sequence[Evidence]) -> tuple[str, str]:
    """Publisher and requester; "" where nothing says."""
    publisher = requester = ""
    for item in evidence:
        try:
            said = read_any(item.statement)
        except Malformed:
            continue
        publisher = said.publisher if isinstance(said, Seal | Request) else publisher
        requester = said.requester if isinstance(said, Request) else requester
    return publisher, requester


def _content(path: str, limit: int, step: str) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", step=step) from error
    if len(data) > limit:
        raise UsageError(f"{path} has more than {limit:,} bytes", step=step)
    return data
