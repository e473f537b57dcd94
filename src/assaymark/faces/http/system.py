"""Whether it lives, how it does, who asks: the routes that belong to no capability."""

from ipaddress import ip_address

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from assaymark import __version__
from assaymark.faces.http.authentication import client_of
from assaymark.faces.http.metrics import TYPE
from assaymark.faces.http.problems import Problem
from assaymark.faces.http.routes import KNOWN, ORG, PUBLIC, Known, Permission, Routes, Wired
from assaymark.faces.http.services import Services
from assaymark.registry.access import AUDIT

routes = Routes()


def _scraped_here(request: Request, services: Services) -> bool:
    address = client_of(request, behind_proxy=services.behind_proxy)
    try:
        return services.metrics_open and ip_address(address).is_loopback
    except ValueError:
        return False


class Health(BaseModel):
    """That the process answers."""

    status: str


class Me(BaseModel):
    """Who the server takes the caller for."""

    user: str
    person: str
    roles: list[str]
    verbs: list[str]
    project: str | None
    server: str


@routes.get("/healthz", PUBLIC)
async def healthz() -> Health:
    """Whether the process answers."""
    return Health(status="ok")


@routes.get("/readyz", PUBLIC)
def readyz(request: Request, services: Wired) -> Health:
    """Whether the database answers, and the ledger can sign."""
    import sqlalchemy as sa

    try:
        with services.database.read() as connection:
            connection.execute(sa.select(1))
    except sa.exc.SQLAlchemyError:
        raise Problem(503, "the database does not answer") from None
    measures = request.app.state.measures
    if measures is not None and (trouble := measures.trouble()):
        raise Problem(503, trouble)
    return Health(status="ready")


@routes.get("/metrics", Permission(AUDIT, lambda _: ORG, open_to=_scraped_here), include_in_schema=False)
def metrics(request: Request) -> Response:
    """Figures for Prometheus."""
    return Response(request.app.state.metrics.text(), media_type=TYPE)


@routes.get("/api/v1/whoami", KNOWN)
def whoami(caller: Known) -> Me:
    """Who the credentials stand for, and what they are good for."""
    who = caller.principal
    return Me(
        user=who.name, person=who.person, roles=[str(binding) for binding in who.bindings],
        verbs=sorted(who.limit.verbs), project=who.limit.project, server=__version__,
    )  # fmt: skip


@routes.get("/api/v1/openapi.json", KNOWN, include_in_schema=False)
def openapi(request: Request) -> Response:
    """The description of this interface (OpenAPI 3.1)."""
    from assaymark.faces.http.contract import contract

    return JSONResponse(contract(request.app))
