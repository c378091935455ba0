"""One schedule: everything that happens, drawn from one seed, told in a trace.

The scheduler alone decides who acts: a worker goes on to its next place, dies there or sleeps
past its lease; an editor changes something, holds a transaction open or ends it; the clock moves;
a request lands late in HubSpot; somebody changes HubSpot by hand. When that is over, faults stop,
workers run until nothing is due, and HubSpot must have what Postgres has.
"""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg
from account import BOOKINGS, CONFIG, CONTACTS, EXAMS, NOTES, Account, number, told
from editors import Editors, refusal
from plots import Plots
from stage import Stage
from times import LEASE, LONGEST, Time
from truth import UNTOLD, differences
from turns import Crash, Player

from glue import importing, push
from glue.drain import Drain
from glue.errors import DatabaseError, GlueError
from glue.hubspot import HubSpot
from glue.rpc import Rpc

STEPS = 110
WORKERS = 3
HANDS = 40
SESSIONS = 3
ROUNDS = 14

KINDS = {
    "hubspot_contact_credits": CONTACTS,
    "hubspot_bookings": BOOKINGS,
    "hubspot_mock_exams": EXAMS,
    "sync_notes": NOTES,
}
PLACES = {
    "claim_changes": "claim",
    "finish_changes": "acknowledgement",
    "fail_changes": "giving back",
}
HURRIED = ("claim_changes", "write_notes", "recall", "remember")
"""To stand at each of these would leave little for the rest."""
CRASH_PLACES = (
    "before claim",
    "after claim",
    "before send",
    "after HubSpot applied",
    "waiting for HubSpot",
    "before acknowledgement",
    "after acknowledgement",
    "before giving back",
    "after giving back",
)
REFUSALS = (
    "unavailable",
    "rate_limited",
    "daily_limit",
    "locked",
    "migrating",
    "unauthorized",
    "missing_scopes",
)
AMBIGUOUS = ("cut", "error_after_applying", "garbage", "silent", "in flight", "no connection")
DATABASE = ("connection lost before", "connection lost after")
GIVEN_UP_ABLE = """
  select q.id, q.operation, q.record::text
    from hubspot_sync.sync_queue q
    left join hubspot_sync.hubspot_bookings b on b.id = q.record
    left join hubspot_sync.hubspot_contact_credits c on c.id = q.record
   where not q.synced
     and q.operation in ('update', 'resend')
     and (b.hubspot_id is not null or c.hubspot_id is not null)
   order by q.id
"""
"""Changes of records that HubSpot has."""
BUSY = ("MBBSY", "55P03")
PATIENCE = 100
FAULTS = (*REFUSALS, *AMBIGUOUS, *DATABASE)


class Violation(AssertionError):
    """Something that must never happen."""


def again(seed: int) -> str:
    """The command that plays a seed again and tells all of it."""
    return f"Again: .venv/bin/python tests/simulation/soak.py --seed {seed}"


@dataclass(frozen=True)
class Mood:
    """What a schedule is mostly about: one with a little of everything has much of nothing.

    edits, clock, sleeps, deaths, hands, transactions, plots, passes, persons: weights of what
    happens next beside a worker's turn. faults: the share of requests that meet one, database: of
    calls. notes: whether HubSpot is told in notes, too; then nobody archives or merges there.
    """

    edits: float
    clock: float
    sleeps: float
    deaths: float
    hands: float
    transactions: float
    faults: float
    database: float
    plots: float
    passes: float
    persons: float
    notes: bool

    @classmethod
    def of(cls, chance: random.Random) -> Mood:
        notes = chance.random() < 0.25
        return cls(
            edits=chance.choice((8, 20, 30)),
            clock=chance.choice((2, 5, 10)),
            sleeps=chance.choice((0, 2, 6)),
            deaths=chance.choice((0, 2, 5)),
            hands=0 if notes else chance.choice((0, 2)),
            transactions=chance.choice((0, 2, 4)),
            faults=chance.choice((0.0, 0.25, 0.5)),
            database=chance.choice((0.0, 0.05)),
            plots=chance.choice((0, 2, 4)),
            passes=chance.choice((0, 0, 1)),
            persons=chance.choice((0, 0, 3)),
            notes=notes,
        )


@dataclass
class Flight:
    """A request that HubSpot has not applied yet. answer: once it has landed.

    epochs: of the claim it was sent for; its worker may have another by now.
    """

    request: httpx.Request
    worker: Worker
    lands_by: float
    epochs: dict[str, int]
    answer: httpx.Response | None = None


@dataclass(frozen=True)
class Lease:
    """Who has a record, until when. skew: of the clock that gave it."""

    worker: Worker
    until: float
    skew: float


@dataclass(eq=False)
class Worker:
    """A worker's player and what the simulation knows of its claim.

    owes: it acts so late that only its own report can make it good, so it must live to give it.
    request: what it is about to send, or sent last. reads: it never writes to HubSpot, so it is
    never late.
    """

    player: Player = field(init=False)
    connection: psycopg.Connection
    name: str
    claimed: float = 0.0
    epochs: dict[str, int] = field(default_factory=dict)
    kind: str = CONTACTS
    sent_late: bool = False
    owes: bool = False
    request: httpx.Request | None = None
    reads: bool = False

    @property
    def reporting(self) -> bool:
        return self.player.place in ("before acknowledgement", "before giving back")


class Labelled:
    """A worker's functions of the database; before and after each it hands its turn on."""

    def __init__(self, schedule: Schedule, worker: Worker) -> None:
        self._schedule, self._worker = schedule, worker
        chance = random.Random(f"{schedule.seed} {worker.name}")
        self._rpc = Rpc(
            worker.connection,
            sleep=lambda seconds: schedule.yields(worker, seconds),
            chance=chance.random,
        )

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._rpc, name)

        def call(*arguments: Any, **named: Any) -> Any:
            return self._schedule.calls(self._worker, name, function, arguments, named)

        return call


class Wire(httpx.BaseTransport):
    """A worker's way to HubSpot."""

    def __init__(self, schedule: Schedule, worker: Worker) -> None:
        self._schedule, self._worker = schedule, worker

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._schedule.sends(self._worker, request)


class Schedule:
    """Plays one seed. trace: what happened; struck: how often each kind of trouble did."""

    def __init__(
        self,
        stage: Stage,
        seed: int,
        steps: int = STEPS,
        without: frozenset[str] = frozenset(),
    ) -> None:
        self.stage = stage
        self.seed = seed
        self.trace: list[str] = []
        self.struck: Counter[str] = Counter()
        self.time = Time()
        self._steps = steps
        self._chance = random.Random(f"schedule {seed}")
        self._mood = Mood.of(self._chance)
        self.account = Account(seed, self.time)
        self.editors = Editors(self, random.Random(f"editors {seed}"), without)
        self.plots = Plots(self, random.Random(f"plots {seed}"))
        self._fair = True
        self._calm = False
        self._forced: str | None = None
        self._leases: dict[str, Lease] = {}
        self.given_up: set[str] = set()
        """Records of which a person gave a change up: they may differ in the end."""
        self._workers: list[Worker] = []
        self._born = 0
        self.flights: list[Flight] = []
        self._open: list[psycopg.Connection] = []
        self._newest: dict[str, int] = {}
        self._writers: dict[str, str] = {}
        self._names: dict[str, str] = {}

    # Telling

    def name(self, thing: object) -> str:
        """What a record is called in the trace: ids of the database are named as they come."""
        thing = str(thing)
        if thing not in self._names:
            kind = "booking" if thing.startswith(("BK-", "OLD-")) else "record"
            if thing.isdigit():
                kind = "exam" if thing in self.editors.exams else "object"
            if kind == "record" and thing.count("-") != 4:
                return thing
            self._names[thing] = (
                f"{kind}{1 + sum(n.startswith(kind) for n in self._names.values())}"
            )
        return self._names[thing]

    def note(self, text: str) -> None:
        """Add a line to the trace."""
        back = f" -{self.time.skew:.0f}s" if self.time.skew else ""
        self.trace.append(f"{self.time.passed:10.2f}{back} {text}")

    def told(self) -> str:
        """The trace as one text."""
        return "\n".join(self.trace)

    # The play

    def play(self) -> None:
        """All of it. Raises Violation with what is wrong in the end."""
        self.stage.reset()
        try:
            self._begin()
            for _ in range(self._steps):
                self._step()
            # What comes after a plot may heal what it broke: nothing comes after this one.
            self.plots.play()
            self._settle()
        finally:
            self._end()
        if wrong := self._differences():
            raise Violation("\n".join(wrong))

    def _differences(self) -> list[str]:
        return differences(self)

    def _begin(self) -> None:
        self.editors.set_up()
        with self.borrowed() as connection, self._hubspot(self.account.transport) as hubspot:
            importing.run(Rpc(connection), hubspot)
            if self._mood.notes:
                connection.execute(
                    "update hubspot_sync.settings set value = 'on' where key = 'notes'"
                )
        self._fair = False

    def _end(self) -> None:
        for worker in self._workers:
            self._forget(worker, crash=True)
        for connection in self._open:
            self.stage.give_back(connection)

    @contextlib.contextmanager
    def borrowed(self) -> Iterator[psycopg.Connection]:
        """A connection for the length of a `with` block."""
        connection = self.stage.session(self.time, self._chance.random())
        try:
            yield connection
        finally:
            self.stage.give_back(connection)

    def _hubspot(self, transport: httpx.BaseTransport) -> HubSpot:
        return HubSpot(CONFIG, transport=transport)

    # Steps

    def _step(self) -> None:
        choices = self._choices()
        (chosen,) = self._chance.choices(choices, [weight for weight, _, _ in choices])
        _, act, arguments = chosen
        act(*arguments)

    def _choices(self) -> list[tuple[float, Any, tuple]]:
        """What may happen next: its weight, what does it, and with what."""
        mood = self._mood
        ready = [w for w in self._workers if not self.waits(w)]
        choices: list[tuple[float, Any, tuple]] = [
            (mood.edits, self._edit, ()),
            (mood.clock, self._pass_time, ()),
            (mood.hands, self._by_hand, ()),
            (mood.plots, self.plots.play, ()),
            (mood.persons, self._handle, ()),
        ]
        if len(self._workers) < WORKERS:
            choices.append((10, self.hire, ()))
            choices.append((mood.passes, self.hire, (True,)))
        if ready:
            choices.append((60, self._go_on, (ready,)))
            choices.append((mood.sleeps, self._sleep, (ready,)))
        if mortal := [w for w in self._workers if not w.owes]:
            choices.append((mood.deaths, self._crash, (mortal,)))
            if late := [w for w in mortal if w.sent_late]:
                choices.append((3 * mood.deaths, self._crash, (late,)))
        if len(self._open) < SESSIONS:
            choices.append((mood.transactions, self._open_transaction, ()))
        if self._open:
            choices.append((5, self._write_on, ()))
            choices.append((6, self._end_transaction, ()))
        if self.flights:
            choices.append((3, self._land_one, ()))
        return choices

    def waits(self, worker: Worker) -> bool:
        """Whether a worker cannot go on before some time has passed."""
        wakes = worker.player.wakes
        return wakes is not None and wakes > self.time.passed

    def held(self) -> list[tuple[str, str]]:
        """The records of which something is under way, with their types."""
        workers = {id(w): w for w in [*self._workers, *(f.worker for f in self.flights)]}
        return [(w.kind, one) for w in workers.values() if w.kind != NOTES for one in w.epochs]

    # Time

    def _pass_time(self) -> None:
        if self.flights and self._chance.random() < 0.6:
            # Slowly: others are to act while a request is on its way.
            self.advance(round(self._chance.uniform(4, 16), 2))
            return
        kind = self._chance.random()
        if kind < 0.12:
            self.time.set_back(seconds := self._chance.choice((5.0, 90.0, 600.0)))
            self.struck["clock set back"] += 1
            self.note(f"the database's clock is set back by {seconds:.0f} s")
        elif kind < 0.5:
            self.advance(round(self._chance.uniform(0.05, 9), 2))
        elif kind < 0.7:
            self.advance(21.0)
        elif kind < 0.9:
            self.advance(self._chance.choice((61.0, LEASE + 1, LEASE + 45)))
        else:
            self.advance(self._chance.choice((900.0, 7200.0)))

    def advance(self, seconds: float) -> None:
        """Let time pass; a request on its way lands before its time is over, or never."""
        until = self.time.passed + seconds
        for flight in sorted(self.flights, key=lambda one: one.lands_by):
            if flight.lands_by <= until:
                if self._chance.random() < 0.7:
                    moment = min(self.time.passed + 0.01, flight.lands_by)
                    if self._chance.random() < 0.7:
                        moment = flight.lands_by
                    self.time.pass_by(max(0.0, moment - self.time.passed))
                    self.land(flight)
                else:
                    self.flights.remove(flight)
                    self.note(f"a request of {flight.worker.name} is lost on its way")
        self.time.pass_by(max(0.0, until - self.time.passed))
        self.note(f"{seconds:g} s pass")

    # Workers

    def hire(self, compares: bool = False) -> Worker:
        """A worker comes and goes on to its first place. compares: it makes the full pass."""
        everything = compares and self._chance.random() < 0.3
        quiet = self._fair or self._calm or compares
        lane = None if quiet or self._chance.random() < 0.8 else "urgent"

        def work(rpc: Labelled, hubspot: HubSpot) -> object:
            drain = Drain(rpc, hubspot, lease=LEASE, lane=lane, clock=self.time.monotonic)
            if compares:
                return push.run(rpc, drain, everything=everything)
            return drain.run_once()

        self.struck["full pass"] += compares
        return self.begin_work(f"starts{' the full pass' * compares}", work)

    def begin_work(
        self, told_as: str, work: Callable[[Labelled, HubSpot], object], *, reads: bool = False
    ) -> Worker:
        """Let a new worker do something, up to its first place."""
        self._born += 1
        connection = self.stage.session(self.time, self._chance.random())
        worker = Worker(connection, f"w{self._born}", reads=reads)

        def play(_: Player) -> object:
            with self._hubspot(Wire(self, worker)) as hubspot:
                return work(Labelled(self, worker), hubspot)

        worker.player = Player(worker.name, play)
        self._workers.append(worker)
        self.note(f"{worker.name} {told_as}")
        self.resume(worker)
        return worker

    def _go_on(self, workers: list[Worker]) -> None:
        self.resume(self._chance.choice(workers))

    def resume(self, worker: Worker) -> None:
        """A worker goes on to its next place, or to its end."""
        if worker.owes and worker.reporting:
            # Nothing but its report makes it good: nobody may stand in its way.
            while self._open:
                self._end_transaction()
        worker.player.go()
        if worker.player.over:
            self._forget(worker)

    def _sleep(self, workers: list[Worker]) -> None:
        """A process that the machine forgets for a while; it does not know that it slept."""
        worker = self._chance.choice(workers)
        seconds = self._chance.choice((30.0, LEASE + 1, LEASE + 50, LEASE + 130, 1000.0))
        worker.player.wakes = self.time.passed + seconds
        self.struck["sleep"] += 1
        self.note(f"{worker.name} sleeps for {seconds:g} s {worker.player.place}")

    def _crash(self, workers: list[Worker]) -> None:
        self.crash(self._chance.choice(workers))

    def crash(self, worker: Worker) -> None:
        """A worker dies where it stands."""
        self.note(f"{worker.name} dies {worker.player.place}")
        self.struck[f"crash {worker.player.place}"] += 1
        self._forget(worker, crash=True)

    def _forget(self, worker: Worker, crash: bool = False) -> None:
        if not worker.player.over:
            worker.player.crash()
        self._workers = [one for one in self._workers if one is not worker]
        self.stage.give_back(worker.connection)
        failure = worker.player.failure
        if crash and isinstance(failure, Crash):
            return
        if isinstance(failure, GlueError):
            self.note(f"{worker.name} ends: {type(failure).__name__}")
            self.struck[f"ended by {type(failure).__name__}"] += 1
        elif failure is not None:
            raise failure
        else:
            self.note(f"{worker.name} is done")

    def calls(
        self, worker: Worker, name: str, function: Any, arguments: tuple, named: dict[str, Any]
    ) -> Any:
        """A worker calls a function of the database. In the worker's thread."""
        place = PLACES.get(name, name)
        if name not in HURRIED or self._chance.random() < 0.25:
            self._stand(worker, f"before {place}", self._about(arguments))
        if name == "claim_changes":
            worker.owes = worker.sent_late = False
            worker.epochs = {}
            worker.claimed = self.time.passed
        fate = None
        if (
            not (self._fair or self._calm or worker.owes)
            and self._chance.random() < self._mood.database
        ):
            fate = self._chance.choice(DATABASE)
            self.note(f"{worker.name}: {fate} {place}")
            self.struck[fate] += 1
        if fate == "connection lost before":
            worker.connection.close()
        elif not worker.connection.closed:
            self.stage.tell_time(worker.connection, self.time)
        answer = function(*arguments, **named)
        if name == "claim_changes":
            if answer:
                worker.kind = KINDS[arguments[0]]
            for change in answer:
                worker.epochs[str(change.record)] = change.epoch
                self._newest[str(change.record)] = change.epoch
                self._lend(worker, str(change.record))
            told_of = ", ".join(f"{c.operation} {self.name(c.record)}" for c in answer)
            if answer:
                self.note(f"{worker.name} claims of {arguments[0]}: {told_of}")
        elif name in PLACES:
            self._take_back(worker, arguments[1])
            if worker.sent_late:
                self.struck[f"late {place}"] += 1
            if self.time.passed > worker.claimed + LEASE:
                self.struck[f"{place} past the lease"] += 1
        if fate == "connection lost after":
            worker.connection.close()
            raise DatabaseError("the connection was lost before the answer came")
        if name in HURRIED[1:]:
            return answer
        if name != "claim_changes" or answer:
            self._stand(worker, f"after {place}", str(answer) if name != "claim_changes" else "")
        return answer

    def _lend(self, worker: Worker, record: str) -> None:
        """A claim gives a record to a worker: nobody else may have it still."""
        lease = self._leases.get(record)
        # After the clock was set back leases of its future end at once.
        if lease and lease.until > self.time.passed and lease.skew == self.time.skew:
            raise Violation(
                f"{worker.name} is given {self.name(record)}, which {lease.worker.name} has"
                f" until {lease.until:.2f}"
            )
        self._leases[record] = Lease(worker, self.time.passed + LEASE, self.time.skew)

    def _take_back(self, worker: Worker, reports: list[dict[str, Any]]) -> None:
        """A worker's report ends its own leases, and nobody else's."""
        for one in reports:
            lease = self._leases.get(str(one["record"]))
            if lease and lease.worker is worker:
                del self._leases[str(one["record"])]

    def yields(self, worker: Worker, seconds: float) -> None:
        """A call was in somebody's way, and will be made again. In the worker's thread."""
        self.struck["in the way"] += 1
        worker.player.wakes = self.time.passed + seconds
        self._stand(worker, "in the way")
        self.stage.tell_time(worker.connection, self.time)

    def _about(self, arguments: tuple) -> str:
        table, *rest = [*arguments, ""]
        if rest and isinstance(rest[0], list):
            return f"{table}: " + ", ".join(
                self.name(one.get("record") or one.get("hubspot_id") or one.get("id"))
                for one in rest[0]
                if isinstance(one, dict)
            )
        return str(table)

    def _stand(self, worker: Worker, place: str, about: str = "") -> None:
        self.note(f"{worker.name} {place} {about}".rstrip())
        worker.player.at(place)

    # Requests

    def sends(self, worker: Worker, request: httpx.Request) -> httpx.Response:
        """A worker sends a request. In the worker's thread."""
        what = told(request)
        worker.request = request
        self._stand(worker, "before send", what)
        late = 0.0 if worker.reads else self.time.passed - worker.claimed
        if late > LEASE:
            worker.sent_late = True
            self.struck["late send"] += 1
            self.note(f"{worker.name} is {late - LEASE:g} s late")
        if late > LEASE + LONGEST:
            worker.owes = True
        fate = self._fate()
        if fate in (*REFUSALS, "no connection"):
            self.note(f"{worker.name} is refused: {fate}")
            if fate == "no connection":
                raise httpx.ConnectError("no route to HubSpot", request=request)
            fault = {"kind": fate}
            if self._chance.random() < 0.5 and fate in ("rate_limited", "daily_limit", "migrating"):
                fault["retry_after"] = self._chance.choice((1, 30))
            return self.account.answer(request, fault)
        if fate == "in flight":
            return self._wait_for(worker, request)
        answer = self._apply(worker, request, worker.epochs)
        self._stand(worker, "after HubSpot applied", f"{what}: {answer.status_code}")
        if fate is None:
            return answer
        self.note(f"{worker.name} hears: {fate}")
        if fate == "cut":
            raise httpx.RemoteProtocolError("cut", request=request)
        if fate == "silent":
            self._wait(worker)
            raise httpx.ReadTimeout("silence", request=request)
        if fate == "error_after_applying":
            return httpx.Response(502, json={"message": "Bad gateway"}, request=request)
        return httpx.Response(200, content=b"<html>", request=request)

    def _fate(self) -> str | None:
        if self._forced:
            fate, self._forced = self._forced, None
            self.struck[fate] += 1
            return fate
        if self._fair or self._calm or self._chance.random() >= self._mood.faults:
            return None
        group = self._chance.choice((REFUSALS, AMBIGUOUS, ("in flight",)))
        fate = self._chance.choice(group)
        self.struck[fate] += 1
        return fate

    def _apply(
        self, worker: Worker, request: httpx.Request, epochs: dict[str, int]
    ) -> httpx.Response:
        """HubSpot does what a request says; no worker but a late one may undo a newer write."""
        before = {trace: number(record) for trace, record in self.account.versions(request)}
        answer = self.account.answer(request)
        for trace, record in self.account.versions(request):
            if number(record) < before[trace]:
                # One that was deleted here and made again is another record under the same key.
                same = self._writers.get(record.id, trace) == trace
                if same and epochs.get(trace) == self._newest.get(trace):
                    raise Violation(
                        f"{worker.name} sets {self.name(trace)} back from number {before[trace]}"
                        f" to {number(record)}, and is not late"
                    )
                self.struck["overwritten by a late request"] += 1
                self.note(
                    f"{self.name(trace)} goes back from number {before[trace]} to {number(record)}"
                )
            if record is not None:
                self._writers[record.id] = trace
        return answer

    def _wait(self, worker: Worker) -> None:
        worker.player.wakes = self.time.passed + CONFIG.timeout
        self._stand(worker, "waiting for HubSpot")

    def _wait_for(self, worker: Worker, request: httpx.Request) -> httpx.Response:
        """A request takes its time: the answer, if it lands before the worker gives up."""
        lands_by = self.time.passed + LONGEST - 0.5
        if not worker.reads and lands_by > worker.claimed + LEASE + LONGEST:
            worker.owes = True
        flight = Flight(request, worker, lands_by, worker.epochs)
        self.flights.append(flight)
        gives_up = self.time.passed + CONFIG.timeout
        while True:
            worker.player.wakes = gives_up
            self._stand(worker, "waiting for HubSpot")
            if flight.answer is not None:
                return flight.answer
            if self.time.passed >= gives_up:
                self.struck["given up"] += 1
                self.note(f"{worker.name} gives up waiting")
                raise httpx.ReadTimeout("silence", request=request)

    def _land_one(self) -> None:
        self.land(self._chance.choice(self.flights))

    def land(self, flight: Flight) -> None:
        """HubSpot applies a request that was on its way."""
        self.flights.remove(flight)
        given_up = flight.worker.player.over or flight.worker.player.place != "waiting for HubSpot"
        self.note(f"HubSpot applies {told(flight.request)} of {flight.worker.name}")
        flight.answer = self._apply(flight.worker, flight.request, flight.epochs)
        if given_up:
            self.struck["landed after all"] += 1
        else:
            flight.worker.player.wakes = None

    # For plots

    @contextlib.contextmanager
    def calm(self) -> Iterator[None]:
        """No faults but those that are asked for."""
        self._calm = True
        try:
            yield
        finally:
            self._calm, self._forced = False, None

    def strike(self, worker: Worker, fate: str) -> None:
        """Let a worker go on with what it sends, which meets this fault."""
        self._forced = fate
        self.resume(worker)

    def begin(self, write: Callable[[psycopg.Connection], None]) -> psycopg.Connection:
        """A transaction that stays open after what it writes."""
        connection = self._open_one()
        with connection.transaction():
            write(connection)
        return connection

    def commit(self, connection: psycopg.Connection) -> None:
        """End a transaction that was left open."""
        self._end_one(connection)

    # A person at the outbox

    def _handle(self) -> None:
        open_rows = self.stage.rows(GIVEN_UP_ABLE)
        with self.borrowed() as connection:
            rpc = Rpc(connection, sleep=lambda _: None)
            try:
                if open_rows and self._chance.random() < 0.4:
                    self._discard(rpc, self._chance.choice(open_rows))
                else:
                    rpc.retry_all()
                    self.struck["retried"] += 1
                    self.note("somebody tries all again")
            except DatabaseError as error:
                self.note(f"somebody is in the way: {type(error).__name__}")

    def _discard(self, rpc: Rpc, row: dict[str, Any]) -> None:
        (done,) = rpc.discard_changes([row["id"]])
        self.note(f"somebody gives {row['operation']} of {self.name(row['record'])} up")
        if done["outcome"] == "discarded":
            self.given_up.add(row["record"])
            self.struck["given up by a person"] += 1

    # Editors

    def _by_hand(self) -> None:
        self.note(self.editors.by_hand())

    def _edit(self) -> None:
        with self.borrowed() as connection:
            self._try(connection)

    def _try(self, connection: psycopg.Connection) -> bool:
        def run(statement: str, **arguments: Any) -> list[dict[str, Any]]:
            for _ in range(PATIENCE):
                try:
                    with connection.transaction():
                        return connection.execute(statement, arguments).fetchall()
                except psycopg.Error as error:
                    # Nobody who stands still holds a lock: the machine was slow, and no more.
                    held = any(one is not connection for one in self._open)
                    if error.sqlstate not in BUSY or held:
                        raise
            raise Violation(f"{statement} is in the way of nobody, and yet refused")

        try:
            with connection.transaction():
                what = self.editors.edit(run)
        except psycopg.Error as error:
            self.struck["edit refused"] += 1
            self.note(refusal(error))
            return False
        self.struck["edit"] += 1
        self.note(what)
        return True

    def _open_transaction(self) -> None:
        self._write(self._open_one())

    def _open_one(self) -> psycopg.Connection:
        connection = self.stage.session(self.time, self._chance.random())
        connection.autocommit = False
        connection.execute("select 1")  # begins; every edit is a savepoint of it
        self._open.append(connection)
        self.struck["transaction left open"] += 1
        self.note(f"a transaction is opened ({len(self._open)})")
        return connection

    def _write_on(self) -> None:
        self._write(self._chance.choice(self._open))

    def _write(self, connection: psycopg.Connection) -> None:
        self.note(f"in transaction {self._open.index(connection) + 1}:")
        self._try(connection)

    def _end_transaction(self) -> None:
        self._end_one(self._chance.choice(self._open))

    def _end_one(self, connection: psycopg.Connection) -> None:
        place = self._open.index(connection) + 1
        self._open.remove(connection)
        if self._fair or self._calm or self._chance.random() < 0.8:
            self._note_order(connection)
            connection.commit()
            self.note(f"transaction {place} is committed")
        else:
            connection.rollback()
            self.struck["rolled back"] += 1
            self.note(f"transaction {place} is rolled back")
        self.stage.give_back(connection)

    def _note_order(self, connection: psycopg.Connection) -> None:
        """Whether this commit brings changes that are older than others that are there already."""
        query = "select id from hubspot_sync.sync_queue"
        there = {row["id"] for row in self.stage.rows(query)}
        mine = {row["id"] for row in connection.execute(query).fetchall()} - there
        if mine and there and min(mine) < max(there):
            self.struck["committed out of order"] += 1

    # The end

    def _settle(self) -> None:
        """Faults stop; what was begun ends; workers run until nothing is due."""
        self.note("faults stop")
        self._fair = True
        self.account.rule = False
        while self._open:
            self._end_transaction()
        while self._workers:
            ready = [w for w in self._workers if not self.waits(w)]
            if ready:
                self._go_on(ready)
            else:
                self.advance(self._chance.choice((5.0, 20.0, 60.0)))
                if self._born < HANDS and self._chance.random() < 0.5:
                    self.hire()
        while self.flights:
            self.advance(10.0)
        with self.borrowed() as connection:
            self.editors.touch(
                lambda statement, **arguments: connection.execute(statement, arguments).fetchall()
            )
        for _ in range(ROUNDS):
            self.advance(3700.0 if self.time.skew == 0 else 3700.0 + self.time.skew)
            self.stage.rows(
                "update hubspot_sync.sync_queue set dead_at = null, sync_attempts = 0"
                " where dead_at is not null returning 1"
            )
            self.hire()
            while self._workers:
                self._go_on(self._workers)
            due = "select from hubspot_sync.sync_queue where not synced limit 1"
            if not self.stage.rows(due) and not self.stage.rows(UNTOLD):
                break
