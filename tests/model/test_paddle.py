"""Paddle: what the library writes is clean; programs that call Python, touch files or need native code are told."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ids, severe
from tests.model.hostile_bytes import looker, mutations, survives
from tests.model.wire import put, varint

REAL = Path(__file__).parent / "real" / "paddle"
HONEST = ["old_net.pdmodel", "old_net.pdiparams", "pir_net.json", "pir_net.pdiparams", "pir_branch.json"]


def real(name: str) -> bytes:
    return (REAL / name).read_bytes()


looked = looker("model.pdmodel")


def operator(name: str, **texts: str) -> bytes:
    attributes = b"".join(put(4, put(1, key) + put(2, 2) + put(5, text)) for key, text in texts.items())
    return attributes + put(3, name)


def program(*operators: bytes) -> bytes:
    first = put(1, 0) + put(2, -1) + put(4, operator("feed"))
    second = put(1, 1) + put(2, 0) + b"".join(put(4, item) for item in operators)
    return put(1, first) + put(1, second) + put(4, put(1, 0))


def pir(*names: str, **texts: str) -> bytes:
    attributes = [{"N": key, "AT": {"#": "0.a_str", "D": text}} for key, text in texts.items()]
    inner = [{"#": name, "A": attributes, "I": [], "O": []} for name in names]
    outer = {"#": "1.if", "A": [], "I": [], "O": [], "regions": [{"blocks": [{"args": [], "ops": inner}]}]}
    document = {
        "base_code": {"magic": "pir", "version": 4}, "program": {"regions": [{"blocks": [{"args": [], "ops": [outer]}]}]},
    }  # fmt: skip
    return json.dumps(document).encode()


def tensor(kind: int, *dims: int, values: bytes = b"") -> bytes:
    description = put(1, kind) + b"".join(put(2, dim) for dim in dims)
    return bytes(16) + len(description).to_bytes(4, "little") + description + values


@pytest.mark.parametrize("name", HONEST)
def test_real_files_are_clean(name: str) -> None:
    report = looked(real(name), name)
    assert not severe(report)
    assert report.formats[0].startswith("paddle")


def test_content_decides_not_the_name() -> None:
    assert "paddle" in looked(real("old_net.pdmodel"), "__model__").formats
    assert "MDL166" in ids(looked(real("bad_python.pdmodel"), "weights.bin"))


def test_mdl166_bad_real() -> None:
    """Runs only where the process registered a function under the number; not loaded here."""
    assert "MDL166" in ids(looked(real("bad_python.pdmodel")))
    assert "MDL166" in ids(looked(pir("1.py_func"), "inference.json"))


def test_mdl166_good_operators() -> None:
    assert not severe(looked(program(operator("relu"), operator("while"))))


@pytest.mark.parametrize(
    "name", ["load", "load_combine", "save", "save_combine", "read_file", "listen_and_serv", "send"]
)
def test_mdl167_bad_operators(name: str) -> None:
    assert "MDL167" in ids(looked(program(operator(name, file_path="/etc/passwd"))))
    assert "MDL167" in ids(looked(pir(f"1.{name}"), "inference.json"))


def test_mdl167_bad_path_is_told() -> None:
    assert any("/etc/passwd" in f.message for f in looked(program(operator("load", file_path="/etc/passwd"))).findings)
    assert any(
        "/etc/passwd" in f.message for f in looked(pir("pd_op.load", file_path="/etc/passwd"), "x.json").findings
    )


def test_mdl167_good_operators() -> None:
    assert not severe(looked(pir("1.relu_", "1.conv2d", "0.combine", "p", "2.yield"), "inference.json"))


@pytest.mark.parametrize("name", ["my_own", "tensorrt_engine", "openvino_engine", "run_program"])
def test_mdl168_bad_operators(name: str) -> None:
    assert any(f.id == "MDL168" and f.holds for f in looked(program(operator(name))).findings)
    assert "MDL168" in ids(looked(pir(f"1.{name}", f"3.{name}"), "inference.json"))


def test_mdl168_good_operators() -> None:
    assert not severe(looked(program(operator("conv2d"), operator("batch_norm"), operator("fetch"))))


def test_a_pir_program_is_known_wherever_its_magic_stands() -> None:
    document = json.loads(pir("1.py_func"))
    turned = json.dumps({"pad": "x" * 9_000, "program": document["program"], "base_code": document["base_code"]})
    assert "MDL166" in ids(looked(turned.encode(), "inference.json"))
    assert "MDL166" in ids(looked(turned.replace("base_", "b\\u0061s\\u0065\\u005F").encode(), "inference.json"))
    assert not severe(looked(b'{"base_code": 1, "ops": [{"#": "1.py_func"}]}', "other.json"))


def test_parameters_that_are_not_what_they_say_hold() -> None:
    assert not severe(looked(tensor(5, 2, values=bytes(8)) + tensor(3, values=bytes(8)), "x.pdiparams"))
    for data in (
        tensor(5, 3, values=bytes(8)),
        tensor(5, -1),
        tensor(99, 1, values=bytes(8)),
        tensor(5, 1 << 60, 1 << 60),
        tensor(5, 2, values=bytes(9)),
        tensor(5, 2, values=bytes(8)) + b"\1\2\3\4",
        bytes(4) + b"\xff" * 8 + bytes(8),
        bytes(12) + bytes(4) + (1 << 30).to_bytes(4, "little"),
        varint(1 << 62),
    ):
        assert severe(looked(data, "x.pdiparams")), data


def test_cut_files_are_never_clean() -> None:
    for name in ("old_net.pdmodel", "pir_branch.json", "old_net.pdiparams"):
        data = real(name)
        first_block = 3 + (data[1] & 0x7F | data[2] << 7)
        end = first_block if name.endswith("pdmodel") else len(data)  # the versions of operators may be left out
        whole = {32, 134, 170} if name.endswith("params") else set()  # nothing but whole tensors
        cuts = [cut for cut in range(1, end, 3) if cut not in whole]
        assert all(severe(looked(data[:cut], name)) for cut in cuts if cut > 200 or not name.endswith("json")), name


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([real(name) for name in (*HONEST, "bad_python.pdmodel")]).flatmap(mutations),
    st.sampled_from(HONEST),
)
def test_mutated_files_are_reported_on(data: bytes, name: str) -> None:
    survives(data, name)
