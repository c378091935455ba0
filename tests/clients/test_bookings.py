"""What an app's server does with the service key, through both clients."""

import uuid

import pytest


@pytest.fixture
def exam(seed):
    """An exam of four seats."""
    return seed.exam()


@pytest.fixture
def ada(seed):
    """A student with five credits, as arguments."""
    return seed.student()


@pytest.fixture
def key():
    """An idempotency key nobody has used."""
    return str(uuid.uuid4())


def parts(answer) -> tuple:
    """An error without its data."""
    return answer.code, answer.message, answer.details, answer.hint


def test_a_booking_arrives_as_one_object(server, exam, ada):
    answer = server.call("create_booking", p_mock_exam_id=exam, **ada, p_student_name="Ada Moss")
    assert answer.code is None
    assert answer.data["booking_id"].startswith("BK-")
    shown = {"is_active", "mock_exam_id", "mock_type", "exam_date", "student_id", "student_name",
             "student_email", "token_used", "replayed"}  # fmt: skip
    assert {name: answer.data[name] for name in shown} == {
        "is_active": "Active",
        "mock_exam_id": exam,
        "mock_type": "Mini-mock",
        "exam_date": "2099-03-02",
        "student_id": ada["p_student_id"],
        "student_name": "Ada Moss",
        "student_email": ada["p_email"],
        "token_used": "Mini-mock Token",
        "replayed": False,
    }


def test_the_same_key_again_answers_the_first_booking(server, exam, ada, key):
    request = {"p_mock_exam_id": exam, **ada, "p_idempotency_key": key}
    first = server.call("create_booking", **request).data
    again = server.call("create_booking", **request).data
    assert again == first | {"replayed": True}


def test_a_key_of_another_request_is_refused_naming_the_fields(server, seed, exam, ada, key):
    other = seed.exam(start="2099-03-03")
    server.call("create_booking", p_mock_exam_id=exam, **ada, p_idempotency_key=key)
    answer = server.call("create_booking", p_mock_exam_id=other, **ada, p_idempotency_key=key)
    assert answer.code == "MBKEY"
    assert "p_mock_exam_id" in answer.message
    assert answer.hint


def test_a_full_exam_says_how_many_seats_are_taken(server, seed, ada):
    exam = seed.exam(capacity=0)
    answer = server.call("create_booking", p_mock_exam_id=exam, **ada)
    assert parts(answer) == (
        "MBFUL", f"mock exam {exam} is full", "0 of 0 seats are taken", "Choose another session.",
    )  # fmt: skip


def test_a_student_without_credit_is_refused_with_the_balance(server, seed, exam):
    ben = seed.student(credits=0)
    answer = server.call("create_booking", p_mock_exam_id=exam, **ben)
    assert answer.code == "MBCRD"
    assert answer.message
    assert answer.details
    assert answer.hint


def test_a_second_booking_of_the_same_exam_is_refused(server, exam, ada):
    server.call("create_booking", p_mock_exam_id=exam, **ada)
    answer = server.call("create_booking", p_mock_exam_id=exam, **ada)
    assert answer.code == "MBDUP"
    assert answer.message
    assert answer.details
    assert answer.hint


def test_a_refused_request_changes_nothing(server, seed, ada, key):
    exam = seed.exam(capacity=0)
    server.call("create_booking", p_mock_exam_id=exam, **ada, p_idempotency_key=key)
    assert server.get("get_contact_credits", **ada).data["sjmini_credits"] == 5
    assert not server.get("check_idempotency_key", p_idempotency_key=key).data["found"]


def test_available_exams_arrive_as_a_list(server, exam, ada):
    server.call("create_booking", p_mock_exam_id=exam, **ada)
    rows = {row["mock_exam_id"]: row for row in server.get("list_available_exams").data}
    assert (rows[exam]["seats_left"], rows[exam]["status"]) == (3, "limited")


def test_a_list_can_be_narrowed_by_an_argument_to_nothing(server, exam):
    assert server.get("list_available_exams", p_mock_type="Clinical Skills").data == []


def test_a_cancelled_booking_gives_its_credit_back_once(server, exam, ada):
    booking = server.call("create_booking", p_mock_exam_id=exam, **ada).data["booking_id"]
    first = server.call("cancel_booking", p_booking_id=booking, p_reason="ill").data
    again = server.call("cancel_booking", p_booking_id=booking, p_reason="ill").data
    assert (first["is_active"], first["replayed"], again["replayed"]) == ("Cancelled", False, True)
    assert server.get("get_contact_credits", **ada).data["sjmini_credits"] == 5


def test_a_function_that_only_reads_answers_get(server, exam, ada):
    booking = server.call("create_booking", p_mock_exam_id=exam, **ada).data["booking_id"]
    assert server.get("get_booking", p_booking_id=booking).data["booking_id"] == booking


def test_a_function_that_writes_refuses_get(server, exam, ada):
    answer = server.get("create_booking", p_mock_exam_id=exam, **ada)
    assert answer.code == "25006"
    assert server.get("get_contact_credits", **ada).data["sjmini_credits"] == 5


def test_a_missing_argument_is_refused_by_name(server):
    answer = server.call("create_booking", p_mock_exam_id="901")
    assert answer.code == "22023"
    assert "p_student_id" in answer.message


def test_an_unknown_argument_is_refused_by_the_gateway(server):
    assert server.call("create_booking", p_exam="901").code == "PGRST202"


def test_a_booking_nobody_made_is_not_found(server):
    assert server.get("get_booking", p_booking_id="BK-20990101-AAAAAA").code == "MBNOF"


def test_every_invariant_holds_after_these_calls(server, exam, ada):
    booking = server.call("create_booking", p_mock_exam_id=exam, **ada).data["booking_id"]
    server.call("cancel_booking", p_booking_id=booking)
    server.call("create_booking", p_mock_exam_id=exam, **ada)
    assert [row["name"] for row in server.get("verify").data if row["violations"]] == []
