"""Environments of conda and pixi."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.graph import EdgeKind
from assaymark.library import conda
from tests.bom.sights import built, edges, gaps, libraries_of

A, B, MD5 = "a" * 64, "b" * 64, "c" * 32
ENVIRONMENT = """name: train
channels:
  - conda-forge
dependencies:
  - python=3.11
  - conda-forge::pytorch==2.3.0=cuda120_py311
  - numpy=1.26.4
  - scipy>=1.10
  - cudatoolkit=11.8.0
  - pip:
      - transformers==4.44.0
      - peft
"""
LOCK = f"""version: 1
metadata:
  content_hash:
    linux-64: {A}
  channels:
  - url: conda-forge
package:
- name: numpy
  version: 1.26.4
  manager: conda
  platform: linux-64
  dependencies:
    __glibc: '>=2.17'
    libblas: '>=3.9.0,<4.0a0'
  url: https://conda.anaconda.org/conda-forge/linux-64/numpy-1.26.4-py311h64a7726_0.conda
  hash:
    md5: {MD5}
    sha256: {A}
  category: main
  optional: false
- name: libblas
  version: 3.9.0
  manager: conda
  platform: linux-64
  dependencies: {{}}
  url: https://conda.anaconda.org/conda-forge/linux-64/libblas-3.9.0-1_h.tar.bz2
  hash:
    md5: {MD5}
    sha256: {B}
  category: main
  optional: false
- name: Transformers
  version: 4.44.0
  manager: pip
  platform: linux-64
  dependencies:
    numpy: '>=1.17'
  url: https://files.pythonhosted.org/transformers-4.44.0-py3-none-any.whl
  hash:
    sha256: {B}
  category: dev
  optional: true
"""
PIXI = f"""version: 6
environments:
  default:
    channels:
    - url: https://conda.anaconda.org/conda-forge/
    packages:
      linux-64:
      - conda: https://conda.anaconda.org/conda-forge/linux-64/numpy-1.26.4-py311h64a7726_0.conda
      - pypi: https://files.pythonhosted.org/transformers-4.44.0-py3-none-any.whl
packages:
- conda: https://conda.anaconda.org/conda-forge/linux-64/numpy-1.26.4-py311h64a7726_0.conda
  sha256: {A}
  md5: {MD5}
  depends:
  - python >=3.11,<3.12.0a0
  - __glibc >=2.17
  license: BSD-3-Clause
- pypi: https://files.pythonhosted.org/transformers-4.44.0-py3-none-any.whl
  name: transformers
  version: 4.44.0
  sha256: {B}
  requires_dist:
  - numpy>=1.17
"""
OLD_PIXI = f"""version: 5
packages:
- kind: conda
  name: numpy
  version: 1.26.4
  build: py311h64a7726_0
  subdir: linux-64
  url: https://conda.anaconda.org/conda-forge/linux-64/numpy-1.26.4-py311h64a7726_0.conda
  sha256: {A}
  depends:
  - python
- kind: pypi
  name: transformers
  version: 4.44.0
  url: https://files.pythonhosted.org/t.whl
  sha256: {B}
"""
EXPLICIT = f"""# platform: linux-64
@EXPLICIT
https://conda.anaconda.org/conda-forge/linux-64/numpy-1.26.4-py311h64a7726_0.conda#{MD5}
https://repo.anaconda.com/pkgs/main/noarch/tzdata-2024a-h04d1e81_0.conda#{MD5}
"""
NUMPY = "pkg:conda/numpy@1.26.4?build=py311h64a7726_0&channel=conda-forge&subdir=linux-64"


def test_environment_yml_is_what_is_asked_for() -> None:
    bom = built({"environment.yml": ENVIRONMENT})
    found = {c.name: c for c in libraries_of(bom).values()}
    assert (found["pytorch"].text("version"), found["pytorch"].text("build")) == ("2.3.0", "cuda120_py311")
    assert found["pytorch"].text("channel") == "conda-forge"
    assert found["numpy"].text("version") == "1.26.4"
    assert "version" not in found["python"].facts
    assert "version" not in found["scipy"].facts
    assert found["scipy"].text("specifier") == "scipy>=1.10"
    told = gaps(bom)
    assert {(found[name].ref, "version") for name in ("python", "numpy", "scipy", "peft")} <= told
    assert (found["pytorch"].ref, "version") not in told
    assert found["transformers"].text("purl") == "pkg:pypi/transformers@4.44.0"
    assert found["transformers"].facts["version"].places[0].at == "line 11"
    assert ("environment:environment.yml", "versions") in told
    assert bom.component("platform:cuda@11.8").name == "CUDA"


def test_conda_lock_by_build_and_hash() -> None:
    bom = built({"conda-lock.yml": LOCK, "environment.yml": "dependencies: [numpy]\n"})
    found = libraries_of(bom)
    numpy = next(c for c in found.values() if c.text("purl") == NUMPY)
    assert numpy.value("digests") == [f"md5:{MD5}", f"sha256:{A}"]
    assert numpy.value("direct") is True
    assert numpy.facts["version"].places[0].at == "line 8"
    blas = next(c for c in found.values() if c.name == "libblas")
    assert blas.value("direct") is False
    assert (numpy.ref, blas.ref) in edges(bom, EdgeKind.DEPENDS_ON)
    transformers = found["pkg:pypi/transformers@4.44.0"]
    assert transformers.value("groups") == ["dev"]


def test_each_platform_has_its_own_edges() -> None:
    conda_part = LOCK[LOCK.index("- name: numpy") : LOCK.index("- name: Transformers")]
    bom = built({"conda-lock.yml": LOCK + conda_part.replace("linux-64", "osx-arm64")})
    by_purl = {c.ref: c.text("subdir") for c in libraries_of(bom).values()}
    pairs = [(by_purl[s], by_purl[t]) for s, t in edges(bom, EdgeKind.DEPENDS_ON) if by_purl.get(s) and by_purl.get(t)]
    assert sorted(pairs) == [("linux-64", "linux-64"), ("osx-arm64", "osx-arm64")]


@pytest.mark.parametrize("document", [PIXI, OLD_PIXI])
def test_pixi(document: str) -> None:
    found = libraries_of(built({"pixi.lock": document}))
    numpy = next(c for c in found.values() if c.text("purl") == NUMPY)
    assert f"sha256:{A}" in numpy.value("digests")
    assert found["pkg:pypi/transformers@4.44.0"].value("digests") == [f"sha256:{B}"]


def test_explicit_lists() -> None:
    found = {c.name: c for c in libraries_of(built({"spec-file.txt": EXPLICIT})).values()}
    assert found["numpy"].text("purl") == NUMPY
    assert found["numpy"].value("digests") == [f"md5:{MD5}"]
    assert (found["tzdata"].text("channel"), found["tzdata"].text("subdir")) == ("main", "noarch")


def test_a_long_lock_is_read_in_batches() -> None:
    item = LOCK[LOCK.index("- name: libblas") : LOCK.index("- name: Transformers")]
    many = "".join(item.replace("libblas", f"lib{n}") for n in range(5_000))
    read = conda.read(LOCK + many, "conda-lock")
    assert len(read.packages) == 5_003
    line = LOCK.count("\n") + 1 + 4_999 * item.count("\n")
    assert (read.packages[-1].name, read.packages[-1].line) == ("lib4999", line)


def test_other_yaml_is_none() -> None:
    assert not libraries_of(built({"environment.yml": "foo: bar\n", "env.yaml": "dependencies_x: []\n"}))
    with pytest.raises(Malformed):
        conda.read("a: b\n", "pixi")
    with pytest.raises(OverBudget):
        conda.read("x" * (conda.LIMIT + 1), "pixi")


@pytest.mark.parametrize("bad", ["dependencies: {a: b}\n", "dependencies: [", "dependencies:\n- &a [*a]\n"])
def test_a_broken_environment_is_a_gap(bad: str) -> None:
    assert ("environment:environment.yml", "libraries") in gaps(built({"environment.yml": bad})) or "&a" in bad


SAMPLES = {"environment.yml": ENVIRONMENT, "conda-lock.yml": LOCK, "pixi.lock": PIXI, "spec.txt": EXPLICIT}


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(SAMPLES)), at=st.integers(0, 1_500), new=st.binary(max_size=12), cut=st.integers(0, 40)
)
def test_any_change_gives_a_bom(name: str, at: int, new: bytes, cut: int) -> None:
    data = SAMPLES[name].encode()
    built({name: data[:at] + new + data[at + cut :]})
