"""`make bench`: run the benchmarks one after the other, each in a process of its own, rows as JSON in `.bench/`.

    python -m benchmarks              all of them
    python -m benchmarks guarantee    one

Some read the public data sets from the folder that MODICUM_DATA names, some read logs with an answer key (NAME.jsonl beside
NAME.truth.jsonl) from the folder that MODICUM_LOGS names. What cannot run is named with what it lacks.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / ".bench"


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One file of this folder, what it needs, and how it is called."""

    name: str
    arguments: Callable[[Sequence[str]], Sequence[str]]
    """From the logs' paths (log, key, log, key, ...) to the arguments."""
    needs: str = ""
    """The environment variable without which it does not run."""


def _prompts() -> list[str]:
    return [str(Path(os.environ["MODICUM_DATA"], "prompts", "task_kinds.jsonl"))] if "MODICUM_DATA" in os.environ else []


def _encoder() -> list[str]:
    return ["--encoder", os.environ["MODICUM_ENCODER"]] if "MODICUM_ENCODER" in os.environ else []


BENCHMARKS = (
    Benchmark("guarantee", lambda logs: ["--out", str(OUT / "guarantee.json")]),
    Benchmark("users", lambda logs: ["--out", str(OUT / "users.json")]),
    Benchmark("caches", lambda logs: ["--json", str(OUT / "caches.json")]),
    Benchmark("watching", lambda logs: []),
    Benchmark("watch", lambda logs: [*(logs or ["--short"]), "--into", str(OUT / "watch"), "--json", str(OUT / "watch.json")]),
    Benchmark("gateway", lambda logs: ["--json", str(OUT / "gateway.json")]),
    Benchmark("walk", lambda logs: ["--json", str(OUT / "walk.json")]),
    Benchmark("recognise", lambda logs: ["--json", str(OUT / "recognise.json"), *(["--log", *logs[::2]] if logs else [])]),
    Benchmark("redact", lambda logs: ["--json", str(OUT / "redact.json")]),
    Benchmark("roofline", lambda logs: ["--json", str(OUT / "roofline.json")]),
    Benchmark("store", lambda logs: [*logs[:1], "--json", str(OUT / "store.json")]),
    Benchmark("large", lambda logs: ["100000", "300000", "--json", str(OUT / "large.json")]),
    Benchmark("headlines", lambda logs: ["--out", str(OUT / "headlines.json")], needs="MODICUM_DATA"),
    Benchmark("teacher", lambda logs: ["--out", str(OUT / "teacher.json")], needs="MODICUM_DATA"),
    Benchmark("coverage", lambda logs: ["--out", str(OUT / "coverage.json")], needs="MODICUM_ENCODER"),
    Benchmark("streaming", lambda logs: ["--out", str(OUT / "streaming.json")], needs="MODICUM_ENCODER"),
    Benchmark("gsm8k", lambda logs: ["--out", str(OUT / "gsm8k.json")], needs="MODICUM_DATA"),
    Benchmark("gsm8k_certified", lambda logs: ["--out", str(OUT / "gsm8k_certified.json")], needs="MODICUM_DATA"),
    Benchmark("linear", lambda logs: ["--out", str(OUT / "linear.json")], needs="MODICUM_DATA"),
    Benchmark("answer", lambda logs: ["--out", str(OUT / "answer.json")], needs="MODICUM_DATA"),
    Benchmark("snips", lambda logs: ["--json", str(OUT / "snips.json"), *_encoder()], needs="MODICUM_DATA"),
    Benchmark("noise", lambda logs: ["--out", str(OUT / "noise.json")], needs="MODICUM_DATA"),
    Benchmark("encoders", lambda logs: ["--out", str(OUT / "encoders.json")], needs="MODICUM_ENCODER"),
    Benchmark("tasks", lambda logs: [*_prompts(), *logs, "--json", str(OUT / "tasks.json")], needs="MODICUM_DATA"),
    Benchmark("discovery", lambda logs: [*logs, "--json", str(OUT / "discovery.json")], needs="MODICUM_LOGS"),
    Benchmark("signs", lambda logs: [*logs, "--json", str(OUT / "signs.json")], needs="MODICUM_LOGS"),
    Benchmark("tool_calls", lambda logs: [*logs[::2], "--json", str(OUT / "tool_calls.json")], needs="MODICUM_LOGS"),
    Benchmark("fit", lambda logs: [*logs, "--json", str(OUT / "fit.json")], needs="MODICUM_LOGS"),
    Benchmark("effort", lambda logs: [*logs[:1], "--out", str(OUT / "effort.json")], needs="MODICUM_LOGS"),
)


def main(names: Sequence[str]) -> int:
    unknown = set(names) - {benchmark.name for benchmark in BENCHMARKS}
    if unknown:
        print(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(benchmark.name for benchmark in BENCHMARKS)}")
        return 2
    OUT.mkdir(exist_ok=True)
    logs = keyed(os.environ.get("MODICUM_LOGS"))
    failed: list[str] = []
    for benchmark in BENCHMARKS:
        if names and benchmark.name not in names:
            continue
        if benchmark.needs and not os.environ.get(benchmark.needs):
            print(f"{benchmark.name}: not run, {benchmark.needs} is not set", flush=True)
            continue
        print(f"\n=== {benchmark.name}", flush=True)
        began = time.monotonic()
        command = [sys.executable, "-m", f"benchmarks.{benchmark.name}", *benchmark.arguments(logs)]
        if subprocess.run(command, cwd=ROOT).returncode:
            failed.append(benchmark.name)
        print(f"{benchmark.name}: {time.monotonic() - began:.0f} s", flush=True)
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return 1 if failed else 0


def keyed(folder: str | None) -> list[str]:
    """log, key, log, key, ... of a folder."""
    found: list[str] = []
    for key in sorted(Path(folder).glob("*.truth.jsonl")) if folder else []:
        log = key.with_name(key.name.replace(".truth.", "."))
        if log.exists():
            found += [str(log), str(key)]
    return found


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
