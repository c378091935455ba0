"""Child processes that log to a file, can be waited for, and do not outlive their owner."""

from __future__ import annotations

import functools
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


class ChildError(Exception):
    """A server did not start, or died. The message ends with the last lines of its log."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@functools.cache
def _can_die_with_parent() -> bool:
    """Whether util-linux's `setpriv --pdeathsig` is here (Linux only, not in busybox)."""
    if not shutil.which("setpriv"):
        return False
    trial = subprocess.run(["setpriv", "--pdeathsig", "TERM", "true"], capture_output=True)
    return trial.returncode == 0


class Child:
    """A process in a session of its own, so that Ctrl-C reaches it only through its owner.

    On Linux the kernel also stops it when the owner is killed: `stop_signal` arrives when
    the thread that started it ends.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str | Path],
        folder: Path,
        *,
        stop_signal: signal.Signals = signal.SIGTERM,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        **popen: Any,
    ) -> None:
        """Start the process.

        Args:
            name: what a person calls it; also names its files in `folder`.
            argv: program and arguments.
            folder: where `<name>.out` (standard output) and `<name>.log` (errors) go.
            stop_signal: the signal that ends it in good order.
            env: its whole environment; ours when None.
            cwd: its working directory; ours when None.
            popen: more arguments of `subprocess.Popen`, such as `user`.
        """
        self.name = name
        self.out = folder / f"{name}.out"
        self.log = folder / f"{name}.log"
        self._stop_signal = stop_signal
        guard = []
        if _can_die_with_parent():
            guard = ["setpriv", "--pdeathsig", stop_signal.name.removeprefix("SIG")]
        with self.out.open("wb") as out, self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*guard, *map(str, argv)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                env=env,
                cwd=cwd,
                start_new_session=True,
                **popen,
            )

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    def first_line(self) -> str | None:
        """The first line of its standard output, once it is whole."""
        line, newline, _ = self.out.read_text().partition("\n")
        return line if newline else None

    def failure(self, what: str) -> ChildError:
        """An exception that says `what` happened to this process and ends with its log."""
        said = self.out.read_text(errors="replace") + self.log.read_text(errors="replace")
        lines = said.splitlines()[-20:]
        log = "\n".join(f"  {line}" for line in lines) or "  (its log is empty)"
        return ChildError(f"{self.name} {what}; its last log lines:\n{log}")

    def died(self) -> ChildError:
        """The exception for a process that ended by itself."""
        return self.failure(f"ended with status {self.process.returncode}")

    def wait_until(self, probe: Callable[[], T | None], patience: float = 60) -> T:
        """Wait for the process to be ready.

        Args:
            probe: called again and again until it returns something true.
            patience: seconds to wait at most.

        Returns:
            What `probe` returned.

        Raises:
            ChildError: the process ended, or was not ready in time.
        """
        deadline = time.monotonic() + patience
        while True:
            if not self.alive:
                raise self.died()
            if answer := probe():
                return answer
            if time.monotonic() > deadline:
                raise self.failure(f"was not ready after {patience:g} s")
            time.sleep(0.02)

    def stop(self, patience: float = 20) -> None:
        """End the process and wait for it; kill it after `patience` seconds."""
        if self.alive:
            self.process.send_signal(self._stop_signal)
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
