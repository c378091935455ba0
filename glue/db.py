"""Connections to Postgres."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

from glue.errors import Busy, ConfigError, DatabaseError, Refused, SchemaMissing

# psycopg finds these before Postgres does.
NOT_UNICODE = "22021"
TOO_DEEP = "54001"


def connect(url: str, *, timeout: int = 10) -> psycopg.Connection:
    """A connection in autocommit: every call is a transaction of its own, none stays open.

    timeout: seconds to wait for each of the server's addresses, at least 2. Rows are dicts.
    Statements are never prepared, so a transaction pooler may stand between.
    Raises DatabaseError when the server cannot be reached, ConfigError when nobody could read the
    url, without telling it: a password may be what is wrong.
    """
    try:
        conninfo_to_dict(url)
    except (psycopg.ProgrammingError, UnicodeError) as error:
        raise ConfigError(
            "DATABASE_URL cannot be read",
            "Write what is special in a password as percent and two digits.",
        ) from error
    with translated():
        return psycopg.connect(
            url,
            autocommit=True,
            row_factory=dict_row,
            prepare_threshold=None,
            connect_timeout=timeout,
        )


@contextmanager
def translated() -> Iterator[None]:
    """Turns psycopg's errors into ours: by SQLSTATE, never by text."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise Refused(NOT_UNICODE, "what was given is no text: it is not Unicode") from error
    except RecursionError as error:
        raise Refused(TOO_DEEP, "what was given is nested too deeply") from error
    except psycopg.Error as error:
        diagnosis = error.diag
        code = diagnosis.sqlstate or ""
        if code.startswith("MB") or code in ("22023", "42501"):
            raise Refused(
                code,
                diagnosis.message_primary or "",
                diagnosis.message_detail or "",
                diagnosis.message_hint or "",
            ) from error
        if code in ("42883", "3F000", "42P01"):
            raise SchemaMissing(
                f"the database lacks what this version needs: {diagnosis.message_primary}",
                "Run «alembic upgrade head» with the same DATABASE_URL.",
            ) from error
        reason = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, psycopg.OperationalError) and not code:
            raise DatabaseError(
                f"cannot reach Postgres: {reason}",
                "Check DATABASE_URL, and that the server runs and takes connections.",
            ) from error
        if isinstance(error, psycopg.DataError) and not code:
            raise Refused(NOT_UNICODE, reason) from error
        kind = Busy if code in ("40P01", "40001", "55P03") else DatabaseError
        failure = kind(f"Postgres failed ({code}): {reason}")
        failure.code = code
        raise failure from error
