"""The TypeScript types say what the database has, and supabase-js takes them."""

import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).parents[2]
TYPES = ROOT / "types" / "booking-core.ts"
CALLS = Path(__file__).with_name("calls.ts")
# Libraries' own declarations are not ours to check: supabase-js's disagree with newer DOM types.
STRICT = ["--strict", "--noEmit", "--skipLibCheck", "--module", "nodenext", "--target", "es2022",
          "--lib", "es2023,dom"]  # fmt: skip

sys.path.insert(0, str(ROOT / "db"))
import typescript  # noqa: E402


@pytest.fixture
def compile_(scripts, tmp_path):
    """Compile a text that calls the RPCs; what the compiler says, a line an error."""
    (tmp_path / "node_modules").symlink_to(scripts.packages)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "booking-core.ts").write_text(TYPES.read_text())

    def compiler(text: str) -> list[str]:
        (tmp_path / "calls.ts").write_text(text)
        tsc = scripts.packages / "typescript" / "bin" / "tsc"
        command = [scripts.binary, tsc, *STRICT, "calls.ts"]
        return subprocess.run(
            command, cwd=tmp_path, stdout=subprocess.PIPE, text=True
        ).stdout.splitlines()

    return compiler


def test_the_file_is_what_the_generator_makes(database_url):
    with psycopg.connect(database_url) as connection:
        assert TYPES.read_text() == typescript.generate(connection)


def test_what_an_app_writes_compiles_and_what_it_must_not_write_does_not(compile_):
    assert compile_(CALLS.read_text()) == []


def test_a_wrong_name_is_named_by_the_compiler(compile_):
    text = re.sub(r"^ *// @ts-expect-error.*\n", "", CALLS.read_text(), flags=re.MULTILINE)
    said = "\n".join(compile_(text))
    assert "'p_exam_id' does not exist" in said
    assert "Property 'seat' does not exist" in said


def test_a_type_no_app_can_be_told_of_stops_the_generator(connect):
    connection = connect()
    connection.execute("create function api.area(p_box box) returns float language sql return 1")
    with pytest.raises(typescript.Untranslatable, match="box"):
        typescript.generate(connection)
    connection.rollback()


def test_enums_and_json_are_translated(connect):
    connection = connect()
    connection.execute("create type api.hand as enum ('left', 'right')")
    connection.execute(
        "create function api.hands(p_of jsonb, p_side api.hand default 'left')"
        " returns setof api.hand language sql begin atomic; select 'left'::api.hand; end"
    )
    text = typescript.generate(connection)
    connection.rollback()
    assert "hand: 'left' | 'right'" in text
    assert "p_of: Json\n" in text
    assert "p_side?: Database['api']['Enums']['hand']" in text
    assert "Returns: Database['api']['Enums']['hand'][]" in text


def test_a_comment_cannot_end_its_own_comment(connect):
    connection = connect()
    connection.execute("comment on type api.booking is 'a */ b'")
    text = typescript.generate(connection)
    connection.rollback()
    assert "/** a * / b */" in text
