"""The log's static files (C2SP tlog-tiles), for auditors, monitors and mirrors. They name models: not for everybody."""

from starlette.responses import Response

from assaymark.core.errors import Malformed
from assaymark.core.tiles import Tile
from assaymark.faces.http.problems import Problem
from assaymark.faces.http.routes import Routes, Wired, on_org
from assaymark.faces.http.services import Services
from assaymark.registry.access import AUDIT

routes = Routes("/ledger")
_FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}


@routes.get("/checkpoint", on_org(AUDIT), include_in_schema=False)
def checkpoint(services: Wired) -> Response:
    """The newest signed checkpoint."""
    return Response(_static(services, "checkpoint"), media_type="text/plain; charset=utf-8")


@routes.get("/tile/{path:path}", on_org(AUDIT), include_in_schema=False)
def tile(path: str, services: Wired) -> Response:
    """A tile of hashes or of entries. A full one never changes; nor does a partial one, by its name."""
    try:
        name = Tile.read(f"tile/{path}").path  # the one spelling: nothing else reaches the folder
    except Malformed:
        raise Problem(404, "the log has no such file") from None
    return Response(_static(services, name), media_type="application/octet-stream", headers=_FOREVER)


def _static(services: Services, path: str) -> bytes:
    found = services.ledger_files.read(path) if services.ledger_files is not None else None
    if found is None:
        raise Problem(404, "the log has no such file")
    return found
