"""The locks pin what the project declares, with hashes, without addresses, all at the same versions."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("core", "demo", "test", "train")


def pins(name: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for package, version in re.findall(r"^([a-z0-9][a-z0-9.-]*)==(\S+)", text(name), flags=re.MULTILINE):
        found.setdefault(package, set()).add(version)
    return found


def text(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")


def declared(*lists: list[str]) -> set[str]:
    return {
        re.split(r"[^\w.-]", line, maxsplit=1)[0].lower().replace("_", "-") for lines in lists for line in lines if line and line[0] != "#"
    }


@pytest.mark.parametrize("name", [*LOCKS, "installer", "build", "peers", "transformers"])
def test_a_lock_has_hashes_and_no_address(name: str) -> None:
    entries = re.split(r"\n(?=[a-z0-9])", text(name).strip())
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text(name)


def test_locks_hold_what_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    core, extras = project["dependencies"], project["optional-dependencies"]
    train = extras["train"]
    wanted = {name: (ROOT / "requirements" / f"{name}.in").read_text(encoding="utf-8").splitlines() for name in ("demo", "test")}
    assert declared(core) <= pins("core").keys()
    assert declared(core, train, wanted["demo"]) <= pins("demo").keys()
    # What needs torch is tested in the environment that has it; torch itself is in no lock.
    torch = declared(extras.pop("encoder-train"), extras.pop("adapter")) - {"modicum", "torch"}
    assert torch <= pins("transformers").keys()
    assert declared(core, *extras.values(), wanted["test"]) <= pins("test").keys()
    assert "scikit-learn" not in pins("core")


def test_locks_agree() -> None:
    everything = pins("test")
    for name in ("core", "demo", "train", "build"):
        for package, versions in pins(name).items():
            assert versions == everything.get(package, versions), f"{package} in {name}.txt"


def test_nothing_names_a_registry_s_host() -> None:
    """Where packages come from is the installer's business: whoever builds here may have a mirror."""
    hosts = re.compile(rb"(?:www\.npm" + rb"js\.com|registry\.npm" + rb"js|py" + rb"pi\.org|files\.python" + rb"hosted|crates" + rb"\.io)")
    folders = ("src", "tests", "docs", "benchmarks", "demo", "requirements")
    files = [file for name in folders for file in (ROOT / name).rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    files += [file for file in ROOT.iterdir() if file.is_file() and file.suffix in {".md", ".toml", ""}]
    assert not [file for file in files if hosts.search(file.read_bytes())]
