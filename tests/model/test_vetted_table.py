"""The table of vetted globals: strict syntax, no contradiction, every name resolves, the machine keeps its rules."""

import importlib
import importlib.util
import re
import shutil
import struct
import subprocess
import sys
import warnings
from importlib.resources import files
from pathlib import Path

import pytest

from tests.conftest import look_at, severe

TABLES = files("assaymark.model.machine")
OTHER = "# ---- other versions of the libraries: names as they write them ----"
RULES = {
    "any-vetted",
    "calls-first",
    "calls-second",
    "encode-latin1",
    "nested-pickle",
    "member",
    "partial",
    "none",
    "global",
    "array",
    "scipy-parser",
    "no-formula",
    "uncalled",
    "array-of",
    "builtin",
}
INSIDE = {("operator", "itemgetter"), ("dill._dill", "_create_array"), ("dill._dill", "_load_type")}
"""Names that are vetted inside of a module that is dangerous as a whole."""
OF_STATE = {"scipy-parser", "no-formula", "uncalled"}
"""Rules for BUILD: how such a class is made and what it is given is open, but it is never stored itself."""
NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
USE = re.compile(r"(?:type|items|member|new|build|call)(\(args=([a-z0-9-]+)\))?")
Table = dict[str, dict[str, str]]


def sections(name: str) -> tuple[Table, Table]:
    """Both parts of a table file; any line out of order is an error."""
    parts: tuple[Table, Table] = ({}, {})
    part, module, last = 0, "", ""
    for line in (TABLES / name).read_text(encoding="ascii").splitlines():
        if line == OTHER:
            part, module = 1, ""
        elif line.startswith("["):
            assert line.endswith("]") and NAME.fullmatch(line[1:-1]), line
            assert line[1:-1] > module, f"sections out of order at {line}"
            module, last = line[1:-1], ""
            parts[part][module] = {}
        elif line and line[0] != "#":
            key, _, rest = line.partition(" ")
            assert module and rest and rest == rest.strip(), line
            assert key > last, f"[{module}] out of order or twice: {key}"
            parts[part][module][key] = rest
            last = key
    return parts


CURRENT, OLDER = sections("vetted.txt")
VETTED: dict[tuple[str, str], tuple[set[str], str]] = {}
for _part in (OLDER, CURRENT):
    for _module, _names in _part.items():
        for _name, _text in _names.items():
            _words = [USE.fullmatch(word) for word in _text.split(" ")]
            assert all(_words), f"[{_module}] {_name} {_text}"
            _uses = {match[0].partition("(")[0] for match in _words if match} | {"type"}
            VETTED[_module, _name] = (_uses, next((m[2] for m in _words if m and m[2]), "data"))
DANGEROUS = sections("dangerous.txt")[0]


def test_the_vetted_table_is_strict_and_small() -> None:
    raw = (TABLES / "vetted.txt").read_bytes()
    assert raw.endswith(b"\n") and b"\r" not in raw and b"\t" not in raw
    assert len(raw) < 200_000
    assert 2_000 < len(VETTED) < 6_000
    assert {rule for _, rule in VETTED.values()} <= RULES | {"data"}
    twice = [(m, n) for m, names in OLDER.items() for n in names if n in CURRENT.get(m, {})]
    assert not twice


def test_the_dangerous_table_is_strict_and_says_what_happens() -> None:
    entries = [(m, n, phrase) for m, names in DANGEROUS.items() for n, phrase in names.items()]
    assert len(entries) >= 300
    for module, name, phrase in entries:
        assert name == "*" or NAME.fullmatch(name), (module, name)
        assert 8 <= len(phrase) <= 90 and phrase[0].islower() and phrase[-1] != ".", (module, name, phrase)


def test_no_name_is_both_vetted_and_dangerous() -> None:
    for module, name in VETTED:
        assert name not in DANGEROUS.get(module, {}), (module, name)
        parent = "" if (module, name) in INSIDE else module
        while parent:
            assert "*" not in DANGEROUS.get(parent, {}), f"{module}.{name} is vetted, {parent} * is dangerous"
            parent = parent.rpartition(".")[0]


def test_rules_stand_where_they_must() -> None:
    """Functions that call, or unpickle, what they are given never have the open rule."""
    assert VETTED["torch.storage", "_load_from_bytes"][1] == "nested-pickle"
    assert VETTED["_codecs", "encode"][1] == "encode-latin1"
    narrow = sorted(
        ".".join(name) for name, (_, rule) in VETTED.items() if rule not in {"data", "any-vetted", *OF_STATE}
    )
    assert narrow == [
        "_codecs.encode",
        "builtins.getattr",
        "builtins.type",
        "dill._dill._create_array",
        "dill._dill._load_type",
        "functools.partial",
        "numpy.core._ufunc_reconstruct",
        "numpy.core.records.recarray",
        "numpy.memmap",
        "numpy.ndarray",
        "numpy.random._pickle.__generator_ctor",
        "numpy.random._pickle.__randomstate_ctor",
        "numpy.rec.recarray",
        "numpy.recarray",
        "torch._tensor._rebuild_from_type",
        "torch._tensor._rebuild_from_type_v2",
        "torch.storage._load_from_bytes",
        "torch.tensor._rebuild_from_type",
    ]
    open_rule = {".".join(name) for name, (_, rule) in VETTED.items() if rule == "any-vetted"}
    assert {name for name in open_rule if name.startswith(("builtins.", "os.", "operator."))} == set()


@pytest.mark.parametrize(
    "name",
    [
        "builtins.eval", "operator.attrgetter", "types.CodeType", "numpy.load", "numpy.frompyfunc", "sklearn.utils.Memory", "pandas.read_pickle", "joblib.load",
        "joblib.numpy_pickle.NDArrayWrapper", "scipy.spatial._ckdtree.cKDTree", "torch.load", "torch.hub.load",
        "scipy.stats._continuous_distns.norm_gen.fit", "formulaic.formula.Formula", "gensim.utils.SaveLoad.load",
        "sklearn.callback._scoring_monitor.ScoringMonitor", "sklearn.datasets._openml.fetch_openml",
        "transformers.activations.ClassInstantier", "statsmodels.iolib.smpickle.load_pickle",
        "numpy.ma.core.MaskedConstant.__reduce__", "sys.modules", "pickle.loads", "weakref.finalize",
    ],
)  # fmt: skip
def test_what_reaches_code_or_files_is_not_callable(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    uses, _ = VETTED.get((module, attribute), (set(), ""))
    assert not uses & {"call", "new", "build", "items"}, name


def test_every_current_name_of_an_installed_library_resolves() -> None:
    missing = []
    for module, names in CURRENT.items():
        if importlib.util.find_spec(module.partition(".")[0]) is None:
            continue
        for name in names:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    value = importlib.import_module(module)
                    for part in name.split("."):
                        value = getattr(value, part)
            except (ImportError, AttributeError):
                missing.append(f"{module}.{name}")
    optional = ("pathlib._local.", "scipy.stats._new", "numpy.longdouble")
    assert not [name for name in missing if not name.startswith(optional)]


# What the machine owes the table (scripts/README.md, "What the table asks of the machine"): each of these streams runs
# code, or damages memory, through vetted names alone.


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def raw(value: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(value)) + value


def name_of(module: str, name: str) -> bytes:
    return text(module) + text(name) + b"\x93"


PAYLOAD = b"\x80\x04" + name_of("os", "getpid") + b")R."
NESTED = name_of("torch.storage", "_load_from_bytes")
HOOK = text("__setstate__") + NESTED
BOOSTER = name_of("xgboost.core", "Booster")
DTYPE = (
    name_of("numpy", "dtype")
    + text("O8")
    + b"\x89\x88\x87R(K\x03"
    + text("|")
    + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
)
CONTRACT = {
    "a constructor hands bytes to a nested unpickler":
        name_of("numpy.random._pickle", "__generator_ctor") + raw(PAYLOAD) + NESTED + b"\x86R.",
    "a tensor rebuild calls a nested unpickler":
        name_of("torch._tensor", "_rebuild_from_type_v2") + b"(" + NESTED + name_of("torch", "Tensor")
        + raw(PAYLOAD) + b"\x85}tR.",
    "a dict whose items are attributes plants __setstate__":
        name_of("scipy.optimize._optimize", "OptimizeResult") + b")\x81" + HOOK + b"s" + raw(PAYLOAD) + b"b.",
    "a defaultdict carries __setstate__ into a state":
        name_of("torch.nn.modules.linear", "Identity") + b")\x81" + name_of("collections", "defaultdict")
        + name_of("builtins", "list") + b"](](" + HOOK + b"ee\x86Rb" + raw(PAYLOAD) + b"b.",
    "a reconstructor runs the __init__ of its base":
        name_of("copyreg", "_reconstructor") + b"(" + BOOSTER + BOOSTER + text("/etc/hostname") + b"tR.",
    "a setter calls what a nested pickle gave":
        name_of("sklearn.gaussian_process.kernels", "RBF") + b")\x81}(" + text("set_params") + NESTED
        + raw(b"\x80\x02ctorch.storage\n_load_from_bytes\n.") + b"\x85Rub.",
    "a nested pickle gives an unpickler": NESTED + raw(b"\x80\x02ctorch.storage\n_load_from_bytes\n.") + b"\x85R.",
    "a new object holds an unpickler": name_of("builtins", "tuple") + NESTED + b"\x85\x85\x81.",
    "a hook under a computed name":
        name_of("types", "SimpleNamespace") + b")\x81}" + name_of("builtins", "str") + text("__setstate__")
        + b"\x85R" + name_of("collections", "Counter") + b"sb.",
    "a dtype of objects says that it holds none":
        name_of("numpy._core.multiarray", "_reconstruct") + name_of("numpy", "ndarray") + b"K\x00\x85" + raw(b"b")
        + b"\x87R(K\x01K\x01\x85" + DTYPE + b"\x89" + raw(b"A" * 8) + b"tb.",
}  # fmt: skip


@pytest.mark.parametrize("stream", CONTRACT.values(), ids=CONTRACT.keys())
def test_the_machine_keeps_what_the_table_asks(stream: bytes) -> None:
    assert severe(look_at(b"\x80\x04" + stream, "model.pkl"))


CLASS, PUBLIC = name_of("collections", "OrderedDict"), text("fromkeys")
NARROW_BAD = {
    "getattr of a private name": name_of("builtins", "getattr") + CLASS + text("__subclasses__") + b"\x86R.",
    "getattr of a computed object": name_of("builtins", "getattr") + CLASS + b")\x81" + PUBLIC + b"\x86R.",
    "what getattr gives is called": name_of("builtins", "getattr") + CLASS + PUBLIC + b"\x86R)R.",
    "what getattr gives is handed on":
        name_of("collections", "defaultdict") + name_of("builtins", "getattr") + CLASS + PUBLIC + b"\x86R\x85R.",
    "getattr is stored": b"]" + name_of("builtins", "getattr") + b"a.",
    "a partial of what may only be stored is called": name_of("functools", "partial") + name_of("numpy", "mean") + b"\x85R)R.",
    "a partial rebuilt around another function is called":
        name_of("functools", "partial") + name_of("builtins", "list") + b"\x85R(" + name_of("numpy", "mean") + b")}NtbR.",
    "a partial of a partial": name_of("functools", "partial") + name_of("functools", "partial") + b"\x85R)R.",
    "a partial of an unpickler": name_of("functools", "partial") + NESTED + b"\x85R.",
    "a partial rebuilt around an unpickler":
        name_of("functools", "partial") + name_of("builtins", "list") + b"\x85R(" + NESTED + b")}NtbN.",
    "type makes a class": name_of("builtins", "type") + b"(" + text("x") + b")}tR.",
    "a ufunc by another name":
        name_of("numpy.core", "_ufunc_reconstruct") + text("os") + text("getcwd") + b"\x86R.",
    "another codec": name_of("_codecs", "encode") + text("x") + text("zip") + b"\x86R.",
}  # fmt: skip
NARROW_GOOD = {
    "an enum member as CPython 3.11.0 wrote it":
        name_of("builtins", "getattr") + name_of("re", "RegexFlag") + text("IGNORECASE") + b"\x86R.",
    "a partial of a constructor":
        name_of("functools", "partial") + name_of("builtins", "list") + b"\x85R("
        + name_of("builtins", "list") + b")}Ntb.",
    "the class of None": name_of("builtins", "type") + b"N\x85R.",
    "a ufunc": name_of("numpy.core", "_ufunc_reconstruct") + text("numpy") + text("expm1") + b"\x86R.",
    "bytes below protocol 3": name_of("_codecs", "encode") + text("cafe") + text("latin1") + b"\x86R.",
}  # fmt: skip


@pytest.mark.parametrize("stream", NARROW_BAD.values(), ids=NARROW_BAD.keys())
def test_a_narrow_rule_that_is_not_met_is_found(stream: bytes) -> None:
    assert severe(look_at(b"\x80\x04" + stream, "model.pkl"))


@pytest.mark.parametrize("stream", NARROW_GOOD.values(), ids=NARROW_GOOD.keys())
def test_a_narrow_rule_that_is_met_is_quiet(stream: bytes) -> None:
    assert severe(look_at(b"\x80\x04" + stream, "model.pkl")) == []


def test_the_table_is_what_the_script_writes_of_the_parts(tmp_path) -> None:
    """In this order, as scripts/README.md says."""
    root = Path(__file__).resolve().parent.parent.parent
    for name in ("scripts", "src/assaymark/model/machine"):
        shutil.copytree(root / name, tmp_path / name)
    parts = tmp_path / "scripts" / "parts"
    now = [parts / f"now-{name}.json" for name in ("main", "torch", "ml", "tv")]
    table = tmp_path / "src/assaymark/model/machine/vetted.txt"
    kept = table.read_bytes()
    table.write_bytes(b"")
    subprocess.run(
        [sys.executable, tmp_path / "scripts/vet_globals.py", "write", *now, "--other", *sorted(parts.glob("other-*"))],
        check=True,
        capture_output=True,
    )
    assert table.read_bytes() == kept
