"""Exit codes as the entry point gives them, not as the test runner of click does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from modicum.store.calls import Calls
from modicum.store.control import Control


def modicum(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-c", "from modicum.cli import main; main()", *words, "--home", str(home))
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_refused_feedback_is_no_success(tmp_path: Path) -> None:
    home, rows = tmp_path / "home", tmp_path / "rows.csv"
    Calls(home)
    Control(home)
    empty = modicum(home, "feedback", "list")
    assert (empty.returncode, empty.stderr) == (0, "") and "No feedback yet" in empty.stdout
    rows.write_text("call_id,label\nresp-1,late\n,late\n")
    partly = modicum(home, "feedback", "import", str(rows))
    assert (partly.returncode, partly.stdout) == (1, "1 row kept, 1 refused.\n") and "rows.csv:3" in partly.stderr
    rows.write_text("call_id,label\nresp-2,late\n")
    assert modicum(home, "feedback", "import", str(rows)).returncode == 0
    assert modicum(home, "feedback", "import", str(tmp_path / "none.csv")).returncode == 2
