"""What an app does for a student who is logged in, with supabase-py.

    pip install supabase
    SUPABASE_URL=… SUPABASE_ANON_KEY=… STUDENT_TOKEN=… python app.py

Needs the exams and the student of world.sql; README.md tells how to try it here. The key is the
project's public one, the token the student's: supabase.auth has it after a login. The email in it
says whose bookings and credits these are.
"""

import os
import re
import sys
import time
import uuid

try:
    from httpx import TransportError
    from postgrest import APIError
    from supabase import ClientOptions, create_client
except ImportError as error:
    print(f"{error}. Run: pip install supabase", file=sys.stderr)
    sys.exit(2)

STUDENT_ID = "S000001"

settings = ("SUPABASE_URL", "SUPABASE_ANON_KEY", "STUDENT_TOKEN")
missing = [name for name in settings if not os.environ.get(name)]
if missing:
    print(f"Not set: {', '.join(missing)}. See examples/README.md.", file=sys.stderr)
    sys.exit(2)
url, key, token = (os.environ[name] for name in settings)
supabase = create_client(url, key, ClientOptions(schema="api"))
supabase.postgrest.auth(token)

# A refusal has a code of ours; what to say for each is in docs/errors.md.
ANSWERS = {
    "MBFUL": "This session is full.",
    "MBDUP": "You have booked this already.",
    "MBCRD": "You have no credit left for this exam.",
    "MBNOF": "This booking does not exist.",
    "42501": "You may not do this.",
}

# A refusal is final. Anything else was a busy moment or a lost answer.
REFUSAL = re.compile(r"MB(?!BSY)|22|42|PGRST[1-3]")


def say(error):
    print(f"{error.code}: {ANSWERS.get(error.code, 'Internal error.')}")
    print(f"  {error.message}{f' ({error.details})' if error.details else ''}. {error.hint or ''}")


def book(exam_id, key=None):
    """Book a seat.

    A new request has a new key; the same request keeps it, however often it is sent, so that a
    lost answer or a busy moment never books twice.
    """
    request = {
        "p_mock_exam_id": exam_id,
        "p_student_id": STUDENT_ID,
        "p_idempotency_key": key or str(uuid.uuid4()),
    }
    for attempt in range(1, 5):
        try:
            return supabase.rpc("create_booking", request).execute().data
        except (APIError, TransportError) as error:
            refused = isinstance(error, APIError) and REFUSAL.match(error.code or "")
            if refused or attempt == 4:
                raise
        time.sleep(0.1 * 2**attempt)


def read(name, **arguments):
    """Functions that only read are called with GET."""
    return supabase.rpc(name, arguments, get=True).execute().data


def main():
    print("What can be booked")
    for exam in read("list_available_exams", p_mock_type="Mini-mock"):
        when = f"{exam['exam_date']} {exam['start_time']}"
        print(f"  {exam['mock_exam_id']}: {when}, {exam['status']}")

    print("\nA booking, and the same request again")
    key = str(uuid.uuid4())
    booking = book("901", key)
    print(f"  {booking['exam_date']}, paid with a {booking['token_used']}")
    replay = book("901", key)
    same = replay["booking_id"] == booking["booking_id"] and replay["replayed"]
    print(f"  the same booking: {'true' if same else 'false'}")

    print("\nRefusals")
    for exam_id in ("901", "902"):
        try:
            book(exam_id)
        except APIError as error:
            say(error)

    print("\nMy bookings and my credits")
    for one in read("list_contact_bookings", p_status="Active")["bookings"]:
        print(f"  {one['mock_type']}, {one['exam_date']}")
    print(f"  credits: {read('get_contact_credits')['sjmini_credits']}")

    print("\nA cancellation")
    cancel = {"p_booking_id": booking["booking_id"], "p_reason": "ill"}
    print(f"  {supabase.rpc('cancel_booking', cancel).execute().data['is_active']}")
    print(f"  credits: {read('get_contact_credits')['sjmini_credits']}")
    try:
        supabase.rpc("cancel_booking", {"p_booking_id": "BK-20990101-AAAAAA"}).execute()
    except APIError as error:
        say(error)


try:
    main()
except APIError as error:
    sys.exit(f"{error.code}: {error.message}")
except TransportError as error:
    sys.exit(str(error))
