"""Small locks as each tool writes them."""

import json

A, B, C = ("a" * 64, "b" * 64, "c" * 64)

UV = f"""version = 1
requires-python = ">=3.11"

[[package]]
name = "app"
version = "0.1.0"
source = {{ virtual = "." }}
dependencies = [
    {{ name = "torch" }},
    {{ name = "colorama", marker = "sys_platform == 'win32'" }},
]

[package.dev-dependencies]
dev = [
    {{ name = "pytest" }},
]

[[package]]
name = "torch"
version = "2.6.0"
source = {{ registry = "https://pypi.org/simple" }}
dependencies = [
    {{ name = "numpy", version = "1.26.4", source = {{ registry = "https://pypi.org/simple" }}, marker = "python_full_version < '3.12'" }},
    {{ name = "numpy", version = "2.1.0", source = {{ registry = "https://pypi.org/simple" }}, marker = "python_full_version >= '3.12'" }},
]
wheels = [
    {{ url = "https://files.pythonhosted.org/x/torch-2.6.0-cp311.whl", hash = "sha256:{A}" }},
    {{ url = "https://files.pythonhosted.org/x/torch-2.6.0-cp312.whl", hash = "sha256:{B}" }},
]

[[package]]
name = "numpy"
version = "1.26.4"
source = {{ registry = "https://pypi.org/simple" }}
sdist = {{ url = "https://files.pythonhosted.org/x/numpy-1.26.4.tar.gz", hash = "sha256:{C}" }}

[[package]]
name = "numpy"
version = "2.1.0"
source = {{ registry = "https://pypi.org/simple" }}
sdist = {{ url = "https://files.pythonhosted.org/x/numpy-2.1.0.tar.gz", hash = "sha256:{C}" }}

[[package]]
name = "colorama"
version = "0.4.6"
source = {{ registry = "https://pypi.org/simple" }}
sdist = {{ url = "https://files.pythonhosted.org/x/colorama-0.4.6.tar.gz", hash = "sha256:{C}" }}

[[package]]
name = "pytest"
version = "8.4.0"
source = {{ registry = "https://pypi.org/simple" }}
dependencies = [
    {{ name = "colorama", marker = "sys_platform == 'win32'" }},
]
sdist = {{ url = "https://files.pythonhosted.org/x/pytest-8.4.0.tar.gz", hash = "sha256:{C}" }}

[[package]]
name = "ours"
version = "1.0"
source = {{ git = "https://github.com/acme/ours?rev=main#{"d" * 40}" }}
"""
POETRY = f"""[[package]]
name = "Torch"
version = "2.6.0"
description = ""
optional = false
python-versions = ">=3.9"
groups = ["main"]
markers = "sys_platform == \\"linux\\""
files = [
    {{file = "torch-2.6.0-cp311.whl", hash = "sha256:{A}"}},
]

[package.dependencies]
numpy = {{version = "*", markers = "python_version > \\"3.8\\""}}

[[package]]
name = "numpy"
version = "1.26.4"
description = ""
optional = false
python-versions = ">=3.9"
groups = ["main", "dev"]
files = [
    {{file = "numpy-1.26.4.whl", hash = "sha256:{B}"}},
]

[metadata]
lock-version = "2.1"
content-hash = "x"
"""
PDM = f"""[metadata]
groups = ["default", "dev"]
lock_version = "4.5.0"

[[package]]
name = "torch"
version = "2.6.0"
groups = ["default"]
marker = "sys_platform == 'linux'"
dependencies = [
    "numpy>=1.20; python_version < '3.13'",
]
files = [
    {{file = "torch-2.6.0-cp311.whl", hash = "sha256:{A}"}},
]

[[package]]
name = "numpy"
version = "1.26.4"
groups = ["default", "dev"]
files = [
    {{file = "numpy-1.26.4.whl", hash = "sha256:{B}"}},
]
"""
PYLOCK = f"""lock-version = "1.0"
created-by = "uv"

[[packages]]
name = "torch"
version = "2.6.0"
marker = "sys_platform == 'linux'"
index = "https://pypi.org/simple"
dependencies = [{{ name = "numpy" }}]
wheels = [{{ name = "torch-2.6.0-cp311.whl", url = "https://files.pythonhosted.org/t.whl", hashes = {{ sha256 = "{A}" }} }}]

[[packages]]
name = "numpy"
version = "1.26.4"
index = "https://pypi.org/simple"
sdist = {{ name = "numpy-1.26.4.tar.gz", url = "https://files.pythonhosted.org/n.tar.gz", hashes = {{ sha256 = "{B}" }} }}
"""
PIPENV = json.dumps(
    {
        "_meta": {"hash": {"sha256": A}, "pipfile-spec": 6, "requires": {}, "sources": []},
        "default": {
            "torch": {
                "hashes": [f"sha256:{A}"],
                "index": "pypi",
                "markers": "python_version >= '3.9'",
                "version": "==2.6.0",
            },
            "numpy": {"hashes": [f"sha256:{B}"], "version": "==1.26.4"},
        },
        "develop": {"pytest": {"hashes": [f"sha256:{C}"], "version": "==8.4.0"}},
    },
    indent=4,
)
PROJECT = '[project]\nname = "app"\nversion = "1"\ndependencies = ["torch>=2"]\n'
POETRY_PROJECT = '[tool.poetry]\nname = "app"\n[tool.poetry.dependencies]\npython = "^3.11"\ntorch = "^2.6"\n'
REQUIREMENTS = f"""numpy==1.26.4 \\
    --hash=sha256:{A} \\
    --hash=sha256:{B}
    # via
    #   -r requirements.in
    #   torch
torch==2.6.0 --hash=sha256:{C}
    # via app (pyproject.toml)
filelock==3.1 ; sys_platform == "linux"  # via torch
"""
