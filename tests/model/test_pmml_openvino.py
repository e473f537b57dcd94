from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ids, look_at, look_at_folder, severe
from tests.model.hostile_bytes import is_noticed_when_cut, mutations, survives

REAL = Path(__file__).parent / "real"
PMML = sorted((REAL / "pmml").iterdir())
OPENVINO = sorted((REAL / "openvino").glob("*.xml"))


def pmml(body: str, head: str = "") -> bytes:
    return f'<?xml version="1.0"?>{head}<PMML xmlns="http://www.dmg.org/PMML-4_4" version="4.4">{body}</PMML>'.encode()


def network(*layers: str) -> bytes:
    return f'<?xml version="1.0"?><net name="m" version="11"><layers>{"".join(layers)}</layers></net>'.encode()


def constant(offset: object = 0, size: object = 16, shape: str = "2,2", kind: str = "f32") -> str:
    return (
        f'<layer id="0" name="w" type="Const" version="opset1"><data element_type="{kind}" shape="{shape}" '
        f'offset="{offset}" size="{size}"/></layer>'
    )


def found(data: bytes, name: str = "model.pmml") -> set[str]:
    report = look_at(data, name)
    assert "CHK001" not in ids(report)
    return ids(report)


@pytest.mark.parametrize("path", PMML, ids=lambda path: path.name)
def test_real_pmml_is_allowed(path: Path) -> None:
    """Linear, tree, forest, support vector and cluster models that nyoka 5.5 wrote from scikit-learn."""
    report = look_at(path.read_bytes(), path.name)
    assert severe(report) == []
    assert "pmml" in report.formats


@pytest.mark.parametrize("path", OPENVINO, ids=lambda path: path.name)
def test_real_openvino_is_allowed(path: Path) -> None:
    """Full and half precision, packed four bits, a loop with a body, an empty constant: written by OpenVINO 2026.4."""
    report = look_at(path.read_bytes(), path.name)
    assert severe(report) == []
    assert "openvino" in report.formats
    both = {p.name: p.read_bytes() for p in (path, path.with_suffix(".bin"))}
    assert "MDL191" not in ids(look_at_folder(both).get(path.name, report))


ENTITY = '<!DOCTYPE PMML [<!ENTITY x SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    "head",
    [
        ENTITY,
        '<!DOCTYPE PMML SYSTEM "http://127.0.0.1/x.dtd">',
        '<!DOCTYPE PMML [<!ENTITY % p SYSTEM "http://127.0.0.1/x"> %p;]>',
        '<!DOCTYPE PMML [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>',
    ],
    ids=["file", "dtd", "parameter", "laughs"],
)
def test_mdl186_bad_entities(head: str) -> None:
    assert "MDL186" in found(pmml("", head))
    assert "MDL186" in found(head.encode().replace(b"PMML", b"net") + network(), "m.xml")


def test_mdl186_bad_behind_a_long_comment_and_in_utf_16() -> None:
    assert "MDL186" in found(pmml("", "<!--" + "x" * 9000 + "-->" + ENTITY))
    text = pmml("", ENTITY).decode().replace('<?xml version="1.0"?>', "")
    assert "MDL186" in found(text.encode("utf-16"))


def test_mdl186_good_plain_doctype() -> None:
    assert found(pmml("", "<!DOCTYPE PMML>")) == set()


def test_mdl187_bad_java_class() -> None:
    assert "MDL187" in found(
        pmml('<TransformationDictionary><Apply function="com.acme.Evil"/></TransformationDictionary>')
    )


def test_mdl187_bad_script() -> None:
    assert "MDL187" in found(pmml("<Extension><script>x</script></Extension>"))


def test_mdl187_good_functions() -> None:
    assert found(pmml('<Apply function="x-isIn"/><Apply function="normalCDF"/><DefineFunction name="a.b"/>')) == set()


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('id')",
        "\n  exec('x')\n",
        "[c for c in ().__class__.__base__.__subclasses__()]",
        "open('/etc/x').read()",
    ],
)
def test_mdl190_bad_cell(text: str) -> None:
    """nyoka 5.5.0 ran the first of them in `nyoka.PMML44.parse` (seen with a marker file)."""
    row = f"<InlineTable><row><input>{text}</input><output>1</output></row></InlineTable>"
    assert "MDL190" in found(pmml(f"<MapValues>{row}</MapValues>"))
    assert "MDL190" in found(pmml(f"<Extension><a>{text}</a></Extension>"))


@pytest.mark.parametrize("text", ["Mary (Queen)", "f(x)", "1.5", "a__b (c)", "os.path", "range (0, 5)", "open (24h)"])
def test_mdl190_good_cell(text: str) -> None:
    row = f"<InlineTable><row><input>{text}</input></row></InlineTable>"
    assert found(pmml(f"<MapValues>{row}</MapValues>")) == set()


def test_mdl190_bad_cell_that_closes_the_bracket() -> None:
    """The second element of a name goes through `exec("self.a.append(" + text + ")")`."""
    text = "1); __import__('os').system('id'"
    assert "MDL190" in found(pmml(f"<Extension><a>1</a><a>{text}</a></Extension>"))


def test_mdl187_bad_cell_too_long_to_be_read() -> None:
    text = "'" + "a" * 70_000 + "'.join(x(1))"
    assert "MDL187" in found(pmml(f"<row><a>{text}</a></row>"))
    assert found(pmml("<row><a>" + "word\n" * 20_000 + "</a></row>")) == set()


def test_mdl190_good_text_elsewhere() -> None:
    assert found(pmml("<Header><Annotation>os.system('x')</Annotation></Header>")) == set()


def test_mdl188_bad_operator_of_an_extension() -> None:
    assert "MDL188" in found(network('<layer id="0" name="x" type="Evil" version="custom"/>'), "m.xml")
    assert "MDL188" in found(network('<layer id="0" name="x" type="Evil" version="extension"/>'), "m.xml")
    assert "MDL188" in found(network('<layer id="0" name="x" type="Evil"/>'), "m.xml")


def test_mdl188_good_operators_of_opsets_and_tokenizers() -> None:
    good = ('<layer type="MatMul" version="opset1"/>', '<layer type="BPETokenizer" version="extension"/>')
    assert found(network(*good), "m.xml") == set()


@pytest.mark.parametrize(
    "layer",
    [
        constant(size=8),
        constant(size=1 << 40),
        constant(offset=-1),
        constant(size="x"),
        constant(shape="2,-2"),
        constant(shape="99999999999,9"),
    ],
    ids=["short", "long", "negative", "text", "dimension", "product"],
)
def test_mdl189_bad_constant(layer: str) -> None:
    assert "MDL189" in found(network(layer), "m.xml")


def test_mdl189_bad_constant_in_a_body() -> None:
    body = f'<layer type="Loop" version="opset5"><body><layers>{constant(size=8)}</layers></body></layer>'
    assert "MDL189" in found(network(body), "m.xml")


def test_mdl189_good_constants() -> None:
    good = (
        constant(),
        constant(size=2, kind="u4", shape="4"),
        constant(size=4, shape=""),
        constant(size=77, kind="string"),
    )
    assert found(network(*good), "m.xml") == set()


def test_mdl191_bad_weights_too_short() -> None:
    reports = look_at_folder({"a/m.xml": network(constant(offset=100)), "a/m.bin": bytes(64)})
    assert "MDL191" in ids(reports["a/m.xml"])


def test_mdl191_good_weights() -> None:
    reports = look_at_folder({"a/m.xml": network(constant()), "a/m.bin": bytes(16)})
    assert ids(reports["a/m.xml"]) == set()


def test_depth_and_size() -> None:
    assert "CHK002" in found(b"<PMML>" + b"<a>" * 50_000)
    assert "CHK003" in found(b'<PMML a="' + b"x" * (20 << 20) + b'"/>')
    assert "CHK002" in found(b"<PMML>&nbsp;</PMML>")
    assert "CHK002" in found(b'<?xml version="1.0" encoding="nonesuch"?><PMML/>')
    assert "CHK002" in found(b"<a><PMML/></a>")


def test_other_xml_is_left_alone() -> None:
    assert severe(look_at(b"<project><net>x</net></project>", "pom")) == []


def test_cut_off_anywhere() -> None:
    is_noticed_when_cut((REAL / "pmml" / "lr.pmml").read_bytes().rstrip(), "lr.pmml", 31)
    # an OpenVINO document is known by `<net` and a layer; what ends before these is text
    whole = (REAL / "openvino" / "ov.xml").read_bytes().rstrip()
    for length in range(whole.index(b"<layer "), len(whole), 41):
        assert "CHK002" in ids(look_at(whole[:length], "ov.xml")), length


SEEDS = [path.read_bytes()[:6000] for path in (REAL / "pmml" / "dt.pmml", REAL / "openvino" / "loop.xml")]


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([*SEEDS, pmml("<row><a>f(x)</a></row>", ENTITY)]).flatmap(mutations))
def test_any_input_gives_a_report(data: bytes) -> None:
    survives(data, "x.pmml")
    survives(data, "x.xml")


def test_a_shape_of_too_many_dimensions_is_never_multiplied() -> None:
    """Their product is never built: 400,000 of them would take minutes."""
    shape = ",".join(["9" * 19] * 400_000)
    data = f'<net name="a" version="11"><layers><layer id="0" name="c" type="Const" version="opset1"><data element_type="f32" shape="{shape}" offset="0" size="4"/></layer></layers></net>'
    report = look_at(data.encode(), "m.xml")
    assert any("has the shape" in finding.message for finding in report.findings)
