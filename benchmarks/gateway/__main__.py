"""What the gateway costs: `make bench-gateway`, or `python -m benchmarks.gateway`.

One worker each, everything on loopback and in interleaved rounds with a rotated order: asking the upstream directly, nginx as a plain
reverse proxy, LiteLLM's proxy, and ours. First what a gateway adds to a call at a constant rate, with an upstream that takes 800 ms; then
throughput, streams, a specialist's answers, and starting. Requests a second and CPU depend on the machine and on what else it does; ratios
within one round less so. `--soak` instead runs ours alone for half an hour.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.gateway import sides, stages, tables
from benchmarks.gateway.sides import Ground, Side
from benchmarks.gateway.soak import soak
from modicum.store.calls import Calls

Row = dict[str, Any]
STAGES = ("throughput", "added", "streams", "answers", "start")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of load for each turn; LiteLLM's are longer")
    parser.add_argument("--only", action="append", choices=STAGES, help="a stage; may be given again")
    parser.add_argument("--without", action="append", default=[], choices=["nginx", "litellm"], help="leave a side out")
    parser.add_argument("--quick", action="store_true", help="a few seconds: does everything work? The figures mean nothing")
    parser.add_argument("--soak", action="store_true", help="run ours alone: memory, errors, records")
    parser.add_argument("--minutes", type=float, default=30.0, help="of --soak")
    parser.add_argument("--rate", type=float, default=200.0, help="plain requests a second of --soak")
    parser.add_argument("--json", type=Path, default=sides.ROOT / ".bench" / "gateway.json", help="where the rows go")
    arguments = parser.parse_args()
    return uvloop.run(run(arguments))


async def run(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="modicum-bench-") as name:
        late_s, gap_s = (0.05, 0.001) if arguments.quick else (0.8, 0.005)
        async with _entered(sides.ground(Path(name), late_s=late_s, gap_s=gap_s)) as on:
            for missing in on.missing:
                print(missing)
            if arguments.soak:
                row = await soak(on, minutes=arguments.minutes, rate=arguments.rate)
                print(f"\n## Soak\n\n{tables.soak(row)}")
                _write(arguments.json.with_name("gateway-soak.json"), [row])
                return 1 if row["errors"] or row["lost"] or row["doubled"] else 0
            rows = await measure(on, arguments)
    _write(arguments.json, rows)
    return 1 if any(row.get("errors") or row.get("lost") for row in rows if row.get("side") == "ours") else 0


async def measure(on: Ground, arguments: argparse.Namespace) -> list[Row]:
    """Every stage that was asked for, printed as it ends."""
    wanted = arguments.only or STAGES
    count, seconds = (1, 0.2) if arguments.quick else (arguments.rounds, arguments.seconds)
    rates, callers = ((50,), (1, 4)) if arguments.quick else ((20, 500), (1, 16, 64))
    rows: list[Row] = []
    async with contextlib.AsyncExitStack() as stack:
        found: list[Side] = [sides.direct(on)]
        if sides.nginx_path() and "nginx" not in arguments.without:
            found.append(await stack.enter_async_context(_entered(sides.nginx(on))))
        ours = await stack.enter_async_context(_entered(sides.ours(on)))
        found.append(ours)
        python = None if "litellm" in arguments.without else sides.litellm_python()
        if python is not None:
            found.append(await stack.enter_async_context(_entered(sides.litellm(on, python))))
        else:
            print("LiteLLM: not measured; `make bench-gateway` sets it up in .cache/peers")
        print(f"ours: {'; '.join(ours.notes)}", flush=True)
        warm = await stages.throughput(found, count=1 if arguments.quick else 3, seconds=min(1.0, seconds), callers=(4,))
        if "throughput" in wanted:
            rows += await stages.throughput(found, count=count, seconds=seconds, callers=callers)
        if "added" in wanted:
            rows += await stages.added(found, on, count=count, seconds=seconds, rates=rates, most=_most([*warm, *rows]))
        if "streams" in wanted:
            rows += await stages.streams(found, count=count, seconds=seconds, callers=callers[1])
        if "answers" in wanted:
            rows += await stages.answers(ours, count=count, seconds=seconds, callers=(callers[0], callers[-1]))
    if "start" in wanted:
        rows += await asyncio.to_thread(stages.starts, on, python, count=min(count, 3))
    show(rows)
    rows.append(kept(ours, rows))
    print(
        f"\n{rows[-1]['answered']:,} answers of ours in counted turns, {rows[-1]['recorded']:,} calls on record, lost: {rows[-1]['lost']}"
    )
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, Python {platform.python_version()}")
    return rows


def show(rows: list[Row]) -> None:
    """The tables; what a gateway adds leads."""
    heads = {
        "added": "What a gateway adds to a call",
        "throughput": "Throughput",
        "streams": "Streams of 50 events",
        "answers": "A specialist's answer",
        "start": "Start",
    }
    makers = {
        "added": tables.added,
        "throughput": tables.throughput,
        "streams": tables.streams,
        "answers": tables.answers,
        "start": tables.starts,
    }
    for stage, head in heads.items():
        if these := [row for row in rows if row["stage"] == stage]:
            print(f"\n## {head}\n\n{makers[stage](these)}", flush=True)


def kept(ours: Side, rows: list[Row]) -> Row:
    """Answers that callers counted against what is on record: there may be more, from warming up and cut off at a turn's end."""
    answered = sum(row["answered"] for row in rows if row.get("side") == "ours" and "answered" in row)
    used = [row for home in ours.homes for row in Calls(home).usage()]
    recorded = sum(row.calls for row in used)
    priced = recorded - sum(row.calls_without_cost for row in used)
    return {"stage": "records", "answered": answered, "recorded": recorded, "priced": priced, "lost": max(0, answered - recorded)}


def _most(rows: list[Row]) -> dict[str, float]:
    """Requests a second that a side was seen to do."""
    most: dict[str, float] = {}
    for row in rows:
        most[row["side"]] = max(most.get(row["side"], 0.0), row["requests_s"])
    return most


def _write(path: Path, rows: list[Row]) -> None:
    path.parent.mkdir(exist_ok=True)
    about = {"load": os.getloadavg(), "python": sys.version, "machine": platform.platform(), "cores": os.cpu_count()}
    path.write_text(json.dumps({"rows": rows, **about}, indent=1))


@asynccontextmanager
async def _entered(context: contextlib.AbstractContextManager[Any]) -> AsyncIterator[Any]:
    """A context whose entering and leaving wait for processes, beside the loop."""
    entered = await asyncio.to_thread(context.__enter__)
    try:
        yield entered
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)


if __name__ == "__main__":
    raise SystemExit(main())
