"""HubSpot's signature of a webhook request."""

import pytest

from glue.signature import DECODED, is_genuine, sign, untimely

SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
URL = "https://www.example.com/webhook_uri"
BODY = b"{'example_field':'example_value'}"
VECTORS = [
    ("1693657560000", "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="),
    ("1700000300000", "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw="),
]
TIME, SIGNATURE = VECTORS[0]
NOW = int(TIME) / 1000


@pytest.mark.parametrize(("timestamp", "signature"), VECTORS)
def test_a_request_is_signed_as_hubspot_signs_it(timestamp, signature):
    assert sign(SECRET, "POST", URL, BODY, timestamp) == signature
    assert is_genuine([SECRET], "POST", URL, BODY, timestamp, signature)


@pytest.mark.parametrize(
    "differs",
    [
        {"secrets": ["yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyz"]},
        {"secrets": []},
        {"method": "GET"},
        {"url": f"{URL}/"},
        {"url": URL.replace("https", "http")},
        {"body": BODY + b" "},
        {"timestamp": "1693657560001"},
        {"signature": SIGNATURE[:-1]},
        {"signature": ""},
        {"signature": "é" * 44},
    ],
)
def test_whatever_is_changed_the_signature_holds_no_longer(differs):
    given = {
        "secrets": [SECRET],
        "method": "POST",
        "url": URL,
        "body": BODY,
        "timestamp": TIME,
        "signature": SIGNATURE,
    }
    assert is_genuine(**given)
    assert not is_genuine(**{**given, **differs})


def test_while_a_secret_is_rotated_either_signs():
    for secrets in (["new", SECRET], [SECRET, "old"]):
        assert is_genuine(secrets, "POST", URL, BODY, TIME, SIGNATURE)


@pytest.mark.parametrize("spell", [str.upper, str.lower])
def test_hubspot_decodes_a_few_characters_of_the_address_and_no_others(spell):
    plain = "https://www.example.com/a?b=" + "".join(DECODED.values()) + "%20%26%2B%25"
    encoded = "https://www.example.com/a?b=" + spell("".join(DECODED)) + "%20%26%2B%25"
    signature = sign(SECRET, "POST", plain, BODY, TIME)
    assert is_genuine([SECRET], "POST", encoded, BODY, TIME, signature)
    decoded = plain.replace("%20", " ").replace("%26", "&").replace("%2B", "+")
    assert not is_genuine([SECRET], "POST", decoded, BODY, TIME, signature)


@pytest.mark.parametrize(
    ("signature", "timestamp", "now", "why"),
    [
        (SIGNATURE, TIME, NOW, None),
        (SIGNATURE, TIME, NOW + 300, None),
        (SIGNATURE, TIME, NOW - 30, None),
        (SIGNATURE, TIME, NOW + 300.001, "ago"),
        (SIGNATURE, TIME, NOW - 30.001, "future"),
        (SIGNATURE, None, NOW, "not signed"),
        (SIGNATURE, "", NOW, "not signed"),
        (None, TIME, NOW, "not signed"),
        ("", TIME, NOW, "not signed"),
        (SIGNATURE, "now", NOW, "cannot be read"),
        (SIGNATURE, f"-{TIME}", NOW, "cannot be read"),
        (SIGNATURE, f" {TIME}", NOW, "cannot be read"),
        (SIGNATURE, f"{TIME}\n", NOW, "cannot be read"),
        (SIGNATURE, "١٦٩٣٦٥٧٥٦٠٠٠٠", NOW, "cannot be read"),
        (SIGNATURE, "9" * 5000, NOW, "cannot be read"),
        (SIGNATURE, "0", NOW, "ago"),
    ],
)
def test_a_request_must_be_signed_and_of_now(signature, timestamp, now, why):
    reason = untimely(signature, timestamp, now)
    assert reason is None if why is None else why in reason
