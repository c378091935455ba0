"""The migrations: up, down, offline, frozen, and over a live database of the old layout."""

import importlib.util
import io
import re
import secrets
import shutil
import subprocess
import tempfile
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import ModuleType

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from psycopg import sql
from psycopg.rows import dict_row

from sandbox import postgres

ROOT = Path(__file__).parents[2]
TABLES = ("hubspot_mock_exams", "hubspot_contact_credits", "hubspot_bookings")


# Tools


def load(path: Path) -> ModuleType:
    """A Python file as a module of its own."""
    spec = importlib.util.spec_from_file_location(f"copy_{secrets.token_hex(4)}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REVISIONS = load(ROOT / "db/migrations/freeze.py").revisions()


def alembic(verb: str, url: str, revision: str, *, offline: bool = False) -> str:
    """Run «alembic upgrade» or «downgrade»; answers the SQL when offline."""
    buffer = io.StringIO()
    config = Config(
        ROOT / "alembic.ini", output_buffer=buffer, cmd_opts=Namespace(x=[f"url={url}"])
    )
    getattr(command, verb)(config, revision, sql=offline)
    return buffer.getvalue()


def upgrade(url: str, revision: str = "head") -> None:
    alembic("upgrade", url, revision)


def downgrade(url: str, revision: str = "base") -> None:
    alembic("downgrade", url, revision)


def refusal(verb, *arguments: str) -> str:
    """The SQLSTATE a migration is refused with, in a few lines and without a traceback."""
    with pytest.raises(SystemExit) as caught:
        verb(*arguments)
    first, *others = str(caught.value.code).splitlines()
    assert len(others) <= 3
    return re.fullmatch(r"ERROR (\w{5}): .+", first)[1]


def dump(url: str, *options: str) -> str:
    """What pg_dump says, without the lines that are new each time."""
    answer = subprocess.run(
        [postgres.bindir() / "pg_dump", *options, f"--dbname={url}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return re.sub(r"^\\(un)?restrict .*\n", "", answer.stdout, flags=re.MULTILINE)


def schema(url: str) -> str:
    return dump(url, "--schema-only")


def psql(url: str, text: str) -> None:
    """Run SQL as a person would paste it into psql."""
    answer = subprocess.run(
        [postgres.bindir() / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", url],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr


def query(url: str, text: str | sql.Composable, *values: object) -> list[dict]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        cursor = connection.execute(text, values or None)
        return cursor.fetchall() if cursor.description else []


# Up and down


def test_up_down_up_gives_the_same_schema(empty_database_url):
    url = empty_database_url
    upgrade(url)
    first = schema(url)
    downgrade(url)
    empty = schema(url)
    upgrade(url)
    assert schema(url) == first
    downgrade(url)
    assert schema(url) == empty


def test_after_the_last_downgrade_only_the_version_table_is_left(empty_database_url):
    upgrade(empty_database_url)
    downgrade(empty_database_url)
    left = query(
        empty_database_url,
        """
        select relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'
           and c.relkind in ('r', 'v', 'm', 'S')
        """,
    )
    assert left == [{"relname": "alembic_version"}]
    assert query(empty_database_url, "select * from hubspot_sync.alembic_version") == []


@pytest.mark.parametrize("revision", REVISIONS)
def test_each_revision_goes_down_and_up_again(empty_database_url, revision):
    url = empty_database_url
    if revision == REVISIONS[0]:
        upgrade(url, revision)
        downgrade(url)
        before = "base"
    else:
        before = REVISIONS[REVISIONS.index(revision) - 1]
        upgrade(url, before)
    below = schema(url)
    upgrade(url, revision)
    at = schema(url)
    downgrade(url, before)
    assert schema(url) == below
    upgrade(url, revision)
    assert schema(url) == at


def test_a_second_upgrade_changes_nothing(database_url):
    before = dump(database_url)
    upgrade(database_url)
    assert dump(database_url) == before


# Offline


def test_offline_sql_makes_the_same_schema(empty_database_url, database_url):
    psql(empty_database_url, alembic("upgrade", empty_database_url, "head", offline=True))
    assert schema(empty_database_url) == schema(database_url)
    version = query(empty_database_url, "select * from hubspot_sync.alembic_version")
    assert version == [{"version_num": REVISIONS[-1]}]
    upgrade(empty_database_url)
    assert schema(empty_database_url) == schema(database_url)


def test_offline_sql_goes_down_as_online(empty_database_url, database_url):
    upgrade(empty_database_url)
    downgrade(empty_database_url)
    psql(database_url, alembic("downgrade", database_url, "head:base", offline=True))
    assert query(database_url, "select to_regnamespace('api')") == [{"to_regnamespace": None}]
    left = "select relname from pg_class where relnamespace = 'hubspot_sync'::regnamespace"
    assert [
        row for row in query(database_url, left) if not row["relname"].startswith("alembic")
    ] == []


@pytest.mark.parametrize("revision", REVISIONS)
def test_offline_sql_is_the_frozen_text_itself(revision):
    """No bind marks, no escaping of percent signs or colons."""
    text = alembic("upgrade", "postgresql://nobody@nowhere/none", revision, offline=True)
    for path in sorted((ROOT / "db/migrations/frozen" / revision).rglob("*.sql")):
        if not path.name.endswith("down.sql"):
            assert path.read_text().strip() in text, path


# Frozen copies


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A copy of db/ that a test may change."""
    return shutil.copytree(
        ROOT / "db", tmp_path / "db", ignore=shutil.ignore_patterns("__pycache__")
    )


def problems(sources: Path) -> list[str]:
    return load(sources / "migrations/freeze.py").problems()


def test_the_newest_frozen_copies_are_the_living_files():
    assert problems(ROOT / "db") == []


def test_a_copy_of_the_sources_has_no_problems(sources):
    assert problems(sources) == []


def test_a_changed_living_file_is_noticed(sources):
    path = sources / "functions/create_booking.sql"
    path.write_text(path.read_text() + "\n")
    assert problems(sources) == ["db/functions/create_booking.sql is not frozen: run «make freeze»"]


def test_a_new_living_file_is_noticed(sources):
    (sources / "functions/novelty.sql").write_text("select 1;\n")
    assert problems(sources) == ["db/functions/novelty.sql is not frozen: run «make freeze»"]


def test_a_living_file_that_is_gone_is_noticed(sources):
    (sources / "functions/get_booking.sql").unlink()
    assert problems(sources) != []


@pytest.mark.parametrize("name", ["0001/up.sql", "0002/down.sql", "0003/functions/verify.sql"])
def test_a_tampered_frozen_file_is_noticed(sources, name):
    path = sources / "migrations/frozen" / name
    path.write_text(path.read_text().replace("select", "select  ", 1))
    assert "frozen/SHA256SUMS does not hold: a frozen file was edited" in problems(sources)


def test_a_frozen_file_that_is_gone_or_new_is_noticed(sources):
    frozen = sources / "migrations/frozen"
    (frozen / "0001/down.sql").rename(frozen / "0001/sideways.sql")
    assert problems(sources) == ["frozen/SHA256SUMS does not hold: a frozen file was edited"]


def test_freezing_settles_what_changed(sources, capsys):
    path = sources / "functions/create_booking.sql"
    path.write_text(path.read_text() + "\n")
    load(sources / "migrations/freeze.py").freeze()
    assert problems(sources) == []
    copy = sources / "migrations/frozen" / REVISIONS[-1] / "functions/create_booking.sql"
    assert copy.read_bytes() == path.read_bytes()
    assert "functions/create_booking.sql" in capsys.readouterr().out


def test_no_revision_reads_a_living_file():
    for path in (ROOT / "db/migrations/versions").glob("*.py"):
        text = path.read_text()
        assert "open(" not in text, path
        assert "read_text" not in text, path
        assert not re.search(r"replay\(\s*[\"']?\.\.", text), path


# Refusing to go down

BOOK = """
    insert into hubspot_sync.hubspot_mock_exams
      (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
    values ('E-1', 'Mini-mock', current_date + 30, '09:00', 5, 'true');
    insert into hubspot_sync.hubspot_contact_credits
      (hubspot_id, student_id, email, sjmini_credits)
    values ('C-1', 'S-1', 'ann@example.com', 5);
    select api.create_booking('E-1', 'S-1', 'ann@example.com', 'key-1');
"""


@pytest.mark.parametrize("target", ["-1", "base"])
def test_a_booking_hubspot_lacks_refuses_the_downgrade(database_url, target):
    query(database_url, BOOK)
    before = dump(database_url)
    assert refusal(downgrade, database_url, target) == "55000"
    assert dump(database_url) == before


def test_an_unsent_change_refuses_the_downgrade(database_url):
    query(database_url, BOOK)
    query(database_url, "update hubspot_sync.hubspot_bookings set hubspot_id = 'B-1'")
    before = dump(database_url)
    assert refusal(downgrade, database_url) == "55000"
    assert dump(database_url) == before


def test_a_contact_hubspot_lacks_refuses_the_downgrade(database_url):
    query(
        database_url,
        """
        insert into hubspot_sync.hubspot_contact_credits (student_id, email)
        values ('S-1', 'ann@example.com');
        update hubspot_sync.sync_queue set synced = true;
        """,
    )
    before = dump(database_url)
    assert refusal(downgrade, database_url) == "55000"
    assert dump(database_url) == before


def test_below_the_booking_core_the_dual_id_refuses_too(empty_database_url):
    upgrade(empty_database_url, "0002")
    query(
        empty_database_url,
        """
        insert into hubspot_sync.hubspot_bookings
          (booking_id, mock_exam_id, student_id, student_email)
        values ('1', 'E-1', 'S-1', 'ann@example.com')
        """,
    )
    before = dump(empty_database_url)
    assert refusal(downgrade, empty_database_url, "0001") == "55000"
    assert dump(empty_database_url) == before


def test_with_all_sent_the_downgrade_keeps_every_record(database_url):
    query(database_url, BOOK)
    query(
        database_url,
        """
        update hubspot_sync.hubspot_bookings set hubspot_id = 'B-1';
        update hubspot_sync.sync_queue set synced = true;
        """,
    )
    downgrade(database_url, REVISIONS[0])
    kept = query(
        database_url,
        """
        select b.hubspot_id as booking, b.is_active, c.hubspot_id as contact, c.sjmini_credits,
               e.hubspot_id as exam
          from hubspot_sync.hubspot_bookings b
          join hubspot_sync.hubspot_contact_credits c on c.hubspot_id = b.contact_id
          join hubspot_sync.hubspot_mock_exams e on e.hubspot_id = b.mock_exam_id
        """,
    )
    assert kept == [
        {
            "booking": "B-1",
            "is_active": "Active",
            "contact": "C-1",
            "sjmini_credits": 4,
            "exam": "E-1",
        }
    ]
    upgrade(database_url)
    violations = "select name from api.verify() where violations > 0"
    assert query(database_url, violations) == []


# A live database. The server is of its own: here the roles of Supabase are not there yet, and
# whoever migrates is no superuser.


@dataclass(frozen=True)
class Bare:
    """A server without our roles, and its two users: a superuser and the one who migrates."""

    root: str
    password: str

    def database(self, owner: str = "migrator") -> tuple[str, str]:
        """A new database. Answers its URL for the superuser and for the owner."""
        name = f"live_{secrets.token_hex(4)}"
        with psycopg.connect(self.root, autocommit=True) as connection:
            connection.execute(f"create database {name} owner {owner}")
            # Times without a zone were written in UTC, whatever sessions say today.
            connection.execute(f"alter database {name} set timezone = 'America/New_York'")
        root = self.root.rsplit("/", 1)[0] + f"/{name}"
        return root, re.sub(r"//[^@]+@", f"//migrator:{self.password}@", root)


@pytest.fixture(scope="module")
def bare() -> Iterator[Bare]:
    folder = Path(tempfile.mkdtemp(prefix="migrations-"))
    folder.chmod(0o755)
    server = postgres.start(folder, fsync=False)
    password = secrets.token_urlsafe(16)
    try:
        with psycopg.connect(server.url, autocommit=True) as connection:
            create = "create role migrator login createrole nosuperuser nobypassrls password {}"
            connection.execute(sql.SQL(create).format(sql.Literal(password)))
            connection.execute("create role somebody_else")
        yield Bare(server.url, password)
    finally:
        server.child.stop()
        shutil.rmtree(folder, ignore_errors=True)


ROLES = """
    select rolname, rolcanlogin, rolsuper, rolbypassrls from pg_roles
     where rolname in ('anon', 'authenticated', 'service_role') order by rolname
"""


def test_who_migrates_needs_no_superuser_and_makes_the_roles(bare):
    root, url = bare.database()
    assert query(url, "select rolsuper from pg_roles where rolname = current_user") == [
        {"rolsuper": False}
    ]
    upgrade(url)
    plain = {"rolcanlogin": False, "rolsuper": False, "rolbypassrls": False}
    roles = ("anon", "authenticated", "service_role")
    assert query(url, ROLES) == [{"rolname": role, **plain} for role in roles]
    query(root, BOOK)
    assert query(url, "select name from api.verify() where violations > 0") == []
    query(
        root,
        """
        update hubspot_sync.hubspot_bookings set hubspot_id = 'B-1';
        update hubspot_sync.sync_queue set synced = true;
        """,
    )
    downgrade(url)
    assert len(query(url, ROLES)) == 3, "roles are never dropped: others may use them"
    other, _ = bare.database()
    upgrade(other)


def test_who_may_make_no_schema_is_told_what_to_grant(bare):
    _, url = bare.database("somebody_else")
    name = url.rpartition("/")[2]
    with pytest.raises(SystemExit) as caught:
        upgrade(url)
    said, hint = str(caught.value.code).splitlines()
    assert said == f"ERROR 42501: permission denied for database {name}"
    assert "grant create on database" in hint


OLD_LAYOUT = """
    create table hubspot_mock_exams (
      id uuid primary key default gen_random_uuid(),
      hubspot_id text unique not null,
      mock_exam_name text,
      mock_type text,
      exam_date date,
      start_time text,
      end_time text,
      location text,
      capacity integer,
      total_bookings integer default 0,
      is_active text,
      created_at timestamp,
      updated_at timestamp,
      synced_at timestamp default now()
    );
    create index idx_exams_hubspot_id on hubspot_mock_exams (hubspot_id);
    create index idx_exams_active on hubspot_mock_exams (is_active);
    create index idx_exams_date on hubspot_mock_exams (exam_date);
    create table hubspot_contact_credits (
      id uuid primary key default gen_random_uuid(),
      hubspot_id text unique not null,
      student_id text not null,
      email text not null,
      firstname text,
      lastname text,
      sj_credits integer default 0,
      cs_credits integer default 0,
      sjmini_credits integer default 0,
      shared_mock_credits integer default 0,
      {token}
      created_at timestamp,
      updated_at timestamp,
      synced_at timestamp default now(),
      constraint unique_student_email unique (student_id, email)
    );
    create index idx_hubspot_id on hubspot_contact_credits (hubspot_id);
    create index idx_student_id on hubspot_contact_credits (student_id);
    create index idx_email on hubspot_contact_credits (email);
    create index idx_synced_at on hubspot_contact_credits (synced_at);
    create table hubspot_bookings (
      id uuid primary key default gen_random_uuid(),
      hubspot_id text unique not null,
      booking_id text,
      {exam} text,
      {contact} text,
      student_id text,
      student_name text,
      student_email text,
      booking_status text,
      is_active text,
      attendance text,
      attending_location text,
      exam_date timestamp,
      dominant_hand text,
      token_used text,
      idempotency_key text,
      created_at timestamp,
      updated_at timestamp,
      synced_at timestamp default now()
    );
    create unique index hubspot_bookings_idempotency_key_key on hubspot_bookings (idempotency_key);
    create index idx_bookings_hubspot_id on hubspot_bookings (hubspot_id);
    create index idx_bookings_contact_id on hubspot_bookings ({contact});
    create index idx_bookings_exam_id on hubspot_bookings ({exam});
    alter table hubspot_bookings enable row level security;
    create table audit_log (id bigint generated always as identity primary key, booking text);
    create function note_booking() returns trigger language plpgsql security definer as $$
    begin
      insert into {home}.audit_log (booking) values (new.hubspot_id);
      return null;
    end
    $$;
    create trigger bookings_audit after insert or update on hubspot_bookings
      for each row execute function note_booking();
"""

OLD_NAMES = {"exam": "associated_mock_exam", "contact": "associated_contact_id"}
NEW_NAMES = {"exam": "mock_exam_id", "contact": "contact_id"}
TOKEN = "mock_discussion_token integer default 0,"

DIRTY_ROWS = """
    insert into hubspot_mock_exams
      (hubspot_id, mock_type, exam_date, start_time, capacity, is_active, created_at, synced_at)
    values
      ('E-1', 'Mini-mock', '2030-02-01', '9:00 AM', 2, 'Active', '2025-01-01 12:00',
       '2025-03-01 12:00'),
      ('E-2', 'Mini-mock', '2030-02-01', '14:00', 0, 'TRUE', null, null),
      ('E-3', 'Clinical Skills', '2030-02-02', 'noon', null, 'false', null, null),
      ('E-4', null, null, null, -3, null, null, null);
    insert into hubspot_contact_credits
      (hubspot_id, student_id, email, sj_credits, cs_credits, sjmini_credits,
       shared_mock_credits, created_at, synced_at)
    values
      ('C-1', 'S-1', 'Ann@Example.com', 3, 0, 1, 2, '2025-01-01 12:00', '2025-03-01 12:00'),
      ('C-2', 'S-2', 'bob@example.com', null, -4, 0, 0, null, null),
      ('C-3', 'S-2', 'BOB@example.com', 0, 0, 0, null, null, null);
    insert into hubspot_bookings
      (hubspot_id, booking_id, {exam}, {contact}, student_id, student_email, is_active, exam_date,
       token_used, idempotency_key, created_at, synced_at)
    values
      ('B-1', 'Mini-1', 'E-1', 'C-1', 'S-1', 'ann@example.com', 'Active', '2030-02-01 09:00',
       'Mini-mock Token', 'key-1', '2025-02-01 12:00', '2025-03-01 12:00'),
      ('B-2', 'Mini-2', 'E-1', 'C-2', 'S-2', 'bob@example.com', 'active', '2030-02-01 09:00',
       null, null, null, null),
      ('B-3', 'Mini-3', 'E-1', 'C-9', 'S-9', 'gone@example.com', 'true', '2030-02-01 09:00',
       'Old Token', null, null, null),
      ('B-4', 'Mini-4', 'E-9', 'C-1', 'S-1', 'Ann@Example.com', 'Active', '2030-02-09 09:00',
       null, null, null, null),
      ('B-5', 'Twice', 'E-3', 'C-1', 'S-1', 'ann@example.com', 'canceled', null, null, null, null,
       null),
      ('B-6', 'Twice', 'E-3', 'C-2', 'S-2', 'bob@example.com', 'Completed', null, null, null,
       null, null),
      ('B-7', 'Mini-7', 'E-1', 'C-2', 'S-2', 'bob@example.com', ' ACTIVE ', '2030-02-01 09:00',
       null, null, null, null),
      ('B-8', 'Mini-8', 'E-2', 'C-1', 'S-1', 'ann@example.com', 'Active', '2030-02-01 14:00',
       null, null, null, null),
      ('B-9', null, null, null, null, null, null, null, null, null, null, null),
      ('B-10', 'Mini-10', 'E-3', 'C-1', 'S-1', 'ann@example.com', 'Waitlisted', null, null, null,
       null, null);
"""

# What the migration says of these rows.
FINDINGS = {
    *(
        ("hubspot_bookings", booking, "the status is none of Active, Cancelled, Completed", status)
        for booking, status in (("B-9", None), ("B-10", "Waitlisted"))
    ),
    ("hubspot_mock_exams", "E-1", "more bookings than seats", "4 of 2"),
    ("hubspot_mock_exams", "E-2", "more bookings than seats", "1 of 0"),
    ("hubspot_mock_exams", "E-3", "more bookings than seats", "1 of 0"),
    ("hubspot_mock_exams", "E-3", "start_time cannot be read, counted as midnight", "noon"),
    ("hubspot_mock_exams", "E-4", "no credit pays for its mock type", None),
    ("hubspot_mock_exams", "E-4", "capacity is negative, set to 0", "-3"),
    ("hubspot_contact_credits", "C-2", "cs_credits is negative, set to 0", "-4"),
    *(
        (
            "hubspot_contact_credits",
            contact,
            "student_id and email, case aside, of another contact",
            email,
        )
        for contact, email in (("C-2", "bob@example.com"), ("C-3", "BOB@example.com"))
    ),
    ("hubspot_bookings", "B-1", "several active bookings of one student, type and date", "S-1"),
    ("hubspot_bookings", "B-2", "several active bookings of one student for one exam", "E-1"),
    ("hubspot_bookings", "B-2", "several active bookings of one student, type and date", "S-2"),
    ("hubspot_bookings", "B-3", "the contact is not in this database", "C-9"),
    ("hubspot_bookings", "B-4", "the exam is not in this database", "E-9"),
    ("hubspot_bookings", "B-5", "booking_id is not unique", "Twice"),
    ("hubspot_bookings", "B-6", "booking_id is not unique", "Twice"),
    ("hubspot_bookings", "B-7", "several active bookings of one student for one exam", "E-1"),
    ("hubspot_bookings", "B-7", "several active bookings of one student, type and date", "S-2"),
    ("hubspot_bookings", "B-8", "several active bookings of one student, type and date", "S-1"),
    ("hubspot_bookings", "B-9", "booking_id is missing, set to OLD-<id>", None),
    ("hubspot_bookings", "B-9", "student_id is missing, set to an empty text", None),
    ("hubspot_bookings", "B-9", "student_email is missing, set to an empty text", None),
    ("hubspot_bookings", "B-9", "mock_exam_id is missing, set to an empty text", None),
    ("hubspot_bookings", "B-9", "the exam is not in this database", None),
    ("hubspot_bookings", "B-9", "the contact is not in this database", None),
}

# What the rows no longer say after up and down: spellings, and values no rule allows.
REPAIRED = {
    ("E-4", "capacity"): (-3, 0),
    ("C-2", "sj_credits"): (None, 0),
    ("C-2", "cs_credits"): (-4, 0),
    ("C-3", "shared_mock_credits"): (None, 0),
    ("B-2", "is_active"): ("active", "Active"),
    ("B-3", "is_active"): ("true", "Active"),
    ("B-5", "is_active"): ("canceled", "Cancelled"),
    ("B-5", "exam_date"): (None, datetime(2030, 2, 2)),
    ("B-6", "exam_date"): (None, datetime(2030, 2, 2)),
    ("B-10", "exam_date"): (None, datetime(2030, 2, 2)),
    ("B-7", "is_active"): (" ACTIVE ", "Active"),
    ("B-9", "booking_id"): (None, "OLD-<id>"),
    ("B-9", "student_id"): (None, ""),
    ("B-9", "student_email"): (None, ""),
    ("B-9", "mock_exam_id"): (None, ""),
}


@dataclass(frozen=True)
class Live:
    """A live database of the old layout, full of dirty rows."""

    root: str
    url: str
    home: str
    exam: str
    contact: str

    def rows(self, home: str | None = None) -> dict[str, dict]:
        """Every row of the three tables, by its HubSpot id, with its old columns' new names."""
        renamed = {self.exam: "mock_exam_id", self.contact: "contact_id"}
        rows = {}
        for table in TABLES:
            name = sql.Identifier(home or self.home, table)
            for row in query(self.root, sql.SQL("select * from {}").format(name)):
                rows[row["hubspot_id"]] = {renamed.get(k, k): v for k, v in row.items()}
        return rows

    def columns(self) -> list[dict]:
        """Name, type, nullability and default of every column of the three tables."""
        return query(
            self.root,
            """
            select table_name, column_name, data_type, is_nullable, column_default
              from information_schema.columns
             where table_schema = %s and table_name = any (%s)
             order by table_name, ordinal_position
            """,
            self.home,
            list(TABLES),
        )

    def files(self) -> list[dict]:
        """The files of the three tables, which change when a table is rewritten."""
        return query(
            self.root,
            "select relname, pg_relation_filenode(oid) from pg_class"
            " where relname = any (%s) order by relname",
            list(TABLES),
        )


def old_layout(url: str, home: str, more: str = "", *, names=NEW_NAMES, token: str = "") -> None:
    """Create the old layout in a schema, and run more SQL there."""
    text = (OLD_LAYOUT + more).replace("{token}", token).replace("{home}", home)
    for name, column in names.items():
        text = text.replace(f"{{{name}}}", column)
    query(url, f"create schema if not exists {home}; set search_path = {home}; {text}")


@pytest.fixture(
    params=[
        ("public", NEW_NAMES, ""),
        ("public", OLD_NAMES, TOKEN),
        ("hubspot_sync", NEW_NAMES, TOKEN),
        ("hubspot_sync", OLD_NAMES, ""),
    ],
    ids=["public", "public-old-names", "hubspot_sync", "hubspot_sync-old-names"],
)
def live(bare: Bare, request: pytest.FixtureRequest) -> Live:
    home, names, token = request.param
    root, url = bare.database()
    old_layout(url, home, DIRTY_ROWS, names=names, token=token)
    return Live(root, url, home, **names)


def test_adoption_keeps_every_row(live):
    before = live.rows()
    upgrade(live.url)
    after = live.rows("hubspot_sync")
    assert after.keys() == before.keys()
    changed = {
        (hubspot_id, column): (value, after[hubspot_id][column])
        for hubspot_id, row in before.items()
        for column, value in row.items()
        # Times have a zone now; what they are is asked below.
        if column not in ("created_at", "updated_at", "synced_at")
        and after[hubspot_id][column] != value
    }
    expected = dict(REPAIRED)
    expected["B-9", "booking_id"] = (None, f"OLD-{before['B-9']['id']}")
    assert changed == expected


def test_adoption_reads_old_times_as_utc(live):
    upgrade(live.url)
    for hubspot_id in ("E-1", "C-1", "B-1"):
        row = live.rows("hubspot_sync")[hubspot_id]
        assert row["hubspot_last_sync_at"].isoformat() in (
            "2025-03-01T07:00:00-05:00",
            "2025-03-01T12:00:00+00:00",
        )
        assert row["hubspot_last_sync_at"] == row["synced_at"]


def test_adoption_reports_what_is_dirty(live):
    upgrade(live.url)
    told = query(
        live.root,
        """
        select f.table_name, coalesce(b.hubspot_id, c.hubspot_id, e.hubspot_id) as hubspot_id,
               f.finding, f.old_value
          from hubspot_sync.migration_findings f
          left join hubspot_sync.hubspot_bookings b on b.id = f.record
          left join hubspot_sync.hubspot_contact_credits c on c.id = f.record
          left join hubspot_sync.hubspot_mock_exams e on e.id = f.record
        """,
    )
    assert {tuple(row.values()) for row in told} == FINDINGS
    assert len(told) == len(FINDINGS)


def test_after_adoption_every_invariant_holds(live):
    upgrade(live.url)
    assert query(live.root, "select name, sample from api.verify() where violations > 0") == []
    assert query(live.root, "select * from hubspot_sync.sync_queue") == []
    seats = query(
        live.root,
        """
        select e.hubspot_id, s.capacity, s.taken, s.is_open
          from hubspot_sync.exam_seats s
          join hubspot_sync.hubspot_mock_exams e on e.id = s.exam order by e.hubspot_id
        """,
    )
    assert [tuple(row.values()) for row in seats] == [
        ("E-1", 2, 4, True),
        ("E-2", 0, 1, True),
        ("E-3", 0, 1, False),
        ("E-4", 0, 0, False),
    ]


def test_after_adoption_the_booking_functions_work_on_old_rows(live):
    upgrade(live.url)
    cancelled = query(live.root, "select * from api.cancel_booking('Mini-1')")
    assert [row["is_active"] for row in cancelled] == ["Cancelled"]
    balance = "select sjmini_credits from hubspot_sync.hubspot_contact_credits"
    assert query(live.root, f"{balance} where hubspot_id = 'C-1'") == [{"sjmini_credits": 2}]
    found = query(live.root, "select * from api.get_contact_credits('S-1', 'ANN@example.com')")
    assert [row["hubspot_id"] for row in found] == ["C-1"]
    known = query(live.root, "select * from api.check_idempotency_key('key-1')")
    assert [row["booking_id"] for row in known] == ["Mini-1"]


def test_adoption_rewrites_no_table(live):
    before = live.files()
    upgrade(live.url)
    assert live.files() == before


def test_adoption_keeps_a_trigger_of_the_old_application(live):
    upgrade(live.url)
    query(live.root, f"truncate {live.home}.audit_log")
    query(live.root, "update hubspot_sync.hubspot_bookings set attendance = 'yes'")
    noted = query(live.root, f"select count(*) from {live.home}.audit_log")
    assert noted == [{"count": len([row for row in live.rows("hubspot_sync") if row[0] == "B"])}]


def test_the_last_downgrade_gives_the_rows_back(live):
    before = live.rows()
    upgrade(live.url)
    downgrade(live.url)
    after = live.rows()
    assert after.keys() == before.keys()
    changed = {
        (hubspot_id, column): (value, after[hubspot_id].get(column, "gone"))
        for hubspot_id, row in before.items()
        for column, value in row.items()
        if after[hubspot_id].get(column, "gone") != value
    }
    expected = dict(REPAIRED)
    expected["B-9", "booking_id"] = (None, f"OLD-{before['B-9']['id']}")
    assert changed == expected


def test_the_last_downgrade_gives_the_columns_back(live):
    before = live.columns()
    upgrade(live.url)
    downgrade(live.url)
    after = live.columns()
    assert [column for column in before if column not in after] == []
    # A column that may hold balances by now is not dropped.
    added = [column["column_name"] for column in after if column not in before]
    assert added in ([], ["mock_discussion_token"])


def test_the_last_downgrade_drops_nothing_it_did_not_make(live):
    objects = """
        select 'function ' || p.oid::regprocedure as object from pg_proc p
         where p.pronamespace = %s::regnamespace
        union all
        select 'trigger ' || t.tgname from pg_trigger t
          join pg_class c on c.oid = t.tgrelid
         where c.relnamespace = %s::regnamespace and not t.tgisinternal
        union all
        select 'index ' || c.relname from pg_class c
         where c.relnamespace = %s::regnamespace and c.relkind = 'i'
        union all
        select 'table ' || c.relname from pg_class c
         where c.relnamespace = %s::regnamespace and c.relkind = 'r'
    """
    before = {row["object"] for row in query(live.root, objects, *[live.home] * 4)}
    upgrade(live.url)
    downgrade(live.url)
    after = {row["object"] for row in query(live.root, objects, *[live.home] * 4)}
    assert before - after == set()
    assert after - before <= {"table alembic_version", "index alembic_version_pkc"}


def test_up_down_up_over_a_live_database_gives_the_same_schema(live):
    upgrade(live.url)
    first = schema(live.root)
    downgrade(live.url)
    upgrade(live.url)
    assert schema(live.root) == first


@pytest.mark.parametrize("home", ["public", "hubspot_sync"])
@pytest.mark.parametrize("table", TABLES)
def test_a_table_of_another_owner_is_refused(bare, home, table):
    root, url = bare.database()
    old_layout(url, home)
    query(root, f"alter table {home}.{table} owner to somebody_else")
    before = dump(root, f"--schema={home}")
    assert refusal(upgrade, url) == "42501"
    assert dump(root, f"--schema={home}", "--exclude-table=*.alembic_version") == before


def test_a_database_with_some_of_the_tables_gets_the_others(bare):
    root, url = bare.database()
    old_layout(url, "public", "drop table hubspot_contact_credits; drop table hubspot_mock_exams;")
    upgrade(url)
    assert query(root, "select name from api.verify() where violations > 0") == []
    downgrade(url)
    homes = query(
        root,
        "select relname, relnamespace::regnamespace::text as home from pg_class"
        " where relname = any (%s)",
        list(TABLES),
    )
    assert homes == [{"relname": "hubspot_bookings", "home": "public"}]


def test_clean_rows_are_adopted_without_findings(bare):
    root, url = bare.database()
    clean = """
        insert into hubspot_mock_exams (hubspot_id, mock_type, exam_date, start_time, capacity,
                                        is_active)
        values ('E-1', 'Mini-mock', '2030-02-01', '09:00', 2, 'Active');
        insert into hubspot_contact_credits (hubspot_id, student_id, email, sjmini_credits)
        values ('C-1', 'S-1', 'ann@example.com', 1);
        insert into hubspot_bookings (hubspot_id, booking_id, mock_exam_id, contact_id, student_id,
                                      student_email, is_active, exam_date)
        values ('B-1', 'Mini-1', 'E-1', 'C-1', 'S-1', 'ann@example.com', 'Active', '2030-02-01');
    """
    old_layout(url, "public", clean)
    upgrade(url)
    assert query(root, "select * from hubspot_sync.migration_findings") == []
    assert query(root, "select exempt from hubspot_sync.hubspot_bookings") == [{"exempt": False}]


def test_an_adopted_booking_finds_its_contact_as_a_later_one_would(bare):
    """Without the contact's HubSpot id, by student id and email."""
    root, url = bare.database()
    row = """
        insert into hubspot_contact_credits (hubspot_id, student_id, email)
        values ('C-1', 'S-1', 'Ann@Example.com');
        insert into hubspot_bookings (hubspot_id, booking_id, mock_exam_id, student_id,
                                      student_email, is_active)
        values ('B-1', 'Mini-1', 'E-1', 'S-1', 'ann@example.com', 'Active');
    """
    old_layout(url, "public", row)
    upgrade(url)
    query(
        root,
        """
        insert into hubspot_sync.hubspot_bookings
          (hubspot_id, booking_id, mock_exam_id, student_id, student_email, is_active)
        values ('B-2', 'Mini-2', 'E-2', 'S-1', 'ann@example.com', 'Active')
        """,
    )
    linked = query(
        root,
        "select booking_id, contact is not null as linked from hubspot_sync.hubspot_bookings"
        " order by booking_id",
    )
    assert linked == [
        {"booking_id": "Mini-1", "linked": True},
        {"booking_id": "Mini-2", "linked": True},
    ]
