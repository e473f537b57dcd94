"""A BOM of a folder with a link to a folder inside, as `lib64` of a virtual environment is."""

import os
from pathlib import Path

import pytest
from tests.library.inventory.test_inventory import put

from assaymark.boms import build
from assaymark.core.errors import Unreadable


def test_a_link_to_a_folder_inside_is_named_and_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "lib/python3/site-packages/a-1.dist-info/METADATA", "Name: a\nVersion: 1\n")
    plain = build(tmp_path)
    (tmp_path / "lib64").symlink_to("lib")
    made = build(tmp_path)
    assert next(gap.why for gap in made.gaps if gap.what == "links").startswith("lib64 is a link")
    assert len(made.components) == len(plain.components)


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "in/x.txt", "x")
    os.mkdir(tmp_path / "out")
    (tmp_path / "in/lib64").symlink_to("../out")
    with pytest.raises(Unreadable):
        build(tmp_path / "in")
