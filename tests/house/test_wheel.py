"""What a user installs: the wheel in an empty environment, and the report on the sample with the network cut."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from demo import sample

ROOT = Path(__file__).resolve().parents[2]
NO_NETWORK = """
import socket

def refuse(*args, **kwargs):
    raise AssertionError(f"something wants the network: {args}")

socket.socket.connect = socket.socket.connect_ex = socket.socket.sendto = socket.getaddrinfo = refuse
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def empty(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the locked core and the wheel, and nothing else."""
    folder = tmp_path_factory.mktemp("empty")
    run(sys.executable, "-m", "venv", "--without-pip", str(folder))
    python = str(folder / "bin" / "python")
    locked = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", str(ROOT / "requirements" / "core.txt")]
    uv, pip = (
        [sys.executable, "-m", "uv", "pip"],
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "--python", python],
    )
    # First from the cache that `make` has filled, then as `make` does it.
    ways = [[*uv, "install", "--offline", "--python", python], [*uv, "install", "--python", python], [*pip, "install", "--no-compile"]]
    if not any(subprocess.run([*way, *locked], capture_output=True).returncode == 0 for way in ways):
        pytest.fail("the locked core could not be installed, neither by uv nor by pip")
    run(*pip, "install", "--no-index", "--no-deps", str(wheel))
    run(*pip, "check")
    return folder


def run(*words: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def alone(empty: Path, cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`modicum WORDS` from the empty environment: no network, no home but an empty one, no other package in reach."""
    home, block = cwd / "home", cwd / "block"
    home.mkdir(exist_ok=True)
    block.mkdir(exist_ok=True)
    (block / "sitecustomize.py").write_text(NO_NETWORK)
    env = {"HOME": str(home), "PATH": os.defpath, "TMPDIR": str(cwd), "PYTHONPATH": str(block), "PYTHONDONTWRITEBYTECODE": "1"}
    cut = (
        ["unshare", "--net"]
        if shutil.which("unshare") and subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode == 0
        else []
    )
    done = subprocess.run([*cut, str(empty / "bin" / "modicum"), *words], cwd=cwd, env=env, capture_output=True, text=True)
    assert not list(home.iterdir()), "something was written into the user's home"
    return done


def test_the_wheel_holds_the_package_its_page_and_its_licence(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "modicum/py.typed" in names and any(name.endswith("page.html.j2") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert all(name.startswith(("modicum/", "modicum-")) for name in names)


def test_report_runs_on_the_sample_with_the_network_cut(empty: Path, tmp_path: Path) -> None:
    sample.write(tmp_path / "calls.jsonl", tmp_path / "newest.jsonl")
    done = alone(empty, tmp_path, "report", "calls.jsonl", "--html", "report.html")
    assert done.returncode == 0, done.stderr
    assert "gpt-4.1" in done.stdout and "$" in done.stdout
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page and "<script" not in page and "http" not in page.replace("http-equiv", "")
    assert oct((tmp_path / ".modicum").stat().st_mode)[-3:] == "700"


def test_what_needs_an_extra_says_which(empty: Path, tmp_path: Path) -> None:
    help_text = alone(empty, tmp_path, "--help")
    assert help_text.returncode == 0 and "report" in help_text.stdout
    sample.write(tmp_path / "rest.jsonl", tmp_path / "calls.jsonl", held=2_000)
    assert alone(empty, tmp_path, "import", "calls.jsonl").returncode == 0
    fit = alone(empty, tmp_path, "fit")
    assert fit.returncode == 2 and "modicum[train]" in fit.stderr
