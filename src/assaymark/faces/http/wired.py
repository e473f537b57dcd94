"""What the registry's routes share: the desk of a caller, and bodies that several of them take."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from assaymark.desk import Desk
from assaymark.faces.http.routes import Caller
from assaymark.faces.http.services import Services
from assaymark.registry.access import READ, ROLES

ENVELOPE = 32 << 20
"""Bytes of a DSSE envelope: the evidence of a scan names every file."""


class Strict(BaseModel):
    """A body: no field that is not named."""

    model_config = ConfigDict(extra="forbid")


class Signed(Strict):
    """A DSSE envelope."""

    envelope: dict[str, Any]

    def document(self) -> bytes:
        """As core.envelope reads it."""
        return json.dumps(self.envelope).encode()  # canonical form has no words for every key; reading refuses them


class Reason(Strict):
    """Why."""

    reason: str = Field(default="", max_length=2_000)


def readable(caller: Caller) -> frozenset[str] | None:
    """Projects in which there may be something that the caller may read, None for all: a query asks for no others."""
    principal = caller.principal
    places = [binding.scope.project for binding in principal.bindings if READ in ROLES[binding.role]]
    if principal.limit.project is not None:
        return frozenset({principal.limit.project})
    return None if None in places else frozenset(place for place in places if place is not None)


def desk(services: Services, caller: Caller) -> Desk:
    """What this caller works at."""
    return Desk(services.registrar, caller.principal.person)
