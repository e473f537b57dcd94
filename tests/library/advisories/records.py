"""OSV records for tests."""

from typing import Any

NOW = "2026-11-24T10:00:00Z"


def record(identity: str, name: str = "demo", **more: Any) -> dict[str, Any]:
    """A record of PyPI; `versions`, `events`, `ranges` and `ecosystem` are of its one package."""
    entry: dict[str, Any] = {"package": {"ecosystem": more.pop("ecosystem", "PyPI"), "name": name}}
    if "versions" in more:
        entry["versions"] = more.pop("versions")
    if "events" in more:
        entry["ranges"] = [{"type": more.pop("kind", "ECOSYSTEM"), "events": more.pop("events")}]
    for key in ("ranges", "database_specific_of_package"):
        if key in more:
            entry[key.removesuffix("_of_package")] = more.pop(key)
    return {"schema_version": "1.7.4", "id": identity, "modified": NOW, "affected": [entry], **more}
