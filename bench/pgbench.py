"""Runs pgbench and reads its log, request by request."""

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sandbox import postgres


@dataclass(frozen=True)
class Run:
    """What a run measured: milliseconds of each request that counts, and requests a second."""

    latencies: list[float]
    rate: float

    def percentile(self, percent: float) -> float:
        """The time within which so many percent were answered, in milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[max(0, min(len(ordered) - 1, round(len(ordered) * percent / 100) - 1))]


def run(
    url: str, script: str, *, clients: int, requests: int, warm_up: int = 0, seed: int = 1
) -> Run:
    """Lets `clients` connections send `requests` each, all at once, after `warm_up` others.

    script: pgbench's language; `:i` counts a client's requests from 1, `:warm_up` is the number
    given. Only requests after the warm-up count. The rate is theirs, from the first one's start
    to the last one's end.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        path = Path(folder)
        (path / "script.sql").write_text("\\set i :i + 1\n" + script)
        subprocess.run(
            [
                postgres.bindir() / "pgbench",
                "--no-vacuum",
                "--protocol=prepared",
                f"--client={clients}",
                "--jobs=2",
                f"--transactions={requests + warm_up}",
                "--define=i=0",
                f"--define=warm_up={warm_up}",
                f"--random-seed={seed}",
                "--log",
                f"--log-prefix={path / 'log'}",
                f"--file={path / 'script.sql'}",
                url,
            ],
            check=True,
            capture_output=True,
            text=True,
        )
        lines = [
            [int(field) for field in line.split()]
            for log in path.glob("log.*")
            for line in log.read_text().splitlines()
        ]
    # client, transaction (from 0), microseconds, script, end in seconds, its microseconds
    counted = [line for line in lines if line[1] >= warm_up]
    ends = [line[4] + line[5] / 1e6 for line in counted]
    starts = [end - line[2] / 1e6 for end, line in zip(ends, counted, strict=True)]
    return Run([line[2] / 1000 for line in counted], len(counted) / (max(ends) - min(starts)))
