"""The application: routes of all capabilities in one shell, deny by default."""

from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from assaymark import __version__
from assaymark.faces.http import (
    containment,
    deployments,
    hub,
    impact,
    ledger,
    mlflow,
    models,
    oci,
    osv,
    requests,
    system,
    tokens,
    users,
    versions,
    webhooks,
)
from assaymark.faces.http.authentication import Authenticator, Failures
from assaymark.faces.http.metrics import Metrics
from assaymark.faces.http.problems import answer, problem_of
from assaymark.faces.http.routes import Routes, check_routes
from assaymark.faces.http.services import Services
from assaymark.faces.http.shell import Shell

OWN = (
    system.routes, users.routes, tokens.routes, ledger.routes, models.routes, versions.routes, requests.routes,
    *oci.ROUTES, webhooks.routes, impact.routes, deployments.routes, containment.routes, osv.routes,
)  # fmt: skip
FACADES = (*hub.capabilities, *mlflow.capabilities)
"""The registry in the words of clients that people already have."""


def create_app(
    services: Services, more: Iterable[Routes] = (), mounts: Mapping[str, Any] | None = None,
    failures: Failures | None = None,
) -> Shell:  # fmt: skip
    """The server's application. `more`: routes of other capabilities; `mounts`: path -> application of guarded routes.

    Raises RuntimeError when a route does not declare a permission.
    """
    app = bare_app(services, [*OWN, *FACADES, *more], failures)
    for path, mounted in (mounts or {}).items():
        app.mount(path, mounted)
    check_routes(app.routes)
    return Shell(app, services, app.state.metrics)


def bare_app(services: Services, capabilities: Iterable[Routes], failures: Failures | None = None) -> FastAPI:
    """An application without the shell, to be mounted in one."""
    app = FastAPI(
        title="Assaymark", version=__version__, openapi_url=None, docs_url=None, redoc_url=None,
        redirect_slashes=False, exception_handlers={HTTPException: _unmatched, Exception: _unmatched},
    )  # fmt: skip
    app.state.services = services
    app.state.authenticator = Authenticator(services, failures)
    app.state.measures = _measures(services)
    app.state.metrics = Metrics(app.state.measures)
    for capability in capabilities:
        app.router.routes.extend(declared.made() for declared in capability.declared)
    return app


def _measures(services: Services | None) -> Any:
    if services is None or services.registrar is None:
        return None
    from assaymark.measuring import Measures

    return Measures(services.registrar)


async def _unmatched(request: Request, error: Exception) -> Response:
    """What no route takes: 404 and 405; and what broke outside of any route."""
    return answer(request, problem_of(error))
