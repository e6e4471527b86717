"""Discovery on logs with an answer key: groups, contracts, labels read, CPU, memory, and ids while the log grows.

    python benchmarks/discovery.py LOG.jsonl TRUTH.jsonl [LOG TRUTH ...] [--json FILE]
    python benchmarks/discovery.py --nasty [SEED ...]        # needs MODICUM_DATA

A log has lines {"timestamp", "request", "response"}, its key lines {"id", "workload", "gold"}. Memory is that of a process
that streams the log from the file; each log runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from modicum.discover import Discovery, mine
from modicum.pipeline.viewed import Views
from modicum.types import Call, Workload
from modicum.wire import chat
from modicum.workload import read

GROWTH = (0.3, 0.6, 1.0)


def calls(log: Path) -> Iterator[Call]:
    """The calls of a log as mining gets them, redacted, one at a time."""
    yield from Views().of(_whole(log))


def _whole(log: Path) -> Iterator[Call]:
    with log.open("rb") as lines:
        for line in lines:
            row = json.loads(line)
            yield Call(
                call_id=row["response"]["id"],
                response_id=row["response"]["id"],
                started_at=datetime.fromisoformat(row["timestamp"]),
                request=json.dumps(row["request"]).encode(),
                response=json.dumps(row["response"]).encode(),
                request_model=row["request"].get("model"),
                response_model=row["response"].get("model"),
            )


def truth(key: Path) -> dict[str, dict[str, Any]]:
    with key.open(encoding="utf-8") as lines:
        return {row["id"]: row for row in map(json.loads, lines)}


def adjusted_rand(pairs: Counter[tuple[str, str]]) -> float:
    """Hubert and Arabie 1985, from a contingency table."""
    rows: Counter[str] = Counter()
    columns: Counter[str] = Counter()
    for (row, column), times in pairs.items():
        rows[row] += times
        columns[column] += times
    both = sum(n * (n - 1) / 2 for n in pairs.values())
    a, b = (sum(n * (n - 1) / 2 for n in side.values()) for side in (rows, columns))
    n = sum(rows.values())
    expected = a * b / (n * (n - 1) / 2)
    return (both - expected) / ((a + b) / 2 - expected) if a + b != 2 * expected else 1.0


def stated(text: str, labels: list[str]) -> str | None:
    """The label that an answer says at its start, by a rule that knows the gold labels and nothing of readers."""
    low = text.strip().lower().lstrip("\"'*` ").removeprefix("answer:").lstrip("\"'*` ")
    for label in labels:  # longest first
        if low.startswith(label.lower()) and not (low[len(label) : len(label) + 1].isalnum() or low[len(label) : len(label) + 1] == "_"):
            return label
    return None


def true_kind(golds: Counter[str | None], tools: int, calls_: int) -> str:
    """What the answer key says about a workload's answers."""
    if tools > calls_ / 2:
        return "tool"
    values = [value for value in golds if value is not None]
    if not values or len(values) > 300:
        return "text" if not values or not values[0].startswith("{") else "object"
    if all(value.startswith("{") for value in values):
        return "object"
    return "number" if all(value.isdigit() for value in values) else "label"


def measure(log: Path, key: Path, growth: bool) -> dict[str, Any]:
    wanted = truth(key)
    before = time.process_time()
    found = mine(calls(log))
    cpu = time.process_time() - before
    parse = time.process_time()
    for _ in calls(log):
        pass
    parse = time.process_time() - parse
    row: dict[str, Any] = {"log": log.name, "calls": len(wanted), "cpu_s": round(cpu - parse, 2)}
    row["rss_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    row |= groups(found, wanted) | contracts(found, wanted, log)
    if growth:
        row["changed"] = grow(log, wanted)
    return row


def groups(found: Discovery, wanted: dict[str, dict[str, Any]]) -> dict[str, Any]:
    of = {call_id: workload_id for call_id, workload_id, _ in found.assignments}
    pairs = Counter((row["workload"], of.get(call_id, "")) for call_id, row in wanted.items())
    return {
        "ari": round(adjusted_rand(pairs), 4),
        "workloads": len(found.workloads),
        "true": len({row["workload"] for row in wanted.values()}),
        "unassigned": sum(times for (_, workload_id), times in pairs.items() if not workload_id),
        "versions": sum(len(one.versions) for one in found.workloads),
    }


def contracts(found: Discovery, wanted: dict[str, dict[str, Any]], log: Path) -> dict[str, Any]:
    by_id = {one.workload_id: one for one in found.workloads}
    of = {call_id: workload_id for call_id, workload_id, _ in found.assignments}
    golds: dict[str, Counter[str | None]] = defaultdict(Counter)
    homes: dict[str, Counter[str]] = defaultdict(Counter)
    tools: Counter[str] = Counter()
    said: Counter[str] = Counter()
    for call_id, row in wanted.items():
        golds[row["workload"]][row["gold"]] += 1
        homes[row["workload"]][of.get(call_id, "")] += 1
    labelled = read_ = right = judged = 0
    labels = {
        name: sorted((value for value in values if value), key=len, reverse=True) for name, values in golds.items() if 1 < len(values) < 300
    }
    for call in calls(log):
        answer = chat.answer(chat.loads(call.response or b"{}"))
        name = wanted[call.call_id]["workload"]
        tools[name] += bool(answer.tool_calls)
        said[name] += str(wanted[call.call_id]["gold"]).casefold() in (answer.content or "").casefold()
        contract = by_id[of[call.call_id]].contract if call.call_id in of else None
        if contract is None or name not in labels or contract.kind not in ("label", "number"):
            continue
        labelled += 1
        value = read(contract, answer)
        read_ += value is not None
        text, gold = answer.content or "", wanted[call.call_id]["gold"]
        # answers that open with prose: the label they were built from, where the key has it and the answer says it
        meant = stated(text, labels[name]) or (gold if gold.casefold() in text.casefold() else None)
        if value is not None:
            judged += 1
            right += meant is not None and meant.casefold() == value.casefold()
    kinds = {name: true_kind(values, tools[name], sum(values.values())) for name, values in golds.items()}
    # a key that the answers do not say is about something else than the answer
    kinds |= {name: "text" for name, kind in kinds.items() if kind == "label" and said[name] < 0.5 * sum(golds[name].values())}
    told = {name: by_id[homes[name].most_common(1)[0][0]].contract.kind for name in kinds if homes[name].most_common(1)[0][0]}
    # free text whose answer key holds its text counts as text
    good = sum(
        told.get(name) == kind or (kind == "label" and told.get(name) == "text" and len(golds[name]) > 100) for name, kind in kinds.items()
    )
    return {
        "kinds_right": round(good / len(kinds), 3),
        "kinds_wrong": [f"{name}: {told.get(name)} for {kind}" for name, kind in kinds.items() if told.get(name) != kind],
        "labels_read": round(read_ / max(1, labelled), 4),
        "labels_right": round(right / max(1, judged), 4),
    }


def grow(log: Path, wanted: dict[str, dict[str, Any]]) -> list[float]:
    """Share of the calls known before whose workload_id changes, at each step."""
    everything = sorted(calls(log), key=lambda call: call.started_at)
    known: tuple[Workload, ...] = ()
    last: dict[str, str] = {}
    changed = []
    for share in GROWTH:
        found = mine(everything[: round(share * len(everything))], known=known)
        now = {call_id: workload_id for call_id, workload_id, _ in found.assignments}
        if last:
            changed.append(round(sum(now.get(call_id) != workload_id for call_id, workload_id in last.items()) / len(last), 4))
        known, last = found.workloads, now
    return changed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path)
    parser.add_argument("--nasty", nargs="*", type=int, metavar="SEED", help="awkward logs written for this benchmark")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--no-growth", action="store_true")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.paths[0], args.paths[1], not args.no_growth)))
        return
    with tempfile.TemporaryDirectory() as folder:
        paths = list(args.paths)
        for seed in [] if args.nasty is None else args.nasty or [1]:
            log, key = Path(folder, f"nasty{seed}.jsonl"), Path(folder, f"nasty{seed}.truth.jsonl")
            subprocess.run(
                [sys.executable, str(Path(__file__).with_name("nasty_log.py")), str(log), str(key), "--seed", str(seed)], check=True
            )
            paths += [log, key]
        rows = []
        for log, key in zip(paths[::2], paths[1::2], strict=True):
            command = [sys.executable, __file__, str(log), str(key), "--one", *(["--no-growth"] if args.no_growth else [])]
            rows.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
            print(table(rows[-1:], header=len(rows) == 1), flush=True)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n")


def table(rows: list[dict[str, Any]], *, header: bool) -> str:
    columns = [
        "log",
        "calls",
        "ari",
        "workloads",
        "true",
        "unassigned",
        "kinds_right",
        "labels_read",
        "labels_right",
        "cpu_s",
        "rss_mb",
        "changed",
    ]
    lines = ["  ".join(name.rjust(12) for name in columns)] if header else []
    for row in rows:
        lines.append("  ".join(str(row.get(name, "")).rjust(12) for name in columns))
        lines += [f"    kind: {wrong}" for wrong in row["kinds_wrong"]]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
