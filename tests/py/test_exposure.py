"""Who may do what to whose rows: every caller, every function of api, own rows and another's.

CALLS is the table. Each row is one way to call a function on Ann's rows, and what comes of it for

| column | who |
|---|---|
| `app` | service_role, the owner, administrators |
| `ann` | the student whose rows they are |
| `bob` | any other login with an email |

`+` is allowed, anything else the code of the refusal. Everybody else (CALLERS with the column
`nobody`) is refused with 42501 whatever they call.
"""

import json
import re
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

ANN, BOB, BOSS = "ann@example.com", "bob@example.com", "boss@example.com"
ANN_ID = "00000000-0000-4000-8000-0000000000a1"
ANN_BOOKING = "00000000-0000-4000-8000-0000000000b1"
MISSING = "00000000-0000-4000-8000-0000000000ff"

# What stands for a row that does not exist, in place of Ann's; the longer words first.
GONE = {
    ANN_BOOKING: MISSING,
    ANN_ID: MISSING,
    "B-ann": "B-gone",
    "BK-ANN": "BK-GONE",
    "C-ann": "C-gone",
    "S-ann": "S-gone",
    ANN: "gone@example.com",
}

CALLS = (
    # function, arguments                                              app      ann      bob
    ("create_booking", "'E-2', 'S-ann', 'ann@example.com'",            "+",     "+",     "42501"),
    ("create_booking", "'E-2', 'S-ann'",                               "22023", "+",     "MBCON"),
    ("create_booking", "'E-2', 'S-ann', 'ann@example.com', 'key-ann'", "MBKEY", "MBKEY", "42501"),
    ("cancel_booking", "'BK-ANN'",                                     "+",     "+",     "MBNOF"),
    ("cancel_booking", "'BK-ANN', 'why'",                              "+",     "+",     "MBNOF"),
    ("move_booking", "'BK-ANN', 'E-2'",                                "+",     "+",     "MBNOF"),
    ("move_booking", "'BK-ANN', 'E-1'",                                "+",     "+",     "MBNOF"),
    ("move_booking", "'BK-ANN', 'E-none'",                             "MBEXM", "MBEXM", "MBNOF"),
    ("get_booking", f"p_id => '{ANN_BOOKING}'",                        "+",     "+",     "MBNOF"),
    ("get_booking", "p_hubspot_id => 'B-ann'",                         "+",     "+",     "MBNOF"),
    ("get_booking", "p_booking_id => 'BK-ANN'",                        "+",     "+",     "MBNOF"),
    ("get_contact_credits", "'S-ann', 'ann@example.com'",              "+",     "+",     "MBCON"),
    ("get_contact_credits", "'S-ann'",                                 "22023", "+",     "MBCON"),
    ("get_contact_credits", "p_email => 'ann@example.com'",            "22023", "+",     "MBCON"),
    ("get_contact_credits", f"p_id => '{ANN_ID}'",                     "+",     "+",     "MBCON"),
    ("get_contact_credits", "p_hubspot_id => 'C-ann'",                 "+",     "+",     "MBCON"),
    ("check_credits", "'Mini-mock', 'S-ann', 'ann@example.com'",       "+",     "+",     "MBCON"),
    ("check_credits", "'Mini-mock', 'S-ann'",                          "22023", "+",     "MBCON"),
    ("check_credits", "'Mini-mock', p_email => 'ann@example.com'",     "22023", "+",     "MBCON"),
    ("check_credits", f"'Mini-mock', p_id => '{ANN_ID}'",              "+",     "+",     "MBCON"),
    ("list_contact_bookings", "'S-ann', 'ann@example.com'",            "+",     "+",     "MBCON"),
    ("list_contact_bookings", "'S-ann'",                               "22023", "+",     "MBCON"),
    ("list_contact_bookings", "p_email => 'ann@example.com'",          "22023", "+",     "MBCON"),
    ("list_contact_bookings", f"p_id => '{ANN_ID}'",                   "+",     "+",     "MBCON"),
    ("list_contact_bookings", "p_hubspot_id => 'C-ann'",               "+",     "+",     "MBCON"),
    # Nobody named: a student means themselves.
    ("get_contact_credits", "",                                        "22023", "+",     "+"),
    ("check_credits", "'Mini-mock'",                                   "22023", "+",     "+"),
    ("list_contact_bookings", "",                                      "22023", "+",     "+"),
    ("list_available_exams", "",                                       "+",     "+",     "+"),
    ("list_available_exams", "'Mini-mock'",                            "+",     "+",     "+"),
    # Administrators alone.
    ("cancel_bookings", "'{BK-ANN}'",                                  "+",     "42501", "42501"),
    ("mark_attendance", "'BK-PAST', 'Yes'",                            "+",     "42501", "42501"),
    ("complete_past_bookings", "",                                     "+",     "42501", "42501"),
    ("check_idempotency_key", "'key-ann'",                             "+",     "42501", "42501"),
    ("list_bookings", "",                                              "+",     "42501", "42501"),
    ("list_bookings", "p_email => 'ann@example.com'",                  "+",     "42501", "42501"),
    ("upsert_contact", "'S-ann', 'ann@example.com', 'Anna'",           "+",     "42501", "42501"),
    ("grant_credits", "'S-ann', 'ann@example.com', 'sj_credits', 1, 'w'", "+",  "42501", "42501"),
    ("adjust_credits", "'S-ann', 'ann@example.com', 'sj_credits', 1, 'w'", "+", "42501", "42501"),
    ("get_exam", "'E-1'",                                              "+",     "42501", "42501"),
    ("list_exams", "",                                                 "+",     "42501", "42501"),
    ("upsert_exam", "'E-3', p_mock_type => 'Mini-mock'",               "+",     "42501", "42501"),
    ("set_exam_capacity", "'E-1', 9",                                  "+",     "42501", "42501"),
    ("request_sync", "'booking', 'BK-ANN'",                            "+",     "42501", "42501"),
    ("activate_exam", "'E-off'",                                       "+",     "42501", "42501"),
    ("activate_due_exams", "",                                         "+",     "42501", "42501"),
    ("deactivate_exam", "'E-1'",                                       "+",     "42501", "42501"),
    ("delete_exam", "'E-1'",                                           "+",     "42501", "42501"),
    ("verify", "",                                                     "+",     "42501", "42501"),
    ("get_analytics", "",                                              "+",     "42501", "42501"),
    ("find_unprotected", "",                                           "+",     "42501", "42501"),
)  # fmt: skip
COLUMNS = ("app", "ann", "bob")


def claims(**given) -> str:
    """A login's claims, as PostgREST hands them on."""
    return json.dumps({"role": "authenticated", "sub": "u-1"} | given)


def login(text: str | None) -> tuple[str, ...]:
    """What PostgREST does before a call with a JWT (None: sets no claims)."""
    said = [] if text is None else [f"select set_config('request.jwt.claims', $c${text}$c$, true)"]
    return ("set local role authenticated", *said)


def direct(role: str, text: str) -> tuple[str, ...]:
    """A session of a login role that never switched."""
    return (
        f"set local session authorization {role}",
        f"select set_config('request.jwt.claims', $c${text}$c$, true)",
    )


SERVICE = "set local role service_role"
# Who calls: the column of CALLS, and how they become it.
CALLERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "the owner": ("app", ()),
    "service_role": ("app", (SERVICE,)),
    "service_role with its JWT": ("app", (SERVICE, *login(claims(role="service_role"))[1:])),
    "service_role with a student's claims": ("app", (SERVICE, *login(claims(email=ANN))[1:])),
    "service_role with claims that are not JSON": ("app", (SERVICE, *login("{email")[1:])),
    "an administrator": ("app", login(claims(email=BOSS))),
    "an administrator in capitals": ("app", login(claims(email=BOSS.upper()))),
    "an administrator with blanks": ("app", login(claims(email=f" {BOSS} "))),
    "a login role of the service": ("app", direct("h5_backend", "")),
    "a login role with an administrator's claims": ("app", direct("h5_app", claims(email=BOSS))),
    "ann": ("ann", login(claims(email=ANN))),
    "ann in another case with blanks": ("ann", login(claims(email=" Ann@EXAMPLE.com  "))),
    "ann, not anonymous": ("ann", login(claims(email=ANN, is_anonymous=False))),
    "ann by a login role": ("ann", direct("h5_app", claims(email=ANN))),
    "bob": ("bob", login(claims(email=BOB))),
    "bob by a login role": ("bob", direct("h5_app", claims(email=BOB))),
    "bob whose user_metadata claims more": (
        "bob",
        login(claims(email=BOB, user_metadata={"email": BOSS, "role": "service_role"})),
    ),
    "bob whose user_metadata claims to be ann": (
        "bob",
        login(claims(email=BOB, user_metadata={"email": ANN, "sub": "u-ann"})),
    ),
    "bob whose app_metadata claims more": (
        "bob",
        login(claims(email=BOB, app_metadata={"email": BOSS, "role": "admin", "admin": True})),
    ),
    "bob whose role claim is service_role": ("bob", login(claims(email=BOB, role="service_role"))),
    "bob with a pattern as email": ("bob", login(claims(email="%"))),
    "bob with quotes as email": ("bob", login(claims(email="' or true --"))),
    "bob with a list as email": ("bob", login(claims(email=[BOB]))),
    "anon": ("nobody", ("set local role anon",)),
    "anon with ann's claims": ("nobody", ("set local role anon", *login(claims(email=ANN))[1:])),
    "a login without claims": ("nobody", login(None)),
    "a login with empty claims": ("nobody", login("")),
    "a login with blank claims": ("nobody", login("  ")),
    "a login with claims that are not JSON": ("nobody", login("{email: ann@example.com")),
    "a login with claims that are a list": ("nobody", login(f'["{ANN}"]')),
    "a login with claims that are a text": ("nobody", login(f'"{ANN}"')),
    "a login with claims that are null": ("nobody", login("null")),
    "a login with claims no text can hold": (
        "nobody",
        login(r'{"email":"ann@example.com\u0000","user_metadata":{}}'),
    ),
    "a login without an email": ("nobody", login(claims())),
    "a login with an empty email": ("nobody", login(claims(email=""))),
    "a login with a blank email": ("nobody", login(claims(email="   "))),
    "a login with no email at all": ("nobody", login(claims(email=None))),
    "a login with a role of service_role and no email": (
        "nobody",
        login(claims(role="service_role")),
    ),
    "a login with an email in user_metadata alone": (
        "nobody",
        login(claims(user_metadata={"email": ANN})),
    ),
    "an anonymous login": ("nobody", login(claims(is_anonymous=True))),
    "an anonymous login with ann's email": (
        "nobody",
        login(claims(email=ANN, is_anonymous=True)),
    ),
    "an anonymous login with an administrator's email": (
        "nobody",
        login(claims(email=BOSS, is_anonymous=True)),
    ),
    "a login role that never switched": ("nobody", direct("h5_app", "")),
    "a gateway that never switched": ("nobody", direct("h5_gateway", "")),
    "a gateway with the boss's claims": ("nobody", direct("h5_gateway", claims(email=BOSS))),
    "a role of nothing with ann's claims": ("nobody", direct("h5_stranger", claims(email=ANN))),
}  # fmt: skip

WORLD = """
    insert into hubspot_sync.hubspot_mock_exams
      (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
    values ('E-1', 'Mini-mock', '2099-02-01', '09:00', 3, 'true'),
           ('E-2', 'Mini-mock', '2099-02-02', '09:00', 3, 'true'),
           ('E-off', 'Mini-mock', '2099-02-03', '09:00', 3, 'false'),
           ('E-past', 'Mini-mock', '2020-02-03', '09:00', 3, 'true');
    insert into hubspot_sync.hubspot_contact_credits
      (id, hubspot_id, student_id, email, firstname, sjmini_credits)
    values ('00000000-0000-4000-8000-0000000000a1', 'C-ann', 'S-ann', 'Ann@example.com', 'Ann', 3),
           ('00000000-0000-4000-8000-0000000000a2', 'C-bob', 'S-bob', 'bob@example.com', 'Bob', 3),
           (gen_random_uuid(), 'C-pattern', 'S-pattern', '%', null, 3),
           (gen_random_uuid(), 'C-quote', 'S-quote', ''' or true --', null, 3),
           (gen_random_uuid(), 'C-list', 'S-list', '["bob@example.com"]', null, 3);
    insert into hubspot_sync.hubspot_bookings
      (id, hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active,
       token_used, idempotency_key)
    values ('00000000-0000-4000-8000-0000000000b1', 'B-ann', 'BK-ANN', 'E-1', 'C-ann', 'S-ann',
            'Ann@example.com', 'Active', 'Mini-mock Token', 'key-ann'),
           (gen_random_uuid(), 'B-past', 'BK-PAST', 'E-past', 'C-ann', 'S-ann', 'Ann@example.com',
            'Active', 'Mini-mock Token', null),
           (gen_random_uuid(), 'B-bob', 'BK-BOB', 'E-2', 'C-bob', 'S-bob', 'bob@example.com',
            'Active', 'Mini-mock Token', null);
    insert into hubspot_sync.admin_users (email) values ('boss@example.com');
"""
# A backend's own login, an application's, a gateway like PostgREST's authenticator, a stranger's.
ROLES = """
    create role h5_backend login inherit;
    create role h5_app login inherit;
    create role h5_gateway login noinherit;
    create role h5_stranger login inherit;
    grant service_role to h5_backend;
    grant authenticated to h5_app;
    grant anon, authenticated, service_role to h5_gateway;
"""


@pytest.fixture(scope="module")
def shared_url(databases, migrated) -> Iterator[str]:
    """One database for all tests that commit nothing."""
    with databases.new(migrated.template_dbname) as database:
        yield databases.url(database.dbname)


@pytest.fixture
def db(connect, shared_url) -> psycopg.Connection:
    """Ann and Bob with their bookings, and the roles, in a transaction never committed."""
    db = connect(shared_url)
    db.execute(WORLD)
    db.execute(ROLES)
    return db


def attempt(
    db: psycopg.Connection, become: tuple[str, ...], statement: str | sql.Composed
) -> tuple[str, str, str | None, str | None]:
    """What comes of a statement: «+» and the answer, or code, message, details and hint."""
    try:
        with db.transaction(force_rollback=True):
            for step in become:
                db.execute(step)
            rows = db.execute(statement).fetchall() if statement else []
    except psycopg.Error as error:
        diag = error.diag
        message = diag.message_primary or ""
        return error.sqlstate or "", message, diag.message_detail, diag.message_hint
    return "+", str(rows), None, None


def called(function: str, given: str) -> str:
    return f"select a::text from api.{function}({given}) a"


def missing(text: str) -> str:
    """The same with the ids of nobody in place of Ann's."""
    for word, other in GONE.items():
        text = text.replace(word, other)
    return text


def state(db: psycopg.Connection) -> list[tuple]:
    """Every row of every table of hubspot_sync, in short."""
    tables = db.execute(
        "select relname from pg_class where relnamespace = 'hubspot_sync'::regnamespace"
        " and relkind = 'r' order by relname"
    ).fetchall()
    query = "select %s, md5(string_agg(t::text, ';' order by t::text)) from hubspot_sync.{} t"
    return [
        db.execute(sql.SQL(query).format(sql.Identifier(name)), [name]).fetchone()
        for (name,) in tables
    ]


def students_calls() -> Iterator[tuple[str, str]]:
    """The calls that name Ann and are refused to Bob as though she did not exist."""
    for function, given, _, _, bob in CALLS:
        if bob in ("MBNOF", "MBCON") or function == "create_booking":
            yield function, given


def test_the_table_has_every_function_of_api(db):
    functions = {
        name
        for (name,) in db.execute(
            "select proname from pg_proc where pronamespace = 'api'::regnamespace"
        )
    }
    assert functions == {function for function, *_ in CALLS}


@pytest.mark.parametrize("caller", CALLERS)
def test_what_a_caller_may_do(db, caller):
    column, become = CALLERS[caller]
    before = state(db)
    came, expected = {}, {}
    for function, given, *row in CALLS:
        call = f"{function}({given})"
        expected[call] = "42501" if column == "nobody" else row[COLUMNS.index(column)]
        came[call], _, _, hint = attempt(db, become, called(function, given))
        # Postgres's own refusal has no hint; each of ours has.
        if came[call] not in ("+", "42501") and not hint:
            came[call] += " without a hint"
    assert came == expected
    assert state(db) == before


@pytest.mark.parametrize(
    "caller", [name for name, (column, _) in CALLERS.items() if column == "bob"]
)
def test_no_answer_or_refusal_tells_a_student_of_another(db, caller):
    """Whatever is asked: only what was said in the question comes back."""
    _, become = CALLERS[caller]
    of_ann = ["S-ann", "C-ann", "B-ann", "BK-ANN", "BK-PAST", ANN_ID, ANN_BOOKING, ANN, "Ann"]
    for function, given, *_ in CALLS:
        words = " ".join(str(part) for part in attempt(db, become, called(function, given)))
        told = [
            word
            for word in of_ann
            if re.search(re.escape(word), words, re.IGNORECASE if "@" in word else 0)
            and word not in given
        ]
        assert told == [], f"{function}({given}): {words}"


@pytest.mark.parametrize(("function", "given"), list(students_calls()))
@pytest.mark.parametrize("caller", ["bob", "bob by a login role"])
def test_anothers_row_and_no_row_are_refused_in_the_same_words(db, caller, function, given):
    _, become = CALLERS[caller]
    another = attempt(db, become, called(function, given))
    nothing = attempt(db, become, called(function, missing(given)))
    assert another[0] != "+"
    assert tuple(part and missing(part) for part in another) == nothing


def test_a_row_somebody_holds_is_refused_to_a_stranger_without_a_wait(connect):
    """A wait, or MBBSY after it, would tell that the row is there."""
    holder, caller = connect(), connect()
    holder.execute(WORLD)
    holder.commit()
    holder.execute("select from hubspot_sync.hubspot_contact_credits for update")
    holder.execute("select from hubspot_sync.hubspot_bookings for update")
    for function, given, *_, bob in CALLS:
        if bob in ("MBNOF", "MBCON"):
            patience = "set local lock_timeout = '1ms'"  # the functions set their own
            become = (patience, *login(claims(email=BOB)))
            assert attempt(caller, become, called(function, given))[0] == bob, function


def test_a_students_own_row_that_is_held_is_busy_and_not_gone(connect):
    holder, caller = connect(), connect()
    holder.execute(WORLD)
    holder.commit()
    holder.execute("select from hubspot_sync.hubspot_bookings for update")
    come = attempt(caller, login(claims(email=ANN)), called("cancel_booking", "'BK-ANN'"))
    assert come[0] == "MBBSY"


def test_another_students_key_tells_nothing_but_that_it_is_taken(db):
    code, *words = attempt(
        db,
        login(claims(email=BOB)),
        called("create_booking", "'E-1', 'S-bob', null, 'key-ann', 'Robert', 'Lab', 'left'"),
    )
    assert code == "MBKEY"
    told = " ".join(word or "" for word in words)
    assert not re.search(r"S-ann|ann@|BK-|E-1|Ann|Robert|bob@|B-ann|key-ann", told)


@pytest.mark.parametrize("start", ["2099-02-01 09:00", "2020-02-03 09:00"])
def test_an_administrators_login_passes_the_cut_off_however_it_came(db, start):
    """What an administrator may do does not depend on how the gateway switched roles."""
    db.execute("update hubspot_sync.settings set value = '90 years' where key like 'cancel%'")
    booking = "BK-ANN" if start.startswith("2099") else "BK-PAST"
    call = called("cancel_booking", f"'{booking}'")
    for caller in ("an administrator", "a login role with an administrator's claims"):
        assert attempt(db, CALLERS[caller][1], call)[0] == "+", caller
    assert attempt(db, CALLERS["ann"][1], call)[0] == "MBCUT"


# Tables


def everybody_but_the_owner() -> list[str]:
    return [name for name in CALLERS if name != "the owner"]


@pytest.mark.parametrize("caller", everybody_but_the_owner())
def test_every_table_and_view_is_refused_to_all_but_the_owner(db, caller):
    _, become = CALLERS[caller]
    relations = db.execute(
        """
        select c.relname, c.relkind::text, a.attname
          from pg_class c
          join pg_attribute a on a.attrelid = c.oid and a.attnum = 1
         where c.relnamespace = 'hubspot_sync'::regnamespace
           and c.relkind in ('r', 'p', 'v', 'm', 'f')
        """
    ).fetchall()
    assert len(relations) > 15
    let_through = []
    for name, kind, column in relations:
        relation, first = sql.Identifier("hubspot_sync", name), sql.Identifier(column)
        tries = ["select {1} from {0}", "select count(*) from {0}"]
        if kind in "rp":
            tries += [
                "lock table {0}",
                "insert into {0} default values",
                "update {0} set {1} = default",
                "delete from {0}",
                "truncate {0}",
                "copy {0} to stdout",
                "alter table {0} disable row level security",
            ]
        for text in tries:
            statement = sql.SQL(text).format(relation, first)
            code = attempt(db, become, statement)[0]
            if code != "42501":
                let_through.append((statement.as_string(db), code))
    assert let_through == []


@pytest.mark.parametrize("caller", everybody_but_the_owner())
def test_every_sequence_is_refused_to_all_but_the_owner(db, caller):
    for (name,) in db.execute(
        "select relname from pg_class where relnamespace = 'hubspot_sync'::regnamespace"
        " and relkind = 'S'"
    ).fetchall():
        query = sql.SQL("select last_value from {}").format(sql.Identifier("hubspot_sync", name))
        assert attempt(db, CALLERS[caller][1], query)[0] == "42501", name


# The functions of hubspot_sync are the glue's, which is service_role.
OF_THE_GLUE = {
    "apply_gone", "apply_records", "claim_changes", "fail_changes", "finish_changes",
    "queue_status", "refresh_analytics", "reserve_call", "settle_call",
    "recall", "remember", "queue_differences",
    "discard_changes", "list_pauses", "list_queue", "look_at_claims", "pause_sync", "prune",
    "resume_sync", "retry_changes", "show_change",
    "append_events", "read_events", "event_status", "open_group", "note_position",
    "group_positions", "write_notes",
    "store_events", "demand_records", "watch_signals", "act_as",
    "poll_state", "note_poll", "note_sightings", "note_archived", "poll_due", "note_pace",
    "begin_reconciliation", "compare_records", "note_unlisted", "compare_outgoing",
    "finish_reconciliation", "list_reconciliations",
    "begin_import", "import_page", "finish_import", "import_summary", "list_refused",
    "store_signals", "claim_signals", "fail_signals", "receive_records", "list_signals",
    "list_conflicts", "known_source",
    "show_signal", "retry_signals", "discard_signals", "inbox_status",
    "is_thrifty",
}  # fmt: skip


@pytest.mark.parametrize(
    ("role", "may"),
    [("anon", set()), ("authenticated", set()), ("service_role", OF_THE_GLUE),
     ("h5_app", set()), ("h5_gateway", set()), ("h5_backend", OF_THE_GLUE)],
)  # fmt: skip
def test_what_a_role_may_run_of_the_functions_behind_the_door(db, role, may):
    assert {
        name
        for (name,) in db.execute(
            "select proname from pg_proc where pronamespace = 'hubspot_sync'::regnamespace"
            " and has_function_privilege(%s, oid, 'execute')",
            [role],
        )
    } == may


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role", "h5_gateway"])
def test_no_client_may_create_anything_where_functions_look(db, role):
    for schema in ("api", "hubspot_sync", "pg_catalog"):
        create = f"create table {schema}.mine ()"
        assert attempt(db, (f"set local role {role}",), create)[0] == "42501", schema


# R38

# What the check may name in a freshly migrated database, and why.
JUSTIFIED: dict[str, str] = {}


def test_a_freshly_migrated_database_has_nothing_unprotected(connect):
    found = connect().execute("select schema_name, object_name from api.find_unprotected()")
    assert {f"{schema}.{name}" for schema, name in found} == set(JUSTIFIED)


def test_an_administrators_login_sees_what_the_owner_sees(db):
    db.execute("create table public.naked ()")
    call = "select object_name from api.find_unprotected()"
    seen = attempt(db, CALLERS["an administrator"][1], call)
    assert "naked" in seen[1]
    assert seen == attempt(db, (), call)
