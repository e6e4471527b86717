"""The benchmark of the gateway runs: every stage, ours and what of the others is installed without further ado."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_short_form_measures_every_stage_and_loses_nothing(tmp_path: Path) -> None:
    out = tmp_path / "rows.json"
    command = [sys.executable, "-m", "benchmarks.gateway", "--quick", "--without", "litellm", "--without", "nginx", "--json", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(out.read_text())["rows"]
    assert {row["stage"] for row in rows} == {"throughput", "added", "streams", "answers", "start", "records"}
    assert {row["side"] for row in rows if "side" in row} == {"direct", "ours"}
    assert all(row["errors"] == 0 for row in rows if "errors" in row)
    assert all(row["answered"] > 0 for row in rows if row["stage"] != "start")
    assert done.stdout.index("What a gateway adds") < done.stdout.index("Throughput")
