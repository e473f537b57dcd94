"""Yanked releases, from project pages of an index that were kept as files (PEP 691 JSON, PEP 592)."""

from assaymark.core.errors import Malformed
from assaymark.library.documents import load_json, rows, text

LIMIT = 64 << 20


def yanked(document: str, what: str) -> dict[tuple[str, str], str]:
    """(name, version) -> reason, of the releases whose every file is yanked; raises Malformed."""
    from packaging.utils import (
        InvalidSdistFilename,
        InvalidWheelFilename,
        canonicalize_name,
        parse_sdist_filename,
        parse_wheel_filename,
    )
    from packaging.version import InvalidVersion

    found = load_json(document, what)
    name = text(found.get("name"))
    if not name or not isinstance(found.get("files"), list):
        raise Malformed(f"{what} is no project page of an index: it has no name or no files")
    told: dict[str, list[object]] = {}
    for file in rows(found["files"]):
        spelled = text(file.get("filename"))[:300]
        try:
            parse = parse_wheel_filename if spelled.endswith(".whl") else parse_sdist_filename
            version = str(parse(spelled)[1])
        except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
            continue  # an egg or an installer: nothing that pip takes
        told.setdefault(version, []).append(file.get("yanked", False))
    own = canonicalize_name(name[:200])
    return {
        (own, version): next((text(value) for value in values if isinstance(value, str)), "")
        for version, values in told.items()
        if all(value is not False for value in values)
    }
