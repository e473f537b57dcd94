"""Make the real Core ML files beside this script; run by hand, never by the tests.

Made with coremltools 9.0, Python 3.11 on Linux: `python make_coreml.py`. Core ML itself runs only on Apple systems, so
the hostile models are written by the real library but were never loaded.
"""

import shutil
import tempfile
from pathlib import Path

import coremltools as ct
import numpy as np
from coremltools.converters.mil import Builder as mb  # noqa: N813 - the library's own spelling
from coremltools.models import MLModel, datatypes
from coremltools.models.neural_network import NeuralNetworkBuilder
from coremltools.proto import Model_pb2, NeuralNetwork_pb2

OUT = Path(__file__).parent / "coreml"


def _network() -> NeuralNetworkBuilder:
    builder = NeuralNetworkBuilder([("x", datatypes.Array(4))], [("y", datatypes.Array(2))])
    builder.add_inner_product("dense", np.ones((2, 4)), np.zeros(2), 4, 2, True, "x", "h")
    builder.add_activation("relu", "RELU", "h", "y")
    return builder


def _program() -> MLModel:
    @mb.program(input_specs=[mb.TensorSpec(shape=(1, 64))])
    def program(x):
        weight = mb.const(val=np.arange(64 * 32, dtype=np.float32).reshape(32, 64), name="w")
        return mb.softmax(x=mb.relu(x=mb.linear(x=x, weight=weight)), axis=-1)

    return ct.convert(program, convert_to="mlprogram", minimum_deployment_target=ct.target.iOS16)


def _package(model: MLModel) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "net.mlpackage"
        model.save(str(path))
        shutil.rmtree(OUT / "net.mlpackage", ignore_errors=True)
        shutil.copytree(path, OUT / "net.mlpackage")


def _write(spec: Model_pb2.Model, name: str) -> None:
    (OUT / name).write_bytes(spec.SerializeToString())


def _main() -> None:
    OUT.mkdir(exist_ok=True)
    spec = _network().spec
    _write(spec, "network.mlmodel")
    _package(_program())
    tree = ct.models.tree_ensemble.TreeEnsembleRegressor([("x", datatypes.Double())], "y")
    tree.set_default_prediction_value(0.0)
    tree.add_branch_node(0, 0, 0, 0.5, "BranchOnValueLessThanEqual", 1, 2)
    tree.add_leaf_node(0, 1, 1.0)
    tree.add_leaf_node(0, 2, 2.0)
    _write(tree.spec, "trees.mlmodel")

    pipeline = Model_pb2.Model(specificationVersion=5, description=spec.description)
    pipeline.pipeline.models.add().CopyFrom(spec)
    _write(pipeline, "pipeline.mlmodel")

    layered = _network()
    params = NeuralNetwork_pb2.CustomLayerParams(className="com_example_Runner", description="runs")
    layered.add_custom("own", ["h"], ["z"], params)
    _write(layered.spec, "bad_layer.mlmodel")
    nested = Model_pb2.Model(specificationVersion=5, description=spec.description)
    nested.pipeline.models.add().CopyFrom(layered.spec)
    _write(nested, "bad_nested.mlmodel")

    custom = Model_pb2.Model(specificationVersion=5, description=spec.description)
    custom.customModel.className = "com_example_Model"
    _write(custom, "bad_model.mlmodel")

    linked = Model_pb2.Model(specificationVersion=5, description=spec.description)
    linked.linkedModel.linkedModelFile.linkedModelFileName.defaultValue = "../../Library/other.mlmodelc"
    linked.linkedModel.linkedModelFile.linkedModelSearchPath.defaultValue = "/Users/Shared"
    _write(linked, "bad_linked.mlmodel")

    blob = _program().get_spec()
    for operation in blob.mlProgram.functions["main"].block_specializations["CoreML6"].operations:
        for argument in operation.attributes.values():
            if argument.HasField("blobFileValue"):
                argument.blobFileValue.fileName = "@model_path/../../../etc/passwd"
    _write(blob, "bad_weights.mlmodel")


if __name__ == "__main__":
    _main()
