"""TensorFlow: what the library writes is clean; graphs that touch files, Python or the network are told, wherever they hide.

"Proved" below: `tests/model/real/make_tensorflow.py --prove` loaded and called the file with TensorFlow 2.21, and the
mark was written or the content of /etc/hostname came out.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.blob import Bytes
from assaymark.core.budget import Budget
from assaymark.core.format import Context
from assaymark.model.formats.protobuf import Reader
from assaymark.model.graphs import table
from assaymark.model.tensorflow import bundle
from assaymark.storage.spool import FileSpool
from tests.conftest import ids, severe
from tests.model.hostile_bytes import looker, mutations, survives
from tests.model.wire import entry, put, varint

REAL = Path(__file__).parent / "real" / "tensorflow"
HONEST = sorted(
    str(p.relative_to(REAL)) for p in REAL.rglob("*") if p.is_file() and "bad_" not in str(p.relative_to(REAL))
)


def real(name: str) -> bytes:
    return (REAL / name).read_bytes()


looked = looker("saved_model.pb")


# Graphs made by hand


def text_tensor(*texts: str | bytes) -> bytes:
    return put(1, 7) + b"".join(put(8, text) for text in texts)


def node(name: str, op: str, *inputs: str, **attributes: bytes) -> bytes:
    """A NodeDef; attributes are AttrValues."""
    parts = [put(1, name), put(2, op), *(put(3, tensor) for tensor in inputs)]
    return b"".join((*parts, *(entry(5, key, value) for key, value in attributes.items())))


def const(name: str, *texts: str | bytes) -> bytes:
    return node(name, "Const", dtype=put(6, 7), value=put(8, text_tensor(*texts)))


def function(name: str, arguments: tuple[str, ...], nodes: tuple[bytes, ...], **returns: str) -> bytes:
    outputs = b"".join(put(3, put(1, key)) for key in returns)
    signature = put(1, name) + b"".join(put(2, put(1, argument)) for argument in arguments) + outputs
    rets = b"".join(entry(4, key, tensor) for key, tensor in returns.items())
    return put(1, signature) + b"".join(put(3, item) for item in nodes) + rets


def graph(*nodes: bytes, functions: tuple[bytes, ...] = ()) -> bytes:
    library = put(2, b"".join(put(1, item) for item in functions)) if functions else b""
    return b"".join(put(1, item) for item in nodes) + library + put(4, put(1, 2395))


def meta(
    graph_def: bytes, *, saver: str = "", fed: str = "", assets: dict[str, str] | None = None, more: bytes = b""
) -> bytes:
    parts = [put(1, put(4, "serve")), put(2, graph_def)]
    if saver:
        parts.append(put(3, put(1, saver)))
    if fed:
        parts.append(entry(5, "serving_default", entry(1, "x", put(1, fed))))
    parts += [put(6, put(1, put(1, tensor)) + put(2, file)) for tensor, file in (assets or {}).items()]
    return b"".join(parts) + more


def saved(*metas: bytes) -> bytes:
    return put(1, 1) + b"".join(put(2, item) for item in metas)


def call(name: str, target: str, *inputs: str, op: str = "StatefulPartitionedCall") -> bytes:
    return node(name, op, *inputs, f=put(10, put(1, target)))


def raw_node(name: bytes, op: bytes) -> bytes:
    return put(1, name) + put(2, op)


SAVER = (
    node("saver_filename", "Placeholder"),
    call("save", "traced_save", "saver_filename"),
    call("restore", "traced_restore", "saver_filename"),
)
FUNCTIONS = (
    function(
        "traced_save",
        ("file_prefix",),
        (
            const("tail", "_temp/part"),
            node("join", "StringJoin", "file_prefix", "tail:output:0"),
            node("shard", "ShardedFilename", "join:output:0", "a", "b"),
            node("SaveV2", "SaveV2", "shard:filename:0", "names", "slices"),
            node("all", "Pack", "shard:filename:0", "^SaveV2"),
            node("merge", "MergeV2Checkpoints", "all:output:0", "file_prefix"),
        ),
    ),
    function("traced_restore", ("file_prefix",), (node("RestoreV2", "RestoreV2", "file_prefix", "names", "slices"),)),
)


def honest(*nodes: bytes, functions: tuple[bytes, ...] = (), **options: object) -> bytes:
    """A SavedModel with its own saver, and more nodes and functions."""
    return saved(meta(graph(*SAVER, *nodes, functions=(*FUNCTIONS, *functions)), saver="saver_filename:0", **options))  # type: ignore[arg-type]


# What TensorFlow and Keras write


@pytest.mark.parametrize("name", HONEST)
def test_real_files_are_clean(name: str) -> None:
    report = looked(real(name), name)
    assert not severe(report)
    assert name.endswith(".txt") or report.formats


def test_a_saver_made_by_hand_is_clean() -> None:
    assert not severe(looked(honest()))


# What acts


@pytest.mark.parametrize(
    "name", ["bad_writes.pb", "bad_prints.pb", "bad_saves.pb", "bad_saver.pb", "bad_frozen.pb", "bad_frozen.pbtxt"]
)
def test_mdl150_bad_real(name: str) -> None:
    """Proved, each of the binary ones."""
    report = looked(real(name), name)
    assert "MDL150" in ids(report)
    assert any("/tmp/assaymark-mark" in f.message for f in report.findings)


@pytest.mark.parametrize(
    "name",
    ["bad_reads.pb", "bad_hidden.pb", "bad_assembles.pb", "bad_records.pb", "bad_restores.pb", "bad_nested.pb"],
)
def test_mdl151_bad_real(name: str) -> None:
    """Proved, but for bad_records and bad_restores (they count lines; there is no such checkpoint) and bad_nested."""
    assert "MDL151" in ids(looked(real(name), name))


def test_mdl152_bad_real() -> None:
    """Runs only where the process registered a function under the token."""
    assert "MDL152" in ids(looked(real("bad_calls_python.pb"), "model.pb"))


def test_mdl153_bad_real() -> None:
    report = looked(real("bad_services.pb"), "model.pb")
    assert any(f.id == "MDL153" and "198.51.100.7:5000" in f.message for f in report.findings)


def test_mdl156_bad_real() -> None:
    """Proved: the table is filled with the lines of /etc/hostname."""
    report = looked(real("bad_asset.pb"))
    assert "MDL156" in ids(report)
    assert "MDL156" not in ids(looked(real("lookup/saved_model.pb")))


def test_mdl156_good_real() -> None:
    assert not severe(looked(real("lookup/saved_model.pb")))


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", "s3://bucket/x", "C:\\x", "..\\x", "a\nb"])
def test_mdl156_bad_names(name: str) -> None:
    data = honest(node("asset", "Placeholder"), assets={"asset": name})
    assert "MDL156" in ids(looked(data))


ACTS = {
    "MDL150": [
        (const("p", "/tmp/x"), node("w", "WriteFile", "p", "p")),
        (const("p", "/tmp/x"), node("w", "SaveV2", "p", "p", "p")),
        (const("p", "model"), node("w", "WriteFile", "p", "p")),
        (const("p", "/tmp/x"), node("w", "CreateSummaryFileWriter", "h", "p"), node("h", "NoOp")),
        (const("p", "/tmp/x"), node("w", "CacheDataset", "d", "p"), node("d", "RangeDataset")),
        (node("w", "PrintV2", "p", output_stream=put(2, "file:///tmp/x")), const("p", "")),
        (node("w", "DebugIdentity", "p", debug_urls=put(1, put(2, "file:///tmp/x"))), const("p", "")),
        (node("w", "DumpTensor", "p", log_dir_path=put(2, "/tmp/x")), const("p", "")),
        (node("p", "Placeholder"), node("w", "WriteFile", "p", "p")),
        (const("p", "/tmp/x"), node("i", "Identity", "p"), node("w", "WriteFile", "i", "p")),
        (const("p", "/tmp/x"), node("q", "PlaceholderWithDefault", "p"), node("w", "SaveV2", "q", "p", "p")),
    ],
    "MDL151": [
        (const("p", "/etc/passwd"), node("r", "ReadFile", "p")),
        (const("p", "gs://bucket/x"), node("r", "TFRecordDatasetV2", "p", "p", "p")),
        (const("p", "*"), node("r", "MatchingFiles", "p")),
        (node("p", "Const"), node("r", "ReadFile", "p")),
        (node("r", "WholeFileReaderV2"),),
        (node("r", "ImmutableConst", memory_region_name=put(2, "/etc/passwd")),),
        (node("r", "FixedUnigramCandidateSampler", vocab_file=put(2, "/etc/passwd")),),
        (node("r", "DecodeProtoV2", descriptor_source=put(2, "/etc/passwd")),),
        (const("p", "sqlite"), const("q", "/srv/x.db"), node("r", "SqlDataset", "p", "q", "p")),
        (const("p", "/etc/passwd"), node("h", "HashTableV2"), node("r", "InitializeTableFromTextFileV2", "h", "p")),
        (const("p", "/srv/other"), node("r", "RestoreV2", "p", "p", "p")),
    ],
    "MDL152": [(node("x", "EagerPyFunc", token=put(2, "pyfunc_7")),), (node("x", "PyFuncStateless"),)],
    "MDL153": [
        (const("p", "198.51.100.7:1"), node("x", "RpcClient", "p")),
        (const("p", "a"), node("x", "DataServiceDatasetV2", "p", "p", "p")),
    ],
    "MDL154": [(node("x", "MyOwnOp"),), (node("x", "SentencepieceTokenizeOp"),), (node("x", "CollectiveReduceV2"),)],
    "MDL155": [
        (node("x", "TRTEngineOp"),),
        (node("x", "XlaCustomCallV2", call_target_name=put(2, "run")),),
        (node("x", "XlaCallModule"),),
        (node("p", "Placeholder"), node("x", "DatasetFromGraph", "p")),
    ],
    "MDL157": [(node("x", "Abort"),)],
}
CALMS = {
    "MDL150": [
        (const("p", ""), node("w", "CacheDataset", "d", "p"), node("d", "RangeDataset")),
        (node("w", "PrintV2", "p", output_stream=put(2, "log(info)")), const("p", "x")),
        (node("w", "PrintV2", "p"), const("p", "x")),
        (node("w", "DebugIdentity", "p"), const("p", "x")),
        (const("p", "model"), node("q", "PlaceholderWithDefault", "p"), node("w", "SaveV2", "q", "p", "p")),
    ],
    "MDL151": [
        (node("r", "FixedUnigramCandidateSampler", vocab_file=put(2, "")),),
        (node("r", "DecodeProtoV2", descriptor_source=put(2, "local://")),),
        (const("p", "/etc/passwd"), node("r", "Identity", "p")),
    ],
    "MDL152": [(node("x", "MapDataset"),)],
    "MDL153": [(const("p", "198.51.100.7:1"), node("x", "StringLower", "p"))],
    "MDL154": [(node("x", "MatMul"), node("y", "While"), node("z", "LookupTableFindV2"))],
    "MDL155": [(const("p", graph(node("a", "RangeDataset"))), node("x", "DatasetFromGraph", "p"))],
    "MDL157": [(node("x", "Assert"),)],
}


def wrapped(nodes: tuple[bytes, ...]) -> Iterator[tuple[bytes, str]]:
    """These nodes as each kind of file, in the graph, in a function, in a second MetaGraph and in a graph in bytes."""
    yield graph(*nodes), "frozen.pb"
    yield graph(*nodes), "model.bin"
    yield put(1000, "x") + graph(*nodes), "frozen.pb"
    yield meta(graph(*nodes)), "model.ckpt.meta"
    yield honest(*nodes), "saved_model.pb"
    yield honest(functions=(function("f", (), nodes),)), "saved_model.pb"
    yield saved(meta(graph(*SAVER, functions=FUNCTIONS), saver="saver_filename"), meta(graph(*nodes))), "saved_model.pb"
    yield graph(const("g", graph(*nodes)), node("n", "DatasetFromGraph", "g")), "frozen.pb"


def cases(table_: dict[str, list[tuple[bytes, ...]]], rule: str) -> Iterator[tuple[bytes, str]]:
    for nodes in table_[rule]:
        yield from wrapped(nodes)


def _acts(rule: str) -> None:
    for data, name in cases(ACTS, rule):
        assert rule in ids(looked(data, name)), (name, data)


def _calms(rule: str) -> None:
    for data, name in cases(CALMS, rule):
        assert not severe(looked(data, name)), (name, data)


def test_mdl150_bad_everywhere() -> None:
    _acts("MDL150")


def test_mdl150_good_everywhere() -> None:
    _calms("MDL150")


def test_mdl151_bad_everywhere() -> None:
    _acts("MDL151")


def test_mdl151_good_everywhere() -> None:
    _calms("MDL151")


def test_mdl152_bad_everywhere() -> None:
    _acts("MDL152")


def test_mdl152_good_everywhere() -> None:
    _calms("MDL152")


def test_mdl153_bad_everywhere() -> None:
    _acts("MDL153")


def test_mdl153_good_everywhere() -> None:
    _calms("MDL153")


def test_mdl154_bad_everywhere() -> None:
    _acts("MDL154")
    assert "tensorflow-text" in str(looked(graph(node("x", "SentencepieceTokenizeOp")), "a.pb").findings)


def test_mdl154_good_everywhere() -> None:
    _calms("MDL154")
    assert not severe(looked(graph(node("x", "own"), functions=(function("own", (), (node("a", "NoOp"),)),)), "a.pb"))


def test_mdl155_bad_everywhere() -> None:
    _acts("MDL155")


def test_mdl155_good_everywhere() -> None:
    _calms("MDL155")


def test_mdl157_bad_everywhere() -> None:
    _acts("MDL157")


def test_mdl157_good_everywhere() -> None:
    _calms("MDL157")


# The saver's path, and what only looks like it


@pytest.mark.parametrize(
    "data",
    [
        # The save function is called with a constant as well.
        honest(const("p", "/tmp/x"), call("again", "traced_save", "p")),
        # The path is taken from a signature.
        honest(fed="saver_filename:0"),
        # The function is called with what another function gives back.
        honest(
            call("make", "make_path"),
            call("again", "traced_save", "make"),
            functions=(function("make_path", (), (const("p", "/tmp/x"),), out="p:output:0"),),
        ),
        # The path is joined to a constant before it, or climbs.
        honest(const("p", "/tmp/"), node("j", "StringJoin", "p", "saver_filename"), call("again", "traced_save", "j")),
        honest(const("p", "/../../x"), node("j", "StringJoin", "saver_filename", "p"), call("again", "traced_save", "j")),
        honest(
            const("p", "/."), const("q", "./x"), node("j", "StringJoin", "saver_filename", "p", "q"), call("again", "traced_save", "j")
        ),
        honest(const("p", "/" * 5000 + ".."), node("j", "StringJoin", "saver_filename", "p"), call("again", "traced_save", "j")),
        # Names that differ only where they are long, or in bytes that are no text.
        honest(const("a" * 5000 + "b", "/tmp/x"), call("again", "traced_save", "a" * 5000 + "b")),
        saved(
            meta(
                graph(
                    raw_node(b"\xff", b"Placeholder"), raw_node(b"\xfe", b"Const"), call("s", "traced_save", "x"),
                    put(1, "again") + put(2, "SaveV2") + put(3, b"\xfe"), functions=FUNCTIONS,
                ),
                saver="saver",
            )
        ),
        # An empty text stands before the constant.
        honest(const("e", ""), const("p", "/tmp/x"), node("j", "StringJoin", "e", "p"), call("again", "traced_save", "j")),
        # Computed, chosen, looped, from a variable.
        honest(const("p", "/tmp/x"), node("j", "RegexReplace", "saver_filename", "p", "p"), call("again", "traced_save", "j")),
        honest(const("p", "/tmp/x"), node("j", "Select", "c", "saver_filename", "p"), call("again", "traced_save", "j")),
        honest(const("p", "/tmp/x"), node("m", "Merge", "saver_filename", "p"), call("again", "traced_save", "m")),
        honest(node("v", "VarHandleOp"), node("r", "ReadVariableOp", "v"), call("again", "traced_save", "r")),
        honest(
            node("v", "VarHandleOp"), const("p", "/tmp/x"), node("a", "AssignVariableOp", "v", "p"),
            node("r", "ReadVariableOp", "v"), call("again", "traced_save", "r"),
        ),
        # Called by way of a branch, and as an operator of its own name.
        honest(
            const("p", "/tmp/x"), node("c", "NoOp"),
            node("if", "If", "c", "p", then_branch=put(10, put(1, "traced_save")), else_branch=put(10, put(1, "traced_save"))),
        ),
        honest(const("p", "/tmp/x"), node("own", "traced_save", "p")),
        honest(const("p", "/tmp/x"), node("map", "MapDataset", "p", f=put(10, put(1, "traced_save")))),
    ],
)  # fmt: skip
def test_paths_that_are_not_the_savers(data: bytes) -> None:
    assert ids(looked(data)) & {"MDL150", "CHK003"}


def test_a_path_may_come_back_from_a_function_and_through_a_loop() -> None:
    loop = node("loop", "While", "saver_filename", body=put(10, put(1, "same")), cond=put(10, put(1, "same")))
    data = honest(loop, call("again", "traced_save", "loop"), functions=(function("same", ("p",), (), out="p"),))
    assert not severe(looked(data))


def bound(name: str, *kinds: int) -> bytes:
    """An object graph that binds a function to objects of these kinds (fields of SavedObject)."""
    objects = b"".join(put(1, put(kind, put(1, "constant") if kind == 9 else b"")) for kind in kinds)
    indexes = b"".join(varint(i) for i in range(len(kinds)))
    return put(7, objects + entry(2, name, put(2, indexes)))


READER = function("init", ("path",), (node("r", "InitializeTableFromTextFileV2", "h", "path"),))


def test_a_function_bound_to_an_asset_is_clean() -> None:
    assert not severe(looked(honest(functions=(READER,), more=bound("init", 5))))


@pytest.mark.parametrize("kinds", [(7,), (9,), (10,), (12,), ()])
def test_a_function_bound_to_something_else_is_not(kinds: tuple[int, ...]) -> None:
    data = honest(const("constant", "/etc/passwd"), functions=(READER,), more=bound("init", *kinds))
    assert "MDL151" in ids(looked(data))


def test_the_constant_of_an_asset_is_read_only_into_tables() -> None:
    """TensorFlow 1 keeps the path of the exporter's machine as a constant; the loader feeds the asset's path over it."""
    assets = {"p": "words.txt"}
    table_ = (const("p", "/tmp/words.txt"), node("h", "HashTable"), node("r", "InitializeTableFromTextFile", "h", "p"))
    assert not severe(looked(honest(*table_, assets=assets)))
    assert "MDL151" in ids(looked(honest(const("p", "/tmp/words.txt"), node("r", "ReadFile", "p"), assets=assets)))
    hidden = (const("p", "/etc/passwd"), *table_[1:])
    assert "MDL151" in ids(looked(honest(*hidden, assets={"p": "passwd"})))


def test_two_functions_of_one_name_are_both_looked_at() -> None:
    calm, bad = (function("f", (), (item,)) for item in (node("a", "NoOp"), node("b", "Abort")))
    for functions in ((calm, bad), (bad, calm)):
        assert "MDL157" in ids(looked(honest(functions=functions)))


def test_attributes_of_any_form_are_found() -> None:
    """The last of two keys counts, and so on: readers of protobuf take all of these."""
    for attribute in (
        put(5, put(1, "T") + put(1, "output_stream") + put(2, put(2, "file:///tmp/x"))),
        put(5, put(2, put(2, "file:///tmp/x")) + put(1, "output_stream")),
        put(5, put(1, "output_stream") + put(2, put(2, "stderr")) + put(2, put(2, "file:///tmp/x"))),
        put(99, "x") + put(5, put(1, "output_stream") + put(2, put(2, "file:///tmp/x"))),
        put(4, "x" * 5000) + put(5, put(1, "output_stream") + put(2, put(2, "file:///tmp/x"))),
        b"\xaa\x00" + varint(32) + put(1, "output_stream") + put(2, put(2, "file:///tmp/x")),
    ):
        data = graph(put(1, "p") + put(2, "PrintV2") + attribute)
        assert "MDL150" in ids(looked(data, "frozen.pb")), attribute


def test_a_node_that_hides_behind_another_of_its_name() -> None:
    assert "MDL157" in ids(looked(graph(node("a", "NoOp"), node("a", "Abort")), "frozen.pb"))


def test_content_decides_not_the_name() -> None:
    data = graph(const("p", "/tmp/x"), node("w", "WriteFile", "p", "p"))
    for name in ("weights.bin", "model.pb", "model", "saved_model.bin", "photo.png"):
        assert "MDL150" in ids(looked(data, name))


def test_a_graph_behind_the_magic_of_a_picture() -> None:
    """The eight bytes are a field that no graph knows, which its readers step over."""
    data = b"\x89PNG\r\n\x1a\n" + varint(0)[:0]
    padded = b"\x89\x50NG\r\n\x1a\n\0\0" + graph(node("x", "Abort"))
    assert data
    assert "MDL157" in ids(looked(padded, "model.pb"))


def test_other_protobufs_hold() -> None:
    report = looked(put(1, put(1, 5)) + put(2, b"\0\1\2"), "input_0.pb")
    assert {"CHK005"} == ids(report)


# Keras


def test_keras_metadata_is_looked_at() -> None:
    """Proved with tf_keras 2.21 for a Lambda that calls os.system: loading the model runs it."""
    assert "MDL070" in ids(looked(real("bad_keras2/keras_metadata.pb"), "keras_metadata.pb"))


def table_entries(data: bytes) -> list[bytes]:
    """The JSON documents of a keras_metadata.pb."""
    reader = Reader(Bytes(data), Budget(monotonic=float, spool=FileSpool))
    nodes = list(reader.fields(0, len(data)))
    return [data[p.start : p.end] for n in nodes for p in reader.fields(n.start, n.end) if p.number == 5]


def test_keras_metadata_within_the_object_graph_is_looked_at() -> None:
    """Where TensorFlow before 2.5 kept it."""
    layers = table_entries(real("bad_keras2/keras_metadata.pb"))
    document = next(text for text in layers if b"function_type" in text)
    objects = put(7, put(1, put(4, put(1, "_tf_keras_layer") + put(3, document))))
    assert "MDL070" in ids(looked(honest(more=objects)))


# Text


def test_text_and_binary_say_the_same() -> None:
    assert ids(looked(real("bad_frozen.pbtxt"), "a.pbtxt")) == ids(looked(real("bad_frozen.pb"), "a.pb"))


@pytest.mark.parametrize(
    "text",
    [
        (
            'node { name: "p" op: "Const" attr { key: "value" value { tensor { dtype: DT_STRING string_val: "/tmp/x" } } } }\n'
            'node { name: "w" op: "WriteFile" input: "p" input: "p" }'
        ),
        'node: [{name:"p",op:"Const"},{op:"WriteFile";name:"w";input:["p","p"]}]',
        "# first\nnode <name: 'w' op: 'Write' 'File' input: 'p' input: 'p'>\nnode { name: 'p' op: 'Placeholder' }",
        'node { name: "w" op: "\\127rite\\x46ile" input: "p" }\nnode { name: "p" op: "Placeholder" }',
        'library { function { signature { name: "f" input_arg { name: "p" } } node_def { name: "w" op: "WriteFile" input: "p" input: "p" } } }',
        'meta_info_def { tags: "serve" }\ngraph_def { node { name: "p" op: "Placeholder" } node { name: "w" op: "WriteFile" input: "p" } }',
        'saved_model_schema_version: 1\nmeta_graphs { graph_def { node { name: "p" op: "Placeholder" } node { name: "w" op: "WriteFile" input: "p" } } }',
    ],
)
def test_text_forms(text: str) -> None:
    assert "MDL150" in ids(looked(text.encode(), "graph.pbtxt"))


def test_text_behind_a_long_comment() -> None:
    text = "#" + "x" * 9000 + '\nnode { name: "w" op: "Abort" }\n'
    assert "MDL157" in ids(looked(text.encode(), "graph.pbtxt"))


@pytest.mark.parametrize(
    "text",
    [
        "node {\n  stage('x') { sh 'make' }\n}\n",
        "digraph {\n  node [shape=box]\n}\n",
        "item {\n name: 'x'\n id: 1\n}\n",
    ],
)
def test_other_texts_are_no_graphs(text: str) -> None:
    assert not severe(looked(text.encode(), "config.pbtxt"))


def test_text_cut_off_is_told() -> None:
    data = real("bad_frozen.pbtxt")
    assert all(severe(looked(data[:cut], "saved_model.pbtxt")) for cut in range(len(data) - 60))


# Checkpoints


def block(*entries: tuple[bytes, bytes]) -> bytes:
    body = b"".join(varint(0) + varint(len(key)) + varint(len(value)) + key + value for key, value in entries)
    return body + bytes(4) + b"\1\0\0\0"


def checkpoint(*entries: tuple[bytes, bytes], kind: int = 0, pack=lambda data: data) -> bytes:
    data = pack(block(*entries))
    body = data + bytes((kind,)) + bytes(4)
    index = block((b"z", varint(0) + varint(len(data))))
    handles = varint(0) + varint(0) + varint(len(body)) + varint(len(index))
    return body + index + bytes(5) + handles.ljust(40, b"\0") + bytes.fromhex("57fb808b247547db")


HEADER = (b"", put(1, 1) + put(3, put(1, 1)))


def literal(data: bytes) -> bytes:
    """Snappy, as one literal."""
    return varint(len(data)) + bytes((61 << 2, *(len(data) - 1).to_bytes(2, "little"))) + data


def test_mdl161_bad_entries() -> None:
    for value in (put(3, 7), put(4, -1), put(5, -5), put(3, -1)):
        assert "MDL161" in ids(looked(checkpoint(HEADER, (b"w", value)), "variables.index"))
    packed = checkpoint(HEADER, (b"w", put(3, 7)), kind=1, pack=literal)
    assert "MDL161" in ids(looked(packed, "variables.index"))


def test_mdl161_good_entries() -> None:
    assert not severe(looked(checkpoint(HEADER, (b"w", put(4, 8) + put(5, 4))), "variables.index"))
    assert not severe(looked(real("exported/variables/variables.index"), "variables.index"))


@pytest.mark.parametrize(
    "data",
    [
        checkpoint(HEADER, kind=2),
        checkpoint(HEADER, kind=1, pack=lambda data: varint(1 << 40) + data),
        checkpoint(HEADER, kind=1, pack=lambda data: varint(50) + b"\x05\x99"),
        checkpoint(),
        bytes(48) + bytes.fromhex("57fb808b247547db"),
        b"\xff" * 48 + bytes.fromhex("57fb808b247547db"),
    ],
)
def test_broken_checkpoints_hold(data: bytes) -> None:
    assert severe(looked(data, "x.index"))


# Whatever comes


@pytest.mark.parametrize("name", ["bad_nested.pb", "lookup/saved_model.pb"])
def test_a_cut_saved_model_is_never_clean(name: str) -> None:
    data = real(name)
    for cut in (*range(300), *range(300, len(data), 97), len(data) - 1):
        assert severe(looked(data[:cut]))


def test_a_cut_checkpoint_is_never_clean() -> None:
    data = real("lookup/variables/variables.index")
    assert all(severe(looked(data[:cut], "v.index")) for cut in range(1, len(data)))


def test_a_graph_that_misses_nodes_is_malformed() -> None:
    assert "CHK002" in ids(looked(graph(node("a", "Identity", "b")), "frozen.pb"))


def test_deep_and_wide_graphs_end() -> None:
    many = 30_000
    chain = [const("n0", "model"), *(node(f"n{i}", "PlaceholderWithDefault", f"n{i - 1}") for i in range(1, many))]
    report = looked(graph(*chain, node("w", "SaveV2", f"n{many - 1}", "n0", "n0")), "frozen.pb")
    assert not severe(report)
    nested = graph(node("x", "Abort"))
    for _ in range(12):
        nested = graph(const("g", nested), node("n", "DatasetFromGraph", "g"))
    assert severe(looked(nested, "frozen.pb"))
    loop = [node("a", "Identity", "b"), node("b", "Identity", "a"), node("w", "WriteFile", "a", "a")]
    assert "CHK001" not in ids(looked(graph(*loop), "frozen.pb"))


SEEDS = [
    (real("bad_frozen.pb"), "a.pb"),
    (real("frozen.pbtxt"), "a.pbtxt"),
    (real("lookup/saved_model.pb"), "saved_model.pb"),
    (real("lookup/variables/variables.index"), "variables.index"),
    (real("old.ckpt"), "old.ckpt"),
    (real("keras2/keras_metadata.pb"), "keras_metadata.pb"),
]


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(SEEDS).flatmap(lambda seed: st.tuples(mutations(seed[0]), st.just(seed[1]))))
def test_mutated_files_are_reported_on(seed: tuple[bytes, str]) -> None:
    survives(*seed)


@pytest.mark.parametrize("package", ["tensorflow", "paddle", "coreml"])
def test_tables_are_sound(package: str) -> None:
    known = table(package)
    assert len(known.vetted) > 100
    assert not known.vetted & set(known.acting)
    deeds = {"reads", "writes", "python", "connects", "stops", "opaque", "graph"}
    assert {acting.deed for acting in known.acting.values()} <= deeds
    assert known.judge("Definitely No Operator")


def test_snappy_that_looks_far_back_is_read_in_one_pass() -> None:
    """Each copy once took all that came before it."""
    start = bytes(range(256)) * 200
    pieces = b"".join(bytes((63 << 2 | 2,)) + (50_000).to_bytes(2, "little") for _ in range(100_000))
    data = varint(len(start) + 6_400_000) + bytes((61 << 2,)) + (len(start) - 1).to_bytes(2, "little") + start + pieces
    context = Context(Budget(monotonic=lambda: 0.0, spool=FileSpool), "x")
    plain = bundle._snappy(data, context)
    assert plain[:100] == start[:100]
    assert plain[51_200:51_264] == start[1_200:1_264]
