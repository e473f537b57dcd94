"""TorchScript: MDL008 (unread code), MDL130 (operators that reach out), MDL131 (operators of others), MDL144."""

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.blob import CHUNK, Bytes
from assaymark.core.budget import Budget
from assaymark.core.scan import FileReport
from assaymark.model.torch import objects
from assaymark.model.torch.script import read_script
from assaymark.model.torch.views import Operator, UnreadProgram
from assaymark.storage.spool import FileSpool
from tests.conftest import ids, look_at, severe

REAL = Path(__file__).parent / "real" / "torch"
DATA = b"\x80\x02c__torch__\nNet\nq\x00)\x81}b."
HEAD = """\
class Net(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  def forward(self: __torch__.Net,
    x: Tensor) -> Tensor:
"""


def archive(code: str | bytes | None, data: bytes = DATA, extra: dict[str, bytes] | None = None) -> bytes:
    """A zip laid out as torch.jit.save writes it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as packed:
        packed.writestr("m/data.pkl", data)
        packed.writestr("m/constants.pkl", b"\x80\x02).")
        if code is not None:
            packed.writestr("m/code/__torch__.py", code)
        packed.writestr("m/version", "3\n")
        for name, content in (extra or {}).items():
            packed.writestr(name, content)
    return out.getvalue()


def body(*lines: str) -> FileReport:
    """The report on an archive whose forward method has these lines."""
    return look_at(archive(HEAD + "".join(f"    {line}\n" for line in lines) + "    return x\n"), "net.pt")


@pytest.mark.parametrize("name", ["scripted.pt", "traced.pt", "mobile.ptl", "quantized.pt", "quantized.ptl"])
def test_mdl008_good_real_archives_are_allowed(name: str) -> None:
    report = look_at((REAL / name).read_bytes(), name)
    assert report.findings == ()
    assert "torch" in report.formats


def test_mdl008_good_a_state_dict_is_no_program() -> None:
    stream = b"\x80\x02ccollections\nOrderedDict\n)R."
    assert severe(look_at(archive(None, stream), "net.pt")) == []


@pytest.mark.parametrize(
    "line",
    [
        "t = torch",
        "a = ops.aten",
        "c = __torch__.torch.classes",
        "c = __torch__.torch.classes.mine",
        "f = lambda y: y",
        "_0 = 1 # \r",
        "_0 = 1\f",
        '_0 = "\u00e9"',
        "import os",
        "_0 = f'{x}'",
        "_0 = (",
    ],
)
def test_mdl008_bad_code_that_torch_does_not_write(line: str) -> None:
    report = body(line)
    assert "MDL008" in ids(report)
    assert severe(report)


def test_mdl008_bad_code_too_long_or_too_deep() -> None:
    assert "MDL008" in ids(look_at(archive(HEAD + "    x = x\n" * 300_000), "net.pt"))
    assert "MDL008" in ids(body("x = " + "(" * 5_000 + "x" + ")" * 5_000))


def test_mdl130_bad_a_file_is_written_while_the_archive_is_loaded() -> None:
    """Proved: torch 2.13 `torch.jit.load` of this file writes /tmp/tpt/proof/script_setstate."""
    report = look_at((REAL / "evil_script_writes.pt").read_bytes(), "net.pt")
    (finding,) = report.findings
    assert finding.id == "MDL130"
    assert "while the file is loaded" in finding.message
    assert finding.where.line


def test_mdl130_bad_a_file_is_read_into_the_output() -> None:
    """Proved: torch 2.13 loads it, and calling it returns the sum of the first bytes of /etc/passwd."""
    assert ids(look_at((REAL / "evil_script_reads.pt").read_bytes(), "net.pt")) == {"MDL130"}


@pytest.mark.parametrize(
    "lines",
    [
        ("f = torch.save", '_0 = f(x, "/tmp/f")'),
        ("t = torch", '_0 = t.save(x, "/tmp/f")'),
        ('_0 = getattr(torch, "save")(x, "/tmp/f")',),
        ("a = ops.aten", '_0 = a.save(x, "/tmp/f")'),
        ('_0 = torch.autograd.save(x, "/tmp/f")',),
        ('_0 = ops.aten.save(x, "/tmp/f")',),
        ('_0 = [torch.save(x, "/tmp/f") for i in range(1)]',),
        ('_0 = torch.save(x, """/tmp/f""")',),
        ("# type: (int) -> int", '_0 = torch.save(x, "/tmp/f")'),
        ('_0 = "a".save("/tmp/f")',),
        ('_0 = fork(torch.from_file, "/etc/passwd")',),
        ('_0 = ops.image.write_file("/tmp/f", x)',),
        ('_0 = ops.image.read_file("/etc/passwd")',),
        ('_0 = ops.torchaudio.sox_io_save_audio_file("/tmp/f", x, 1, True)',),
        ('_0 = rpc_async("worker", __torch__.f, (x,))',),
    ],
)
def test_mdl130_bad_every_spelling(lines: tuple[str, ...]) -> None:
    """Proved with torch 2.13 for the first six, and the list, triple quotes and type comment: each writes the file."""
    assert "MDL130" in ids(body(*lines))


def test_mdl130_bad_in_a_member_of_another_case() -> None:
    """The zip reader of torch finds members whatever their case."""
    code = (HEAD + '    _0 = torch.save(x, "/tmp/f")\n').encode()
    assert "MDL130" in ids(look_at(archive(HEAD + "    return x\n", extra={"m/CODE/__TORCH__/A.PY": code}), "net.pt"))


def test_mdl130_bad_byte_code_for_phones() -> None:
    content = b"\x80\x02(X\x0a\x00\x00\x00aten::saveq\x00X\x00\x00\x00\x00t."
    assert "MDL130" in ids(look_at(archive(None, extra={"m/bytecode.pkl": content}), "net.ptl"))


def test_mdl130_bad_code_beside_no_class_of_the_data() -> None:
    code = (HEAD + '    _0 = torch.save(x, "/tmp/f")\n').encode()
    extra = {"m/code/__torch__/a/b.py": code}
    assert "MDL130" in ids(look_at(archive(HEAD + "    return x\n", extra=extra), "net.pt"))


def test_mdl130_good_a_method_of_the_same_name() -> None:
    code = (
        HEAD + "    return (self).save(x, )\n  def save(self: __torch__.Net,\n    x: Tensor) -> Tensor:\n    return x\n"
    )
    assert look_at(archive(code), "net.pt").findings == ()


def test_mdl130_good_computing_operators() -> None:
    report = body(
        "_0 = torch.conv2d(x, x, None, [1, 1], [0, 0], [1, 1])",
        "_1 = ops.torchvision.nms(x, x, 0.5)",
        "_2 = ops.image.decode_image(x, 0)",
        "_3 = ops.prim.dtype(x)",
        '_4 = getattr(self, "0")',
        '_5 = annotate(Dict[str, Tensor], {"save": x})',
        "_6 = uninitialized(Tensor)",
        "print(torch.len([x]))",
    )
    assert report.findings == ()


def test_mdl131_bad_an_operator_of_a_library() -> None:
    report = body("_0 = ops.mylib.do(x)")
    assert ids(report) == {"MDL131"}
    assert "mylib::do" in report.findings[0].message
    assert "MDL131" in ids(body("_0 = torch.no_such_operator(x)"))


def test_mdl131_bad_a_native_class_in_code_or_data() -> None:
    assert ids(body("_0 = __torch__.torch.classes.mylib.Engine(x)")) == {"MDL131"}
    data = b"\x80\x02c__torch__.torch.classes.tensorrt\nEngine\nq\x00)\x81X\x01\x00\x00\x00ab."
    assert "MDL131" in ids(look_at(archive(HEAD + "    return x\n", data), "net.pt"))


def test_mdl131_good_torchs_own_packed_weights() -> None:
    """Quantized modules keep their weights in classes of torch."""
    assert body("_0 = __torch__.torch.classes.quantized.Conv2dPackedParamsBase").findings == ()


def test_mdl144_bad_classes_without_their_code() -> None:
    report = look_at(b"\x80\x02c__torch__.nets\nNet\nq\x00)\x81}b.", "data.pkl")
    assert ids(report) == {"MDL144"}
    assert severe(report)


def test_mdl144_good_the_prefix_alone_is_not_enough() -> None:
    assert "MDL144" not in ids(look_at(b"\x80\x02c__torch__evil\nNet\n.", "net.pkl"))
    assert "MDL002" in ids(look_at(b"\x80\x02c__torch__evil\nNet\n.", "net.pkl"))


def test_mdl144_good_inside_its_archive() -> None:
    assert look_at(archive(HEAD + "    return x\n"), "net.pt").findings == ()


def test_a_repository_with_a_folder_code_is_none() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("repo/code/train.py", "import os\nprint(f'{os.getcwd()}')\n")
    assert look_at(out.getvalue(), "repo.zip").findings == ()


@given(
    st.lists(st.sampled_from(["torch", "ops", "save", ".", "(", ")", "x", "=", "\n", "    ", "getattr", '"', ",", "["]))
)
@settings(max_examples=100, deadline=None)
def test_any_text_is_read_or_unread(parts: list[str]) -> None:
    for view in read_script((HEAD + "    " + "".join(parts)).encode(), "a.py"):
        assert isinstance(view, (Operator, UnreadProgram))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_mutated_archives_never_crash_the_reader(data: st.DataObject) -> None:
    content = bytearray((REAL / "traced.pt").read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    assert "CHK001" not in ids(look_at(bytes(content), "net.pt"))


def test_mdl131_good_a_class_that_crosses_the_border_of_two_pieces() -> None:
    name = b"c__torch__.torch.classes.quantized\nConv2dPackedParamsBase\n"
    for cut in (30, 45, 55):
        data = bytes(CHUNK - cut) + name + bytes(5_000)
        assert list(objects.classes(Bytes(data), Budget(monotonic=lambda: 0.0, spool=FileSpool))) == []
    evil = bytes(CHUNK - 45) + name.replace(b"quantized", b"mylibrary") + bytes(5_000)
    assert len(list(objects.classes(Bytes(evil), Budget(monotonic=lambda: 0.0, spool=FileSpool)))) == 1


def test_mdl131_bad_an_operator_that_runs_into_letters_over_the_border() -> None:
    data = bytes(CHUNK - 30) + b"X\x0a\0\0\0aten::save" + b"N" * 5_000 + b"."
    found = objects.operators(Bytes(data), Budget(monotonic=lambda: 0.0, spool=FileSpool))
    assert [view.name for view in found] == ["aten::save"]
