"""Redis streams: the bus `sync_events` and its dead letters. Nothing here is the only copy.

What must not be cut in two by a death in between is one script. Needs Redis 6.2 or Valkey.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from glue.errors import BusError, BusUnavailable, ConfigError

STREAM = "sync_events"
DEAD = "sync_events_dlq"
POSITIONS = "sync_events_positions"

# What passes by itself, or when the server is mended. Redis 6.2 has the code of a script's command
# within the text of its error, and redis-py a class for some codes only.
AWAY = (
    redis.ConnectionError,
    redis.TimeoutError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.ReadOnlyError,
)
REFUSED = re.compile(
    r"\b(OOM|READONLY|MISCONF|NOREPLICAS|CLUSTERDOWN|MASTERDOWN|LOADING|BUSY|TRYAGAIN)\b"
)

# Adds entries if the stream ends where its caller thinks it does; answers whether, and its end.
APPEND = """
local last = '0-0'
local info = redis.pcall('XINFO', 'STREAM', KEYS[1])
if info.err then
  if redis.call('EXISTS', KEYS[1]) == 1 then return info end
else
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then last = info[i + 1] end
  end
end
if last ~= ARGV[1] then return {0, last} end
for i = 3, #ARGV, 4 do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], ARGV[i], 'event_type', ARGV[i + 1],
             'booking_id', ARGV[i + 2], 'payload', ARGV[i + 3])
end
return {1, ARGV[#ARGV - 3]}
"""

# Gives a consumer the group's next entry: the oldest that is delivered and not done, if nobody has
# been at it for so long; a new one only if there is none such. So a group does one at a time.
TAKE = """
local group, consumer, patience = ARGV[1], ARGV[2], tonumber(ARGV[3])
local done = redis.call('HGET', KEYS[2], group) or '0'
for _ = 1, 1000 do
  local pending = redis.pcall('XPENDING', KEYS[1], group, '-', '+', 1)
  if pending.err then
    if string.find(pending.err, 'NOGROUP', 1, true) then return {'nogroup'} end
    return pending
  end
  if #pending == 0 then break end
  local id, idle, count = pending[1][1], pending[1][3], pending[1][4]
  if idle < patience then return {'busy', id} end
  local entry = redis.call('XRANGE', KEYS[1], id, id)
  if #entry > 0 then
    redis.call('XCLAIM', KEYS[1], group, consumer, 0, id)
    return {'event', id, count + 1, entry[1][2], done}
  end
  redis.call('XACK', KEYS[1], group, id)
end
local read = redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', 1,
                        'STREAMS', KEYS[1], '>')
if read then
  local entry = read[1][2][1]
  return {'event', entry[1], 1, entry[2], done}
end
for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local fields = {}
  for i = 1, #info, 2 do fields[info[i]] = info[i + 1] end
  if fields['name'] == group then return {'none', fields['last-delivered-id'], done} end
end
return {'nogroup'}
"""

# Ends a delivery for good. With an error the event goes to the dead letters, once.
SETTLE = """
local group, id, position = ARGV[1], ARGV[2], tonumber(ARGV[3])
local before = tonumber(redis.call('HGET', KEYS[2], group) or '0')
if ARGV[4] and position > before then
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[4], '*', 'original_event', ARGV[5],
             'error', ARGV[6], 'retry_count', ARGV[7], 'group', group)
end
if position > before then redis.call('HSET', KEYS[2], group, position) end
if redis.call('EXISTS', KEYS[1]) == 1 then redis.pcall('XACK', KEYS[1], group, id) end
return 1
"""

# Sets how long a delivery of ours has been idle; answers 0 if it is not ours any more.
TOUCH = """
local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)
if pending.err or #pending == 0 or pending[1][2] ~= ARGV[2] then return 0 end
redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'IDLE', ARGV[4], 'JUSTID')
return 1
"""

# Takes away a consumer that leaves, and those that left without a word more than an hour ago.
LEAVE = """
local consumers = redis.pcall('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])
if consumers.err then return 0 end
for _, info in ipairs(consumers) do
  local fields = {}
  for i = 1, #info, 2 do fields[info[i]] = info[i + 1] end
  if fields['pending'] == 0 and (fields['name'] == ARGV[2] or fields['idle'] > 3600000) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], fields['name'])
  end
end
return 1
"""


@dataclass(frozen=True)
class Delivery:
    """An entry a consumer holds. count: how often it was delivered. done: the group's position."""

    id: str
    count: int
    fields: dict[str, str]
    done: int


@dataclass(frozen=True)
class Nothing:
    """No entry for now. busy: one is being done or waits for its next attempt.

    delivered: the newest position the group was ever given. done: what it has done with.
    """

    busy: bool = False
    delivered: int = 0
    done: int = 0


@dataclass(frozen=True)
class Letter:
    """A dead letter: the event as it was handed out, why it failed, how often it was tried."""

    id: str
    group: str
    original_event: Any
    error: str
    retry_count: int


def position_of(id: str) -> int:
    """The event's position in an entry's id."""
    return int(id.partition("-")[0])


class Stream:
    """The two streams of one Redis. Raises BusUnavailable, BusError."""

    def __init__(self, url: str) -> None:
        self._redis = open_redis(
            url, decode_responses=True, socket_connect_timeout=5, socket_timeout=10
        )

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self._redis.close()

    def end(self) -> tuple[str, dict[str, str] | None]:
        """The last id the stream ever gave («0-0»: none), and that entry if it is still there."""
        info = self.info()
        entry = info["last-entry"] if info else None
        last = info["last-generated-id"] if info else "0-0"
        return last, entry[1] if entry and entry[0] == last else None

    def append(self, after: str, entries: list[tuple[str, str, str, str]], keep: int) -> str:
        """Adds (id, event_type, booking_id, payload) if the stream ends at `after`; its end now."""
        flat = [part for entry in entries for part in entry]
        with translated():
            return self._redis.eval(APPEND, 1, STREAM, after, keep, *flat)[1]

    def take(self, group: str, consumer: str, patience: float) -> Delivery | Nothing | None:
        """The group's next entry; None when Redis does not know the group."""
        with translated():
            what, *rest = self._redis.eval(
                TAKE, 2, STREAM, POSITIONS, group, consumer, round(patience * 1000)
            )
        if what == "event":
            id, count, fields, done = rest
            pairs = dict(zip(fields[::2], fields[1::2], strict=True))
            return Delivery(id, count, pairs, int(done))
        if what == "none":
            return Nothing(delivered=position_of(rest[0]), done=int(rest[1]))
        return Nothing(busy=True) if what == "busy" else None

    def make_group(self, group: str, position: int) -> None:
        """Makes a group that Redis does not know, or no longer; it goes on after `position`."""
        with translated():
            try:
                self._redis.xgroup_create(STREAM, group, f"{position}-0", mkstream=True)
            except redis.ResponseError as error:
                if _code(error) != "BUSYGROUP":
                    raise

    def settle(self, group: str, id: str, dead: Letter | None = None, keep: int = 0) -> None:
        """Ends a delivery: done, or dead with its letter."""
        letter = []
        if dead is not None:
            letter = [keep, json.dumps(dead.original_event), dead.error, dead.retry_count]
        with translated():
            self._redis.eval(
                SETTLE, 3, STREAM, POSITIONS, DEAD, group, id, position_of(id), *letter
            )

    def touch(self, group: str, consumer: str, id: str, idle: float) -> bool:
        """Says how long nobody has been at a delivery, in seconds; False if it is not ours."""
        with translated():
            return bool(self._redis.eval(TOUCH, 1, STREAM, group, consumer, id, round(idle * 1000)))

    def leave(self, group: str, consumer: str) -> None:
        """Takes a consumer away; what it still holds is kept for another."""
        with translated():
            self._redis.eval(LEAVE, 1, STREAM, group, consumer)

    def info(self) -> dict[str, Any] | None:
        """XINFO STREAM, or None when there is no stream."""
        with translated():
            try:
                return self._redis.xinfo_stream(STREAM)
            except redis.ResponseError as error:
                # Asked afterwards, it may be there: somebody else has just begun it.
                if "no such key" not in str(error):
                    raise
                return None

    def groups(self) -> list[dict[str, Any]]:
        """XINFO GROUPS; no stream has none."""
        with translated():
            return self._redis.xinfo_groups(STREAM) if self._redis.exists(STREAM) else []

    def forget(self) -> None:
        """Deletes the stream with its groups, and what is noted of them. Dead letters stay."""
        with translated():
            self._redis.delete(STREAM, POSITIONS)

    def letters(self, group: str | None = None) -> Iterator[Letter]:
        """The dead letters, oldest first: all, or a group's."""
        after = "-"
        while True:
            with translated():
                entries = self._redis.xrange(DEAD, after, "+", count=100)
            for id, fields in entries:
                after = f"({id}"
                if group is None or fields.get("group") == group:
                    yield _letter(id, fields)
            if not entries:
                return

    def dead_count(self) -> int:
        """How many dead letters there are."""
        with translated():
            return self._redis.xlen(DEAD)

    def bury(self, letter: Letter) -> None:
        """Deletes a dead letter."""
        with translated():
            self._redis.xdel(DEAD, letter.id)


def open_redis(url: str, **options: Any) -> redis.Redis:
    """A client that connects when it is used. Raises ConfigError.

    No silent second try: a delivery whose answer was lost would count twice.
    """
    try:
        return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), **options)
    except ValueError as error:
        raise ConfigError(
            f"REDIS_URL cannot be read: {error}", "export REDIS_URL='redis://host:6379/0'"
        ) from error


def _letter(id: str, fields: dict[str, str]) -> Letter:
    text = fields.get("original_event", "")
    try:
        event = json.loads(text)
    except ValueError:
        event = text
    count = fields.get("retry_count", "")
    return Letter(
        id,
        fields.get("group", ""),
        event,
        fields.get("error", ""),
        int(count) if count.isdecimal() else 0,
    )


def _code(error: redis.RedisError) -> str:
    """The code a Redis error begins with; redis-py takes it off some, which have classes then."""
    return str(error).partition(" ")[0].lstrip("-")


@contextmanager
def translated() -> Iterator[None]:
    """Turns redis-py's errors into ours."""
    try:
        yield
    except (redis.AuthenticationError, redis.exceptions.NoPermissionError) as error:
        refused = BusError(f"Redis refuses us: {error}", "Check the login in REDIS_URL.")
        refused.exit_code = 77
        raise refused from error
    except redis.RedisError as error:
        if isinstance(error, AWAY) or REFUSED.search(str(error)):
            raise BusUnavailable(
                f"cannot use Redis now: {error}",
                "Check REDIS_URL and the server. The log in Postgres keeps everything.",
            ) from error
        raise BusError(
            f"Redis failed: {error}", "See docs/events.md, «What may go wrong»."
        ) from error
