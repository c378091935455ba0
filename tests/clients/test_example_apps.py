"""The example apps print what stands beside them, both the same, and fail in one line."""

import os
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from sandbox import rest

EXAMPLES = Path(__file__).parents[2] / "examples"
SETTINGS = ("SUPABASE_URL", "SUPABASE_ANON_KEY", "STUDENT_TOKEN")
APPS = pytest.mark.parametrize("name", ["app.mjs", "app.py"])
NODE_20 = "Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.20.2'}})"


@pytest.fixture
def environment(gateway, authenticator, jwt, database_url):
    """A small world over HTTP, and the environment of Ada's app."""
    with psycopg.connect(database_url) as connection:
        connection.execute((EXAMPLES / "world.sql").read_text())
    with gateway.serving(rest.as_role(database_url, authenticator)) as url:
        yield {
            "SUPABASE_URL": url,
            "SUPABASE_ANON_KEY": jwt("anon"),
            "STUDENT_TOKEN": jwt("authenticated", "ada@example.org"),
        }


@pytest.fixture
def run(scripts):
    """A function that runs an example app with these settings and no others."""

    def start(name, settings, *node_options):
        path = EXAMPLES / name
        if path.suffix == ".mjs":
            program, *rest_of_it = scripts.command(path)
            command, around = [program, *node_options, *rest_of_it], scripts.environment()
        else:
            command, around = [sys.executable, "-W", "ignore::DeprecationWarning", path], os.environ
        around = {name: value for name, value in around.items() if name not in SETTINGS}
        return subprocess.run(command, env=around | settings, capture_output=True, text=True)

    return start


@APPS
def test_an_example_app_prints_what_stands_beside_it(name, environment, run):
    answer = run(name, environment)
    printed = re.sub(r"BK-\d{8}-\w{6}", "BK-…", answer.stdout + answer.stderr)
    assert printed == (EXAMPLES / name).with_suffix(".out").read_text()
    assert answer.returncode == 0


@APPS
def test_an_example_app_says_in_one_line_why_it_cannot_book(
    name, environment, run, connect, database_url
):
    with connect(database_url) as connection:
        connection.execute("select api.delete_exam('901')")
    answer = run(name, environment)
    assert answer.stderr == "MBEXM: mock exam 901 does not exist\n"
    assert answer.returncode == 1


@APPS
def test_an_example_app_says_in_one_line_that_nobody_answers(name, environment, run):
    answer = run(name, environment | {"SUPABASE_URL": "http://127.0.0.1:9"})
    assert answer.stderr.count("\n") == 1
    assert answer.returncode == 1


@APPS
@pytest.mark.parametrize("missing", [SETTINGS, SETTINGS[2:]], ids=["all", "token"])
def test_an_example_app_names_the_settings_it_misses(name, missing, run):
    answer = run(name, {name: "something" for name in SETTINGS if name not in missing})
    assert answer.stderr == f"Not set: {', '.join(missing)}. See examples/README.md.\n"
    assert (answer.stdout, answer.returncode) == ("", 2)


def test_an_example_app_refuses_an_older_node_in_one_line(run):
    answer = run("app.mjs", {}, f"--import=data:text/javascript,{NODE_20}")
    assert answer.stderr == "Node 22 or newer is needed; this is 20.20.2.\n"
    assert (answer.stdout, answer.returncode) == ("", 2)
