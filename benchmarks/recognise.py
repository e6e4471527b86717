"""How long recognising a request takes: 200 workloads, by text length, for unknown and for hostile text.

    python benchmarks/recognise.py [--json FILE] [--log LOG.jsonl]

Times are CPU time per request in microseconds, the request parsed already (a gateway parses it once for everything). With a log,
the templates are mined from its first half in time and the second half is recognised.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from discovery import calls  # type: ignore[import-not-found]

from modicum.discover import mine
from modicum.types import Contract, Pattern, Template, Version, Workload
from modicum.wire import chat
from modicum.workload import Recogniser

WORDS = "sort read answer with letter label of and the market for customer one city only please never explain list desk rule".split(" ")
NOW = datetime(2026, 10, 1, tzinfo=UTC)
Shape = Callable[[random.Random, int], Template]


def prose(rng: random.Random, chars: int) -> str:
    text = ""
    while len(text) < chars:
        text += rng.choice(WORDS) + rng.choice([" ", " ", " ", ". ", ", ", "\n"])
    return text[:chars]


def different(rng: random.Random, number: int) -> Template:
    text = f"{number} " + prose(rng, 400)
    return Template(key="", system=Pattern(literals=(text,), anchored_start=True, anchored_end=True), user=Pattern())


def alike(rng: random.Random, number: int) -> Template:
    """The same first 60 and last 90 characters in all."""
    text = "x" * 60 + prose(rng, 250) + f" rule {number} " + "y" * 90
    return Template(key="", system=Pattern(literals=(text,), anchored_start=True, anchored_end=True), user=Pattern())


def both_ends(rng: random.Random, number: int) -> Template:
    """Slots at both ends: only lines in the middle are fixed."""
    return Template(key="", user=Pattern(literals=(f"\nRule {number} of the desk {prose(rng, 40)}\nand answer with a label\n",)))


def workload(number: int, template: Template) -> Workload:
    version = Version(version_id="v", template=template, first_seen=NOW, last_seen=NOW)
    contract = Contract(kind="text")
    return Workload(
        workload_id=f"w{number}",
        scope="default",
        name="",
        task="unsure",
        contract=contract,
        versions=(version,),
        first_seen=NOW,
        last_seen=NOW,
    )


def request(template: Template, rng: random.Random, chars: int) -> dict[str, Any]:
    """A request of a template, of about so many characters in all."""
    texts = []
    for role, pattern in (("system", template.system), ("user", template.user)):
        if pattern is None:
            continue
        fixed = "".join(pattern.literals)
        rest = max(10, chars - len(fixed)) // (2 if pattern.literals and not pattern.anchored_start else 1)
        # fixed text farther than 3,000 characters from both ends is not seen, so the slot before it stays short
        before = prose(rng, min(rest, 1_000)) if pattern.literals and not pattern.anchored_start else ""
        behind = prose(rng, rest) if not pattern.literals or not pattern.anchored_end else ""
        texts.append({"role": role, "content": before + fixed + behind})
    return {"model": "m", "messages": texts}


def clock(recogniser: Recogniser, requests: list[dict[str, Any]], repeat: int = 5) -> tuple[float, float]:
    """Median and 99th percentile of the best of five, in microseconds."""
    best = [min(_once(recogniser, one) for _ in range(repeat)) for one in requests]
    best.sort()
    return round(statistics.median(best), 1), round(best[int(0.99 * (len(best) - 1))], 1)


def _once(recogniser: Recogniser, one: dict[str, Any]) -> float:
    before = time.perf_counter_ns()
    recogniser.recognise(one)
    return (time.perf_counter_ns() - before) / 1000


def synthetic() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    rng = random.Random(1)
    for shape in (different, alike, both_ends):
        templates = [shape(rng, number) for number in range(200)]
        recogniser = Recogniser([workload(number, template) for number, template in enumerate(templates)])
        for chars in (100, 1_000, 10_000, 100_000):
            known = [request(template, rng, chars) for template in templates]
            assert all(recogniser.recognise(one) for one in known)
            unknown = [
                {"model": "m", "messages": [{"role": "system", "content": prose(rng, chars)}, {"role": "user", "content": "x"}]}
                for _ in range(200)
            ]
            rows.append({"case": shape.__name__, "chars": chars, "known": clock(recogniser, known), "unknown": clock(recogniser, unknown)})
        for name, text in hostile(templates, rng).items():
            times = [
                clock(
                    recogniser,
                    [{"model": "m", "messages": [{"role": "system", "content": text[:size]}, {"role": "user", "content": text[:size]}]}],
                )[0]
                for size in (10_000, 100_000, 1_000_000)
            ]
            rows.append({"case": f"{shape.__name__}, hostile: {name}", "chars": "10k/100k/1M", "known": times, "unknown": ""})
    return rows


def hostile(templates: list[Template], rng: random.Random) -> dict[str, str]:
    """A million characters each, made to keep a matcher busy."""
    pattern = templates[0].system or templates[0].user
    literal = "".join(pattern.literals) if pattern else ""
    miss = "".join((literal[:-1] + "#") for _ in range(1_000_000 // len(literal) + 1))
    every = "".join("".join((template.system or template.user or Pattern()).literals)[:-2] for template in templates)
    return {
        "one character": "a" * 1_000_000,
        "newlines": "\n" * 1_000_000,
        "near misses": miss[:1_000_000],
        "all literals": (every * (1_000_000 // len(every) + 1))[:1_000_000],
        "wide characters": "\U0001f600" * 1_000_000,
    }


def on_log(log: Path) -> dict[str, Any]:
    ordered = sorted(calls(log), key=lambda call: call.started_at)
    half = len(ordered) // 2
    recogniser = Recogniser(mine(ordered[:half]).workloads)
    requests = [chat.loads(call.request or b"{}") for call in ordered[half : half + 5_000]]
    none = sum(recogniser.recognise(one) is None for one in requests)
    return {"case": log.name, "chars": "", "known": clock(recogniser, requests), "unknown": f"{none} of {len(requests)} none"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", type=Path, nargs="*", default=[])
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows = synthetic() + [on_log(log) for log in args.log]
    for row in rows:
        print(f"{row['case']:44} {row['chars']!s:>12}  known p50, p99: {row['known']!s:24} unknown: {row['unknown']}")
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
