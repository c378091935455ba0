"""What the environment says. Every secret comes from here and nowhere else."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from glue.errors import ConfigError

# Version 2026-09 is pinned: HubSpot ships a new one each March and September.
API_VERSION = "2026-09"
HUBSPOT = "https://api.hubapi.com"
CONTACT_TYPE = "0-1"
TYPE = r"[0-9]{1,9}-[0-9]{1,19}"
SECRET = "what «openssl rand -hex 32» prints"
SHORTEST_SECRET = 16
NEEDED = {  # to talk to HubSpot, each with an example
    "HUBSPOT_ACCESS_TOKEN": "the token of your private app",
    "HUBSPOT_BOOKING_TYPE": "2-12345678",
    "HUBSPOT_EXAM_TYPE": "2-12345679",
}
SERVED = {
    "WEBHOOK_PUBLIC_URL": "https://sync.example.org/webhooks/hubspot",
    "HUBSPOT_CLIENT_SECRET": "the client secret of your app",
    "DATABASE_URL": "postgresql://user@host:5432/database",
    "HUBSPOT_BOOKING_TYPE": "2-12345678",
    "HUBSPOT_EXAM_TYPE": "2-12345679",
}
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


@dataclass(frozen=True)
class ServeConfig:
    """What `glue serve` must know. Of a secret there are two while it is rotated, else one.

    public_url: the address HubSpot posts to, exactly as HubSpot has it. types: {objectTypeId:
    table}. A path whose secret is not set stays shut.
    """

    database_url: str = field(repr=False)
    redis_url: str | None = field(repr=False)
    public_url: str
    types: dict[str, str]
    client_secrets: tuple[str, ...] = field(repr=False)
    sync_secrets: tuple[str, ...] = field(repr=False)
    door_secrets: tuple[str, ...] = field(repr=False)


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
    _need_all(env, NEEDED)
    base_url = env.get("HUBSPOT_BASE_URL") or HUBSPOT
    if not base_url.startswith(("https://", "http://")):
        raise ConfigError("HUBSPOT_BASE_URL must begin with https://", f"For example {HUBSPOT}")
    if not re.fullmatch(ADDRESS, base_url):
        raise ConfigError("HUBSPOT_BASE_URL is no address of a server", f"For example {HUBSPOT}")
    return HubSpotConfig(
        base_url=base_url.rstrip("/"),
        # A header holds nothing else, and who builds it would tell the token in its error.
        access_token=_need(env, "HUBSPOT_ACCESS_TOKEN", NEEDED["HUBSPOT_ACCESS_TOKEN"], r"[!-~]+"),
        booking_type=(types := _types(env))[0],
        exam_type=types[1],
    )


def object_types(env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The tables of HubSpot's object types, by HUBSPOT_BOOKING_TYPE and HUBSPOT_EXAM_TYPE."""
    bookings, exams = _types(env)
    return {
        CONTACT_TYPE: "hubspot_contact_credits",
        bookings: "hubspot_bookings",
        exams: "hubspot_mock_exams",
    }


def _types(env: Mapping[str, str]) -> tuple[str, str]:
    """The object types of bookings and of exams. Raises ConfigError where they cannot be it."""
    examples = {name: NEEDED[name] for name in ("HUBSPOT_BOOKING_TYPE", "HUBSPOT_EXAM_TYPE")}
    _need_all(env, examples)
    bookings, exams = (_need(env, name, example) for name, example in examples.items())
    for (name, example), value in zip(examples.items(), (bookings, exams), strict=True):
        if not re.fullmatch(TYPE, value):
            raise ConfigError(f"{name} is no id of an object type", f"export {name}={example!r}")
    if len({bookings, exams, CONTACT_TYPE}) < 3:
        raise ConfigError(
            "HUBSPOT_BOOKING_TYPE and HUBSPOT_EXAM_TYPE must be two, and not the contacts'",
            "Each object has a type id of its own, such as 2-12345678.",
        )
    return bookings, exams


def serve(env: Mapping[str, str] = os.environ) -> ServeConfig:
    """WEBHOOK_PUBLIC_URL, the secrets, and where to store. Raises ConfigError.

    A secret that is easily guessed is refused, and one that would open two doors.
    """
    _need_all(env, SERVED)
    url = _need(env, "WEBHOOK_PUBLIC_URL", SERVED["WEBHOOK_PUBLIC_URL"], r"[!-~]+")
    if not re.fullmatch(r"https?://[^/?#]+/[^#]*", url):
        raise ConfigError(
            "WEBHOOK_PUBLIC_URL is no address with a path",
            "Give the address exactly as HubSpot has it, for example "
            "https://sync.example.org/webhooks/hubspot",
        )
    sync, door = _secrets(env, "SYNC_SECRET"), _secrets(env, "DOOR_SECRET")
    client = _secrets(env, "HUBSPOT_CLIENT_SECRET")
    if len({*sync, *door, *client}) < len(set(sync)) + len(set(door)) + len(set(client)):
        raise ConfigError(
            "SYNC_SECRET, DOOR_SECRET and HUBSPOT_CLIENT_SECRET share a value",
            "Give each a value of its own: openssl rand -hex 32",
        )
    return ServeConfig(
        database_url=database_url(env),
        redis_url=redis_url(env),
        public_url=url,
        types=object_types(env),
        client_secrets=client,
        sync_secrets=sync,
        door_secrets=door,
    )


def _secrets(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    """A secret, and the one before it while it is rotated; none where it is not set."""
    if not env.get(name, "").strip():
        return ()
    names = [name, f"{name}_PREVIOUS"]
    values = tuple(_need(env, n, SECRET, r"[!-~]+") for n in names if env.get(n, "").strip())
    for one, value in zip(names, values, strict=False):
        if len(value) < SHORTEST_SECRET:
            raise ConfigError(
                f"{one} has fewer than {SHORTEST_SECRET} characters", f"export {one}={SECRET!r}"
            )
    return values


def _need_all(env: Mapping[str, str], examples: Mapping[str, str]) -> None:
    """Raises ConfigError that names all variables which are missing."""
    missing = {name: told for name, told in examples.items() if not env.get(name, "").strip()}
    if missing:
        *most, last = missing
        names = f"{', '.join(most)} and {last} are" if most else f"{last} is"
        words = " ".join(f"{name}={told!r}" for name, told in missing.items())
        raise ConfigError(f"{names} not set", hint=f"export {words}")


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
