"""What must come together to do harm, and by chance rarely does: played on purpose, amid the rest.

A plot is one step of a schedule. It lets time pass, edits and plays workers on as everybody does;
where something is in its way (a lease, a pause, a lock) it ends there, and what it began goes on
with the rest.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from account import BOOKINGS, CONFIG, CONTACTS
from editors import TABLES, refusal
from times import LEASE, LONGEST

from glue.rpc import Rpc

if TYPE_CHECKING:
    from schedule import Schedule, Worker

MARGIN = 10.0
TURNS = 80

QUIET = """
  select %(contacts)s as kind, c.id::text, c.hubspot_id, c.student_id as key, false as free
    from hubspot_sync.hubspot_contact_credits c
   where c.hubspot_id is not null
     and not exists (select from hubspot_sync.sync_queue q where q.record = c.id and not q.synced)
  union all
  select %(bookings)s, b.id::text, b.hubspot_id, b.booking_id, b.is_active = 'Cancelled'
    from hubspot_sync.hubspot_bookings b
   where b.hubspot_id is not null
     and not exists (select from hubspot_sync.sync_queue q where q.record = b.id and not q.synced)
   order by 1, 4
"""


class Foiled(Exception):
    """Something is in a plot's way."""


@dataclass(frozen=True)
class Subject:
    """A record that HubSpot has. free: a booking that may be moved without seat or credit."""

    kind: str
    id: str
    hubspot_id: str
    key: str
    free: bool


Edit = Callable[[psycopg.Connection, Subject], None]


class Plots:
    """Draws plots and plays them."""

    def __init__(self, schedule: Schedule, chance: random.Random) -> None:
        self._schedule = schedule
        self._chance = chance

    def play(self) -> None:
        """One of them."""
        plot = self._chance.choice(PLOTS)
        name = plot.__name__.strip("_")
        try:
            subject = self._subject(plot)
            told = self._schedule.name(subject.key)
            self._schedule.note(f"the plot «{name}» begins, of {told}")
            with self._schedule.calm():
                plot(self, subject)
            self._schedule.struck[f"plot: {name}"] += 1
            self._schedule.note(f"the plot «{name}» has ended")
        except Foiled as reason:
            self._schedule.note(f"the plot «{name}» is foiled: {reason}")

    # Plots

    def _overtaken(self, subject: Subject) -> None:
        """A worker sends after its lease, when another has sent what is newer, and dies."""
        self._overtake(subject, self._change)

    def _misled(self, subject: Subject) -> None:
        """The same with a link to an exam, of a booking that is moved on."""
        self._overtake(subject, self._move)

    def _belated(self, subject: Subject) -> None:
        """A worker sends when even the second send of what is newer is over, but lives to tell."""
        edit = self._edit_of(subject)
        self._write(subject, edit)
        worker = self._sender(subject, edit)
        self._outlast(worker)
        self._write(subject, edit)
        self._errand()
        self._until(self._schedule.time.passed + LONGEST + 1)
        self._errand()
        self._resume(worker)
        self._to_its_end(worker)

    def _landed(self, subject: Subject) -> None:
        """HubSpot applies what it never answered when it has applied what is newer."""
        edit = self._edit_of(subject)
        self._write(subject, edit)
        worker = self._sender(subject, edit)
        dies = self._chance.random() < 0.5
        if dies:
            self._until(worker.claimed + LEASE - MARGIN)
        self._schedule.strike(worker, "in flight")
        flight = self._schedule.flights[-1] if self._schedule.flights else None
        if dies:
            self._crash(worker)
            self._outlast(worker)
        else:
            self._until(self._schedule.time.passed + CONFIG.timeout)
            self._to_its_end(worker)
        self._write(subject, edit)
        self._retry()
        self._errand()
        if flight in self._schedule.flights:
            self._schedule.land(flight)

    def _slipped(self, subject: Subject) -> None:
        """A change is committed whose id is lower than that of one a worker holds."""
        edit = self._edit_of(subject)
        try:
            connection = self._schedule.begin(lambda connection: edit(connection, subject))
        except psycopg.Error as error:
            raise Foiled(refusal(error)) from error
        with self._schedule.borrowed() as other:
            for table in TABLES.values():
                Rpc(other).queue_differences(table, None, 1000, True)
        self._sender(subject)
        self._schedule.commit(connection)
        self._errand()

    def _turned(self, subject: Subject) -> None:
        """A value is changed and changed back while a worker sends it."""
        name = f"T{self._chance.randrange(1000)}"
        before = self._schedule.editors.firstname(subject.id)
        self._write(subject, _rename(name))
        worker = self._sender(subject)
        self._resume(worker)
        self._write(subject, _rename(before))
        if self._chance.random() < 0.5:
            self._crash(worker)
            self._outlast(worker)
        else:
            self._to_its_end(worker)
        self._errand()

    def _returned(self, subject: Subject) -> None:
        """A late worker gives back what another holds by then."""
        self._write(subject, self._change)
        worker = self._sender(subject)
        self._outlast(worker)
        self._sender(subject)
        self._schedule.strike(worker, "unavailable")
        self._to_its_end(worker)
        if self._chance.random() < 0.5:
            self._retry()
        else:
            self._until(self._schedule.time.passed + 2 * MARGIN)
        self._errand()

    # Parts

    def _overtake(self, subject: Subject, edit: Edit) -> None:
        self._write(subject, edit)
        worker = self._sender(subject, edit)
        self._outlast(worker)
        self._write(subject, edit)
        self._errand()
        self._resume(worker)
        self._crash(worker)

    def _subject(self, plot: Callable[..., None]) -> Subject:
        found = self._quiet()
        if plot is Plots._turned:
            found = [one for one in found if one.kind == CONTACTS]
        elif plot is Plots._misled:
            if not any(one.free for one in found):
                self._insert()
            found = [one for one in self._quiet() if one.free]
        if not found:
            raise Foiled("HubSpot has nothing that is quiet")
        return self._chance.choice(found)

    def _quiet(self) -> list[Subject]:
        rows = self._schedule.stage.rows(QUIET, contacts=CONTACTS, bookings=BOOKINGS)
        return [Subject(**row) for row in rows]

    def _insert(self) -> None:
        """The old application writes a cancelled booking, and HubSpot gets it."""
        try:
            with self._schedule.calm(), self._schedule.borrowed() as connection:
                what = self._schedule.editors.insert(
                    lambda statement, **values: connection.execute(statement, values).fetchall()
                )
                self._schedule.note(what)
                self._errand()
        except psycopg.Error as error:
            raise Foiled(refusal(error)) from error

    def _edit_of(self, subject: Subject) -> Edit:
        return self._move if subject.free and self._chance.random() < 0.7 else self._change

    def _change(self, connection: psycopg.Connection, subject: Subject) -> None:
        self._schedule.editors.number(connection, subject.kind, subject.id)

    def _move(self, connection: psycopg.Connection, subject: Subject) -> None:
        exams = self._schedule.editors.exams
        connection.execute(
            "update hubspot_sync.hubspot_bookings b"
            "   set mock_exam_id = (%(exams)s::text[])"
            "         [1 + array_position(%(exams)s::text[], b.mock_exam_id) %% 3]"
            " where b.id = %(id)s",
            {"exams": exams, "id": subject.id},
        )

    def _write(self, subject: Subject, edit: Edit) -> None:
        try:
            with self._schedule.borrowed() as connection:
                edit(connection, subject)
        except psycopg.Error as error:
            raise Foiled(refusal(error)) from error
        what = "moved" if edit == self._move else "changed"
        self._schedule.note(f"{self._schedule.name(subject.key)} is {what}")

    def _retry(self) -> None:
        with self._schedule.borrowed() as connection:
            Rpc(connection).retry_all()
        self._schedule.note("somebody tries all again")

    def _sender(self, subject: Subject, edit: Edit | None = None) -> Worker:
        """A new worker, about to send the subject, or where it was moved, to link it."""
        worker = self._schedule.hire()
        for _ in range(TURNS):
            if worker.player.place == "before send" and subject.id in worker.epochs:
                path = worker.request.url.path
                said = worker.request.content.decode()
                if edit == self._move:
                    linking = "associations" in path and "archive" not in path
                    if linking and f'"{subject.hubspot_id}"' in said:
                        return worker
                elif path.endswith(("update", "upsert")) and subject.id in said:
                    return worker
            self._resume(worker)
        raise Foiled(f"{worker.name} has too much to do")

    def _errand(self) -> None:
        """Another worker comes and sends all there is."""
        self._to_its_end(self._schedule.hire())

    def _to_its_end(self, worker: Worker) -> None:
        for _ in range(TURNS):
            if worker.player.over:
                return
            self._resume(worker)

    def _resume(self, worker: Worker) -> None:
        if worker.player.over:
            raise Foiled(f"{worker.name} is no more")
        if self._schedule.waits(worker):
            raise Foiled(f"{worker.name} waits")
        self._schedule.resume(worker)

    def _crash(self, worker: Worker) -> None:
        if worker.player.over or worker.owes:
            raise Foiled(f"{worker.name} does not die")
        self._schedule.crash(worker)

    def _outlast(self, worker: Worker) -> None:
        self._until(worker.claimed + LEASE + 1)
        if self._schedule.time.passed > worker.claimed + LEASE + LONGEST - MARGIN:
            raise Foiled(f"{worker.name} is too late")

    def _until(self, moment: float) -> None:
        if moment > self._schedule.time.passed:
            self._schedule.advance(round(moment - self._schedule.time.passed, 2))


def _rename(name: str) -> Edit:
    def edit(connection: psycopg.Connection, subject: Subject) -> None:
        connection.execute(
            "update hubspot_sync.hubspot_contact_credits set firstname = %s where id = %s",
            (name, subject.id),
        )

    return edit


PLOTS: tuple[Any, ...] = (
    Plots._overtaken,
    Plots._misled,
    Plots._belated,
    Plots._landed,
    Plots._slipped,
    Plots._turned,
    Plots._returned,
)
