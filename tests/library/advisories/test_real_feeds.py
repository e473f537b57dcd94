"""The real feeds, where `ASSAY_FEEDS_DATA` says where they are."""

import os
from pathlib import Path

import pytest

from assaymark.auditing import Advisories, import_feed
from assaymark.library.inventory.model import Package
from assaymark.storage.advisories import open_store

DATA = os.environ.get("ASSAY_FEEDS_DATA")


@pytest.mark.skipif(not DATA, reason="ASSAY_FEEDS_DATA is not set")
def test_every_record_of_the_real_feeds_is_read_and_a_compromised_release_is_found(tmp_path: Path) -> None:
    home, folder = str(tmp_path), str(DATA)
    feeds = [
        import_feed(os.path.join(folder, name), home=home)
        for name in ("pypa-advisories.tar.zst", "package-campaigns-osv.tar.zst")
    ]
    assert [(one.feed.records, one.malformed) for one in feeds] == [(2_661, ()), (3_997, ())]
    with open_store(home) as store:  # type: ignore[union-attr] # it is there
        pins = [
            ("lightning", "2.6.2"),
            ("lightning", "2.5.0"),
            ("durabletask", "1.4.1"),
            ("requests", "2.19.0"),
            ("click", "8.1.7"),
        ]
        packages = [Package("PyPI", name, version, "r", line, "r") for line, (name, version) in enumerate(pins)]
        found = {(one.name, one.version, one.malicious) for one in Advisories(store).known(packages)}
    assert found == {("lightning", "2.6.2", True), ("durabletask", "1.4.1", True), ("requests", "2.19.0", False)}
