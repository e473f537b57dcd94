"""Loading scripts of datasets."""

import pytest

from tests.conftest import ids, look_at, look_at_folder, severe

SCRIPT = """
import datasets
import csv
{top}
_URL = "{url}"

class Squad(datasets.GeneratorBasedBuilder):
    BUILDER_CONFIGS = [datasets.BuilderConfig(name="plain")]
    def _info(self):
        return datasets.DatasetInfo(homepage="http://home.example/")
    def _split_generators(self, dl):
        path = dl.download_and_extract(_URL)
        return [datasets.SplitGenerator(name="train", gen_kwargs={{"path": path}})]
    def _generate_examples(self, path):
        {body}
        with open(path) as f:
            yield from enumerate(csv.DictReader(f))
"""
CARD = b"---\nlicense: mit\ntask_categories:\n- text-classification\n---\n# Data\n"


def script(top: str = "", body: str = "pass", url: str = "https://data.example/train.zip") -> bytes:
    return SCRIPT.format(top=top, body=body, url=url).encode()


def test_dat003_bad_script_is_held_and_says_what_it_does() -> None:
    (finding,) = look_at(script(), "squad.py").findings
    assert finding.id == "DAT003"
    assert finding.holds
    assert "class Squad(datasets.GeneratorBasedBuilder)" in finding.message
    assert "data.example" in finding.message
    assert finding.where.line == 7


@pytest.mark.parametrize("base", ["datasets.ArrowBasedBuilder", "tfds.core.GeneratorBasedBuilder"])
def test_dat003_bad_other_builders(base: str) -> None:
    source = f"import datasets\nimport tensorflow_datasets as tfds\nclass A({base}): ...\n".encode()
    assert ids(look_at(source, "a.py")) == {"DAT003"}


def test_dat003_bad_by_name_beside_a_card() -> None:
    reports = look_at_folder({"squad/README.md": CARD, "squad/squad.py": b"import os\nos.system('id')\n"})
    assert ids(reports["squad/squad.py"]) == {"DAT003", "DAT008"}
    reports = look_at_folder({"README.md": CARD, "squad.py": b"print(1)\n"})
    assert ids(reports["squad.py"]) == {"DAT003"}
    reports = look_at_folder({"squad/README.md": CARD, "squad/squad.py": b"def f(:\n"})
    assert "not readable" in reports["squad/squad.py"].findings[0].message


def test_dat003_good_users_of_the_library() -> None:
    source = b"import datasets\nd = datasets.load_dataset('squad')\nc: 'datasets.BuilderConfig' = None\n"
    assert not look_at(source, "train.py").findings
    assert not look_at_folder({"README.md": CARD, "convert.py": b"print(1)", "data/train.parquet": b"PAR1"})
    assert not look_at_folder({"README.md": b"# Project\n", "train.py": b"print(1)"})
    assert not look_at_folder({"a/README.md": b"# Project\n", "a/a.py": b"print(1)"})


@pytest.mark.parametrize(
    "body",
    [
        "import os; os.system('id')",
        "eval(path)",
        "import pickle; pickle.load(open(path, 'rb'))",
        "import requests; requests.get('https://x.example')",
        "exec('x')",
    ],
)
def test_dat008_bad_script(body: str) -> None:
    report = look_at(script(body=body), "squad.py")
    assert ids(report) == {"DAT003", "DAT008"}
    assert next(f for f in report.findings if f.id == "DAT008").where.line == 15


def test_dat008_bad_on_import_and_plain_http() -> None:
    report = look_at(script(top="import subprocess\nsubprocess.run(['id'])"), "squad.py")
    assert any("on import" in f.message for f in report.findings)
    assert "DAT008" in ids(look_at(script(url="http://data.example/train.zip"), "squad.py"))


def test_dat008_good_script() -> None:
    report = look_at(script(), "squad.py")
    assert "DAT008" not in ids(report)
    assert len(severe(report)) == 1


@pytest.mark.parametrize(
    "source",
    [
        b"import datasets\nclass A(datasets.GeneratorBasedBuilder:\n",
        b"# datasets BuilderConfig\n\0",
        b"#datasets BuilderConfig\n" + b"(" * 9999,
    ],
)
def test_script_that_cannot_be_read_is_held(source: bytes) -> None:
    report = look_at(source, "squad.py")
    assert "CHK001" not in ids(report)
    assert any(f.holds for f in report.findings)
