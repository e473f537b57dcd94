"""OpenSSF Model Signing: ours with theirs and theirs with ours, and the attacks that theirs takes for good and ours refuses."""

import base64
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from assaymark.core import oms as core
from assaymark.core.envelope import pae
from assaymark.core.errors import AssayError, Malformed, Untrusted, UsageError
from assaymark.core.evidence import PAYLOAD_TYPE
from assaymark.faces.cli import run
from assaymark.oms import Verified, sign, verify_certificate, verify_key
from assaymark.storage.keys import PrivateKey, load_private

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
WHO = "ann@example.org"
theirs = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("model_signing", "OpenSSL"))),
    reason="model_signing needs pyOpenSSL beside it",
)


def model_signing(*arguments: object, good: bool = True) -> str:
    command = [sys.executable, "-W", "ignore", "-m", "model_signing", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode == 0) == good, done.stdout + done.stderr
    return done.stdout + done.stderr


@dataclass
class Place:
    """A model, and a P-256 key that signs it."""

    root: Path
    model: Path
    key: str
    public: str

    @property
    def bundle(self) -> str:
        return str(self.root / "model.sig")

    def sign(self) -> dict[str, Any]:
        sign(str(self.model), self.bundle, self.key, None)
        document: dict[str, Any] = json.loads(Path(self.bundle).read_text())
        return document

    def verify(self, **options: Any) -> Verified:
        return verify_key(str(self.model), self.bundle, self.public, None, **options)

    def write(self, document: Any) -> None:
        Path(self.bundle).write_text(json.dumps(document))

    def say(self, signing: Any = None, **changes: Any) -> None:
        """Sign the statement with changes to it, as one with the right key can."""
        statement = json.loads(base64.b64decode(self.sign()["dsseEnvelope"]["payload"]))
        for where, value in changes.items():
            target, *rest = statement["predicate"], where
            if where in statement:
                target = statement
            elif where in statement["predicate"]["serialization"]:
                target = statement["predicate"]["serialization"]
            target[rest[0]] = value
        data = json.dumps(statement).encode()
        key = load_private(self.key)
        signature = key.sign((signing or pae)(PAYLOAD_TYPE, data))
        Path(self.bundle).write_bytes(core.write_bundle(data, signature, core.hint_of(key.public.pem)))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    model = tmp_path / "model"
    (model / "deep").mkdir(parents=True)
    (model / "a.txt").write_bytes(b"first")
    (model / "deep" / "b.bin").write_bytes(b"second" * 1_000)
    (model / "empty").write_bytes(b"")
    PrivateKey.generate("ecdsa-p256").save(str(tmp_path / "oms.key"))
    return Place(tmp_path, model, str(tmp_path / "oms.key"), str(tmp_path / "oms.pub"))


# with each other


@theirs
def test_ours_is_verified_by_model_signing(place: Place) -> None:
    place.sign()
    model_signing("verify", "key", place.model, "--signature", place.bundle, "--public_key", place.public)
    (place.model / "a.txt").write_bytes(b"other")
    model_signing("verify", "key", place.model, "--signature", place.bundle, "--public_key", place.public, good=False)


@theirs
def test_theirs_is_verified_by_ours(place: Place) -> None:
    model_signing("sign", "key", place.model, "--signature", place.bundle, "--private_key", place.key)
    verified = place.verify()
    assert verified.name == "model" and verified.files == 3 and ".git" in " ".join(verified.ignored)
    (place.model / "a.txt").write_bytes(b"other")
    with pytest.raises(Untrusted, match=r"a\.txt"):
        place.verify()


@theirs
def test_theirs_on_another_curve(place: Place) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    Path(place.key).write_bytes(private)
    Path(place.public).write_bytes(key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
    model_signing("sign", "key", place.model, "--signature", place.bundle, "--private_key", place.key)
    assert place.verify().files == 3


def test_the_commands(place: Place) -> None:
    runner = CliRunner()
    arguments = ["model", "sign", str(place.model), "--oms", place.bundle, "--key", place.key]
    from assaymark.faces.cli import assay

    signed = runner.invoke(assay, arguments)
    assert signed.exit_code == 0 and "assaymark-manifest-v1:" in signed.output
    check = ["model", "verify-oms", str(place.model), "--bundle", place.bundle]
    done = runner.invoke(assay, [*check, "--key", place.public])
    assert "verified   model, 3 files" in done.output
    (place.model / "more").write_text("x")
    assert run([*check, "--key", place.public]) == 1
    assert run(check) == 2
    assert run([*check, "--key", place.public, "--identity", "x"]) == 2
    assert run([*check, "--certificate-chain", place.public]) == 2
    assert run([*check, "--key", place.public, "--certificate-chain", place.public]) == 2
    assert run(["model", "sign", str(place.model), "--oms", str(place.model / "x.sig"), "--key", place.key]) == 2


def test_a_key_that_the_standard_does_not_know(place: Place) -> None:
    PrivateKey.generate("ed25519").save(str(place.root / "ed.key"))
    with pytest.raises(UsageError, match="Ed25519"):
        sign(str(place.model), place.bundle, str(place.root / "ed.key"), None)


def test_a_bundle_that_lies_among_the_files_is_itself_alone(place: Place) -> None:
    place.sign()
    inside = place.model / "model.sig"
    shutil.move(place.bundle, inside)
    assert verify_key(str(place.model), str(inside), place.public, None).files == 3
    (place.model / "second.sig").write_bytes(inside.read_bytes())
    with pytest.raises(Untrusted, match=r"second\.sig"):
        verify_key(str(place.model), str(inside), place.public, None)


# attacks that theirs accepts


@theirs
def test_attack_file_names_are_not_bound_by_the_subject_digest(place: Place) -> None:
    """The standard's digest of a model is the same for other names; ours is another, and is in the signature."""
    one = place.sign()
    twin = place.root / "twin"
    (twin / "deep").mkdir(parents=True)
    for old, new in (("a.txt", "deep/c.py"), ("deep/b.bin", "model.bin"), ("empty", "zero")):
        shutil.copy(place.model / old, twin / new)
    other = str(place.root / "twin.sig")
    sign(str(twin), other, place.key, None)
    statements = [
        json.loads(base64.b64decode(document["dsseEnvelope"]["payload"]))
        for document in (one, json.loads(Path(other).read_text()))
    ]
    first, second = (statement["subject"][0]["digest"] for statement in statements)
    assert first == second
    assert place.verify().digest != verify_key(str(twin), other, place.public, None).digest
    with pytest.raises(Untrusted):
        verify_key(str(twin), place.bundle, place.public, None, subject="model")


@theirs
@pytest.mark.parametrize("path", [".git/hooks/post-checkout", ".gitattributes", ".github/x.py", ".gitignore"])
def test_attack_unsigned_ignored_files(place: Place, path: str) -> None:
    model_signing("sign", "key", place.model, "--signature", place.bundle, "--private_key", place.key)
    (place.model / path).parent.mkdir(parents=True, exist_ok=True)
    (place.model / path).write_text("import os; os.system('id')")
    model_signing("verify", "key", place.model, "--signature", place.bundle, "--public_key", place.public)
    with pytest.raises(Untrusted, match="not in the manifest"):
        place.verify()


def test_ours_signs_what_theirs_ignores(place: Place) -> None:
    (place.model / ".git").mkdir()
    (place.model / ".git" / "HEAD").write_text("ref: x")
    place.sign()
    assert place.verify().files == 4
    (place.model / ".git" / "HEAD").write_text("ref: y")
    with pytest.raises(Untrusted):
        place.verify()


@theirs
def test_attack_ignore_paths_that_the_signature_brings(place: Place) -> None:
    evil = place.model / "evil.py"
    place.say(ignore_paths=["evil.py"])
    statement = json.loads(base64.b64decode(json.loads(Path(place.bundle).read_text())["dsseEnvelope"]["payload"]))
    serialization_ = {**statement["predicate"]["serialization"], "ignore_paths": ["evil.py"]}
    place.say(serialization=serialization_)
    evil.write_text("import os")
    model_signing("verify", "key", place.model, "--signature", place.bundle, "--public_key", place.public)
    with pytest.raises(Untrusted, match=r"evil\.py"):
        place.verify()
    evil.unlink()
    assert place.verify().ignored == ("evil.py",)


@theirs
def test_attack_extra_files_and_folders(place: Place) -> None:
    place.sign()
    (place.model / "void").mkdir()
    model_signing("verify", "key", place.model, "--signature", place.bundle, "--public_key", place.public)
    with pytest.raises(Untrusted, match="void"):
        place.verify()
    (place.model / "void").rmdir()
    (place.model / "extra.py").write_text("import os")
    command = ("verify", "key", place.model, "--signature", place.bundle, "--public_key", place.public)
    model_signing(*command, "--ignore_unsigned_files")
    with pytest.raises(Untrusted, match=r"extra\.py"):
        place.verify()


@pytest.mark.parametrize("what", ["changed", "missing", "longer", "link", "linked folder", "pipe"])
def test_attack_files_that_are_others(place: Place, what: str) -> None:
    place.sign()
    target = place.model / "deep" / "b.bin"
    data = target.read_bytes()
    if what == "linked folder":
        shutil.move(place.model / "deep", place.root / "deep")
        os.symlink(place.root / "deep", place.model / "deep")
    else:
        target.unlink()
        if what == "link":
            (place.root / "elsewhere").write_bytes(data)
            os.symlink(place.root / "elsewhere", target)
        elif what == "pipe":
            os.mkfifo(target)
        elif what != "missing":
            target.write_bytes(data[:-1] + (b"!" if what == "changed" else b"d!"))
    with pytest.raises(Untrusted):
        place.verify()


@theirs
def test_attack_a_folder_that_was_renamed(place: Place) -> None:
    """A signature of one model under the name of another."""
    place.sign()
    other = place.root / "better-model"
    os.rename(place.model, other)
    model_signing("verify", "key", other, "--signature", place.bundle, "--public_key", place.public)
    with pytest.raises(Untrusted, match="better-model"):
        verify_key(str(other), place.bundle, place.public, None)
    assert verify_key(str(other), place.bundle, place.public, None, subject="model").name == "model"


@theirs
def test_attack_base64_malleability(place: Place) -> None:
    """Bits of padding that carry nothing: other bytes, the same signature."""
    (place.model / "x").write_text("x")
    for length in range(3):  # until the payload ends in padding
        (place.model / ("y" * (length + 1))).write_text("y")
        document = place.sign()
        text = document["dsseEnvelope"]["payload"]
        if text.endswith("="):
            break
    bare = text.rstrip("=")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    twisted = bare[:-1] + alphabet[alphabet.index(bare[-1]) + 1] + "=" * (len(text) - len(bare))
    assert twisted != text and base64.b64decode(twisted) == base64.b64decode(text)
    document["dsseEnvelope"]["payload"] = twisted
    place.write(document)
    model_signing("verify", "key", place.model, "--signature", place.bundle, "--public_key", place.public)
    with pytest.raises(Malformed, match="base64"):
        place.verify()


@pytest.mark.parametrize("field", ["payload", "sig"])
@pytest.mark.parametrize("form", ["urlsafe", "newline", "unpadded", "twice padded"])
def test_other_spellings_of_base64(place: Place, field: str, form: str) -> None:
    for number in range(20):  # until there is something to spell otherwise
        document = place.sign()
        target = document["dsseEnvelope"] if field == "payload" else document["dsseEnvelope"]["signatures"][0]
        text = target[field]
        changed = {
            "urlsafe": text.replace("+", "-").replace("/", "_"), "newline": text[:40] + "\n" + text[40:],
            "unpadded": text.rstrip("="), "twice padded": text + "=",
        }[form]  # fmt: skip
        if changed != text:
            break
        (place.model / "a.txt").rename(place.model / ("~" * (number + 1)))
        (place.model / "a.txt").write_bytes(os.urandom(20))
    target[field] = changed
    place.write(document)
    with pytest.raises(Malformed):
        place.verify()


@theirs
def test_attack_the_signature_of_an_older_and_wrong_encoding(place: Place) -> None:
    """What model_signing 0.2 signed was no DSSE: the text of a Python bytes literal."""
    place.say(signing=lambda kind, data: f"DSSEV1 {len(kind)} {kind} {len(data)} {data!r}".encode())
    model_signing("verify", "key", place.model, "--signature", place.bundle, "--public_key", place.public)
    with pytest.raises(Untrusted, match="signature"):
        place.verify()


# certificates

YEAR = timedelta(days=365)


@dataclass
class Authority:
    """An authority with its key."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def certificate(
    issuer: Authority | None, *, name: str, ca: bool, since: datetime = NOW - YEAR, until: datetime = NOW + YEAR,
    usage: Any = None, who: str | None = WHO, signs: bool = True, bare: bool = False, path: int | None = None,
) -> Authority:  # fmt: skip
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).public_key(key.public_key())
    builder = builder.issuer_name(issuer.certificate.subject if issuer else subject)
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(since).not_valid_after(until)
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=path), critical=True)
    if not bare:
        no = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign", "encipher_only", "decipher_only"),
            False,
        )  # fmt: skip
        builder = builder.add_extension(
            x509.KeyUsage(digital_signature=signs and not ca, key_cert_sign=ca, **no), critical=True
        )
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=False)
    if who and not ca:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(who)]), critical=False)
    signer = issuer.key if issuer else key
    return Authority(key, builder.sign(signer, hashes.SHA256()))


@dataclass
class Chain:
    """A model signed with a certificate."""

    place: Place
    roots: str
    leaf: str

    def verify(self, identity: str = WHO, now: datetime = NOW) -> Verified:
        return verify_certificate(str(self.place.model), self.place.bundle, [self.roots], identity, now=now)

    def accepted_by_theirs(self) -> None:
        model_signing(
            "verify",
            "certificate",
            self.place.model,
            "--signature",
            self.place.bundle,
            "--certificate_chain",
            self.roots,
        )


def chained(place: Place, *between: Authority, root: Authority, leaf: Authority) -> Chain:
    """Sign with the leaf, by our own hand: theirs writes the same."""
    pem = serialization.Encoding.PEM
    roots = place.root / "ca.pem"
    roots.write_bytes(root.certificate.public_bytes(pem))
    document = place.sign()
    data = base64.b64decode(document["dsseEnvelope"]["payload"])
    signature = leaf.key.sign(pae(PAYLOAD_TYPE, data), ec.ECDSA(hashes.SHA256()))
    document["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(signature).decode()
    chain = [one.certificate.public_bytes(serialization.Encoding.DER) for one in (leaf, *between, root)]
    certificates = [{"rawBytes": base64.b64encode(one).decode()} for one in chain]
    document["verificationMaterial"] = {"x509CertificateChain": {"certificates": certificates}, "tlogEntries": []}
    place.write(document)
    return Chain(place, str(roots), "")


def signed_by(place: Place, *, root: dict[str, Any] | None = None, **leaf: Any) -> Chain:
    top = certificate(None, name="root", ca=True, **(root or {}))
    given = {"usage": [ExtendedKeyUsageOID.CODE_SIGNING], **leaf}
    return chained(place, root=top, leaf=certificate(top, name="ann", ca=False, **given))


def test_a_certificate_and_who_it_was_given_to(place: Place) -> None:
    chain = signed_by(place)
    assert chain.verify().signer == WHO
    assert chain.verify("CN=ann").signer == "CN=ann"


@theirs
def test_theirs_signed_with_a_certificate(place: Place) -> None:
    top = certificate(None, name="root", ca=True)
    leaf = certificate(top, name="ann", ca=False, usage=[ExtendedKeyUsageOID.CODE_SIGNING])
    pem = serialization.Encoding.PEM
    names = {name: str(place.root / name) for name in ("leaf.key", "leaf.pem", "ca.pem")}
    Path(names["leaf.key"]).write_bytes(
        leaf.key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    Path(names["leaf.pem"]).write_bytes(leaf.certificate.public_bytes(pem))
    Path(names["ca.pem"]).write_bytes(top.certificate.public_bytes(pem))
    model_signing(
        "sign", "certificate", place.model, "--signature", place.bundle, "--private_key", names["leaf.key"],
        "--signing_certificate", names["leaf.pem"], "--certificate_chain", names["ca.pem"],
    )  # fmt: skip
    assert Chain(place, names["ca.pem"], "").verify().files == 3


@theirs
def test_attack_a_certificate_that_has_expired(place: Place) -> None:
    chain = signed_by(place, since=NOW - 2 * YEAR, until=NOW - YEAR, root={"since": NOW - 3 * YEAR})
    chain.accepted_by_theirs()
    with pytest.raises(Untrusted, match="not accepted"):
        chain.verify()
    assert chain.verify(now=NOW - 1.5 * YEAR).files == 3  # a time of signing that the caller knows and trusts


@theirs
def test_attack_an_authority_that_has_expired(place: Place) -> None:
    chain = signed_by(place, since=NOW - 2 * YEAR, root={"since": NOW - 3 * YEAR, "until": NOW - YEAR})
    chain.accepted_by_theirs()
    with pytest.raises(Untrusted, match="not accepted"):
        chain.verify()


@theirs
def test_attack_a_certificate_that_is_not_yet_valid(place: Place) -> None:
    chain = signed_by(place, since=NOW + YEAR, until=NOW + 2 * YEAR, root={"until": NOW + 3 * YEAR})
    chain.accepted_by_theirs()
    with pytest.raises(Untrusted, match="not accepted"):
        chain.verify()


@theirs
@pytest.mark.parametrize(
    "usage",
    [
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
        ExtendedKeyUsageOID.TIME_STAMPING,
        ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    ],
    ids=["serverAuth", "clientAuth", "timeStamping", "any"],
)
def test_attack_a_certificate_for_another_purpose(place: Place, usage: x509.ObjectIdentifier) -> None:
    chain = signed_by(place, usage=[usage])
    chain.accepted_by_theirs()
    with pytest.raises(Untrusted, match="purpose"):
        chain.verify()


def test_attack_a_key_that_is_not_for_signatures_or_says_nothing(place: Place) -> None:
    for chain in (signed_by(place, signs=False), signed_by(place, bare=True, usage=None)):
        with pytest.raises(Untrusted, match="not accepted"):
            chain.verify()


@theirs
def test_attack_somebody_else_s_certificate_of_the_same_authority(place: Place) -> None:
    """Theirs has no identity at all."""
    chain = signed_by(place, who="mallory@example.org")
    chain.accepted_by_theirs()
    with pytest.raises(Untrusted, match=r"mallory@example\.org"):
        chain.verify()


@pytest.mark.parametrize("identity", ["", "example.org", "ANN@example.org", "ann@example.org ", "ann", "*"])
def test_attack_an_identity_that_is_nearly_it(place: Place, identity: str) -> None:
    with pytest.raises(Untrusted):
        signed_by(place).verify(identity)


def test_attack_chains_that_lead_nowhere(place: Place) -> None:
    top, other = (certificate(None, name="root", ca=True) for _ in range(2))
    code = [ExtendedKeyUsageOID.CODE_SIGNING]
    foreign = certificate(other, name="ann", ca=False, usage=code)
    end = certificate(top, name="end", ca=False, usage=code)
    below_end = certificate(end, name="ann", ca=False, usage=code)
    short = certificate(None, name="short", ca=True, path=0)
    middle = certificate(short, name="middle", ca=True)
    below_middle = certificate(middle, name="ann", ca=False, usage=code)
    selfmade = certificate(None, name="ann", ca=False, usage=code)
    authority = certificate(top, name="sub", ca=True, usage=code)
    for chain in (
        chained(place, root=top, leaf=foreign),
        chained(place, other, root=top, leaf=foreign),
        chained(place, end, root=top, leaf=below_end),
        chained(place, middle, root=short, leaf=below_middle),
        chained(place, root=top, leaf=selfmade),
        chained(place, root=top, leaf=authority),
    ):
        with pytest.raises(Untrusted, match="not accepted"):
            chain.verify()


def test_an_authority_between(place: Place) -> None:
    top = certificate(None, name="root", ca=True)
    middle = certificate(top, name="middle", ca=True, path=0)
    leaf = certificate(middle, name="ann", ca=False, usage=[ExtendedKeyUsageOID.CODE_SIGNING])
    assert chained(place, middle, root=top, leaf=leaf).verify().files == 3


def test_attack_a_signature_of_another_key_with_a_good_chain(place: Place) -> None:
    chain = signed_by(place)
    document = json.loads(Path(place.bundle).read_text())
    data = base64.b64decode(document["dsseEnvelope"]["payload"])
    signature = load_private(place.key).sign(pae(PAYLOAD_TYPE, data))
    document["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(signature).decode()
    place.write(document)
    with pytest.raises(Untrusted, match="signature"):
        chain.verify()


def test_key_and_certificate_are_not_taken_for_each_other(place: Place) -> None:
    chain = signed_by(place)
    with pytest.raises(UsageError):
        place.verify()
    place.sign()
    with pytest.raises(UsageError):
        chain.verify()


# bundles and statements


@pytest.mark.parametrize(
    "resource",
    [
        {"name": "../evil"}, {"name": "/etc/passwd"}, {"name": "a\\b"}, {"name": ""}, {"name": "deep/./b"}, {"name": 1},
        {"name": "A.TXT"}, {"name": "a.txt"}, {"digest": "AB" * 32}, {"digest": "00"}, {"digest": None},
        {"algorithm": "sha512"}, {"algorithm": "blake2b"},
    ],
    ids=str,
)  # fmt: skip
def test_attack_resources_in_a_signed_statement(place: Place, resource: dict[str, Any]) -> None:
    good = [{"name": "a.txt", "algorithm": "sha256", "digest": hashlib.sha256(b"first").hexdigest()}]
    place.say(resources=[*good, {**good[0], "name": "other", **resource}])
    with pytest.raises((Malformed, Untrusted)):
        place.verify()


@pytest.mark.parametrize(
    "changes",
    [
        {"predicateType": "https://model_signing/Digests/v0.1"}, {"_type": "https://in-toto.io/Statement/v0.1"},
        {"subject": []}, {"subject": None}, {"subject": [{"name": "model", "digest": {"sha256": "00" * 32}}]},
        {"subject": [{"name": "model", "digest": {}}]}, {"method": "shards"}, {"hash_type": "blake2"}, {"resources": None},
        {"resources": []}, {"predicate": None}, {"predicate": []}, {"assaymark": {"digest": "assaymark-manifest-v1:" + "0" * 64}},
        {"assaymark": {"digest": "x"}}, {"assaymark": []}, {"serialization": None}, {"serialization": {"method": "files"}},
    ],
    ids=str,
)  # fmt: skip
def test_attack_statements_that_contradict_themselves_or_are_others(place: Place, changes: dict[str, Any]) -> None:
    place.say(**changes)
    with pytest.raises((Malformed, Untrusted)):
        place.verify()


@pytest.mark.parametrize(
    "changes",
    [
        {"mediaType": "application/vnd.dev.sigstore.bundle.v0.2+json"}, {"mediaType": None}, {"dsseEnvelope": None},
        {"dsseEnvelope": []}, {"verificationMaterial": None}, {"verificationMaterial": {}},
        {"verificationMaterial": {"publicKey": None}}, {"verificationMaterial": {"publicKey": {"hint": 1}}},
        {"verificationMaterial": {"publicKey": {"hint": "00" * 32}}},
        {"verificationMaterial": {"certificate": {"rawBytes": "AA=="}}},
        {"verificationMaterial": {"x509CertificateChain": {"certificates": []}}},
        {"verificationMaterial": {"x509CertificateChain": {"certificates": [{"rawBytes": "AA==" }] * 17}}},
        {"verificationMaterial": {"x509CertificateChain": {"certificates": [{"rawBytes": "AB==" }]}}},
        {"verificationMaterial": {"publicKey": {}, "x509CertificateChain": {}}},
    ],
    ids=lambda changes: str(changes)[:80],
)  # fmt: skip
def test_attack_bundles_of_another_form(place: Place, changes: dict[str, Any]) -> None:
    place.write({**place.sign(), **changes})
    with pytest.raises((Malformed, Untrusted)):
        place.verify()


def test_attack_more_signatures_than_one_and_none(place: Place) -> None:
    document = place.sign()
    envelope = document["dsseEnvelope"]
    for signatures in ([], envelope["signatures"] * 2, None):
        place.write({**document, "dsseEnvelope": {**envelope, "signatures": signatures}})
        with pytest.raises(Malformed):
            place.verify()


def test_certificates_that_are_none(place: Place) -> None:
    chain = signed_by(place)
    document = json.loads(Path(place.bundle).read_text())
    for raw in (b"", b"x" * 100, b"0\x82\xff\xff"):
        material = {"x509CertificateChain": {"certificates": [{"rawBytes": base64.b64encode(raw).decode()}]}}
        place.write({**document, "verificationMaterial": material})
        with pytest.raises(Untrusted, match="not accepted"):
            chain.verify()


def test_every_byte_of_a_bundle_flipped(place: Place) -> None:
    """No change of one bit verifies as another model; most do not verify at all."""
    place.sign()
    good, data = place.verify(), Path(place.bundle).read_bytes()
    accepted = 0
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1 << (at % 8)
        Path(place.bundle).write_bytes(changed)
        try:
            verified = place.verify()
        except AssayError:
            continue
        assert verified == good
        accepted += 1
    assert accepted < 60  # keys of JSON that the standard lets be anything: tlogEntries, keyid, the spaces


def test_what_cannot_be_signed(place: Place) -> None:
    os.symlink("a.txt", place.model / "link")
    with pytest.raises(Malformed, match="symbolic link"):
        place.sign()
    (place.model / "link").unlink()
    (place.model / "void").mkdir()
    with pytest.raises(Untrusted, match="void"):
        place.sign()
    (place.model / "void").rmdir()
    (place.model / "nul").write_text("x")
    with pytest.raises(Malformed):
        place.sign()
    empty = place.root / "nothing"
    empty.mkdir()
    with pytest.raises(Malformed, match="empty"):
        sign(str(empty), place.bundle, place.key, None)
    with pytest.raises(UsageError):
        sign(str(place.model / "a.txt"), place.bundle, place.key, None)
