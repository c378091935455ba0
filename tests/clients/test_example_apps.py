"""The example apps print what stands beside them, both the same."""

import os
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from sandbox import rest

EXAMPLES = Path(__file__).parents[2] / "examples"
WORLD = """
    insert into hubspot_sync.hubspot_mock_exams
      (hubspot_id, mock_exam_name, mock_type, exam_date, start_time, capacity, is_active)
    values
      ('901', 'Spring mock', 'Mini-mock', '2099-03-02', '09:30', 4, 'true'),
      ('902', 'Autumn mock', 'Mini-mock', '2099-09-07', '14:00', 0, 'true');
    insert into hubspot_sync.hubspot_contact_credits
      (hubspot_id, student_id, email, firstname, lastname, sjmini_credits)
    values ('501', 'S000001', 'ada@example.org', 'Ada', 'Moss', 2);
"""


@pytest.fixture
def environment(gateway, authenticator, jwt, database_url):
    """A small world over HTTP, and the environment of Ada's app."""
    with psycopg.connect(database_url) as connection:
        connection.execute(WORLD)
    with gateway.serving(rest.as_role(database_url, authenticator)) as url:
        yield {
            "SUPABASE_URL": url,
            "SUPABASE_KEY": jwt("anon"),
            "ACCESS_TOKEN": jwt("authenticated", "ada@example.org"),
        }


@pytest.mark.parametrize("name", ["app.mjs", "app.py"])
def test_an_example_app_prints_what_stands_beside_it(name, environment, scripts):
    path = EXAMPLES / name
    if path.suffix == ".mjs":
        command, around = scripts.command(path), scripts.environment()
    else:
        command, around = [sys.executable, "-W", "ignore::DeprecationWarning", path], os.environ
    answer = subprocess.run(
        command,
        env=around | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    printed = re.sub(r"BK-\d{8}-\w{6}", "BK-…", answer.stdout)
    assert printed == path.with_suffix(".out").read_text()
    assert answer.returncode == 0
