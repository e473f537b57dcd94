"""Records are cheaper to define than the dataclasses of the standard library, and behave alike."""

import copy
import dataclasses
import pickle

import pytest

from assaymark.core.record import dataclass


@dataclass(frozen=True, slots=True)
class Cheap:
    """A record."""

    path: str
    size: int = 0
    parts: tuple[str, ...] = dataclasses.field(default_factory=tuple)


@dataclasses.dataclass(frozen=True, slots=True)
class Genuine:
    """The same of the standard library."""

    path: str
    size: int = 0
    parts: tuple[str, ...] = dataclasses.field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Spoken:
    """One that says itself how it is shown."""

    path: str

    def __repr__(self) -> str:
        return self.path


def test_it_compares_and_hashes_by_its_fields() -> None:
    assert Cheap("a", 1) == Cheap("a", 1)
    assert hash(Cheap("a", 1)) == hash(Cheap("a", 1))
    assert len({Cheap("a"), Cheap("a"), Cheap("b")}) == 2
    assert Cheap("a") != Cheap("a", 1)
    assert Cheap("a") != Spoken("a")
    assert Cheap("a") != "a"


def test_it_is_shown_and_taken_apart_as_the_genuine_one() -> None:
    assert repr(Cheap("a", parts=("b",))) == repr(Genuine("a", parts=("b",))).replace("Genuine", "Cheap")
    assert [field.name for field in dataclasses.fields(Cheap)] == [field.name for field in dataclasses.fields(Genuine)]
    assert dataclasses.asdict(Cheap("a")) == dataclasses.asdict(Genuine("a"))
    assert dataclasses.replace(Cheap("a"), size=3) == Cheap("a", 3)
    match Cheap("a", 2):
        case Cheap(path, size):
            assert (path, size) == ("a", 2)


def test_it_has_slots_and_can_be_copied() -> None:
    with pytest.raises(AttributeError):
        object.__setattr__(Cheap("a"), "other", 1)
    assert copy.copy(Cheap("a", 1)) == pickle.loads(pickle.dumps(Cheap("a", 1))) == Cheap("a", 1)


def test_what_the_class_defines_itself_stays() -> None:
    assert repr(Spoken("a")) == "a"
    assert Spoken("a") == Spoken("a")
