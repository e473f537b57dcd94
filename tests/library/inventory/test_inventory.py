"""`assaymark.inventories.inventory`: what is read of each source, and what hostile ones do to it."""

import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.inventories import inventory
from assaymark.library.inventory.model import Inventory, Package

SHA = "a" * 64
UV = f"""version = 1
requires-python = ">=3.11"

[[package]]
name = "mine"
version = "1"
source = {{ virtual = "." }}
dependencies = [{{ name = "flask" }}]

[package.dev-dependencies]
dev = [{{ name = "pytest", marker = "python_full_version >= '3.11'" }}]

[[package]]
name = "flask"
version = "3.0.0"
source = {{ registry = "https://pypi.org/simple" }}
dependencies = [{{ name = "jinja2" }}]
wheels = [{{ url = "https://files.pythonhosted.org/flask-3.0.0-py3-none-any.whl", hash = "sha256:{SHA}" }}]

[[package]]
name = "jinja2"
version = "3.1.0"
source = {{ registry = "https://pypi.org/simple" }}
dependencies = [{{ name = "markupsafe" }}]
wheels = [{{ url = "https://files.pythonhosted.org/jinja2-3.1.0-py3-none-any.whl", hash = "sha256:{SHA}" }}]

[[package]]
name = "markupsafe"
version = "2.1.0"
source = {{ registry = "https://pypi.org/simple" }}
sdist = {{ url = "https://files.pythonhosted.org/markupsafe-2.1.0.tar.gz", hash = "sha256:{SHA}" }}

[[package]]
name = "pytest"
version = "8.0.0"
source = {{ registry = "https://pypi.org/simple" }}
wheels = [{{ url = "https://files.pythonhosted.org/pytest-8.0.0-py3-none-any.whl", hash = "sha256:{SHA}" }}]
"""


def put(folder: Path, name: str, content: str | bytes) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def named(made: Inventory) -> dict[str, Package]:
    return {package.name: package for package in made.packages}


def test_uv_lock_has_paths_groups_hashes_and_lines(tmp_path: Path) -> None:
    put(tmp_path, "uv.lock", UV)
    made = inventory([str(tmp_path)])
    found = named(made)
    assert set(found) == {"flask", "jinja2", "markupsafe", "pytest"}
    assert found["flask"].direct is True
    assert found["flask"].via == ()
    assert found["markupsafe"].direct is False
    assert found["markupsafe"].via == ("flask", "jinja2")
    assert found["markupsafe"].groups == ("default",)
    assert found["pytest"].groups == ("dev",)
    assert found["flask"].hashes == (f"sha256:{SHA}",)
    assert found["flask"].index == "https://pypi.org/simple"
    assert found["flask"].place == "uv.lock:13"
    assert not made.gaps
    assert made.sources[0].digest == f"sha256:{hashlib.sha256(UV.encode()).hexdigest()}"


def test_requirements_take_pins_from_constraints_and_name_what_is_not_here(tmp_path: Path) -> None:
    put(tmp_path, "requirements.txt", "-c constraints.txt\n-r ../secret.txt\nDjango\nx==1; python_version < '3'\n")
    put(tmp_path, "constraints.txt", "django==5.0\n")
    made = inventory([str(tmp_path)])
    django = next(p for p in made.packages if p.name == "django" and p.source == "requirements")
    assert django.version == "5.0"
    assert [(gap.path, gap.line) for gap in made.gaps] == [("requirements.txt", 2)]
    assert next(p for p in made.packages if p.name == "x").marker == 'python_version < "3"'


def test_compiled_requirements_say_who_asked(tmp_path: Path) -> None:
    text = (
        f"flask==3 --hash=sha256:{SHA}\n    # via -r requirements.in\njinja2==3 --hash=sha256:{SHA}\n    # via flask\n"
    )
    put(tmp_path, "requirements.txt", text)
    found = named(inventory([str(tmp_path)]))
    assert found["jinja2"].direct is False
    assert found["jinja2"].via == ("flask",)
    assert found["flask"].fixed


@pytest.mark.parametrize(
    ("name", "text", "package", "version"),
    [
        ("pylock.toml", 'lock-version = "1.0"\n[[packages]]\nname = "a"\nversion = "1"\n', "a", "1"),
        ("poetry.lock", '[[package]]\nname = "a"\nversion = "1"\n[metadata]\nlock-version = "2.0"\n', "a", "1"),
        ("pdm.lock", '[metadata]\nlock_version = "4"\n[[package]]\nname = "a"\nversion = "1"\n', "a", "1"),
        ("Pipfile.lock", '{"_meta": {}, "default": {"a": {"version": "==1"}}}', "a", "1"),
        ("environment.yml", "name: e\ndependencies:\n  - a==1=0\n  - pip:\n    - b==2\n", "b", "2"),
        ("pyproject.toml", '[project]\nname="m"\ndependencies = ["a==1"]\n', "a", "1"),
        ("setup.cfg", "[options]\ninstall_requires =\n  a==1\n", "a", "1"),
        ("package.json", '{"dependencies": {"@s/a": "1.0.0"}}', "@s/a", "1.0.0"),
        (
            "package-lock.json",
            '{"lockfileVersion": 3, "packages": {"": {"dependencies": {"a": "1"}}, "node_modules/a": {"version": "1"}}}',
            "a",
            "1",
        ),
        (
            "pixi.lock",
            f"version: 6\npackages:\n- conda: https://conda.anaconda.org/c/noarch/a-1-h_0.conda\n  sha256: {SHA}\n",
            "a",
            "1",
        ),
    ],
)
def test_each_source_is_read(tmp_path: Path, name: str, text: str, package: str, version: str) -> None:
    put(tmp_path, name, text)
    made = inventory([str(tmp_path)])
    assert named(made)[package].version == version
    assert not made.gaps


def test_installed_environment_with_its_links(tmp_path: Path) -> None:
    site = "lib/python3.12/site-packages"
    put(
        tmp_path,
        f"{site}/A-1.dist-info/METADATA",
        "Name: A\nVersion: 1\nRequires-Dist: b>1\nRequires-Dist: c; extra == 'x'\n",
    )
    put(tmp_path, f"{site}/A-1.dist-info/REQUESTED", "")
    put(tmp_path, f"{site}/b-2.dist-info/METADATA", "Name: b\nVersion: 2\n")
    put(tmp_path, "bin/x", "")
    (tmp_path / "lib64").symlink_to("lib")
    (tmp_path / "bin/python").symlink_to("/usr/bin/env")
    made = inventory([str(tmp_path)])
    assert not made.gaps
    assert (named(made)["a"].direct, named(made)["b"].direct, named(made)["b"].via) == (True, False, ("a",))


def wheel(metadata: str = "Name: a\nVersion: 1\n", *extra: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a-1.dist-info/METADATA", metadata)
        for name, data in extra:
            archive.writestr(name, data)
    return file.getvalue()


def sdist(*extra: tarfile.TarInfo) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a-1/PKG-INFO")
        data = b"Name: a\nVersion: 1\n"
        info.size = len(data)
        for member in extra:
            archive.addfile(member)
        archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def test_wheel_and_sdist_by_their_metadata_and_digest(tmp_path: Path) -> None:
    data = wheel()
    put(tmp_path, "a-1-py3-none-any.whl", data)
    put(tmp_path, "a-1.tar.gz", sdist(tarfile.TarInfo("a-1/" + "d/" * 80 + "x")))
    made = inventory([str(tmp_path)])
    assert [(p.name, p.version, p.source) for p in made.packages] == [("a", "1", "wheel"), ("a", "1", "sdist")]
    assert made.packages[0].hashes == (f"sha256:{hashlib.sha256(data).hexdigest()}",)
    assert not made.gaps


def test_archives_that_climb_or_lie_are_gaps(tmp_path: Path) -> None:
    link = tarfile.TarInfo("a-1/x")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    put(tmp_path, "1/a-1.tar.gz", sdist(link))
    put(tmp_path, "2/a-1-py3-none-any.whl", wheel("Name: a\nVersion: 1\n", ("../../x", b"")))
    put(tmp_path, "3/b-1-py3-none-any.whl", wheel())
    put(tmp_path, "4/a-1-py3-none-any.whl", b"PK")
    put(tmp_path, "5/a-1.tar.gz", gzip.compress(bytes(100 << 20))[:-9])
    put(tmp_path, "6/a-1-py3-none-any.whl", wheel("Name: a\nVersion: 1\nX: " + "y" * (5 << 20)))
    put(tmp_path, "requirements.txt", "good==1\n")
    made = inventory([str(tmp_path)])
    assert [gap.path[0] for gap in made.gaps] == ["1", "2", "3", "4", "5", "6"]
    assert "good" in named(made)


def test_bad_locks_are_gaps_and_the_rest_is_read(tmp_path: Path) -> None:
    put(tmp_path, "1/uv.lock", UV.replace('version = "3.0.0"', 'version = "3.0.0"\nversion = "2"'))
    put(tmp_path, "2/requirements.txt", "<<<<<<< HEAD\na==1\n=======\na==2\n>>>>>>> x\n")
    put(tmp_path, "3/package-lock.json", '{"lockfileVersion": 3, "packages": {}, "packages": {}}')
    put(tmp_path, "4/Pipfile.lock", "{" * 100_000)
    put(tmp_path, "5/requirements.txt", "a==1" + " " * (5 << 20))
    put(tmp_path, "6/uv.lock", b"\xff\xfe\x00")
    put(tmp_path, "requirements.txt", "good==1\n")
    made = inventory([str(tmp_path)])
    assert {gap.path[0] for gap in made.gaps} == {"1", "2", "3", "4", "5", "6"}
    assert "good" in named(made)


def layout(folder: Path, *layers: dict[str, bytes]) -> None:
    def blob(data: bytes) -> dict[str, object]:
        digest = hashlib.sha256(data).hexdigest()
        put(folder, f"blobs/sha256/{digest}", data)
        return {"digest": f"sha256:{digest}", "size": len(data), "mediaType": "x"}

    made = []
    for layer in layers:
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w:gz") as archive:
            for name, data in layer.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        made.append(blob(file.getvalue()))
    manifest = blob(json.dumps({"layers": made}).encode())
    put(folder, "oci-layout", '{"imageLayoutVersion": "1.0.0"}')
    put(folder, "index.json", json.dumps({"manifests": [manifest]}))


def test_an_image_is_seen_as_its_container_sees_it(tmp_path: Path) -> None:
    site = "usr/lib/python3/dist-packages"
    layout(
        tmp_path,
        {
            f"{site}/a-1.dist-info/METADATA": b"Name: a\nVersion: 1\n",
            f"{site}/b-1.dist-info/METADATA": b"Name: b\nVersion: 1\n",
        },
        {f"{site}/.wh.a-1.dist-info": b"", f"{site}/a-2.dist-info/METADATA": b"Name: a\nVersion: 2\n"},
    )
    made = inventory([str(tmp_path)])
    assert [(p.name, p.version) for p in made.packages] == [("a", "2"), ("b", "1")]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_any_change_of_a_sdist_gives_an_inventory(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("x")
    plain = bytearray(gzip.decompress(sdist()))
    for _ in range(data.draw(st.integers(1, 4))):
        plain[data.draw(st.integers(0, 1_535))] = data.draw(st.integers(0, 255))
    put(folder, "a-1.tar.gz", gzip.compress(bytes(plain)))
    made = inventory([str(folder)])
    assert made.packages or made.gaps


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_any_change_of_a_wheel_gives_an_inventory(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("x")
    changed = bytearray(wheel())
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    put(folder, "a-1-py3-none-any.whl", bytes(changed))
    inventory([str(folder)])


def test_json_fits_its_schema(tmp_path: Path) -> None:
    import jsonschema_rs

    put(tmp_path, "uv.lock", UV)
    put(tmp_path, "Pipfile.lock", "{")
    schema = json.loads(Path("docs/schemas/inventory-v1.schema.json").read_text())
    jsonschema_rs.validator_for(schema).validate(inventory([str(tmp_path)]).told())
