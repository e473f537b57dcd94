"""Workflows, pipelines, settings and scripts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ids, look_at, severe

TOKEN = "hf_" + "kQzWvTbXyRmNpLsDfGhJcVaEuIoPxZtYwB"  # made up; has the form of a real one
HEX = "9f3c1a7e5b2d8046c1f09a3e7d5b2c8461e0f9a3"
PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n-----END PRIVATE KEY-----\n"
WORKFLOW = ".github/workflows/ci.yml"
SHA = "11bd71901bbe5b1630ceea73d27597364c9af683"


def workflow(steps: str, on: str = "push") -> bytes:
    body = "\n".join("      " + line for line in steps.strip("\n").split("\n"))
    return f"name: CI\non: {on}\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n{body}\n".encode()


def test_pinned_workflow_is_quiet() -> None:
    data = workflow(
        f"""
- uses: actions/checkout@{SHA} # v4.2.2
- uses: ./.github/actions/setup
- uses: docker://alpine@sha256:{"0" * 64}
- run: |
    python -m pip install --require-hashes -r requirements.txt
    pytest --token-file x
  env:
    HF_TOKEN: ${{{{ secrets.HF_TOKEN }}}}
    PASSWORD: ${{{{ secrets.PASSWORD }}}}
"""
    )
    assert not look_at(data, WORKFLOW).findings


# --- TLG010


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (WORKFLOW, f"on: push\njobs:\n  a:\n    env:\n      HF_TOKEN: {TOKEN}\n"),
        (WORKFLOW, f"on: push\njobs:\n  a:\n    env:\n      API_SECRET: {HEX}\n"),
        (".gitlab-ci.yml", "test:\n  variables:\n    DB_PASSWORD: 'Tr0ub4dor3xx'\n  script: [make]\n"),
        ("params.yaml", f"tracking:\n  uri: https://ml:{HEX}@mlflow.internal\n"),
        (
            "argo.yaml",
            f"apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nspec:\n  env:\n  - name: WANDB_API_KEY\n    value: {HEX}\n",
        ),
        ("values.yaml", f"{{{{ if x }}}}\napi_token: {HEX}\n"),
        (".env", f"WANDB_API_KEY={HEX}\n"),
        (".env.production", "DB_PASSWORD='Tr0ub4dor3xx'\n"),
        ("wandb/settings.ini", f"[default]\napi_key = {HEX}\n"),
        ("mlflow.toml", f'[remote]\ntoken = "{HEX}"\n'),
        (".netrc", f"machine api.wandb.ai\n  login user\n  password {HEX}\n"),
        ("train.py", f"import wandb\nwandb.login(key='{HEX}')\n"),
        ("train.py", f"client = Client(api_key='{HEX}')\n"),
        ("train.py", f"os.environ['MLFLOW_TRACKING_TOKEN'] = '{HEX}'\n"),
        ("train.py", f"t = os.getenv('API_TOKEN', '{HEX}')\n"),
        ("run.sh", f"export HF_TOKEN={TOKEN}\n"),
        ("deploy.pem", PEM),
        ("kaggle.json", f'{{"username": "u", "hf": "{TOKEN}"}}'),
        ("kaggle.json", f'{{"username": "u", "key": "{HEX[:32]}"}}'),
        ("sample.env.example", f"HF_TOKEN={TOKEN}\n"),
    ],
)
def test_tlg010_bad_plaintext(name: str, text: str) -> None:
    report = look_at(text.encode(), name)
    assert ids(report) == {"TLG010"}
    (finding,) = report.findings
    assert (finding.count, finding.severity.word) == (1, "high")
    assert not any(secret in finding.message + finding.excerpt for secret in (TOKEN, HEX[:32], "Tr0ub4dor3xx"))
    assert finding.where.line == next(
        i
        for i, line in enumerate(text.split("\n"), 1)
        if TOKEN in line or HEX[:32] in line or "Tr0" in line or "BEGIN" in line
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".env.example", "API_KEY=your-key-here\nDB_PASSWORD=hunter2000\n"),
        (
            "config.yaml",
            "password: ${DB_PASSWORD}\ntoken: !vault x\nsecret_name: my-secret-name\ntokenizer: bert\npad_token: '[PAD]'\n",
        ),
        ("conf/db.yaml", "user: postgres\npassword: postgres\n"),
        ("train.py", "password = 'made-up-4-test'\npad_token = '<pad>'\ntoken = tokens[0]\nkey='a'\n"),
        ("setup.sh", "export HF_TOKEN=$(cat /run/secrets/hf)\nPASSWORD=${PASSWORD:?}\n"),
        ("app.ini", "[db]\npassword_file = /run/secrets/db\nsecret = %(SECRET)s\n"),
        ("tokenizer_config.json", '{"eos_token": "</s>", "tokenizer_class": "LlamaTokenizer"}'),
        ("deploy.yaml", f"apiVersion: v1\nkind: Secret\nstringData:\n  token: {HEX}\n"),
        ("lock.json", f'{{"sha1": "{HEX}"}}'),
    ],
)
def test_tlg010_good_references_and_placeholders(name: str, text: str) -> None:
    assert "TLG010" not in ids(look_at(text.encode(), name))


# --- TLG011, TLG015


@pytest.mark.parametrize("use", ["actions/checkout@v4", "o/r/path@v1.2.3", "o/r@release/v1", "docker://alpine:3.19"])
def test_tlg011_bad_tag(use: str) -> None:
    report = look_at(workflow(f"- uses: {use}"), WORKFLOW)
    assert ids(report) == {"TLG011"}
    assert report.findings[0].where.line == 7
    assert not severe(report)


def test_tlg011_bad_composite_action_and_reusable_workflow() -> None:
    action = b"name: x\nruns:\n  using: composite\n  steps:\n    - uses: actions/setup-python@v5\n"
    assert ids(look_at(action, "action.yml")) == {"TLG011"}
    called = b"on: push\njobs:\n  a:\n    uses: o/r/.github/workflows/x.yml@v1\n"
    assert ids(look_at(called, WORKFLOW)) == {"TLG011"}


def test_tlg011_good_commit() -> None:
    assert not look_at(workflow(f"- uses: o/r@{SHA}"), WORKFLOW).findings


@pytest.mark.parametrize("use", ["o/r@main", "o/r@master", "o/r", "o/r@stable", "o/r/.github/workflows/x.yml@dev"])
def test_tlg015_bad_branch(use: str) -> None:
    assert ids(look_at(workflow(f"- uses: {use}"), WORKFLOW)) == {"TLG015"}


def test_tlg015_good_local_and_commit() -> None:
    assert not look_at(workflow(f"- uses: ./x\n- uses: o/r@{SHA}"), WORKFLOW).findings


# --- TLG012, TLG014

CHECKOUT = f"""
- uses: actions/checkout@{SHA}
  with:
    ref: ${{{{ github.event.pull_request.head.sha }}}}
"""


@pytest.mark.parametrize(
    ("on", "steps"),
    [
        ("pull_request_target", CHECKOUT),
        ("[push, pull_request_target]", CHECKOUT),
        ("\n  pull_request_target:\n    types: [opened]", CHECKOUT),
        ("workflow_run", CHECKOUT.replace("pull_request.head.sha", "workflow_run.head_sha")),
        ("issue_comment", "- run: gh pr checkout $PR && make"),
        ("pull_request_target", "- run: |\n    git fetch origin pull/$N/head\n    make"),
    ],
)
def test_tlg012_bad_checkout(on: str, steps: str) -> None:
    assert ids(look_at(workflow(steps, on), WORKFLOW)) == {"TLG012"}


def test_tlg012_good_unprivileged_or_base() -> None:
    assert not look_at(workflow(CHECKOUT, "pull_request"), WORKFLOW).findings
    assert not look_at(workflow(f"- uses: actions/checkout@{SHA}", "pull_request_target"), WORKFLOW).findings


@pytest.mark.parametrize(
    "step",
    [
        '- run: echo "${{ github.event.issue.title }}"',
        "- run: |\n    set -e\n    echo ${{ github.event.pull_request.body }}",
        "- run: git checkout ${{ github.head_ref }}",
        "- run: echo ${{ github.event.commits[0].message }}",
        "- run: echo '${{ toJSON(github.event) }}'",
        "- run: echo ${{ github.event.comment.body || 'none' }}",
        f"- uses: actions/github-script@{SHA}\n  with:\n    script: console.log('${{{{ github.event.issue.title }}}}')",
    ],
)
def test_tlg014_bad_injection(step: str) -> None:
    report = look_at(workflow(step), WORKFLOW)
    assert ids(report) == {"TLG014"}
    line = report.findings[0].where.line
    assert "${{" in workflow(step).decode().split("\n")[line - 1]


@pytest.mark.parametrize(
    "step",
    [
        '- run: echo "$TITLE"\n  env:\n    TITLE: ${{ github.event.issue.title }}',
        "- run: echo ${{ github.event.pull_request.number }} ${{ github.sha }} ${{ github.ref_name }}",
        "- if: github.event.issue.title == 'x'\n  run: make",
        "- run: echo ${{ contains(github.event.pull_request.title, 'x') }}",
        "- run: echo ${{ github.event.issue.title == 'x' }}",
        "- run: echo ${{ matrix.python }} ${{ inputs.version }}",
    ],
)
def test_tlg014_good_expression(step: str) -> None:
    assert not look_at(workflow(step), WORKFLOW).findings


# --- TLG013


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (WORKFLOW, workflow("- run: |\n    set -e\n    curl -LsSf https://x.example/i.sh | sh").decode()),
        (".gitlab-ci.yml", "a:\n  script:\n    - wget -qO- https://x.example/i.sh | bash\n"),
        ("azure-pipelines.yml", "steps:\n- bash: bash <(curl -s https://x.example/i.sh)\n"),
        (
            ".circleci/config.yml",
            "jobs:\n  a:\n    steps:\n    - run:\n        command: curl https://x.example | sudo sh\n",
        ),
        ("dvc.yaml", "stages:\n  a:\n    cmd: curl https://x.example/i.py | python3\n"),
        ("MLproject", "entry_points:\n  main:\n    command: 'curl https://x.example/i.sh | sh'\n"),
        (
            "wf.yaml",
            "apiVersion: argoproj.io/v1\nkind: Workflow\nspec:\n  container:\n    command: [sh, -c]\n    args: ['curl https://x.example | sh']\n",
        ),
        ("pipe.yaml", 'steps:\n  - script: powershell -c "iex (iwr https://x.example/i.ps1)"\n'),
    ],
)
def test_tlg013_bad_step(name: str, text: str) -> None:
    report = look_at(text.encode(), name)
    assert ids(report) == {"TLG013"}
    assert "x.example" in text.split("\n")[report.findings[0].where.line - 1]


def test_tlg013_good_step() -> None:
    steps = """
- run: |
    # curl https://x.example | sh
    echo "curl https://x.example | sh"
    curl -fsSLo i.sh https://x.example/i.sh && echo "0 i.sh" | sha256sum -c && sh i.sh
    curl -s https://x.example/key.gpg | gpg --dearmor -o k
    curl https://x.example/a.tgz | tar xz -C /opt
    curl https://x.example/a.json | python3 -c 'import json'
"""
    assert not look_at(workflow(steps), WORKFLOW).findings


# --- YAML that is none, and any bytes


def test_template_of_yaml_is_no_alarm() -> None:
    report = look_at(b"{{- if .Values.x }}\na: [1\n{{- end }}\n", "chart/values.yaml")
    assert not report.findings
    assert report.gaps


def test_pipeline_that_is_no_yaml_is_held() -> None:
    report = look_at(b"on: push\njobs: [\n", WORKFLOW)
    assert ids(report) == {"CHK002"}


def test_bombs_end() -> None:
    lol = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"k{i}: &k{i} [{','.join(['*a' if i == 0 else f'*k{i - 1}'] * 9)}]\n" for i in range(60)
    )
    for data in (lol, "[" * 200_000, "- " * 100_000, "a: &a [*a, {b: *a}]\n", "? " * 50_000, "- a\n" * 150_000):
        assert "CHK001" not in ids(look_at(data.encode(), WORKFLOW))
        assert not severe(look_at(data.encode(), "any.yaml"))


_SEED = workflow(CHECKOUT + "- run: echo ${{ github.head_ref }}; curl x | sh", "pull_request_target")


@given(
    st.binary(max_size=20),
    st.integers(0, len(_SEED)),
    st.integers(0, 40),
    st.sampled_from([WORKFLOW, "a.yaml", "b.ini", "c.py", ".env", "d.sh"]),
)
@settings(max_examples=100, deadline=None)
def test_any_bytes_give_a_report(noise: bytes, at: int, cut: int, name: str) -> None:
    assert "CHK001" not in ids(look_at(_SEED[:at] + noise + _SEED[at + cut :], name))


def test_references_that_almost_name_a_version_take_linear_time() -> None:
    assert ids(look_at(workflow("- uses: o/r@1" + "_a" * 5_000 + "!"), WORKFLOW)) == {"TLG015"}
    assert ids(look_at(workflow("- uses: o/r@v1.2_rc-3_b"), WORKFLOW)) == {"TLG011"}


def test_expressions_that_almost_compare_take_linear_time() -> None:
    asks = "${{ " + "a" * 990 + " }}"
    assert "TLG014" not in ids(look_at(workflow(f"- run: |\n{('    echo ' + asks + chr(10)) * 1_500}"), WORKFLOW))


def test_many_documents_in_one_file_take_linear_time() -> None:
    assert not look_at(b"a: b\n---\n" * 30_000, "params.yaml").findings


def test_many_keys_of_one_kind_are_one_leak() -> None:
    data = "".join(f"wandb.login(key='{n:040x}')\n" for n in range(1 << 60, (1 << 60) + 40_000)).encode()
    (finding,) = look_at(data, "x.sh").findings
    assert finding.id == "TLG010"
