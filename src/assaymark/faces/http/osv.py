"""The OSV API over the advisories of this home, for `pip-audit -s osv --osv-url`, `uv audit --service-url` and the like.

Advisories are public, and stock clients send no token. Bodies, queries and answers are bounded. Where the feeds are missing
or stale the answer is 503, which these clients take for a failure: an empty answer they would take for clean.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from assaymark.core.errors import Unreadable
from assaymark.faces.http.problems import Problem
from assaymark.faces.http.routes import PUBLIC, Routes
from assaymark.faces.http.services import Services

_BODY = 4 << 20
_QUERIES = 1_000
_PAGE = 100
_PAGE_BYTES = 16 << 20
_IDS = 1_000
_CODES = {400: 3, 404: 5, 413: 3, 415: 3, 503: 14}
"""Status -> code of gRPC, as osv.dev has it in its errors."""
_Answer = TypeVar("_Answer")


def errors(_request: Request, problem: Problem) -> Response:
    """As osv.dev tells them."""
    status = problem.status_code
    text = problem.detail + (f"; {problem.step}" if problem.step else "")
    body = json.dumps({"code": _CODES.get(status, 13 if status == 500 else 2), "message": text}).encode()
    return Response(body, status, dict(problem.headers or {}), "application/json")


routes = Routes("/v1", errors)


@routes.post("/query", PUBLIC, largest=_BODY, include_in_schema=False)
async def query(request: Request) -> Response:
    """The records that mean one package."""
    body = await request.json()

    def ask(service: Any) -> bytes:
        from assaymark.auditing import read_query

        asked = read_query(body)
        ids = service.ids([asked])[0]
        documents: list[bytes] = []
        size = 0
        for identity, _ in ids[asked.start : asked.start + _PAGE]:
            document = service.document(identity)
            if documents and size + len(document) > _PAGE_BYTES:
                break
            documents.append(document)
            size += len(document)
        end = asked.start + len(documents)
        more = b', "next_page_token": "%d"' % end if end < len(ids) else b""
        return b'{"vulns": [' + b", ".join(documents) + b"]" + more + b"}" if documents else b"{}"

    return await _answered(request, ask)


@routes.post("/querybatch", PUBLIC, largest=_BODY, include_in_schema=False)
async def query_batch(request: Request) -> Response:
    """Ids of the records that mean each of up to a thousand packages."""
    body = await request.json()

    def ask(service: Any) -> bytes:
        from assaymark.auditing import read_query

        given = body.get("queries") if isinstance(body, dict) else None
        if not isinstance(given, list) or len(given) > _QUERIES:
            raise Problem(400, f"queries is a list of at most {_QUERIES:,}")
        queries = [read_query(one) for one in given]
        results = [_page(found, one.start) for one, found in zip(queries, service.ids(queries), strict=True)]
        return json.dumps({"results": results}).encode()

    return await _answered(request, ask)


@routes.get("/vulns/{identity:path}", PUBLIC, include_in_schema=False)
async def vulnerability(identity: str, request: Request) -> Response:
    """One record as it was imported."""

    def ask(service: Any) -> bytes:
        document: bytes | None = service.document(identity[:500])
        if document is None:
            raise Problem(404, "Bug not found.")
        return document

    try:
        return await _answered(request, ask)
    except Unreadable as error:  # without advisories there is no record of that id either
        raise Problem(404, error.message, error.step) from None


def _page(found: list[tuple[str, str]], start: int) -> dict[str, Any]:
    page = found[start : start + _IDS]
    if not page:
        return {}
    more = {"next_page_token": str(start + _IDS)} if start + _IDS < len(found) else {}
    return {"vulns": [{"id": identity, "modified": modified} for identity, modified in page], **more}


async def _answered(request: Request, ask: Callable[[Any], bytes]) -> Response:
    services: Services = request.app.state.services
    return Response(await run_in_threadpool(_with_service, services, ask), media_type="application/json")


def _with_service(services: Services, ask: Callable[[Any], _Answer]) -> _Answer:
    from assaymark.auditing import FRESH, Answering

    days = services.extra.get("advisories_max_age_days")
    max_age = FRESH if days is None else timedelta(days=days)
    with Answering(_home(services), services.clock.now(), max_age) as service:
        return ask(service)


def _home(services: Services) -> str | None:
    """Where the advisories are: named in `extra`, else the home that the registry is in."""
    import os

    named: str | None = services.extra.get("advisories")
    return named or (os.path.dirname(services.registrar.folder) if services.registrar is not None else None)
