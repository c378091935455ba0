"""Looks whether everything the glue talks to is there, and says what to do where it is not."""

from collections.abc import Mapping
from dataclasses import dataclass

import redis

from glue import config
from glue.db import connect
from glue.errors import GlueError
from glue.hubspot import HubSpot
from glue.rpc import Rpc


@dataclass(frozen=True)
class Finding:
    """One thing looked at: ok, what was seen, and the next step where it is not ok."""

    name: str
    ok: bool
    seen: str
    hint: str = ""


def examine(env: Mapping[str, str]) -> list[Finding]:
    """Postgres and its functions, HubSpot and its token, Redis. Costs one HubSpot call."""
    findings = []
    for name, look in (("Postgres", _postgres), ("HubSpot", _hubspot), ("Redis", _redis)):
        try:
            findings.append(Finding(name, True, look(env)))
        except GlueError as error:
            findings.append(Finding(name, False, error.message, error.hint))
        except (redis.RedisError, ValueError) as error:
            findings.append(
                Finding(name, False, f"cannot reach Redis: {error}", "Check REDIS_URL.")
            )
    return findings


def _postgres(env: Mapping[str, str]) -> str:
    with connect(config.database_url(env)) as connection:
        broken = [check["name"] for check in Rpc(connection).verify() if check["violations"]]
        version = connection.info.server_version // 10_000
    if broken:
        raise GlueError(f"broken invariants: {', '.join(broken)}", "Run «glue verify».")
    return f"version {version}, every invariant holds"


def _hubspot(env: Mapping[str, str]) -> str:
    settings = config.hubspot(env)
    with HubSpot(settings) as hubspot:
        hubspot.list_objects(settings.exam_type, ["capacity"])
    return f"{settings.base_url} answers, the token may read exams"


def _redis(env: Mapping[str, str]) -> str:
    url = config.redis_url(env)
    if url is None:
        return "REDIS_URL is not set; everything works without Redis"
    with redis.Redis.from_url(url, socket_connect_timeout=5) as client:
        version = client.info("server")["redis_version"]
    return f"version {version}"
