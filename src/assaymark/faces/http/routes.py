"""Routes that declare who may use them. There is no other kind: see `Guarded` and `check_routes`.

A capability is a module with `routes = Routes(prefix)`; each route names its permission first:

    @routes.get("/projects/{project}/models/{model}", on_path(READ))
    def show(project: str, model: str, services: Wired) -> Shown: ...
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar, cast

from fastapi import Depends
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount

from assaymark.core.errors import Malformed
from assaymark.core.strictjson import loads
from assaymark.faces.http.problems import Problem, answer, problem_of
from assaymark.faces.http.services import Services
from assaymark.registry.access import ORG, READ, VERBS, Principal, Scope, allowed, visible

LARGEST = 1 << 20
"""Bytes of a JSON body, unless a route says otherwise."""
_CLOSE = {"Connection": "close"}
_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Permission:
    """What a route demands. Made by the functions below.

    `verb`: None for whoever is known. `at`: the scope that the path names; None where the handler names it, by
    `Caller.demand` on the object that it loaded, without which no answer leaves.
    """

    verb: str | None
    at: Callable[[Request], Scope] | None
    public: bool = False
    open_to: Callable[[Request, Services], bool] | None = None
    """Where this is so, no credentials are asked for."""

    def __post_init__(self) -> None:
        if self.verb is not None and self.verb not in VERBS:
            raise ValueError(f"{self.verb!r} is no verb")


def scope_of_path(request: Request) -> Scope:
    """The scope that `{project}`, `{model}` and `{channel}` of a path name."""
    found = request.path_params
    return Scope(found.get("project"), found.get("model"), found.get("channel"))


PUBLIC = Permission(None, None, public=True)
KNOWN = Permission(None, lambda _: ORG)


def on_path(verb: str, at: Callable[[Request], Scope] = scope_of_path) -> Permission:
    """`verb` on what the path names, judged before the handler runs."""
    return Permission(verb, at)


def on_org(verb: str) -> Permission:
    """`verb` on the whole organisation."""
    return Permission(verb, lambda _: ORG)


def on_object(verb: str) -> Permission:
    """`verb` on the object that the handler loads: it has to call `Caller.demand` or `Caller.only`."""
    return Permission(verb, None)


class Caller:
    """Who sends the request, as handlers see him."""

    def __init__(self, principal: Principal) -> None:
        self.principal = principal
        self.judged = False

    @property
    def name(self) -> str:
        """Name of the account."""
        return self.principal.name

    def may(self, verb: str, scope: Scope) -> bool:
        """Whether he may; not a decision about the request."""
        return bool(allowed(self.principal, verb, scope))

    def demand(self, verb: str, scope: Scope, what: str = "") -> None:
        """Raise 403 unless he may; 404 where he may not even know that there is such a thing."""
        self.judged = True
        answer = allowed(self.principal, verb, scope)
        if answer:
            return
        if not visible(self.principal, scope):
            raise hidden(what or str(scope))
        raise Problem(403, answer.reason, "ask an admin of the project for the role")

    def only(self, verb: str, items: Iterable[_Item], scope: Callable[[_Item], Scope]) -> list[_Item]:
        """Those items on which he may."""
        self.judged = True
        return [item for item in items if self.may(verb, scope(item))]


def hidden(what: str) -> Problem:
    """The one answer for what is not there, and for what one may not know to be there."""
    return Problem(404, f"there is no {what[:200]}, or it is not for you to see")


class StrictRequest(Request):
    """A request whose body is bounded, and whose JSON has one reading; FastAPI's own parser never sees it."""

    largest = LARGEST

    async def body(self) -> bytes:
        """The whole body; raises Problem 413."""
        if not hasattr(self, "_body"):
            pieces, total = [], 0
            try:
                async for piece in self.stream():
                    total += len(piece)
                    if total > self.largest:
                        raise Problem(413, f"at most {self.largest:,} bytes", headers=_CLOSE)
                    pieces.append(piece)
            except ClientDisconnect:
                raise Problem(400, "the body broke off", "send it again", headers=_CLOSE) from None
            self._body = b"".join(pieces)
        return self._body

    async def json(self) -> Any:
        """The body as JSON; raises Problem 400."""
        try:
            return loads(await self.body(), "the body", limit=self.largest, floats=True)
        except Malformed as error:
            raise Problem(400, error.message) from None


class Guarded(APIRoute):
    """A route that judges the sender before anything else of a request is read."""

    def __init__(self, path: str, endpoint: Callable[..., Any], declared: "Declared", **options: Any) -> None:
        self.permission = declared.permission
        self.errors = declared.errors
        self.largest = declared.largest
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Any]:
        """FastAPI's handler with ours around it."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            strict = StrictRequest(request.scope, request.receive)
            strict.largest = self.largest
            try:
                caller = await self._enter(strict)
                if self.body_field is not None:
                    _check_type(strict)
                response: Response = await inner(strict)
                if self.permission.at is None and not self.permission.public and not caller.judged:
                    raise AssertionError(f"{self.path} answered without asking whether it may")  # noqa: TRY301 - a bug
            except Exception as error:  # noqa: BLE001 - a bug is told as one, and logged by the shell
                problem = problem_of(error)
                if problem.status_code == 500:
                    request.scope["assay_bug"] = error
                return self.errors(strict, problem)
            return response

        return handle

    async def _enter(self, request: Request) -> Caller:
        permission, services = self.permission, cast("Services", request.app.state.services)
        if permission.public or (permission.open_to and permission.open_to(request, services)):
            caller = request.scope["assay_caller"] = Caller(Principal("", ""))
            return caller
        # 1. Who.
        caller = Caller(await run_in_threadpool(request.app.state.authenticator, request))
        request.scope["assay_caller"] = caller
        # 2. Whether he may, on what the path names.
        if permission.at is not None and permission.verb is not None:
            caller.demand(permission.verb, permission.at(request))
        return caller


@dataclass(frozen=True)
class Declared:
    """One route as its capability wrote it. `largest`: bytes of its JSON body."""

    path: str
    endpoint: Callable[..., Any]
    permission: Permission
    errors: Callable[[Request, Problem], Response]
    largest: int
    methods: Sequence[str]
    options: dict[str, Any]

    def made(self) -> Guarded:
        """The route itself."""
        return Guarded(self.path, self.endpoint, self, methods=list(self.methods), **self.options)


@dataclass
class Routes:
    """The routes of one capability. `errors` tells problems the way that its clients understand."""

    prefix: str = ""
    errors: Callable[[Request, Problem], Response] = answer
    declared: list[Declared] = field(default_factory=list)

    def add(
        self, methods: Sequence[str], path: str, permission: Permission, largest: int = LARGEST, **options: Any
    ) -> Callable[[_Endpoint], _Endpoint]:
        """Declare a route; options are those of FastAPI."""

        def declare(endpoint: _Endpoint) -> _Endpoint:
            self.declared.append(
                Declared(self.prefix + path, endpoint, permission, self.errors, largest, methods, options)
            )
            return endpoint

        return declare

    def get(self, path: str, permission: Permission, **options: Any) -> Callable[[_Endpoint], _Endpoint]:
        """GET."""
        return self.add(["GET"], path, permission, **options)

    def post(self, path: str, permission: Permission, **options: Any) -> Callable[[_Endpoint], _Endpoint]:
        """POST."""
        return self.add(["POST"], path, permission, **options)

    def put(self, path: str, permission: Permission, **options: Any) -> Callable[[_Endpoint], _Endpoint]:
        """PUT."""
        return self.add(["PUT"], path, permission, **options)

    def delete(self, path: str, permission: Permission, **options: Any) -> Callable[[_Endpoint], _Endpoint]:
        """DELETE."""
        return self.add(["DELETE"], path, permission, **options)


def all_routes(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """Every route, those of mounted applications too."""
    for route in routes:
        below = route.routes if isinstance(route, Mount) else None
        if below:
            yield from all_routes(below)
        else:
            yield route


def check_routes(routes: Iterable[BaseRoute]) -> None:
    """Refuse to start with a route that does not declare a permission, however it came in."""
    open_doors = [repr(route) for route in all_routes(routes) if not isinstance(route, Guarded)]
    if open_doors:
        raise RuntimeError(f"routes without a declared permission: {', '.join(sorted(open_doors))}")


def _check_type(request: Request) -> None:
    given = request.headers.getlist("content-type")
    kind, _, parameters = (given[0] if len(given) == 1 else "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if kind.strip().lower() != "application/json" or charset not in {"", "charset=utf-8"}:
        raise Problem(415, "the body has to be application/json in UTF-8")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "the body has to come as it is, without Content-Encoding")


async def _caller(request: Request) -> Caller:
    return cast("Caller", request.scope["assay_caller"])


async def _services(request: Request) -> Services:
    return cast("Services", request.app.state.services)


Known = Annotated[Caller, Depends(_caller)]
"""Parameter of a handler: who sends the request."""
Wired = Annotated[Services, Depends(_services)]
"""Parameter of a handler: what it works with."""
__all__ = [
    "KNOWN", "ORG", "PUBLIC", "READ", "Caller", "Guarded", "Known", "Permission", "Routes", "Wired",
    "all_routes", "check_routes", "hidden", "on_object", "on_org", "on_path", "scope_of_path",
]  # fmt: skip
