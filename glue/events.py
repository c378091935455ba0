"""Booking events: from the database's log into the Redis stream, and from there to consumers.

The log in Postgres is the truth. The stream is a copy of its newest part, in which every entry's id
is its position: the stream's own end is the only cursor a publisher has, so that nothing has to be
kept in step with anything.
"""

import contextlib
import json
import secrets
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from glue.errors import BusDiverged, BusError
from glue.rpc import Rpc
from glue.stream import DEAD, STREAM, Delivery, Letter, Nothing, Stream, position_of

BATCH = 500
REBUILD = "Run «glue events publish --once --rebuild»: it fills the stream anew from the log."

Handle = Callable[[dict[str, Any], Callable[[], None]], str | None]
"""Does an event; answers None when it is done, or why not. Calls the function now and then."""


@dataclass
class Published:
    """What a publisher did: events it logged, entries it added."""

    logged: int = 0
    published: int = 0


def payload_of(event: dict[str, Any]) -> dict[str, Any]:
    """The payload of an entry: a row of event_log without what is for the database alone."""
    return {
        "sequence_number": event["sequence_number"],
        "aggregate_type": event["aggregate_type"],
        "aggregate_id": str(event["aggregate_id"]),
        "event_type": event["event_type"],
        "occurred_at": event["occurred_at"].astimezone(UTC).isoformat(),
        **event["event_data"],
    }


def event_of(event: dict[str, Any]) -> dict[str, Any]:
    """A row of event_log as a consumer gets it."""
    payload = payload_of(event)
    return {
        "id": f"{event['sequence_number']}-0",
        "event_type": event["event_type"],
        "booking_id": payload.get("booking_id", ""),
        "payload": payload,
    }


class Publisher:
    """Brings the stream up to the log. Any number may run at once."""

    def __init__(
        self, rpc: Rpc, stream: Stream, *, stopped: Callable[[], bool] = lambda: False
    ) -> None:
        self._rpc = rpc
        self._stream = stream
        self._stopped = stopped

    def run_once(self) -> Published:
        """Logs and publishes until nothing is left. Raises BusDiverged."""
        report = Published()
        more = True
        while more and not self._stopped():
            logged = self._rpc.append_events(BATCH)
            report.logged += logged
            more = logged == BATCH
            report.published += self._forward()
        return report

    def _forward(self) -> int:
        """Adds what the log has and the stream has not."""
        added = 0
        end = self._checked_end()
        # Read after the stream's end: the log is ahead of it, whoever publishes meanwhile.
        status = self._rpc.event_status()
        last, keep = status["last_position"], status["stream_length"]
        while position_of(end) < last and not self._stopped():
            events = self._rpc.read_events(max(position_of(end), last - keep), BATCH)
            entries = [_entry(event) for event in events]
            reached = self._stream.append(end, entries, keep)
            if reached == entries[-1][0]:
                added += len(entries)
                end = reached
            else:  # Another publisher was there, or the stream is not what it was.
                end = self._checked_end()
        return added

    def _checked_end(self) -> str:
        """The last id of the stream, if the log has that event. Raises BusDiverged."""
        end, entry = self._stream.end()
        position = position_of(end)
        if end == "0-0":
            return end
        found = self._rpc.read_events(position - 1, 1)
        if end != f"{position}-0" or not found or found[0]["sequence_number"] != position:
            last = self._rpc.event_status()["last_position"]
            raise BusDiverged(
                f"the stream {STREAM} ends at {end}, the log in Postgres at {last}: "
                "the database was set back, or somebody else added to the stream",
                REBUILD,
            )
        if entry is not None and not _same(entry, found[0]):
            raise BusDiverged(
                f"the stream {STREAM} holds another event at {end} than the log in Postgres: "
                "the database was set back",
                REBUILD,
            )
        return end


def _entry(event: dict[str, Any]) -> tuple[str, str, str, str]:
    made = event_of(event)
    payload = json.dumps(made["payload"], ensure_ascii=False, separators=(",", ":"))
    return made["id"], made["event_type"], made["booking_id"], payload


def _same(entry: dict[str, str], event: dict[str, Any]) -> bool:
    """Whether an entry tells of this event, whatever else later versions put into it."""
    try:
        told = json.loads(entry["payload"])
        ours = payload_of(event)
        names = ("aggregate_id", "event_type", "occurred_at")
        return all(told[name] == ours[name] for name in names)
    except (KeyError, TypeError, ValueError):
        return False


@dataclass
class Consumed:
    """What a consumer did. from_log: of all, those the stream no longer had."""

    done: int = 0
    failed: int = 0
    dead: int = 0
    from_log: int = 0
    errors: list[str] = field(default_factory=list)


class Consumer:
    """Does a group's events one after another, in the log's order, however many run at once.

    handle: does one event. attempts: deliveries before an event becomes a dead letter.
    idle: seconds after which a delivery nobody answers for is given to another.
    retry: seconds between attempts.

    Where a group is, Postgres knows. Redis hands events out and counts deliveries; what it lost, or
    trimmed before it was read, is done from the log.
    """

    def __init__(
        self,
        rpc: Rpc,
        stream: Stream,
        group: str,
        handle: Handle,
        *,
        from_start: bool = False,
        attempts: int = 3,
        idle: float = 60.0,
        retry: float = 5.0,
        stopped: Callable[[], bool] = lambda: False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rpc = rpc
        self._stream = stream
        self._group = group
        self._handle = handle
        self._from_start = from_start
        self._attempts = attempts
        self._idle = idle
        self._retry = min(retry, idle / 2)
        self._stopped = stopped
        self._sleep = sleep
        self._name = f"{socket.gethostname()}-{secrets.token_hex(4)}"
        self._keep = 0

    def run_once(self) -> Consumed:
        """Does all there is to do now."""
        report = Consumed()
        self._keep = self._rpc.event_status()["stream_length"]
        self._rpc.open_group(self._group, self._from_start)
        try:
            while not self._stopped():
                taken = self._stream.take(self._group, self._name, self._idle)
                if taken is None:
                    position = self._rpc.open_group(self._group, self._from_start)
                    self._stream.make_group(self._group, position)
                elif isinstance(taken, Delivery):
                    self._deliver(taken, report)
                else:
                    self._look_back(taken, report)
                    break
        finally:
            self._stream.leave(self._group, self._name)
        return report

    def _deliver(self, taken: Delivery, report: Consumed) -> None:
        position = position_of(taken.id)
        come = max(taken.done, self._rpc.open_group(self._group))
        if position <= come:  # Redis is behind: it lost the acknowledgement.
            self._stream.settle(self._group, taken.id)
            return

        if position > self._rpc.event_status()["last_position"]:
            raise BusDiverged(
                f"the stream {STREAM} holds {taken.id}, which the log in Postgres does not have",
                REBUILD,
            )

        def alive() -> None:
            # With Redis away the event is finished all the same; Postgres notes that it is.
            with contextlib.suppress(BusError):
                self._stream.touch(self._group, self._name, taken.id, 0)

        if not self._catch_up(come, position - 1, report, alive):
            return  # told to stop; another goes on after `idle`
        event = {"id": taken.id, **taken.fields, "delivery": taken.count, "group": self._group}
        event["payload"] = _parsed(taken.fields.get("payload"))
        if taken.count > self._attempts:
            error = f"delivered {taken.count - 1} times, and never answered"
            self._die(event, error, taken.count - 1, report)
        elif (error := self._handle(event, alive)) is None:
            self._done(taken.id, report)
        elif taken.count >= self._attempts:
            self._die(event, error, taken.count, report)
        else:
            report.failed += 1
            report.errors.append(f"{taken.id}: {error}")
            waited = self._idle - self._retry
            self._stream.touch(self._group, self._name, taken.id, waited)

    def _look_back(self, nothing: Nothing, report: Consumed) -> None:
        """Does what Redis gave to the group and then lost, when nothing comes after it."""
        come = max(nothing.done, self._rpc.open_group(self._group))
        if not nothing.busy and nothing.delivered > come:
            self._catch_up(come, nothing.delivered, report, lambda: None)

    def _catch_up(self, after: int, upto: int, report: Consumed, alive: Callable[[], None]) -> bool:
        """Does the events the stream no longer has, from the log; False when told to stop."""
        while after < upto:
            events = self._rpc.read_events(after, min(BATCH, upto - after))
            for row in events:
                if self._stopped():
                    return False
                alive()
                self._from_log(event_of(row), report, alive)
                after = row["sequence_number"]
            if not events:
                break
        return True

    def _from_log(self, event: dict[str, Any], report: Consumed, alive: Callable[[], None]) -> None:
        report.from_log += 1
        for attempt in range(1, self._attempts + 1):
            handed = {**event, "delivery": attempt, "group": self._group}
            error = self._handle(handed, alive)
            if error is None:
                self._done(event["id"], report)
                return
            if attempt < self._attempts:
                self._sleep(self._retry)
                alive()
        self._die(handed, error, self._attempts, report)

    def _done(self, id: str, report: Consumed) -> None:
        self._rpc.note_position(self._group, position_of(id))
        self._stream.settle(self._group, id)
        report.done += 1

    def _die(self, event: dict[str, Any], error: str, count: int, report: Consumed) -> None:
        # The letter first: whoever dies here, the next finds the position in Redis.
        letter = Letter("", self._group, event, error, count)
        self._stream.settle(self._group, event["id"], letter, self._keep)
        self._rpc.note_position(self._group, position_of(event["id"]))
        report.dead += 1
        report.errors.append(f"{event['id']}: {error}; now in {DEAD}")


def _parsed(payload: str | None) -> Any:
    try:
        return json.loads(payload or "")
    except ValueError:
        return payload


def run_command(command: list[str], beat: float) -> Handle:
    """Does an event by running a command with the event as JSON on its standard input.

    beat: how often to say that it is still being done, in seconds.
    """

    def handle(event: dict[str, Any], alive: Callable[[], None]) -> str | None:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=None, stderr=subprocess.PIPE, text=True
        )
        given: str | None = json.dumps(event) + "\n"
        while True:
            try:
                _, said = process.communicate(given, timeout=beat)
                break
            except subprocess.TimeoutExpired:
                given = None
                alive()
        if process.returncode == 0:
            return None
        return f"exit {process.returncode}: {said.strip()[-500:] or 'it said nothing'}"

    return handle


@dataclass
class Redriven:
    """What a redrive did with dead letters."""

    done: int = 0
    failed: int = 0
    errors: list[str] = field(default_factory=list)


def redrive(stream: Stream, group: str, handle: Handle) -> Redriven:
    """Does a group's dead letters once more; those that are done are deleted."""
    report = Redriven()
    for letter in list(stream.letters(group)):
        event = letter.original_event
        if isinstance(event, dict):
            event = {**event, "delivery": letter.retry_count + 1}
        if (error := handle(event, lambda: None)) is None:
            stream.bury(letter)
            report.done += 1
        else:
            report.failed += 1
            report.errors.append(f"{letter.id}: {error}")
    return report


def status(rpc: Rpc, stream: Stream) -> dict[str, Any]:
    """Where log, stream and groups are, and how far each is behind."""
    info, dead = stream.info(), stream.dead_count()
    redis_groups = {row["name"]: row for row in stream.groups()}
    positions = {row["group_name"]: row["position"] for row in rpc.group_positions()}
    log = rpc.event_status()
    last = log["last_position"]
    end = info["last-generated-id"] if info else "0-0"
    groups = []
    for name in sorted(redis_groups | positions):
        row = redis_groups.get(name)
        delivered = position_of(row["last-delivered-id"]) if row else 0
        position = positions.get(name)
        groups.append(
            {
                "group": name,
                "position": position,
                "lag": last - (delivered if position is None else position),
                "pending": row["pending"] if row else 0,
                "consumers": row["consumers"] if row else 0,
            }
        )
    first = info["first-entry"] if info else None
    return {
        "log_position": last,
        "log_at": log["last_at"],
        "stream_position": position_of(end),
        "stream_lag": last - position_of(end),
        "stream_entries": info["length"] if info else 0,
        "stream_first": position_of(first[0]) if first else None,
        "dead": dead,
        "groups": groups,
    }


def figures(rpc: Rpc, stream: Stream) -> dict[str, int]:
    """For the demo: how many events the log has, how many of them the stream."""
    seen = status(rpc, stream)
    return {"events_logged": seen["log_position"], "events_in_stream": seen["stream_entries"]}
