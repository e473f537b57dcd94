"""Snapshots of a repository, and what changed between them."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark import origins
from assaymark.core.errors import AssayError, Malformed, UsageError
from assaymark.core.finding import Severity
from assaymark.core.snapshot import Snapshot
from assaymark.core.verdict import Outcome
from assaymark.model.origin.history import creator, shifts
from assaymark.model.origin.names import lookalikes
from assaymark.model.origin.record import KIND, content, read_snapshot, to_json
from tests.model.origin.makers import examine, ids, lies, llama

ANSWERS: dict[str, Any] = {
    "model": {
        "id": "acme/net", "author": "acme", "sha": "a" * 40, "createdAt": "2024-01-01T00:00:00.000Z", "lastModified": "2024-06-01T00:00:00.000Z",
        "gated": False, "downloads": 100, "likes": 7, "tags": ["license:mit", "base_model:finetune:acme/base"], "cardData": {"license": "mit"},
        "siblings": [
            {"rfilename": "README.md", "size": 10, "blobId": "1" * 40},
            {"rfilename": "model.safetensors", "size": 99, "lfs": {"sha256": "b" * 64, "size": 99}},
        ],
    },
    "owner": {"name": "acme", "type": "org", "fullname": "Acme", "isVerified": True, "createdAt": "2020-01-01T00:00:00.000Z", "numUsers": 5},
    "commits": [{"id": "a" * 40, "title": "first", "date": "2024-06-01T00:00:00.000Z", "authors": [{"user": "ann"}]}],
    "discussions": {"discussions": [{"num": 1, "title": "thanks", "status": "open"}]},
}  # fmt: skip
Edit = Callable[[dict[str, Any]], None]


def snapshot(edit: Edit | None = None, *, at: str = "2026-01-01T00:00:00Z", of: str = "hf://acme/net") -> Snapshot:
    answers = copy.deepcopy(ANSWERS)
    if edit is not None:
        edit(answers)
    return Snapshot(KIND, of, at, content(answers))


def file(answers: dict[str, Any], name: str, digest: str) -> None:
    entries = [entry for entry in answers["model"]["siblings"] if entry["rfilename"] != name]
    answers["model"]["siblings"] = [*entries, {"rfilename": name, "lfs": {"sha256": digest, "size": 5}}]


def moved(answers: dict[str, Any]) -> None:
    """A new commit on top of the old one."""
    answers["model"]["sha"] = "c" * 40
    answers["commits"] = [
        {"id": "c" * 40, "title": "more", "date": "2025-01-01T00:00:00.000Z", "authors": [{"user": "ann"}]},
        *answers["commits"],
    ]


def pickled(answers: dict[str, Any]) -> None:
    moved(answers)
    answers["model"]["siblings"] = [{"rfilename": "pytorch_model.bin", "lfs": {"sha256": "d" * 64, "size": 5}}]


def found(edit: Edit, *, of: str = "hf://acme/net") -> dict[str, Severity]:
    return {
        shift.what: shift.severity
        for shift in reversed(shifts(snapshot(of=of), snapshot(edit, at="2026-02-01T00:00:00Z", of=of)))
    }


def test_nothing_changed() -> None:
    assert shifts(snapshot(), snapshot(at="2026-02-01T00:00:00Z")) == []
    assert found(lambda a: a["model"].update(downloads=5_000_000, likes=1)) == {}


@pytest.mark.parametrize(
    ("edit", "what", "severity"),
    [
        (lambda a: (moved(a), file(a, "model.safetensors", "e" * 64)), "weights", Severity.MEDIUM),
        (lambda a: file(a, "model.safetensors", "e" * 64), "weights", Severity.CRITICAL),
        (pickled, "format", Severity.HIGH),
        (lambda a: (moved(a), file(a, "pytorch_model.bin", "e" * 64)), "format", Severity.MEDIUM),
        (lambda a: (moved(a), file(a, "modeling_net.py", "e" * 64)), "code", Severity.MEDIUM),
        (lambda a: a["model"].update(author="mallory"), "owner", Severity.HIGH),
        (lambda a: a["model"].update(id="acme-ai/net"), "repository", Severity.HIGH),
        (lambda a: a["model"].update(createdAt="2025-01-01T00:00:00.000Z"), "repository", Severity.HIGH),
        (lambda a: a["owner"].update(createdAt="2025-12-01T00:00:00.000Z"), "account", Severity.CRITICAL),
        (lambda a: a["owner"].update(isVerified=False), "account", Severity.MEDIUM),
        (lambda a: a["owner"].update(type="user"), "account", Severity.HIGH),
        (
            lambda a: a["model"].update(sha="f" * 40) or a.update(commits=[{"id": "f" * 40, "authors": []}]),
            "history",
            Severity.HIGH,
        ),
        (lambda a: a["model"].update(cardData={"license": "llama2"}), "licence", Severity.MEDIUM),
        (lambda a: a["model"].update(tags=["base_model:other/base"]), "base model", Severity.MEDIUM),
        (lambda a: a["model"].update(disabled=True), "repository", Severity.HIGH),
        (lambda a: a["model"].update(gated="auto"), "access", Severity.LOW),
        (lambda a: moved(a) or a["commits"][0].update(authors=[{"user": "mallory"}]), "people", Severity.MEDIUM),
        (
            lambda a: a["discussions"]["discussions"].append({"title": "This has malware", "status": "open"}),
            "discussions",
            Severity.MEDIUM,
        ),
        (lambda a: moved(a) or a["model"]["siblings"][0].update(blobId="2" * 40), "card", Severity.LOW),
    ],
)
def test_what_a_change_means(edit: Edit, what: str, severity: Severity) -> None:
    assert found(edit)[what] is severity


def test_a_tag_that_moves_is_worse_than_a_branch() -> None:
    def edit(answers: dict[str, Any]) -> None:
        moved(answers)
        file(answers, "model.safetensors", "e" * 64)

    assert found(edit, of="hf://acme/net@v1.0")["weights"] is Severity.HIGH


def test_other_repositories_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="different"):
        shifts(snapshot(), snapshot(lambda a: a["model"].update(id="x/y"), of="hf://x/y"))


def test_documents_are_read_again_and_guarded() -> None:
    document = to_json(snapshot())
    again = read_snapshot(json.dumps(document).encode(), "s.json")
    assert again.digest == snapshot().digest
    document["content"]["downloads"] = 10**9
    with pytest.raises(Malformed, match="changed after it was made"):
        read_snapshot(json.dumps(document).encode(), "s.json")
    bundle = json.dumps({**ANSWERS, "at": "2026-01-01T00:00:00Z"}).encode()
    assert read_snapshot(bundle, "b.json").content == snapshot().content


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "id",
                        "name",
                        "siblings",
                        "lfs",
                        "size",
                        "authors",
                        "user",
                        "discussions",
                        "title",
                        "cardData",
                        "license",
                        "rfilename",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ),
    st.sampled_from(["model", "owner", "commits", "discussions", "siblings", "cardData", "tags", "safetensors"]),
)
def test_any_answer_gives_a_snapshot_or_is_malformed(value: object, where: str) -> None:
    answers = copy.deepcopy(ANSWERS)
    (answers if where in answers else answers["model"])[where] = value
    try:
        made = Snapshot(KIND, "hf://acme/net", "2026-01-01T00:00:00Z", content(answers))
        read_snapshot(json.dumps(to_json(made)).encode(), "s.json")
    except AssayError:
        return
    shifts(snapshot(), made)
    shifts(made, snapshot())
    creator(made)


def test_reputation_is_told_and_lowers_nothing() -> None:
    young = creator(snapshot(lambda a: a["owner"].update(createdAt="2025-12-20T00:00:00.000Z", isVerified=False)))
    assert young["account_days"] == 12
    assert young["weigh"] == ["the account acme is 12 days old", "acme is not verified by the hub"]
    assert creator(snapshot())["weigh"] == []
    assert creator(snapshot(lambda a: a.update(owner=None)))["weigh"] == ["nothing is known of the owner's account"]


def save(path: Path, *snapshots: Snapshot) -> str:
    path.mkdir(exist_ok=True)
    for number, one in enumerate(snapshots):
        origins.write_snapshot(one, str(path / f"{number}.json"))
    return str(path)


def test_mdl248_bad_the_owner_is_another(tmp_path: Path) -> None:
    seen = save(
        tmp_path / "seen",
        snapshot(),
        snapshot(lambda a: a["model"].update(author="mallory"), at="2026-02-01T00:00:00Z"),
    )
    report = examine(llama(tmp_path / "net"), snapshots=[seen])
    assert "MDL248" in ids(report)
    assert report.report.verdict.outcome is Outcome.DENY
    assert report.document["creator"]["author"] == "mallory"


def test_mdl248_good_and_mdl249_good_nothing_moved(tmp_path: Path) -> None:
    report = examine(
        llama(tmp_path / "net"), snapshots=[save(tmp_path / "seen", snapshot(), snapshot(at="2026-02-01T00:00:00Z"))]
    )
    assert {"MDL248", "MDL249"} & ids(report) == set()


def test_mdl249_good_counters_move(tmp_path: Path) -> None:
    seen = save(
        tmp_path / "seen", snapshot(), snapshot(lambda a: a["model"].update(likes=9), at="2026-02-01T00:00:00Z")
    )
    assert "MDL249" not in ids(examine(llama(tmp_path / "net"), snapshots=[seen]))


def test_mdl249_bad_a_new_licence(tmp_path: Path) -> None:
    seen = save(
        tmp_path / "seen",
        snapshot(),
        snapshot(lambda a: a["model"].update(cardData={"license": "llama2"}), at="2026-02-01T00:00:00Z"),
    )
    assert "MDL249" in ids(examine(llama(tmp_path / "net"), snapshots=[seen]))


def test_files_against_what_the_hub_had(tmp_path: Path) -> None:
    folder = llama(tmp_path / "net")
    assert lies(examine(folder, snapshots=[save(tmp_path / "a", snapshot())])) == ["digest of model.safetensors"]
    import hashlib

    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    seen = save(tmp_path / "b", snapshot(lambda a: file(a, "model.safetensors", digest)))
    report = examine(folder, snapshots=[seen])
    assert lies(report) == []
    assert "verified" in {c["result"] for c in report.document["claims"] if c["about"].startswith("digest of")}


def test_snapshots_of_several_repositories_are_refused(tmp_path: Path) -> None:
    one, other = (
        snapshot(lambda a: a["model"].update(_id="1")),
        snapshot(lambda a: a["model"].update(id="x/y", _id="2"), of="hf://x/y"),
    )
    with pytest.raises(UsageError, match="different repositories"):
        examine(llama(tmp_path / "net"), snapshots=[save(tmp_path / "seen", one, other)])


@pytest.mark.parametrize(
    ("name", "meant", "alike"),
    [
        ("meta-ilama/Llama-2-7b", "meta-llama/Llama-2-7b", True), ("meta-llama/Llama-2-7b", "meta-llama/Llama-2-7b", False),
        ("rneta-llama/Llama-2-7b", "meta-llama/Llama-2-7b", True), ("meta-llama/Llama-2-13b", "meta-llama/Llama-2-7b", False),
        ("googel/bert-base", "google/bert-base", True), ("acme/net", "other/thing", False), ("google/bert_base", "google/bert-base", True),
        ("google/bert-large-uncased", "google/bert-base-uncased", False),
    ],
)  # fmt: skip
def test_names_that_look_alike(name: str, meant: str, alike: bool) -> None:
    assert bool(lookalikes(name, [meant])) is alike


def test_mdl250_bad_a_name_off_by_a_letter(tmp_path: Path) -> None:
    report = examine(
        llama(tmp_path / "net"), snapshots=[save(tmp_path / "s", snapshot())], expected=["acne/net", "acme/net"]
    )
    assert "MDL250" not in ids(report), "four letters are too few for a slip"
    seen = save(tmp_path / "t", snapshot(lambda a: a["model"].update(id="googel/net"), of="hf://googel/net"))
    report = examine(llama(tmp_path / "net"), snapshots=[seen], expected=["google/net"])
    assert "MDL250" in ids(report)


def test_mdl250_good_the_name_itself(tmp_path: Path) -> None:
    report = examine(llama(tmp_path / "net"), snapshots=[save(tmp_path / "s", snapshot())], expected=["acme/net"])
    assert "MDL250" not in ids(report)
