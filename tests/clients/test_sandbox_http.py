"""`make sandbox-http`: the commands of examples/README.md, as a newcomer gives them."""

import fcntl
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from sandbox import rest
from sandbox.__main__ import main
from sandbox.stack import HUBSPOT

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
OTHER_SERVERS = ("DATABASE_URL", "REDIS_URL", *HUBSPOT)

# Make would install what it needs; its recipes are held by a test of their own.
MAKE = """
make() {{
  case $1 in
    sandbox-http) {sandbox} up --http --contacts=1 --exams=1 --state-dir {state} ;;
    sandbox-stop) {sandbox} down --state-dir {state} ;;
  esac
}}
trap 'make sandbox-stop' EXIT
"""


def shell(commands: str, state: Path) -> str:
    """What the commands print on standard output; those of make go to `state`."""
    python = shlex.quote(sys.executable)
    script = MAKE.format(sandbox=f"{python} -m sandbox", state=shlex.quote(str(state)))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script + commands.replace(".venv/bin/python", python)],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in OTHER_SERVERS},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return re.sub(r"BK-\d{8}-\w{6}", "BK-…", done.stdout)


def test_the_commands_beside_the_examples_work(scripts, tmp_path):
    page = (EXAMPLES / "README.md").read_text()
    (block,) = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    again = 'test "$(make sandbox-http)" = "$line"\neval "$line"\n'
    printed = shell(
        block.replace('eval "$(make sandbox-http)"\n', f"line=$(make sandbox-http)\n{again}"),
        tmp_path,
    )
    app, book = ((EXAMPLES / f"{name}.out").read_text() for name in ("app", "book"))
    assert printed == app + app + book
    assert not (tmp_path / "state.json").exists()


@pytest.mark.parametrize(
    ("target", "command"),
    [("sandbox-http", "-m sandbox up --http"), ("sandbox-stop", "-m sandbox down")],
)
def test_make_calls_the_sandbox(target, command):
    # Under another make it would name the folders it enters and leaves.
    dry = ["make", "--no-print-directory", "-n", "-o", ".venv/.dev", "-o", ".venv/.demo", target]
    assert subprocess.check_output(dry, cwd=ROOT, text=True).strip().endswith(command)


def test_a_sandbox_without_http_is_not_taken_for_one_with(tmp_path):
    state = {"pid": os.getpid(), "stack": {"database_url": "postgresql://127.0.0.1:9/old"}}
    (tmp_path / "state.json").write_text(json.dumps(state))
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = CliRunner().invoke(main, ["up", "--http", "--state-dir", str(tmp_path)])
    assert result.exit_code == 1
    assert "without the HTTP gateway" in result.output


def test_packages_of_ones_own_stay(tmp_path):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    (theirs / "node_modules").mkdir(parents=True)
    rest.link(ours, theirs)
    assert not (theirs / "node_modules").is_symlink()

    (tmp_path / "new").mkdir()
    for packages in (tmp_path / "gone", ours):
        rest.link(packages, tmp_path / "new")
        assert (tmp_path / "new" / "node_modules").readlink() == packages
