"""Who is affected by something: the answer, as the graph and the registry give it together."""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
SCHEMA = "assaymark/impact/v1"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing on a way from a seed to a hit. `by`: how it comes from the one before, "" for the seed."""

    key: str
    kind: str
    name: str
    by: str = ""
    since: str = ""


@dataclass(frozen=True, slots=True)
class Seed:
    """A thing that WHAT means. `possibly`: why that could not be decided, "" where it could."""

    key: str
    kind: str
    name: str
    possibly: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the registry with the bytes of a hit."""

    name: str
    state: str
    channels: tuple[str, ...]
    publisher: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where a version runs, or ran."""

    name: str
    environment: str
    since: str
    until: str
    live: bool


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that is affected. Moments are RFC 3339, "" where there is no such end."""

    key: str
    kind: str
    name: str
    stage: str
    owner: str
    possibly: bool
    versions: tuple[Version, ...]
    deployments: tuple[Deployment, ...]
    exposed_from: str
    exposed_until: str
    path: tuple[Step, ...]

    def as_dict(self) -> Json:
        """For JSON."""
        parts = {name: [_plain(part) for part in getattr(self, name)] for name in ("versions", "deployments", "path")}
        return _plain(self) | parts


@dataclass(slots=True)
class Counts:
    """Of all hits, however many are shown."""

    hits: int = 0
    possibly: int = 0
    live: int = 0
    """Deployments that run now, or did at the moment asked for."""
    kinds: dict[str, int] = field(default_factory=dict)
    stages: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Impact:
    """An answer. `hits` can be gone through again; `after` goes through those behind so many."""

    what: str
    as_of: str
    channel: str
    seeds: tuple[Seed, ...]
    seeds_total: int
    notes: tuple[str, ...]
    withdrawn: str
    counts: Counts
    after: Callable[[int], Iterator[Hit]]

    @property
    def hits(self) -> Iterator[Hit]:
        """All, those in production first."""
        return self.after(0)

    def head(self) -> Json:
        """All but the hits, for JSON."""
        return {
            "schema": SCHEMA, "what": self.what, "as_of": self.as_of, "channel": self.channel,
            "withdrawn": self.withdrawn, "notes": list(self.notes),
            "seeds": [dataclasses.asdict(seed) for seed in self.seeds], "seeds_total": self.seeds_total,
            "counts": dataclasses.asdict(self.counts),
        }  # fmt: skip

    def lines(self) -> Iterator[Json]:
        """The head, every hit, and an end without which it is not whole."""
        yield self.head()
        total = 0
        for hit in self.hits:
            total += 1
            yield hit.as_dict()
        yield {"end": True, "hits": total}

    def page(self, limit: int, after: int = 0) -> Json:
        """The head and some hits. `next` is where the next page begins, None behind the last."""
        found: list[Json] = []
        for hit in self.after(after):
            found.append(hit.as_dict())
            if len(found) >= limit:
                break
        end = after + len(found)
        return {**self.head(), "hits": found, "next": end if end < self.counts.hits and found else None}


def _plain(record: Any) -> Json:
    """A flat record as an object; dataclasses.asdict copies all that is in it, which is slow for a hundred thousand."""
    return {name: getattr(record, name) for name in record.__slots__}
