"""The verdict on a run: every promise of the booking core, checked against what happened.

`verdict` is a pure function of a story; an empty list means that no promise was broken. That
it can find each kind of fault is proven in test_judge.py with stories written by hand.
"""

from __future__ import annotations

from effects import wrong_effects, wrong_rows
from refusals import unjustified
from story import Call, Story

WISHES = {
    "set_exam_capacity": lambda arguments: {"capacity": arguments["p_capacity"]},
    "activate_exam": lambda arguments: {"is_open": True},
    "deactivate_exam": lambda arguments: {"is_open": False},
    "delete_exam": lambda arguments: {"is_open": False},
}
"""What a counter's row must have said at a moment of a successful call."""


def verdict(story: Story) -> list[str]:
    """One sentence for every broken promise."""
    problems = [
        *wrong_effects(story),
        *wrong_rows(story),
        *unjustified(story),
        *wrong_replays(story),
        *wrong_reads(story),
    ]
    if story.deadlocks:
        problems.append(f"{story.deadlocks} deadlocks")
    problems += [f"api.verify() complains: {row}" for row in story.violations]
    return problems


def wrong_replays(story: Story) -> list[str]:
    """A key has one first result; whoever repeats the request is told that one."""
    problems = []
    first: dict[str, Call] = {}
    for call in story.by_xact.values():
        if call.key is None or call.replayed:
            continue
        if first.setdefault(call.key, call) is not call:
            problems.append(f"one key, two results: {first[call.key]} and {call}")
    for call in story.by_xact.values():
        if call.replayed and call.key is not None:
            problems += _wrong_replay(call, first.get(call.key))
        elif call.replayed and call.function in ("cancel_booking", "move_booking"):
            column, value = ("is_active", "Cancelled")
            if call.function == "move_booking":
                column, value = ("mock_exam_id", call.arguments["p_mock_exam_id"])
            seen = story.during(story.bookings, call.arguments["p_booking_id"], call)
            if not any(row and row[column] == value for row in seen):
                problems.append(f"told as done before, and was not: {call}")
    return problems


def _wrong_replay(call: Call, first: Call | None) -> list[str]:
    if first is None or first.begin > call.end:
        return [f"a replay without a first result: {call}"]
    if first.request != call.request:
        return [f"a replay of another request: {call} of {first}"]
    if dict(call.answer, replayed=False) != dict(first.answer, replayed=False):
        return [f"a replay that tells something else: {call} of {first}"]
    return []


def wrong_reads(story: Story) -> list[str]:
    """What is read was true at a moment of the call."""
    problems = []
    for call in story.calls:
        if call.code is None and call.function == "get_contact_credits":
            seen = story.during(story.contacts, call.answer["student_id"], call)
            told = {n: v for n, v in call.answer.items() if n.endswith(("_credits", "_token"))}
            if not any(row and told.items() <= row.items() for row in seen):
                problems.append(f"balances that never were: {call}, {call.answer}")
        elif call.code is None and call.function in WISHES:
            wishes = WISHES[call.function](call.arguments)
            seen = story.during(story.seats, call.arguments["p_mock_exam_id"], call)
            if not any(row and wishes.items() <= row.items() for row in seen):
                problems.append(f"told as done, and never was: {call}")
    return problems
