"""Refusals as HubSpot words them: status, message, category, sub-errors.

The shape is the ``Error`` schema of the OpenAPI documents plus ``status: "error"``, which every
published example carries. The burst and daily 429 follow HubSpot's usage guidelines instead:
``errorType`` and ``policyName``, and no ``category``.
"""

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One property value that was refused: its name, HubSpot's code, a sentence."""

    name: str
    code: str
    message: str


class HubSpotError(Exception):
    """A refusal with everything its body needs.

    Args:
        status: the HTTP status.
        category: HubSpot's main category, e.g. ``VALIDATION_ERROR``; None leaves it out.
        message: the human-readable sentence.
        errors: detail objects (``message``, ``code``, ``context``).
        context: named lists of strings.
        sub_category: e.g. ``crm.associations.NO_ASSOCIATIONS_FOUND``.
        headers: HTTP headers of the answer.
        extra: more fields of the body, such as ``policyName``.
    """

    def __init__(
        self,
        status: int,
        category: str | None,
        message: str,
        *,
        errors: list[dict] | None = None,
        context: dict[str, list[str]] | None = None,
        sub_category: str | None = None,
        headers: dict[str, str] | None = None,
        extra: dict | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.category = category
        self.message = message
        self.errors = errors or []
        self.context = context or {}
        self.sub_category = sub_category
        self.headers = headers or {}
        self.extra = extra or {}

    def body(self, correlation_id: str) -> dict:
        """The JSON body of the whole answer."""
        body = {"status": "error", "message": self.message, "correlationId": correlation_id}
        if self.category is not None:
            body["category"] = self.category
        if self.sub_category is not None:
            body["subCategory"] = self.sub_category
        if self.errors:
            body["errors"] = self.errors
        if self.context:
            body["context"] = self.context
        return body | self.extra

    def entry(self, **context: list[str]) -> dict:
        """The same refusal as one of ``errors`` in a 207.

        Answers seen in public carry none of the ``links`` and rarely the ``errors`` that the
        schema ``StandardError`` requires, so a client must live without them.
        """
        entry = {
            "status": "error",
            "category": self.category,
            "message": self.message,
            "context": self.context | context,
        }
        if self.errors:
            entry["errors"] = self.errors
        if self.sub_category is not None:
            entry["subCategory"] = self.sub_category
        return entry


def invalid(message: str, **context: list[str]) -> HubSpotError:
    """A 400 VALIDATION_ERROR about the request rather than one property."""
    return HubSpotError(400, "VALIDATION_ERROR", message, context=context)


def invalid_properties(problems: list[Problem]) -> HubSpotError:
    """A 400 VALIDATION_ERROR naming each refused property, twice, as HubSpot does it."""
    listing = [
        {"isValid": False, "message": p.message, "error": p.code, "name": p.name} for p in problems
    ]
    return HubSpotError(
        400,
        "VALIDATION_ERROR",
        f"Property values were not valid: {json.dumps(listing)}",
        errors=[
            {"message": p.message, "code": p.code, "context": {"propertyName": [p.name]}}
            for p in problems
        ],
    )


def not_found(message: str, **context: list[str]) -> HubSpotError:
    """A 404: the record is archived, merged away or never was."""
    return HubSpotError(404, "OBJECT_NOT_FOUND", message, context=context)


def conflict(label: str, existing: str) -> HubSpotError:
    """A 409: another record has the unique value of the one to be created."""
    return HubSpotError(409, "CONFLICT", f"{label} already exists. Existing ID: {existing}")


def unauthorized() -> HubSpotError:
    """A 401: no bearer token, or not this account's."""
    return HubSpotError(
        401, "INVALID_AUTHENTICATION", "Authentication credentials not found or not valid."
    )


def missing_scopes(scope: str) -> HubSpotError:
    """A 403: the app may not touch this object type."""
    return HubSpotError(
        403,
        "MISSING_SCOPES",
        "This app hasn't been granted all required scopes to make this call.",
        errors=[
            {
                "message": "One or more of the following scopes are required.",
                "context": {"requiredGranularScopes": [scope]},
            }
        ],
    )


def rate_limited(policy: str, retry_after: int | None = None) -> HubSpotError:
    """A 429 of the account's limits.

    Args:
        policy: ``TEN_SECONDLY_ROLLING`` or ``DAILY``.
        retry_after: seconds for the header; None sends none (HubSpot does not promise it).
    """
    return HubSpotError(
        429,
        None,
        f"You have reached your {policy.lower()} limit.",
        headers={} if retry_after is None else {"Retry-After": str(retry_after)},
        extra={"errorType": "RATE_LIMIT", "policyName": policy},
    )


def search_limited() -> HubSpotError:
    """The 429 of the search endpoints: another body, no rate-limit headers."""
    return HubSpotError(429, "RATE_LIMITS", "You have reached your secondly limit.")
