"""The judge finds every kind of fault, in stories written by hand, and nothing in good ones."""

import pytest
from refusals import most_seated
from story import ROLLED_BACK, Call, Timeline
from tale import Tale


@pytest.fixture
def tale():
    return Tale()


def the_fault(tale):
    """The one problem the judge must find."""
    problems = tale.verdict()
    assert len(problems) == 1, problems
    return problems[0]


# Good stories


def test_nothing_that_happened_breaks_nothing(tale):
    assert tale.verdict() == []


def test_a_booking_its_replay_and_its_cancellation_are_in_order(tale):
    id = tale.books(1, 2, key="k")
    answer = tale.answer(id, replayed=True)
    tale.call("create_booking", 1, 3, answer, xact="r", mock_exam_id="E1", student_id="ann",
              idempotency_key="k")  # fmt: skip
    tale.cancels(4, 5, id)
    again = tale.answer(id, replayed=True)
    tale.call("cancel_booking", 4, 6, again, xact="again", booking_id=id)
    assert tale.verdict() == []


def test_a_move_and_a_rolled_back_booking_are_in_order(tale):
    id = tale.books(1, 2)
    tale.call("create_booking", 1, 2, code=ROLLED_BACK, mock_exam_id="E2", student_id="ben")
    tale.moves(3, 4, id, "E2")
    assert tale.verdict() == []


def test_capacity_lowered_below_the_bookings_is_in_order(tale):
    tale.books(1, 2)
    tale.resizes(3, 4, 0)
    assert tale.verdict() == []


def test_full_is_true_while_the_seat_may_have_been_taken_for_a_moment(tale):
    id = tale.books(1, 4)
    tale.refused("MBFUL", 3, 5, "ben")  # the booking may have come before 4
    tale.cancels(6, 8, id)
    tale.refused("MBFUL", 7, 9, "ben")  # the cancellation may have come after 7
    assert tale.verdict() == []


def test_full_is_true_while_capacity_may_have_been_none(tale):
    tale.resizes(1, 3, 0)
    tale.refused("MBFUL", 2, 9, "ben")
    assert tale.verdict() == []


def test_no_credit_is_true_until_the_refund_is_there_for_certain(tale):
    tale.ledger(None, "ann", "shared_mock_credits", -1, "adjustment", None)
    id = tale.books(1, 2)
    tale.refused("MBCRD", 3, 6, exam="E2")
    tale.cancels(5, 8, id)
    assert tale.verdict() == []


def test_a_double_is_true_while_the_other_booking_may_be_there(tale):
    id = tale.books(1, 5)
    tale.refused("MBDUP", 2, 3)
    tale.cancels(6, 9, id)
    tale.refused("MBDUP", 8, 9)
    assert tale.verdict() == []


# Seats


def test_a_full_exam_that_never_was_full_is_found(tale):
    tale.refused("MBFUL", 1, 2)
    assert "MBFUL was not true" in the_fault(tale)


def test_full_before_the_seat_was_taken_is_found(tale):
    tale.refused("MBFUL", 1, 2, "ben")
    tale.books(3, 4)
    assert "MBFUL was not true" in the_fault(tale)


def test_full_after_the_seat_was_free_again_is_found(tale):
    tale.cancels(3, 4, tale.books(1, 2))
    tale.refused("MBFUL", 5, 6, "ben")
    assert "MBFUL was not true" in the_fault(tale)


def test_full_by_a_counter_that_nobody_sits_behind_is_found(tale):
    tale.seat(None, "E1", taken=1)
    tale.refused("MBFUL", 1, 2)
    problems = tale.verdict()
    assert any("MBFUL was not true" in problem for problem in problems)
    assert any("counts" in problem for problem in problems)


def test_a_seat_sold_twice_is_found(tale):
    tale.books(1, 2)
    tale.books(1, 2, "ben")
    assert "overbooked" in the_fault(tale)


def test_a_closed_exam_that_was_booked_is_found(tale):
    tale.seat(None, "E1", is_open=False)
    tale.books(1, 2)
    assert "closed and booked" in the_fault(tale)


def test_a_seat_that_is_counted_twice_is_found(tale):
    id = tale.books(1, 2, exam="E2")
    tale.take(id, "E2", 1)
    assert [p for p in tale.verdict() if "('seats', 'E2', 2)" in p]


def test_a_seat_given_up_and_not_counted_is_found(tale):
    id = tale.books(1, 2)
    xact = "cancel"
    tale.ledger(xact, "ann", "sj_credits", 1, "refund", id)
    tale.booking(xact, id, is_active="Cancelled")
    tale.event(xact, "cancelled", id)
    tale.call("cancel_booking", 3, 4, tale.answer(id), xact=xact, booking_id=id)
    assert [p for p in tale.verdict() if "must have" in p and "('seats', 'E1', -1)" in p]


def test_the_most_seats_taken_at_one_moment_are_not_the_sum_of_all(tale):
    for begin in (1, 11, 21):
        tale.cancels(begin + 5, begin + 6, tale.books(begin, begin + 1))
    call = tale.refused("MBFUL", 0, 30, "ben")
    assert most_seated(tale.story, call) == 1


# Effects


def test_an_effect_without_a_call_is_found(tale):
    tale.event("nobody", "created", "b1")
    assert "effects of no successful call" in the_fault(tale)


def test_an_effect_of_a_replay_is_found(tale):
    id = tale.books(1, 2, key="k")
    answer = tale.answer(id, replayed=True)
    tale.event("r", "created", id)
    tale.call("create_booking", 3, 4, answer, xact="r", mock_exam_id="E1", student_id="ann",
              idempotency_key="k")  # fmt: skip
    assert "must have no effects" in the_fault(tale)


def test_a_refund_to_the_wrong_credit_is_found(tale):
    id = tale.books(1, 2)
    tale.cancels(3, 4, id, credit="shared_mock_credits")
    assert "must have" in the_fault(tale)


def test_a_refund_given_twice_is_found(tale):
    id = tale.books(1, 2)
    tale.cancels(3, 4, id)
    tale.ledger(tale.story.calls[-1].xact, "ann", "sj_credits", 1, "refund", id)
    assert "must have" in the_fault(tale)


def test_a_booking_that_nobody_paid_for_is_found(tale):
    id = tale.books(1, 2)
    rows = tale.story.versions
    rows[:] = [v for v in rows if v.xact != id or v.table != "credit_ledger"]
    tale.contacts["ann"]["sj_credits"] = 1
    assert "must have" in the_fault(tale)


def test_a_missing_event_is_found(tale):
    id = tale.books(1, 2)
    rows = tale.story.versions
    rows[:] = [v for v in rows if v.xact != id or v.table != "supabase_audit_log"]
    assert "must have" in the_fault(tale)


def test_a_shared_credit_spent_before_the_types_own_is_found(tale):
    tale.books(1, 2, token="Shared Token")
    assert "spent before sj_credits" in the_fault(tale)


def test_a_ledger_that_names_somebody_else_is_found(tale):
    id = tale.books(1, 2)
    tale.story.calls[:] = [Call(**(vars(call) | {"actor": "z"})) for call in tale.story.calls]
    problems = tale.verdict()
    assert {problem.split()[0] for problem in problems} == {"credit_ledger", "supabase_audit_log"}
    assert id


def test_a_ledger_that_breaks_is_found(tale):
    tale.contacts["ann"]["sj_credits"] = 7
    tale.books(1, 2)
    assert "the ledger breaks" in the_fault(tale)


def test_a_balance_beside_its_ledger_is_found(tale):
    tale.contacts["ann"]["cs_credits"] = 7
    assert "ends beside the balance" in the_fault(tale)


# Students


def test_two_active_bookings_of_one_exam_are_found(tale):
    tale.ledger(None, "ann", "sj_credits", 1, "adjustment", None)
    tale.books(1, 2, exam="E2", id="one")
    tale.books(3, 4, exam="E2", id="two")
    assert "one and two by" in the_fault(tale)


def test_two_active_bookings_of_one_type_and_day_are_found(tale):
    tale.exams["E2"]["exam_date"] = "2030-06-20"
    tale.log(None, "hubspot_mock_exams", tale.exams["E2"])
    tale.ledger(None, "ann", "sj_credits", 1, "adjustment", None)
    tale.books(1, 2, exam="E1", id="one")
    tale.books(3, 4, exam="E2", id="two")
    assert "one and two by" in the_fault(tale)


def test_a_double_without_another_booking_is_found(tale):
    tale.refused("MBDUP", 1, 2)
    assert "MBDUP was not true" in the_fault(tale)


def test_a_double_by_a_booking_of_another_day_is_found(tale):
    tale.books(1, 2, exam="E2")
    tale.refused("MBDUP", 3, 4)
    assert "MBDUP was not true" in the_fault(tale)


def test_no_credit_while_one_was_there_is_found(tale):
    tale.refused("MBCRD", 1, 2)
    assert "MBCRD was not true" in the_fault(tale)


def test_an_unknown_contact_that_is_known_is_found(tale):
    tale.refused("MBCON", 1, 2)
    assert "MBCON was not true" in the_fault(tale)


# Keys


def test_one_key_with_two_results_is_found(tale):
    tale.books(1, 2, exam="E2", key="k")
    tale.books(3, 4, "ben", exam="E2", key="k")
    assert "one key, two results" in the_fault(tale)


def test_a_replay_that_tells_something_else_is_found(tale):
    id = tale.books(1, 2, key="k")
    answer = tale.answer(id, replayed=True, token_used="Shared Token")
    tale.call("create_booking", 3, 4, answer, xact="r", mock_exam_id="E1", student_id="ann",
              idempotency_key="k")  # fmt: skip
    assert "tells something else" in the_fault(tale)


def test_a_replay_of_another_request_is_found(tale):
    id = tale.books(1, 2, key="k")
    answer = tale.answer(id, replayed=True)
    tale.call("create_booking", 3, 4, answer, xact="r", mock_exam_id="E1", student_id="ben",
              idempotency_key="k")  # fmt: skip
    assert "replay of another request" in the_fault(tale)


def test_a_refusal_of_a_request_that_was_granted_is_found(tale):
    tale.books(1, 2, key="k")
    tale.refused("MBFUL", 3, 4, key="k")
    assert "granted before" in the_fault(tale)


def test_a_key_refused_that_nobody_used_is_found(tale):
    tale.refused("MBKEY", 1, 2, key="k")
    assert "MBKEY was not true" in the_fault(tale)


def test_a_cancellation_told_as_done_before_that_was_not_is_found(tale):
    id = tale.books(1, 2)
    answer = tale.answer(id, is_active="Cancelled", replayed=True)
    tale.call("cancel_booking", 3, 4, answer, xact="r", booking_id=id)
    assert "and was not" in the_fault(tale)


# The rest


@pytest.mark.parametrize("code", ["23505", "40P01", "XX000", "P0001"])
def test_an_undocumented_code_is_found(tale, code):
    tale.refused(code, 1, 2)
    assert "is not documented" in the_fault(tale)


@pytest.mark.parametrize("code", ["MBINA", "MBEXM", "MBCUT", "MBBSY"])
def test_a_code_without_its_reason_is_found(tale, code):
    tale.refused(code, 1, 2)
    assert code in the_fault(tale)


def test_busy_without_waiting_is_found(tale):
    tale.story.lock_timeout = 5
    tale.refused("MBBSY", 1, 4)
    tale.refused("MBBSY", 1, 7, "ben")  # it waited, beside the other
    assert "ann" in the_fault(tale)


def test_a_setting_that_never_was_is_found(tale):
    tale.call("set_exam_capacity", 1, 2, xact="n", mock_exam_id="E1", capacity=9)
    assert "never was" in the_fault(tale)


def test_balances_that_never_were_are_found(tale):
    told = {"student_id": "ann", "sj_credits": 2, "shared_mock_credits": 1}
    tale.call("get_contact_credits", 1, 2, told, xact="n", student_id="ann")
    assert "never were" in the_fault(tale)


def test_a_booking_row_that_was_lost_is_found(tale):
    tale.books(1, 2)
    tale.story.final["hubspot_bookings"] = []
    assert any("is not what the commits say" in problem for problem in tale.verdict())


def test_a_deadlock_is_found(tale):
    tale.story.deadlocks = 1
    assert the_fault(tale) == "1 deadlocks"


def test_a_complaint_of_verify_is_found(tale):
    tale.story.violations = [{"name": "seats_counted", "violations": 1}]
    assert "seats_counted" in the_fault(tale)


# Timelines


def test_a_version_is_possible_from_its_calls_begin_to_its_successors_end():
    timeline = Timeline([("a", float("-inf"), float("-inf")), ("b", 10, 20), ("c", 30, 40)])
    assert timeline.during(1, 9) == ["a"]
    assert timeline.during(1, 10) == ["a", "b"]
    assert timeline.during(20, 20) == ["a", "b"]
    assert timeline.during(21, 29) == ["b"]
    assert timeline.during(35, 36) == ["b", "c"]
    assert timeline.during(41, 50) == ["c"]


def test_a_version_comes_no_later_than_the_one_that_follows_it():
    timeline = Timeline([("a", float("-inf"), float("-inf")), ("b", 10, 90), ("c", 30, 40)])
    assert timeline.during(41, 50) == ["c"]  # b is over, though its call ran on
    assert timeline.during(15, 20) == ["a", "b"]
