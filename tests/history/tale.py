"""A story written by hand: what calls were told, and beside it what was committed."""

from judge import verdict
from story import Call, Story, Version

SJ, CS = "Situational Judgment", "Clinical Skills"
CODES = frozenset(
    f"MB{name}"
    for name in ("FUL", "CRD", "DUP", "KEY", "BSY", "INA", "EXM", "CON", "NOF", "STA", "CUT", "TYP")
)


class Tale:
    """Writes a story; what a call answers and what it does are told apart, so they can differ.

    Three exams of 2030-06-20: E1 and E2 of SJ with one and three seats, E3 of CS with one seat;
    students ann and ben with an SJ and a shared credit each.
    """

    def __init__(self):
        self.story = Story(calls=[], versions=[], codes=CODES)
        self.seats, self.contacts, self.bookings, self.exams = {}, {}, {}, {}
        for exam, kind, capacity in (("E1", SJ, 1), ("E2", SJ, 3), ("E3", CS, 1)):
            day = "2030-06-20" if exam != "E2" else "2030-06-21"
            self.exams[exam] = {
                "id": f"x{exam}",
                "hubspot_id": exam,
                "mock_type": kind,
                "exam_date": day,
                "starts_at": f"{day}T18:00",
            }
            self.log(None, "hubspot_mock_exams", self.exams[exam])
            self.seats[exam] = {
                "exam": f"x{exam}",
                "capacity": capacity,
                "taken": 0,
                "is_open": True,
            }
            self.log(None, "exam_seats", self.seats[exam])
        for student in ("ann", "ben"):
            self.contacts[student] = {
                "id": f"c-{student}",
                "student_id": student,
                "sj_credits": 0,
                "cs_credits": 0,
                "shared_mock_credits": 0,
            }
            for credit in ("sj_credits", "shared_mock_credits"):
                self.ledger(None, student, credit, 1, "opening", None)

    # Rows

    def log(self, xact, table, row):
        self.story.versions.append(
            Version(len(self.story.versions) + 1, xact, table, dict(row, actor="a"))
        )

    def seat(self, xact, exam, **changes):
        self.seats[exam] |= changes
        self.log(xact, "exam_seats", self.seats[exam])

    def take(self, xact, exam, change):
        self.seat(xact, exam, taken=self.seats[exam]["taken"] + change)

    def ledger(self, xact, student, credit, delta, reason, booking):
        contact = self.contacts[student]
        row = {
            "contact": contact["id"],
            "credit": credit,
            "delta": delta,
            "reason": reason,
            "booking": booking,
            "balance_before": contact[credit],
            "balance_after": contact[credit] + delta,
        }
        contact[credit] += delta
        self.log(xact, "credit_ledger", row)
        self.log(xact, "hubspot_contact_credits", contact)

    def event(self, xact, what, booking):
        self.log(xact, "supabase_audit_log", {"event_type": what, "record": booking})

    def booking(self, xact, id, **changes):
        self.bookings[id] = self.bookings.get(id, {}) | {"id": id, "booking_id": id} | changes
        self.log(xact, "hubspot_bookings", self.bookings[id])

    # Calls

    def call(self, function, begin, end, *answers, code=None, xact=None, **arguments):
        arguments = {f"p_{name}": value for name, value in arguments.items()}
        call = Call("a", function, arguments, begin, end, tuple(answers), code, xact)
        self.story.calls.append(call)
        return call

    def answer(self, id, **changes):
        names = ("id", "booking_id", "mock_exam_id", "mock_type", "is_active", "token_used")
        row = {name: self.bookings[id][name] for name in names}
        return row | {"replayed": False} | changes

    def books(self, begin, end, student="ann", exam="E1", *, key=None, token=None, id=None):
        """A booking and everything it does; its id, which is also its transaction."""
        kind = self.exams[exam]["mock_type"]
        token = token or f"{kind} Token"
        id = id or f"b{len(self.story.versions)}"
        credit = {f"{SJ} Token": "sj_credits", "Shared Token": "shared_mock_credits"}[token]
        self.ledger(id, student, credit, -1, "booking", id)
        self.booking(
            id,
            id,
            student_id=student,
            contact=f"c-{student}",
            mock_exam_id=exam,
            mock_type=kind,
            exam_date=self.exams[exam]["exam_date"],
            is_active="Active",
            exempt=False,
            token_used=token,
        )
        self.event(id, "created", id)
        self.take(id, exam, 1)
        self.call(
            "create_booking",
            begin,
            end,
            self.answer(id),
            xact=id,
            mock_exam_id=exam,
            student_id=student,
            idempotency_key=key,
        )
        return id

    def refused(self, code, begin, end, student="ann", exam="E1", key=None):
        return self.call(
            "create_booking",
            begin,
            end,
            code=code,
            mock_exam_id=exam,
            student_id=student,
            idempotency_key=key,
        )

    def cancels(self, begin, end, id, *, credit="sj_credits"):
        xact = f"cancel {id} {begin}"
        self.ledger(xact, self.bookings[id]["student_id"], credit, 1, "refund", id)
        self.booking(xact, id, is_active="Cancelled")
        self.event(xact, "cancelled", id)
        self.take(xact, self.bookings[id]["mock_exam_id"], -1)
        self.call("cancel_booking", begin, end, self.answer(id), xact=xact, booking_id=id)

    def moves(self, begin, end, id, exam):
        xact = f"move {id} {begin}"
        old = self.bookings[id]["mock_exam_id"]
        self.booking(xact, id, mock_exam_id=exam, exam_date=self.exams[exam]["exam_date"])
        self.event(xact, "moved", id)
        self.take(xact, old, -1)
        self.take(xact, exam, 1)
        self.call(
            "move_booking",
            begin,
            end,
            self.answer(id),
            xact=xact,
            booking_id=id,
            mock_exam_id=exam,
        )

    def resizes(self, begin, end, capacity, exam="E1"):
        xact = f"capacity {begin}"
        self.seat(xact, exam, capacity=capacity)
        self.call("set_exam_capacity", begin, end, xact=xact, mock_exam_id=exam, capacity=capacity)

    def verdict(self):
        self.story.final.setdefault("hubspot_bookings", list(self.bookings.values()))
        self.story.final.setdefault("hubspot_mock_exams", list(self.exams.values()))
        self.story.final.setdefault("hubspot_contact_credits", list(self.contacts.values()))
        return verdict(self.story)
