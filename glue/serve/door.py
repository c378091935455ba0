"""`POST /door/…`: no-code tools make or change an exam or a contact."""

import json
import re
from collections.abc import Callable
from datetime import date
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from glue.errors import Refused
from glue.rpc import Rpc
from glue.serve.answers import Refusal, read_body, require_bearer
from glue.serve.state import State

BUSY = "MBBSY"


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError
    return str(value)


def _number(value: Any) -> int:
    text = _text(value)
    if not re.fullmatch(r"-?[0-9]{1,9}", text.strip()):
        raise ValueError
    return int(text)


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}[_text(value).strip().lower()]


def _day(value: Any) -> str:
    return date.fromisoformat(_text(value).strip()).isoformat()


# How a value is read, and what it is called where it cannot be.
Reader = tuple[Callable[[Any], Any], str]
TEXT: Reader = (_text, "a text")
NUMBER: Reader = (_number, "a whole number")
FLAG: Reader = (_flag, "true or false")
DAY: Reader = (_day, "a day such as 2026-03-01")

EXAM: dict[str, Reader] = {
    "mock_exam_id": TEXT,
    "mock_exam_name": TEXT,
    "mock_type": TEXT,
    "mock_set": TEXT,
    "exam_date": DAY,
    "start_time": TEXT,
    "end_time": TEXT,
    "location": TEXT,
    "capacity": NUMBER,
    "is_active": FLAG,
}
CONTACT: dict[str, Reader] = {
    "student_id": TEXT,
    "email": TEXT,
    "firstname": TEXT,
    "lastname": TEXT,
    "hubspot_id": TEXT,
    "sj_credits": NUMBER,
    "cs_credits": NUMBER,
    "sjmini_credits": NUMBER,
    "mock_discussion_token": NUMBER,
    "shared_mock_credits": NUMBER,
}


async def exams(request: Request) -> JSONResponse:
    """Makes an exam, or changes what is given of it."""
    return await _upsert(request, "api.upsert_exam", EXAM, ("mock_exam_id",))


async def contacts(request: Request) -> JSONResponse:
    """Makes a contact, or brings its names up to date."""
    return await _upsert(request, "api.upsert_contact", CONTACT, ("student_id", "email"))


async def _upsert(
    request: Request, function: str, fields: dict[str, Reader], needed: tuple[str, ...]
) -> JSONResponse:
    state: State = request.app.state.glue
    require_bearer(request, state.config.door_secrets, "DOOR_SECRET")
    given = _fields(await read_body(request, slowest=state.slowest_body), fields, needed)
    arguments = {f"p_{name}": value for name, value in given.items()}

    def upsert(rpc: Rpc) -> list[dict[str, Any]]:
        with rpc.acting_as("door"):
            return rpc.call(function, **arguments)

    try:
        (row,) = await state.call(upsert)
    except Refused as refused:
        raise Refusal(
            503 if refused.code == BUSY else 422,
            refused.code,
            _outside(refused.message.partition(": ")[2]),
            _outside(refused.hint) or "Send plain text.",
            _outside(refused.detail),
        ) from refused
    return JSONResponse(json.loads(json.dumps(row, default=str)))


def _fields(body: bytes, fields: dict[str, Reader], needed: tuple[str, ...]) -> dict[str, Any]:
    """What a body gives, read. A field that is empty or null counts as left out."""
    try:
        values = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise Refusal(
            400, "not_json", "the body is no JSON object", f"Send {{{json.dumps(needed[0])}: …}}."
        )
    for name in values:
        if name not in fields:
            raise Refusal(
                422,
                "unknown_field",
                f"there is no field {ascii(name[:60])[1:-1]}",
                f"The fields are {', '.join(fields)}.",
            )
    read = {}
    for name, value in values.items():
        if value is None or value == "":
            continue
        reader, meaning = fields[name]
        try:
            read[name] = reader(value)
        except (ValueError, KeyError) as error:
            raise Refusal(
                422, "bad_field", f"{name} is not {meaning}", f"Send {name} as {meaning}."
            ) from error
    for name in needed:
        if name not in read:
            raise Refusal(422, "missing_field", f"{name} is missing", f"Send {name}.")
    return read


def _outside(text: str) -> str:
    """A message of the database under the names that the door has."""
    return re.sub(r"\bp_(?=[a-z])", "", text)
