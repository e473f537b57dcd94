"""Classes whose `__setstate__` runs a text of the state, and what dill and old pandas call: what may be, and what not."""

import pickle
from pathlib import Path

import pytest

from tests.conftest import ids, look_at, severe

REAL = Path(__file__).parent / "real" / "pickled"
FROZEN = (REAL / "scipy-frozen-now.pkl").read_bytes()
PARSER = b"return self._argcheck_rvs(low, high,  loc, 1, size=size)"


def name_of(module: str, name: str) -> bytes:
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def built(module: str, name: str, state: object) -> bytes:
    """`module.name.__new__`, and a BUILD with a state of plain data."""
    return b"\x80\x04" + name_of(module, name) + b")\x81" + pickle.dumps(state, 2)[2:-1] + b"b."


@pytest.mark.parametrize("path", sorted(REAL.iterdir()), ids=lambda path: path.name)
def test_what_libraries_write_is_quiet(path: Path) -> None:
    report = look_at(path.read_bytes(), path.name)
    assert not severe(report) and not any(finding.holds for finding in report.findings)


@pytest.mark.parametrize(
    "text",
    [
        "import os",
        "return os.system(low, high,  loc, 1, size=size)",
        "return self._argcheck_rvs(low, high,  loc, exit(), size=size)",
    ],
)
def test_mdl004_bad_text_of_a_distribution(text: str) -> None:
    """scipy 1.17.1 runs it: proved with `open` as a default in that line, which made its file when pickle.loads read this."""
    assert PARSER in FROZEN
    changed = text.encode()[: len(PARSER)].ljust(len(PARSER))
    assert "MDL004" in ids(look_at(FROZEN.replace(PARSER, changed), "model.pkl"))


@pytest.mark.parametrize(
    "state",
    [
        {"_parse_arg_template": "import os"},
        {"_parse_arg_template": 7},
        {f"k{n}": n for n in range(40)},
        ({"_parse_arg_template": 1, "import os": 2}, "ab"),
        ["_parse_arg_template"],
        None,
    ],
    ids=["text", "no text", "too many names", "a dict of two as a pair", "a list", "nothing"],
)
def test_mdl004_bad_state_of_a_distribution(state: object) -> None:
    assert "MDL004" in ids(look_at(built("scipy.stats._continuous_distns", "norm_gen", state), "model.pkl"))


def test_mdl004_bad_name_of_a_state_is_computed() -> None:
    """`str('_parse_arg_template')` is the name as well, and no text of the stream."""
    key = name_of("builtins", "str") + b"(V_parse_arg_template\ntR"
    stream = b"\x80\x04" + name_of("scipy.stats._continuous_distns", "norm_gen") + b")\x81}" + key + b"Vimport os\nsb."
    assert "MDL004" in ids(look_at(stream, "model.pkl"))


def test_mdl004_bad_state_is_filled_through_the_memo() -> None:
    plant = b"h\x01V_parse_arg_template\nVimport os\ns0b."
    for before in (b"", b"Va\nK\x01s"):
        stream = b"\x80\x04" + name_of("scipy.stats._continuous_distns", "norm_gen") + b")\x81}q\x01" + before + plant
        assert "MDL004" in ids(look_at(stream, "model.pkl"))


@pytest.mark.parametrize(
    "formula",
    [
        "a ~ eval(b)",
        "a ~ (f)(b)",
        "a ~ os.system('x')",
        "a ~ b[0]",
        "a ~ np.load(x)",
        "a ~ C.f(x)",
        "a ~ {f(x)}",
        "a ~ f (b)",
        3,
        None,
    ],
)
@pytest.mark.parametrize("asks", ["restore_design_info", "restore_model_spec"])
def test_mdl004_bad_formula(formula: object, asks: str) -> None:
    state = {"formula": formula, "frame": {}, asks: True}
    assert "MDL004" in ids(look_at(built("statsmodels.base.data", "PandasData", state), "model.pkl"))


@pytest.mark.parametrize("formula", ["a ~ b + C(k)", "a ~ np.log(x) * I(x ** 2) - 1", "y ~ x1 + x2:x3"])
def test_mdl004_good_formula(formula: str) -> None:
    state = {"formula": formula, "frame": {}, "restore_design_info": True}
    assert not ids(look_at(built("statsmodels.base.data", "PandasData", state), "model.pkl"))


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        (name_of("dill._dill", "_create_array") + b"(" + name_of("os", "system") + b"(Vid\ntNtR.", "MDL001"),
        (name_of("dill._dill", "_create_array") + b"(" + name_of("builtins", "list") + b")N}Va\nVb\nstR.", "MDL004"),
        (name_of("dill._dill", "_load_type") + b"(VCodeType\ntR.", "MDL004"),
        (b"]" + name_of("dill._dill", "_load_type") + b"a.", "MDL004"),
        (name_of("joblib.memory", "Memory") + b"(V/tmp/x\ntR.", "MDL004"),
        (b"]" + name_of("joblib.memory", "Memory") + b"a.", "MDL004"),
        (name_of("operator", "itemgetter") + b"(Vx\ntR}\x85R.", "MDL004"),
    ],
)
def test_mdl001_bad_calls(call: bytes, rule: str) -> None:
    assert rule in ids(look_at(b"\x80\x04" + call, "model.pkl"))
