"""Locks, requirement files and manifests as components of a BOM."""

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.bom.build import libraries
from assaymark.bom.build.draft import Draft
from assaymark.bom.document import Component, Status
from assaymark.core.errors import AssayError
from assaymark.core.graph import EdgeKind, NodeKind
from tests.bom.locks import PDM, PIPENV, POETRY, POETRY_PROJECT, PROJECT, PYLOCK, REQUIREMENTS, UV, A, B, C
from tests.bom.sights import built, edges, gaps, libraries_of, sight

ROOT = Path(__file__).parents[2]


def one(contents: dict[str, bytes | str], name: str) -> Component:
    found = [c for ref, c in libraries_of(built(contents)).items() if ref.partition("@")[0].endswith(f"/{name}")]
    assert len(found) == 1
    return found[0]


def test_a_lock_is_one_environment_known_by_its_digest() -> None:
    bom = built({"uv.lock": UV})
    environment = bom.component("environment:uv.lock")
    assert environment.kind is NodeKind.ENVIRONMENT
    assert environment.text("sha256") == hashlib.sha256(UV.encode()).hexdigest()
    assert ("model:model", "environment:uv.lock") in edges(bom, EdgeKind.DEPENDS_ON)
    held = {target for source, target in edges(bom, EdgeKind.CONTAINS) if source == "environment:uv.lock"}
    assert held == set(libraries_of(bom))
    assert "pkg:pypi/app@0.1.0" not in held


def test_uv_every_hash_edge_group_and_marker() -> None:
    bom = built({"uv.lock": UV})
    torch = bom.component("pkg:pypi/torch@2.6.0")
    assert torch.value("digests") == [f"sha256:{A}", f"sha256:{B}"]
    assert torch.value("direct") is True
    assert torch.facts["version"].status is Status.DECLARED
    assert torch.facts["version"].places[0].at == "line 18"
    assert torch.text("index") == "https://pypi.org/simple"
    needs = edges(bom, EdgeKind.DEPENDS_ON)
    assert {(torch.ref, "pkg:pypi/numpy@1.26.4"), (torch.ref, "pkg:pypi/numpy@2.1.0")} <= needs
    assert ("environment:uv.lock", torch.ref) in needs
    numpy = bom.component("pkg:pypi/numpy@1.26.4")
    assert (numpy.value("direct"), numpy.text("marker")) == (False, "python_full_version < '3.12'")
    assert bom.component("pkg:pypi/colorama@0.4.6").text("marker") == "sys_platform == 'win32'"
    assert bom.component("pkg:pypi/pytest@8.4.0").value("groups") == ["dev"]
    assert bom.component("pkg:pypi/colorama@0.4.6").value("groups") == ["default", "dev"]
    assert bom.component("pkg:pypi/ours@1.0").text("revision") == "d" * 40


def test_our_own_lock_is_whole() -> None:
    bom = built({name: (ROOT / name).read_bytes() for name in ("uv.lock", "pyproject.toml")})
    found = libraries_of(bom)
    assert len(found) > 150
    assert all(c.value("digests") and c.text("purl") for c in found.values())
    assert not gaps(bom)
    click = next(c for c in found.values() if c.name == "click")
    assert click.value("direct") is True
    assert "default" in click.value("groups")


@pytest.mark.parametrize(
    ("name", "lock", "manifest", "project"),
    [
        ("poetry.lock", POETRY, "pyproject.toml", POETRY_PROJECT),
        ("pdm.lock", PDM, "pyproject.toml", PROJECT),
        ("pylock.toml", PYLOCK, "pyproject.toml", PROJECT),
        ("Pipfile.lock", PIPENV, "Pipfile", '[packages]\ntorch = "*"\n'),
    ],
)
def test_other_python_locks(name: str, lock: str, manifest: str, project: str) -> None:
    bom = built({name: lock, manifest: project})
    torch, numpy = bom.component("pkg:pypi/torch@2.6.0"), bom.component("pkg:pypi/numpy@1.26.4")
    assert (torch.value("digests"), numpy.value("digests")) == ([f"sha256:{A}"], [f"sha256:{B}"])
    assert (torch.value("direct"), numpy.value("direct")) == (True, False)
    assert torch.text("marker")
    assert ((torch.ref, numpy.ref) in edges(bom, EdgeKind.DEPENDS_ON)) == (name != "Pipfile.lock")
    if name in {"poetry.lock", "pdm.lock"}:
        assert len(numpy.value("groups")) == 2
    alone = built({name: lock})
    assert "direct" not in alone.component("pkg:pypi/torch@2.6.0").facts  # nothing says so


def test_npm_by_integrity_and_the_nearest_folder() -> None:
    integrity = "sha512-" + "z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg=="
    lock = {
        "lockfileVersion": 3,
        "packages": {
            "": {"dependencies": {"@scope/a": "^1"}, "devDependencies": {"b": "^2"}},
            "node_modules/@scope/a": {
                "version": "1.0.0", "resolved": "https://registry.npmjs.org/@scope/a/-/a-1.0.0.tgz", "integrity": integrity,
                "dependencies": {"b": "^1"},
            },
            "node_modules/@scope/a/node_modules/b": {"version": "1.5.0", "integrity": integrity},
            "node_modules/b": {"version": "2.0.0", "integrity": integrity, "dev": True},
        },
    }  # fmt: skip
    bom = built({"package-lock.json": json.dumps(lock)})
    found = libraries_of(bom)
    assert set(found) == {"pkg:npm/@scope/a@1.0.0", "pkg:npm/b@1.5.0", "pkg:npm/b@2.0.0"}
    assert found["pkg:npm/@scope/a@1.0.0"].text("purl") == "pkg:npm/%40scope/a@1.0.0"
    assert found["pkg:npm/b@2.0.0"].value("digests")[0].startswith("sha512:cf83e1357eefb8bd")
    assert ("pkg:npm/@scope/a@1.0.0", "pkg:npm/b@1.5.0") in edges(bom, EdgeKind.DEPENDS_ON)
    assert ("pkg:npm/@scope/a@1.0.0", "pkg:npm/b@2.0.0") not in edges(bom, EdgeKind.DEPENDS_ON)
    assert [found[ref].value("direct") for ref in sorted(found)] == [True, False, True]
    assert found["pkg:npm/b@2.0.0"].value("groups") == ["dev"]


def test_npm_of_the_first_version() -> None:
    lock = {
        "lockfileVersion": 1,
        "dependencies": {
            "a": {"version": "1.0.0", "requires": {"b": "^1"}, "dependencies": {"b": {"version": "1.1.0"}}}
        },
    }
    bom = built({"package-lock.json": json.dumps(lock)})
    assert ("pkg:npm/a@1.0.0", "pkg:npm/b@1.1.0") in edges(bom, EdgeKind.DEPENDS_ON)
    assert libraries_of(bom)["pkg:npm/b@1.1.0"].value("direct") is False


def test_requirements_with_via() -> None:
    bom = built({"requirements.txt": REQUIREMENTS})
    numpy, torch = bom.component("pkg:pypi/numpy@1.26.4"), bom.component("pkg:pypi/torch@2.6.0")
    assert numpy.value("digests") == [f"sha256:{A}", f"sha256:{B}"]
    assert (numpy.value("direct"), torch.value("direct")) == (True, True)
    lock = bom.component("pkg:pypi/filelock@3.1")
    assert (lock.value("direct"), lock.text("marker")) == (False, 'sys_platform == "linux"')
    needs = edges(bom, EdgeKind.DEPENDS_ON)
    assert {(torch.ref, numpy.ref), (torch.ref, lock.ref)} <= needs
    assert gaps(bom) == {(lock.ref, "digests")}


def test_requirements_without_a_word_on_who_asked() -> None:
    plain = one({"requirements.txt": "numpy==1.26.4\n"}, "numpy")
    assert (plain.value("direct"), plain.facts["direct"].status) == (True, Status.INFERRED)
    assert "direct" not in one({"requirements.txt": f"numpy==1.26.4 --hash=sha256:{A}\n"}, "numpy").facts


def test_unpinned_is_a_library_without_a_version_and_a_gap() -> None:
    bom = built({"requirements.txt": "numpy>=1.20,<2\nours @ git+https://u:secretpw@github.com/acme/ours@main\n"})
    numpy = bom.component("pkg:pypi/numpy")
    assert "version" not in numpy.facts
    assert numpy.text("specifier") == "<2,>=1.20"
    gap = next(gap for gap in bom.gaps if gap.ref == numpy.ref)
    assert "line 1: not pinned" in gap.why
    assert gap.step.startswith("uv pip compile")
    assert ("pkg:pypi/ours", "version") in gaps(bom)
    assert "secretpw" not in repr(bom)


def test_constraints_pin_and_includes_are_followed() -> None:
    bom = built(
        {
            "requirements/prod.txt": "-r base.txt\n-c ../constraints.txt\nnumpy\n",
            "requirements/base.txt": "torch==2.6.0\n",
            "constraints.txt": "numpy==1.26.4\n",
        }
    )
    numpy = bom.component("pkg:pypi/numpy@1.26.4")
    assert numpy.facts["version"].places[0].path == "constraints.txt"
    pair = ("environment:requirements/prod.txt", "environment:requirements/base.txt")
    assert pair in edges(bom, EdgeKind.DEPENDS_ON)
    assert "environment:constraints.txt" not in bom.by_ref


def test_one_library_in_two_locks() -> None:
    other = UV.replace('version = "2.6.0"', 'version = "2.5.0"').replace(f'hash = "sha256:{C}"', f'hash = "sha256:{A}"')
    bom = built({"a/uv.lock": UV, "b/uv.lock": other})
    assert {"pkg:pypi/torch@2.6.0", "pkg:pypi/torch@2.5.0"} <= set(libraries_of(bom))
    numpy = bom.component("pkg:pypi/numpy@1.26.4")
    assert numpy.value("digests") == [f"sha256:{A}", f"sha256:{C}"]
    assert "no file in common" in numpy.facts["digests"].note
    assert {("environment:a/uv.lock", numpy.ref), ("environment:b/uv.lock", numpy.ref)} <= edges(bom, EdgeKind.CONTAINS)


@pytest.mark.parametrize(
    ("name", "document", "step"),
    [
        ("pyproject.toml", PROJECT, "uv lock"),
        ("setup.cfg", "[options]\ninstall_requires =\n    torch>=2\n", "uv pip compile"),
        ("Pipfile", '[packages]\ntorch = ">=2"\n', "pipenv lock"),
        ("package.json", '{"dependencies": {"torch": "^2"}}', "npm install"),
    ],
)
def test_what_is_not_locked_is_told(name: str, document: str, step: str) -> None:
    bom = built({name: document})
    torch = next(c for c in libraries_of(bom).values() if c.name == "torch")
    assert torch.value("direct") is True
    assert {(torch.ref, "version"), (f"environment:{name}", "versions")} == gaps(bom)
    assert all(gap.step.startswith(step) and "not locked" in gap.why for gap in bom.gaps)


def test_a_manifest_beside_a_lock_is_no_environment_of_its_own() -> None:
    assert "environment:pyproject.toml" not in built({"pyproject.toml": PROJECT, "uv.lock": UV}).by_ref
    assert "environment:src/pyproject.toml" not in built({"src/pyproject.toml": PROJECT, "uv.lock": UV}).by_ref


def test_vendored_manifests_are_not_the_projects() -> None:
    assert not libraries_of(built({"node_modules/a/package.json": '{"dependencies": {"b": "1"}}'}))


def test_an_environment_belongs_to_the_model_in_whose_folder_it_is() -> None:
    seen, draft = sight({"one/uv.lock": UV, "top.txt": "x"}), Draft()
    root = draft.component(NodeKind.MODEL, "model:root")
    inner = draft.component(NodeKind.MODEL, "model:one")
    inner.say("path", "one", Status.OBSERVED)
    draft.subject = root.ref
    libraries.gather(seen, draft)
    assert ("model:one", EdgeKind.DEPENDS_ON, "environment:one/uv.lock") in draft.relations


SAMPLES = {
    "uv.lock": UV, "poetry.lock": POETRY, "pdm.lock": PDM, "pylock.toml": PYLOCK, "Pipfile.lock": PIPENV,
    "requirements.txt": REQUIREMENTS, "pyproject.toml": PROJECT,
}  # fmt: skip


def test_the_same_bytes_give_the_same_bom() -> None:
    assert built(SAMPLES) == built(dict(reversed(SAMPLES.items())))


@pytest.mark.parametrize(
    "name", ["uv.lock", "poetry.lock", "pdm.lock", "pylock.toml", "Pipfile.lock", "package-lock.json"]
)
@pytest.mark.parametrize("bad", [b"", b"[[package", b"\xff\xfe\x00", b"{" * 5000, b"package = 3\nversion = 1\n", b"[]"])
def test_a_broken_lock_is_a_gap(name: str, bad: bytes) -> None:
    bom = built({name: bad})
    assert (f"environment:{name}", "libraries") in gaps(bom)


def test_a_ring_of_packages_ends() -> None:
    ring = PDM.replace("\"numpy>=1.20; python_version < '3.13'\",", '"numpy", "torch[all]",').replace(
        'groups = ["default", "dev"]\nfiles', 'groups = ["dev"]\ndependencies = ["torch"]\nfiles'
    )
    bom = built({"pdm.lock": ring, "pyproject.toml": PROJECT})
    pair = ("pkg:pypi/torch@2.6.0", "pkg:pypi/numpy@1.26.4")
    assert {pair, pair[::-1]} <= edges(bom, EdgeKind.DEPENDS_ON)


def test_more_edges_than_anybody_has_are_refused() -> None:
    names = [f"p{n}" for n in range(600)]
    wants = ", ".join(f'"{name}"' for name in names)
    packages = "".join(f'[[package]]\nname = "{n}"\nversion = "1"\ndependencies = [{wants}]\n' for n in names)
    bom = built({"pdm.lock": f'[metadata]\nlock_version = "4.5"\n{packages}'})
    assert any("edges between packages" in gap.why for gap in bom.gaps)


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(SAMPLES)), at=st.integers(0, 2_000), new=st.binary(max_size=12), cut=st.integers(0, 40)
)
def test_any_change_of_a_lock_gives_a_bom(name: str, at: int, new: bytes, cut: int) -> None:
    data = SAMPLES[name].encode()
    try:
        built({name: data[:at] + new + data[at + cut :]})
    except AssayError:
        pytest.fail("an error of one file ended the whole")
