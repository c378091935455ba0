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
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import psycopg

from sandbox import fetch, node
from sandbox.fetch import FetchFailed

VERSION = "1.3.5"
SCHEMA = "tap"

_NPM_PACKAGE = "@electric-sql/pglite-pgtap@0.0.15"
_NPM_SHA256 = "ac214c27e10987c6623bef2100f98fc8a9977ed7026ddaf4b763d159c3c1ea01"
_DEBIAN_PACKAGE = "postgresql-15-pgtap"


class PgtapUnavailable(Exception):
    """No source has pgTAP. The message says why, source by source."""


def cache() -> Path:
    """Where a copy is kept, inside the virtual environment."""
    return fetch.cache() / f"pgtap-{VERSION}.sql"


def sql() -> str:
    """The SQL that creates pgTAP, from the cache or else downloaded.

    Sources, in this order: npm; Debian's package, which is an older version and is not kept.

    Raises:
        PgtapUnavailable: no source has it.
    """
    with contextlib.suppress(FileNotFoundError):
        return cache().read_text()
    reasons = []
    for source, text_of in _SOURCES.items():
        with tempfile.TemporaryDirectory(prefix="pgtap-") as folder:
            try:
                text = text_of(Path(folder))
            except FetchFailed as failure:
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


def _from_npm(folder: Path) -> str:
    """Download the npm package, compare its checksum and take the SQL out of it."""
    node.find().run_npm(["pack", _NPM_PACKAGE], folder)
    tarballs = list(folder.glob("*.tgz"))
    if len(tarballs) != 1:
        raise FetchFailed("npm pack left no tarball")
    return extract(tarballs[0].read_bytes())


def extract(tarball: bytes) -> str:
    """Take pgTAP's SQL out of the npm package, whose checksum must be the known one."""
    checksum = hashlib.sha256(tarball).hexdigest()
    if checksum != _NPM_SHA256:
        raise FetchFailed(f"{_NPM_PACKAGE} has the checksum {checksum}, expected {_NPM_SHA256}")
    inner = _member(tarball, "package/dist/pgtap.tar.gz")
    return _member(inner, f"share/postgresql/extension/pgtap--{VERSION}.sql").decode()


def _member(archive: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return tar.extractfile(name).read()


def _from_debian(folder: Path) -> str:
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise FetchFailed("apt-get is not installed")
    fetch.run(["apt-get", "download", _DEBIAN_PACKAGE], folder)
    packages = list(folder.glob("*.deb"))
    if len(packages) != 1:
        raise FetchFailed("apt-get left no package")
    fetch.run(["dpkg", "-x", packages[0], folder / "unpacked"], folder)
    return next((folder / "unpacked").rglob("extension/pgtap.sql")).read_text()


_SOURCES: dict[str, Callable[[Path], str]] = {
    "npm": _from_npm,
    "Debian": _from_debian,
}


def _keep(text: str) -> None:
    """Write the cache in one step; go without where the folder is read-only."""
    with contextlib.suppress(OSError):
        cache().parent.mkdir(parents=True, exist_ok=True)
        new = cache().with_suffix(f".{os.getpid()}")
        new.write_text(text)
        new.replace(cache())
