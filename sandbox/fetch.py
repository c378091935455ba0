"""Runs the package managers that fetch what the tests need, and keeps what they fetched."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

_PATIENCE = 300  # seconds for one download


class FetchFailed(Exception):
    """Something cannot be downloaded. The message says why."""


def cache() -> Path:
    """Where downloads are kept, inside the virtual environment."""
    return Path(sys.prefix) / "share"


def run(command: Sequence[str | Path], folder: Path) -> None:
    """Run a command of a package manager to its end.

    Raises:
        FetchFailed: it failed; with the last line it said.
    """
    try:
        done = subprocess.run(
            list(map(str, command)),
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FetchFailed(str(error)) from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise FetchFailed(said[-1] if said else f"{command[0]} ended with {done.returncode}")


def once(name: str, fill: Callable[[Path], None]) -> Path:
    """The folder `name` of the cache, filled by `fill` if it is not there.

    It appears in one step, so that of two runs at once neither sees it half filled.

    Raises:
        FetchFailed: `fill` failed, or the cache cannot be written.
    """
    folder = cache() / name
    if folder.is_dir():
        return folder
    try:
        cache().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache(), prefix=f".{name}-") as scratch:
            new = Path(scratch) / "new"
            new.mkdir()
            fill(new)
            try:
                new.rename(folder)
            except OSError:
                if not folder.is_dir():  # else another run was first
                    raise
    except OSError as error:
        raise FetchFailed(f"cannot write {folder}: {error}") from error
    return folder
