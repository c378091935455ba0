"""Who is let in: only a JWT that Supabase signed, and only as the role it names."""

import time

import pytest

from sandbox.rest.tokens import claims, sign

FUNCTIONS = {
    "create_booking": {},
    "cancel_booking": {"p_booking_id": "BK-20990101-AAAAAA"},
    "list_available_exams": {},
    "get_contact_credits": {"p_student_id": "S000001"},
    "verify": {},
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_without_a_login_nothing_may_be_called(person, name):
    assert person().call(name, **FUNCTIONS[name]).code == "42501"


def test_the_service_key_may_call(server):
    assert server.call("verify").code is None


def test_an_expired_token_is_refused(person, jwt):
    hour_ago = int(time.time()) - 3600
    assert person(jwt("service_role", exp=hour_ago)).call("verify").code == "PGRST303"


def test_a_token_signed_with_another_key_is_refused(person):
    forged = sign("a key that is not the one of this project", claims("service_role"))
    assert person(forged).call("verify").code == "PGRST301"


def test_a_token_without_an_algorithm_is_refused(person, gateway):
    unsigned = sign(gateway.jwt_secret, claims("service_role"), algorithm="none")
    assert person(unsigned).call("verify").code == "PGRST301"


def test_a_token_without_a_signature_is_not_believed(person, jwt):
    unsigned = jwt("service_role").rpartition(".")[0] + "."
    assert person(unsigned).call("verify").code in ("PGRST301", "42501")


def test_a_token_whose_claims_were_changed_is_refused(person, jwt):
    head, _, signature = jwt("authenticated", "ada@example.org").split(".")
    _, body, _ = jwt("service_role").split(".")
    assert person(f"{head}.{body}.{signature}").call("verify").code == "PGRST301"


@pytest.mark.parametrize("role", ["postgres", "pg_read_all_data", "pg_execute_server_program"])
def test_a_token_cannot_name_a_role_that_apps_do_not_have(person, jwt, role):
    assert person(jwt(role)).call("verify").code == "42501"


def test_a_token_without_a_role_may_not_call(person, jwt):
    assert person(jwt(None)).call("verify").code == "42501"
