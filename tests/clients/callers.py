"""The two official clients behind one interface, so that one test holds for both."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from postgrest.exceptions import APIError
from supabase import ClientOptions, create_client

from sandbox.rest import Scripts


@dataclass(frozen=True)
class Call:
    """One RPC: where, as whom, what."""

    url: str
    key: str
    token: str | None
    name: str
    args: dict[str, Any]
    get: bool = False


@dataclass(frozen=True)
class Answer:
    """What a client gave back: data, or the four parts of an error."""

    data: Any = None
    code: str | None = None
    message: str | None = None
    details: str | None = None
    hint: str | None = None


Caller = Callable[[Call], Answer]


@contextmanager
def supabase_js(scripts: Scripts) -> Iterator[Caller]:
    """Calls through supabase-js, in one Node process for all of them."""
    with subprocess.Popen(
        scripts.command(Path(__file__).with_name("call.mjs")),
        env=scripts.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def call(one: Call) -> Answer:
            process.stdin.write(json.dumps(vars(one)) + "\n")
            process.stdin.flush()
            return _answer(json.loads(process.stdout.readline()))

        # The end of the block closes its standard input, which ends it.
        yield call


def supabase_py(one: Call) -> Answer:
    """A call through supabase-py."""
    supabase = create_client(one.url, one.key, ClientOptions(schema="api"))
    if one.token:
        supabase.postgrest.auth(one.token)
    try:
        return Answer(supabase.rpc(one.name, one.args, get=one.get).execute().data)
    except APIError as error:
        return _answer(error.json())


def _answer(parts: dict[str, Any]) -> Answer:
    return Answer(**{name: parts.get(name) for name in Answer.__dataclass_fields__})
