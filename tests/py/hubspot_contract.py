"""Holds HubSpot traffic against HubSpot's published OpenAPI documents.

The documents, used as they are, mislead; :func:`overlay` corrects what is known to be wrong and
nothing else. ``check_exchange`` takes any recorded httpx request and response.
"""

import copy
import json
import os
from functools import cache
from pathlib import Path

import httpx
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from werkzeug.datastructures import Headers, ImmutableMultiDict

HOST = "https://api.hubapi.com"
_DEFAULT = Path(__file__).resolve().parents[2].parent / "shared" / "hubspot-openapi"
FOLDER = Path(os.environ.get("HUBSPOT_OPENAPI", _DEFAULT)) / "2026-09"
WHY_SKIPPED = f"HubSpot's OpenAPI documents are not in {FOLDER}; set HUBSPOT_OPENAPI"

_MAX_INPUTS = 100
_MAX_ASSOCIATION_READS = 1000


def available() -> bool:
    """Whether the documents are there; without them a contract test has to skip."""
    return (FOLDER / "objects.json").is_file()


def check_exchange(request: httpx.Request, response: httpx.Response) -> None:
    """Validate a request and its answer; the request is skipped when it was refused with a 4xx,
    since a refused request may well be malformed.

    Args:
        request: as sent; its body must have been read.
        response: as received; its body must have been read.

    Raises:
        openapi_core.exceptions.OpenAPIError: what does not fit the documents.
        LookupError: a path that none of the documents is for.
    """
    if not 400 <= response.status_code < 500:
        check_request(request)
    check_response(request, response)


def check_request(request: httpx.Request) -> None:
    """Validate a request, as :func:`check_exchange` does."""
    document(request.url.path).validate_request(_Request(request))


def check_response(request: httpx.Request, response: httpx.Response) -> None:
    """Validate an answer to ``request``, as :func:`check_exchange` does."""
    spec = document(request.url.path)
    spec.validate_response(_Request(request), _Response(response))


@cache
def _documents() -> dict[str, OpenAPI]:
    found = {}
    for name in ("objects", "associations", "properties"):
        raw = json.loads((FOLDER / f"{name}.json").read_text())
        found[name] = OpenAPI.from_dict(overlay(raw))
    return found


def document(path: str) -> OpenAPI:
    """The document that describes ``path``; LookupError when none does."""
    for name, spec in _documents().items():
        if path.startswith(f"/crm/{name}/"):
            return spec
    raise LookupError(f"no document describes {path}")


def overlay(raw: dict) -> dict:
    """The document with what is known to be wrong put right.

    - ``example: null`` goes, and so does ``security``: the bearer token of a private app is not
      among its schemes.
    - A 204 has no content, instead of content of no type.
    - Errors are ``application/json``; ``status`` and, on a 429, ``errorType`` without
      ``category`` belong to them.
    - Batches answer 207 with the schema of their success. An entry of ``errors`` has neither
      ``errors`` nor ``links`` for certain, and its ``subCategory`` is a string.
    - Inputs of a batch: 1 to 100 (association reads 1,000). An upsert input requires
      ``idProperty`` and has no unknown fields. A create requires no ``associations``.
    - A search requires nothing; its ``sorts`` may be objects.
    - Property values may be null in answers.
    """
    spec = _without_null_examples(copy.deepcopy(raw))
    schemas = spec["components"]["schemas"]
    spec["components"].pop("securitySchemes", None)
    for path, item in spec["paths"].items():
        for operation in item.values():
            operation.pop("security", None)
            _answers(operation, batch="/batch/" in path)
    error = spec["components"]["responses"]["Error"]
    error["content"] = {"application/json": error["content"].pop("*/*")}
    schemas["RateLimitError"] = _rate_limit_error()
    for name, schema in schemas.items():
        properties = schema.get("properties", {})
        if name.startswith("Batch") and "Input" in name and "inputs" in properties:
            reads = "FetchAssociations" in name
            most = _MAX_ASSOCIATION_READS if reads else _MAX_INPUTS
            properties["inputs"] |= {"minItems": 1, "maxItems": most}
        if name == "StandardError":
            schema["required"] = ["category", "message", "status"]
            properties["subCategory"] = {"type": "string"}
        if name == "Error":
            properties["status"] = {"type": "string", "enum": ["error"]}
        if name == "SimplePublicObjectBatchInputUpsert":
            schema["required"] = ["id", "idProperty", "properties"]
            schema["additionalProperties"] = False
        if name in ("SimplePublicObjectBatchInputForCreate", "SimplePublicObjectInputForCreate"):
            schema["required"] = ["properties"]
        if name == "PublicObjectSearchRequest":
            schema.pop("required")
            properties["sorts"]["items"] = {}
        if name == "SimplePublicUpsertObject":
            properties["properties"]["additionalProperties"]["nullable"] = True
    return spec


def _answers(operation: dict, *, batch: bool) -> None:
    responses = operation["responses"]
    for answer in responses.values():
        if not answer.get("content", True):
            del answer["content"]
    for status in ("200", "201"):
        if batch and status in responses:
            responses["207"] = responses[status]
    reference = {"$ref": "#/components/schemas/RateLimitError"}
    responses["429"] = {
        "description": "A limit was reached.",
        "content": {"application/json": {"schema": reference}},
    }


def _rate_limit_error() -> dict:
    policies = ["TEN_SECONDLY_ROLLING", "DAILY"]
    own = {
        "type": "object",
        "required": ["status", "message", "correlationId", "errorType", "policyName"],
        "properties": {
            "errorType": {"type": "string", "enum": ["RATE_LIMIT"]},
            "policyName": {"type": "string", "enum": policies},
        },
    }
    return {"anyOf": [own, {"$ref": "#/components/schemas/Error"}]}


def _without_null_examples(node):
    if isinstance(node, dict):
        return {
            key: _without_null_examples(value)
            for key, value in node.items()
            if not (key == "example" and value is None)
        }
    if isinstance(node, list):
        return [_without_null_examples(value) for value in node]
    return node


class _Request:
    """An httpx request as openapi-core reads one, at HubSpot's own host."""

    def __init__(self, request: httpx.Request) -> None:
        self.host_url = HOST
        self.path = request.url.path
        self.method = request.method.lower()
        self.body = request.content or None
        self.content_type = request.headers.get("content-type", "").split(";")[0]
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(request.url.params.multi_items()),
            header=Headers(list(request.headers.items())),
            cookie=ImmutableMultiDict(),
            path={},
        )


class _Response:
    """An httpx response as openapi-core reads one."""

    def __init__(self, response: httpx.Response) -> None:
        self.status_code = response.status_code
        self.content_type = response.headers.get("content-type", "").split(";")[0]
        self.headers = Headers(list(response.headers.items()))
        self.data = response.content or None
