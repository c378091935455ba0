"""JWTs as Supabase signs them, and as somebody who should not would."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

HOUR = 3600


def sign(secret: str, claims: dict[str, Any], algorithm: str = "HS256") -> str:
    """A JWT. With the algorithm `none` it has a signature that nobody made."""
    body = f"{_part({'alg': algorithm, 'typ': 'JWT'})}.{_part(claims)}"
    return f"{body}.{_text(hmac.digest(secret.encode(), body.encode(), hashlib.sha256))}"


def claims(role: str, email: str | None = None, **more: Any) -> dict[str, Any]:
    """The claims of a person who is logged in, valid for an hour; `more` replaces or adds."""
    now = int(time.time())
    said = {"iss": "supabase", "aud": role, "role": role, "iat": now, "exp": now + HOUR}
    if email:
        said |= {"sub": "6c1f0f44-7a52-4c1e-8d0f-3b8c1a2d9e57", "email": email}
    return said | more


def _part(value: dict[str, Any]) -> str:
    return _text(json.dumps(value).encode())


def _text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
