"""A file that is named alone is looked at as a folder of one: what a loader would read of it counts."""

import json
from pathlib import Path

from assaymark import scan

TEMPLATE = "{{ cycler.__init__.__globals__.os.getcwd() }}"


def test_a_tokenizer_config_alone_and_beside_another(tmp_path: Path) -> None:
    config = tmp_path / "tokenizer_config.json"
    config.write_text(json.dumps({"tokenizer_class": "LlamaTokenizer", "chat_template": TEMPLATE}))
    other = tmp_path / "other" / "notes.md"
    other.parent.mkdir()
    other.write_text("words\n")
    for paths in ([config], [config, other], [other, config]):
        report = scan(*paths, cache=False, config="", jobs=1)
        assert report.verdict.outcome.value == "deny"
        assert {(f.id, f.where.path.rpartition("/")[2]) for f in report.findings} == {("MDL040", config.name)}


def test_a_manifest_alone_is_not_said_to_lack_a_lock(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1"\ndependencies = ["numpy"]\n')
    alone = scan(tmp_path / "pyproject.toml", cache=False, config="", jobs=1)
    folder = scan(tmp_path, cache=False, config="", jobs=1)
    assert {f.id for f in folder.findings} > {f.id for f in alone.findings}
