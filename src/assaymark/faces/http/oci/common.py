"""What the OCI routes share."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.requests import Request

from assaymark.core.errors import Malformed, NotFound, UsageError
from assaymark.faces.http.oci.problems import refuse
from assaymark.faces.http.problems import Problem
from assaymark.faces.http.routes import Caller
from assaymark.faces.http.services import Services
from assaymark.registrar import Registrar
from assaymark.registry import oci
from assaymark.registry.access import PUBLISH, Scope
from assaymark.registry.models import find_model
from assaymark.registry.names import ModelName
from assaymark.registry.oci import Withheld
from assaymark.registry.oci_documents import read_digest
from assaymark.registry.oci_uploads import TooMany

REPOSITORY = "/{project}/{model}"
PAGE = 1_000


def registrar_of(services: Services) -> Registrar:
    """The registry."""
    found: Registrar = services.registrar
    return found


def model_name(project: str, model: str) -> ModelName:
    """The model that a path names; raises Problem NAME_INVALID."""
    try:
        return ModelName.parse(f"{project}/{model}")
    except UsageError as error:
        raise refuse(400, "NAME_INVALID", error.message, error.step) from None


def may_publish(caller: Caller, name: ModelName) -> bool:
    """Whether the caller may push into this model."""
    return caller.may(PUBLISH, Scope(name.project, name.model))


def digest_in(text: str) -> str:
    """The hexadecimal part of a digest; raises Problem DIGEST_INVALID."""
    try:
        return read_digest(text)
    except Malformed as error:
        raise refuse(400, "DIGEST_INVALID", error.message) from None


@contextmanager
def told_as(missing: str) -> Iterator[None]:
    """What is not there, or not given out, in the words of the specification."""
    try:
        yield
    except Problem:
        raise
    except Withheld as error:
        raise refuse(403, "DENIED", error.message, error.step) from None
    except TooMany as error:
        raise refuse(429, "TOOMANYREQUESTS", error.message, error.step) from None
    except NotFound as error:
        raise refuse(404, missing, error.message, error.step) from None


def indexed(registrar: Registrar, name: ModelName) -> bool:
    """Have the index complete; whether something was added. Nothing is written where it is complete."""
    with registrar.look() as work:
        if not oci.unindexed(work.connection, find_model(work.connection, name).id):
            return False
    with registrar.work() as work:
        oci.index(work, name)
    return True


def number_in(request: Request, name: str) -> int:
    """A count in the query, at most PAGE; raises Problem 400."""
    text = request.query_params.get(name, str(PAGE))
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise refuse(400, "UNSUPPORTED", f"{name} is a number")
    return min(int(text), PAGE)


def next_page(path: str, count: int, last: str) -> dict[str, str]:
    """The Link header to what follows (RFC 8288). Names need no encoding."""
    return {"Link": f'<{path}?n={count}&last={last}>; rel="next"'}


def plain_body(request: Request) -> None:
    """Refuse bodies that are packed."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise refuse(415, "UNSUPPORTED", "the bytes have to come as they are, without Content-Encoding")


def json_answer(body: dict[str, Any]) -> bytes:
    """Canonical JSON."""
    from assaymark.core.strictjson import canonical

    return canonical(body)
