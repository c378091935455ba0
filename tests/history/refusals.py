"""Was a refusal justified: was there a moment during the call at which it was true?"""

from __future__ import annotations

from collections.abc import Callable

from story import Call, Row, Story

CREDITS = {"Situational Judgment": "sj_credits", "Clinical Skills": "cs_credits"}
SHARED = "shared_mock_credits"
TAKES_A_SEAT = ("create_booking", "move_booking")


def unjustified(story: Story) -> list[str]:
    """One sentence for every refusal that no moment of its call can explain."""
    problems = []
    for call in story.calls:
        for code, refused in refusals(call):
            justified = _RULES.get(code)
            if code not in story.codes:
                problems.append(f"{code} is not documented: {refused}; {call.message}")
            elif justified is None:
                problems.append(f"{code} can have no reason here: {refused}; {call.message}")
            elif not justified(story, refused):
                problems.append(f"{code} was not true at any moment of the call: {refused}")
            if code != "MBBSY" and _was_granted(story, refused):
                problems.append(f"{code} for a request that was granted before: {refused}")
    return problems


def refusals(call: Call) -> list[tuple[str, Call]]:
    """The refusals a call met: its own, or those of single bookings among many."""
    if call.code is not None:
        return [(call.code, call)] if len(call.code) == 5 else []
    if call.function != "cancel_bookings":
        return []
    return [
        (answer["code"], _one(call, booking_id))
        for booking_id, answer in zip(call.arguments["p_booking_ids"], call.answers, strict=True)
        if not answer["done"]
    ]


def _one(call: Call, booking_id: str) -> Call:
    """One of many cancellations, as a call of its own."""
    arguments = {"p_booking_id": booking_id}
    return Call(call.actor, "cancel_booking", arguments, call.begin, call.end)


def _was_granted(story: Story, call: Call) -> bool:
    """Whether the same request with the same key had its answer before this call began."""
    return call.key is not None and any(
        first.end < call.begin and first.request == call.request
        for first in story.granted.get(call.key, [])
    )


# What may have been true during a call


def _exam(call: Call) -> str | None:
    return call.arguments.get("p_mock_exam_id")


def _exam_rows(story: Story, call: Call) -> list[Row]:
    return story.during(story.exams, _exam(call), call)


def _contact_rows(story: Story, call: Call) -> list[Row]:
    return story.during(story.contacts, call.arguments.get("p_student_id"), call)


def _booking_rows(story: Story, call: Call) -> list[Row]:
    return story.during(story.bookings, call.arguments.get("p_booking_id"), call)


def _full(story: Story, call: Call) -> bool:
    seats = [row for row in story.during(story.seats, _exam(call), call) if row]
    if not any(row["taken"] >= row["capacity"] for row in seats):
        return False
    # The same once more without trust in the counter: who may have sat there at one time?
    return most_seated(story, call) >= min(row["capacity"] for row in seats)


def most_seated(story: Story, call: Call) -> int:
    """The most seats of the call's exam that may have been taken at one moment of it.

    A seat may be taken from the begin of the call that took it to the end of the call that
    gave it up; both are what the callers saw.
    """
    changes = []
    for begin, end in story.stays.get(_exam(call) or "", []):
        if begin <= call.end and end >= call.begin:
            changes += [(max(begin, call.begin), 0, 1), (end, 1, -1)]
    most = seated = 0
    for _, _, change in sorted(changes):
        seated += change
        most = max(most, seated)
    return most


def _closed(story: Story, call: Call) -> bool:
    seats = story.during(story.seats, _exam(call), call)
    return any(row is None or not row["is_open"] for row in seats)


def _no_exam(story: Story, call: Call) -> bool:
    return any(row is None or row.get("deleted_at") for row in _exam_rows(story, call))


def _no_contact(story: Story, call: Call) -> bool:
    return None in _contact_rows(story, call)


def _no_booking(story: Story, call: Call) -> bool:
    return None in _booking_rows(story, call)


def _no_credit(story: Story, call: Call) -> bool:
    contacts = [row for row in _contact_rows(story, call) if row]
    if call.function in ("grant_credits", "adjust_credits"):
        arguments = call.arguments
        change = arguments.get("p_delta") or arguments.get("p_amount")
        return any(row[arguments["p_credit"]] + change < 0 for row in contacts)
    own = CREDITS[next(row for row in _exam_rows(story, call) if row)["mock_type"]]
    return any(row[own] == 0 and row[SHARED] == 0 for row in contacts)


def _double(story: Story, call: Call) -> bool:
    moved = call.arguments.get("p_booking_id")
    if call.function == "upsert_exam":
        return _date_would_double(story, call)
    students = {row["student_id"] for row in _booking_rows(story, call) if row}
    student = students.pop() if students else call.arguments.get("p_student_id")
    exams = [row for row in _exam_rows(story, call) if row]
    return any(
        row is not None and row["is_active"] == "Active" and _conflict(row, exam)
        for booking_id, timeline in story.bookings_of.get(student, {}).items()
        if booking_id != moved
        for row in timeline.during(call.begin, call.end)
        for exam in exams
    )


def _conflict(booking: Row, exam: Row) -> bool:
    return booking["mock_exam_id"] == exam["hubspot_id"] or (
        booking["mock_type"] == exam["mock_type"]
        and booking["exam_date"][:10] == exam["exam_date"][:10]
    )


def _date_would_double(story: Story, call: Call) -> bool:
    """Whether a student of the exam may have had another booking on its new date."""
    seen = [
        (row["student_id"], booking_id, row)
        for booking_id, timeline in story.bookings.items()
        for row in timeline.during(call.begin, call.end)
        if row is not None and row["is_active"] == "Active"
    ]
    here = {(student, b) for student, b, row in seen if row["mock_exam_id"] == _exam(call)}
    there = {
        (student, b)
        for student, b, row in seen
        if row["exam_date"][:10] == str(call.arguments.get("p_exam_date"))
    }
    return any(s == t and b != c for s, b in here for t, c in there)


def _not_active(story: Story, call: Call) -> bool:
    return any(row and row["is_active"] != "Active" for row in _booking_rows(story, call))


def _other_type(story: Story, call: Call) -> bool:
    """Whether the credit a booking was paid with does not pay for the other exam's type."""
    for exam in filter(None, _exam_rows(story, call)):
        for booking in filter(None, _booking_rows(story, call)):
            token = booking["token_used"]
            if token not in (f"{exam['mock_type']} Token", "Shared Token"):
                return True
    return False


def _too_early(story: Story, call: Call) -> bool:
    return any(row and row["exam_date"][:10] > TODAY for row in _booking_rows(story, call))


def _other_request(story: Story, call: Call) -> bool:
    return any(
        first.begin <= call.end and first.request != call.request
        for first in story.granted.get(call.key or "", [])
    )


def _busy(story: Story, call: Call) -> bool:
    """Whether it waited as long as functions wait, for somebody, or its exam was moved."""
    if call.function in TAKES_A_SEAT:
        dates = {(row["mock_type"], row["starts_at"]) for row in _exam_rows(story, call) if row}
        if len(dates) > 1:
            return True
    return call.end - call.begin >= story.lock_timeout and any(
        other.begin <= call.end and other.end >= call.begin
        for other in story.calls
        if other is not call
    )


TODAY = "2030-06-15"
"""The day on which every history plays."""

_RULES: dict[str, Callable[[Story, Call], bool]] = {
    "MBFUL": _full,
    "MBINA": _closed,
    "MBEXM": _no_exam,
    "MBCON": _no_contact,
    "MBNOF": _no_booking,
    "MBCRD": _no_credit,
    "MBDUP": _double,
    "MBSTA": _not_active,
    "MBTYP": _other_type,
    "MBERL": _too_early,
    "MBKEY": _other_request,
    "MBBSY": _busy,
}
