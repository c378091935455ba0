"""Calling the database's functions over one connection. This is all the SQL the glue has."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from glue.db import translated
from glue.errors import Busy

PAUSES = (0.05, 0.2)  # seconds before the second and the third try of a call that was in the way

LONG = 1.0  # seconds of waiting for a lock


class Calls:
    """Calls functions over one connection. Raises Refused and DatabaseError.

    A call that lost a deadlock or a wait for a lock has changed nothing and is made again, three
    times in all; not where it waited long, for then somebody keeps the lock. sleep: of seconds.
    chance: numbers from 0 to 1. clock: monotonic seconds.
    """

    def __init__(
        self,
        connection: psycopg.Connection,
        *,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._sleep = sleep
        self._chance = chance
        self._clock = clock

    def call(self, function: str, **arguments: Any) -> list[dict[str, Any]]:
        """The rows of a function called with named arguments.

        function: with its schema, «api.verify». A dict or list goes as jsonb.
        """
        names = ", ".join(f"{name} => %({name})s" for name in arguments)
        values = {
            name: Jsonb(value) if isinstance(value, (dict, list)) else value
            for name, value in arguments.items()
        }
        for pause in (*PAUSES, None):
            began = self._clock()
            try:
                with translated():
                    return self._connection.execute(
                        f"select * from {function}({names})", values
                    ).fetchall()
            except Busy as error:
                long = error.locked and self._clock() - began > LONG
                if pause is None or long or self._connection.info.transaction_status:
                    raise
                self._sleep(pause * (0.5 + self._chance()))
        raise AssertionError("the last try returns or raises")

    def value(self, function: str, **arguments: Any) -> Any:
        """The single value of a function that answers one."""
        return next(iter(self.call(function, **arguments)[0].values()))

    @contextmanager
    def without_effect(self) -> Iterator[None]:
        """What is called inside happens to nobody: it is rolled back."""
        with translated(), self._connection.transaction(force_rollback=True):
            yield

    @contextmanager
    def acting_as(self, actor: str) -> Iterator[None]:
        """What is called inside is one transaction, in this name for the audit log."""
        with translated(), self._connection.transaction():
            self.call("hubspot_sync.act_as", p_actor=actor)
            yield


def numbers(ids: list[int]) -> str:
    """An array as Postgres reads it: a list would go as jsonb."""
    return "{" + ",".join(str(number) for number in ids) + "}"
