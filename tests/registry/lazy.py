"""Hosts that open a model lazily, whose shards are small."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from assaymark import guard
from assaymark.core.envelope import Envelope
from assaymark.core.evidence import Statement
from assaymark.registry import shards
from assaymark.storage import lazymap
from assaymark.verifying import OpenModel
from tests.registry.makers import NOW, World, at, scan, sign
from tests.registry.test_verifying import Host

SHARD = shards.LEAST
BIG = b"".join(sha256(number.to_bytes(4, "little")).digest() for number in range(SHARD * 5 // 32)) + b"tail" * 25
EVEN = BIG[SHARD : SHARD * 3]
FILES = {"big.bin": BIG, "deep/even.bin": EVEN, "config.json": b"{}", "empty": b"", "one.bin": BIG[:SHARD]}


def pieces(data: bytes, shard: int = SHARD) -> list[str]:
    return [sha256(data[start : start + shard]).hexdigest() for start in range(0, len(data), shard)]


def listed(world: World, shard: int = SHARD, **predicate: Any) -> Statement:
    """The digests of shards as a scanner signs them, or with other fields."""
    made = shards.make(
        world.subject.name, world.manifest, {path: pieces(data, shard) for path, data in world.content.items()},
        at(hours=5), shard,
    )  # fmt: skip
    return replace(made, predicate={**made.predicate, **predicate})


def lazy_host(place: Path, world: World, *lists: Envelope) -> Host:
    host = Host(place, world)
    given = lists or (sign(listed(world), "scanner"),)
    host.bundle.write_bytes(world.bundle(evidence=[scan(world.subject), *given]).to_bytes())
    return host


def opened(host: Host, **options: Any) -> OpenModel:
    usual: dict[str, Any] = {"state": False, "now": NOW, "lazy": True}
    return guard.open_verified(host.folder, host.bundle, host.root, host.world.place, **{**usual, **options})


WORLD = World(content=FILES)


class Hashed:
    """Which parts of files were hashed, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.parts: list[tuple[str, int]] = []
        real = lazymap.VerifiedMap._hash

        def spied(one: lazymap.VerifiedMap, index: int) -> bytes:
            self.parts.append((one.path, index))
            return real(one, index)

        monkeypatch.setattr(lazymap.VerifiedMap, "_hash", spied)


def flip(path: Path, place: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        (byte,) = file.read(1)
        file.seek(place)
        file.write(bytes([byte ^ 1]))
