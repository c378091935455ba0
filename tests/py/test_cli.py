"""The command line as cron and people use it: exit codes, one clear line, no traceback."""

import ast
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from hubspot_world import (
    BOOKINGS,
    CONTACTS,
    EXAMS,
    TYPES,
    Database,
    World,
    environment,
    glue,
    glue_here,
    glue_watched,
    simulators,
)

from glue.cli import main
from glue.errors import CODES

GLUE = Path(__file__).resolve().parents[2] / "glue"

# What every command but the demo, which starts servers of its own, needs to run.
COMMANDS = {
    "drain": ("drain", "--once"),
    "import": ("import",),
    "advance": ("advance",),
    "refresh": ("refresh",),
    "verify": ("verify",),
    "doctor": ("doctor",),
    "queue": ("queue", "status"),
    "prune": ("prune",),
}
NEEDS_DATABASE = ("advance", "drain", "import", "prune", "queue", "refresh", "verify")
NEEDS_HUBSPOT = ("drain", "import")

# Where the two meet, the database is asked first or HubSpot is: either is a good answer.
NOBODY = "postgresql://nobody:secret@127.0.0.1:9/nothing"


@pytest.fixture(scope="module")
def server():
    with simulators() as server:
        yield server


@pytest.fixture
def world(server, database_url):
    """An account with three students and an exam, and a database that knows nothing of them."""
    account, database = server.new(), Database(database_url)
    world = World(account, database)
    for name in ("ann", "ben", "cat"):
        world.student(name)
    world.exam()
    try:
        yield world
    finally:
        account.close()
        database.close()


def one_line(done):
    """The single line of an error, without its hint; nothing else may be on stderr."""
    assert "Traceback" not in done.stderr
    first, *rest = done.stderr.strip("\n").splitlines()
    assert first.startswith("Error: ")
    assert len(rest) <= 1
    assert all(line.startswith("  ") for line in rest)
    return first


def hint(done):
    """The line below the error that says what to do."""
    return done.stderr.strip("\n").splitlines()[-1].strip()


def json_object(done):
    """The one JSON object that was printed."""
    (line,) = done.stdout.strip().splitlines()
    value = json.loads(line)
    assert isinstance(value, dict)
    return value


def tables(database):
    """Everything an import may write, without the times at which it did."""
    return {
        table: database.rows(
            "select to_jsonb(t) - '{hubspot_last_sync_at,synced_at,retry_count}'::text[] as row"
            f"  from hubspot_sync.{table} t order by t.{key}"
        )
        for table, key in (
            ("hubspot_mock_exams", "id"),
            ("hubspot_contact_credits", "id"),
            ("exam_seats", "exam"),
            ("credit_ledger", "id"),
            ("sync_queue", "id"),
            ("sync_errors", "id"),
            ("sync_conflicts", "id"),
            ("supabase_audit_log", "id"),
        )
    }


# Help


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_shows_an_example_in_its_help(name):
    answer = CliRunner().invoke(main, [name, "--help"])
    assert answer.exit_code == 0
    assert re.search(rf"Examples?:\n +glue {name}", answer.output), answer.output


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_can_answer_as_json(name):
    assert "--json" in CliRunner().invoke(main, [name, "-h"]).output


def test_the_help_names_every_command_and_the_variables_they_read():
    answer = CliRunner().invoke(main, ["--help"])
    for word in (*main.commands, "DATABASE_URL", "HUBSPOT_ACCESS_TOKEN", "REDIS_URL"):
        assert word in answer.output


def test_a_command_that_does_not_exist_exits_with_2():
    done = glue_here("dance", env=environment())
    assert done.returncode == 2
    assert "No such command" in done.stderr


def test_a_lease_shorter_than_a_request_exits_with_2(world):
    done = glue_here("drain", "--once", "--lease", "5", env=world.environment())
    assert done.returncode == 2
    assert "--lease" in done.stderr


# What is missing or wrong


@pytest.mark.parametrize(
    "arguments",
    [
        ("drain", "--lease", "nan"),
        ("drain", "--lease", "inf"),
        ("drain", "--lease", "86401"),
        ("drain", "--for", "nan"),
        ("push", "--lease", "nan"),
        ("push", "--for", "nan"),
        ("queue", "retry", str(2**63)),
        ("queue", "discard", "--yes", str(2**63)),
        ("queue", "discard", "0"),
        ("queue", "list", "--after", str(2**63)),
    ],
)
def test_a_number_that_can_be_none_exits_with_2(world, arguments):
    done = glue_here(*arguments, env=world.environment())
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "Error: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["a\0b", "\udcff"])
def test_a_name_that_is_no_text_is_refused(world, name):
    done = glue_here("queue", "show", name, env=world.environment())
    assert done.returncode == 1
    assert "22021" in done.stderr
    assert "Traceback" not in done.stderr


SECRET = "hush"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HUBSPOT_ACCESS_TOKEN", f"{SECRET}\n{SECRET}"),
        ("HUBSPOT_ACCESS_TOKEN", f"{SECRET} {SECRET}"),
        ("HUBSPOT_ACCESS_TOKEN", f"{SECRET}\xf6"),
        ("HUBSPOT_BASE_URL", "http://"),
        ("HUBSPOT_BASE_URL", "http://[::"),
        ("HUBSPOT_BASE_URL", "http://a b"),
        ("HUBSPOT_BASE_URL", "http://host:port"),
        ("HUBSPOT_BOOKING_TYPE", "../contacts"),
        ("HUBSPOT_EXAM_TYPE", "2-1?archived=true"),
        ("DATABASE_URL", f"postgresql://me:{SECRET}%zz@127.0.0.1:9/nothing"),
    ],
)
def test_a_variable_nobody_can_read_exits_with_2_names_it_and_keeps_it_secret(
    world, variable, value
):
    world.bring_in()
    world.database.rows("update hubspot_sync.hubspot_contact_credits set sj_credits = 4")
    done = glue_here("drain", "--once", env=world.environment(**{variable: value}))
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert f"Error: {variable} " in done.stderr
    assert SECRET not in done.stderr
    assert {row["sync_attempts"] for row in world.database.open_changes()} == {0}


@pytest.mark.parametrize("name", NEEDS_DATABASE)
def test_a_missing_database_url_exits_with_2_and_says_how_to_set_it(name):
    done = glue_here(*COMMANDS[name], env=environment(HUBSPOT_ACCESS_TOKEN="t", **TYPES))
    assert done.returncode == 2
    assert one_line(done) == "Error: DATABASE_URL is not set"
    assert hint(done).startswith("export DATABASE_URL=")


@pytest.mark.parametrize("name", NEEDS_HUBSPOT)
def test_a_missing_token_exits_with_2_and_says_how_to_set_it(name, database_url):
    done = glue_here(*COMMANDS[name], env=environment(DATABASE_URL=database_url))
    assert done.returncode == 2
    missing = "HUBSPOT_ACCESS_TOKEN, HUBSPOT_BOOKING_TYPE and HUBSPOT_EXAM_TYPE are"
    assert one_line(done) == f"Error: {missing} not set"  # all at once, in one line to copy
    assert hint(done).startswith("export HUBSPOT_ACCESS_TOKEN=")
    assert " HUBSPOT_EXAM_TYPE=" in hint(done)


@pytest.mark.parametrize("missing", TYPES)
@pytest.mark.parametrize("name", NEEDS_HUBSPOT)
def test_a_missing_object_type_exits_with_2_there_is_no_default(name, missing, database_url):
    given = {"DATABASE_URL": database_url, "HUBSPOT_ACCESS_TOKEN": "t", **TYPES, missing: ""}
    done = glue_here(*COMMANDS[name], env=environment(**given))
    assert done.returncode == 2
    assert one_line(done) == f"Error: {missing} is not set"
    assert hint(done).startswith(f"export {missing}=")


@pytest.mark.parametrize("name", NEEDS_DATABASE)
def test_a_database_that_cannot_be_reached_exits_with_75(name):
    variables = {"HUBSPOT_ACCESS_TOKEN": "t", "HUBSPOT_BASE_URL": "http://127.0.0.1:9", **TYPES}
    done = glue_here(*COMMANDS[name], env=environment(DATABASE_URL=NOBODY, **variables))
    assert done.returncode == 75
    assert one_line(done).startswith("Error: cannot reach Postgres")
    assert "DATABASE_URL" in hint(done)
    assert "secret" not in done.stderr


@pytest.mark.parametrize("name", NEEDS_DATABASE)
def test_a_database_without_migrations_exits_with_1_and_says_what_to_run(
    name, server, empty_database_url
):
    account = server.new()
    account.create(EXAMS, capacity=1)
    env = environment(
        DATABASE_URL=empty_database_url,
        HUBSPOT_BASE_URL=account.url,
        HUBSPOT_ACCESS_TOKEN=account.token,
        **TYPES,
    )
    done = glue_here(*COMMANDS[name], "--json", env=env)
    assert "alembic upgrade head" in hint(done)
    assert one_line(done)
    assert done.returncode == 1


def test_the_installed_program_behaves_the_same():
    done = glue("verify", env=environment())
    assert (done.returncode, done.stdout) == (2, "")
    assert one_line(done) == "Error: DATABASE_URL is not set"
    done = glue("verify", env=environment(DATABASE_URL=NOBODY))
    assert (done.returncode, done.stdout) == (75, "")
    assert one_line(done).startswith("Error: cannot reach Postgres")
    assert glue("verify", "--help", env=environment()).returncode == 0


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["for people", "for programs"])
def test_a_wrong_token_ends_an_import_with_77(world, options):
    done = glue_here("import", *options, env=world.environment(HUBSPOT_ACCESS_TOKEN="wrong"))
    assert one_line(done).startswith("Error: HubSpot answered 401")
    assert hint(done) == "Check HUBSPOT_ACCESS_TOKEN."
    assert done.returncode == 77


def test_a_missing_scope_ends_an_import_with_77(world):
    world.account.fault({"kind": "missing_scopes"})
    done = glue_here("import", "--json", env=world.environment())
    assert one_line(done).startswith("Error: HubSpot answered 403")
    assert "scope" in hint(done)
    assert done.returncode == 77


@pytest.mark.parametrize(
    "fault", [{"kind": "unavailable"}, {"kind": "cut"}, {"kind": "rate_limited"}], ids=str
)
def test_an_import_that_hubspot_cannot_answer_exits_with_75_and_may_run_again(world, fault):
    world.account.fault(fault)
    done = glue_here("import", "--json", env=world.environment())
    assert one_line(done)
    assert done.returncode == 75
    world.account.fault()
    assert glue_here("import", "--json", env=world.environment()).returncode == 0


def test_a_hubspot_that_is_not_there_ends_an_import_with_75(world):
    done = glue_here(
        "import", "--json", env=world.environment(HUBSPOT_BASE_URL="http://127.0.0.1:9")
    )
    assert one_line(done).startswith("Error: cannot reach HubSpot at http://127.0.0.1:9")
    assert done.returncode == 75


# JSON


def test_every_command_prints_one_json_object_on_request(world):
    env = world.environment()
    imported = json_object(glue_here("import", "--json", env=env))
    counts = {name: imported[name] for name in ("exams", "contacts", "bookings", "refused")}
    assert counts == {"exams": 1, "contacts": 3, "bookings": 0, "refused": 0}
    assert [row["here"] for row in imported["tables"]] == [1, 3, 0]
    (exam,) = world.account.records(EXAMS)
    world.database.book("ann", exam["id"])
    drained = json_object(glue_here("drain", "--once", "--json", env=env))
    assert drained == {
        "sent": 3,
        "failed": 0,
        "dead": 0,
        "forbidden": False,
        "errors": [],
        "queue": [],
    }
    assert json_object(glue_here("refresh", "--json", env=env)) == {"refreshed": True}


@pytest.mark.parametrize("name", ["verify", "doctor"])
def test_a_check_prints_one_json_object_on_request(world, name):
    assert json_object(glue_here(name, "--json", env=world.environment()))


# The verbs


def test_an_import_for_people_says_how_much_it_took(world):
    done = glue_watched("import", env=world.environment())
    assert (done.returncode, done.stderr.strip()) == (0, "")
    rows = [[cell.strip() for cell in line.split("│")] for line in done.stdout.splitlines()]
    assert ["", "contacts", "3", "3", "0", "3", "", ""] in rows


def test_a_drain_for_people_says_how_much_it_sent(world):
    glue_here("import", "--json", env=world.environment())
    (exam,) = world.account.records(EXAMS)
    world.database.book("ann", exam["id"])
    done = glue_watched("drain", "--once", env=world.environment())
    assert (done.returncode, done.stderr.strip()) == (0, "")
    assert "sent 3" in done.stdout
    assert len(world.account.records(BOOKINGS)) == 1


def test_a_second_import_changes_nothing_and_queues_nothing(world):
    env = world.environment()
    assert glue_here("import", "--json", env=env).returncode == 0
    before = tables(world.database)
    assert len(before["hubspot_contact_credits"]) == 3
    assert before["sync_queue"] == []
    assert glue_here("import", "--json", env=env).returncode == 0
    assert tables(world.database) == before


def test_an_import_reads_every_page(world):
    for number in range(230):
        world.student(f"s{number}")
    done = glue_here("import", "--json", env=world.environment())
    assert json_object(done)["contacts"] == 233


def test_refused_records_are_noted_the_rest_is_taken_and_the_exit_code_is_1(world):
    account = world.account
    nameless = account.create(CONTACTS, email="nobody@example.com")
    negative = world.student("neg", sj_credits=-1)
    overbooked = world.exam(capacity=-3)
    done = glue_here("import", "--json", env=world.environment())
    report = json_object(done)
    # Who is no student is noted and no fault.
    assert (report["exams"], report["contacts"], report["refused"]) == (1, 3, 2)
    assert done.returncode == 1
    assert "sync_errors" in done.stderr
    noted = world.database.rows(
        "select hubspot_id, error_message from hubspot_sync.sync_errors"
        " where direction = 'hubspot_to_supabase' and resolved_at is null"
    )
    assert {row["hubspot_id"]: row["error_message"] for row in noted} == {
        nameless: "22023: student_id is missing",
        negative: "MBCRD: a balance is negative",
        overbooked: "MBCAP: capacity -3 is negative",
    }
    before = tables(world.database)
    assert glue_here("import", "--json", env=world.environment()).returncode == 1
    assert tables(world.database) == before


def test_advance_activates_what_is_due_and_completes_what_is_over(world):
    env = world.environment()
    assert json_object(glue_here("advance", "--json", env=env)) == {"activated": 0, "completed": 0}
    world.bring_in()
    db = world.database
    exam = db.value("select hubspot_id from hubspot_sync.hubspot_mock_exams")
    db.book("ann", exam)
    db.rows(
        "update hubspot_sync.hubspot_mock_exams set exam_date = current_date - 2;"
        "insert into hubspot_sync.hubspot_mock_exams"
        " (hubspot_id, mock_type, exam_date, start_time, is_active, scheduled_activation_at)"
        " values ('E-late', 'Mini-mock', current_date + 9, '10:00', 'false', now())"
    )
    assert glue_watched("advance", env=env).stdout == "1 exam activated, 1 booking completed\n"
    assert json_object(glue_here("advance", "--json", env=env)) == {"activated": 0, "completed": 0}
    assert db.violations() == []


def test_analytics_are_refreshed_only_when_something_has_changed(world):
    env = world.environment()
    world.bring_in()
    assert glue_watched("refresh", env=env).stdout == "refreshed\n"
    again = glue_watched("refresh", env=env)
    assert again.stdout == "nothing has changed since the last refresh\n"
    assert again.returncode == 0
    assert json_object(glue_here("refresh", "--force", "--json", env=env)) == {"refreshed": True}
    (exam,) = world.account.records(EXAMS)
    world.database.book("ann", exam["id"])
    assert json_object(glue_here("refresh", "--json", env=env)) == {"refreshed": True}


def test_verify_exits_with_0_while_every_invariant_holds(world):
    done = glue_watched("verify", env=world.environment())
    assert done.returncode == 0
    assert done.stderr == ""
    assert "seats_counted" in done.stdout


@pytest.mark.parametrize("name", ["drain", "import", "advance", "refresh", "prune", "verify"])
def test_under_cron_success_is_silent(world, name):
    """Cron mails whatever is printed."""
    glue_here("import", "--json", env=world.environment())
    (exam,) = world.account.records(EXAMS)
    world.database.book("ann", exam["id"])
    done = glue_here(*COMMANDS[name], env=world.environment())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_under_cron_a_broken_invariant_is_told_on_stderr(world):
    world.bring_in()
    world.database.rows("update hubspot_sync.exam_seats set taken = 7")
    done = glue_here("verify", env=world.environment())
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"seats_counted: 1 violation, for example .+\n", done.stderr)


def test_verify_exits_with_1_and_names_the_broken_invariant(world):
    world.bring_in()
    world.database.rows("update hubspot_sync.exam_seats set taken = 7")
    done = glue_here("verify", "--json", env=world.environment())
    assert done.returncode == 1
    assert '"seats_counted", "violations": 1' in done.stdout


def test_the_doctor_finds_everything_well(world, redis_url):
    done = glue_here("doctor", env=world.environment(REDIS_URL=redis_url))
    assert done.returncode == 0
    for word in (
        "Postgres",
        "outbox    empty",
        "student_id of contacts is unique",
        "booking_id of bookings is unique",
        "Redis",
    ):
        assert word in done.stdout
    assert "no" not in done.stdout.split()


def test_the_doctor_is_content_without_redis(world):
    done = glue_here("doctor", env=world.environment())
    assert done.returncode == 0
    assert "REDIS_URL is not set" in done.stdout


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"DATABASE_URL": None}, ["DATABASE_URL is not set", "export DATABASE_URL"]),
        ({"DATABASE_URL": NOBODY}, ["cannot reach Postgres"]),
        ({"HUBSPOT_ACCESS_TOKEN": None}, ["HUBSPOT_ACCESS_TOKEN is not set"]),
        ({"HUBSPOT_ACCESS_TOKEN": "wrong"}, ["401", "Check HUBSPOT_ACCESS_TOKEN"]),
        ({"HUBSPOT_BOOKING_TYPE": None}, ["HUBSPOT_BOOKING_TYPE is not set"]),
        ({"HUBSPOT_BOOKING_TYPE": "2-999"}, ["booking_id of bookings", "Check HUBSPOT_BOOKING"]),
        ({"HUBSPOT_EXAM_TYPE": None}, ["HUBSPOT_EXAM_TYPE is not set"]),
        ({"HUBSPOT_EXAM_TYPE": "2-999"}, ["2-999", "Check HUBSPOT_BOOKING_TYPE and HUBSPOT_EXAM"]),
        ({"HUBSPOT_BASE_URL": "http://127.0.0.1:9"}, ["cannot reach HubSpot"]),
        ({"REDIS_URL": "redis://127.0.0.1:9/0"}, ["cannot reach Redis", "Check REDIS_URL"]),
        ({"REDIS_URL": "nonsense"}, ["Redis", "REDIS_URL"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_the_doctor_says_what_is_wrong_and_exits_with_1(world, changes, words):
    done = glue_here("doctor", env=world.environment(**changes) | {"COLUMNS": "400"})
    assert "Traceback" not in done.stderr
    assert done.returncode == 1
    said = " ".join(done.stdout.split())
    assert [word for word in words if word not in said] == []


def test_the_doctor_knows_a_database_without_migrations(server, empty_database_url):
    account = server.new()
    env = environment(
        DATABASE_URL=empty_database_url,
        HUBSPOT_BASE_URL=account.url,
        HUBSPOT_ACCESS_TOKEN=account.token,
        **TYPES,
    )
    done = glue_here("doctor", env=env | {"COLUMNS": "400"})
    assert done.returncode == 1
    assert "alembic upgrade head" in done.stdout


# The source


def strings(path):
    """Every text in a module that is no docstring, with its line; of an f-string its parts."""
    tree = ast.parse(path.read_text())
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from [] if id(node) in docstrings else [(node.lineno, node.value)]


SQL = re.compile(
    r"\b(insert\s+into|update\s+[\w.\"]+\s+set|delete\s+from|merge\s+into|truncate\s+\w"
    r"|(create|alter|drop)\s+(or\s+replace\s+)?"
    r"(temp\w*\s+|unlogged\s+|materialized\s+)?"
    r"(table|index|view|function|schema|role|database|trigger|sequence|type)\b"
    r"|(grant|revoke)\s+\w+\s+on|copy\s+[\w.]+\s+(from|to))",
    re.IGNORECASE,
)
CALL = re.compile(r"select \* from ([a-z_]+\.[a-z_]+|)\(?", re.IGNORECASE)


def test_the_glue_holds_no_sql_but_calls_of_functions():
    written, selected = [], []
    for path in sorted(GLUE.rglob("*.py")):
        for line, text in strings(path):
            where = f"{path.name}:{line}: {text[:60]}"
            if SQL.search(text):
                written.append(where)
            if re.match(r"\s*(select|with|values|table|call|do)\s", text, re.IGNORECASE) and (
                " " in text.strip() and not CALL.match(text)
            ):
                selected.append(where)
    assert written == []
    assert selected == []


def test_only_the_calls_of_functions_are_sent_to_the_database():
    """Every `execute` of the glue gets a call, or a constant that is one."""
    found = []
    for path in sorted(GLUE.rglob("*.py")):
        tree = ast.parse(path.read_text())
        constants = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("execute", "executemany", "copy")
            ):
                statement = node.args[0]
                if isinstance(statement, ast.Name):
                    statement = constants[statement.id]
                text = ast.unparse(statement).strip("f'\"")
                found.append(text)
                assert re.match(r"select \* from (\{function\}|[a-z_]+\.[a-z_]+)\(", text), (
                    f"{path.name}:{node.lineno}: {text}"
                )
    assert found


def test_every_code_the_glue_explains_has_a_line_of_its_own():
    assert all(re.fullmatch(r"MB[A-Z]{3}", code) for code in CODES)
    assert all(text and "\n" not in text for text in CODES.values())
