"""What only administrators may do, by their email in admin_users, and how it arrives."""

import pytest

FOR_ADMINISTRATORS = {
    "activate_due_exams": {},
    "activate_exam": {"p_mock_exam_id": "9001"},
    "adjust_credits": {"p_student_id": "S000001", "p_credit": "sjmini_credits", "p_delta": 1},
    "cancel_bookings": {"p_booking_ids": ["BK-20990101-AAAAAA"]},
    "check_idempotency_key": {"p_idempotency_key": "key"},
    "complete_past_bookings": {},
    "deactivate_exam": {"p_mock_exam_id": "9001"},
    "delete_exam": {"p_mock_exam_id": "9001"},
    "find_unprotected": {},
    "get_analytics": {},
    "get_exam": {"p_mock_exam_id": "9001"},
    "grant_credits": {"p_student_id": "S000001", "p_credit": "sjmini_credits", "p_amount": 1},
    "list_bookings": {},
    "list_exams": {},
    "mark_attendance": {"p_booking_id": "BK-20990101-AAAAAA", "p_attendance": "Yes"},
    "request_sync": {"p_kind": "exam", "p_id": "9001"},
    "set_exam_capacity": {"p_mock_exam_id": "9001", "p_capacity": 1},
    "upsert_contact": {"p_student_id": "S000001", "p_email": "ada@example.org"},
    "upsert_exam": {"p_mock_exam_id": "9001"},
    "verify": {},
}

FOR_STUDENTS = {
    "cancel_booking",
    "check_credits",
    "create_booking",
    "get_booking",
    "get_contact_credits",
    "list_available_exams",
    "list_contact_bookings",
    "move_booking",
}


@pytest.fixture(scope="module", autouse=True)
def office(seed):
    """An administrator's email."""
    seed.connection.execute(
        "insert into hubspot_sync.admin_users (email) values ('office@example.org')"
    )
    return "office@example.org"


@pytest.fixture
def administrator(person, jwt, office):
    """An administrator, logged in; how the login spells the email does not matter."""
    return person(jwt("authenticated", office.title()))


@pytest.fixture
def ada(seed):
    """A student, as arguments."""
    return seed.student()


def test_every_function_is_for_administrators_or_for_students(seed):
    names = "select proname from pg_proc where pronamespace = 'api'::regnamespace"
    there_are = {row[0] for row in seed.connection.execute(names)}
    assert there_are == FOR_STUDENTS | set(FOR_ADMINISTRATORS)


@pytest.mark.parametrize("name", FOR_ADMINISTRATORS)
def test_a_student_may_not(person, jwt, ada, name):
    student = person(jwt("authenticated", ada["p_email"]))
    assert student.call(name, **FOR_ADMINISTRATORS[name]).code == "42501"


@pytest.mark.parametrize("name", FOR_ADMINISTRATORS)
def test_nobody_may_without_a_login(person, name):
    assert person().call(name, **FOR_ADMINISTRATORS[name]).code == "42501"


def test_an_administrator_books_for_a_student(administrator, seed, ada):
    answer = administrator.call("create_booking", p_mock_exam_id=seed.exam(), **ada)
    assert answer.data["student_id"] == ada["p_student_id"]


def test_each_of_several_bookings_answers_for_itself(administrator, seed, ada):
    booking = administrator.call("create_booking", p_mock_exam_id=seed.exam(), **ada).data
    ids = ["BK-20990101-AAAAAA", booking["booking_id"]]
    unknown, cancelled = administrator.call("cancel_bookings", p_booking_ids=ids).data
    assert [unknown["booking_id"], cancelled["booking_id"]] == ids
    assert (unknown["done"], unknown["code"], unknown["booking"]) == (False, "MBNOF", None)
    assert (cancelled["done"], cancelled["code"]) == (True, None)
    assert cancelled["booking"] == booking | {"is_active": "Cancelled", "replayed": False}


def test_bookings_come_in_pages(administrator, seed, ada):
    for day in ("2099-04-01", "2099-04-02", "2099-04-03"):
        administrator.call("create_booking", p_mock_exam_id=seed.exam(start=day), **ada)
    pages = [
        administrator.get(
            "list_bookings", p_student_id=ada["p_student_id"], p_page=number, p_page_size=2
        ).data
        for number in (1, 2)
    ]
    assert [page["has_more"] for page in pages] == [True, False]
    assert [page["total"] for page in pages] == [3, 3]
    days = [row["exam_date"] for page in pages for row in page["bookings"]]
    assert sorted(days) == ["2099-04-01", "2099-04-02", "2099-04-03"]


def test_a_grant_that_is_sent_again_is_given_once(administrator, ada):
    request = {**ada, "p_credit": "sjmini_credits", "p_amount": 2, "p_reason": "order 17",
               "p_idempotency_key": f"order-17-{ada['p_student_id']}"}  # fmt: skip
    answers = [administrator.call("grant_credits", **request).data for _ in "12"]
    assert [row["sjmini_credits"] for row in answers] == [7, 7]
    assert [row["replayed"] for row in answers] == [False, True]


def test_a_balance_never_falls_below_nothing(administrator, ada):
    answer = administrator.call(
        "adjust_credits", **ada, p_credit="sjmini_credits", p_delta=-9, p_reason="mistake"
    )
    assert answer.code == "MBCRD"


def test_a_contact_that_hubspot_knows_by_two_names_is_refused(administrator, seed, ada):
    other = seed.student()
    hubspot_id = f"5{int(other['p_student_id'][1:]):03}"
    answer = administrator.call("upsert_contact", **ada, p_hubspot_id=hubspot_id)
    assert answer.code == "MBIDC"


def test_attendance_cannot_be_marked_before_the_day(administrator, seed, ada):
    booking = administrator.call("create_booking", p_mock_exam_id=seed.exam(), **ada).data
    answer = administrator.call(
        "mark_attendance", p_booking_id=booking["booking_id"], p_attendance="Yes"
    )
    assert answer.code == "MBERL"


def test_a_deleted_exam_gives_its_students_their_credits_back(administrator, seed, ada):
    exam = seed.exam()
    administrator.call("create_booking", p_mock_exam_id=exam, **ada)
    answer = administrator.call("delete_exam", p_mock_exam_id=exam, p_reason="no room")
    assert [row["done"] for row in answer.data] == [True]
    assert administrator.get("get_contact_credits", **ada).data["sjmini_credits"] == 5


def test_an_exam_is_activated_at_the_hour_that_was_given(administrator, seed):
    exam = seed.exam()
    administrator.call("deactivate_exam", p_mock_exam_id=exam)
    answer = administrator.call(
        "activate_exam", p_mock_exam_id=exam, p_activate_at="2098-12-24T18:00:00+01:00"
    )
    assert answer.data["scheduled_activation_at"] == "2098-12-24T17:00:00+00:00"
    assert answer.data["is_active"] is False


def test_nothing_of_the_system_is_unprotected(administrator):
    assert administrator.get("find_unprotected").data == []
