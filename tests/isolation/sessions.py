"""Interleavings: named sessions whose steps begin, wait and end in the order a test dictates.

    with Sessions(url) as session:
        first, second = session("first"), session("second")
        first.begin()
        first.run("update t set n = n + 1")
        step = second.start("update t set n = n + 1")
        step.waits_for(first)
        first.commit()
        step.rows()

Every session is a connection with a thread of its own. That a step waits is seen in the lock
manager, never guessed from time: nothing here sleeps, and every wait has a generous deadline
that only a defect reaches.
"""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import psycopg
from psycopg.rows import dict_row

PATIENCE = 60.0
"""Seconds after which a step that should have ended counts as stuck."""

_POLL = 0.005

Row = dict[str, Any]


class Step:
    """A statement that was started; it may be running, waiting or done."""

    def __init__(self, session: Session, statement: str, future: Future[list[Row]]) -> None:
        self._session = session
        self._statement = " ".join(statement.split())
        self._future = future

    def __str__(self) -> str:
        return f"step of «{self._session.name}»: {self._statement}"

    def rows(self) -> list[Row]:
        """What the statement answered.

        Raises:
            psycopg.Error: the database refused it.
            AssertionError: it did not end.
        """
        wait([self._future], PATIENCE)
        if not self._future.done():
            raise AssertionError(f"{self} has not ended; {self._session.waiting_for()}")
        return self._future.result()

    def row(self) -> Row:
        """The one row the statement answered."""
        (row,) = self.rows()
        return row

    def refused(self) -> str:
        """The SQLSTATE with which the database refused the statement."""
        try:
            rows = self.rows()
        except psycopg.Error as error:
            return error.sqlstate or str(error)
        raise AssertionError(f"{self} was not refused; it answered {rows}")

    def waits_for(self, *holders: Session) -> None:
        """Return once the step waits for a lock that one of `holders` has."""
        deadline = time.monotonic() + PATIENCE
        while not self._session.is_blocked_by(holders):
            wait([self._future], _POLL)
            if self._future.done():
                raise AssertionError(f"{self} did not wait; {self._outcome()}")
            if time.monotonic() > deadline:
                raise AssertionError(f"{self} waits for nobody named; {self._outcome()}")

    def settle(self, *holders: Session) -> bool:
        """Return once the step is done (True) or waits for one of `holders` (False).

        For orders of which the code may take either without breaking a promise.
        """
        deadline = time.monotonic() + PATIENCE
        while not self._session.is_blocked_by(holders):
            wait([self._future], _POLL)
            if self._future.done():
                return True
            if time.monotonic() > deadline:
                raise AssertionError(f"{self} neither ended nor waits; {self._outcome()}")
        return False

    def _outcome(self) -> str:
        if not self._future.done():
            return self._session.waiting_for()
        error = self._future.exception()
        return f"refused with {error!r}" if error else f"answered {self._future.result()}"


class Session:
    """One connection with a thread of its own; its steps run one after another."""

    def __init__(self, name: str, url: str, observer: psycopg.Connection) -> None:
        self.name = name
        self._observer = observer
        self._connection = psycopg.connect(
            url,
            autocommit=True,
            row_factory=dict_row,
            prepare_threshold=None,
            application_name=name,
        )
        self.pid = self._connection.info.backend_pid
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    def start(self, statement: str, **arguments: Any) -> Step:
        """Begin a statement and return at once."""
        return Step(self, statement, self._thread.submit(self._execute, statement, arguments))

    def run(self, statement: str, **arguments: Any) -> list[Row]:
        """Run a statement to its end, which no other session may hold up."""
        return self.start(statement, **arguments).rows()

    def begin(self) -> None:
        """Begin a transaction."""
        self.run("begin")

    def commit(self) -> None:
        """Commit the transaction."""
        self.run("commit")

    def rollback(self) -> None:
        """Roll the transaction back."""
        self.run("rollback")

    def is_blocked_by(self, holders: tuple[Session, ...]) -> bool:
        """Whether the session waits, at this moment, for a lock of one of `holders`."""
        answer = self._observer.execute(
            "select pg_catalog.pg_isolation_test_session_is_blocked(%s, %s::integer[])",
            (self.pid, [holder.pid for holder in holders]),
        )
        return answer.fetchone()[0]

    def waiting_for(self) -> str:
        """For a message: what the session does, and who blocks it."""
        found = self._observer.execute(
            "select a.state, a.wait_event_type, a.wait_event,"
            "       array(select b.application_name"
            "               from pg_catalog.pg_stat_activity b"
            "              where b.pid = any (pg_catalog.pg_blocking_pids(a.pid)))"
            "  from pg_catalog.pg_stat_activity a where a.pid = %s",
            (self.pid,),
        ).fetchone()
        if found is None:
            return "its connection is gone"
        state, kind, event, blockers = found
        return f"it is {state}, waits for {kind}/{event}, blocked by {blockers}"

    def close(self) -> None:
        """End the connection, also in the middle of a step."""
        self._observer.execute("select pg_catalog.pg_terminate_backend(%s)", (self.pid,))
        self._thread.shutdown(wait=True)
        self._connection.close()

    def _execute(self, statement: str, arguments: dict[str, Any]) -> list[Row]:
        cursor = self._connection.execute(statement, arguments or None)
        return cursor.fetchall() if cursor.description else []


class Sessions:
    """Opens named sessions on one database; leaving the context ends them all."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._observer = psycopg.connect(url, autocommit=True, application_name="observer")
        self._opened: list[Session] = []

    def __enter__(self) -> Sessions:
        return self

    def __exit__(self, *_: object) -> None:
        for session in self._opened:
            session.close()
        self._observer.close()

    def __call__(self, name: str) -> Session:
        """A new session; its name appears in messages and in pg_stat_activity."""
        session = Session(name, self._url, self._observer)
        self._opened.append(session)
        return session
