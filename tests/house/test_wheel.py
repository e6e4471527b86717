"""What a user installs: the wheel in an empty environment, and the report on the sample with the network cut."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

from demo import sample

NO_NETWORK = """
import socket

def refuse(*args, **kwargs):
    raise AssertionError(f"something wants the network: {args}")

socket.socket.connect = socket.socket.connect_ex = socket.socket.sendto = socket.getaddrinfo = refuse
"""


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
