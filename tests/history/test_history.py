"""Dozens of connections with shared students and exams; afterwards every call is judged.

The length is a number of operations, never a time. `HISTORY_SEEDS=1,2,3 HISTORY_OPERATIONS=600
pytest tests/history` makes a long run of it.
"""

import os
from collections import Counter

import pytest
from chance import OPERATIONS, Scene
from judge import verdict
from recorder import Recorder

CONNECTIONS = int(os.environ.get("HISTORY_CONNECTIONS", "44"))
EACH = int(os.environ.get("HISTORY_OPERATIONS", "80"))
SEEDS = [int(seed) for seed in os.environ.get("HISTORY_SEEDS", "1").split(",")]


@pytest.fixture
def recorder(database_url):
    recorder = Recorder(database_url)
    try:
        if (most := recorder.most_connections()) < CONNECTIONS + 20:
            pytest.skip(f"the server takes only {most} connections")
        yield recorder
    finally:
        recorder.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_no_history_of_many_connections_breaks_a_promise(recorder, seed):
    story = recorder.play(Scene(seed), connections=CONNECTIONS, operations=EACH)

    outcomes = Counter((call.function, call.code or "done") for call in story.calls)
    for (function, outcome), n in sorted(outcomes.items()):
        print(f"{n:6} {function} {outcome}")
    assert verdict(story) == []
    # The history was worth judging: things were done, and refused, and repeated.
    assert len(story.calls) == CONNECTIONS * EACH
    for function, _, _ in OPERATIONS:
        assert outcomes[function, "done"], function
    for code in ("MBFUL", "MBCRD", "MBDUP", "MBKEY", "MBINA"):
        assert outcomes["create_booking", code], code
    assert any(call.replayed for call in story.calls)
