"""What many connections do at once: operations drawn by seeded chance, on shared rows.

Operations whose function the database does not have are left out.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from refusals import TODAY

SJ, CS = "Situational Judgment", "Clinical Skills"
FIRST_DAY = date.fromisoformat(TODAY)

Request = tuple[str, dict[str, Any]]


@dataclass
class Scene:
    """What all connections share: exams, students, keys, and the bookings they heard of."""

    seed: int
    students: list[str] = field(default_factory=lambda: [f"S{n}" for n in range(24)])
    exams: list[str] = field(default_factory=lambda: [f"E{n}" for n in range(12)])
    bookings: deque[str] = field(default_factory=lambda: deque(maxlen=40))
    """The newest booking ids, from the answers."""
    live: dict[str, None] = field(default_factory=dict)
    """The booking ids of which nobody has heard that they are cancelled."""

    def hear(self, function: str, answers: list[dict[str, Any]]) -> None:
        """Learn from an answer which bookings there are."""
        if function == "create_booking":
            for answer in answers:
                if not answer["replayed"]:
                    self.bookings.append(answer["booking_id"])
                    self.live[answer["booking_id"]] = None
        elif function.startswith("cancel") or function == "delete_exam":
            for answer in answers:
                self.live.pop(answer["booking_id"], None)

    def type_of(self, exam: str) -> str:
        return SJ if int(exam[1:]) % 2 else CS

    def day_of(self, exam: str) -> date:
        return FIRST_DAY + timedelta(days=int(exam[1:]) // 3)

    def capacity_of(self, exam: str) -> int:
        return 3 + int(exam[1:]) % 3

    def set_up(self, connection) -> None:
        """Put exams and students there, and stop the clock at noon."""
        connection.execute(
            "create or replace function hubspot_sync.clock() returns timestamptz language sql"
            f" stable return timestamptz '{TODAY} 12:00+00'"
        )
        for exam in self.exams:
            connection.execute(
                "insert into hubspot_sync.hubspot_mock_exams (hubspot_id, mock_exam_name,"
                " mock_type, exam_date, start_time, capacity, is_active)"
                " values (%s, %s, %s, %s, '18:00', %s, 'true')",
                (exam, exam, self.type_of(exam), self.day_of(exam), self.capacity_of(exam)),
            )
        for student in self.students:
            connection.execute(
                "insert into hubspot_sync.hubspot_contact_credits"
                " (hubspot_id, student_id, email, sj_credits, cs_credits, shared_mock_credits)"
                " values ('C-' || %(s)s, %(s)s, %(s)s || '@example.com', 1, 1, 1)",
                {"s": student},
            )


class Chance:
    """The requests of one connection; the same seed and number make the same choices."""

    def __init__(self, scene: Scene, number: int, functions: set[str]) -> None:
        self._scene = scene
        self._number = number
        self._random = random.Random(f"{scene.seed} {number}")
        self._drawn = 0
        self._table = [entry for entry in OPERATIONS if entry[0] in functions]

    def next(self) -> Request:
        """The next request: a function of api and its arguments."""
        self._drawn += 1
        (entry,) = self._random.choices(self._table, [weight for _, weight, _ in self._table])
        function, _, draw = entry
        arguments = draw(self)
        return function, arguments

    def rolls_back(self) -> bool:
        """Whether the caller changes their mind after the answer."""
        return self._random.random() < 0.04

    # Parts

    def _exam(self) -> str:
        return self._random.choice(self._scene.exams)

    def _student(self) -> str:
        return self._random.choice(self._scene.students)

    def _booking(self) -> str:
        if not self._scene.bookings or self._random.random() < 0.02:
            return "BK-20300101-NOBODY"
        live = list(self._scene.live)
        if live and self._random.random() < 0.6:
            return self._random.choice(live)
        return self._random.choice(list(self._scene.bookings))

    def _of_student(self, student: str) -> dict[str, Any]:
        return {"p_student_id": student, "p_email": f"{student}@example.com"}

    def _key(self, kind: str) -> tuple[str | None, random.Random]:
        """A key or none, and the chance its request is drawn from.

        Keys of one's own repeat nothing; shared ones mostly stand for one and the same request.
        """
        what = self._random.random()
        if what < 0.5:
            return None, self._random
        if what < 0.65:
            return f"{kind}-{self._number}-{self._drawn}", self._random
        key = f"{kind}-{self._random.randrange(60)}"
        alike = self._random.random() < 0.75
        return key, random.Random(f"{self._scene.seed} {key}") if alike else self._random

    # Requests

    def book(self) -> dict[str, Any]:
        key, chosen = self._key("book")
        exam, student = chosen.choice(self._scene.exams), chosen.choice(self._scene.students)
        return {"p_mock_exam_id": exam, "p_idempotency_key": key} | self._of_student(student)

    def cancel(self) -> dict[str, Any]:
        return {"p_booking_id": self._booking()}

    def cancel_many(self) -> dict[str, Any]:
        return {"p_booking_ids": [self._booking() for _ in range(self._random.randrange(1, 6))]}

    def move(self) -> dict[str, Any]:
        return {"p_booking_id": self._booking(), "p_mock_exam_id": self._exam()}

    def attend(self) -> dict[str, Any]:
        attendance = self._random.choice(("Yes", "No", "Unknown"))
        return {"p_booking_id": self._booking(), "p_attendance": attendance}

    def capacity(self) -> dict[str, Any]:
        exam = self._exam()
        around = self._scene.capacity_of(exam)
        return {"p_mock_exam_id": exam, "p_capacity": around + self._random.randrange(-2, 2)}

    def exam(self) -> dict[str, Any]:
        return {"p_mock_exam_id": self._exam()}

    def change_exam(self) -> dict[str, Any]:
        exam = self._exam()
        day = FIRST_DAY + timedelta(days=self._random.randrange(5))
        return {
            "p_mock_exam_id": exam,
            "p_mock_exam_name": exam,
            "p_mock_type": self._scene.type_of(exam),
            "p_exam_date": day.isoformat(),
            "p_start_time": "18:00",
        }

    def grant(self) -> dict[str, Any]:
        key, chosen = self._key("credit")
        arguments = self._of_student(chosen.choice(self._scene.students))
        credit = chosen.choice(("sj_credits", "cs_credits", "shared_mock_credits"))
        return arguments | {
            "p_credit": credit,
            "p_amount": 1,
            "p_reason": "history",
            "p_idempotency_key": key,
        }

    def adjust(self) -> dict[str, Any]:
        arguments = self.grant()
        arguments["p_delta"] = -arguments.pop("p_amount")
        return arguments

    def contact(self) -> dict[str, Any]:
        """A student of the scene, or a new one that several connections bring at once."""
        student = self._student()
        if self._random.random() < 0.6:
            student = f"N{self._drawn // 4}"
        arguments = self._of_student(student)
        return arguments | {"p_firstname": self._random.choice("AB"), "p_sj_credits": 1}

    def of_student(self) -> dict[str, Any]:
        return self._of_student(self._student())

    def nothing(self) -> dict[str, Any]:
        return {}


OPERATIONS: list[tuple[str, float, Callable[[Chance], dict[str, Any]]]] = [
    ("create_booking", 40, Chance.book),
    ("cancel_booking", 12, Chance.cancel),
    ("cancel_bookings", 2, Chance.cancel_many),
    ("move_booking", 14, Chance.move),
    ("mark_attendance", 5, Chance.attend),
    ("set_exam_capacity", 4, Chance.capacity),
    ("deactivate_exam", 1, Chance.exam),
    ("activate_exam", 5, Chance.exam),
    ("upsert_exam", 3, Chance.change_exam),
    ("delete_exam", 0.5, Chance.exam),
    ("grant_credits", 4, Chance.grant),
    ("adjust_credits", 4, Chance.adjust),
    ("upsert_contact", 3, Chance.contact),
    ("get_contact_credits", 3, Chance.of_student),
    ("complete_past_bookings", 0.5, Chance.nothing),
]
"""Function, weight, and who draws its arguments."""
