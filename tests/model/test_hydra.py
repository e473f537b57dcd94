"""Hydra configurations."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ids, look_at, severe


@pytest.mark.parametrize(
    "data",
    [
        b"model:\n  _target_: builtins.exec\n  _args_: ['print(1)']\n",
        b"_target_: os.system\ncommand: id\n",
        b"a: {'_target_': posix.system}\n",
        b"_target_: torch.serialization.os.system\n",
        b"_target_: subprocess.Popen\n",
        b"_target_: pickle.loads\n",
        b"_target_: hydra.utils.get_method\npath: os.system\n",
        b"_target_: functools.partial\n_args_:\n  - {_target_: hydra.utils.get_object, path: builtins.eval}\n",
        b"_target_: builtins.getattr\n",
        b"a: &x os.system\nb:\n  _target_: *x\n",
        b"{% if x %}\n_target_: os.system\n{% endif %}\n",
        b"_target_: shutil.copy\n",
    ],
)
def test_mdl107_bad_target(data: bytes) -> None:
    report = look_at(data, "model_config.yaml")
    assert "MDL107" in ids(report)


def test_mdl107_bad_target_in_json_and_archives() -> None:
    assert "MDL107" in ids(look_at(json.dumps({"model": {"_target_": "os.system"}}).encode(), "config.json"))


def test_mdl107_good_targets() -> None:
    data = b"""
model:
  _target_: src.models.mnist_module.MNISTLitModule
  optimizer: {_target_: torch.optim.Adam, _partial_: true, lr: 0.001}
  root: {_target_: os.path.join, _args_: [a, b]}
  home: {_target_: os.getenv, _args_: [HOME]}
  n: {_target_: builtins.dict}
  code: {_target_: code.models.Net}
  cb: {_target_: lightning.pytorch.callbacks.ModelCheckpoint, dirpath: os.system}
  f: {_target_: functools.partial, _args_: [{_target_: hydra.utils.get_method, path: torch.nn.functional.relu}]}
"""
    assert not severe(look_at(data, "model.yaml"))


@given(st.binary(max_size=60), st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_any_hydra_bytes_give_a_report(noise: bytes, at: int) -> None:
    base = b"_target_: os.system\na: [1, {b: c}]\n"
    assert "CHK001" not in ids(look_at(base[:at] + noise + base[at:], "a.yaml"))


@pytest.mark.parametrize(
    "data",
    [
        b"model:\n  target: os.system\n  params: {command: id}\n",
        b"class_path: subprocess.Popen\ninit_args: {args: [id]}\n",
        b"_component_: builtins.exec\n",
        b"n: system\n_target_: os.${n}\n",
        b"m: {a: os}\nb:\n  _target_: ${m.a}.popen\n",
        b'x: ${eval:\'__import__("os").system("id")\'}\n',
    ],
)
def test_mdl107_bad_other_keys(data: bytes) -> None:
    assert "MDL107" in ids(look_at(data, "config.yaml"))


def test_mdl107_good_other_keys() -> None:
    data = b"""
model:
  target: ldm.models.diffusion.ddpm.LatentDiffusion
  params: {linear_start: 0.00085, size: "${eval:'4 * ${n}'}"}
trainer:
  class_path: lightning.pytorch.Trainer
  init_args: {max_epochs: 3}
tests: {target: os.system}
"""
    assert not severe(look_at(data, "config.yaml"))


def test_mdl203_bad_computed_target() -> None:
    report = look_at(b"model:\n  _target_: ${oc.env:MODEL_CLASS}\n", "config.yaml")
    assert ids(report) == {"MDL203"}
    assert report.findings[0].holds


def test_mdl203_good_pointer_within_the_file() -> None:
    assert not severe(look_at(b"cls: torch.nn.ReLU\nact:\n  _target_: ${cls}\n", "config.yaml"))


@pytest.mark.parametrize(
    "data",
    [
        b"a: !apply:os.system ['true']\n",
        b"a: !new:subprocess.Popen\n  args: ['true']\n",
        b"pipeline:\n  name: os.system\n  params: {command: x}\n",
        b"_target_: hydra_zen.funcs.get_obj\npath: os.system\n",
        b"_target_: pathlib.Path.write_text\n",
        b"__target__: os.system\n",
        b'{"lc": 1, "type": "constructor", "id": ["os", "system"], "kwargs": {}}',
    ],
)
def test_mdl107_bad_other_spellings(data: bytes) -> None:
    assert "MDL107" in ids(look_at(data, "hyperparams.yaml"))


def test_mdl107_good_other_spellings() -> None:
    data = b"""
a: !new:speechbrain.nnet.CNN.Conv1d
  kernel: 3
b: !apply:torch.manual_seed [1]
c: !ref <a>
pipeline:
  name: pyannote.audio.pipelines.SpeakerDiarization
  params: {segmentation: x}
"""
    assert look_at(data, "hyperparams.yaml").findings == ()


def test_mdl127_bad_package_of_nobody() -> None:
    assert ids(look_at(b"_target_: their_package.Model\n", "config.yaml")) == {"MDL127"}


def test_mdl127_good_known_packages() -> None:
    assert look_at(b"a: {_target_: torch.nn.Linear}\nb: {_target_: src.models.Net}\n", "config.yaml").findings == ()
