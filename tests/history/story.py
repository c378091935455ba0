"""What happened in a run: calls as their callers saw them, and rows as they were committed.

All of it is plain data, so that a test can write a history by hand.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from math import inf
from typing import Any

ROLLED_BACK = "rolled back"
"""In place of a SQLSTATE: the call succeeded, and its caller rolled it back."""

HOLDS_A_SEAT = ("Active", "Completed")

Row = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """One call of a function of api: between begin and end, by one clock, it took effect."""

    actor: str
    function: str
    arguments: Row
    begin: float
    end: float
    answers: tuple[Row, ...] = ()
    code: str | None = None
    """The SQLSTATE of the refusal; None is success."""
    xact: str | None = None
    message: str = ""

    @property
    def answer(self) -> Row:
        """The one answer."""
        (answer,) = self.answers
        return answer

    @property
    def key(self) -> str | None:
        """Its idempotency key."""
        return self.arguments.get("p_idempotency_key")

    @property
    def replayed(self) -> bool:
        """Whether it succeeded by telling an earlier result."""
        return self.code is None and any(answer.get("replayed") for answer in self.answers)

    @property
    def request(self) -> Row:
        """What a key stands for: the function and its arguments without the key."""
        told = {name: value for name, value in self.arguments.items() if value is not None}
        told.pop("p_idempotency_key", None)
        return {"function": self.function} | told

    def __str__(self) -> str:
        told = ", ".join(f"{name}={value}" for name, value in self.arguments.items())
        outcome = self.code or "done"
        return f"{self.actor}: {self.function}({told}) -> {outcome} [{self.begin}, {self.end}]"


@dataclass(frozen=True)
class Version:
    """A row as a transaction left it; xact is None for what was there before the run.

    Positions of one row's versions follow the order of their commits, as the row's lock does.
    """

    position: int
    xact: str | None
    table: str
    row: Row


class Timeline:
    """The versions of one row, each with the moments between which it became the current one."""

    def __init__(self, versions: list[tuple[Row | None, float, float]]) -> None:
        self.rows = [row for row, _, _ in versions]
        self._earliest: list[float] = []
        self._latest: list[float] = []
        moment = -inf
        for _, begin, _ in versions:
            moment = max(moment, begin)
            self._earliest.append(moment)
        moment = inf
        for _, _, end in reversed(versions):
            moment = min(moment, end)
            self._latest.insert(0, moment)

    def during(self, begin: float, end: float) -> list[Row | None]:
        """Every version that may have been the current one at a moment of the interval."""
        # One is over for certain once the next is there for certain.
        first = max(bisect_left(self._latest, begin) - 1, 0)
        return self.rows[first : bisect_right(self._earliest, end)]

    def spans(self) -> Iterator[tuple[Row | None, float, float]]:
        """Every version with the first and the last moment at which it may have been current."""
        return zip(self.rows, self._earliest, [*self._latest[1:], inf], strict=True)


@dataclass
class Story:
    """A whole run."""

    calls: list[Call]
    versions: list[Version]
    final: dict[str, list[Row]] = field(default_factory=dict)
    """Rows of the tables after the run, by table."""
    codes: frozenset[str] = frozenset()
    """The documented SQLSTATEs."""
    deadlocks: int = 0
    violations: list[Row] = field(default_factory=list)
    """What api.verify() complains of."""
    lock_timeout: float = inf
    """How long the functions wait for a lock, on the calls' clock."""

    @cached_property
    def by_xact(self) -> dict[str, Call]:
        """The successful call behind a transaction."""
        return {call.xact: call for call in self.calls if call.code is None and call.xact}

    @cached_property
    def granted(self) -> dict[str, list[Call]]:
        """Successful calls, by their idempotency key."""
        granted: dict[str, list[Call]] = defaultdict(list)
        for call in self.calls:
            if call.key is not None and call.code is None:
                granted[call.key].append(call)
        return granted

    def of(self, table: str) -> Iterator[Version]:
        """The versions of a table's rows, in order."""
        return (version for version in self._ordered if version.table == table)

    @cached_property
    def _ordered(self) -> list[Version]:
        return sorted(self.versions, key=lambda version: version.position)

    def _chains(self, table: str, name: str) -> dict[str, list[Version]]:
        """Per row the versions that were committed: the last of each transaction."""
        chains: dict[str, list[Version]] = defaultdict(list)
        for version in self.of(table):
            chain = chains[version.row[name]]
            if chain and version.xact is not None and chain[-1].xact == version.xact:
                chain.pop()
            chain.append(version)
        return chains

    @cached_property
    def seat_chains(self) -> dict[str, list[Version]]:
        """Committed versions of the counters, by the exam's HubSpot id."""
        chains = self._chains("exam_seats", "exam")
        return {self.exam_ids[exam]: chain for exam, chain in chains.items()}

    @cached_property
    def booking_chains(self) -> dict[str, list[Version]]:
        """Committed versions of the bookings, by id."""
        return self._chains("hubspot_bookings", "id")

    @cached_property
    def contact_chains(self) -> dict[str, list[Version]]:
        """Committed versions of the contacts, by id."""
        return self._chains("hubspot_contact_credits", "id")

    @cached_property
    def exam_ids(self) -> dict[str, str]:
        """HubSpot ids of the exams, by our id."""
        return {v.row["id"]: v.row["hubspot_id"] for v in self.of("hubspot_mock_exams")}

    def _timeline(self, chain: list[Version]) -> Timeline:
        told: list[tuple[Row | None, float, float]] = []
        if chain[0].xact is not None:
            told.append((None, -inf, -inf))
        for version in chain:
            call = self.by_xact.get(version.xact) if version.xact else None
            # A version of no successful call is a defect of its own; here it may be any time.
            begin, end = (call.begin, call.end) if call else (-inf, inf)
            told.append((version.row, begin, -inf if version.xact is None else end))
        return Timeline(told)

    @cached_property
    def seats(self) -> dict[str, Timeline]:
        """The counters, by the exam's HubSpot id."""
        return {exam: self._timeline(chain) for exam, chain in self.seat_chains.items()}

    @cached_property
    def exams(self) -> dict[str, Timeline]:
        """The exams, by HubSpot id."""
        chains = self._chains("hubspot_mock_exams", "hubspot_id")
        return {exam: self._timeline(chain) for exam, chain in chains.items()}

    @cached_property
    def bookings(self) -> dict[str, Timeline]:
        """The bookings, by booking_id."""
        chains = self.booking_chains.values()
        return {chain[0].row["booking_id"]: self._timeline(chain) for chain in chains}

    @cached_property
    def stays(self) -> dict[str, list[tuple[float, float]]]:
        """Per exam, from when to when each of its bookings may have had a seat."""
        stays: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for timeline in self.bookings.values():
            for row, begin, end in timeline.spans():
                if row and row["is_active"] in HOLDS_A_SEAT:
                    stays[row["mock_exam_id"]].append((begin, end))
        return stays

    @cached_property
    def bookings_of(self) -> dict[str, dict[str, Timeline]]:
        """The bookings of every student, by booking_id."""
        of: dict[str, dict[str, Timeline]] = defaultdict(dict)
        for chain in self.booking_chains.values():
            row = chain[0].row
            of[row["student_id"]][row["booking_id"]] = self.bookings[row["booking_id"]]
        return of

    @cached_property
    def contacts(self) -> dict[str, Timeline]:
        """The contacts, by student id; every student of a run has one."""
        chains = self.contact_chains.values()
        return {chain[0].row["student_id"]: self._timeline(chain) for chain in chains}

    def during(self, timelines: dict[str, Timeline], key: str | None, call: Call) -> list[Row]:
        """What a row may have been while the call ran; a row never there is [None]."""
        timeline = timelines.get(key or "")
        return timeline.during(call.begin, call.end) if timeline else [None]
