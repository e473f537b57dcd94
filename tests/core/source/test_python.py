"""The reader of Python source: what code would do, however its names are hidden."""

import textwrap
import tracemalloc
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.source.python import Deed, calls


def deeds(source: str) -> set[tuple[str, Deed]]:
    return {(c.name, c.deed) for c in calls(textwrap.dedent(source)).calls if c.deed}


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import os\nos.system('id')", "os.system"),
        ("import os as o\no.system('id')", "os.system"),
        ("from os import system as s\ns('id')", "os.system"),
        ("import posix\nposix.system('id')", "os.system"),
        ("from os import *\nsystem('id')", "os.system"),
        ("__import__('os').system('id')", "os.system"),
        ("import importlib\nimportlib.import_module('o' + 's').system('id')", "os.system"),
        ("import os\ngetattr(os, 'sys' + 'tem')('id')", "os.system"),
        ("import os\ngetattr(os, 'metsys'[::-1])('id')", "os.system"),
        ("import os\ngetattr(os, ''.join(['sy', 'st', 'em']))('id')", "os.system"),
        ("import os\ngetattr(os, chr(115) + 'ystem')('id')", "os.system"),
        ("import os, base64\ngetattr(os, base64.b64decode('c3lzdGVt').decode())('id')", "os.system"),
        ("import os, codecs\ngetattr(os, codecs.decode('flfgrz', 'rot13'))('id')", "os.system"),
        ("import os\ngetattr(os, f'{\"sys\"}tem')('id')", "os.system"),
        ("import os\ngetattr(os, '%s%s' % ('sys', 'tem'))('id')", "os.system"),
        ("import os\ngetattr(os, '{}tem'.format('sys'))('id')", "os.system"),
        ("import os\nos.__dict__['system']('id')", "os.system"),
        ("import os\nvars(os)['system']('id')", "os.system"),
        ("import os\nos.__getattribute__('system')('id')", "os.system"),
        ("import os\nobject.__getattribute__(os, 'system')('id')", "os.system"),
        ("import os, operator\noperator.attrgetter('system')(os)('id')", "os.system"),
        ("import sys\nsys.modules['os'].system('id')", "os.system"),
        ("import os\nos.system.__call__('id')", "os.system"),
        ("import random\nrandom._os.system('id')", "os.system"),
        ("import torch\ntorch.serialization.os.system('id')", "os.system"),
        ("import os\nx = 'sys'\nx += 'tem'\ngetattr(os, x)('id')", "os.system"),
        ("import os\ns = os.system\ns('id')\ns = print", "os.system"),
        ("import os\nfor f in (print, os.system):\n    f('id')", "os.system"),
        ("import os\nclass A:\n    run = os.system\nA().run('id')", "os.system"),
        ("import os\ndef f(run=os.system):\n    run('id')", "os.system"),
        ("import os\ndef f(x: os.system('id')): ...", "os.system"),
        ("import functools, os\nfunctools.partial(os.system, 'id')()", "os.system"),
        ("import os\n(lambda: os.system('id'))()", "os.system"),
        ("exec('x')", "exec"),
        ("import builtins\nbuiltins.exec('x')", "exec"),
        ("__builtins__.exec('x')", "exec"),
        ("globals()['__builtins__'].exec('x')", "exec"),
        ("globals()['exec']('x')", "exec"),
        ("getattr(__builtins__, 'ex' + 'ec')('x')", "exec"),
        ("@exec\nclass A: ...", "exec"),
        ("[eval for eval in ()]\neval('x')", "eval"),
        ("if 0:\n    eval = 1\neval('x')", "eval"),
        ("def f():\n    eval('x')\nf()\ndef eval(): ...", "eval"),
        ("def eval(): ...\ndel eval\neval('x')", "eval"),
        ("list(map(eval, ['x']))", "eval"),
        ("import marshal\nmarshal.loads(b'')", "marshal.loads"),
        ("from subprocess import Popen\nPopen(['id'])", "subprocess.Popen"),
        ("get_ipython().system('id')", "get_ipython().system"),
        ("import torch\ntorch.hub.load('a/b', 'c')", "torch.hub.load"),
    ],
)
def test_resolves(source: str, name: str) -> None:
    assert name in {found for found, deed in deeds(source) if deed in {Deed.PROCESS, Deed.EXECUTION}}


@pytest.mark.parametrize(
    "source",
    [
        "model.eval()",
        "import torch\ntorch.compile(m)",
        "import re\nre.compile('x')",
        "def eval(a): ...\ndef main():\n    eval(1)\nmain()",
        "def f(eval=False):\n    if eval: print(eval)",
        "import ast\nast.literal_eval('1')",
        "import torch\ngetattr(torch, dtype)",
        "import importlib\nimportlib.import_module('flash_attn')",
        "import torch\ntorch.load('x', weights_only=True)",
        "import numpy as np\nnp.load('x.npy')",
        "import yaml\nyaml.load(x, Loader=yaml.CSafeLoader)",
        "import socket\ndef f(s: socket.socket): ...",
        "from .system import os_system\nos_system('x')",
        "system('id')",
        "import pandas as pd\npd.read_csv('x')",
    ],
)
def test_quiet(source: str) -> None:
    assert not deeds(source)


@pytest.mark.parametrize(
    ("source", "deed"),
    [
        ("import pickle\npickle.load(f)", Deed.UNPICKLING),
        ("import torch\ntorch.load('x')", Deed.UNPICKLING),
        ("import numpy as np\nnp.load('x', allow_pickle=True)", Deed.UNPICKLING),
        ("import yaml\nyaml.load(x)", Deed.UNPICKLING),
        ("import requests\nwith requests.Session() as s:\n    s.get('x')", Deed.NETWORK),
        ("import urllib.request\nurllib.request.urlopen('x')", Deed.NETWORK),
        ("import ctypes\nctypes.CDLL('x')", Deed.NATIVE),
        ("import ctypes\nctypes.cdll.LoadLibrary('x')", Deed.NATIVE),
        ("import os\nos.environ.get('TOKEN')", Deed.SECRETS),
        ("import os\nopen(os.path.expanduser('~/.ssh/id_rsa'))", Deed.SECRETS),
        ("import shutil\nshutil.rmtree('/')", Deed.DELETION),
        ("import importlib\nimportlib.import_module(name)", Deed.DYNAMIC),
        ("import os\ngetattr(os, name)", Deed.DYNAMIC),
        ("().__class__.__base__.__subclasses__()", Deed.DYNAMIC),
        ("import os\nlist(map(os.__dict__['system'], x))", Deed.PROCESS),
        ("import os\nlist(map(getattr(os, 'system'), x))", Deed.PROCESS),
    ],
)
def test_names_the_deed(source: str, deed: Deed) -> None:
    assert deed in {found for _, found in deeds(source)}


def test_says_where_and_when() -> None:
    source = textwrap.dedent(
        """
        import os
        os.system("a")
        class M:
            os.system("b")
            def __init__(self):
                os.system("c")
            def never(self):
                os.system("d")
        def helper():
            os.system("e")
        def unused():
            os.system("f")
        helper()
        if __name__ == "__main__":
            os.system("g")
        """
    )
    seen = {c.strings[0]: (c.scope, c.within, c.on_import) for c in calls(source).calls if c.name == "os.system"}
    assert seen == {
        "a": ("module", "", True),
        "b": ("class", "M", True),
        "c": ("function", "M.__init__", False),
        "d": ("function", "M.never", False),
        "e": ("function", "helper", True),
        "f": ("function", "unused", False),
        "g": ("main", "", False),
    }


def test_instances_made_on_import_run_their_constructor() -> None:
    source = "import os\nclass M:\n    def __init__(self):\n        os.system('c')\nM()\n"
    assert [c.on_import for c in calls(source).calls if c.deed] == [True]


def test_classes_imports_and_urls() -> None:
    source = calls(
        "import datasets as d\nclass A(d.GeneratorBasedBuilder):\n    U = 'https://a.example/x'\nfrom . import b\n"
    )
    assert source.classes[0].bases == ("datasets.GeneratorBasedBuilder",)
    assert [i.name for i in source.imports] == ["datasets", ".b"]
    assert source.urls == ((3, "https://a.example/x"),)


def test_excerpt_holds_no_secret() -> None:
    source = "import requests\nrequests.get('https://u:Tr0ub4dor&3x@h.example', password='kx83nfSsd92')\n"
    (call,) = (c for c in calls(source).calls if c.deed)
    assert "Tr0ub4dor" not in call.excerpt
    assert "kx83nfSsd92" not in call.excerpt


@pytest.mark.parametrize("source", ["def f(", "print 'x'", b"a\0b", b"# coding: no-such\n1", "\ud800", "x = 0777"])
def test_not_python(source: bytes | str) -> None:
    with pytest.raises(Malformed):
        calls(source)


@pytest.mark.parametrize(
    "source",
    [
        "-" * 100_000 + "1",
        "a" + ".b" * 100_000,
        "1" + "+1" * 100_000,
        "if 1:\n pass\n" + "elif 1:\n pass\n" * 20_000,
        "a\n" * (1 << 20),
        "a" * (3 << 20),
    ],
)
def test_too_deep_or_big(source: str) -> None:
    with pytest.raises(OverBudget):
        calls(source)


def test_aliases_of_aliases_end() -> None:
    chain = "import os\na0 = os.system\n" + "".join(f"a{i + 1} = a{i}\n" for i in range(2000)) + "a2000('id')\n"
    assert ("os.system", Deed.PROCESS) in deeds(chain)
    circle = "a = b\nb = a\na()\nx = x + x\nx()\n"
    assert not deeds(circle)


def test_many_ways_end() -> None:
    source = "".join(f"a = '{i}' + a\n" for i in range(3000)) + "a + a + a + a + a\n" * 3000
    assert calls(source).calls == ()


def test_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        calls("x = '\\d'\nassert (1, 2)\n1 is 1\n")


_SEEDS = [
    "import os as o\nfor f in (o.system, exec):\n    f('x', k='v')\n",
    "class A(B, metaclass=C):\n    x: int = 1\n    def f(self, *a, k=eval, **b): return [y for y in a if (z := y)]\n",
    "with open('x') as f, g() as (a, b): del a; lambda q: q[::-1]['x'](*a, **b)\n",
    "match x:\n    case [a, *b] | {'k': a, **b} if globals()['e'](a): pass\ntry: pass\nexcept* E as e: raise\n",
]


@given(
    st.sampled_from(_SEEDS),
    st.lists(st.tuples(st.integers(0, 200), st.sampled_from("()[]{}.,:='\"\n +*a0@")), max_size=4),
)
@settings(max_examples=100, deadline=None)
def test_any_source_ends_well(seed: str, edits: list[tuple[int, str]]) -> None:
    for at, char in edits:
        seed = seed[: at % len(seed)] + char + seed[at % len(seed) + 1 :]
    try:
        calls(seed)
    except (Malformed, OverBudget):
        return


LONG = "a = '" + "x" * 60_000 + "'\n"


@pytest.mark.parametrize(
    "source",
    [
        "a0 = (1, 1)\n" + "".join(f"a{i + 1} = (a{i}, a{i})\n" for i in range(50)) + "print(a50)\n",
        LONG + "print(f'" + "{a}" * 10_000 + "')\n",
        LONG + "t = (" + "a," * 500 + ")\nu = t + t\nv = u + u\nw = v + v\nprint('" + "%s" * 4_000 + "' % w)\n",
        LONG + "print('" + "{}" * 10_000 + "'.format(" + "a," * 10_000 + "))\n",
    ],
    ids=["tuples of tuples", "an f-string", "percent", "format"],
)
def test_values_that_grow_are_given_up(source: str) -> None:
    tracemalloc.start()
    try:
        calls(source)
        assert tracemalloc.get_traced_memory()[1] < 300 << 20
    finally:
        tracemalloc.stop()


def test_a_number_too_long_to_be_written_is_no_text() -> None:
    assert calls("print(f'{0x" + "f" * 10_000 + "}')\n").calls


@pytest.mark.parametrize("codec", ["punycode", "PUNYCODE", "idna"])
def test_an_encoding_whose_decoder_takes_the_square_of_the_length_is_refused(codec: str) -> None:
    with pytest.raises(Malformed, match=codec.lower()):
        calls(f"# coding: {codec}\nx = 1\n".encode())
    with pytest.raises(Malformed, match=codec.lower()):
        calls(f"#!/usr/bin/python\n# -*- coding: {codec} -*-\n".encode())
    assert not calls(f"x = 1\ny = 2\n# coding: {codec}\n".encode()).calls
