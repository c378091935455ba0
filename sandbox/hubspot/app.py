"""The routes of API version 2026-09 that the glue uses, as a Starlette application."""

from email.utils import formatdate

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.hubspot import batch, control, links, objects, search
from sandbox.hubspot.faults import Faults
from sandbox.hubspot.gate import JSON, Gate, Verb
from sandbox.hubspot.limits import Limits
from sandbox.hubspot.store import Store

VERSION = "2026-09"
_OBJECTS = f"/crm/objects/{VERSION}/{{objectType}}"
_LINKS = f"/crm/associations/{VERSION}/{{fromObjectType}}/{{toObjectType}}/batch"
_PROPERTIES = f"/crm/properties/{VERSION}/{{objectType}}"

VERBS: tuple[tuple[str, str, Verb], ...] = (
    ("POST", f"{_OBJECTS}/batch/create", batch.create),
    ("POST", f"{_OBJECTS}/batch/read", batch.read),
    ("POST", f"{_OBJECTS}/batch/update", batch.update),
    ("POST", f"{_OBJECTS}/batch/upsert", batch.upsert),
    ("POST", f"{_OBJECTS}/batch/archive", batch.archive),
    ("POST", f"{_OBJECTS}/search", search.search),
    ("GET", _OBJECTS, objects.page),
    ("POST", _OBJECTS, objects.create),
    ("GET", f"{_OBJECTS}/{{objectId}}", objects.get),
    ("PATCH", f"{_OBJECTS}/{{objectId}}", objects.patch),
    ("DELETE", f"{_OBJECTS}/{{objectId}}", objects.delete),
    ("POST", f"{_LINKS}/associate/default", links.associate_default),
    ("POST", f"{_LINKS}/archive", links.archive),
    ("POST", f"{_LINKS}/read", links.read),
    ("GET", _PROPERTIES, objects.properties),
    ("GET", f"{_PROPERTIES}/{{propertyName}}", objects.one_property),
)


def create_app(store: Store, limits: Limits, faults: Faults, token: str) -> Starlette:
    """The simulator as an ASGI application.

    Args:
        store: the records; share its clock with ``limits`` so that both advance together.
        limits: the account's limits.
        faults: the switchable faults.
        token: the bearer token that is let in.
    """
    store.index.lag_seconds = limits.settings.index_lag_seconds
    gate = Gate(store, limits, faults, token)
    routes = [_route(gate, method, path, verb) for method, path, verb in VERBS]

    async def no_route(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        if not request.url.path.startswith("/_sandbox"):
            gate.calls.note(f"{request.method} (no such route)", str(status))
        body = {"status": "error", "message": "resource not found", "category": "OBJECT_NOT_FOUND"}
        return JSONResponse(
            body | {"correlationId": store.correlation_id()}, status, media_type=JSON
        )

    return Starlette(
        routes=routes + control.routes(gate),
        exception_handlers={404: no_route, 405: no_route},
    )


def _route(gate: Gate, method: str, path: str, verb: Verb) -> Route:
    async def endpoint(request: Request) -> Response:
        response = await gate.run(request, path, verb)
        response.headers["Date"] = formatdate(gate.store.clock.seconds(), usegmt=True)
        return response

    return Route(path, endpoint, methods=[method])
