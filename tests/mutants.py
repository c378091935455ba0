"""Breaks the SQL on purpose, one thing at a time, and sees that a test notices.

    python tests/mutants.py             all of them
    python tests/mutants.py gate seat   those with one of the words in their name
    pytest tests/mutants.py             the same, a test each

Each mutant is a change of one function, made in the template database after the migrations
(tests/conftest.py does it when MUTANT names one), and the tests that should fail then. All
tests named here must pass without a mutant. A mutation whose text is no longer found is an
error, so that the table in mutations.py cannot rot.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from mutations import EQUIVALENT, MUTANTS, Mutant  # noqa: E402

ENVIRONMENT = "MUTANT"
PATIENCE = 1800
CANNOT_APPLY = 77
"""With what pytest exits where a mutation does not apply."""


class MutationError(Exception):
    """A mutation that cannot be made, or whose tests fail without it."""


def named(name: str) -> Mutant:
    """The mutant of that name.

    Raises:
        MutationError: there is none.
    """
    for mutant in [*MUTANTS, *EQUIVALENT.values()]:
        if mutant.name == name:
            return mutant
    raise MutationError(f"no mutant is called {name!r}")


def apply(connection: psycopg.Connection, mutant: Mutant) -> None:
    """Break the database.

    Raises:
        MutationError: the text is not there exactly once, or the change is no SQL.
    """
    if mutant.function is None:
        statement = mutant.new
    else:
        found = connection.execute(
            "select pg_catalog.pg_get_functiondef(p.oid), p.prosrc from pg_catalog.pg_proc p"
            " where p.pronamespace::regnamespace::text || '.' || p.proname = %s",
            (mutant.function,),
        ).fetchall()
        if len(found) != 1:
            raise MutationError(f"{mutant.name}: there are {len(found)} of {mutant.function}")
        definition, body = found[0]
        if body.count(mutant.old) != 1:
            times = body.count(mutant.old)
            raise MutationError(
                f"{mutant.name}: {mutant.function} has this {times} times: {mutant.old!r}"
            )
        statement = definition.replace(body, body.replace(mutant.old, mutant.new))
    try:
        connection.execute(statement)
    except psycopg.Error as error:
        raise MutationError(f"{mutant.name}: {error}") from error


def apply_named(url: str) -> None:
    """For tests/conftest.py: break a migrated database as the environment says."""
    if name := os.environ.get(ENVIRONMENT):
        with psycopg.connect(url) as connection:
            apply(connection, named(name))


def check_all_apply() -> None:
    """Make every mutation once and undo it.

    Raises:
        MutationError: one of them cannot be made.
    """
    from sandbox.stack import running

    with (
        running(valkey=False, hubspot=False, own_database=True, fsync=False, migrate=True) as stack,
        psycopg.connect(stack.database_url) as connection,
    ):
        wrong = []
        for mutant in [*MUTANTS, *EQUIVALENT.values()]:
            try:
                apply(connection, mutant)
            except MutationError as error:
                wrong.append(str(error))
            connection.rollback()
    if wrong:
        raise MutationError("\n".join(wrong))


def run(chosen: Sequence[str], mutant: Mutant | None) -> subprocess.CompletedProcess[str]:
    """One run of pytest.

    Raises:
        MutationError: it did not end.
    """
    environment = {n: v for n, v in os.environ.items() if n not in (ENVIRONMENT, "PYTEST_ADDOPTS")}
    if mutant:
        environment[ENVIRONMENT] = mutant.name
    try:
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *chosen],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise MutationError(f"{' '.join(chosen)} did not end in {PATIENCE} s") from error


def killer(mutant: Mutant) -> str | None:
    """The test that noticed; None when the mutant survives.

    Raises:
        MutationError: pytest could not run.
    """
    for tests in mutant.tests:
        path, _, expression = tests.partition(" ")
        done = run([path, "-k", expression] if expression else [path], mutant)
        if done.returncode == pytest.ExitCode.TESTS_FAILED:
            failed = re.search(r"^(?:FAILED|ERROR) (tests/\S+)", done.stdout, re.MULTILINE)
            return failed[1] if failed else tests
        if done.returncode != pytest.ExitCode.OK:
            raise MutationError(f"{mutant.name}: {tests}: {done.stdout[-2000:]}{done.stderr}")
    return None


def check_unbroken(mutants: Sequence[Mutant]) -> None:
    """See that what should catch mutants passes where nothing is broken.

    Raises:
        MutationError: it does not.
    """
    files = sorted({tests.partition(" ")[0] for mutant in mutants for tests in mutant.tests})
    done = run(files, None)
    if done.returncode != pytest.ExitCode.OK:
        raise MutationError(f"does not pass unbroken: {done.stdout[-2000:]}")


# As tests


@pytest.fixture(scope="session")
def all_apply() -> None:
    check_all_apply()


@pytest.mark.timeout(PATIENCE)
def test_what_catches_mutants_passes_without_one() -> None:
    check_unbroken(MUTANTS)


@pytest.mark.timeout(PATIENCE)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_caught(mutant: Mutant, all_apply: None) -> None:
    assert killer(mutant)


# As a program


def main(words: Sequence[str]) -> int:
    """Run all mutants, or those with one of the words in their name."""
    from rich.console import Console
    from rich.progress import track
    from rich.table import Table

    console = Console()
    mutants = [m for m in MUTANTS if not words or any(word in m.name for word in words)]
    table = Table("mutant", "caught by")
    caught = 0
    try:
        check_all_apply()
        console.print("Without a mutant the tests must pass ...")
        check_unbroken(mutants)
        for mutant in track(mutants, "mutants", console=console, disable=not console.is_terminal):
            test = killer(mutant)
            if not console.is_terminal:
                console.print(f"{mutant.name}: {test or 'SURVIVED'}", soft_wrap=True)
            caught += test is not None
            table.add_row(mutant.name, test or "[bold red]SURVIVED")
    except MutationError as error:
        console.print(f"[red]error:[/] {error}", highlight=False, soft_wrap=True)
        return 1
    console.print(table)
    for reason, mutant in EQUIVALENT.items():
        console.print(f"not counted: {mutant.name}: {reason}", soft_wrap=True)
    console.print(f"{caught} of {len(mutants)} caught")
    return 0 if caught == len(mutants) and mutants else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
