"""Lists of digests of shards that are wrong, of something else, or by somebody else: all are refused."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from assaymark.core.errors import Malformed
from assaymark.core.evidence import Statement
from assaymark.registry import shards
from assaymark.registry.verify import NotVerified
from tests.registry.lazy import BIG, EVEN, FILES, SHARD, WORLD, lazy_host, listed, opened, pieces
from tests.registry.makers import World, at, sign
from tests.registry.test_verifying import Host


def first(made: Statement, **changes: Any) -> Statement:
    """The list with other values for its first file."""
    entry, *others = made.predicate["files"]
    return replace(made, predicate={**made.predicate, "files": [{**entry, **changes}, *others]})


def without(made: Statement, name: str) -> Statement:
    return replace(made, predicate={key: value for key, value in made.predicate.items() if key != name})


ALL = pieces(BIG)
LISTS: dict[str, tuple[Callable[[Statement], Statement], str]] = {
    "a piece is missing": (lambda s: first(s, shards=ALL[:-1]), "has not just 6 digests"),
    "a piece too many": (lambda s: first(s, shards=[*ALL, ALL[0]]), "has not just 6 digests"),
    "an empty tail": (lambda s: first(s, shards=[*ALL, sha256(b"").hexdigest()]), "has not just 6 digests"),
    "no list": (lambda s: first(s, shards={"0": ALL[0]}), "has not just 6 digests"),
    "another size": (lambda s: first(s, size=len(BIG) - 1), "another file 'big.bin'"),
    "size true": (lambda s: first(s, size=True), "another file"),
    "another whole": (lambda s: first(s, sha256=sha256(EVEN).hexdigest()), "another file"),
    "another path": (lambda s: first(s, path="big2.bin"), "not of all files over 65,536 bytes"),
    "one more field": (lambda s: first(s, more=1), "another file"),
    "upper case": (lambda s: first(s, shards=[ALL[0].upper(), *ALL[1:]]), "lower-case"),
    "too short": (lambda s: first(s, shards=[ALL[0][:-1], *ALL[1:]]), "lower-case"),
    "a number": (lambda s: first(s, shards=[1, *ALL[1:]]), "lower-case"),
    "a file is missing": (lambda s: replace(s, predicate={**s.predicate, "files": s.predicate["files"][:1]}), "not of all files"),
    "twice": (lambda s: replace(s, predicate={**s.predicate, "files": s.predicate["files"] * 2}), "not of all files"),
    "other order": (lambda s: replace(s, predicate={**s.predicate, "files": s.predicate["files"][::-1]}), "not of all files"),
    "no files": (lambda s: replace(s, predicate={**s.predicate, "files": None}), "lack or have beyond"),
    "not objects": (lambda s: replace(s, predicate={**s.predicate, "files": ["big.bin", "deep/even.bin"]}), "not of all files"),
    "another shard": (lambda s: replace(s, predicate={**s.predicate, "shard": SHARD * 2}), "not of all files|has not just"),
    "odd shard": (lambda s: replace(s, predicate={**s.predicate, "shard": SHARD + 1}), "no power of two"),
    "small shard": (lambda s: replace(s, predicate={**s.predicate, "shard": SHARD // 2}), "no power of two"),
    "shard of nothing": (lambda s: replace(s, predicate={**s.predicate, "shard": 0}), "no power of two"),
    "shard of a text": (lambda s: replace(s, predicate={**s.predicate, "shard": "65536"}), "no power of two"),
    "no time": (lambda s: replace(s, predicate={**s.predicate, "at": "yesterday"}), "lack or have beyond"),
    "no shard": (lambda s: without(s, "shard"), "lack or have beyond"),
    "one field more": (lambda s: replace(s, predicate={**s.predicate, "more": 1}), "lack or have beyond"),
    "two subjects": (lambda s: replace(s, subjects=(*s.subjects, *s.subjects)), "another version"),
}  # fmt: skip


@pytest.mark.parametrize("change", LISTS)
def test_a_wrong_list_is_refused(tmp_path: Path, change: str) -> None:
    act, saying = LISTS[change]
    host = lazy_host(tmp_path, WORLD, sign(act(listed(WORLD)), "scanner"))
    with pytest.raises(NotVerified, match=saying) as caught:
        opened(host)
    assert caught.value.number == 8
    assert opened(host, lazy=False).complete()  # nobody needs it who hashes all


def test_list_of_another_version(tmp_path: Path) -> None:
    other = World(content={**FILES, "big.bin": BIG[::-1]})
    for made in (
        sign(listed(other), "scanner"),
        sign(replace(listed(other), subjects=listed(WORLD).subjects), "scanner"),
    ):
        place = tmp_path / made.payload.hex()[-8:] / str(len(made.payload)) / sha256(made.payload).hexdigest()
        place.mkdir(parents=True)
        with pytest.raises(NotVerified, match=r"another (model|file)"):
            opened(lazy_host(place, WORLD, made))


@pytest.mark.parametrize("who", ["ann", "bea", "server", "root1"])
def test_list_signed_by_somebody_else(tmp_path: Path, who: str) -> None:
    host = lazy_host(tmp_path, WORLD, sign(listed(WORLD), who))
    with pytest.raises(NotVerified, match="not signed by a scanner of fraud"):
        opened(host)


def test_list_of_a_scanner_before_its_key_counted(tmp_path: Path) -> None:
    host = lazy_host(tmp_path, WORLD, sign(listed(WORLD, at=at(days=500)), "scanner"))
    with pytest.raises(NotVerified, match="not signed by a scanner"):
        opened(host)


def test_list_that_nobody_approved(tmp_path: Path) -> None:
    """Evidence that is put into a bundle later is not what the request and the approvals bind."""
    made = WORLD.bundle()
    host = Host(tmp_path, WORLD)
    more = replace(made, evidence=(*made.evidence, sign(listed(WORLD), "scanner")))
    host.bundle.write_bytes(more.to_bytes())
    with pytest.raises(NotVerified, match="not the set that was approved") as caught:
        opened(host)
    assert caught.value.number == 4


def test_lists_that_differ_are_refused_and_others_of_another_length_taken(tmp_path: Path) -> None:
    wrong = sign(first(listed(WORLD), shards=[ALL[1], *ALL[1:]]), "scanner")
    (tmp_path / "a").mkdir()
    with pytest.raises(NotVerified, match="two scanners say different things"):
        opened(lazy_host(tmp_path / "a", WORLD, sign(listed(WORLD), "scanner"), wrong))
    (tmp_path / "b").mkdir()
    newer = sign(listed(WORLD, SHARD * 2, at=at(hours=4.5)), "scanner")
    with opened(lazy_host(tmp_path / "b", WORLD, newer, sign(listed(WORLD), "scanner"))) as files:
        assert files.map("big.bin").view(3, SHARD * 2) == BIG[3 : 3 + 2 * SHARD]
        files.prefetch(wait=True)
        assert files.complete()


def test_what_is_no_list_at_all() -> None:
    made = listed(WORLD)
    assert shards.read(made, WORLD.manifest)["big.bin"].length == SHARD
    with pytest.raises(Malformed, match="has no digests of shards"):
        shards.read(replace(made, predicate_type="urn:other"), WORLD.manifest)
    with pytest.raises(Malformed, match="not just 6"):
        shards.make("fraud/scorer@7", WORLD.manifest, {}, at(hours=5), SHARD)
