"""`make demo`: the whole loop on a generated sample, with the command line and the official client alone.

A month of a shop's calls is written (`sample.py`), brought in, sorted into workloads, fitted and reported on. Then the newest
300 calls, which were held back, go through `modicum serve` twice: with the proposed routes in shadow, and switched on. The provider
behind it is `modicum replay`, which gives the sample's own answers at the sample's own pace. No key, no network.
Everything is written to `.demo/`, which is emptied first.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import openai

from demo import sample

FOLDER = Path(__file__).resolve().parent.parent / ".demo"
CLIENTS = 12
"""Callers at a time, as a shop's applications are."""
ENDS_WITHIN_S = 60.0
ROW = "{:28} {:>6} {:>12} {:>8} {:>10} {:>8} {:>10} {:>10} {:>8}"


@dataclass(frozen=True, slots=True)
class Sent:
    """One of the newest calls as its caller saw it."""

    call_id: str
    took_ms: float
    answer: str | None
    recorded: str
    by: str
    """The specialist's name, or the incumbent's."""


def main() -> int:
    began = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    os.chdir(FOLDER)
    for name in [name for name in os.environ if name.startswith("MODICUM_")]:
        del os.environ[name]
    os.environ["NO_PROXY"] = "127.0.0.1"

    say("A month of calls of a shop that does not exist: generated for this demo, recorded from nobody.")
    sample.write(FOLDER / "calls.jsonl", FOLDER / "newest.jsonl")
    say("Bring them in, find the workloads, build and prove small models.")
    modicum("import", "calls.jsonl")
    modicum("workloads")
    modicum("fit")
    modicum("report", "--html", "report.html")

    routes = json.loads(modicum("route", "list", "--format", "json", quiet=True))
    if not routes:
        print("fit proposed no route, so there is nothing to switch on.")
        return 1
    say("Serve before the provider. The newest 300 calls were held back: send them with the proposed routes in shadow.")
    for route in routes:
        modicum("route", "shadow", route["route_id"], "--note", "demo")
    names = {workload["id"]: workload["name"] for workload in json.loads(modicum("workloads", "list", "--format", "json", quiet=True))}
    newest = [json.loads(line) for line in (FOLDER / "newest.jsonl").read_text(encoding="utf-8").splitlines()]
    with listening("replay", "newest.jsonl", "--pace", "--listen", "127.0.0.1:0") as upstream:
        with listening("serve", "--listen", "127.0.0.1:0", "--upstream", upstream, "--auth", "none") as gateway:
            shadow = send(newest, gateway)
            before = table(shadow, records(names), "in shadow")
            say("Switch the routes on, and send the same calls again. No restart.")
            for route in routes:
                modicum("route", "on", route["route_id"], "--note", "demo")
            time.sleep(1.0)  # the promise: in effect within a second
            live = send(newest, gateway)
        table(live, records(names), "switched on", before)
        one = next((sent for sent in live if sent.by.startswith("modicum/")), None)
        if one is not None:
            modicum("why", one.call_id)
    say(f"Done in {time.monotonic() - began:.0f} s.")
    print(f"""The report is a page without scripts: {FOLDER / "report.html"}

To go on:
  cd {FOLDER.name} && . ../.venv/bin/activate
  modicum report                          the same as text, now with the live calls
  modicum workloads show {routes[0]["workload"]}
  modicum certificate list
  modicum route off {routes[0]["route_id"]}
  modicum why {live[0].call_id}
and on a log of your own:  modicum report LOG.jsonl    then    modicum fit""")
    return 0


# --------------------------------------------------------------------------------------------------------- the command line


def modicum(*words: str, quiet: bool = False) -> str:
    """Run one command as a person would; a failure ends the demo. Returns its output where it is not shown."""
    if not quiet:
        print(f"\n$ modicum {' '.join(words)}", flush=True)
    done = subprocess.run(command(*words), stdout=subprocess.PIPE if quiet else None, text=True)
    if done.returncode:
        raise SystemExit(f"modicum {words[0]} ended with {done.returncode}")
    return done.stdout or ""


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "modicum", *words]


@contextmanager
def listening(*words: str) -> Iterator[str]:
    """`serve` or `replay` for a while: the base URL that it says it listens on."""
    print(f"\n$ modicum {' '.join(words)} &", flush=True)
    with subprocess.Popen(command(*words), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            print(first, end="", flush=True)
            found = re.search(r"http://127\.0\.0\.1:\d+/v1", first)
            if found is None:
                raise SystemExit(f"modicum {words[0]} did not start")
            yield found[0]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(ENDS_WITHIN_S)


def say(text: str) -> None:
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)


# --------------------------------------------------------------------------------------------------- the newest calls, sent


def send(calls: list[dict[str, Any]], base_url: str) -> list[Sent]:
    """Each call through the official client, some at a time, in the order in which they were made."""
    with openai.OpenAI(base_url=base_url, api_key="none needed", max_retries=0, timeout=60) as client, ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(lambda call: send_one(client, call), calls))


def send_one(client: openai.OpenAI, call: dict[str, Any]) -> Sent:
    began = time.perf_counter()
    raw = client.chat.completions.with_raw_response.create(**call["request"])
    took_ms = (time.perf_counter() - began) * 1000
    completion = raw.parse()
    return Sent(
        call_id=raw.headers["x-request-id"],
        took_ms=took_ms,
        answer=completion.choices[0].message.content,
        recorded=call["response"]["choices"][0]["message"]["content"],
        by=completion.model,
    )


def records(names: dict[str, str]) -> dict[str, dict[str, Any]]:
    """The newest calls of these workloads (id to name) as they were recorded, by call id."""
    with ThreadPoolExecutor(2) as pool:
        said = pool.map(lambda one: modicum("workloads", "calls", one, "--limit", "700", "--format", "json", quiet=True), names)
        return {
            call["call_id"]: call | {"workload": names[one]} for one, calls in zip(names, said, strict=True) for call in json.loads(calls)
        }


def table(
    sent: list[Sent], recorded: dict[str, dict[str, Any]], state: str, before: dict[str, Decimal | None] | None = None
) -> dict[str, Decimal | None]:
    """Print who answered, how fast, at what cost, and how many answers changed; return the cost by workload for the next table."""
    names = sorted({recorded[one.call_id]["workload"] for one in sent if one.call_id in recorded})
    print(f"\nThe newest {len(sent)} calls, {state}:")
    print(ROW.format("workload", "calls", "small model", "p50 ms", "incumbent", "p50 ms", "cost", "before", "changed"))
    spent: dict[str, Decimal | None] = {}
    for name in [*names, "all"]:
        mine = [one for one in sent if name in ("all", recorded.get(one.call_id, {}).get("workload"))]
        small, large = ([one for one in mine if one.by.startswith("modicum/") is flag] for flag in (True, False))
        costs = [recorded.get(one.call_id, {}).get("cost_usd") for one in mine]
        spent[name] = None if None in costs else sum((Decimal(str(value)) for value in costs), Decimal(0))
        was = dollars(before[name]) if before and name in before else "-"
        changed = sum(one.answer != one.recorded for one in mine)
        cells = (name[:28], len(mine), len(small), p50(small), len(large), p50(large), dollars(spent[name]), was, changed)
        print(ROW.format(*cells), flush=True)
    own = [recorded[one.call_id]["duration_ms"] for one in sent if one.by.startswith("modicum/") and one.call_id in recorded]
    if own:
        print(f"Times are the callers', {CLIENTS} at once. In the gateway a small model's answer took {statistics.median(own):.1f} ms.")
    decisions = [recorded[one.call_id]["decision"] for one in sent if one.call_id in recorded]
    compared = [one for one in decisions if one and one["reason"] == "shadow" and one.get("agreed") is not None]
    if compared:
        sure = [one for one in compared if one["confidence"] >= one["threshold"]]
        print(
            f"Compared {len(compared)} times; sure enough to answer {len(sure)} of them, "
            f"and of those {sum(one['agreed'] for one in sure)} were what the incumbent said."
        )
    return spent


def p50(sent: list[Sent]) -> str:
    return f"{statistics.median(one.took_ms for one in sent):.1f}" if sent else "-"


def dollars(amount: Decimal | None) -> str:
    return "unknown" if amount is None else f"${amount:.4f}"


if __name__ == "__main__":
    raise SystemExit(main())
