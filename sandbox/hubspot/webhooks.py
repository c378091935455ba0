"""The account's webhooks: who has subscribed, what waits to be sent, what came of it.

Nothing is sent by itself: :meth:`Webhooks.deliver` sends what the account's clock has come to, in
the caller's thread, and one seed gives the same requests. :mod:`sandbox.hubspot.posting` sends
over HTTP from a thread of its own.
"""

import base64
import hashlib
import hmac
import json
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

from sandbox.hubspot.clock import Clock
from sandbox.hubspot.events import TYPES, Events

MOST = 100  # events of a request
PATIENCE_MS = 5000
# From one attempt to the next: ten more within 24 hours, which these nearly fill.
RETRY_MINUTES = (1, 2, 7, 20, 30, 60, 120, 240, 360, 540)
_JITTER = 0.04
_FIRST_SUBSCRIPTION = 3_000_001
_SECOND_COPY_MS = 60_000

# A request's body, headers and URL to its status; None when there was no answer in time.
Send = Callable[[bytes, dict[str, str], str], int | None]


@dataclass(frozen=True)
class Manner:
    """How events are sent. All but ``batch`` stands for what HubSpot does not promise: the chances
    are 0 to 1, and a receiver has to live with any.
    """

    batch: int = MOST  # events of a request, at most
    split: float = 0.0  # the chance that a request ends before it is full, after every event
    duplicates: float = 0.0  # of an event to be sent once more, up to a minute later
    repeated_ids: float = 0.0  # of an event to have the eventId of the one before
    disorder: float = 0.0  # of a request to have its events in any order
    late: float = 0.0  # of an event to be sent later than others
    late_seconds: float = 60.0  # how much later, at most
    losses: float = 0.0  # of an event never to be sent
    bare_associations: bool = False  # association changes name two ends, no objectId

    @classmethod
    def read(cls, given: dict) -> "Manner":
        """The settings given; ValueError for an unknown one, or one that makes no sense."""
        usual = {f.name: f.default for f in fields(cls)}
        for name, value in given.items():
            if name not in usual:
                raise ValueError(f"no {name} of webhooks; there are {sorted(usual)}")
            switch = isinstance(usual[name], bool)
            if not isinstance(value, int | float) or isinstance(value, bool) != switch:
                raise ValueError(f"{name} takes no {value!r}")
        manner = cls(**given)
        chances = ("split", "duplicates", "repeated_ids", "disorder", "late", "losses")
        if not all(0 <= getattr(manner, name) <= 1 for name in chances):
            raise ValueError(f"{', '.join(chances)} are chances, 0 to 1")
        if manner.batch not in range(1, MOST + 1) or manner.late_seconds < 0:
            raise ValueError(f"batch is 1 to {MOST}, late_seconds is not negative")
        return manner


class Subscription(NamedTuple):
    """One subscription: a type of events, perhaps of one object type or one property alone.

    ``object.*`` is custom objects, or with the object type of contacts contacts, as HubSpot's newer
    subscriptions have it.
    """

    id: int
    type: str
    object_type: str | None = None
    property: str | None = None

    def matches(self, event: dict) -> bool:
        """Whether it asks for an event."""
        if self.property not in (None, event.get("propertyName")):
            return False
        if self.object_type is None:
            return event["subscriptionType"] == self.type
        change = event["subscriptionType"].partition(".")[2]
        types = (event["subscriptionType"], f"object.{change}")
        return self.type in types and self.object_type == event["objectTypeId"]


class Delivery(NamedTuple):
    """One request, at one attempt. ``subscriber`` tells one target from those after it."""

    subscriber: int
    url: str
    secret: str
    events: tuple[dict, ...]
    attempt: int

    def request(self, at_ms: int) -> tuple[bytes, dict[str, str]]:
        """Body and headers, signed at a moment."""
        numbered = [event | {"attemptNumber": self.attempt} for event in self.events]
        body = json.dumps(numbered, separators=(",", ":")).encode()
        headers = {
            "Content-Type": "application/json",
            "X-HubSpot-Request-Timestamp": str(at_ms),
            "X-HubSpot-Signature-v3": signature(self.secret, "POST", self.url, body, at_ms),
        }
        return body, headers


class Outcome(NamedTuple):
    """What came of a request: its status, and whether its events were ``sent``, wait to be
    ``retried`` or are ``lost``."""

    delivery: Delivery
    status: int | None
    became: str


@dataclass
class Counts:
    """Events by what became of them, but ``failed`` counts requests."""

    sent: int = 0
    failed: int = 0
    pending: int = 0
    lost: int = 0


class _Target(NamedTuple):
    number: int
    url: str
    secret: str
    subscriptions: tuple[Subscription, ...]
    seed: int
    manner: Manner


class Webhooks:
    """The webhooks of our application.

    Args:
        clock: the account's time.
        events: where the account words its changes.
    """

    def __init__(self, clock: Clock, events: Events) -> None:
        self._clock, self._events = clock, events
        self._numbers, self._targets = count(), count(1)
        self._target: _Target | None = None
        self._waiting: list[tuple[int, int, int, tuple[dict, ...]]] = []
        self.counts = Counts()
        self.wake: Callable[[], None] = lambda: None  # told of whatever comes to wait

    def subscribe(
        self,
        url: str,
        secret: str,
        types: list[str | dict] | None = None,
        seed: int = 0,
        **manner: float,
    ) -> None:
        """Send events to a target from now on; nothing is left of a target before.

        Args:
            url: the full public URL, as it is signed.
            secret: the client secret of our application.
            types: subscription types, such as ``contact.creation``, all when None; or objects with
                ``subscriptionType`` and perhaps ``objectTypeId``, ``propertyName``.
            seed: of the ids of events and of what :class:`Manner` leaves to chance.
            manner: the settings of :class:`Manner`.

        Raises:
            ValueError: anything that makes no sense.
        """
        if not isinstance(url, str) or not url.startswith(("https://", "http://")):
            raise ValueError(f"{url!r} is no URL to send to")
        if not isinstance(secret, str) or not secret:
            raise ValueError("a secret is required")
        if not isinstance(seed, int):
            raise ValueError("seed is a whole number")
        subscriptions = _subscriptions(list(TYPES) if types is None else types)
        how = Manner.read(manner)
        self.end()
        self._target = _Target(next(self._targets), url, secret, subscriptions, seed, how)
        self._rng = random.Random(f"{seed} webhooks")
        self._event_id: int | None = None
        self.counts = Counts()
        self._events.sink = self._note

    def end(self) -> None:
        """Send nothing any more; what waits is forgotten."""
        self._target = self._events.sink = None
        self._waiting.clear()
        self.counts.pending = 0

    @property
    def due(self) -> int | None:
        """When something is to be sent next, in Unix milliseconds; None when nothing waits."""
        return self._waiting[0][0] if self._waiting else None

    def as_json(self) -> dict:
        """The target without its secret, how it is sent to, and the counts."""
        target = self._target
        if target is None:
            return {"url": None} | asdict(self.counts)
        types = [one.type for one in target.subscriptions]
        shown = {"url": target.url, "types": types, "seed": target.seed}
        return shown | asdict(target.manner) | asdict(self.counts)

    def deliver(self, send: Send) -> list[Outcome]:
        """Send what is due by the account's clock, one request after another.

        Args:
            send: posts one request. It may move the account's clock: an answer that took longer
                than five seconds is none.
        """
        moment, outcomes = self._clock.ms(), []
        for delivery in list(iter(lambda: self.take(moment), None)):
            began = self._clock.ms()
            body, headers = delivery.request(began)
            status = send(body, headers, delivery.url)
            if self._clock.ms() - began > PATIENCE_MS:
                status = None
            outcomes.append(Outcome(delivery, status, self.answered(delivery, status)))
        return outcomes

    def take(self, moment: int) -> Delivery | None:
        """The next request that is due at a moment, to be given back to :meth:`answered`."""
        target, waiting = self._target, self._waiting
        if target is None or not waiting or waiting[0][0] > moment:
            return None
        _, _, attempt, events = heappop(waiting)
        if attempt == 0:
            more = list(events)
            while (
                len(more) < target.manner.batch
                and waiting
                and waiting[0][0] <= moment
                and waiting[0][2] == 0
                and self._rng.random() >= target.manner.split
            ):
                more += heappop(waiting)[3]
            if self._rng.random() < target.manner.disorder:
                self._rng.shuffle(more)
            events = tuple(more)
        return Delivery(target.number, target.url, target.secret, events, attempt)

    def answered(self, delivery: Delivery, status: int | None) -> str:
        """Note what came of a request; ``sent``, ``retried`` or ``lost``."""
        if self._target is None or delivery.subscriber != self._target.number:
            return "lost"
        if status is not None and 200 <= status < 300:
            self.counts.sent += len(delivery.events)
            self.counts.pending -= len(delivery.events)
            return "sent"
        self.counts.failed += 1
        if delivery.attempt == len(RETRY_MINUTES):
            self.counts.lost += len(delivery.events)
            self.counts.pending -= len(delivery.events)
            return "lost"
        longer = 1 + _JITTER * self._rng.random()
        due = self._clock.ms() + round(RETRY_MINUTES[delivery.attempt] * 60_000 * longer)
        self._wait(due, delivery.attempt + 1, delivery.events)
        return "retried"

    def _note(self, event: dict) -> None:
        """Take an event of the account, if it is subscribed to."""
        target, rng = self._target, self._rng
        asking = next((one for one in target.subscriptions if one.matches(event)), None)
        if asking is None:
            return
        manner = target.manner
        if rng.random() >= manner.repeated_ids or self._event_id is None:
            self._event_id = rng.getrandbits(31)
        ids = {"eventId": self._event_id, "subscriptionId": asking.id}
        event = ids | event | {"subscriptionType": asking.type}
        if manner.bare_associations and "fromObjectId" in event:
            del event["objectId"], event["objectTypeId"]
        if rng.random() < manner.losses:
            self.counts.lost += 1
            return
        due = self._clock.ms()
        if rng.random() < manner.late:
            due += round(rng.random() * manner.late_seconds * 1000)
        copies = [due]
        if rng.random() < manner.duplicates:
            copies.append(due + rng.randrange(_SECOND_COPY_MS))
        for moment in copies:
            self.counts.pending += 1
            self._wait(moment, 0, (event,))

    def _wait(self, due: int, attempt: int, events: tuple[dict, ...]) -> None:
        heappush(self._waiting, (due, next(self._numbers), attempt, events))
        self.wake()


def signature(secret: str, method: str, url: str, body: bytes, at_ms: int) -> str:
    """``X-HubSpot-Signature-v3``, of a request sent at a moment."""
    signed = method.encode() + url.encode() + body + str(at_ms).encode()
    return base64.b64encode(hmac.digest(secret.encode(), signed, hashlib.sha256)).decode()


def _subscriptions(wanted: object) -> tuple[Subscription, ...]:
    """The subscriptions asked for; ValueError when there are none, or one makes no sense."""
    if not isinstance(wanted, list) or not wanted:
        raise ValueError("types is a list of subscription types")
    found = []
    for number, one in enumerate(wanted, start=_FIRST_SUBSCRIPTION):
        asked = {"subscriptionType": one} if isinstance(one, str) else one
        known = {"subscriptionType", "objectTypeId", "propertyName"}
        if not isinstance(asked, dict) or set(asked) - known:
            raise ValueError(f"a subscription is a type, or an object with {sorted(known)}")
        if asked.get("subscriptionType") not in TYPES:
            raise ValueError(f"no subscription type {asked.get('subscriptionType')!r}: {TYPES}")
        names = (asked["subscriptionType"], asked.get("objectTypeId"), asked.get("propertyName"))
        found.append(Subscription(number, *names))
    return tuple(found)
