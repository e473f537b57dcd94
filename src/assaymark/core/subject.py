"""A subject is immutable bytes, named by digest, in a layer."""

from enum import StrEnum

from assaymark.core.digest import Digest
from assaymark.core.record import dataclass


class Layer(StrEnum):
    """The five layers of the AI supply chain, and the platform's own checks."""

    DATA = "data"
    MODEL = "model"
    LIBRARY = "library"
    INFRA = "infrastructure"
    TOOLING = "tooling"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class Subject:
    """`name` is for people; only `digest` identifies."""

    name: str
    digest: Digest
