"""How the tooling layer knows its documents: by name beside content. Light, for it is asked for every file of a scan."""

import re

from assaymark.core.format import Head

_PIPELINES = re.compile(
    r"(?:^|/)\.(?:github|gitea|forgejo)/workflows/[^/]+\.ya?ml$|(?:^|/)action\.ya?ml$|(?:^|/)(?:[^/]*\.)?gitlab-ci[^/]*\.ya?ml$"
    r"|(?:^|/)azure-pipelines[^/]*\.ya?ml$|(?:^|/)bitbucket-pipelines\.ya?ml$|(?:^|/)\.circleci/config\.ya?ml$"
    r"|(?:^|/)\.(?:travis|drone|woodpecker|appveyor|cirrus)\.ya?ml$|(?:^|/)(?:cloudbuild|buildspec|dvc)\.ya?ml$|(?:^|/)mlproject$"
)
_WORKFLOW_KINDS = re.compile(
    rb"^kind:\s*[\"']?(?:\w*Workflow\w*|Pipeline\w*|Task\w*|ScheduledWorkflow|Experiment|PyTorchJob|TFJob|MPIJob)\b",
    re.MULTILINE,
)


_JSON_LIMIT = 1 << 20
LINES = (
    ".ini",
    ".cfg",
    ".conf",
    ".properties",
    ".toml",
    ".env",
    ".envrc",
    ".tfvars",
    ".sh",
    ".bash",
    ".zsh",
    ".ps1",
    ".pem",
    ".key",
)
CODE = (".py", ".r", ".jl")
_SETTINGS = frozenset(
    {
        ".netrc",
        "_netrc",
        ".boto",
        ".s3cfg",
        ".pgpass",
        "credentials",
        ".dockercfg",
        ".wandbrc",
        "jenkinsfile",
        "makefile",
    }
)
_OTHERS = frozenset({
    "pyproject.toml", "pipfile", "poetry.toml", "pdm.toml", ".pdm.toml", "uv.toml", "pip.conf", "pip.ini", "cargo.toml",
    ".pypirc", "setup.py", "setup.cfg",
})  # fmt: skip
"""Files of the library layer, which looks for credentials in them itself."""


def is_notebook(head: Head) -> bool:
    """The name says so, or a JSON object with cells that have a type."""
    if head.basename.endswith(".ipynb"):
        return True
    return head.start.lstrip()[:1] == b"{" and b'"cell_type"' in head.start and b'"cells"' in head.start


def is_pipeline(head: Head) -> bool:
    """The path is one that a pipeline service reads."""
    return head.is_text and _PIPELINES.search(head.name.lower()) is not None


def is_other_yaml(head: Head) -> bool:
    """Any other YAML, but for Kubernetes manifests and compose files, which belong to the infrastructure layer."""
    name = head.basename
    if not name.endswith((".yaml", ".yml")) or not head.is_text or is_pipeline(head):
        return False
    if re.match(r"(?:docker-)?compose\b", name):
        return False
    manifest = re.search(rb"^apiVersion:", head.start, re.MULTILINE) and re.search(rb"^kind:", head.start, re.MULTILINE)
    return not manifest or _WORKFLOW_KINDS.search(head.start) is not None


def is_settings(head: Head) -> bool:
    """A text that people or tools keep settings in, by its name."""
    name = head.basename
    if name in _OTHERS or not head.is_text or head.size == 0:
        return False
    if name in _SETTINGS or name.endswith(LINES) or ".env." in name:
        return True
    return name.endswith(".json") and head.size <= _JSON_LIMIT


def is_script(head: Head) -> bool:
    """Source code, by its name."""
    return head.basename.endswith(CODE) and head.basename not in _OTHERS and head.is_text and head.size > 0
