"""Supabase's own database advisors, run against any database.

They are SQL (the project splinter), and Supabase's command line tool carries them, as
`supabase db advisors`. The tool comes from npm, at a pinned version, with a known checksum, and
is kept inside the virtual environment. It has the lints 0001 to 0024; newer ones run only in
Supabase's dashboard.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import platform
import re
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sandbox import fetch, node

VERSION = "3.1.0"

_PACKAGE = f"@supabase/cli-linux-x64@{VERSION}"
_INTEGRITY = (
    "67aBVJQ5psQZ5ezM/uby+xjKlF2Er1GLH9EtQWpUkuOpR3uI7fQjQt9fXTfV6/oqLJA3I+X8O5Fhz/pa8lAiqg=="
)


class AdvisorsUnavailable(Exception):
    """The advisors cannot be had, or cannot run here. The message says why."""


@dataclass(frozen=True)
class Advice:
    """One finding: the lint's name, the objects it names, its level and its own words."""

    lint: str
    objects: str
    level: str
    detail: str


def binary() -> Path:
    """The command line tool, downloaded once.

    Raises:
        AdvisorsUnavailable: it cannot be downloaded, or is not made for this machine.
    """
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise AdvisorsUnavailable("Supabase's command line tool is pinned for Linux on x86_64")
    try:
        return fetch.once(f"supabase-cli-{VERSION}", _download) / "supabase"
    except fetch.FetchFailed as failure:
        raise AdvisorsUnavailable(str(failure)) from failure


def advise(database_url: str, exposed: list[str]) -> list[Advice]:
    """Everything the advisors find in a database, of any level.

    Args:
        database_url: the database.
        exposed: the schemas that the API serves (Project Settings, API). The tool gives them to
            its lints as the setting `pgrst.db_schemas`.

    Raises:
        AdvisorsUnavailable: the tool cannot be had, or failed; with what it said.
    """
    program = binary()
    with tempfile.TemporaryDirectory(prefix="advisors-") as home:
        config = Path(home) / "supabase" / "config.toml"
        config.parent.mkdir()
        config.write_text(f'project_id = "sandbox"\n[api]\nschemas = {json.dumps(exposed)}\n')
        command = [program, "db", "advisors", f"--remote={database_url}", "--type=all"]
        command += ["--level=info", "--fail-on=none", "--output-format=json", "--agent=no"]
        done = subprocess.run(
            [*map(str, command), f"--workdir={home}"],
            env={"PATH": os.defpath, "HOME": home, "DO_NOT_TRACK": "1"}
            | {"SUPABASE_TELEMETRY_DISABLED": "1"},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            cwd=home,
        )
    if done.returncode != 0:
        raise AdvisorsUnavailable(f"supabase db advisors failed:\n{done.stdout}{done.stderr}")
    return [_advice(row) for row in json.loads(done.stdout)["results"]]


def _advice(row: dict) -> Advice:
    named = re.findall(r"`([^`]+)`", row["detail"].replace("\\`", "`"))
    return Advice(row["name"], " ".join(named), row["level"], row["detail"])


def _download(folder: Path) -> None:
    """Take the program out of the npm package, whose checksum must be the known one."""
    node.find().run_npm(["pack", _PACKAGE], folder)
    tarballs = list(folder.glob("*.tgz"))
    if len(tarballs) != 1:
        raise fetch.FetchFailed("npm pack left no tarball")
    tarball = tarballs[0].read_bytes()
    checksum = base64.b64encode(hashlib.sha512(tarball).digest()).decode()
    if checksum != _INTEGRITY:
        raise fetch.FetchFailed(f"{_PACKAGE} has the checksum {checksum}, not {_INTEGRITY}")
    with tarfile.open(fileobj=io.BytesIO(tarball)) as tar:
        (folder / "supabase").write_bytes(tar.extractfile("package/bin/supabase").read())
    (folder / "supabase").chmod(0o755)
    tarballs[0].unlink()
