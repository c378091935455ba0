"""Whatever people and workers do on both sides, in whatever order: both end equal, nothing lost.

Hypothesis draws the acts and, when something breaks, finds the fewest that break it. The same are
drawn every time; STATEFUL_EXAMPLES=300 draws others, and more.
"""

import os
import sys
from collections import Counter

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sides import BOOKINGS, CONTACTS, CREDITS, EXAMS, URL, Sides, Violation, day

from sandbox.hubspot.record import APPLICATION, USER, WORKFLOW

EXAMPLES = int(os.environ.get("STATEFUL_EXAMPLES", "0"))
SEED = int(os.environ.get("STATEFUL_SEED") or int.from_bytes(os.urandom(4)))
STEPS = int(os.environ.get("STATEFUL_STEPS", "40"))
CHECKED = 4
"""After so many acts all invariants are looked at: it takes as long as the acts."""

HAPPENED = {
    "a death before hubspot_sync.finish_changes",
    "a death before hubspot_sync.receive_records",
    "a webhook never sent",
    "a webhook stored",
    "a webhook stored and heard of",
    "an answer lost",
    "api.cancel_booking",
    "api.create_booking",
    "api.create_booking refused",
    "api.grant_credits",
    "api.set_exam_capacity",
    "api.upsert_contact",
    "decision: ours: it is Postgres's, and is sent once more",
    "decision: ours: it is on its way from here",
    "hubspot_bookings archived",
    "hubspot_contact_credits archived",
    "hubspot_contact_credits restored",
    "ledger: hubspot",
    "ledger: refund",
}
"""Without these the acts that were drawn were not worth it."""

people = st.sampled_from([USER, WORKFLOW, APPLICATION])
balances = st.sampled_from(sorted(CREDITS.values()))
mostly = st.sampled_from([True, True, True, False])
words = st.sampled_from(["A", "B", "C"])
manners = st.sampled_from(
    [
        {},
        {"split": 0.3, "duplicates": 0.3, "repeated_ids": 0.3, "disorder": 0.5},
        {"late": 0.5, "late_seconds": 600.0, "disorder": 0.5},
    ]
)


class BothWays(RuleBasedStateMachine):
    """Apps here, people in HubSpot, and the workers between them."""

    students = Bundle("students")
    exams = Bundle("exams")
    bookings = Bundle("bookings")
    binned = Bundle("binned")

    def __init__(self, stage, happened):
        super().__init__()
        self.sides = Sides(stage, happened)
        self.steps = 0

    @initialize(target=students)
    def the_students(self):
        return multiple(*self.sides.students)

    @initialize(target=exams)
    def the_exams(self):
        return multiple(*self.sides.exams)

    @initialize(manner=manners)
    def webhooks(self, manner):
        self.sides.account.store.webhooks.subscribe(URL, "secret", **manner)

    @initialize(
        target=bookings,
        wanted=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, unique=True),
        sent=st.booleans(),
    )
    def the_first_bookings(self, wanted, sent):
        students, exams = self.sides.students, self.sides.exams
        made = [self.sides.book(students[one], exams[other], None) for one, other in wanted]
        if sent:
            self.sides.drain()
        return multiple(*filter(None, made))

    # Here

    @rule(
        target=bookings,
        student=students,
        exam=exams,
        key=st.sampled_from([None, None, "key 1", "key 2"]),
    )
    def book(self, student, exam, key):
        booking = self.sides.book(student, exam, key)
        return booking if booking else multiple()

    @rule(booking=bookings)
    def cancel(self, booking):
        self.sides.call("select 1 from api.cancel_booking(%(booking)s)", booking=booking)

    @rule(booking=bookings, exam=exams)
    def move(self, booking, exam):
        self.sides.call(
            "select 1 from api.move_booking(p_booking_id => %(booking)s,"
            " p_mock_exam_id => %(exam)s)",
            booking=booking,
            exam=exam,
        )

    @rule(booking=bookings, said=st.sampled_from(["Yes", "No"]))
    def mark(self, booking, said):
        self.sides.call(
            "select 1 from api.mark_attendance(p_booking_id => %(booking)s,"
            " p_attendance => %(said)s)",
            booking=booking,
            said=said,
        )

    @rule(student=students, credit=balances, number=st.integers(1, 2))
    def grant(self, student, credit, number):
        self.sides.grant(student, credit, number)

    @rule(exam=exams, seats=st.integers(1, 3))
    def set_capacity(self, exam, seats):
        self.sides.call(
            "select 1 from api.set_exam_capacity(%(exam)s, %(seats)s)", exam=exam, seats=seats
        )

    @rule(student=students, firstname=words)
    def rename(self, student, firstname):
        self.sides.call(
            "select 1 from api.upsert_contact(p_student_id => %(student)s,"
            " p_email => %(email)s, p_firstname => %(firstname)s)",
            student=student,
            email=self.sides.email(student),
            firstname=firstname,
        )

    @precondition(lambda self: "dan" not in self.sides.opened)
    @rule(target=students)
    def make_known(self):
        self.sides.make_known("dan")
        return "dan"

    # In HubSpot

    @rule(
        student=students,
        credit=balances,
        number=st.sampled_from([1, 2, 5, -1, -2]),
        who=people,
    )
    def top_up(self, student, credit, number, who):
        self.sides.add(student, credit, number, who)

    @rule(
        exam=exams,
        values=st.one_of(
            st.fixed_dictionaries({"capacity": st.sampled_from(["1", "2", "3"])}),
            st.fixed_dictionaries({"mock_exam_name": words}),
            st.fixed_dictionaries({"exam_date": st.integers(0, 3).map(day)}),
            st.fixed_dictionaries({"is_active": st.sampled_from(["true", "false"])}),
        ),
        who=people,
    )
    def edit_exam(self, exam, values, who):
        self.sides.set(EXAMS, exam, who, **values)

    @rule(
        student=students,
        field=st.sampled_from(["firstname", "lastname", "email"]),
        word=words,
        who=people,
    )
    def edit_contact(self, student, field, word, who):
        value = f"{student}.{word}@example.com".lower() if field == "email" else word
        self.sides.set(CONTACTS, student, who, **{field: value})

    @rule(
        booking=bookings,
        field=st.sampled_from(["attending_location", "dominant_hand", "student_name"]),
        word=words,
        who=people,
    )
    def edit_booking(self, booking, field, word, who):
        self.sides.set(BOOKINGS, booking, who, **{field: word})

    @rule(
        booking=bookings,
        values=st.one_of(
            st.fixed_dictionaries(
                {"is_active": st.sampled_from(["Cancelled", "Active", "Completed"])}
            ),
            st.fixed_dictionaries({"attendance": st.sampled_from(["Yes", "No", ""])}),
        ),
        who=people,
    )
    def ask_of_booking(self, booking, values, who):
        self.sides.set(BOOKINGS, booking, who, **values)

    @rule(target=binned, booking=bookings, who=people)
    def archive_booking(self, booking, who):
        archived = self.sides.archive(BOOKINGS, booking, who)
        return (BOOKINGS, booking) if archived else multiple()

    @rule(target=binned, student=students, who=people)
    def archive_contact(self, student, who):
        archived = self.sides.archive(CONTACTS, student, who)
        return (CONTACTS, student) if archived else multiple()

    @rule(record=consumes(binned))
    def restore(self, record):
        self.sides.restore(*record)

    # In between

    @rule()
    def drain(self):
        self.sides.drain()

    @rule(lost=st.integers(1, 3))
    def drain_with_answers_lost(self, lost):
        self.sides.drain(lost=lost)

    @rule()
    def drain_that_dies_before_acknowledging(self):
        self.sides.drain(dies_before="hubspot_sync.finish_changes")

    @rule(stored=mostly, heard=mostly)
    def deliver_webhooks(self, stored, heard):
        self.sides.deliver(stored=stored, heard=heard)

    @rule()
    def lose_webhooks(self):
        self.sides.lose_webhooks()

    @rule()
    def receive(self):
        self.sides.receive()

    @rule()
    def receive_that_dies_after_reading(self):
        self.sides.receive(dies_before="hubspot_sync.receive_records")

    @rule()
    def poll(self):
        self.sides.poll()

    @rule()
    def look_into_the_bin(self):
        self.sides.look_into_the_bin()

    @rule(minutes=st.sampled_from([1, 3, 15, 60, 600, 1500]))
    def wait(self, minutes):
        self.sides.time.pass_by(60.0 * minutes)
        self.sides.call("select 1 from api.complete_past_bookings()")

    # Each name is drawn as often as any other: what matters most has several.
    book_2 = book_3 = book_4 = book
    top_up_2 = top_up_3 = top_up
    edit_exam_2 = edit_exam
    edit_booking_2 = edit_booking
    ask_of_booking_2 = ask_of_booking
    drain_2 = drain_3 = drain_4 = drain
    deliver_webhooks_2 = deliver_webhooks_3 = deliver_webhooks
    receive_2 = receive_3 = receive_4 = receive
    wait_2 = wait
    archive_booking_2 = archive_booking

    # What must hold

    @invariant()
    def nothing_is_broken(self):
        self.steps += 1
        if self.steps % CHECKED == 0 and (wrong := self.sides.violations()):
            raise Violation("\n".join(wrong))

    def teardown(self):
        try:
            # What an act, or an invariant, has broken is told by its own error.
            if sys.exc_info()[0] is None:
                self.sides.settle()
        finally:
            self.sides.close()


@pytest.mark.timeout(7200)
def test_both_sides_end_equal_whatever_was_done_on_either(stage):
    happened: Counter[str] = Counter()

    def machine():
        return BothWays(stage, happened)

    options = settings(
        deadline=None,
        max_examples=EXAMPLES or 40,
        stateful_step_count=STEPS,
        derandomize=not EXAMPLES,
        database=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    if EXAMPLES:
        print(f"Again: STATEFUL_EXAMPLES={EXAMPLES} STATEFUL_SEED={SEED} pytest {__file__}")
        machine = seed(SEED)(machine)
    run_state_machine_as_test(machine, settings=options)
    print(*(f"{times:7} {what}" for what, times in sorted(happened.items())), sep="\n")
    assert sorted(HAPPENED - {what for what, times in happened.items() if times}) == []
