"""Installed environments in the folder: what RECORD says against the bytes."""

import base64
import hashlib
import importlib.metadata
import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.bom.document import Status
from assaymark.core.graph import EdgeKind
from tests.bom.sights import built, edges, gaps, libraries_of

SITE = "venv/lib/python3.11/site-packages"


def real(name: str) -> dict[str, bytes | str]:
    """The files of a package that is installed here."""
    files = importlib.metadata.files(name) or []
    kept = [file for file in files if not str(file).startswith("..") and "__pycache__" not in str(file)]
    return {f"{SITE}/{file}": Path(file.locate()).read_bytes() for file in kept}


def record(files: dict[str, bytes]) -> str:
    lines = [
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}"
        for path, data in files.items()
    ]
    return "\n".join([*lines, "x-1.0.dist-info/RECORD,,"])


X = {
    "x/__init__.py": b"x = 1\n",
    "x-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: X\nVersion: 1.0\nRequires-Dist: y>=1\n",
}
INSTALLED: dict[str, bytes | str] = {
    **{f"{SITE}/{p}": d for p, d in X.items()},
    f"{SITE}/x-1.0.dist-info/RECORD": record(X),
}


def test_a_real_package_is_verified() -> None:
    bom = built(real("packaging"))
    found = next(iter(libraries_of(bom).values()))
    assert found.text("purl") == f"pkg:pypi/packaging@{importlib.metadata.version('packaging')}"
    assert found.facts["version"].status is Status.VERIFIED
    assert found.facts["record"].status is Status.VERIFIED
    assert found.text("license") == "Apache-2.0 OR BSD-2-Clause"
    assert found.text("installer")
    assert not gaps(bom)
    environment = bom.component(f"environment:{SITE}")
    assert environment.text("manifest").startswith("assaymark-manifest")
    assert (environment.ref, found.ref) in edges(bom, EdgeKind.CONTAINS)
    assert (found.ref in {t for s, t in edges(bom, EdgeKind.DEPENDS_ON) if s == environment.ref}) == bool(
        found.value("direct")
    )


def test_changed_and_missing_files_are_named() -> None:
    changed = built({**INSTALLED, f"{SITE}/x/__init__.py": "x = 2\n"})
    x = changed.component("pkg:pypi/x@1.0")
    assert x.facts["version"].status is Status.OBSERVED
    assert x.value("record")["changed_paths"] == [f"{SITE}/x/__init__.py"]
    assert (x.ref, "record") in gaps(changed)
    gone = {path: data for path, data in INSTALLED.items() if not path.endswith("__init__.py")}
    assert built(gone).component("pkg:pypi/x@1.0").value("record")["missing"] == 1


def test_a_startup_file_of_nobody_is_named_first() -> None:
    bom = built({**INSTALLED, f"{SITE}/a/b.py": "", f"{SITE}/zz.pth": "import os; os.system('id')\n"})
    value = bom.component(f"environment:{SITE}").value("unrecorded")
    assert value == {"files": 2, "paths": [f"{SITE}/zz.pth", f"{SITE}/a/b.py"]}
    assert (f"environment:{SITE}", "unrecorded") in gaps(bom)


def test_what_a_package_needs_and_where_it_came_from() -> None:
    y = {
        "y-2.dist-info/METADATA": "Name: y\nVersion: 2\nRequires-Dist: x; extra == 'all'\n",
        "y-2.dist-info/REQUESTED": "",
    }
    origin = {"url": "https://u:pw@github.com/acme/y", "vcs_info": {"vcs": "git", "commit_id": "d" * 40}}
    files = {f"{SITE}/{path}": data for path, data in y.items()}
    bom = built({**INSTALLED, **files, f"{SITE}/y-2.dist-info/direct_url.json": json.dumps(origin)})
    needs = edges(bom, EdgeKind.DEPENDS_ON)
    assert ("pkg:pypi/x@1.0", "pkg:pypi/y@2") in needs
    assert ("pkg:pypi/y@2", "pkg:pypi/x@1.0") not in needs
    found = bom.component("pkg:pypi/y@2")
    assert (found.value("direct"), found.text("revision")) == (True, "d" * 40)
    assert ("pkg:pypi/y@2", "record") in gaps(bom)


def test_conda_meta() -> None:
    data = b"native"
    note = {
        "name": "libx", "version": "1.2", "build": "h1_0", "channel": "https://conda.anaconda.org/conda-forge/linux-64",
        "subdir": "linux-64", "sha256": "a" * 64, "depends": ["__glibc >=2.17", "liby"], "license": "MIT",
        "url": "https://conda.anaconda.org/conda-forge/linux-64/libx-1.2-h1_0.conda", "requested_spec": "libx",
        "paths_data": {"paths": [{"_path": "lib/libx.so", "sha256": hashlib.sha256(data).hexdigest()}]},
    }  # fmt: skip
    bom = built({"env/conda-meta/libx-1.2-h1_0.json": json.dumps(note), "env/lib/libx.so": data})
    found = next(iter(libraries_of(bom).values()))
    assert found.text("purl") == "pkg:conda/libx@1.2?build=h1_0&channel=conda-forge&subdir=linux-64"
    assert (found.value("direct"), found.facts["record"].status) == (True, Status.VERIFIED)
    assert found.value("digests") == ["sha256:" + "a" * 64]


def test_a_wheel_at_rest_is_known_by_its_bytes() -> None:
    bom = built({"wheels/torch-2.6.0-cp311-cp311-linux_x86_64.whl": b"PK"})
    assert bom.component("pkg:pypi/torch@2.6.0").value("digests") == ["sha256:" + hashlib.sha256(b"PK").hexdigest()]


def test_hostile_records() -> None:
    for bad in (
        "../../../etc/passwd,sha256=AAAA,1\n",
        "/etc/passwd,sha256=,\n",
        '"a\n',
        "\x00,\x00\n",
        "x,md5=00\n" * 100,
    ):
        built({**INSTALLED, f"{SITE}/x-1.0.dist-info/RECORD": bad})
    broken = built({**INSTALLED, f"{SITE}/x-1.0.dist-info/METADATA": b"\xff\xfe\x01"})
    assert gaps(broken)


@settings(max_examples=60, deadline=None)
@given(
    path=st.sampled_from(sorted(INSTALLED)), at=st.integers(0, 300), new=st.binary(max_size=10), cut=st.integers(0, 30)
)
def test_any_change_gives_a_bom(path: str, at: int, new: bytes, cut: int) -> None:
    given_data = INSTALLED[path]
    data = given_data.encode() if isinstance(given_data, str) else given_data
    built({**INSTALLED, path: data[:at] + new + data[at + cut :]})
