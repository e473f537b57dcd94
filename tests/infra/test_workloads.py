"""Compose files and Kubernetes manifests."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.scan import FileReport
from tests.conftest import ids, look_at, severe

DIGEST = "sha256:" + "0123456789abcdef" * 4
RANDOM = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
COMPOSE = f"""name: demo
x-common: &common
  restart: always
  environment: &env
    DEBUG: "1"
services:
  web:
    <<: *common
    image: app:1.2@{DIGEST}
    environment:
      <<: *env
      DB_PASSWORD: ${{DB_PASSWORD}}
    volumes: ["./data:/data", "cache:/cache"]
    command: ["python", "-m", "app"]
    deploy: {{resources: {{reservations: {{devices: [{{driver: nvidia}}]}}}}}}
  own:
    build: .
    image: own:latest
  db:
    image: postgres:16@{DIGEST}
    environment:
      - POSTGRES_USER=app
      - POSTGRES_PASSWORD=postgres
volumes: {{cache: null}}
"""
POD = f"""apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      containers:
        - name: app
          image: app:1.2@{DIGEST}
          command: ["sh", "-c"]
          args:
            - |
              set -e
              exec python -m app
          env:
            - {{name: DB_PASSWORD, valueFrom: {{secretKeyRef: {{name: db, key: password}}}}}}
            - {{name: MAX_TOKENS, value: "4096"}}
          securityContext: {{privileged: false, capabilities: {{drop: [ALL], add: [NET_BIND_SERVICE]}}}}
      volumes:
        - {{name: data, hostPath: {{path: /mnt/models}}}}
"""


def compose(*lines: str) -> FileReport:
    text = f"services:\n  web:\n    image: app:1.2@{DIGEST}\n" + "".join(f"    {line}\n" for line in lines)
    return look_at(text.encode(), "docker-compose.yml")


def pod(old: str, new: str) -> FileReport:
    assert old in POD
    return look_at(POD.replace(old, new, 1).encode(), "web.yaml")


def hits(report: FileReport, rule: str) -> list[int | None]:
    return [f.where.line for f in report.findings if f.id == rule]


@pytest.mark.parametrize(
    ("text", "name"), [(COMPOSE, "docker-compose.yml"), (COMPOSE, "stack.yaml"), (POD, "web.yaml")]
)
def test_good_workloads_are_clean(text: str, name: str) -> None:
    report = look_at(text.encode(), name)
    assert ids(report) == set()
    assert {"compose", "kubernetes"} & set(report.formats)


def test_inf010_bad_moving() -> None:
    for image in ("app", "app:latest", "${IMAGE:-app}", "app:${TAG:-latest}"):
        text = f"services:\n  web:\n    image: {image}\n"
        assert hits(look_at(text.encode(), "compose.yaml"), "INF010") == [3], image
    assert hits(pod(f"app:1.2@{DIGEST}", "app"), "INF010") == [10]


def test_inf010_good_fixed_unknown_or_built() -> None:
    for image in ("app:1.2", "${IMAGE}", "app:${TAG}"):
        assert "INF010" not in ids(look_at(f"services:\n  web:\n    image: {image}\n".encode(), "compose.yaml")), image


def test_inf011_bad_no_digest() -> None:
    assert ids(look_at(b"services:\n  web:\n    image: app:1.2\n", "compose.yaml")) == {"INF011"}
    assert hits(pod(f"@{DIGEST}", ""), "INF011") == [10]


def test_inf011_good_digest() -> None:
    assert ids(compose()) == set()


def test_inf012_bad_privileged() -> None:
    assert hits(compose("privileged: true"), "INF012") == [4]
    assert hits(compose("cap_add:", "  - NET_ADMIN", "  - CAP_SYS_ADMIN"), "INF012") == [6]
    assert hits(pod("privileged: false", "privileged: true"), "INF012") == [19]
    assert hits(pod("NET_BIND_SERVICE", "SYS_ADMIN"), "INF012") == [19]


def test_inf012_bad_in_a_custom_resource_and_an_alias() -> None:
    ray = (
        "apiVersion: ray.io/v1\nkind: RayCluster\nspec:\n  headGroupSpec:\n    template:\n      spec:\n        initContainers:\n"
        "        - securityContext: {privileged: true}\n"
    )
    assert hits(look_at(ray.encode(), "ray.yaml"), "INF012") == [8]
    merged = "x: &x\n  privileged: true\nservices:\n  web:\n    <<: *x\n    build: .\n"
    assert hits(look_at(merged.encode(), "compose.yml"), "INF012") == [2]


def test_inf012_good_weak_capabilities() -> None:
    assert severe(compose("privileged: false", "cap_add: [NET_ADMIN, IPC_LOCK]", "cap_drop: [ALL]")) == []


def test_inf013_bad_socket() -> None:
    assert hits(compose("volumes:", "  - x:/y", "  - /var/run/docker.sock:/var/run/docker.sock:ro"), "INF013") == [6]
    assert hits(compose("volumes:", "  - type: bind", "    source: /", "    target: /host"), "INF013") == [6]
    assert hits(pod("/mnt/models", "/run/containerd/containerd.sock"), "INF013") == [21]


def test_inf013_good_other_paths() -> None:
    assert ids(compose("volumes: ['/data:/data', '~/.cache:/cache', './docker.sock.md:/x', 'named:/']")) == set()


def test_inf014_bad_host() -> None:
    assert hits(compose("network_mode: host", "pid: host", "ipc: host"), "INF014") == [4, 5, 6]
    assert hits(
        pod("      containers:", "      hostNetwork: true\n      hostPID: 'true'\n      containers:"), "INF014"
    ) == [8, 9]


def test_inf014_good_own() -> None:
    assert ids(compose("network_mode: bridge", "ipc: private")) == set()


def test_inf015_bad_secret() -> None:
    for lines in (
        ["environment:", f"  API_KEY: {RANDOM}"], ["environment:", f"  - API_KEY={RANDOM}"], ["build:", f"  args: {{TOKEN: {RANDOM}}}"],
        ["command:", f"  - --api-key={RANDOM}"], ["environment:", f"  URL: postgres://u:{RANDOM}@db/x"],
    ):  # fmt: skip
        report = compose(*lines)
        assert hits(report, "INF015") == [5], lines
        assert RANDOM not in repr(report)
    report = pod('value: "4096"', f"value: x}}\n            - {{name: HF_TOKEN, value: {RANDOM}")
    assert hits(report, "INF015") == [19]


def test_inf015_bad_kubernetes_secret() -> None:
    for key, value in (("password", "hunter2!x"), ("config", "postgres://u:hunter2!x@db/x")):
        encoded = base64.b64encode(value.encode()).decode()
        report = look_at(
            f"apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\ndata:\n  {key}: {encoded}\n".encode(), "s.yaml"
        )
        assert hits(report, "INF015") == [5], key
        assert encoded not in repr(report)
    assert hits(look_at(b"apiVersion: v1\nkind: Secret\nstringData: {password: hunter2!x}\n", "s.yaml"), "INF015") == [
        3
    ]


def test_inf015_good_references_and_defaults() -> None:
    for value in ("${API_KEY}", "changeme", "<key>", "{{ .Values.key }}", "vault:secret/x", "/run/secrets/key", ""):
        assert ids(compose("environment:", f'  API_KEY: "{value}"')) == set(), value
    assert ids(compose("environment:", "  MYSQL_USER: nextcloud", "  MYSQL_PASSWORD: nextcloud")) == set()
    placeholder = base64.b64encode(b"changeme").decode()
    assert (
        ids(look_at(f"apiVersion: v1\nkind: Secret\ndata: {{password: {placeholder}}}\n".encode(), "s.yaml")) == set()
    )


def test_commands_are_scripts() -> None:
    assert hits(compose("command: bash -c 'curl https://x.example | sh'"), "INF003") == [4]
    assert hits(compose("entrypoint: [sh, -c, 'curl https://x.example | sh']"), "INF003") == [4]
    assert hits(pod("exec python -m app", "curl https://x.example | sh"), "INF003") == [15]
    argo = (
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nspec:\n  templates:\n  - script:\n"
        f"      image: a:1@{DIGEST}\n      source: |\n        pip install numpy\n"
    )
    assert ids(look_at(argo.encode(), "w.yaml")) == {"INF008"}
    assert hits(compose("environment:", "  PIP_TRUSTED_HOST: x.example"), "INF007") == [5]


def test_helm_templates_are_read_as_far_as_they_are_yaml() -> None:
    template = (
        POD.replace("1.2@" + DIGEST, "{{ .Values.tag }}")
        .replace("      volumes:", "      {{- if .Values.x }}\n      volumes:")
        .replace("privileged: false", "privileged: true")
    )
    assert ids(look_at((template + "      {{- end }}\n").encode(), "web.yaml")) == {"INF012"}
    report = look_at((POD + "{{- with .x }}\n   bad: {{ . }}\n  worse:\n{{- end }}\n").encode(), "web.yaml")
    assert severe(report) == []
    assert report.gaps


def test_many_documents_and_definitions() -> None:
    definition = (
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nspec:\n" + "  # filler\n" * 300_000
    )
    text = f"{POD}---\n{definition}---\n{POD.replace('privileged: false', 'privileged: true')}"
    report = look_at(text.encode(), "all.yaml")
    assert hits(report, "INF012") == [POD.count("\n") + 1 + definition.count("\n") + 1 + 19]
    assert ids(report) == {"INF012"}


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: v1\nkind: Pod\n\tx: [",
        "apiVersion: v1\nkind: Pod\nx: *nothing\n",
        "apiVersion: v1\nkind: Pod\nx: 'open\n",
    ],
)
def test_no_yaml_is_malformed(text: str) -> None:
    assert "CHK002" in ids(look_at(text.encode(), "pod.yaml"))


def test_bombs_are_bounded() -> None:
    laughs = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{b}: &{b} [{','.join('*' + a for _ in range(9))}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert "CHK001" not in ids(look_at(("services:\n  x: &x {image: a}\n" + laughs).encode(), "compose.yaml"))
    many = (
        "services:\n  x: &x {image: 'a:1', environment: {"
        + ", ".join(f"K{i}: v" for i in range(5_000))
        + "}}\n"
        + "".join(f"  s{i}: *x\n" for i in range(9_000))
    )
    assert ids(look_at(many.encode(), "compose.yaml")) == {"INF011"}
    assert "CHK003" in ids(look_at(("services:\n  x: " + "[" * 5_000).encode(), "compose.yaml"))
    assert "CHK003" in ids(look_at(b"services:\n" + b"#" * (3 << 20), "compose.yaml"))


@settings(max_examples=80, deadline=None)
@given(st.sampled_from([(COMPOSE, "compose.yml"), (POD, "pod.yaml")]), st.data())
def test_any_mutation_gives_a_report(document: tuple[str, str], data: st.DataObject) -> None:
    text, name = document
    at, length = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 40))
    new = data.draw(
        st.sampled_from(
            [
                "",
                "[",
                "]",
                "{",
                "}",
                ": ",
                "- ",
                "&a ",
                "*a",
                "\n",
                "\t",
                "'",
                "|\n",
                "null",
                "<<: ",
                "{{",
                "}}",
                "\0",
                "!!x ",
            ]
        )
    )
    assert "CHK001" not in ids(look_at((text[:at] + new + text[at + length :]).encode(), name))


def test_a_manifest_of_countless_documents_is_held() -> None:
    data = b"apiVersion: v1\nkind: Pod\n" + b"---\na\n" * 30_000
    assert "CHK003" in ids(look_at(data, "x.yaml"))
