"""Where a home keeps its registry: the folder, the names in it, its settings, and the server's own keys."""

import json
import os
from dataclasses import dataclass
from typing import Any

from assaymark.core.errors import UsageError
from assaymark.core.strictjson import loads as strict
from assaymark.settings import home as home_folder
from assaymark.storage import output
from assaymark.storage.keys import PrivateKey

LOG, SERVER, SCANNER = "registry-log", "registry-server", "registry-scanner"
SETTINGS, DATABASE, OBJECTS, LOG_FILES = "registry.json", "registry.sqlite", "objects", "log"
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
