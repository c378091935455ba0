"""The schema api over HTTP, as an app sees it: @supabase/lite in a process of its own.

It stands for Supabase's gateway and PostgREST, which no package registry has. Where it differs
from them is told in docs/development.md.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
from psycopg import sql

from sandbox import node
from sandbox.children import Child
from sandbox.rest.tokens import claims, sign

OLDEST_NODE = (22, 15)  # the first with module.registerHooks; supabase-js asks for 22
FOLDER = Path(__file__).resolve().parent
ROLES = ("anon", "authenticated", "service_role")


@dataclass(frozen=True)
class Scripts:
    """What runs JavaScript with the packages of package-lock.json."""

    binary: str
    packages: Path

    def command(self, script: Path) -> list[str]:
        """The command that runs a script."""
        return [self.binary, f"--import={(FOLDER / 'resolve.mjs').as_uri()}", str(script)]

    def environment(self) -> dict[str, str]:
        """Our environment, and where the packages are."""
        return os.environ | {"NPM_PACKAGES": str(self.packages), "NO_COLOR": "1"}


def link(packages: Path, folder: Path) -> None:
    """Let the scripts of a folder import the packages; one with packages of its own keeps them."""
    name = folder / "node_modules"
    if name.is_symlink() or not name.exists():
        new = folder / f"node_modules.{os.getpid()}"
        new.symlink_to(packages)
        new.replace(name)


def scripts() -> Scripts:
    """Node and the packages, downloaded once.

    Raises:
        FetchFailed: they cannot be had.
    """
    found = node.find(OLDEST_NODE)
    return Scripts(found.binary, node.packages(FOLDER, found))


@dataclass(frozen=True)
class Rest:
    """A running gateway, with the secret that signs its JWTs."""

    child: Child
    control: str
    jwt_secret: str

    def token(self, role: str, email: str | None = None, **more: Any) -> str:
        """A JWT that this gateway accepts; `more` are further claims."""
        return sign(self.jwt_secret, claims(role, email, **more))

    def serve(self, database_url: str) -> str:
        """Serve a database for as long as the gateway runs.

        Args:
            database_url: of a role like Supabase's authenticator, see `authenticator`.

        Returns:
            The URL that supabase-js and supabase-py take.
        """
        return self._ask("POST", {"database": database_url})["url"]

    @contextlib.contextmanager
    def serving(self, database_url: str) -> Iterator[str]:
        """The same for the length of a `with` block."""
        url = self.serve(database_url)
        try:
            yield url
        finally:
            self._ask("DELETE", {"url": url})

    def _ask(self, method: str, question: dict[str, str]) -> dict[str, str]:
        answer = httpx.request(method, self.control, json=question, timeout=60)
        if answer.is_error:
            raise self.child.failure(f"answered {answer.text}")
        return answer.json()


def start(scripts: Scripts, folder: Path) -> Rest:
    """Start a gateway that serves nothing yet.

    Args:
        scripts: what `scripts()` gave.
        folder: an existing folder for its log.

    Raises:
        ChildError: it did not start.
    """
    secret = secrets.token_urlsafe(48)
    child = Child(
        "rest",
        scripts.command(FOLDER / "serve.mjs"),
        folder,
        env=scripts.environment() | {"JWT_SECRET": secret},
    )
    try:
        control = child.wait_until(child.first_line)
    except BaseException:
        child.stop()
        raise
    return Rest(child, control, secret)


@contextlib.contextmanager
def authenticator(server_url: str) -> Iterator[str]:
    """A role like Supabase's authenticator: it may log in and become an app's role, no more.

    Args:
        server_url: of a role that may make roles.

    Yields:
        `name:password`, for URLs; the role is dropped in the end.
    """
    name, password = f"authenticator_{secrets.token_hex(4)}", secrets.token_hex(16)
    role = sql.Identifier(name)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("create role {} login noinherit password {}").format(role, password)
        )
        try:
            connection.execute(
                sql.SQL("grant {} to {}").format(
                    sql.SQL(", ").join(map(sql.Identifier, ROLES)), role
                )
            )
            yield f"{name}:{password}"
        finally:
            connection.execute(sql.SQL("drop role {}").format(role))


def as_role(database_url: str, credentials: str) -> str:
    """The URL of the same database for another role, `name:password`."""
    parts = urlsplit(database_url)
    return parts._replace(netloc=f"{credentials}@{parts.netloc.rpartition('@')[2]}").geturl()
