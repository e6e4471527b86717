"""What bringing in, keeping, reading, recording and erasing calls costs: CPU seconds and peak memory of whole processes.

    python -m benchmarks.store [LOG] [--json FILE]

Without a LOG one is made: 50,000 calls of 400 templates with random words. Wall times depend on what else the machine does;
CPU time and memory are the figures to trust.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

CALLS = 50_000
APPENDS = 20_000


def make_log(path: Path) -> None:
    """Random words compress worse than real prompts: sizes are upper bounds."""
    chance = random.Random(1)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(3, 9))) for _ in range(5_000)]
    templates = [" ".join(chance.choices(words, k=60)) for _ in range(400)]
    with path.open("w") as file:
        for number in range(CALLS):
            messages = [
                {"role": "system", "content": chance.choice(templates)},
                {"role": "user", "content": " ".join(chance.choices(words, k=25))},
            ]
            answer = {"role": "assistant", "content": " ".join(chance.choices(words, k=12))}
            line = {
                "timestamp": 1_790_812_800 + number * 50,
                "client_id": f"team-{number % 4}",
                "request": {"model": "gpt-4o", "messages": messages, "user": f"user-{number % 500}"},
                "response": {
                    "id": f"chatcmpl-{number:024x}",
                    "model": "gpt-4o",
                    "choices": [{"index": 0, "message": answer, "finish_reason": "stop"}],
                    "usage": {"prompt_tokens": 120, "completion_tokens": 16},
                },
                "duration_ms": 500.0,
            }
            file.write(json.dumps(line) + "\n")


def measure(name: str, home: Path, log: Path) -> dict[str, Any]:
    """One step in this process; figures are this process's."""
    from modicum.store.calls import Calls
    from modicum.store.codec import encode
    from modicum.store.erase import erase
    from modicum.store.segments import SegmentWriter

    calls = Calls(home)
    first = next((call for call in calls.scan() if call.user_id), None) or next(calls.scan())
    middle = _middle(calls) if name == "erase half by date" else first.started_at
    writer = SegmentWriter(home.parent / "live")

    def record() -> int:
        for _ in range(APPENDS):
            writer.append(first)
        return len(encode(first))

    steps: dict[str, Callable[[], int]] = {
        "scan, bodies": lambda: sum(1 for _ in calls.scan()),
        "scan, figures": lambda: sum(1 for _ in calls.scan(bodies=False)),
        "usage": lambda: len(calls.usage()),
        "get by response id": lambda: bool(calls.get(first.response_id or first.call_id)),
        "get by call id": lambda: bool(calls.get(first.call_id)),
        "record": record,
        "erase one call": lambda: erase(home, call_id=first.call_id).calls,
        "erase one user": lambda: erase(home, user_id=first.user_id or "nobody").calls,
        "erase half by date": lambda: erase(home, before=middle).calls,
    }
    before, started = time.process_time(), time.perf_counter()
    found = int(steps[name]())
    cpu_s, wall_s = time.process_time() - before, time.perf_counter() - started
    return {"step": name, "result": found, "cpu_s": round(cpu_s, 3), "wall_s": round(wall_s, 2), "rss_mb": peak_mb()}


def _middle(calls: Any) -> datetime:
    times = [call.started_at for call in calls.scan(bodies=False)]
    return times[len(times) // 2] if times else datetime.now(UTC)


def peak_mb(who: int = resource.RUSAGE_SELF) -> int:
    peak = resource.getrusage(who).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10))


def imported(name: str, home: Path, log: Path) -> dict[str, Any]:
    """The command, as a person calls it: start-up and imports counted."""
    started = time.perf_counter()
    command = subprocess.Popen(
        [sys.executable, "-m", "modicum", "import", str(log), "--home", str(home), "--format", "json"], stdout=subprocess.PIPE
    )
    assert command.stdout is not None
    told = json.loads(command.stdout.read())
    _, _, used = os.wait4(command.pid, 0)
    return {
        "step": name,
        "result": told["added"] or told["known"],
        "cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "wall_s": round(time.perf_counter() - started, 2),
        "rss_mb": round(used.ru_maxrss / 1024),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", nargs="?", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--step", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.step:
        print(json.dumps(measure(args.step[0], Path(args.step[1]), args.log)))
        return
    with tempfile.TemporaryDirectory() as folder:
        log, home = args.log or Path(folder, "log.jsonl"), Path(folder, "home")
        if args.log is None:
            make_log(log)
        rows = [imported("import", home, log)]
        count = rows[0]["result"]
        size = sum(file.stat().st_size for file in (home / "calls").rglob("*") if file.is_file())
        index = sum(file.stat().st_size for file in home.glob("index.db*"))
        rows.append(imported("import again", home, log))
        names = (
            "scan, bodies",
            "scan, figures",
            "usage",
            "get by response id",
            "record",
            "erase one call",
            "erase one user",
            "erase half by date",
        )
        for name in names:
            command = [sys.executable, __file__, str(log), "--step", name, str(home)]
            rows.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        print(f"{count:,} calls, a log of {log.stat().st_size / 1e6:.1f} MB")
        print(f"on disk: {size / count:.0f} bytes a call, {index / count:.0f} for its identity\n")
        print(f"{'step':<22}{'result':>10}{'CPU s':>9}{'wall s':>9}{'peak MB':>9}")
        for row in rows:
            print(f"{row['step']:<22}{row['result']:>10,}{row['cpu_s']:>9}{row['wall_s']:>9}{row['rss_mb']:>9}")
        record = next(row for row in rows if row["step"] == "record")
        print(f"\nrecording one call: {record['cpu_s'] / APPENDS * 1e6:.1f} us of CPU for {record['result']:,} bytes")
        if args.json:
            sizes = {"calls": count, "bytes_a_call": size / count, "index_bytes_a_call": index / count}
            args.json.write_text(json.dumps(sizes | {"steps": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
