"""Images, devices, runtimes and environment snapshots as components of a BOM."""

import hashlib
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.bom.document import Status
from assaymark.core.graph import EdgeKind, NodeKind
from tests.bom.sights import built, edges, gaps

A = "a" * 64
DOCKERFILE = f"""ARG CUDA=12.4.1
FROM nvidia/cuda:${{CUDA}}-cudnn-devel-ubuntu22.04 AS build
RUN pip install torch
FROM pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime@sha256:{A}
ENV CUBLAS_WORKSPACE_CONFIG=:4096:8 HF_TOKEN=hf_{"b" * 34}
COPY --from=build /x /x
COPY --from=ghcr.io/acme/tools:v1 /t /t
"""
COMPOSE = """services:
  serve:
    image: ghcr.io/acme/serve:v3
    environment:
      NVIDIA_VISIBLE_DEVICES: all
    deploy:
      resources:
        reservations:
          devices:
          - driver: nvidia
            count: 1
            capabilities: [gpu]
"""
DEPLOYMENT = f"""apiVersion: apps/v1
kind: Deployment
metadata: {{name: m}}
spec:
  template:
    spec:
      nodeSelector: {{nvidia.com/gpu.product: NVIDIA-H100}}
      containers:
      - name: s
        image: ghcr.io/acme/serve@sha256:{A}
        resources: {{limits: {{nvidia.com/gpu: 2}}}}
"""


def snapshot(**changes: object) -> str:
    document = {
        "schema": "assaymark/environment/v1", "verified": True,
        "python": {"implementation": "CPython", "version": "3.11.7"}, "markers": {"sys_platform": "linux"},
        "distributions": [
            {"name": "torch", "version": "2.6.0", "manager": "pypi", "direct": True,
             "record": {"sha256": A, "files": 3, "agreed": 3}},
            {"name": "numpy", "version": "1.26.4", "manager": "pypi", "record": {"sha256": A, "files": 3, "agreed": 3}},
        ],
        "startup": [], "unrecorded": {"files": 0, "paths": []},
        "platform": {"system": "Linux", "os_id": "debian", "os_version": "12", "os_name": "Debian", "libc": "glibc 2.36"},
        "image": {"digest": f"sha256:{A}", "reference": "ghcr.io/acme/train:v1"},
        "devices": [{"name": "NVIDIA H100", "vendor": "NVIDIA", "uuid": "GPU-1", "firmware": "96.00"}],
        "drivers": [{"name": "nvidia", "version": "550.54.15", "from": "/proc/driver/nvidia/version"}],
        "accelerator": {"cuda": {"version": "12.4", "from": "x"}, "cudnn": {"version": "9.1.0", "from": "x"}},
        "settings": {"PYTHONHASHSEED": "0"}, "gaps": [],
    }  # fmt: skip
    return json.dumps({**document, **changes})


def test_the_final_stage_is_what_it_runs_on() -> None:
    bom = built({"Dockerfile": DOCKERFILE})
    final = bom.component(f"image:pytorch/pytorch@sha256:{A}")
    assert (final.text("sha256"), final.text("version")) == (A, "2.6.0-cuda12.4-cudnn9-runtime")
    assert final.text("stage") == "final"
    assert final.facts["reference"].places[0].at == "line 4"
    hosts = {target for source, target in edges(bom, EdgeKind.RUNS_ON) if source == "model:model"}
    assert hosts == {final.ref, "platform:cuda@12.4"}
    tools = {target for source, target in edges(bom, EdgeKind.USES_TOOL) if source == "file:Dockerfile"}
    assert tools == {"image:nvidia/cuda:12.4.1-cudnn-devel-ubuntu22.04", "image:ghcr.io/acme/tools:v1"}
    assert {(ref, "digest") for ref in tools} | {("file:Dockerfile", "libraries")} == gaps(bom)
    assert bom.component("file:Dockerfile").value("settings") == {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
    assert "hf_bbbb" not in repr(bom)


def test_a_variable_without_a_value_is_told() -> None:
    bom = built({"Dockerfile": "ARG BASE\nFROM $BASE\n"})
    assert any(what == "reference" for _, what in gaps(bom))


def test_compose_and_kubernetes() -> None:
    bom = built({"compose.yaml": COMPOSE, "k8s/deploy.yaml": DEPLOYMENT})
    hosts = {target for _, target in edges(bom, EdgeKind.RUNS_ON)}
    assert {"image:ghcr.io/acme/serve:v3", f"image:ghcr.io/acme/serve@sha256:{A}"} <= hosts
    devices = {c.name: c for c in bom.components if c.kind is NodeKind.DEVICE}
    assert set(devices) == {"nvidia", "nvidia.com/gpu", "NVIDIA-H100"}
    assert devices["nvidia.com/gpu"].value("count") == 2
    assert bom.component(f"image:ghcr.io/acme/serve@sha256:{A}").text("purl").startswith("pkg:oci/serve@sha256")


def test_cuda_by_wheel() -> None:
    bom = built(
        {"requirements.txt": "nvidia-cuda-runtime-cu12==12.4.127\nnvidia-cudnn-cu12==9.1.0.70\ntorch==2.6.0+cu124\n"}
    )
    assert bom.component("platform:cuda@12.4").facts["version"].status is Status.INFERRED
    assert bom.component("platform:cudnn@9.1.0.70")
    assert ("model:model", "platform:cuda@12.4") in edges(bom, EdgeKind.RUNS_ON)


def layout() -> dict[str, bytes | str]:
    blobs: dict[str, bytes | str] = {}

    def put(data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        blobs[f"img/blobs/sha256/{digest}"] = data
        return f"sha256:{digest}"

    config = put(
        json.dumps({"architecture": "amd64", "os": "linux", "config": {"Env": ["CUDA_VERSION=12.4", "K=v"]}}).encode()
    )
    manifest = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config},
        "layers": [],
        "annotations": {
            "org.opencontainers.image.base.name": "debian:12",
            "org.opencontainers.image.base.digest": f"sha256:{A}",
        },
    }
    digest = put(json.dumps(manifest).encode())
    index = {"schemaVersion": 2, "manifests": [{"mediaType": manifest["mediaType"], "digest": digest,
             "annotations": {"org.opencontainers.image.ref.name": "acme/serve:1"}}]}  # fmt: skip
    return {**blobs, "img/oci-layout": '{"imageLayoutVersion": "1.0.0"}', "img/index.json": json.dumps(index)}


def test_an_oci_layout_is_verified_by_its_bytes() -> None:
    contents = layout()
    bom = built(contents)
    image = next(c for c in bom.components if c.kind is NodeKind.IMAGE and c.name == "acme/serve")
    assert image.facts["sha256"].status is Status.VERIFIED
    assert (image.text("architecture"), image.value("settings")) == ("amd64", {"CUDA_VERSION": "12.4"})
    assert (image.ref, f"image:debian:12@sha256:{A}".replace(":12@", "@")) in edges(bom, EdgeKind.DESCENDANT_OF)
    blob = next(
        p for p, d in contents.items() if "blobs" in p and b"manifest.v1" in bytes(d if isinstance(d, bytes) else b"")
    )
    lie = built({**contents, blob: bytes(contents[blob]) + b" "})  # type: ignore[arg-type] # bytes
    told = next(c for c in lie.components if c.kind is NodeKind.IMAGE and c.name == "acme/serve")
    assert "the bytes are others" in told.facts["sha256"].note


def test_a_snapshot_gives_libraries_platform_device_driver() -> None:
    bom = built({"train.assay-environment.json": snapshot()})
    hosts = {target for source, target in edges(bom, EdgeKind.RUNS_ON) if source == "model:model"}
    assert hosts == {
        "platform:cuda@12.4", "platform:cudnn@9.1.0", "platform:cpython@3.11.7", "platform:debian@12", "device:GPU-1",
        "driver:nvidia@550.54.15", f"image:ghcr.io/acme/train@sha256:{A}",
    }  # fmt: skip
    assert bom.component("pkg:pypi/torch@2.6.0").facts["version"].status is Status.OBSERVED
    environment = bom.component("environment:train.assay-environment.json")
    assert environment.value("settings") == {"PYTHONHASHSEED": "0"}
    assert (environment.ref, "pkg:pypi/numpy@1.26.4") in edges(bom, EdgeKind.CONTAINS)


def test_a_snapshot_is_known_by_its_schema_and_faults_are_gaps() -> None:
    assert "environment:env.json" in built({"env.json": snapshot()}).by_ref
    ordered = json.dumps(json.loads(snapshot()), sort_keys=True, separators=(",", ":"))
    assert "environment:env.json" in built({"env.json": ordered}).by_ref
    assert len(built({"s.json": '{"properties": {"schema": {"const": "assaymark/environment/v1"}}}'}).components) == 1
    for bad in (
        "{",
        '{"schema": "assaymark/environment/v1"}',
        '{"schema":"x"}',
        snapshot(distributions=[{}]),
        "[" * 100_000,
    ):
        assert ("environment:x.assay-environment.json", "environment") in gaps(built({"x.assay-environment.json": bad}))


def test_a_lock_and_what_was_installed_meet_in_one_component() -> None:
    lock = f"torch==2.6.0 --hash=sha256:{A}\n"
    torch = built({"requirements.txt": lock, "x.assay-environment.json": snapshot()}).component("pkg:pypi/torch@2.6.0")
    assert torch.facts["version"].status is Status.VERIFIED


SAMPLES = {
    "Dockerfile": DOCKERFILE,
    "compose.yaml": COMPOSE,
    "d.yaml": DEPLOYMENT,
    "x.assay-environment.json": snapshot(),
}


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(SAMPLES)), at=st.integers(0, 1_000), new=st.binary(max_size=12), cut=st.integers(0, 40)
)
def test_any_change_gives_a_bom(name: str, at: int, new: bytes, cut: int) -> None:
    data = SAMPLES[name].encode()
    built({name: data[:at] + new + data[at + cut :]})
