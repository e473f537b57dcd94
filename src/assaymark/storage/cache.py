"""Results by content: what was said of these bytes, under this name, by this very set of checks.

One file an entry, `SIZE/KEY.json` below a folder for each check set. A size that was never seen cannot be a hit, so a new
file is read once, hashed and looked at in the same pass. Whoever can write here can write the program too.
"""

import hashlib
import json
import os
from dataclasses import replace

from assaymark.core.finding import Finding
from assaymark.core.scan import FileReport, file_from_json, file_to_json

SMALLEST = 1 << 20
"""Bytes below which looking costs less than a look-up."""
_NOT_FINAL = {"CHK001", "CHK003", "CHK004"}


class ResultCache:
    """Reports below `folder`; every failure to read or write is a miss."""

    def __init__(self, folder: str, checkset: str) -> None:
        self._folder = os.path.join(folder, checkset.rpartition(":")[2][:32])

    def may_hold(self, size: int) -> bool:
        """Whether any file of this size was ever kept."""
        return size >= SMALLEST and os.path.isdir(os.path.join(self._folder, str(size)))

    def get(self, size: int, sha256: str, path: str) -> FileReport | None:
        """The report for these bytes as `path`, or None."""
        try:
            with open(self._place(size, sha256, path), encoding="utf-8") as file:
                report = file_from_json(json.load(file))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        if (report.size, report.sha256) != (size, sha256):
            return None
        return _under(report, path)

    def put(self, report: FileReport) -> None:
        """Keep a report that time, memory or the file system had no part in."""
        if report.size < SMALLEST or report.sha256 is None or any(f.id in _NOT_FINAL for f in report.findings):
            return
        place = self._place(report.size, report.sha256, report.path)
        try:
            os.makedirs(os.path.dirname(place), mode=0o700, exist_ok=True)
            import tempfile

            descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(place))
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    json.dump(file_to_json(_under(report, "")), file)
                os.replace(temporary, place)
            except BaseException:
                os.unlink(temporary)
                raise
        except OSError:
            return

    def _place(self, size: int, sha256: str, path: str) -> str:
        # As much of the name as recognisers go by: `.github/workflows/x.yml` is more than `x.yml`.
        name = "/".join(path.split("/")[-3:]).encode("utf-8", "backslashreplace")
        key = hashlib.sha256(sha256.encode() + b"\0" + name).hexdigest()
        return os.path.join(self._folder, str(size), f"{key}.json")


def _under(report: FileReport, path: str) -> FileReport:
    findings = tuple(_moved(finding, path) for finding in report.findings)
    gaps = tuple(replace(gap, what=path + gap.what[len(report.path) :]) for gap in report.gaps)
    return replace(report, path=path, findings=findings, gaps=gaps)


def _moved(finding: Finding, path: str) -> Finding:
    return replace(finding, where=replace(finding.where, path=path), fingerprint="")
