"""Snapshots of an index and what between two of them is worth a look; the index is one of ours on loopback."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.errors import AssayError, Malformed
from assaymark.core.snapshot import Snapshot
from assaymark.faces.cli import run
from assaymark.feeds import wire
from assaymark.feeds.pypi import Projects
from assaymark.library.confusion.index import Index, build
from assaymark.library.confusion.judge import judge
from assaymark.library.maintainers import history, record
from tests.feeds.servers import Reply, Request, as_json, serving

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


def file(version: str, at: str, *, kind: str = "sdist", provenance: bool = True, name: str = "demo") -> dict[str, Any]:
    ending = ".tar.gz" if kind == "sdist" else "-py3-none-any.whl"
    return {"filename": f"{name}-{version}{ending}", "at": at, "provenance": provenance, "version": version}


def answers(files: list[dict[str, Any]], **info: Any) -> dict[str, Any]:
    """As PyPI gives them."""
    releases: dict[str, list[Any]] = {}
    for one in files:
        row = {
            "filename": one["filename"], "upload_time_iso_8601": one["at"], "yanked": one.get("yanked", False),
            "yanked_reason": one.get("reason"), "digests": {"sha256": one.get("sha256", "a" * 64)},
        }  # fmt: skip
        releases.setdefault(one["version"], []).append(row)
    said = {
        "author_email": "Ann <ann@acme.example>", "maintainer_email": None, "requires_dist": ["numpy>=1", "six; extra == 'x'"]
    } | info  # fmt: skip
    roles = said.pop("roles", [("Owner", "ann")])
    page = {
        "meta": {"api-version": "1.3"}, "name": "demo", "project-status": {"status": said.pop("status", "active")},
        "files": [
            {"filename": one["filename"], "provenance": f"https://x/{one['filename']}" if one["provenance"] else None,
             "hashes": {"sha256": one.get("sha256", "a" * 64)}, "upload-time": one["at"], "yanked": one.get("yanked", False)}
            for one in files
        ],
    }  # fmt: skip
    ownership = {"organization": said.pop("organization", None), "roles": [{"role": r, "user": u} for r, u in roles]}
    return {"json": {"info": said, "releases": releases, "ownership": ownership}, "simple": page}


FIRST = [file("1.0", "2026-01-01T00:00:00Z"), file("1.1", "2026-02-01T00:00:00Z")]
FRESH = [*FIRST, file("1.2", "2026-03-01T00:00:00Z")]


def snapshot(said: dict[str, Any], at: str = "2026-03-02T00:00:00Z") -> Snapshot:
    return Snapshot(record.KIND, "https://index.example", at, record.content({"Demo": said}))


def codes(old: dict[str, Any], new: dict[str, Any], **options: Any) -> dict[str, str]:
    return {one.code: one.severity.word for one in history.shifts(snapshot(old), snapshot(new), **options)}


def test_a_plain_release_is_nothing() -> None:
    assert codes(answers(FIRST), answers(FRESH)) == {}
    assert codes(answers(FIRST), answers(FIRST)) == {}
    assert codes(answers(FIRST), answers(FRESH), tags={"v1.2"}) == {}


def test_people_and_the_first_release_after_them() -> None:
    told = codes(answers(FIRST), answers(FRESH, roles=[("Owner", "eve")], author_email="eve@gmail.com"))
    assert told == {"owners-replaced": "high", "new-owner-release": "high", "mail-domain": "high"}
    told = codes(answers(FIRST), answers(FIRST, roles=[("Owner", "ann"), ("Owner", "eve"), ("Maintainer", "bob")]))
    assert told == {"owner-added": "medium", "maintainer-added": "medium"}
    both = [("Owner", "ann"), ("Maintainer", "bob")]
    assert codes(answers(FIRST, roles=both), answers(FIRST, roles=[("Owner", "ann"), ("Owner", "bob")])) == {
        "owner-added": "low"
    }
    assert codes(answers(FIRST, roles=both), answers(FIRST)) == {"maintainer-removed": "low"}
    assert codes(answers(FIRST, organization="acme"), answers(FIRST)) == {"organization": "medium"}
    assert codes(answers(FIRST), answers(FIRST, author_email="ann@acme.example, a@b.example")) == {"mail-domain": "low"}


def test_how_releases_come() -> None:
    late = [*FIRST, file("1.2", "2027-06-01T00:00:00Z")]
    assert codes(answers(FIRST), answers(late)) == {"dormant-active": "medium"}
    burst = [*FIRST, *(file(f"1.2.{i}", f"2026-03-01T0{i}:00:00Z") for i in range(5))]
    assert codes(answers(FIRST), answers(burst)) == {"burst": "medium"}
    assert codes(answers(FIRST), answers([*FIRST, file("99.0", "2026-03-01T00:00:00Z")])) == {"version-jump": "high"}
    assert codes(answers(FIRST), answers([*FIRST, file("3.0", "2026-03-01T00:00:00Z")])) == {"version-jump": "medium"}
    assert codes(answers(FIRST), answers([*FIRST, file("2026.3", "2026-03-01T00:00:00Z")])) == {
        "version-jump": "medium"
    }
    assert codes(answers(FIRST), answers(FRESH), tags={"v1.1", "11.2"}) == {"no-tag": "medium"}
    wheel = [*FIRST, file("1.2", "2026-03-01T00:00:00Z", kind="wheel")]
    assert codes(answers(FIRST), answers(wheel)) == {"sdist-missing": "low"}


def test_provenance_that_was_there_before() -> None:
    bare = file("1.2", "2026-03-01T00:00:00Z", provenance=False)
    assert codes(answers(FIRST), answers([*FIRST, bare])) == {"provenance-lost": "high"}
    never = [file("1.0", "2026-01-01T00:00:00Z", provenance=False)]
    assert codes(answers(never), answers([*never, bare])) == {}


def test_what_happens_to_releases_that_were_there() -> None:
    other = copy.deepcopy(FIRST)
    other[0]["sha256"] = "b" * 64
    assert codes(answers(FIRST), answers(other)) == {"file-replaced": "critical"}
    gone = copy.deepcopy(FIRST)
    gone[0].update(yanked=True, reason="compromised")
    assert codes(answers(FIRST), answers(gone)) == {"yanked": "medium"}
    assert codes(answers(FIRST), answers(FIRST[1:])) == {"release-gone": "medium"}
    assert codes(answers(FIRST), answers([*FIRST, file("1.0", "2026-03-01T00:00:00Z", kind="wheel")])) == {
        "late-file": "medium"
    }
    assert codes(answers(FIRST), answers(FIRST, status="quarantined")) == {"status": "high"}
    assert codes(answers(FIRST), {"json": None, "simple": None}) == {"project-gone": "high"}


def test_new_dependencies_that_look_like_others() -> None:
    index = Index(build(["requests", "numpy"]))
    told = codes(
        answers(FIRST),
        answers(FIRST, requires_dist=["numpy", "six", "reqeusts", "tqdm"]),
        similar=lambda n: judge(n, index),
    )
    assert told == {"look-alike-dependency": "high", "new-dependency": "low"}


def test_evidence_points_into_the_snapshot() -> None:
    new = snapshot(answers([*FIRST, file("99.0", "2026-03-01T00:00:00Z")]))
    (found,) = history.shifts(snapshot(answers(FIRST)), new)
    value: Any = new.content
    for part in found.evidence[0].split("/")[1:]:
        value = value[part]
    assert list(value) == ["demo-99.0.tar.gz"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["info", "releases", "ownership", "roles", "files", "filename", "yanked", "1.0", "requires_dist"]),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(JSON, JSON)
@settings(max_examples=100, deadline=None)
def test_whatever_an_index_says_can_be_kept_and_compared(said: Any, page: Any) -> None:
    taken = snapshot({"json": said, "simple": page})
    again = record.read_snapshot(json.dumps(record.to_json(taken)).encode(), "snapshot")
    assert again == taken
    history.shifts(snapshot(answers(FIRST)), again)
    history.shifts(again, snapshot(answers(FIRST)))


@pytest.mark.parametrize(
    "change", [{"schema": "x"}, {"content": 3}, {"at": "today"}, {"digest": "sha256:0"}, {"of": "y"}]
)
def test_what_is_no_snapshot_is_refused(change: dict[str, Any]) -> None:
    document = record.to_json(snapshot(answers(FIRST))) | change
    with pytest.raises(Malformed):
        record.read_snapshot(json.dumps(document).encode(), "snapshot")


def fits(document: Any, schema: str) -> bool:
    import jsonschema_rs

    said = json.loads((Path(__file__).parents[3] / "docs" / "schemas" / f"{schema}.schema.json").read_text())
    return bool(jsonschema_rs.validator_for(said).is_valid(document))


class FakeIndex:
    """Both interfaces of an index."""

    def __init__(self, projects: dict[str, dict[str, Any]]) -> None:
        self.projects = projects

    def __call__(self, request: Request) -> Reply:
        parts = request.path.strip("/").split("/")
        kind = "simple" if parts[0] == "simple" else "json"
        found = self.projects.get(parts[1], {}).get(kind)
        return as_json(found) if found is not None else as_json({"message": "Not Found"}, 404)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "pause", lambda _: None)


def test_snapshot_and_diff_against_an_index(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index = FakeIndex({"demo": answers(FIRST)})
    old, new = str(tmp_path / "old.json"), str(tmp_path / "new.json")
    with serving(index) as server:
        take = ["deps", "monitor", "snapshot", "--index", f"{server.url}/simple/"]
        assert run([*take, "Demo", "-o", old]) == 0
        index.projects["demo"] = answers(FRESH, roles=[("Owner", "eve")])
        assert run([*take, "Demo", "-o", new]) == 0
        assert run([*take, "nobody", "-o", str(tmp_path / "none.json")]) == 3
    home = ["--home", str(tmp_path / "home")]
    assert run([*home, "deps", "monitor", "diff", old, new, "--format", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert fits(document, "release-diff-v1") and fits(json.loads(Path(new).read_text()), "release-snapshot-v1")
    assert [one["code"] for one in document["findings"]] == ["new-owner-release", "owners-replaced"]
    assert run([*home, "deps", "monitor", "diff", old, old]) == 0
    assert run([*home, "deps", "monitor", "diff", old, str(tmp_path / "none.json"), "--fail-on", "critical"]) == 0
    assert run([*home, "deps", "monitor", "diff", old, __file__]) == 3


def test_internal_names_are_asked_about(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "popular.txt").write_text("numpy\n")
    with serving(FakeIndex({"acme-core": answers(FIRST)})) as server:
        code = run(["--home", str(tmp_path), "deps", "names", "--popular", str(tmp_path / "popular.txt"), "--format", "json",
                    "--internal", "acme-core", "--internal", "acme-free", "--index", server.url])  # fmt: skip
    assert code == 1
    told = {one["name"]: one["severity"] for one in json.loads(capsys.readouterr().out)["findings"]}
    assert told == {"acme-core": "high", "acme-free": "low"}


@pytest.mark.parametrize(
    "reply", [Reply(200, {"Content-Type": "text/html"}, b"<html>"), Reply(200, {}, b"{"), Reply(500, {}, b"")]
)
def test_an_index_that_answers_badly_is_told(reply: Reply) -> None:
    with serving(lambda _: reply) as server, Projects(server.url) as projects, pytest.raises(AssayError):
        projects.answers("demo")
    with pytest.raises(AssayError):
        Projects("ftp://index.example")
    with serving(lambda _: reply) as server, Projects(server.url) as projects, pytest.raises(AssayError):
        projects.exists("../secret")


def test_a_wheel_that_its_source_does_not_explain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import io
    import tarfile
    import zipfile

    old = tmp_path / "old.json"
    old.write_text(json.dumps(record.to_json(snapshot(answers(FIRST)))))
    folder = tmp_path / "archives"
    folder.mkdir()

    def wheel(*names: str) -> None:
        with zipfile.ZipFile(folder / "demo-1.2-py3-none-any.whl", "w") as made:
            for name in names:
                made.writestr(name, "")

    with tarfile.open(folder / "demo-1.2.tar.gz", "w:gz") as made:
        for name in ("demo-1.2/src/demo/__init__.py", "demo-1.2/setup.py"):
            made.addfile(tarfile.TarInfo(name), io.BytesIO())
    plain = (
        "demo/__init__.py",
        "demo/_version.py",
        "demo-1.2.dist-info/METADATA",
        "demo-1.2.data/purelib/demo/__init__.py",
    )
    command = ["--home", str(tmp_path), "deps", "monitor", "diff", str(old), str(old), "--archives", str(folder)]
    wheel(*plain)
    assert run(command) == 0
    wheel(*plain, "demo/_help.py")
    assert run([*command, "--fail-on", "medium"]) == 1
    wheel(*plain, "demo_init.pth")
    assert run(command) == 1
    assert "demo_init.pth" in capsys.readouterr().out
    (folder / "demo-1.2.tar.gz").write_bytes(b"\x1f\x8b not an archive")
    assert run(command) == 3
