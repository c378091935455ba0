"""Freezes the living SQL files into the newest revision: `make freeze`.

Copies every file of db/types, views, functions and triggers that differs from its newest frozen
copy, drops copies of files that are gone, renews SHA256SUMS, and prints the lines for the
revision's upgrade and downgrade. `--check` changes nothing and fails when something is unfrozen
or a checksum does not hold.
"""

import hashlib
import sys
from pathlib import Path

MIGRATIONS = Path(__file__).parent
FROZEN = MIGRATIONS / "frozen"
LIVING = MIGRATIONS.parent
SUMS = FROZEN / "SHA256SUMS"
KINDS = ("types", "views", "functions", "triggers")  # the order a revision applies them in


def revisions() -> list[str]:
    """The revisions' names, oldest first."""
    return sorted(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("*.py"))


def living() -> dict[str, bytes]:
    """The living files by their name below db/, in the order a revision applies them."""
    paths = [path for kind in KINDS for path in sorted((LIVING / kind).glob("*.sql"))]
    return {path.relative_to(LIVING).as_posix(): path.read_bytes() for path in paths}


def newest_frozen() -> dict[str, tuple[str, bytes]]:
    """For each file ever frozen the newest revision that holds it, and its text."""
    newest = {}
    for revision in revisions():
        for kind in KINDS:
            for path in sorted((FROZEN / revision / kind).glob("*.sql")):
                newest[f"{kind}/{path.name}"] = (revision, path.read_bytes())
    return newest


def checksums() -> str:
    """The text SHA256SUMS should have."""
    lines = []
    for path in sorted(FROZEN.rglob("*.sql")):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        lines.append(f"{digest}  {path.relative_to(FROZEN).as_posix()}\n")
    return "".join(lines)


def problems() -> list[str]:
    """What `make freeze` would have to do, or what was edited that must not be."""
    found = []
    frozen = newest_frozen()
    for name, text in living().items():
        if name not in frozen or frozen[name][1] != text:
            found.append(f"db/{name} is not frozen: run «make freeze»")
    newest = revisions()[-1]
    for name, (revision, _) in frozen.items():
        if revision == newest and name not in living():
            found.append(f"db/{name} is gone, but {newest} still makes it: run «make freeze»")
    if not SUMS.exists() or SUMS.read_text() != checksums():
        found.append("frozen/SHA256SUMS does not hold: a frozen file was edited")
    return found


def freeze() -> None:
    """Copies what changed into the newest revision and prints the lines for it."""
    target = revisions()[-1]
    before = {name: copy for name, copy in newest_frozen().items() if copy[0] != target}
    current = living()
    for kind in KINDS:
        for path in (FROZEN / target / kind).glob("*.sql"):
            if f"{kind}/{path.name}" not in current:
                path.unlink()
    changed = [n for n, text in current.items() if n not in before or before[n][1] != text]
    for name in changed:
        path = FROZEN / target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(current[name])
    SUMS.write_text(checksums())

    print("# upgrade")
    for name in changed:
        print(f'    replay("{target}", "{name}")')
    print("# downgrade")
    for name in reversed(changed):
        if name in before:
            print(f'    replay("{before[name][0]}", "{name}")')
        else:
            print(f"    # new in {target}: drop what {name} makes")
    for name in sorted(set(before) - set(current)):
        print(f"# {name} is gone: drop it in upgrade, replay {before[name][0]} in downgrade")


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        if found := problems():
            sys.exit("\n".join(found))
    else:
        freeze()
