"""The mutations of tests/mutants.py: what is broken, and which tests must notice."""

from __future__ import annotations

from dataclasses import dataclass


def rewritten(function: str, *changes: tuple[str, str]) -> str:
    """A statement that makes several changes of one function, each wherever its text is."""
    lines = "\n".join(
        f"  if strpos(v_text, $old${old}$old$) = 0 then raise 'not there: %', $old${old}$old$;"
        f" end if;\n  v_text := replace(v_text, $old${old}$old$, $new${new}$new$);"
        for old, new in changes
    )
    return (
        "do $do$ declare v_text text := (select pg_catalog.pg_get_functiondef(p.oid)"
        " from pg_catalog.pg_proc p where p.pronamespace::regnamespace::text || '.' || p.proname"
        f" = '{function}');\nbegin\n{lines}\n  execute v_text; end $do$"
    )


@dataclass(frozen=True)
class Mutant:
    """One thing broken on purpose.

    `function` has `old` in its body exactly once, and gets `new` in its place; without a
    function, `new` is a statement to execute. `tests` are arguments of pytest: a file, or a
    file and a `-k` expression after a blank.
    """

    name: str
    function: str | None
    old: str
    new: str
    tests: tuple[str, ...] = ()


ISOLATION = "tests/isolation/"
SEATS = ISOLATION + "test_races_for_seats.py"
STUDENT = ISOLATION + "test_races_of_one_student.py"
EXAMS = ISOLATION + "test_races_of_exams.py"
MOVES = ISOLATION + "test_races_of_moves.py"
MANY = ISOLATION + "test_races_of_many_cancellations.py"
BALANCES = ISOLATION + "test_races_of_balances.py"
CONTACTS = ISOLATION + "test_races_of_contacts.py"
ATTENDANCE = ISOLATION + "test_races_of_attendance.py"
WRITERS = ISOLATION + "test_races_with_other_writers.py"
JAMS = ISOLATION + "test_jams.py"
LOGINS = "tests/py/test_logins.py"
SIMULATION = "tests/simulation/test_simulation.py whatever_strikes"
CALLS = ISOLATION + "test_races_for_calls.py"
RESERVE_SQL, SETTLE_SQL = "tests/sql/reserve_call.sql", "tests/sql/settle_call.sql"
EVENTS = "tests/py/test_events.py"
BALANCES_SQL = "hubspot_sync.merge_balances"

BOOK, SEAT = "api.create_booking", "hubspot_sync.book_seat"
MOVE = "api.move_booking"
RELEASE = "hubspot_sync.release_bookings"
CASCADE = "hubspot_sync.hubspot_mock_exams_cascade"
COUNT = "hubspot_sync.hubspot_bookings_seats"
LEDGER = "hubspot_sync.hubspot_contact_credits_ledger"
POST = "hubspot_sync.post_credit"
CLAIM, FINISH = "hubspot_sync.claim_changes", "hubspot_sync.finish_changes"
FAIL, ENQUEUE = "hubspot_sync.fail_changes", "hubspot_sync.enqueue_change"
STORE_SIGNALS, CLAIM_SIGNALS = "hubspot_sync.store_signals", "hubspot_sync.claim_signals"
RECEIVE, FAIL_SIGNALS = "hubspot_sync.receive_records", "hubspot_sync.fail_signals"
INBOX = ISOLATION + "test_races_in_the_inbox.py"
RESERVE, SETTLE = "hubspot_sync.reserve_call", "hubspot_sync.settle_call"
FOLLOW = "hubspot_sync.follow_limits"
TICK = "hubspot_sync.append_events"
ADMINISTRATOR = "perform hubspot_sync.require_administrator();"

MUTANTS = [
    # Booking
    Mutant(
        "a booking does not lock its contact",
        SEAT,
        "limit 1\n         for no key update;",
        "limit 1;",
        (f"{STUDENT} one_credit_pays or no_credit or two_requests",),
    ),
    Mutant(
        "a booking does not look whether seats are left",
        SEAT,
        "if v_seats.taken > v_seats.capacity then",
        "if false then",
        (f"{SEATS} lowered",),
    ),
    Mutant(
        "a booking counts the seats before it has the counter",
        SEAT,
        "if v_seats.taken > v_seats.capacity then",
        "if p_exam.taken >= p_exam.capacity then",
        (f"{SEATS} lowered",),
    ),
    Mutant(
        "a booking sells one seat too many",
        SEAT,
        "if v_seats.taken > v_seats.capacity then",
        "if v_seats.taken > v_seats.capacity + 1 then",
        (f"{SEATS} lowered",),
    ),
    Mutant(
        "a booking is refused one seat too early",
        SEAT,
        "if v_seats.taken > v_seats.capacity then",
        "if v_seats.taken >= v_seats.capacity then",
        (f"{SEATS} last_two",),
    ),
    Mutant(
        "a booking does not look whether the exam is open",
        SEAT,
        "elsif not v_seats.is_open then",
        "elsif false then",
        (f"{SEATS} deactivated_while",),
    ),
    Mutant(
        "a booking does not look whether the exam has changed",
        SEAT,
        "elsif not v_seats.unchanged then",
        "elsif false then",
        (f"{EXAMS} start_time",),
    ),
    Mutant(
        "who waited at the gate books an exam that has moved",
        BOOK,
        "if v_in and v_exam.id is not null",
        "if false and v_exam.id is not null",
        (f"{EXAMS} waited_for_its_exam",),
    ),
    Mutant(
        "a booking passes no gate",
        BOOK,
        "exit when v_in or v_refusal.code is not null",
        "exit when true",
        (f"{EXAMS} holds_one_slot",),
    ),
    Mutant(
        "a booking spends nothing",
        SEAT,
        "v_credit, -1, 'booking'",
        "v_credit, 0, 'booking'",
        ("tests/sql/create_booking.sql",),
    ),
    Mutant(
        "a shared credit is spent first",
        "hubspot_sync.choose_credit",
        "return case\n    when 0 <",
        "return case\n    when p_shared and p_contact.shared_mock_credits > 0"
        " then 'shared_mock_credits'\n    when 0 <",
        ("tests/sql/create_booking.sql",),
    ),
    Mutant(
        "shared credits pay for every type",
        "hubspot_sync.choose_credit",
        "when p_shared and",
        "when",
        ("tests/sql/create_booking.sql",),
    ),
    Mutant(
        "two bookings of one exam are allowed",
        None,
        "",
        "drop index hubspot_sync.bookings_one_active_per_exam",
        (f"{WRITERS} nobody_knows",),
    ),
    Mutant(
        "two bookings of one type and day are allowed",
        None,
        "",
        "drop index hubspot_sync.bookings_one_active_per_day",
        (f"{STUDENT} one_type_and_day",),
    ),
    # Keys
    Mutant(
        "a key seen at the insert is not replayed",
        SEAT,
        "if v_constraint = 'hubspot_bookings_idempotency_key_key' then",
        "if v_constraint = 'none' then",
        (f"{STUDENT} one_key_for_two_students",),
    ),
    Mutant(
        "a key is not replayed before a refusal for the student",
        SEAT,
        "if p_key is not null then\n    v_answer",
        "if false then\n    v_answer",
        (f"{STUDENT} needs_no_credit",),
    ),
    Mutant(
        "a key is not replayed before a refusal for the exam",
        BOOK,
        "v_answer := hubspot_sync.replay_booking(v_key, v_request);",
        "v_answer := null;",
        ("tests/sql/create_booking.sql",),
    ),
    Mutant(
        "the look does not tell that a key is known",
        BOOK,
        "v_refusal.code is null or v_exam.key_known or",
        "v_refusal.code is null or",
        ("tests/sql/create_booking.sql",),
    ),
    Mutant(
        "a key is replayed for any request",
        "hubspot_sync.replay_booking",
        "if v_differing is not null then",
        "if false then",
        (f"{STUDENT} key",),
    ),
    Mutant(
        "keys of bookings need not be unique",
        None,
        "",
        "drop index hubspot_sync.hubspot_bookings_idempotency_key_key",
        (f"{STUDENT} one_key_for_two_students",),
    ),
    Mutant(
        "a replay tells the booking as it is now",
        "hubspot_sync.replay_booking",
        "when v_booking.idempotency_result is null",
        "when true",
        ("tests/sql/create_booking.sql",),
    ),
    # Cancelling
    Mutant(
        "cancelling does not lock the booking",
        "hubspot_sync.lock_booking",
        "and (v_own is null or lower(b.student_email) = v_own)\n     for no key update;",
        "and (v_own is null or lower(b.student_email) = v_own);",
        (f"{SEATS} refunds_once",),
    ),
    Mutant(
        "cancelling locks the booking before its contact",
        "hubspot_sync.lock_booking",
        "perform\n     from hubspot_sync.hubspot_contact_credits c",
        "perform from hubspot_sync.hubspot_bookings b where b.id = v_id for no key update;\n"
        "perform\n     from hubspot_sync.hubspot_contact_credits c",
        (f"{CONTACTS} held_up",),
    ),
    Mutant(
        "a booking made active again is refunded again",
        RELEASE,
        "if exists (select from hubspot_sync.credit_ledger l",
        "if false and exists (select from hubspot_sync.credit_ledger l",
        ("tests/sql/cancel_booking.sql",),
    ),
    Mutant(
        "the ledger takes two refunds of one booking",
        None,
        "",
        "drop index hubspot_sync.credit_ledger_once_per_booking",
        (f"{BALANCES} second_refund",),
    ),
    Mutant(
        "a shared credit goes back to the wrong balance",
        RELEASE,
        "select l.contact, l.credit\n      into",
        "select l.contact, case l.credit when 'shared_mock_credits' then 'sj_credits'\n"
        "                        else l.credit end\n      into",
        ("tests/sql/cancel_booking.sql",),
    ),
    Mutant(
        "a cancelled booking is cancelled again",
        "api.cancel_booking",
        "if v_booking.is_active = 'Cancelled' then",
        "if false then",
        (f"{STUDENT} cancelled_twice",),
    ),
    Mutant(
        "many cancellations lock bookings before contacts are theirs",
        "api.cancel_bookings",
        "order by c.id\n      for no key update;",
        "order by c.id;",
        (f"{MANY} held_at_a_student",),
    ),
    # Seats
    Mutant(
        "a new booking counts as two",
        COUNT,
        "select n.exam, count(*)",
        "select n.exam, 2 * count(*)",
        ("tests/sql/hubspot_bookings_seats.sql",),
    ),
    Mutant(
        "a changed booking is not counted",
        COUNT,
        "having sum(c.delta) <> 0",
        "having false",
        ("tests/sql/hubspot_bookings_seats.sql",),
    ),
    Mutant(
        "a deleted booking keeps its seat",
        COUNT,
        "select o.exam, count(*)",
        "select o.exam, 0 * count(*)",
        ("tests/sql/hubspot_bookings_seats.sql",),
    ),
    Mutant(
        "a move takes the counter it leaves first",
        COUNT,
        "having sum(c.delta) <> 0\n       order by c.exam",
        "having sum(c.delta) <> 0\n       order by sum(c.delta)",
        (f"{MOVES} held_at_each_counter",),
    ),
    Mutant(
        "a changed capacity does not reach the counter",
        "hubspot_sync.hubspot_mock_exams_seats",
        "set capacity = coalesce(new.capacity, 0),",
        "set capacity = s.capacity,",
        (f"{SEATS} capacity",),
    ),
    # Ledger and audit
    Mutant(
        "spending is not in the ledger",
        LEDGER,
        "continue when v_after = coalesce(v_before, 0);",
        "continue when v_after = coalesce(v_before, 0) or v_reason = 'booking';",
        ("tests/sql/create_booking.sql",),
    ),
    Mutant(
        "the ledger names the owner as actor",
        LEDGER,
        "v_reason, hubspot_sync.actor(), v_entry",
        "v_reason, current_user, v_entry",
        (f"{LOGINS} names_the_administrator",),
    ),
    Mutant(
        "a move is told as any change",
        "hubspot_sync.write_audit",
        "when v_fields @> '{mock_exam_id,exam}' then 'moved'",
        "when false then 'moved'",
        (f"{MOVES} same_move_twice",),
    ),
    # Moving
    Mutant(
        "a move passes no gate",
        MOVE,
        "perform hubspot_sync.pass_gate(trim(p_mock_exam_id));",
        "",
        (f"{EXAMS} holds_one_slot",),
    ),
    Mutant(
        "a move does not look whether seats are left",
        MOVE,
        "if v_seats.taken > v_seats.capacity then",
        "if false then",
        (f"{MOVES} smaller_capacity",),
    ),
    Mutant(
        "a move does not look whether its target is open",
        MOVE,
        "elsif not v_seats.is_open then",
        "elsif false then",
        (f"{MOVES} target_to_close",),
    ),
    Mutant(
        "a cancelled booking is moved",
        MOVE,
        "v_refusal := hubspot_sync.refuse_release(v_booking);",
        "v_refusal := null;",
        (f"{MOVES} cancelled_booking",),
    ),
    Mutant(
        "any credit pays for the exam a booking is moved to",
        MOVE,
        "v_exam.mock_type) is not true then",
        "v_exam.mock_type) is null then",
        (f"{MOVES} other_type",),
    ),
    Mutant(
        "moving to where it is moves again",
        MOVE,
        "if v_booking.is_active = 'Active' and v_booking.mock_exam_id = trim",
        "if false and v_booking.mock_exam_id = trim",
        (f"{MOVES} same_move_twice",),
    ),
    # Exams
    Mutant(
        "an exam is moved with its gate open",
        CASCADE,
        "perform hubspot_sync.close_gate(new.hubspot_id);",
        "",
        (f"{EXAMS} holds_one_slot",),
    ),
    Mutant(
        "closing the gate closes none of its slots",
        "hubspot_sync.close_gate",
        "generate_series(0, 3)",
        "generate_series(4, 4)",
        (f"{EXAMS} holds_one_slot",),
    ),
    Mutant(
        "an exam that is moved leaves its bookings where they were",
        CASCADE,
        "and b.exam = new.id",
        "and false",
        (f"{EXAMS} takes_it_along",),
    ),
    Mutant(
        "an exam that is moved takes no counter before its bookings",
        CASCADE,
        "perform from hubspot_sync.exam_seats s where s.exam = new.id for no key update;",
        "",
        (f"{WRITERS} is_moved",),
    ),
    Mutant(
        "an exam that is moved meets its students in no order",
        CASCADE,
        "order by b.student_id, b.id",
        "order by b.student_id = 'ben' or new.hubspot_id = 'E2', b.student_id <> 'ben'",
        (f"{EXAMS} without_a_deadlock",),
    ),
    Mutant(
        "another application's booking keeps the date its exam had",
        COUNT,
        "-- Other writers pass no gate: the exam may have been moved while they waited here.",
        "continue;",
        (f"{WRITERS} is_moved",),
    ),
    Mutant(
        "another application's move keeps the date its exam had",
        COUNT,
        "if v_delta > 0 then",
        "if false then",
        (f"{WRITERS} is_moved",),
    ),
    Mutant(
        "contacts given crosswise are locked as they are found",
        "api.upsert_contact",
        "order by c.id\n      for no key update;",
        "order by coalesce(c.hubspot_id = v_hubspot_id, false) desc\n      for no key update;",
        (f"{CONTACTS} crosswise",),
    ),
    Mutant(
        "a clash made by moving an exam is not noted",
        CASCADE,
        "insert into hubspot_sync.sync_conflicts (entity, record, field, postgres_value, decision)"
        "\n        values (",
        "perform (",
        (f"{EXAMS} says_so",),
    ),
    Mutant(
        "a deleted exam keeps its bookings",
        "api.delete_exam",
        "array(select b.id from hubspot_sync.hubspot_bookings b\n               where",
        "array(select b.id from hubspot_sync.hubspot_bookings b\n               where false and",
        (f"{EXAMS} deletion_waits",),
    ),
    Mutant(
        "a deleted exam can be changed",
        "hubspot_sync.lock_exam",
        "if v_exam.id is null or v_exam.deleted_at is not null then",
        "if v_exam.id is null then",
        (f"{EXAMS} second_finds_nothing",),
    ),
    Mutant(
        "an exam is changed without its lock",
        "hubspot_sync.lock_exam",
        "     for no key update;",
        ";",
        (f"{EXAMS} second_finds_nothing",),
    ),
    # Balances and contacts
    Mutant(
        "a grant forgets its key",
        POST,
        "'key', v_key,",
        "'key', null,",
        (f"{BALANCES} one_key",),
    ),
    Mutant(
        "a key used for another student is a raw error",
        POST,
        "return hubspot_sync.replay_credit(v_key, v_request);\n    when lock",
        "raise;\n    when lock",
        (f"{BALANCES} two_students",),
    ),
    Mutant(
        "a key of a grant is replayed for any request",
        "hubspot_sync.replay_credit",
        "if v_differing is not null then",
        "if false then",
        (f"{BALANCES} two_amounts",),
    ),
    Mutant(
        "a new student is made without a claim",
        "api.upsert_contact",
        "perform hubspot_sync.claim_identity(v_student_id, v_email);",
        "",
        (f"{CONTACTS} spellings",),
    ),
    # Attendance
    Mutant(
        "attendance of a cancelled booking is marked",
        "api.mark_attendance",
        "if v_booking.is_active is null or v_booking.is_active not in",
        "if false and v_booking.is_active not in",
        (f"{ATTENDANCE} not_marked",),
    ),
    Mutant(
        "bookings are completed before their day",
        "api.complete_past_bookings",
        "hubspot_sync.setting('time_zone'))::date;",
        "hubspot_sync.setting('time_zone'))::date + 1000;",
        (f"{ATTENDANCE} later_exam",),
    ),
    Mutant(
        "bookings are completed by the date they had",
        "api.complete_past_bookings",
        "and b.exam_date < v_today",
        "",
        (f"{ATTENDANCE} moved_while",),
    ),
    # Who may
    Mutant(
        "a student may cancel anybody's booking",
        "hubspot_sync.lock_booking",
        "v_own text := hubspot_sync.caller_email();",
        "v_own text := null;",
        (LOGINS,),
    ),
    Mutant(
        "a student may book for anybody",
        BOOK,
        "if lower(v_email) <> v_own then",
        "if false then",
        (LOGINS,),
    ),
    Mutant(
        "a student may read anybody's credits",
        "hubspot_sync.find_contact",
        "if v_contact.id is null or lower(v_contact.email) <> v_own then",
        "if v_contact.id is null then",
        (LOGINS,),
    ),
    Mutant("a student may grant credits", "api.grant_credits", ADMINISTRATOR, "", (LOGINS,)),
    Mutant(
        "a student may cancel many bookings", "api.cancel_bookings", ADMINISTRATOR, "", (LOGINS,)
    ),
    Mutant(
        "a student may change exams",
        "hubspot_sync.lock_exam",
        ADMINISTRATOR,
        "",
        (LOGINS,),
    ),
    # The frame
    Mutant(
        "any isolation level is accepted",
        "hubspot_sync.require_read_committed",
        "<> 'read committed'",
        "= 'none'",
        (f"{JAMS} isolation_level",),
    ),
    Mutant(
        "a booking waits for ever",
        None,
        "",
        "alter function api.create_booking(text, text, text, text, text, text, text)"
        " reset lock_timeout",
        (f"{JAMS} give_up",),
    ),
    # The outbox
    Mutant(
        "an unanswered send is not sent again",
        FINISH,
        "where (f.unanswered or not f.closed)",
        "where not f.closed",
        (SIMULATION,),
    ),
    Mutant(
        "a refused acknowledgement is forgotten",
        FINISH,
        "where (f.unanswered or not f.closed)",
        "where f.unanswered",
        (SIMULATION,),
    ),
    Mutant(
        "the second send goes at once",
        FINISH,
        "case when f.closed then v_now + v_longest else v_now end",
        "v_now",
        (SIMULATION,),
    ),
    Mutant(
        "an acknowledgement asks for no epoch",
        None,
        "",
        rewritten(FINISH, ("and o.epoch = r.epoch", ""), ("and q.epoch = r.epoch", "")),
        (SIMULATION,),
    ),
    Mutant(
        "an acknowledgement closes all up to its last id",
        FINISH,
        "where q.id = any (v_ids)\n       and q.record = r.record\n       and q.epoch = r.epoch",
        "where q.id <= (select max(u.id) from unnest(v_ids) u (id))\n"
        "       and q.record = r.record",
        (SIMULATION,),
    ),
    Mutant(
        "an acknowledgement closes all of the record",
        FINISH,
        "where q.id = any (v_ids)\n       and q.record = r.record\n       and q.epoch = r.epoch",
        "where q.table_name = p_table\n       and q.record = r.record",
        (SIMULATION,),
    ),
    Mutant(
        "a record reborn in HubSpot is not sent whole",
        FINISH,
        "where coalesce(b.hubspot_id, c.hubspot_id) <> f.hubspot_id",
        "where false",
        (SIMULATION,),
    ),
    Mutant(
        "a claim ignores leases",
        None,
        "",
        rewritten(
            CLAIM,
            ("and q.next_attempt_at <= v_now", ""),
            ("and (o.id < q.id or o.next_attempt_at > v_now)", "and o.id < q.id"),
            ("and o.next_attempt_at > v_now\n              limit 1", "and false\n limit 1"),
        ),
        (SIMULATION,),
    ),
    Mutant(
        "a change of an earlier id slips past a lease",
        CLAIM,
        "and (o.id < q.id or o.next_attempt_at > v_now)",
        "and o.id < q.id",
        (SIMULATION,),
    ),
    Mutant(
        "a lease that ended unanswered is forgotten",
        CLAIM,
        "unanswered = q.unanswered or q.epoch is not null",
        "unanswered = q.unanswered",
        (SIMULATION,),
    ),
    Mutant(
        "a second send forgets the exam that was left",
        FINISH,
        "jsonb_build_object('@exam', x.exam))",
        "null)",
        (SIMULATION,),
    ),
    Mutant(
        "a lease ends because its change was written by a clock that was ahead",
        CLAIM,
        "coalesce(q.last_sync_attempt, q.created_at) > v_now",
        "greatest(q.last_sync_attempt, q.created_at) > v_now",
        ("tests/sql/claim_changes.sql", SIMULATION),
    ),
    Mutant(
        "a claim believes the shadow though a worker may have sent",
        CLAIM,
        "and (p.key = any (s.keys_tried)\n                     or",
        "and (",
        (SIMULATION,),
    ),
    Mutant(
        "what was tried and then deleted is nothing",
        CLAIM,
        "d.is_new and not d.tried then",
        "d.is_new then",
        (SIMULATION,),
    ),
    Mutant(
        "a failure without an answer is taken for one that was not applied",
        FAIL,
        "unanswered = q.unanswered or f.unanswered",
        "unanswered = q.unanswered",
        (SIMULATION,),
    ),
    Mutant(
        "a failure asks for no epoch",
        None,
        "",
        rewritten(FAIL, ("and o.epoch = f.epoch", ""), ("and q.epoch = f.epoch", "")),
        (SIMULATION,),
    ),
    Mutant(
        "a change is compared with the shadow while others are open",
        ENQUEUE,
        "or exists (select from hubspot_sync.sync_queue q\n"
        "                        where q.record = p_record and not q.synced)",
        "",
        (SIMULATION,),
    ),
    # The inbox
    Mutant(
        "workers claim signals all at once",
        CLAIM_SIGNALS,
        "perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.claim_signals', 0));",
        "",
        (f"{INBOX} workers_who_claim",),
    ),
    Mutant(
        "what was read closes what came meanwhile",
        RECEIVE,
        "and (o.epoch = p_epoch\n               or",
        "and (o.epoch is not distinct from p_epoch or o.epoch is null\n               or",
        ("tests/sql/receive_records.sql",),
    ),
    Mutant(
        "what was read is closed though another worker has it",
        None,
        "",
        rewritten(
            RECEIVE,
            ("(o.epoch = p_epoch\n", "(o.epoch is not null\n"),
            ("(q.epoch = p_epoch or", "(q.epoch is not null or"),
        ),
        (f"{INBOX} lease_another_has",),
    ),
    Mutant(
        "a read without links settles who asked for them",
        RECEIVE,
        "and (a.links or not hubspot_sync.reads_links(p_table, o.kind))",
        "",
        ("tests/sql/receive_records.sql",),
    ),
    Mutant(
        "who asks while a record is read is taken for served",
        STORE_SIGNALS,
        "and o.epoch is null\n",
        "\n",
        (f"{INBOX} comes_while",),
    ),
    Mutant(
        "who asks waits for a claim",
        STORE_SIGNALS,
        "for update of q skip locked",
        "for update of q",
        (f"{INBOX} nobody_who_asks",),
    ),
    Mutant(
        "an outage costs a read its attempt",
        FAIL_SIGNALS,
        "greatest(q.attempts - case when f.charged then 0 else 1 end, 0)",
        "q.attempts",
        ("tests/sql/fail_signals.sql",),
    ),
    Mutant(
        "an old answer is asked for again without end",
        FAIL_SIGNALS,
        "when f.outdated and q.outdated + 1 < c_outdated then",
        "when f.outdated then",
        ("tests/sql/fail_signals.sql",),
    ),
    Mutant(
        "a late answer takes the rows in another order than the claim that takes over",
        RECEIVE,
        "where q.id = any (v_ids) order by q.id for update",
        "where q.id = any (v_ids) order by q.id desc for update",
        (f"{INBOX} takes_over",),
    ),
    # HubSpot's calls
    Mutant(
        "workers ask for a call all at once",
        RESERVE,
        "perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.hubspot_budget', 0));",
        "",
        (f"{CALLS} same_call",),
    ),
    Mutant(
        "answers to calls are learned from all at once",
        SETTLE,
        "perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.hubspot_budget', 0));",
        "",
        (f"{CALLS} answer",),
    ),
    Mutant(
        "bulk leaves no call to urgent",
        RESERVE,
        "v_others - count(*))::integer into v_free",
        "v_others - count(*) + v_reserve)::integer into v_free",
        (RESERVE_SQL,),
    ),
    Mutant(
        "other programs' calls are forgotten at once",
        RESERVE,
        "v_others := v_budget.others;",
        "v_others := 0;",
        (SETTLE_SQL,),
    ),
    Mutant(
        "one call too many is granted",
        RESERVE,
        "if v_free <= 0 then",
        "if v_free < 0 then",
        (RESERVE_SQL,),
    ),
    Mutant(
        "the cap of calls stops urgent, too",
        RESERVE,
        "if p_lane = 'bulk' then",
        "if true then",
        (RESERVE_SQL,),
    ),
    Mutant(
        "a pause lets calls through",
        RESERVE,
        "if v_budget.paused_until > v_now and",
        "if false and",
        (RESERVE_SQL,),
    ),
    Mutant(
        "a clock that was set back keeps the calls' slots for ever",
        RESERVE,
        "set free_at = v_now + v_budget.period\n",
        "set free_at = s.free_at\n",
        (RESERVE_SQL,),
    ),
    Mutant(
        "a dead worker's call is free after a period",
        RESERVE,
        "v_now + v_longest + v_budget.period, v_grant.ticket",
        "v_now + v_budget.period, v_grant.ticket",
        (RESERVE_SQL,),
    ),
    Mutant(
        "calls under way are forgotten when the day ends",
        RESERVE,
        "(select count(s.ticket) from",
        "(select 0 * count(s.ticket) from",
        (RESERVE_SQL,),
    ),
    Mutant(
        "a call is free when it is answered",
        SETTLE,
        "v_now + v_budget.period - v_early",
        "v_now - v_early",
        (SETTLE_SQL,),
    ),
    Mutant(
        "a call without an answer counts from when it was sent",
        SETTLE,
        "if p_status is not null and p_elapsed",
        "if p_elapsed",
        (SETTLE_SQL,),
    ),
    Mutant(
        "a 429 teaches calls nothing",
        SETTLE,
        "limited_at = v_now,",
        "limited_at = null,",
        (SETTLE_SQL,),
    ),
    Mutant(
        "a 429 leaves free calls free",
        SETTLE,
        "set others = greatest(b.others,",
        "set others = least(b.others,",
        (SETTLE_SQL,),
    ),
    Mutant(
        "a slow call's answer takes our own calls for another program's",
        FOLLOW,
        "and s.free_at > p_call.taken_at;",
        "and s.free_at > v_now;",
        (SETTLE_SQL,),
    ),
    Mutant(
        "another program's calls leave nothing to spare",
        FOLLOW,
        "- v_ours + (b.calls + 19) / 20",
        "- v_ours",
        (SETTLE_SQL,),
    ),
    Mutant(
        "a late answer tells how many calls the day has left",
        FOLLOW,
        "or p_call.taken_at > b.told_at);",
        "or true);",
        (SETTLE_SQL,),
    ),
    Mutant(
        "yesterday's answer tells today's calls",
        FOLLOW,
        "elsif p_call.taken_at >= v_day_began then",
        "else",
        (SETTLE_SQL,),
    ),
    # Events
    Mutant(
        "events are taken for settled while their writers are at it",
        TICK,
        "v_before && v_writers or exists",
        "exists",
        (f"{EVENTS} late or open",),
    ),
    Mutant(
        "events that did not fit are taken for settled",
        TICK,
        "elsif v_added = p_limit and v_highest < v_next then",
        "elsif false then",
        ("tests/sql/append_events.sql",),
    ),
    Mutant(
        "events are logged by two tickers at once",
        TICK,
        "perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.append_events', 0));",
        "",
        (f"{EVENTS} tickers",),
    ),
    Mutant(
        "events are logged with a snapshot older than the look",
        TICK,
        "perform hubspot_sync.require_read_committed();",
        "",
        (f"{EVENTS} snapshot",),
    ),
    Mutant(
        "events may be deleted",
        None,
        "",
        "drop trigger event_log_append_only on hubspot_sync.event_log",
        ("tests/sql/event_log_append_only.sql",),
    ),
    Mutant(
        "the position of a group of events goes back",
        "hubspot_sync.note_position",
        "greatest(g.position, p_position)",
        "p_position",
        ("tests/sql/note_position.sql",),
    ),
    # The merge
    Mutant(
        "what was taken away in HubSpot is not stopped at 0",
        "hubspot_sync.take_top_up",
        "v_delta := greatest(p_delta, -v_balance);",
        "v_delta := p_delta;",
        ("tests/sql/take_top_up.sql",),
    ),
    Mutant(
        "how far a history was taken into account is forgotten",
        BALANCES_SQL,
        "v_seen := greatest(v_seen, v_entry.at);",
        "",
        ("tests/sql/merge_balances.sql",),
    ),
    Mutant(
        "what another application wrote is taken for ours",
        BALANCES_SQL,
        "when v_source is not null then e.source_id = v_source",
        "when v_source is not null then true",
        ("tests/sql/merge_balances.sql",),
    ),
    Mutant(
        "what HubSpot's merge wrote is a top-up",
        BALANCES_SQL,
        "and (v_entry.source <> 'MERGE_OBJECTS'",
        "and (true",
        ("tests/sql/absorb_contact.sql",),
    ),
    Mutant(
        "an older state of a contact is applied",
        "hubspot_sync.apply_contacts",
        "if v_version < v_shadow.version then",
        "if false then",
        ("tests/sql/apply_records.sql",),
    ),
    Mutant(
        "a field that is on its way is taken",
        "hubspot_sync.merge_decision",
        "-- Edited there, and here as well.\n    when p_open then",
        "when false then",
        ("tests/sql/merge_decision.sql",),
    ),
    Mutant(
        "a balance is held for taken before its edits are",
        "hubspot_sync.merge_record",
        "where o.table_name = p_table and o.owner = 'sum');",
        "where false);",
        ("tests/sql/merge_balances.sql",),
    ),
    Mutant(
        "a refund goes to whom HubSpot merged away",
        RELEASE,
        "v_contact := (hubspot_sync.kept_contact(coalesce(v_contact, v_booking.contact))).id;",
        "v_contact := coalesce(v_contact, v_booking.contact);",
        ("tests/sql/absorb_contact.sql",),
    ),
    Mutant(
        "a late acknowledgement brings back who was forgotten",
        "hubspot_sync.note_synced",
        "where s.record = l.id and s.properties ? '@gone')",
        "where false)",
        ("tests/sql/forget_contact.sql",),
    ),
    Mutant(
        "who was deleted before is not forgotten",
        "hubspot_sync.apply_gone",
        "and (g.privacy",
        "and (false",
        ("tests/sql/apply_gone.sql",),
    ),
    Mutant(
        "deleted contacts use up what may be deleted in a day",
        "hubspot_sync.apply_gone",
        "and s.table_name <> 'hubspot_contact_credits'",
        "",
        ("tests/sql/apply_gone.sql",),
    ),
    Mutant(
        "an application's same balance passes for ours",
        "hubspot_sync.is_echo",
        "and (v_ours or not exists (",
        "and (true or not exists (",
        ("tests/sql/is_echo.sql",),
    ),
    Mutant(
        "a deleted record's event is taken for an echo",
        "hubspot_sync.is_echo",
        "if v_shadow.record is null or v_shadow.properties ?| array['@archived', '@gone'] then",
        "if v_shadow.record is null then",
        ("tests/sql/is_echo.sql",),
    ),
    Mutant(
        "a link another made passes for ours",
        "hubspot_sync.is_echo",
        "      and v_ours\n",
        "      and true\n",
        ("tests/sql/is_echo.sql",),
    ),
    Mutant(
        "an entry of a history is confirmed away",
        "hubspot_sync.confirm_records",
        "> (k.seen ->> h.key)::timestamptz, true))",
        "> (k.seen ->> h.key)::timestamptz, false))",
        ("tests/sql/confirm_records.sql",),
    ),
    Mutant(
        "an older state is confirmed",
        "hubspot_sync.confirm_records",
        "and k.read_version >= k.version",
        "and true",
        ("tests/sql/confirm_records.sql",),
    ),
    Mutant(
        "an edit here is confirmed away",
        "hubspot_sync.confirm_records",
        "where k.ours @> k.theirs\n       and ",
        "where ",
        ("tests/sql/confirm_records.sql",),
    ),
    Mutant(
        "a contact without its history counts as read",
        "hubspot_sync.confirm_records",
        "p_table <> 'hubspot_contact_credits' or t.record ? 'propertiesWithHistory' as whole",
        "true as whole",
        ("tests/sql/confirm_records.sql",),
    ),
    Mutant(
        "what failed waits for company",
        "hubspot_sync.reads_now",
        "or q.attempts > 0",
        "or false",
        ("tests/sql/reads_now.sql",),
    ),
    Mutant(
        "a clock set back keeps events waiting",
        "hubspot_sync.reads_now",
        "                         and hubspot_sync.clock()",
        "                         and 'infinity'",
        ("tests/sql/reads_now.sql",),
    ),
    Mutant(
        "an entry dated ahead hides what comes later",
        "hubspot_sync.merge_balances",
        "case when t.at <= v_latest then t.at",
        "case when true then t.at",
        ("tests/sql/merge_balances.sql",),
    ),
    Mutant(
        "an acknowledgement dated ahead is believed",
        "hubspot_sync.finish_changes",
        "case when r.version <= v_now + interval '1 day' then r.version end",
        "r.version",
        ("tests/sql/finish_changes.sql",),
    ),
    Mutant(
        "a watermark far ahead is believed",
        "hubspot_sync.note_poll",
        "least(p_until, hubspot_sync.clock() + interval '1 hour')",
        "p_until",
        ("tests/sql/note_poll.sql",),
    ),
    Mutant(
        "an older watermark sets a newer back",
        "hubspot_sync.note_poll",
        "'watermark', greatest(v_watermark,\n",
        "'watermark', greatest(null,\n",
        ("tests/sql/note_poll.sql",),
    ),
    Mutant(
        "an edit of both sides is compared as equal",
        "hubspot_sync.compare_records",
        "and p.value <> h.ours ->> p.key\n",
        "and false\n",
        ("tests/sql/compare_records.sql",),
    ),
    Mutant(
        "a lost link is compared as equal",
        "hubspot_sync.compare_records",
        "and not l.linked ? (h.ours ->> l.field)) f",
        "and false) f",
        ("tests/sql/compare_records.sql",),
    ),
    Mutant(
        "credits of both sides are added up",
        "hubspot_sync.merge_balances",
        "limit 1) = '0' then",
        "limit 1) is not null then",
        ("tests/py/test_both_have_it.py both_sides_gave",),
    ),
    Mutant(
        "what HubSpot had before is lost",
        "hubspot_sync.merge_balances",
        "            v_former := v_before;\n",
        "            v_former := null;\n",
        ("tests/sql/merge_balances.sql",),
    ),
    Mutant(
        "a slip that was corrected makes credits",
        "hubspot_sync.merge_balances",
        "v_given_back := least(v_short, v_delta);",
        "v_given_back := 0;",
        ("tests/sql/merge_balances.sql",),
    ),
    Mutant(
        "the name of a contact HubSpot has is emptied",
        "hubspot_sync.claim_changes",
        "and p.value = '\"\"')) d",
        "and false)) d",
        ("tests/py/test_both_have_it.py came_here_without_credits",),
    ),
    Mutant(
        "a name nobody gave is an edit",
        "hubspot_sync.merge_record",
        "and r.new_data ->> t.key = '')) w",
        "and false)) w",
        ("tests/py/test_both_have_it.py came_here_without_credits",),
    ),
    Mutant(
        "an exam that was merged is sold on",
        "hubspot_sync.apply_exams",
        "     set is_active = 'false', scheduled_activation_at = null, updated_at = v_now\n",
        "     set updated_at = v_now\n",
        ("tests/py/test_both_have_it.py exams_merged",),
    ),
    Mutant(
        "a booking that was merged keeps another's record",
        "hubspot_sync.apply_bookings",
        "update hubspot_sync.hubspot_bookings b set hubspot_id = null where b.id = any (v_parted);",
        "",
        ("tests/py/test_both_have_it.py bookings_merged",),
    ),
    Mutant(
        "what is given of an exam HubSpot has is not sent",
        "api.upsert_exam",
        "    having count(*) > 0;",
        "    having false;",
        ("tests/sql/upsert_exam.sql",),
    ),
]

EQUIVALENT = {
    "the first look for a grant's key is left out: the ledger's unique index finds it, and its"
    " handler gives the same answer": Mutant(
        "a grant looks for its key late",
        POST,
        "v_answer := hubspot_sync.replay_credit(v_key, v_request);",
        "v_answer := null;",
    ),
    "the second look is for what it spares: whatever it would see, book_seat sees when it has the"
    " counter": Mutant(
        "who waited at the gate does not look again",
        BOOK,
        "v_in := true;",
        "v_in := true; exit;",
    ),
    "a second mention of a booking among many: its id is taken once by `any`, and told as"
    " repeated by array_remove": Mutant(
        "a booking named twice is released twice",
        "api.cancel_bookings",
        "or v_booking.id = any (v_free) then",
        "or false then",
    ),
}
"""Changes that change nothing a caller can see, by their reason; they are not counted."""
