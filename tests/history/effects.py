"""Did every success do exactly what it answered, and everything else nothing?

A model computes from each answer the effects it must have had; the log of committed rows
tells which it had. Effects are tuples, counted:

| effect | meaning |
|---|---|
| ("seats", exam, n) | n seats more are taken |
| ("capacity", exam, n) | the exam has n seats |
| ("open", exam, true) | the exam may be booked |
| ("ledger", contact, credit, n, reason, booking) | a balance changed by n |
| ("event", what, booking) | the audit log tells it |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

from story import HOLDS_A_SEAT, Call, Row, Story, Version

Effects = Counter[tuple]
TOKENS = {
    "Situational Judgment Token": "sj_credits",
    "Clinical Skills Token": "cs_credits",
    "Shared Token": "shared_mock_credits",
}
TOLD = ("created", "cancelled", "completed", "moved", "deleted")


def wrong_effects(story: Story) -> list[str]:
    """One sentence for every transaction whose effects are not those of its answer."""
    actual = _actual(story)
    problems = []
    for xact in actual.keys() - story.by_xact.keys():
        problems.append(f"effects of no successful call (transaction {xact}): {_say(actual[xact])}")
    before = _Before(story)
    for xact, call in story.by_xact.items():
        had, must = actual.get(xact, Counter()), _expected(call, before)
        if had != must:
            problems.append(f"{call} had {_say(had)} and must have {_say(must)}")
    return problems


def _say(effects: Effects) -> str:
    return ", ".join(str(effect) for effect in sorted(effects.elements(), key=str)) or "no effects"


def _actual(story: Story) -> dict[str, Effects]:
    """The effects each transaction had."""
    actual: dict[str, Effects] = {}

    def add(version: Version, *effect: object) -> None:
        actual.setdefault(version.xact, Counter())[effect] += 1

    for exam, chain in story.seat_chains.items():
        for old, new in zip([None, *chain], chain, strict=False):
            if new.xact is None:
                continue
            was = old.row if old else {"taken": 0}
            if new.row["taken"] != was["taken"]:
                add(new, "seats", exam, new.row["taken"] - was["taken"])
            for name, column in (("capacity", "capacity"), ("open", "is_open")):
                if new.row[column] != was.get(column):
                    add(new, name, exam, new.row[column])
    for version in story.of("credit_ledger"):
        if version.xact is not None:
            row = version.row
            names = ("contact", "credit", "delta", "reason", "booking")
            add(version, "ledger", *(row[name] for name in names))
    for version in story.of("supabase_audit_log"):
        if version.xact is not None:
            actual.setdefault(version.xact, Counter())  # also a change without a word for it
            if version.row["event_type"] in TOLD:
                add(version, "event", version.row["event_type"], version.row["record"])
    return actual


class _Before:
    """What a row was before a transaction changed it."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self._bookings = self._index(story.booking_chains)
        self._seats = self._index(story.seat_chains)

    @staticmethod
    def _index(chains: dict[str, list[Version]]) -> dict[tuple[str, str], Row | None]:
        before: dict[tuple[str, str], Row | None] = {}
        for key, chain in chains.items():
            row = None
            for version in chain:
                if version.xact is not None:
                    before[version.xact, key] = row
                row = version.row
        return before

    def booking(self, xact: str, id: str) -> Row | None:
        return self._bookings.get((xact, id))

    def seats(self, xact: str, exam: str) -> Row | None:
        return self._seats.get((xact, exam))

    def contact_of(self, booking: str) -> str | None:
        chain = self.story.booking_chains.get(booking)
        return chain[0].row["contact"] if chain else None


def _expected(call: Call, before: _Before) -> Effects:
    """The effects the answer of a call says it had."""
    rule = _RULES.get(call.function)
    return rule(call, before) if rule else Counter()


def _booked(call: Call, before: _Before) -> Effects:
    answer = call.answer
    if answer["replayed"]:
        return Counter()
    contact = before.contact_of(answer["id"])
    credit = TOKENS.get(answer["token_used"])
    return Counter(
        [
            ("seats", answer["mock_exam_id"], 1),
            ("ledger", contact, credit, -1, "booking", answer["id"]),
            ("event", "created", answer["id"]),
        ]
    )


def _given_back(answer: Row, before: _Before) -> list[tuple]:
    contact = before.contact_of(answer["id"])
    credit = TOKENS.get(answer["token_used"])
    return [
        ("ledger", contact, credit, 1, "refund", answer["id"]),
        ("event", "cancelled", answer["id"]),
    ]


def _cancelled(call: Call, before: _Before) -> Effects:
    answer = call.answer
    if answer["replayed"]:
        return Counter()
    return Counter([("seats", answer["mock_exam_id"], -1), *_given_back(answer, before)])


def _cancelled_many(call: Call, before: _Before) -> Effects:
    """Of cancel_bookings and delete_exam: each booking told as done, once."""
    effects: Effects = Counter()
    freed: Counter[str] = Counter()
    for answer in call.answers:
        booking = answer["booking"]
        if answer["done"] and not booking["replayed"]:
            freed[booking["mock_exam_id"]] -= 1
            effects.update(_given_back(booking, before))
    effects.update(("seats", exam, change) for exam, change in freed.items())
    return effects


def _deleted(call: Call, before: _Before) -> Effects:
    exam = call.arguments["p_mock_exam_id"]
    effects = _cancelled_many(call, before)
    if (before.seats(call.xact, exam) or {}).get("is_open"):
        effects["open", exam, False] += 1
    return effects


def _moved(call: Call, before: _Before) -> Effects:
    answer = call.answer
    old = before.booking(call.xact, answer["id"])
    if answer["replayed"] or old is None:
        return Counter()
    return Counter(
        [
            ("seats", old["mock_exam_id"], -1),
            ("seats", answer["mock_exam_id"], 1),
            ("event", "moved", answer["id"]),
        ]
    )


def _posted(call: Call, before: _Before) -> Effects:
    answer, arguments = call.answer, call.arguments
    if answer["replayed"]:
        return Counter()
    change = arguments.get("p_delta") or arguments.get("p_amount")
    reason = "grant" if call.function == "grant_credits" else "adjustment"
    return Counter([("ledger", answer["id"], arguments["p_credit"], change, reason, None)])


def _exam_set(call: Call, before: _Before) -> Effects:
    """Of the functions that set an exam's capacity or state: what differs from before."""
    exam, arguments = call.arguments["p_mock_exam_id"], call.arguments
    wanted = {
        "capacity": arguments.get("p_capacity"),
        "is_open": {"activate_exam": True, "deactivate_exam": False}.get(
            call.function, arguments.get("p_is_active")
        ),
    }
    old = before.seats(call.xact, exam)
    if old is None:
        chain = before.story.seat_chains.get(exam, [])
        if not any(version.xact == call.xact for version in chain):
            return Counter()  # no version of its own: what it wanted must have been there
        return Counter(
            [("capacity", exam, wanted["capacity"] or 0), ("open", exam, bool(wanted["is_open"]))]
        )
    return Counter(
        [
            ("capacity" if column == "capacity" else "open", exam, value)
            for column, value in wanted.items()
            if value is not None and value != old[column]
        ]
    )


def _contact_told(call: Call, before: _Before) -> Effects:
    """Of upsert_contact: balances are given once, when the contact is new."""
    id = call.answer["id"]
    chain = before.story.contact_chains[id]
    if chain[0].xact != call.xact:
        return Counter()
    return Counter(
        [
            ("ledger", id, name.removeprefix("p_"), value, "opening", None)
            for name, value in call.arguments.items()
            if name.removeprefix("p_") in TOKENS.values() and value
        ]
    )


_RULES: dict[str, Callable[[Call, _Before], Effects]] = {
    "create_booking": _booked,
    "cancel_booking": _cancelled,
    "cancel_bookings": _cancelled_many,
    "move_booking": _moved,
    "delete_exam": _deleted,
    "set_exam_capacity": _exam_set,
    "activate_exam": _exam_set,
    "deactivate_exam": _exam_set,
    "upsert_exam": _exam_set,
    "grant_credits": _posted,
    "adjust_credits": _posted,
    "upsert_contact": _contact_told,
}


def wrong_rows(story: Story) -> list[str]:
    """One sentence for every committed row that breaks a rule at the moment it was committed."""
    return [
        *_seats_sold_twice(story),
        *_doubles(story),
        *_ledger(story),
        *_shared_before_specific(story),
        *_actors(story),
        *_final(story),
    ]


def _seats_sold_twice(story: Story) -> list[str]:
    problems = []
    for exam, chain in story.seat_chains.items():
        for old, new in pairwise(chain):
            if new.row["taken"] > old.row["taken"]:
                call = story.by_xact.get(new.xact)
                if new.row["taken"] > new.row["capacity"]:
                    problems.append(f"exam {exam} was overbooked: {new.row} by {call}")
                if not new.row["is_open"]:
                    problems.append(f"exam {exam} was closed and booked: {new.row} by {call}")
    return problems


def _doubles(story: Story) -> list[str]:
    """A student's bookings one commit after the other: never two of one exam, or type and day."""
    problems = []
    active: dict[str, Row] = {}
    for version in story.of("hubspot_bookings"):
        row = version.row
        active.pop(row["id"], None)
        if row["is_active"] != "Active" or row["exempt"]:
            continue
        for other in active.values():
            if other["student_id"] == row["student_id"] and (
                other["mock_exam_id"] == row["mock_exam_id"]
                or (other["mock_type"], other["exam_date"]) == (row["mock_type"], row["exam_date"])
            ):
                call = story.by_xact.get(version.xact or "")
                problems.append(f"{other['booking_id']} and {row['booking_id']} by {call}")
        active[row["id"]] = row
    return problems


def _ledger(story: Story) -> list[str]:
    problems = []
    balances: dict[tuple[str, str], int] = {}
    for version in story.of("credit_ledger"):
        row = version.row
        key = row["contact"], row["credit"]
        if row["balance_before"] != balances.get(key, 0):
            problems.append(f"the ledger breaks at {row}: the balance was {balances.get(key, 0)}")
        if row["balance_before"] + row["delta"] != row["balance_after"]:
            problems.append(f"the ledger does not add up at {row}")
        balances[key] = row["balance_after"]
    for contact in story.final.get("hubspot_contact_credits", []):
        for credit in TOKENS.values():
            if contact[credit] != balances.get((contact["id"], credit), 0):
                problems.append(f"the ledger ends beside the balance: {credit} of {contact}")
    return problems


def _shared_before_specific(story: Story) -> list[str]:
    """A shared credit was spent while the contact had one of the type's own."""
    problems = []
    for call in story.by_xact.values():
        if call.function != "create_booking" or call.replayed:
            continue
        if call.answer["token_used"] != "Shared Token":
            continue
        own = TOKENS[f"{call.answer['mock_type']} Token"]
        row: Row = {}
        for version in story.contact_chains.get(_contact(story, call), []):
            if version.xact == call.xact:
                break
            row = version.row
        if row.get(own, 0) > 0:
            problems.append(f"a shared credit was spent before {own}: {call}")
    return problems


def _contact(story: Story, call: Call) -> str:
    chain = story.booking_chains.get(call.answer["id"])
    return chain[0].row["contact"] if chain else ""


def _actors(story: Story) -> list[str]:
    """Ledger and audit name who called."""
    return [
        f"{version.table} names {version.row['actor']} for {call}"
        for table in ("credit_ledger", "supabase_audit_log")
        for version in story.of(table)
        if (call := story.by_xact.get(version.xact or "")) is not None
        and version.row["actor"] != call.actor
    ]


def _final(story: Story) -> list[str]:
    """The rows after the run are those the log of commits ends with."""
    problems = []
    rows = {row["id"]: row for row in story.final.get("hubspot_bookings", [])}
    last = {id: chain[-1].row for id, chain in story.booking_chains.items()}
    for id in rows.keys() ^ last.keys():
        problems.append(f"booking {id} is not what the commits say: {rows.get(id)}")
    for id in rows.keys() & last.keys():
        if rows[id]["is_active"] != last[id]["is_active"]:
            problems.append(f"booking {id} ended as {rows[id]}, committed was {last[id]}")
    exams = {row["hubspot_id"]: row for row in story.final.get("hubspot_mock_exams", [])}
    for row in rows.values():
        exam = exams.get(row["mock_exam_id"])
        if row["is_active"] == "Active" and (
            exam is None
            or (row["mock_type"], row["exam_date"][:10]) != (exam["mock_type"], exam["exam_date"])
        ):
            problems.append(f"an active booking and its exam differ: {row}, {exam}")
    seated = Counter(r["mock_exam_id"] for r in rows.values() if r["is_active"] in HOLDS_A_SEAT)
    for exam, chain in story.seat_chains.items():
        if chain[-1].row["taken"] != seated[exam]:
            problems.append(f"exam {exam} counts {chain[-1].row}, {seated[exam]} are seated")
    return problems
