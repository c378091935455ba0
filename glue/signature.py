"""HubSpot's signature of a webhook request, version 3."""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence

OLDEST = 300.0  # seconds that a request may have been on its way
AHEAD = 30.0  # seconds that HubSpot's clock may be ahead of ours

# What HubSpot decodes in the address before it signs; everything else stays as it is.
DECODED = {
    "%3A": ":",
    "%2F": "/",
    "%3F": "?",
    "%40": "@",
    "%21": "!",
    "%24": "$",
    "%27": "'",
    "%28": "(",
    "%29": ")",
    "%2A": "*",
    "%2C": ",",
    "%3B": ";",
}
_ENCODED = re.compile("|".join(DECODED), re.IGNORECASE)


def sign(secret: str, method: str, url: str, body: bytes, timestamp: str) -> str:
    """What HubSpot would write into X-HubSpot-Signature-v3."""
    signed = _ENCODED.sub(lambda found: DECODED[found[0].upper()], url)
    text = f"{method}{signed}".encode() + body + timestamp.encode()
    return base64.b64encode(hmac.digest(secret.encode(), text, hashlib.sha256)).decode()


def untimely(signature: str | None, timestamp: str | None, now: float) -> str | None:
    """Why a request cannot be genuine, by its headers alone; None if it may be. now: seconds."""
    if not signature or not timestamp:
        return "it is not signed"
    if not re.fullmatch(r"[0-9]{1,15}", timestamp):
        return "its time cannot be read"
    age = now - int(timestamp) / 1000
    if age > OLDEST:
        return f"it was signed more than {OLDEST:g} seconds ago"
    if age < -AHEAD:
        return "it was signed in the future"
    return None


def is_genuine(
    secrets: Sequence[str], method: str, url: str, body: bytes, timestamp: str, signature: str
) -> bool:
    """Whether one of the secrets made this signature; takes as long whichever did, or none."""
    given = signature.encode()
    found = False
    for secret in secrets:
        found |= hmac.compare_digest(sign(secret, method, url, body, timestamp).encode(), given)
    return found
