"""Results by content: a hit only for the same bytes, name and checks, and never instead of the truth."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from assaymark import ScanReport, scan
from assaymark.core.finding import Confidence, Finding, Persona, Severity, Where
from assaymark.core.scan import FileReport, Gap
from assaymark.core.verdict import Outcome
from assaymark.storage.cache import SMALLEST, ResultCache

CHECKSET = f"sha256:{'c' * 64}"
SHA = "a" * 64
SIZE = SMALLEST
FINDING = Finding(
    "MDL001",
    "T",
    Severity.HIGH,
    Confidence.HIGH,
    Persona.REGULAR,
    Where("m/a.pkl", "in!ner", 3, None, "os.system"),
    "m",
)
REPORT = FileReport(
    "m/a.pkl", SIZE, SHA, ("pickle",), ("MDL001",), (FINDING,), (Gap("m/a.pkl!part", "numbers"),), analysed=True
)


@pytest.fixture
def cache(tmp_path: Path) -> ResultCache:
    return ResultCache(str(tmp_path / "cache"), CHECKSET)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_was_put_comes_back(cache: ResultCache) -> None:
    assert not cache.may_hold(SIZE)
    cache.put(REPORT)
    assert cache.may_hold(SIZE)
    assert cache.get(SIZE, SHA, "m/a.pkl") == REPORT


def test_in_another_place_paths_and_fingerprints_are_those_of_the_place(cache: ResultCache) -> None:
    cache.put(replace(REPORT, path="x/y/z/a.pkl"))
    moved = cache.get(SIZE, SHA, "1/x/y/z/a.pkl")
    assert moved is not None
    assert moved.path == "1/x/y/z/a.pkl"
    (finding,) = moved.findings
    fresh = replace(FINDING, where=replace(FINDING.where, path="1/x/y/z/a.pkl"), fingerprint="")
    assert finding == fresh
    assert finding.fingerprint != FINDING.fingerprint


@pytest.mark.parametrize(
    ("size", "sha", "path"),
    [
        (SIZE + 1, SHA, "m/a.pkl"),
        (SIZE, "b" * 64, "m/a.pkl"),
        (SIZE, SHA, "m/b.pkl"),
        (SIZE, SHA, "a.pkl"),
        (SIZE, SHA, ".github/a.pkl"),
    ],
)
def test_other_bytes_or_another_name_are_a_miss(cache: ResultCache, size: int, sha: str, path: str) -> None:
    cache.put(REPORT)
    assert cache.get(size, sha, path) is None


def test_other_checks_are_a_miss(cache: ResultCache, tmp_path: Path) -> None:
    cache.put(REPORT)
    assert ResultCache(str(tmp_path / "cache"), f"sha256:{'d' * 64}").get(SIZE, SHA, "m/a.pkl") is None


@pytest.mark.parametrize("rule_id", ["CHK001", "CHK003", "CHK004"])
def test_what_time_or_the_system_had_a_part_in_is_not_kept(cache: ResultCache, tmp_path: Path, rule_id: str) -> None:
    cache.put(replace(REPORT, findings=(FINDING, replace(FINDING, id=rule_id, fingerprint=""))))
    assert files(tmp_path) == []


@pytest.mark.parametrize("change", [{"sha256": None}, {"size": SMALLEST - 1}])
def test_what_has_no_digest_or_is_small_is_not_kept(
    cache: ResultCache, tmp_path: Path, change: dict[str, object]
) -> None:
    cache.put(replace(REPORT, **change))  # type: ignore[arg-type]
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[:-10],
        lambda text: "not json",
        lambda text: "[]",
        lambda text: "{}",
        lambda text: "null",
        lambda text: "[" * 100_000,
        lambda text: text.replace('"high"', '"worse"', 1),
        lambda text: text.replace(SHA, "b" * 64),
        lambda text: text.replace(str(SIZE), str(SIZE + 1)),
        lambda text: text.replace('"findings"', '"found"'),
    ],
)
def test_a_damaged_entry_is_a_miss(cache: ResultCache, tmp_path: Path, damage: Callable[[str], str]) -> None:
    cache.put(REPORT)
    (entry,) = files(tmp_path)
    entry.write_text(damage(entry.read_text()))
    assert cache.get(SIZE, SHA, "m/a.pkl") is None
    cache.put(REPORT)
    assert cache.get(SIZE, SHA, "m/a.pkl") == REPORT


def test_an_entry_of_bytes_that_are_no_text_is_a_miss(cache: ResultCache, tmp_path: Path) -> None:
    cache.put(REPORT)
    files(tmp_path)[0].write_bytes(b"\xff\xfe")
    assert cache.get(SIZE, SHA, "m/a.pkl") is None


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    broken = ResultCache(str(tmp_path / "file"), CHECKSET)
    broken.put(REPORT)
    assert broken.get(SIZE, SHA, "m/a.pkl") is None
    assert not broken.may_hold(SIZE)


def test_an_interrupted_write_leaves_nothing(
    cache: ResultCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cache.put(REPORT)
    assert files(tmp_path) == []


def test_only_the_owner_reads_it(cache: ResultCache, tmp_path: Path) -> None:
    cache.put(REPORT)
    (entry,) = files(tmp_path)
    assert entry.stat().st_mode & 0o077 == 0


# Through a scan


def big_pickle(start: bytes) -> bytes:
    return start + b"\x8e" + (2 << 20).to_bytes(8, "little") + bytes(2 << 20) + b"."


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths that were really looked at."""
    from assaymark import survey

    seen: list[str] = []
    real = survey.look
    monkeypatch.setattr(survey, "look", lambda blob, path, *rest: seen.append(path) or real(blob, path, *rest))
    return seen


def test_a_second_scan_says_the_same_without_looking(tmp_path: Path, looked: list[str]) -> None:
    place = tmp_path / "m"
    place.mkdir()
    (place / "evil.pkl").write_bytes(big_pickle(b"cos\nsystem\n0"))
    (place / "small.pkl").write_bytes(b"N.")

    def run(**options: object) -> ScanReport:
        report = scan(place, home=str(tmp_path / "home"), config="", **options)  # type: ignore[arg-type]
        return replace(report, at="", statement=None)

    first = run()
    assert first.verdict.outcome is Outcome.DENY
    looked.clear()
    assert run() == first
    assert looked == ["small.pkl"]
    looked.clear()
    assert run(cache=False) == first
    assert looked == ["evil.pkl", "small.pkl"]
    looked.clear()
    (place / "evil.pkl").write_bytes(big_pickle(b"cos\nxystem\n0"))  # the same size
    assert run() != first
    assert "evil.pkl" in looked


def test_a_cache_is_not_used_without_digests(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(big_pickle(b""))
    scan(tmp_path / "a.pkl", home=str(tmp_path / "home"), config="", digest=False)
    assert not (tmp_path / "home").exists()


def test_an_entry_is_stored_under_the_digest_of_the_checks(tmp_path: Path) -> None:
    from assaymark.catalog import checkset

    data = big_pickle(b"")
    (tmp_path / "a.pkl").write_bytes(data)
    scan(tmp_path / "a.pkl", home=str(tmp_path / "home"), config="")
    (entry,) = files(tmp_path / "home")
    assert checkset()[7:39] in entry.parts
    kept = json.loads(entry.read_text())
    assert (kept["sha256"], kept["path"]) == (hashlib.sha256(data).hexdigest(), "")
    assert os.fspath(tmp_path) not in entry.read_text()
