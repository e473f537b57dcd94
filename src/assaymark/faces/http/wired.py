"""What the registry's routes share: the desk of a caller, and bodies that several of them take."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from assaymark.core.strictjson import canonical
from assaymark.desk import Desk
from assaymark.faces.http.routes import Caller
from assaymark.faces.http.services import Services

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
        return canonical(self.envelope)


class Reason(Strict):
    """Why."""

    reason: str = Field(default="", max_length=2_000)


def desk(services: Services, caller: Caller) -> Desk:
    """What this caller works at."""
    return Desk(services.registrar, caller.principal.person)
