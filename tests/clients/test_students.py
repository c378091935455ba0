"""What a student's own login may do: everything with their own rows, nothing with others'."""

import pytest

STRANGE = "BK-20990101-AAAAAA"  # a booking nobody made


@pytest.fixture
def exam(seed):
    """An exam of four seats."""
    return seed.exam()


@pytest.fixture
def ada(seed):
    """A student, as arguments."""
    return seed.student()


@pytest.fixture
def ben(seed):
    """Another student."""
    return seed.student()


@pytest.fixture
def login(person, jwt):
    """Somebody logged in as this student: `login(ada)`."""
    return lambda student, **claims: person(jwt("authenticated", student["p_email"], **claims))


@pytest.fixture
def booking(server, exam, ada):
    """A booking of Ada's, made by the server."""
    return server.call("create_booking", p_mock_exam_id=exam, **ada).data


# Their own


def test_a_student_books_without_naming_an_email(login, exam, ada):
    answer = login(ada).call(
        "create_booking", p_mock_exam_id=exam, p_student_id=ada["p_student_id"]
    )
    assert answer.code is None
    assert answer.data["student_email"] == ada["p_email"]


def test_how_a_login_spells_its_email_does_not_matter(person, jwt, booking, ada):
    shouting = person(jwt("authenticated", ada["p_email"].upper()))
    assert shouting.get("get_booking", p_booking_id=booking["booking_id"]).code is None


def test_a_student_sends_a_request_again_and_gets_the_first_booking(login, exam, ada):
    request = {"p_mock_exam_id": exam, "p_student_id": ada["p_student_id"],
               "p_idempotency_key": f"{exam}-{ada['p_student_id']}"}  # fmt: skip
    first = login(ada).call("create_booking", **request).data
    assert login(ada).call("create_booking", **request).data == first | {"replayed": True}


def test_a_student_is_refused_with_the_same_four_parts(login, seed, ada):
    full = seed.exam(capacity=0)
    answer = login(ada).call(
        "create_booking", p_mock_exam_id=full, p_student_id=ada["p_student_id"]
    )
    assert (answer.code, answer.message, answer.details, answer.hint) == (
        "MBFUL", f"mock exam {full} is full", "0 of 0 seats are taken", "Choose another session.",
    )  # fmt: skip


def test_a_student_sees_what_can_be_booked(login, exam, ada):
    rows = {row["mock_exam_id"]: row for row in login(ada).get("list_available_exams").data}
    assert rows[exam]["seats_left"] == 4


def test_a_student_who_names_nobody_sees_their_own_bookings(login, booking, ada):
    page = login(ada).get("list_contact_bookings").data
    assert [row["booking_id"] for row in page["bookings"]] == [booking["booking_id"]]
    assert (page["total"], page["total_is_capped"], page["page"], page["has_more"]) == (
        1, False, 1, False,
    )  # fmt: skip


def test_a_listed_booking_is_the_object_that_a_single_one_is(login, booking, ada):
    listed = login(ada).get("list_contact_bookings").data["bookings"][0]
    single = login(ada).get("get_booking", p_booking_id=booking["booking_id"]).data
    assert listed == single


def test_a_student_sees_their_own_credits(login, booking, ada):
    assert login(ada).get("get_contact_credits").data["sjmini_credits"] == 4
    check = login(ada).get("check_credits", p_mock_type="Mini-mock").data
    assert (check["available"], check["can_book"]) == (4, True)


def test_a_student_moves_their_booking_and_spends_nothing(login, seed, booking, ada):
    later = seed.exam(start="2099-03-09")
    moved = login(ada).call(
        "move_booking", p_booking_id=booking["booking_id"], p_mock_exam_id=later
    )
    assert (moved.data["mock_exam_id"], moved.data["replayed"]) == (later, False)
    assert login(ada).get("get_contact_credits").data["sjmini_credits"] == 4


def test_a_student_cancels_and_has_the_credit_back_once(login, booking, ada):
    cancelled = [
        login(ada).call("cancel_booking", p_booking_id=booking["booking_id"]).data for _ in "12"
    ]
    assert [row["is_active"] for row in cancelled] == ["Cancelled", "Cancelled"]
    assert [row["replayed"] for row in cancelled] == [False, True]
    assert login(ada).get("get_contact_credits").data["sjmini_credits"] == 5


# Others'


def test_a_student_cannot_book_with_the_email_of_another(login, exam, ada, ben):
    answer = login(ben).call("create_booking", p_mock_exam_id=exam, **ada)
    assert answer.code == "42501"
    assert answer.hint


def test_a_student_cannot_book_with_the_number_of_another(login, exam, ada, ben):
    answer = login(ben).call(
        "create_booking", p_mock_exam_id=exam, p_student_id=ada["p_student_id"]
    )
    assert answer.code == "MBCON"


@pytest.mark.parametrize(
    ("name", "more"),
    [("get_booking", {}), ("cancel_booking", {}), ("move_booking", {"p_mock_exam_id": "9001"})],
)
def test_the_booking_of_another_is_as_one_that_does_not_exist(login, booking, ben, name, more):
    """Not even the words differ, so nobody learns which ids exist."""
    others = login(ben).call(name, p_booking_id=booking["booking_id"], **more)
    nobodys = login(ben).call(name, p_booking_id=STRANGE, **more)
    assert others.code == nobodys.code == "MBNOF"
    assert others.message.replace(booking["booking_id"], STRANGE) == nobodys.message
    assert (others.details, others.hint) == (nobodys.details, nobodys.hint)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("list_contact_bookings", {}),
        ("get_contact_credits", {}),
        ("check_credits", {"p_mock_type": "Mini-mock"}),
    ],
)
def test_another_student_is_as_one_who_does_not_exist(login, ada, ben, name, more):
    others = login(ben).get(name, **ada, **more)
    nobodys = login(ben).get(name, p_student_id="S999999", p_email="no@example.org", **more)
    assert others.code == nobodys.code == "MBCON"


def test_a_refused_stranger_changed_nothing(login, server, booking, ben):
    login(ben).call("cancel_booking", p_booking_id=booking["booking_id"])
    after = server.get("get_booking", p_booking_id=booking["booking_id"]).data
    assert after["is_active"] == "Active"


# What a login says of itself


@pytest.mark.parametrize(
    "said",
    [
        {"user_metadata": {"email": "ada"}},
        {"user_metadata": {"sub": "ada", "email_verified": True}},
        {"app_metadata": {"email": "ada"}},
    ],
)
def test_an_email_in_the_metadata_is_not_believed(login, booking, ada, ben, said):
    claim = {key: {name: ada["p_email"] if value == "ada" else value
                   for name, value in values.items()}
             for key, values in said.items()}  # fmt: skip
    posing = login(ben, **claim)
    assert posing.get("get_booking", p_booking_id=booking["booking_id"]).code == "MBNOF"
    assert posing.get("list_contact_bookings").data["bookings"] == []


@pytest.mark.parametrize(
    "said",
    [
        {"user_metadata": {"role": "admin"}},
        {"user_metadata": {"role": "service_role", "is_admin": True}},
        {"app_metadata": {"role": "admin"}},
        {"user_role": "admin"},
    ],
)
def test_a_role_in_the_metadata_is_not_believed(login, ben, said):
    assert login(ben, **said).get("list_bookings").code == "42501"


def test_a_login_without_an_email_may_do_nothing(person, jwt):
    nameless = person(jwt("authenticated", sub="6c1f0f44-7a52-4c1e-8d0f-3b8c1a2d9e57"))
    assert nameless.get("list_available_exams").code == "42501"
    assert nameless.get("list_contact_bookings").code == "42501"


def test_an_anonymous_login_may_do_nothing(login, ada):
    assert login(ada, is_anonymous=True).get("list_contact_bookings").code == "42501"


def test_the_login_of_somebody_we_do_not_know_has_no_bookings(person, jwt):
    stranger = person(jwt("authenticated", "nobody@example.org"))
    assert stranger.get("list_contact_bookings").code == "MBCON"
