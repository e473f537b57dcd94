"""The graph is what the stored evidence says: filled with it, and made anew from it."""

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from assaymark.bom import graph_tables, graph_walk
from assaymark.bom.selectors import select
from assaymark.core.bom import CYCLONEDX
from assaymark.core.clock import timestamp
from assaymark.core.errors import Conflict, NotFound, Untrusted
from assaymark.core.evidence import Statement
from assaymark.core.strictjson import canonical
from assaymark.core.subject import Subject
from assaymark.desk import Desk
from assaymark.registry import graph_tables as sources
from assaymark.registry import models, versions
from assaymark.registry.names import VersionName
from assaymark.tending import Keeping
from tests.registry.crashing import seal, subject_of
from tests.registry.makers import bom_document, sign
from tests.registry.org import MODEL, ONE, Org, a_model

TWO = VersionName(MODEL, "2")
TORCH = "pkg:pypi/torch@2.5.0"


@pytest.fixture
def org(tmp_path: Path, database_url: str) -> Any:
    made = Org(tmp_path / "home", database=database_url)
    yield made
    made.registrar.close()


def publish(org: Org, folder: Path, name: VersionName = ONE, parents: Any = (), content: str = "") -> Subject:
    """A sealed version; `content` makes its bytes its own."""
    if not folder.exists():
        a_model(folder)
    (folder / "config.json").write_text(content or str(name))
    if parents:
        from assaymark.storage.objects import ingest

        manifest = ingest(org.registrar.store, str(folder))
        with org.registrar.work() as work:
            versions.draft(work, name, "ann", parents)
            versions.note_uploads(work, MODEL.project, (file.sha256 for file in manifest.files))
            versions.add_files(work, name, manifest.files)
    else:
        org.registrar.upload(name, str(folder), "ann")
    seal(org, name)
    return subject_of(org, name)


def listed(org: Org, name: VersionName, *more: dict[str, Any], root: dict[str, Any] | None = None, **top: Any) -> bytes:
    """A signed bill of materials that names every file, and these components."""
    with org.registrar.look() as work:
        manifest = versions.manifest_of(work.connection, models.find_version(work.connection, name).id)
    document = bom_document(manifest)
    document["components"] += more
    document["metadata"]["component"] |= root or {}
    said = Statement((subject_of(org, name),), CYCLONEDX, document | top)
    return canonical(sign(said, "ann").to_json())


def library(name: str, version: str) -> dict[str, Any]:
    purl = f"pkg:pypi/{name}@{version}"
    return {"type": "library", "name": name, "version": version, "purl": purl, "bom-ref": purl}


def affected(org: Org, what: str, *, at: str = "") -> set[str]:
    """Names of models and deployments that come from it now."""
    with org.registrar.database.read() as connection:
        from assaymark.bom.graph import moment

        seeds = list(select(connection, what).seeds)
        found = graph_walk.affected(connection, seeds, None, moment(at) if at else None)
        rows = connection.execute(sa.select(graph_tables.aliases).where(graph_tables.aliases.c.node.in_(found)))
        names = {row.alias for row in rows if "@" in row.alias and row.alias.startswith("fraud/")}
        keys = connection.execute(sa.select(graph_tables.nodes.c.key).where(graph_tables.nodes.c.id.in_(found)))
        return names | {key for key in keys.scalars() if key.startswith("deployment:")}


def sound(org: Org) -> None:
    assert Keeping.of(org.registrar).check() == []


def test_a_seal_says_files_publisher_and_names(org: Org, tmp_path: Path) -> None:
    publish(org, tmp_path / "model")
    with org.registrar.look() as work:
        (file, *_) = versions.manifest_of(work.connection, 1).files
    assert affected(org, f"sha256:{file.sha256}") == {"fraud/scorer@1"}
    assert affected(org, "party:ann") == {"fraud/scorer@1"}
    assert affected(org, "fraud/scorer@1") == {"fraud/scorer@1"}
    sound(org)


def test_the_same_bytes_under_two_names_are_one_node(org: Org, tmp_path: Path) -> None:
    publish(org, tmp_path / "model", content="same")
    org.clock.moment = org.clock.moment.replace(minute=1)
    publish(org, tmp_path / "model", TWO, content="same")
    assert affected(org, "fraud/scorer@1") == {"fraud/scorer@1", "fraud/scorer@2"}
    sound(org)


@pytest.mark.parametrize("first", ["parent", "child"])
def test_lineage_counts_once_both_are_sealed(org: Org, tmp_path: Path, first: str) -> None:
    if first == "parent":
        publish(org, tmp_path / "model")
        publish(org, tmp_path / "other", TWO, [(ONE, "fine-tuned-from")])
    else:
        a_model(tmp_path / "model")
        org.registrar.upload(ONE, str(tmp_path / "model"), "ann")
        publish(org, tmp_path / "other", TWO, [(ONE, "fine-tuned-from")])
        seal(org, ONE)
    assert affected(org, "fraud/scorer@1") == {"fraud/scorer@1", "fraud/scorer@2"}
    assert affected(org, "fraud/scorer@2") == {"fraud/scorer@2"}
    sound(org)


def test_a_bill_of_materials_says_what_went_in_and_a_later_one_of_its_signer_ends_it(org: Org, tmp_path: Path) -> None:
    publish(org, tmp_path / "model")
    org.registrar.attest(ONE, listed(org, ONE, library("torch", "2.5.0")))
    assert affected(org, TORCH) == {"fraud/scorer@1"}
    before = timestamp(org.clock.moment)
    org.clock.moment = org.clock.moment.replace(minute=5)
    org.registrar.attest(ONE, listed(org, ONE, library("torch", "2.6.0")))
    assert affected(org, TORCH) == set()
    assert affected(org, TORCH, at=before) == {"fraud/scorer@1"}
    sound(org)


def test_provenance_says_what_a_build_read(org: Org, tmp_path: Path) -> None:
    subject = publish(org, tmp_path / "model")
    said = {
        "buildDefinition": {
            "buildType": "x", "externalParameters": {},
            "resolvedDependencies": [
                {"uri": "git+https://example.org/train", "digest": {"gitCommit": "a" * 40}},
                {"name": "rows.parquet", "digest": {"sha256": "b" * 64}},
            ],
        },
        "runDetails": {"builder": {"id": "https://ci.example/runner"}, "byproducts": [{"digest": {"sha256": "c" * 64}}]},
    }  # fmt: skip
    with_attester(org)
    kind = "https://slsa.dev/provenance/v1"
    org.registrar.attest(ONE, canonical(sign(Statement((subject,), kind, said), "gil").to_json()))
    for what in ("sha256:" + "b" * 64, "gitCommit:" + "a" * 40, "tool:https://ci.example/runner"):
        with org.registrar.database.read() as connection:
            keyed = sa.or_(graph_tables.nodes.c.key == what, graph_tables.nodes.c.key == what.lower())
            (seed,) = connection.execute(sa.select(graph_tables.nodes.c.id).where(keyed)).scalars()
            (one,) = connection.execute(
                sa.select(graph_tables.nodes.c.id).where(graph_tables.nodes.c.key == str(subject.digest))
            ).scalars()
            assert one in graph_walk.affected(connection, [seed]), what
    sound(org)


def with_attester(org: Org) -> None:
    from tests.registry.makers import NOW, at, key, sign_root
    from tests.registry.org import public_of

    document = org.document(2)
    gil = key("gil")
    document["keys"][gil.keyid] = public_of(gil)
    grant = {"key": gil.keyid, "from": at(days=1), "until": None}
    document["people"]["gil"] = {"roles": ["attester"], "projects": ["*"], "keys": [grant]}
    org.registrar.install_root(canonical(sign_root(document, ("root1", "root2")).to_json()))
    assert NOW


# Deployments


def test_a_deployment_is_affected_while_it_runs(org: Org, tmp_path: Path) -> None:
    publish(org, tmp_path / "model")
    publish(org, tmp_path / "other", TWO)
    org.registrar.attest(ONE, listed(org, ONE, library("torch", "2.5.0")))
    desk = Desk(org.registrar, "host")
    assert desk.deploy("fraud/scorer@1", "api")["since"] == timestamp(org.clock.moment)
    assert affected(org, TORCH) == {"fraud/scorer@1", "deployment:production/api"}
    sound(org)
    then = timestamp(org.clock.moment)
    org.clock.moment = org.clock.moment.replace(minute=9)
    desk.deploy("fraud/scorer@1", "api")  # the same again
    desk.deploy("fraud/scorer@2", "api")
    assert affected(org, TORCH) == {"fraud/scorer@1"}
    assert affected(org, TORCH, at=then) == {"fraud/scorer@1", "deployment:production/api"}
    assert [one["version"] for one in desk.deployments()] == ["fraud/scorer@2"]
    assert [one["until"] is None for one in desk.deployments("fraud/scorer", ended=True)] == [False, True]
    desk.undeploy("api")
    assert desk.deployments() == []
    sound(org)


def test_reports_that_contradict_each_other_are_refused(org: Org, tmp_path: Path) -> None:
    publish(org, tmp_path / "model")
    publish(org, tmp_path / "other", TWO)
    desk = Desk(org.registrar, "host")
    desk.deploy("fraud/scorer@1", "api", since="2026-11-01T00:00:00Z")
    with pytest.raises(Conflict, match="since 2026-11-01"):
        desk.deploy("fraud/scorer@2", "api", since="2026-10-01T00:00:00Z")
    with pytest.raises(Conflict, match="not before"):
        desk.undeploy("api", until="2026-10-01T00:00:00Z")
    with pytest.raises(Untrusted, match="still to come"):
        desk.deploy("fraud/scorer@2", "api", since="2027-10-01T00:00:00Z")
    with pytest.raises(models.NotFound):
        desk.undeploy("web")
    sound(org)


# Other bills of materials


def dataset(name: str, digest: str, *more: dict[str, Any]) -> bytes:
    root = {"type": "data", "name": name, "hashes": [{"alg": "SHA-256", "content": digest}]}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {"component": root},
        "components": list(more),
    }
    return json.dumps(document).encode()


def test_what_nobody_signed_is_marked_and_ends_nothing_that_was_signed(org: Org) -> None:
    desk = Desk(org.registrar, "host")
    done = desk.add_bom(dataset("rows", "d" * 64, library("torch", "2.5.0")), "rows")
    assert done["signed_by"] == "nobody"
    said = Statement(
        (Subject("rows", _digest("e" * 64)),),
        CYCLONEDX,
        json.loads(dataset("rows", "e" * 64, library("torch", "2.5.0"))),
    )
    org.clock.moment = org.clock.moment.replace(minute=2)
    signed = desk.add_bom(canonical(sign(said, "ann").to_json()), "rows")
    assert signed["signed_by"] != "nobody"
    org.clock.moment = org.clock.moment.replace(minute=3)
    desk.add_bom(dataset("rows", "d" * 64), "rows")  # ends what nobody signed before, and no more
    with org.registrar.database.read() as connection:
        seeds = list(select(connection, TORCH).seeds)
        found = graph_walk.affected(connection, seeds)
        keys = set(
            connection.execute(sa.select(graph_tables.nodes.c.key).where(graph_tables.nodes.c.id.in_(found))).scalars()
        )
        assert org.registrar.store.size(connection.execute(sa.select(sources.boms.c.blob)).scalars().first())
    assert "sha256:" + "e" * 64 in keys and "sha256:" + "d" * 64 not in keys
    with pytest.raises(Conflict, match="already"):
        desk.add_bom(dataset("rows", "d" * 64), "rows")
    assert org.registrar.marked()
    sound(org)


def _digest(text: str) -> Any:
    from assaymark.core.digest import Digest

    return Digest("sha256", text)


def test_an_envelope_by_a_stranger_or_about_something_else_is_refused(org: Org) -> None:
    desk = Desk(org.registrar, "host")
    document = json.loads(dataset("rows", "e" * 64))
    stranger = sign(Statement((Subject("rows", _digest("e" * 64)),), CYCLONEDX, document), "stranger")
    with pytest.raises(Untrusted):
        desk.add_bom(canonical(stranger.to_json()))
    other = sign(Statement((Subject("rows", _digest("f" * 64)),), CYCLONEDX, document), "ann")
    with pytest.raises(Untrusted, match="something else"):
        desk.add_bom(canonical(other.to_json()))
    sound(org)


# Hostile


def test_a_model_that_names_itself_as_its_ancestor(org: Org, tmp_path: Path) -> None:
    publish(org, tmp_path / "model")
    purl = "pkg:huggingface/acme/net@1"
    me = {"type": "machine-learning-model", "name": "net", "purl": purl, "bom-ref": "again"}
    root = {"purl": purl, "bom-ref": "me", "pedigree": {"ancestors": [{**me, "bom-ref": "older"}]}}
    org.registrar.attest(ONE, listed(org, ONE, me, root=root, dependencies=[{"ref": "me", "dependsOn": ["again"]}]))
    assert affected(org, "fraud/scorer@1") == {"fraud/scorer@1"}
    assert affected(org, purl) == {"fraud/scorer@1"}
    sound(org)


def test_digests_that_are_not_those_of_the_bytes_are_no_evidence(org: Org, tmp_path: Path) -> None:
    publish(org, tmp_path / "model")
    wrong = {"type": "file", "name": "config.json", "hashes": [{"alg": "SHA-256", "content": "0" * 64}]}
    with pytest.raises(Untrusted):
        org.registrar.attest(ONE, listed(org, ONE, wrong, library("torch", "2.5.0")))
    with org.registrar.database.read() as connection, pytest.raises(NotFound):
        select(connection, TORCH)
    sound(org)


def test_two_that_claim_one_purl_are_both_meant_and_nothing_is_overwritten(org: Org, tmp_path: Path) -> None:
    publish(org, tmp_path / "model")
    publish(org, tmp_path / "other", TWO)
    purl = "pkg:huggingface/acme/net@abc"
    org.registrar.attest(ONE, listed(org, ONE, library("torch", "2.5.0"), root={"purl": purl}))
    org.registrar.attest(TWO, listed(org, TWO, root={"purl": purl}))
    assert affected(org, purl) == {"fraud/scorer@1", "fraud/scorer@2"}
    assert affected(org, TORCH) == {"fraud/scorer@1"}
    sound(org)


def test_what_breaks_a_limit_is_evidence_and_a_gap(org: Org, tmp_path: Path, monkeypatch: Any) -> None:
    from assaymark.bom import graph

    publish(org, tmp_path / "model")
    with monkeypatch.context() as patched:
        patched.setattr(graph, "MOST_EDGES", 3)
        assert org.registrar.attest(ONE, listed(org, ONE, *(library(f"p{n}", "1") for n in range(9)))) == "sealed"
    (gap,) = Desk(org.registrar, "host").show("fraud/scorer@1")["graph_gaps"]
    assert "edges in one document" in gap["why"]
    assert any("the graph lacks" in problem for problem in Keeping.of(org.registrar).check())
    Keeping.of(org.registrar).rebuild_graph()
    assert affected(org, "pkg:pypi/p3@1") == {"fraud/scorer@1"}
    sound(org)


# Made anew


def test_it_is_made_anew_from_what_is_stored(org: Org, tmp_path: Path) -> None:
    publish(org, tmp_path / "model")
    publish(org, tmp_path / "other", TWO, [(ONE, "fine-tuned-from")])
    org.registrar.attest(ONE, listed(org, ONE, library("torch", "2.5.0")))
    desk = Desk(org.registrar, "host")
    desk.deploy("fraud/scorer@2", "api", "staging")
    desk.add_bom(dataset("rows", "d" * 64), "rows")
    with org.registrar.database.write() as connection:
        connection.execute(graph_tables.edges.delete().where(graph_tables.edges.c.kind == 0))
        for table in reversed(graph_tables.metadata.sorted_tables):
            connection.execute(table.delete())
    (said,) = Keeping.of(org.registrar).check()
    assert "lacks what evidence says" in said and "graph rebuild" in said
    assert Keeping.of(org.registrar).rebuild_graph() >= 6
    sound(org)
    assert "deployment:staging/api" in affected(org, TORCH)
    with org.registrar.database.write() as connection:
        connection.execute(graph_tables.aliases.insert().values(alias="pkg:pypi/evil@1", node=1))
    (said,) = Keeping.of(org.registrar).check()
    assert "says what no evidence does" in said


def test_a_home_from_before_the_graph_gets_its_tables(org: Org, tmp_path: Path) -> None:
    publish(org, tmp_path / "model")
    gone = [*graph_tables.metadata.sorted_tables, sources.deployments, sources.boms, sources.gaps]
    with org.registrar.database.write() as connection:
        for table in reversed(gone):
            table.drop(connection)
    org.registrar.close()
    org.registrar = org.open()
    assert any("lacks" in problem for problem in Keeping.of(org.registrar).check())
    Keeping.of(org.registrar).rebuild_graph()
    assert affected(org, "fraud/scorer@1") == {"fraud/scorer@1"}
    sound(org)


def test_evidence_that_fails_leaves_no_edges(org: Org, tmp_path: Path, monkeypatch: Any) -> None:
    """Both or neither: the transaction ends before its commit."""
    publish(org, tmp_path / "model")
    document = listed(org, ONE, library("torch", "2.5.0"))

    def broken(*_: Any, **__: Any) -> Any:
        raise OSError("the machine stops")

    with monkeypatch.context() as patched:
        patched.setattr("assaymark.registry.promotions.void_worse", broken)
        with pytest.raises(OSError, match="stops"):
            org.registrar.attest(ONE, document)
    with org.registrar.database.read() as connection, pytest.raises(NotFound):
        select(connection, TORCH)
    sound(org)
    org.registrar.attest(ONE, document)
    assert affected(org, TORCH) == {"fraud/scorer@1"}


def test_a_backup_holds_the_graph(tmp_path: Path) -> None:
    from assaymark import tending

    org = Org(tmp_path / "home")
    publish(org, tmp_path / "model")
    Desk(org.registrar, "host").add_bom(dataset("rows", "d" * 64), "rows")
    made = Keeping.of(org.registrar).backup(str(tmp_path / "backups"))
    org.registrar.close()
    home = Path(org.home)
    (home / "registry").rename(tmp_path / "lost")
    tending.restore(org.home, made.folder)
    org.registrar = org.open()
    sound(org)
    assert affected(org, "fraud/scorer@1") == {"fraud/scorer@1"}
    Keeping.of(org.registrar).rebuild_graph()
    sound(org)
    org.registrar.close()
