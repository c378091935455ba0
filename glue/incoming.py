"""What a webhook's request holds, read so that Postgres can keep it."""

import json
import math
from typing import Any


def read_events(body: bytes) -> list[Any]:
    """The events of a request. Raises ValueError, which tells nothing of them.

    What Postgres could not keep is replaced: NUL, and halves of a letter that came without the
    other half. A number too large for it becomes text.
    """
    try:
        value = json.loads(
            body.decode("utf-8-sig"),
            parse_int=lambda digits: int(digits) if len(digits) < 100 else digits,
            parse_float=lambda digits: digits if math.isinf(float(digits)) else float(digits),
            parse_constant=_refuse,
        )
        if not isinstance(value, list):
            raise ValueError("the body is no array")
        return _clean(value) if b"\\u" in body else value
    except RecursionError:
        raise ValueError("the body is nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("the body is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"the body is no JSON: it ends being so at byte {error.pos}") from None


def _refuse(name: str) -> None:
    raise ValueError(f"the body is no JSON: {name} is no number")


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_clean(one) for one in value]
    if isinstance(value, dict):
        return {_clean(key): _clean(one) for key, one in value.items()}
    return value
