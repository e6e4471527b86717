"""Every command that the pages name is real, and those of the README are run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from demo import sample
from modicum.cli import cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]


def blocks(page: Path) -> list[str]:
    """The lines of the sh blocks without their comments."""
    found = re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return [line.split("  #")[0].rstrip() for block in found for line in block.splitlines() if line.strip() and not line.startswith("#")]


def spoken(page: Path) -> Iterator[str]:
    """Every `modicum ...` and `make ...` that a page names."""
    yield from blocks(page)
    yield from re.findall(r"(?<!`)`((?:modicum|make) [a-z][^`\n]*)`(?!`)", page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_that_pages_name_are_real(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    for line in spoken(page):
        words = shlex.split(line.replace("…", "").replace("[", " ").replace("]", " ")) if line.startswith("modicum") else line.split()
        if words[0] == "make":
            assert {word for word in words[1:2] if "=" not in word} <= targets, line
        elif words[0] == "modicum":
            known(words[1:], line)


def known(words: list[str], line: str) -> None:
    """Follow the words down the groups; every option must belong to the command reached."""
    command: click.Command = cli
    context = click.Context(cli)
    options: set[str] = set()
    for word in words:
        if isinstance(command, click.Group) and not word.startswith("-"):
            below = [command.get_command(context, name) for name in word.split("|")]
            assert all(below), f"no such command: {line}"
            command = below[0] or command
            options |= {name for parameter in command.params for name in parameter.opts}
        elif word.startswith("--"):
            assert word.split("=")[0] in options | {"--help", "--version"}, f"no option {word}: {line}"


def test_the_readme_installs_what_its_commands_need() -> None:
    install = next(line for line in blocks(ROOT / "README.md") if "pip install" in line)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = re.search(r"\[([\w,]+)\]", install)
    assert named is not None and "train" in named[1].split(",") and set(named[1].split(",")) <= extras.keys()


def test_the_readme_is_one_screen_and_its_test_command_is_what_ci_calls() -> None:
    assert (ROOT / "README.md").read_text(encoding="utf-8").count("\n") <= 60
    assert "exec make test\n" in (ROOT / ".ci" / "run").read_text() and "make test" in blocks(ROOT / "README.md")
    for target in ("demo", "test"):
        subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)


def test_the_readmes_commands_run_on_a_log(tmp_path: Path) -> None:
    sample.write(tmp_path / "rest.jsonl", tmp_path / "calls.jsonl", held=800)
    lines = [line for line in blocks(ROOT / "README.md") if line.startswith("modicum")]
    assert [line.split()[1] for line in lines] == ["report", "fit"]
    for line in lines:
        done = subprocess.run([sys.executable, "-m", *shlex.split(line)], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        assert done.stdout.strip(), line
