"""Watching, proved end to end: certified routes come on by themselves, the world changes, and they go back.

    python -m benchmarks.watch LOG.jsonl LOG.truth.jsonl [LOG TRUTH ...] --into FOLDER     the long form, resumable
    python -m benchmarks.watch --short                                                     half a minute, on a log that it writes itself

Each log is cut in two. The older part is brought in and fitted on, once. Then, for each replay, a copy of that home is served by
`modicum serve` with several workers and its watcher, [watch] automatic; the newer part comes in as real requests over HTTP, and the
provider behind answers as was recorded, or as the changed world has it. Nobody but the watcher moves a route. A row for each replay is
written to FOLDER/replays.jsonl as it ends; the same command again goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import uvloop

from benchmarks.watch.home import Terms, prepare
from benchmarks.watch.replay import Length, Replay
from benchmarks.watch.sample import write
from benchmarks.watch.table import table
from benchmarks.watch.traffic import CHANGES, Change, read

FOLLOWED = ("auto", "kitchen", "small-talk", "travel", "utility")
"""Of the messy log: those whose incumbents do not err at random, so that a margin of 3 points can be met without labels."""
SHORT = ("helpdesk",)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", nargs="*", metavar="LOG TRUTH", type=Path)
    parser.add_argument("--changes", nargs="*", choices=CHANGES, default=list(CHANGES))
    parser.add_argument("--quiet", type=int, default=20, help="replays without a change, over all logs")
    parser.add_argument("--each", type=int, default=1, help="replays of each change and log")
    parser.add_argument("--share", type=float, default=0.65, help="of the log that is learnt from")
    parser.add_argument("--followed", nargs="*", default=list(FOLLOWED), help="workloads, by the key's names")
    parser.add_argument(
        "--gold", action="store_true", help="promise quality (B) by the key's labels, at a margin of 1 point, not agreement"
    )
    parser.add_argument("--into", type=Path, help="folder for homes and rows; a temporary one where none is named")
    parser.add_argument("--short", action="store_true", help="one change, one workload, few calls")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if not arguments.logs and not arguments.short:
        print("no log with an answer key: skipped (name them, or set MODICUM_LOGS)")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the gateway of a replay ends with it
    with tempfile.TemporaryDirectory(prefix="modicum-watch-") as temporary:
        into = arguments.into or Path(temporary)
        into.mkdir(parents=True, exist_ok=True)
        rows = short(into) if arguments.short else long(arguments, into)
    print(f"\n{table(rows)}")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


def long(arguments: argparse.Namespace, into: Path) -> list[dict[str, Any]]:
    """All replays, one after the other; those that stand in the file already are taken from it."""
    terms, length = Terms(gold=True, margin=0.01) if arguments.gold else Terms(), Length()
    given = list(zip(arguments.logs[::2], arguments.logs[1::2], strict=True))
    pairs = [(log, key) for log, key in given if set(arguments.followed) <= workloads(key)]
    for log, _ in given:
        if log not in dict(pairs):
            say(f"{log.name}: left out, its key does not know all of {', '.join(arguments.followed)}")
    if not pairs:
        return []
    wanted = [(pair, change, seed) for seed in range(arguments.each) for change in arguments.changes if change != "quiet" for pair in pairs]
    if "quiet" in arguments.changes:
        wanted += [(pairs[number % len(pairs)], "quiet", number // len(pairs)) for number in range(arguments.quiet)]
    file = into / "replays.jsonl"
    written = map(json.loads, file.read_text().splitlines()) if file.exists() else ()
    done = {(row["log"], row["change"], row["seed"]): row for row in written if row["terms"] == asdict(terms)}
    rows = []
    for number, ((log, key), change, seed) in enumerate(wanted, 1):
        row = done.get((log.name, change, seed))
        if row is None:
            read_ = read(log, key, arguments.followed, share=arguments.share)
            prepared = prepare(read_, key, arguments.followed, terms, into)
            if not prepared.certified:
                say(f"{number} of {len(wanted)}: {log.name} certifies none of them")
                continue
            replay = Replay(read_, prepared, cast(Change, change), seed, terms, length)
            say(f"{number} of {len(wanted)}: {log.name}, {change}, {seed}; followed: {', '.join(replay.names)}")
            row = uvloop.run(replay.run(into / "replay", say))
            with file.open("a", encoding="utf-8") as out:
                out.write(json.dumps(row) + "\n")
            say(told(row))
        rows.append(row)
    return rows


def workloads(key: Path) -> set[str]:
    """The names that a key knows."""
    return {json.loads(line)["workload"] for line in key.read_text(encoding="utf-8").splitlines()}


def short(into: Path) -> list[dict[str, Any]]:
    """One route of the demo's generated shop, and one change."""
    log, key = into / "shop.jsonl", into / "shop.truth.jsonl"
    write(log, key)
    terms = Terms(margin=0.02, audits=40, control_share=0.3, workers=1)
    read_ = read(log, key, SHORT, share=0.7, kept_out=0)
    prepared = prepare(read_, key, SHORT, terms, into)
    replay = Replay(read_, prepared, "swapped", 0, terms, Length(rise=600, settled=60, after=1500, rest=60))
    return [uvloop.run(replay.run(into / "replay", say))]


def told(row: dict[str, Any]) -> str:
    """A line on one replay."""
    routes = []
    for one in row["routes"]:
        back = f", back after {one['back']['calls'] - one['changed'].get('calls', 0):.0f} calls" if one["back"] else ""
        routes.append(f"{one['workload']} {one['state']}{back}")
    return f"{row['change']}: {row['seconds']} s, {row['failed']} failed, {row['slow_looks']} slow looks; {'; '.join(routes)}"


def say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
