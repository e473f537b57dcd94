"""How the data layer knows its files: by name beside content. Light, for it is asked for every file of a scan."""

import re

from assaymark.core.format import Head

TABLES = (".csv", ".tsv", ".tab", ".psv")
ROWS = (".json", ".jsonl", ".ndjson", ".geojson")
_BUILDER = re.compile(rb"\b(?:GeneratorBased|ArrowBased|Beam|BeamBased|Dataset)Builder\b|\bBuilderConfig\b")
_PYTHON_TAG = re.compile(rb"![^\s]{0,80}(?:python|%[0-9a-fA-F]{2})|^%TAG|!<", re.MULTILINE)
_YAML_LIMIT = 16 << 20


def is_table(head: Head) -> bool:
    """A text whose name says that it is a table."""
    wide = head.start.startswith((b"\xff\xfe", b"\xfe\xff"))
    return head.basename.endswith(TABLES) and head.size > 0 and (head.is_text or wide)


def is_rows(head: Head) -> bool:
    """A text whose name says JSON, one document or one a line."""
    return head.basename.endswith(ROWS) and head.size > 0 and head.is_text


def is_dataset_script(head: Head) -> bool:
    """Python that defines a builder of the `datasets` or `tensorflow_datasets` library."""
    if not head.basename.endswith(".py") or not head.is_text:
        return False
    source = head.blob.read(0, 1 << 20)
    return b"datasets" in source and _BUILDER.search(source) is not None


def is_tagged_yaml(head: Head) -> bool:
    """YAML in which a tag may name Python."""
    if not head.basename.endswith((".yaml", ".yml")) or not head.is_text:
        return False
    return _PYTHON_TAG.search(head.blob.read(0, _YAML_LIMIT)) is not None
