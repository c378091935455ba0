"""Every argument of every function of api, given what nobody should send.

Whatever comes in, a call is answered or refused with a code that the function's own comment
names, a hint, and a message a log can bear; a refusal changes nothing, and whatever was answered
leaves every invariant true. New functions and arguments are found in the catalogue: one without
an entry in VALID fails.
"""

import datetime
import re
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

DAY = datetime.date(2099, 2, 1)
ANN = {"p_student_id": "S-ann", "p_email": "ann@example.com"}
CREDIT = {**ANN, "p_credit": "sj_credits", "p_reason": "why", "p_idempotency_key": "key-c"}
FILTERS = {
    "p_exam_date_from": DAY,
    "p_exam_date_to": DAY,
    "p_mock_type": "Mini-mock",
    "p_status": "Active",
    "p_mock_exam_id": "E-1",
    **ANN,
    "p_page": 1,
    "p_page_size": 50,
}

# What each function takes; BOOKING is the id of a booking of Ann.
VALID: dict[str, dict] = {
    "activate_due_exams": {"p_limit": 5},
    "activate_exam": {"p_mock_exam_id": "E-off", "p_activate_at": "2099-01-01 00:00+00"},
    "adjust_credits": {**CREDIT, "p_delta": -1, "p_id": None},
    "cancel_booking": {"p_booking_id": "BOOKING", "p_reason": "why"},
    "cancel_bookings": {"p_booking_ids": ["BOOKING"], "p_reason": "why"},
    "check_credits": {"p_mock_type": "Mini-mock", **ANN, "p_id": None},
    "check_idempotency_key": {"p_idempotency_key": "key-1"},
    "complete_past_bookings": {"p_limit": 5},
    "create_booking": {
        "p_mock_exam_id": "E-2",
        **ANN,
        "p_idempotency_key": "key-2",
        "p_student_name": "Ann",
        "p_attending_location": "Lab",
        "p_dominant_hand": "left",
    },
    "deactivate_exam": {"p_mock_exam_id": "E-1"},
    "delete_exam": {"p_mock_exam_id": "E-1", "p_reason": "why"},
    "find_unprotected": {},
    "get_analytics": {"p_weeks": 4},
    "get_booking": {"p_id": None, "p_hubspot_id": None, "p_booking_id": "BOOKING"},
    "get_contact_credits": {**ANN, "p_id": None, "p_hubspot_id": None},
    "get_exam": {"p_mock_exam_id": "E-1", "p_id": None},
    "grant_credits": {**CREDIT, "p_amount": 1, "p_id": None},
    "list_available_exams": {"p_mock_type": "Mini-mock"},
    "list_bookings": FILTERS,
    "list_contact_bookings": {
        **ANN,
        "p_id": None,
        "p_hubspot_id": None,
        "p_status": "Active",
        "p_page": 1,
        "p_page_size": 50,
    },
    "list_exams": {"p_state": "all", "p_from": DAY, "p_to": DAY, "p_mock_type": "Mini-mock"},
    "mark_attendance": {"p_booking_id": "BK-PAST", "p_attendance": "Yes"},
    "move_booking": {"p_booking_id": "BOOKING", "p_mock_exam_id": "E-2", "p_reason": "why"},
    "request_sync": {"p_kind": "exam", "p_id": "E-1", "p_older_than": 0},
    "set_exam_capacity": {"p_mock_exam_id": "E-1", "p_capacity": 4},
    "upsert_contact": {
        "p_student_id": "S-new",
        "p_email": "new@example.com",
        "p_firstname": "New",
        "p_lastname": "One",
        "p_hubspot_id": "C-new",
        "p_sj_credits": 1,
        "p_cs_credits": 1,
        "p_sjmini_credits": 1,
        "p_mock_discussion_token": 1,
        "p_shared_mock_credits": 1,
    },
    "upsert_exam": {
        "p_mock_exam_id": "E-1",
        "p_mock_exam_name": "First",
        "p_mock_type": "Mini-mock",
        "p_mock_set": "A",
        "p_exam_date": DAY,
        "p_start_time": "09:00",
        "p_end_time": "11:00",
        "p_location": "Lab",
        "p_capacity": 3,
        "p_is_active": True,
    },
    "verify": {},
}
WRITERS = {
    "activate_due_exams", "activate_exam", "adjust_credits", "cancel_booking", "cancel_bookings",
    "complete_past_bookings", "create_booking", "deactivate_exam", "delete_exam", "grant_credits",
    "mark_attendance", "move_booking", "request_sync", "set_exam_capacity", "upsert_contact",
    "upsert_exam",
}  # fmt: skip

LONG = sql.SQL("repeat('x', 10000000)")  # made by the server: 10 MB need not travel
TEXTS = {
    "null": None,
    "empty": "",
    "blank": "   ",
    "a tab": "\t",
    "control characters": "a\x01\x1b[31m\r\nb",
    "a quote": "'",
    "an injection": "'; drop table hubspot_sync.hubspot_bookings; --",
    "an injected condition": "x' or true or 'x' = '",
    "dollars": "$$ $1 $q$",
    "a pattern": "%",
    "a format": "%s %I %L %1$s",
    "backslashes": "\\'\\x41\\",
    "json": '{"a": null}',
    "wide blanks": "09:00\u2003PM",
    "other digits": "\u0660\u0669:\u0660\u0660",
    "an emoji": "\U0001f600" * 200,
    "501 characters": "y" * 501,
    "10 MB": LONG,
}
NUMBERS = {str(n): n for n in (None, -1, 0, 10**9, 2**31 - 1, -(2**31))}
DATES = {
    d: d for d in ("infinity", "-infinity", "4713-01-01 BC", "5874897-12-31", "1900-01-01")
} | {"null": None}
MOMENTS = {
    m: m
    for m in ("infinity", "-infinity", "4713-01-01 00:00+00 BC", "294276-12-31 23:59+00",
              "1900-01-01 00:00+00", "now")
} | {"null": None}  # fmt: skip
IDS = {
    "null": None,
    "nobody's": "00000000-0000-4000-8000-000000000000",
    "all ones": "ffffffff-ffff-ffff-ffff-ffffffffffff",
}
LISTS = {
    "null": None,
    "empty": "{}",
    "of null": "{NULL}",
    "of blanks": '{""," "}',
    "twice the same": "{BK-PAST,BK-PAST}",
    "of other bounds": "[5:6]={a,b}",
    "of two dimensions": "{{a,b},{c,d}}",
    "of 1001": "{" + ",".join(["a"] * 1001) + "}",
    "of an injection": '{"\'; drop table hubspot_sync.hubspot_bookings; --"}',
    "of 10 MB": sql.SQL("array[{}]").format(LONG),
}
BAD = {
    "text": TEXTS,
    "integer": NUMBERS,
    "date": DATES,
    "timestamp with time zone": MOMENTS,
    "uuid": IDS,
    "boolean": {"null": None, "false": False},
    "text[]": LISTS,
}


@pytest.fixture(scope="module")
def shared_url(databases, migrated) -> Iterator[str]:
    """One database for all tests: none commits anything."""
    with databases.new(migrated.template_dbname) as database:
        yield databases.url(database.dbname)


@pytest.fixture
def db(connect, shared_url) -> psycopg.Connection:
    """Ann with a booking of E-1 and one of an exam that is over; nothing is ever committed."""
    db = connect(shared_url)
    db.execute(
        """
        insert into hubspot_sync.hubspot_mock_exams
          (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
        values ('E-1', 'Mini-mock', '2099-02-01', '09:00', 3, 'true'),
               ('E-2', 'Mini-mock', '2099-02-02', '09:00', 3, 'true'),
               ('E-off', 'Mini-mock', '2099-02-03', '09:00', 3, 'false'),
               ('E-past', 'Mini-mock', '2020-02-03', '09:00', 3, 'true');
        insert into hubspot_sync.hubspot_contact_credits
          (hubspot_id, student_id, email, sj_credits, sjmini_credits)
        values ('C-ann', 'S-ann', 'ann@example.com', 3, 3);
        select api.create_booking('E-1', 'S-ann', 'ann@example.com', 'key-1');
        insert into hubspot_sync.hubspot_bookings
          (booking_id, mock_exam_id, contact_id, student_id, student_email, is_active, token_used)
        values ('BK-PAST', 'E-past', 'C-ann', 'S-ann', 'ann@example.com', 'Active',
                'Mini-mock Token');
        create function pg_temp.state() returns setof text language plpgsql as $$
        declare
          v_table text;
          v_is_now text;
        begin
          for v_table in select c.relname from pg_class c
                          where c.relnamespace = 'hubspot_sync'::regnamespace and c.relkind = 'r'
          loop
            execute format('select md5(string_agg(t::text, E''\n'' order by t::text))'
                           ' from hubspot_sync.%I t', v_table) into v_is_now;
            return next v_table || ' ' || coalesce(v_is_now, '');
          end loop;
        end $$
        """
    )
    return db


def arguments(db: psycopg.Connection) -> dict[str, dict[str, str]]:
    """Of every function of api, its arguments and their types."""
    found: dict[str, dict[str, str]] = {}
    for function, argument, kind in db.execute(
        """
        select p.proname, a.name, format_type(a.type, null)
          from pg_proc p
          left join lateral unnest(p.proargnames[:p.pronargs], p.proargtypes::oid[])
                    as a (name, type) on true
         where p.pronamespace = 'api'::regnamespace
        """
    ):
        found.setdefault(function, {})
        if argument:
            found[function][argument] = kind
    return found


def documented(db: psycopg.Connection) -> dict[str, set[str]]:
    """The codes that the comment of each function names."""
    comments = db.execute(
        "select p.proname, obj_description(p.oid, 'pg_proc') from pg_proc p"
        " where p.pronamespace = 'api'::regnamespace"
    )
    return {name: set(re.findall(r"\b(MB[A-Z]{3}|22023|42501)\b", text)) for name, text in comments}


def call(db: psycopg.Connection, function: str, given: dict, kinds: dict[str, str]) -> None:
    parts = [
        sql.SQL("{} => cast({} as {})").format(sql.Identifier(name), value, sql.SQL(kinds[name]))
        for name, value in given.items()
    ]
    statement = sql.SQL("select a::text from api.{}({}) a").format(
        sql.Identifier(function), sql.SQL(", ").join(parts)
    )
    db.execute(statement).fetchall()


def state(db: psycopg.Connection) -> list:
    return sorted(db.execute("select pg_temp.state()").fetchall())


def valid(db: psycopg.Connection, function: str) -> dict:
    """The entry of VALID with Ann's booking id in it."""
    (booking,) = db.execute(
        "select booking_id from hubspot_sync.hubspot_bookings where idempotency_key = 'key-1'"
    ).fetchone()
    return {
        name: booking if value == "BOOKING" else [booking] if value == ["BOOKING"] else value
        for name, value in VALID[function].items()
    }


def outcomes(db: psycopg.Connection, function: str) -> Iterator[tuple[str, str]]:
    """What is wrong with the answer to a bad value, for every argument and value."""
    kinds, codes = arguments(db)[function], documented(db)[function]
    good, before = valid(db, function), state(db)
    for name, kind in kinds.items():
        values = dict(BAD[kind])
        if kind == "text" and good[name]:
            values |= {"shouted": good[name].upper(), "within blanks": f"  {good[name]}  "}
        for what, value in values.items():
            where = f"{name} {what}"
            try:
                with db.transaction(force_rollback=True):
                    call(db, function, good | {name: value}, kinds)
                    broken = db.execute(
                        "select name, sample from api.verify() where violations > 0"
                    ).fetchall()
                if broken:
                    yield where, f"answered, and broke {broken}"
            except psycopg.Error as error:
                message = error.diag.message_primary or ""
                if error.sqlstate not in codes:
                    yield where, f"{error.sqlstate} {message[:100]}"
                if not error.diag.message_hint:
                    yield where, f"no hint: {message[:100]}"
                if len(message) > 1000:
                    yield where, f"{error.sqlstate} with a message of {len(message)} characters"
    if state(db) != before:
        yield "all", "something changed"


def test_every_function_and_argument_has_a_valid_value(db):
    assert {name: list(kinds) for name, kinds in sorted(arguments(db).items())} == {
        name: sorted(given, key=list(arguments(db)[name]).index)
        for name, given in sorted(VALID.items())
    }


@pytest.mark.parametrize("function", sorted(VALID))
def test_the_valid_values_are_answered(db, function):
    call(db, function, valid(db, function), arguments(db)[function])


@pytest.mark.parametrize("function", sorted(VALID))
def test_a_bad_value_is_answered_or_refused_as_the_comment_says(db, function):
    assert "\n".join(f"{where}: {what}" for where, what in outcomes(db, function)) == ""


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_writers_refuse_a_snapshot_older_than_their_locks_and_readers_do_not(
    connect, shared_url, level
):
    db = connect(shared_url)
    kinds = arguments(db)
    db.rollback()
    refused = {}
    for function in VALID:
        db.execute(f"set transaction isolation level {level}")
        try:
            call(db, function, VALID[function], kinds[function])
        except psycopg.Error as error:
            refused[function] = error.sqlstate
        db.rollback()
    assert {name for name, code in refused.items() if code == "MBISO"} == WRITERS
    assert {refused[name] for name in refused.keys() - WRITERS} <= {"MBCON", "MBEXM", "MBNOF"}
