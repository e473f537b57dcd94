"""What every parser must bear: files with bytes changed, cut, doubled, and cut off anywhere."""

from collections.abc import Callable

from hypothesis import strategies as st

from assaymark.core.scan import FileReport
from tests.conftest import ids, look_at


@st.composite
def mutations(draw: st.DrawFn, data: bytes) -> bytes:
    """`data` with a few bytes changed, and perhaps a piece taken out or put in."""
    made = bytearray(data)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(made) - 1))
        kind = draw(st.integers(0, 3))
        if kind == 0:
            made[at] = draw(st.integers(0, 255))
        elif kind == 1:
            made[at : at + 4] = draw(st.sampled_from([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"9999"]))
        elif kind == 2 and len(made) > 64:
            del made[at : at + draw(st.integers(1, 16))]
        else:
            made[at:at] = made[at : at + draw(st.integers(1, 16))]
    return bytes(made)


def looker(usual: str) -> Callable[..., FileReport]:
    """A function that looks at bytes under a name, `usual` where none is given; none of our parsers may crash."""

    def looked(data: bytes, name: str = usual) -> FileReport:
        report = look_at(data, name)
        assert "CHK001" not in ids(report), [f.message for f in report.findings if f.id == "CHK001"]
        return report

    return looked


def survives(data: bytes, name: str) -> None:
    """A report comes out of any input."""
    looker(name)(data)


def is_noticed_when_cut(data: bytes, name: str, step: int = 1) -> None:
    """Cut off anywhere, a file that claims the format by its name is found or held."""
    for length in range(0, len(data), step):
        report = look_at(data[:length], name)
        assert "CHK001" not in ids(report), length
        assert any(f.holds or f.severity >= 2 for f in report.findings), length
