"""Checks the pages: `make check` runs it.

Every relative link leads somewhere; every `make …` and `glue …` they name exists, with the options
a block gives it; every file of db/functions and db/triggers is told of in db/README.md; every
fenced block marked `sh` runs, in the order of its page, with a freshly made stack in the
environment; and the README shows the table that the demo prints.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click

from glue.cli import main as glue
from sandbox.stack import running

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "db" / "README.md",
    ROOT / "sandbox" / "hubspot" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
# Blocks that would run the whole suite, change this tree, or check style a second time.
NOT_RUN = ("make test", "make check", "make lint", "make freeze")
# Its blocks begin with an empty database.
MIGRATES = ROOT / "docs" / "install.md"


def dead_links(page: Path) -> list[str]:
    """Relative links that lead nowhere."""
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    return [
        f"{page.relative_to(ROOT)}: no {link}"
        for link in links
        if "://" not in link and not (page.parent / link).exists()
    ]


def unknown_commands(page: Path) -> list[str]:
    """Commands the page names and the project does not have."""
    text = page.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    found = [f"make {name}" for name in re.findall(r"`make ([a-z-]+)", text) if name not in targets]
    found += [
        f"glue {name}"
        for name in re.findall(r"\bglue ([a-z]+)[ `]", text)
        if name not in glue.commands and f"`glue {name}" in text
    ]
    return [f"{page.relative_to(ROOT)}: there is no {name}" for name in found]


def wrong_calls(page: Path) -> list[str]:
    """Lines of blocks that call `glue` with words it does not take."""
    found = []
    for block in re.findall(r"^```(?:sh)?\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL):
        for call in re.findall(r"^(?:[\d*/ ]+ .*?)?\bglue ([^#|>&─◀\n]+)", block, re.MULTILINE):
            if problem := _refusal(shlex.split(call)):
                found.append(f"{page.relative_to(ROOT)}: glue {call.strip()}: {problem}")
    return found


def _refusal(words: list[str]) -> str | None:
    """Why the command line would refuse these words, or None."""
    command: click.Command = glue
    try:
        while isinstance(command, click.Group):
            name, command, words = command.resolve_command(click.Context(command), words)
        command.make_context(name, words)
    except click.UsageError as error:
        return error.message
    return None


def untold() -> list[str]:
    """SQL files db/README.md does not link."""
    text = (ROOT / "db" / "README.md").read_text()
    return [
        f"db/README.md: does not tell of {path.relative_to(ROOT / 'db')}"
        for kind in ("functions", "triggers", "views")
        for path in sorted((ROOT / "db" / kind).glob("*.sql"))
        if f"({kind}/{path.name})" not in text and not path.stem.endswith("_audit")
    ]


def shape(text: str) -> list[str]:
    """A table's rows without their numbers and widths."""
    rows = [line for line in text.splitlines() if line.startswith("│")]
    rows = [re.sub(r"BK-\d+-\w+", "BK", row) for row in rows]
    return [re.sub(r"\s+", " ", re.sub(r"[\d,]+", "#", row)) for row in rows]


def stale_demo() -> list[str]:
    """Whether the README shows another table than the demo prints."""
    answer = subprocess.run(
        [Path(sys.executable).with_name("glue"), "demo"],
        env=os.environ | {"COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        return [f"glue demo fails: {answer.stderr}"]
    shown = (ROOT / "README.md").read_text().partition("<!-- demo -->")[2].partition("<!-- /")[0]
    return [] if shape(shown) == shape(answer.stdout) else ["README.md: shows another demo"]


def blocks(page: Path) -> list[str]:
    """The page's shell blocks that are run."""
    found = re.findall(r"^```sh\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return [block for block in found if not block.startswith(NOT_RUN)]


def failures() -> list[str]:
    """Shell blocks that fail, with what they said."""
    found = []
    for page in PAGES:
        if not (scripts := blocks(page)):
            continue
        with running(own_database=True, fsync=False, migrate=page != MIGRATES) as stack:
            environment = os.environ | stack.environment()
            environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
            for script in scripts:
                answer = subprocess.run(
                    ["bash", "-euo", "pipefail", "-c", script],
                    cwd=ROOT,
                    env=environment,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                if answer.returncode:
                    found.append(f"{page.relative_to(ROOT)}: fails:\n{script}{answer.stderr}")
    return found


def main() -> None:
    """Prints what is wrong, and exits 1 if anything is."""
    found = [problem for page in PAGES for problem in dead_links(page) + unknown_commands(page)]
    found += [problem for page in PAGES for problem in wrong_calls(page)]
    found += untold() + stale_demo() + failures()
    print("\n".join(found) if found else f"{len(PAGES)} pages are right")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
