"""What several tests of the whole house share: the wheel, and an environment with nothing but it and the locked core."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
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
