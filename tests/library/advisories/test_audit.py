"""Feeds in, findings and verdicts out."""

import gzip
import io
import json
import os
import tarfile
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assaymark.auditing import Advisories, Audit, audit, feeds, import_feed, told, update_feed
from assaymark.core.clock import FixedClock
from assaymark.core.errors import AssayError, Malformed, UsageError
from assaymark.core.verdict import Outcome
from assaymark.faces.cli import feeds as feeds_face
from assaymark.faces.cli.deps_audit import audit as audit_command
from assaymark.library.inventory.model import Gap, Inventory, Package, Source
from assaymark.storage.advisories import NAME, open_store
from tests.library.advisories.records import record

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
CLOCK = FixedClock(NOW)
HIGH = [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"}]
VULNERABLE = record(
    "PYSEC-2026-1", events=[{"introduced": "0"}, {"fixed": "2.0"}], severity=HIGH, aliases=["CVE-2026-10001"]
)
UNRATED = record("PYSEC-2026-2", name="plain", events=[{"introduced": "0"}])
MALICIOUS = record("MAL-2026-3", name="evil", versions=["6.6.6"])
RECORDS = (VULNERABLE, UNRATED, MALICIOUS)


def folder(tmp_path: Path, *documents: dict[str, Any], name: str = "feed") -> str:
    place = tmp_path / name
    place.mkdir(exist_ok=True)
    for document in documents:
        (place / f"{document['id']}.json").write_text(json.dumps(document))
    return str(place)


def inventory(*pins: str, gaps: tuple[Gap, ...] = ()) -> Inventory:
    packages = []
    for line, pin in enumerate(pins, 1):
        name, _, version = pin.partition("==")
        packages.append(Package("PyPI", name, version, "requirements.txt", line, "requirements"))
    source = Source("requirements.txt", "requirements", "sha256:" + "a" * 64, len(packages))
    return Inventory("requirements.txt", "sha256:" + "b" * 64, tuple(packages), gaps, (source,))


def audited(home: str, *pins: str, **options: Any) -> Audit:
    return audit([inventory(*pins, gaps=options.pop("gaps", ()))], home=home, config="", clock=CLOCK, **options)


def found(result: Audit) -> list[tuple[str, int | None]]:
    return [(finding.id, finding.where.line) for finding in result.report.findings]


@pytest.fixture
def home(tmp_path: Path) -> str:
    place = str(tmp_path / "home")
    import_feed(folder(tmp_path, *RECORDS), home=place, clock=CLOCK)
    return place


def test_lib601_bad_a_vulnerable_pin_denies_with_place_and_fix(home: str) -> None:
    result = audited(home, "other==1", "demo==1.0")
    assert found(result) == [("LIB601", 2)]
    assert result.report.verdict.outcome is Outcome.DENY
    assert "fixed in 2.0" in result.report.findings[0].message
    assert result.safe == {("PyPI", "demo", "1.0"): "2.0"}
    assert told(result)["vulnerabilities"][0]["severity"] == "high"


def test_the_json_is_what_its_schema_says(home: str) -> None:
    import jsonschema_rs

    schema = json.loads(Path("docs/schemas/deps-audit-v1.schema.json").read_text())
    document = told(audited(home, "demo==1.0", "plain==1", "evil==6.6.6", "demo==2004d", "x"))
    jsonschema_rs.validator_for(schema).validate(json.loads(json.dumps(document)))


def test_lib601_good_a_fixed_pin(home: str) -> None:
    assert audited(home, "demo==2.0").report.verdict.outcome is Outcome.ALLOW


def test_lib602_bad_a_malicious_release(home: str) -> None:
    result = audited(home, "evil==6.6.6")
    assert found(result) == [("LIB602", 1)] and result.report.verdict.outcome is Outcome.DENY


def test_lib602_good_another_release_of_the_same_name(home: str) -> None:
    assert found(audited(home, "evil==1.0")) == []


def test_lib603_bad_unknown_is_not_low(home: str) -> None:
    result = audited(home, "plain==1.0")
    assert found(result) == [("LIB603", 1)] and result.report.verdict.outcome is Outcome.HOLD
    assert told(result)["vulnerabilities"][0]["severity"] is None


def test_lib603_good_rated_by_an_alias_of_another_feed(home: str, tmp_path: Path) -> None:
    rated = record("GHSA-x", name="plain", events=[{"introduced": "0"}], severity=HIGH, aliases=["PYSEC-2026-2"])
    import_feed(folder(tmp_path, rated, name="ghsa"), home=home, clock=CLOCK)
    assert found(audited(home, "plain==1.0")) == [("LIB601", 1)]


def test_lib604_bad_a_version_that_cannot_be_read(home: str) -> None:
    result = audited(home, "demo==2004d")
    assert found(result) == [("LIB604", 1)] and result.report.verdict.outcome is Outcome.HOLD


def test_lib604_good_a_version_that_can_be_read(home: str) -> None:
    assert found(audited(home, "demo==2004")) == []


def test_lib605_bad_no_feed_never_says_clean(tmp_path: Path) -> None:
    result = audited(str(tmp_path / "nothing"), "demo==9")
    assert [name for name, _ in found(result)] == ["LIB605"] and result.report.verdict.outcome is Outcome.HOLD


def test_lib605_bad_a_stale_feed_holds(home: str) -> None:
    late = FixedClock(NOW + timedelta(days=8))
    result = audit([inventory("demo==9")], home=home, config="", clock=late)
    assert [name for name, _ in found(result)] == ["LIB605"] and result.report.verdict.outcome is Outcome.HOLD
    allowed = audit([inventory("demo==9")], home=home, config="", clock=late, max_age=timedelta(days=30))
    assert allowed.report.verdict.outcome is Outcome.ALLOW


def test_lib605_bad_records_of_malice_alone_are_no_advisories(tmp_path: Path) -> None:
    place = str(tmp_path / "home")
    import_feed(folder(tmp_path, MALICIOUS), home=place, clock=CLOCK)
    assert [name for name, _ in found(audited(place, "demo==9"))] == ["LIB605"]


def test_lib605_good_a_fresh_feed(home: str) -> None:
    assert found(audited(home, "demo==9")) == []


def test_lib606_bad_no_version_and_what_could_not_be_read(home: str) -> None:
    result = audited(home, "demo", gaps=(Gap("uv.lock", "cut short"),))
    assert {(name, line is None) for name, line in found(result)} == {("LIB606", False), ("LIB606", True)}
    assert result.report.verdict.outcome is Outcome.HOLD


def test_lib606_good_all_pinned(home: str) -> None:
    assert found(audited(home, "a==1", "b==2")) == []


# exploits


def test_kev_makes_it_critical_and_epss_is_shown(home: str, tmp_path: Path) -> None:
    kev = tmp_path / "kev.json"
    entry = {
        "cveID": "CVE-2026-10001",
        "dateAdded": "2026-11-01",
        "dueDate": "2026-11-22",
        "knownRansomwareCampaignUse": "Known",
    }
    kev.write_text(
        json.dumps({"catalogVersion": "1", "dateReleased": "2026-11-24T00:00:00Z", "vulnerabilities": [entry, {}]})
    )
    epss = tmp_path / "epss_scores.csv.gz"
    text = "#model_version:v1,score_date:2026-11-24T00:00:00+0000\ncve,epss,percentile\nCVE-2026-10001,0.91,0.99\nbad,x,y\n"
    epss.write_bytes(gzip.compress(text.encode()))
    assert [import_feed(str(p), home=home, clock=CLOCK).malformed != () for p in (kev, epss)] == [True, True]
    finding = audited(home, "demo==1.0").report.findings[0]
    assert finding.severity.word == "critical"
    assert (
        "known to be exploited since 2026-11-01, by ransomware" in finding.message and "EPSS 91.0%" in finding.message
    )


# imports


def _archives(tmp_path: Path) -> list[Path]:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for document in RECORDS:
            data = json.dumps(document).encode()
            info = tarfile.TarInfo(f"{document['id']}.json")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    from assaymark.storage.advisory_files import _zstd

    paths = [tmp_path / "a.tar", tmp_path / "a.tar.gz", tmp_path / "a.tar.zst", tmp_path / "a.zip"]
    for path, data in zip(
        paths, (packed.getvalue(), gzip.compress(packed.getvalue()), _zstd().compress(packed.getvalue())), strict=False
    ):
        path.write_bytes(data)
    with zipfile.ZipFile(paths[3], "w") as archive:
        for document in RECORDS:
            archive.writestr(f"{document['id']}.json", json.dumps(document))
    return paths


def test_every_container_gives_the_same_feed(tmp_path: Path) -> None:
    digests = set()
    for at, path in enumerate([*_archives(tmp_path), Path(folder(tmp_path, *RECORDS))]):
        done = import_feed(str(path), home=str(tmp_path / f"home{at}"), clock=CLOCK)
        assert (done.feed.records, done.changed, done.feed.malicious) == (3, 3, 1)
        digests.add(done.feed.digest)
    assert len(digests) == 1


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tar.zst", "zip"])
def test_a_broken_archive_changes_nothing(tmp_path: Path, home: str, ending: str) -> None:
    path = next(p for p in _archives(tmp_path) if p.name == f"a.{ending}")
    data = path.read_bytes()
    before = feeds(home=home)
    for cut in (1, len(data) // 8, len(data) // 4):
        path.write_bytes(data[:cut])
        with pytest.raises((Malformed, UsageError)):
            import_feed(str(path), home=home, name="feed", clock=CLOCK)
    assert feeds(home=home) == before and found(audited(home, "demo==1.0")) == [("LIB601", 1)]


def test_an_import_again_reads_only_what_changed(tmp_path: Path, home: str) -> None:
    place = folder(tmp_path, {**VULNERABLE, "withdrawn": "2026-11-24T00:00:00Z"})
    os.unlink(os.path.join(place, "MAL-2026-3.json"))
    done = import_feed(place, home=home, clock=CLOCK)
    assert (done.changed, done.unchanged, done.removed) == (1, 1, 1)
    assert found(audited(home, "demo==1.0", "evil==6.6.6")) == []


def test_a_malformed_record_is_told_and_what_was_known_stays(tmp_path: Path, home: str) -> None:
    place = folder(tmp_path)
    Path(place, "PYSEC-2026-1.json").write_text('{"id": "PYSEC-2026-1", "id": "x"}')
    Path(place, "deep.json").write_text("[" * 100_000)
    Path(place, "huge.json").write_bytes(b" " * ((4 << 20) + 1))
    Path(place, "latin.yaml").write_bytes(b"id: \xff")
    os.symlink("/etc/passwd", os.path.join(place, "link.json"))
    done = import_feed(place, home=home, clock=CLOCK)
    assert sorted(path for path, _ in done.malformed) == ["PYSEC-2026-1.json", "deep.json", "huge.json", "latin.yaml"]
    assert found(audited(home, "demo==1.0")) == [("LIB601", 1)]


def test_nothing_but_nonsense_is_no_feed(tmp_path: Path) -> None:
    place = folder(tmp_path)
    Path(place, "a.json").write_text("{}")
    with pytest.raises(Malformed, match=r"a\.json: id"):
        import_feed(place, home=str(tmp_path / "home"), clock=CLOCK)
    with pytest.raises(UsageError, match="not come yet"):
        import_feed(place, home=str(tmp_path / "home"), as_of="2027-01-01", clock=CLOCK)


def test_a_file_alone_proves_no_more_than_its_newest_change(tmp_path: Path) -> None:
    old = {**VULNERABLE, "modified": "2024-10-10T00:00:00Z"}
    place, home = folder(tmp_path, old), str(tmp_path / "home")
    for _ in range(2):
        assert import_feed(place, home=home, clock=CLOCK).feed.as_of == "2024-10-10T00:00:00Z"
    assert import_feed(place, home=home, as_of="2026-11-23", clock=CLOCK).feed.as_of == "2026-11-23T00:00:00Z"


def test_by_id_finds_aliases_and_by_hash_files(tmp_path: Path, home: str) -> None:
    digest = "cd" * 32
    named = record("MAL-2026-9", name="e2", versions=["1"], database_specific_of_package={"sha256": digest})
    import_feed(folder(tmp_path, named, name="more"), home=home, clock=CLOCK)
    with open_store(home) as store:  # type: ignore[union-attr] # it is there
        assert [row.head[0] for row in store.by_id("CVE-2026-10001")] == ["PYSEC-2026-1"]
        assert [row.head[0] for row in store.by_id("PYSEC-2026-1")] == ["PYSEC-2026-1"]
        assert [row.head[0] for row in store.by_hash(f"sha256:{digest}")] == ["MAL-2026-9"]
        assert store.by_id("CVE-1") == []
        advisories = Advisories(store)
        package = Package("PyPI", "e2", "7", "r", 1, "r", hashes=(f"sha256:{digest}",))
        assert [one.id for one in advisories.known([package])] == ["MAL-2026-9"]


def test_a_file_that_is_no_store_is_told(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"nonsense" * 1_000)
    with pytest.raises(Malformed, match="cannot be read"):
        open_store(str(tmp_path))


# the command line


def test_the_commands(tmp_path: Path, home: str) -> None:
    from click.testing import CliRunner

    runner, obj = CliRunner(), {"home": home}
    file = tmp_path / "requirements.txt"
    file.write_text("demo==1.0\n")
    for form, first in (("json", "{"), ("sarif", "{"), ("text", "")):
        answer = runner.invoke(
            audit_command,
            [str(file), "--format", form, "--no-config", "--max-age", "99999"],
            obj=obj,
            standalone_mode=False,
        )
        assert answer.exception is None and answer.return_value == 1 and answer.output.startswith(first)
        assert "CVE-2026-10001" in answer.output
    answer = runner.invoke(
        feeds_face.command, ["status", "--format", "json", "--max-age", "99999"], obj=obj, standalone_mode=False
    )
    assert answer.return_value == 0 and json.loads(answer.output)["feeds"][0]["records"] == 3
    assert (
        runner.invoke(
            feeds_face.command, ["status"], obj={"home": str(tmp_path / "none")}, standalone_mode=False
        ).return_value
        == 3
    )
    place = folder(tmp_path, name="again")
    Path(place, "a.json").write_text(json.dumps(VULNERABLE))
    answer = runner.invoke(feeds_face.command, ["import", place], obj=obj, standalone_mode=False)
    assert answer.return_value == 0 and "again: 1 records" in answer.output


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_feed_is_fetched_whole_and_is_complete_until_then(tmp_path: Path) -> None:
    import functools
    import threading
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    _archives(tmp_path)
    home = str(tmp_path / "home")
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever).start()
        url = f"http://127.0.0.1:{server.server_port}/a.zip"
        done = update_feed(url, home=home, clock=CLOCK)
        with pytest.raises(AssayError):
            update_feed(url + "x", home=home, clock=CLOCK)
        server.shutdown()
    assert (done.feed.name, done.feed.records, done.feed.source) == ("a", 3, url)
    assert done.feed.as_of == "2026-11-24T10:00:00Z"
