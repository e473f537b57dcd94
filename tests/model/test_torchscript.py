"""MDL008: TorchScript archives bring a program of their own, which this version does not look into."""

import io
import zipfile

from tests.conftest import ids, look_at, severe


def archive(pickle: bytes) -> bytes:
    """A zip laid out as torch.jit.save writes it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as packed:
        packed.writestr("m/data.pkl", pickle)
        packed.writestr("m/constants.pkl", b"\x80\x02).")
        packed.writestr("m/code/__torch__.py", "class Net(Module):\n  def forward(self): return 1\n")
        packed.writestr("m/version", "3\n")
    return out.getvalue()


def test_mdl008_bad_a_program_holds() -> None:
    report = look_at(archive(b"\x80\x02c__torch__.nets\nNet\nq\x00)\x81}b."), "net.pt")
    assert ids(report) == {"MDL008"}
    assert severe(report)  # it holds


def test_mdl008_good_a_state_dict_is_no_program() -> None:
    stream = b"\x80\x02ccollections\nOrderedDict\n)R."
    assert severe(look_at(archive(stream), "net.pt")) == []


def test_mdl008_good_the_prefix_alone_is_not_enough() -> None:
    assert "MDL008" not in ids(look_at(b"\x80\x02c__torch__evil\nNet\n.", "net.pkl"))
    assert "MDL002" in ids(look_at(b"\x80\x02c__torch__evil\nNet\n.", "net.pkl"))
