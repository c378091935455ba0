"""What the environment says. Every secret comes from here and nowhere else."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from glue.errors import ConfigError

# Version 2026-09 is pinned: HubSpot ships a new one each March and September.
API_VERSION = "2026-09"
HUBSPOT = "https://api.hubapi.com"
ADDRESS = r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._/-]*)?"


@dataclass(frozen=True)
class HubSpotConfig:
    """How to reach HubSpot.

    base_url: without a slash at the end. access_token: of a private app; never printed.
    booking_type, exam_type: the ids of the two custom objects. timeout: of one request, seconds.
    """

    base_url: str
    access_token: str = field(repr=False)
    booking_type: str
    exam_type: str
    timeout: float = 20.0


def database_url(env: Mapping[str, str] = os.environ) -> str:
    """DATABASE_URL. Raises ConfigError when it is missing or no URL of Postgres."""
    example = "postgresql://user@host:5432/database"
    url = _need(env, "DATABASE_URL", example)
    if not url.startswith(("postgres://", "postgresql://")):
        raise ConfigError("DATABASE_URL must begin with postgresql://", f"For example {example}")
    return url


def redis_url(env: Mapping[str, str] = os.environ) -> str | None:
    """REDIS_URL, or None: everything works without Redis."""
    return env.get("REDIS_URL") or None


def need_redis_url(env: Mapping[str, str] = os.environ) -> str:
    """REDIS_URL, for what is about Redis alone. Raises ConfigError when it is missing."""
    return _need(env, "REDIS_URL", "redis://host:6379/0")


def hubspot(env: Mapping[str, str] = os.environ) -> HubSpotConfig:
    """HUBSPOT_ACCESS_TOKEN and the variables beside it. Raises ConfigError when one is missing.

    The object types differ from account to account: a default would write into another's.
    """
    base_url = env.get("HUBSPOT_BASE_URL") or HUBSPOT
    if not base_url.startswith(("https://", "http://")):
        raise ConfigError("HUBSPOT_BASE_URL must begin with https://", f"For example {HUBSPOT}")
    if not re.fullmatch(ADDRESS, base_url):
        raise ConfigError("HUBSPOT_BASE_URL is no address of a server", f"For example {HUBSPOT}")
    return HubSpotConfig(
        base_url=base_url.rstrip("/"),
        # A header holds nothing else, and who builds it would tell the token in its error.
        access_token=_need(env, "HUBSPOT_ACCESS_TOKEN", "the token of your private app", r"[!-~]+"),
        booking_type=_need(env, "HUBSPOT_BOOKING_TYPE", "2-12345678", r"[A-Za-z0-9_-]+"),
        exam_type=_need(env, "HUBSPOT_EXAM_TYPE", "2-12345679", r"[A-Za-z0-9_-]+"),
    )


def _need(env: Mapping[str, str], name: str, example: str, form: str = r"[\s\S]+") -> str:
    """A variable's value. Raises ConfigError, which never tells the value."""
    value = env.get(name, "").strip()
    if not value:
        raise ConfigError(f"{name} is not set", hint=f"export {name}={example!r}")
    if not re.fullmatch(form, value):
        raise ConfigError(
            f"{name} holds a character that it cannot have", hint=f"export {name}={example!r}"
        )
    return value
