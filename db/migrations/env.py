"""Alembic's entry: connects to DATABASE_URL, or prints the SQL with --sql.

The version table lives in hubspot_sync, a schema no API exposes. So that schema is made before
the first migration and stays, with an empty version table, after the last downgrade.
"""

import os
import sys

import psycopg
import sqlalchemy
from alembic import context
from alembic.runtime.migration import MigrationInfo

CREATE_SCHEMA = "create schema if not exists hubspot_sync"


def database_url() -> str:
    """DATABASE_URL (or -x url=…) as SQLAlchemy spells it; without either, one line and exit 2."""
    url = context.get_x_argument(as_dictionary=True).get("url") or os.environ.get("DATABASE_URL")
    if not url:
        sys.exit("DATABASE_URL is not set: export DATABASE_URL=postgresql://user@host/database")
    scheme, _, rest = url.partition("://")
    if scheme not in ("postgres", "postgresql", "postgresql+psycopg") or not rest:
        sys.exit(f"DATABASE_URL must begin with postgresql://, not {scheme}://")
    return f"postgresql+psycopg://{rest}"


def tell(notice: psycopg.errors.Diagnostic) -> None:
    """Shows what a migration finds or removes, not what Postgres says of every «if exists»."""
    text = notice.message_primary or ""
    if not text.endswith("already exists, skipping") and not text.startswith("drop cascades to"):
        print(f"{notice.severity}: {text}", file=sys.stderr)


def tell_step(step: MigrationInfo, **_: object) -> None:
    """Says which revision has been applied or taken back."""
    verb = "upgraded to" if step.is_upgrade else "downgraded from"
    print(f"{verb} {step.up_revision_id}", file=sys.stderr)


def refusal(error: sqlalchemy.exc.DBAPIError) -> str:
    """What Postgres said, in a few lines; the statement is in the frozen file."""
    diagnosis = getattr(error.orig, "diag", None)
    if diagnosis is None or diagnosis.message_primary is None:
        return " ".join(str(error.orig).split())
    lines = [
        f"ERROR {diagnosis.sqlstate}: {diagnosis.message_primary}",
        diagnosis.message_detail and f"DETAIL: {diagnosis.message_detail}",
        diagnosis.message_hint and f"HINT: {diagnosis.message_hint}",
        "This revision changed nothing; those told of above are done.",
    ]
    return "\n".join(line for line in lines if line)


def without_schema(error: sqlalchemy.exc.DBAPIError) -> str:
    """What Postgres said instead of making the schema, and what to do about it."""
    diagnosis = getattr(error.orig, "diag", None)
    said = " ".join(str(error.orig).split()) if diagnosis is None else diagnosis.message_primary
    return (
        f"ERROR {getattr(error.orig, 'sqlstate', None)}: {said}\n"
        "HINT: Let its owner say «grant create on database … to …» for this role, or run it as the"
        " owner. Nothing was changed."
    )


def run_offline() -> None:
    context.configure(
        dialect_name="postgresql",
        version_table_schema="hubspot_sync",
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.get_context().impl.static_output(f"{CREATE_SCHEMA};")
        context.run_migrations()


def run_online() -> None:
    # NullPool and no prepared statements: works behind a transaction pooler, too.
    engine = sqlalchemy.create_engine(
        database_url(),
        poolclass=sqlalchemy.NullPool,
        connect_args={"prepare_threshold": None},
    )
    try:
        connection = engine.connect()
    except sqlalchemy.exc.OperationalError as error:
        reason = " ".join(str(error.orig).split())
        sys.exit(f"cannot reach the database of DATABASE_URL: {reason}")
    with connection:
        # What a migration finds or removes it says in notices: show them.
        connection.connection.driver_connection.add_notice_handler(tell)
        connection.exec_driver_sql("set client_min_messages = notice")
        # A migration that cannot get its lock gives up rather than hold up the applications.
        try:
            connection.exec_driver_sql(f"set lock_timeout = '30s'; {CREATE_SCHEMA}")
            connection.commit()
        except sqlalchemy.exc.DBAPIError as error:
            sys.exit(without_schema(error))
        context.configure(
            connection=connection,
            version_table_schema="hubspot_sync",
            transaction_per_migration=True,
            on_version_apply=tell_step,
        )
        try:
            with context.begin_transaction():
                context.run_migrations()
        except sqlalchemy.exc.DBAPIError as error:
            sys.exit(refusal(error))


if context.is_offline_mode():
    run_offline()
else:
    run_online()
