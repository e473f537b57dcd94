"""Where a home keeps its registry: the folder, the names in it, its settings, and the server's own keys."""

import json
import os
import secrets
from dataclasses import dataclass
from typing import Any

from assaymark.core.errors import UsageError
from assaymark.core.strictjson import loads as strict
from assaymark.ledgers import LOG_FILES
from assaymark.settings import home as home_folder
from assaymark.storage import output
from assaymark.storage.keys import ED25519, PrivateKey

__all__ = [
    "DATABASE", "LOG", "LOG_FILES", "OBJECTS", "SCANNER", "SERVER", "SETTINGS", "Keys", "describe_home", "key_path",
    "make_home", "read_settings", "registry_folder", "set_witness",
]  # fmt: skip
LOG, SERVER, SCANNER = "registry-log", "registry-server", "registry-scanner"
SETTINGS, DATABASE, OBJECTS = "registry.json", "registry.sqlite", "objects"
"""In the registry's folder; a backup has the same names."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Of the server."""

    log: PrivateKey
    server: PrivateKey
    scanner: PrivateKey


def registry_folder(home: str | None) -> str:
    """Where the registry of a home is."""
    return os.path.join(home_folder(home), "registry")


def key_path(home: str | None, name: str) -> str:
    """Where the private key of that name is."""
    return os.path.join(home_folder(home), "keys", f"{name}.key")


def make_home(home: str | None, origin: str | None = None) -> dict[str, str]:
    """Make the folder and the server's keys; raises UsageError where there is one. Returns what `describe_home` does."""
    folder = registry_folder(home)
    settings = os.path.join(folder, SETTINGS)
    if os.path.exists(settings):
        raise UsageError(f"there is a registry in {folder}", step="assay registry info shows it")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    for name in (LOG, SERVER, SCANNER):
        PrivateKey.generate(ED25519).save(key_path(home, name))
    own = origin or f"assaymark.registry/{secrets.token_hex(4)}"
    with open(settings, "x", encoding="utf-8") as file:
        json.dump({"schema": "assaymark/registry/v1", "origin": own}, file)
    return describe_home(home)


def describe_home(home: str | None) -> dict[str, str]:
    """What a trust root needs to know: origin of the log, and the files of the public keys."""
    settings = read_settings(registry_folder(home))
    paths = {name: key_path(home, name).removesuffix(".key") + ".pub" for name in (LOG, SERVER, SCANNER)}
    return {"origin": settings["origin"], "log": paths[LOG], "server": paths[SERVER], "scanner": paths[SCANNER]}


def read_settings(folder: str) -> dict[str, Any]:
    """The registry's settings; raises UsageError where there is none."""
    try:
        with open(os.path.join(folder, SETTINGS), "rb") as file:
            data = strict(file.read(1 << 16), SETTINGS)
    except FileNotFoundError as error:
        raise UsageError(f"there is no registry in {folder}", step="assay registry init") from error
    if not isinstance(data, dict) or not isinstance(data.get("origin"), str):
        raise UsageError(f"{folder}/{SETTINGS} names no origin", step="restore it from a backup")
    return data


def set_witness(home: str | None, name: str, url: str) -> None:
    """Say where a witness of the trust root is reached; raises UsageError."""
    folder = registry_folder(home)
    settings = read_settings(folder)
    settings["witnesses"] = {**settings.get("witnesses", {}), name: url}
    output.write(os.path.join(folder, SETTINGS), json.dumps(settings, indent=1) + "\n")
