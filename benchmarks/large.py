"""What a large log costs: import, first look for workloads, report; CPU seconds, peak memory and disk of whole processes.

    python -m benchmarks.large 100000 1000000 [--import-only] [--json FILE] [--keep HOME]
    python -m benchmarks.large --make 1000000 > log.jsonl

A log of N calls is made on the way, in time order over 90 days, and streams into `modicum import -`; it never lies on the disk. It is a
mixture: eight classifiers and three extractors behind fixed prompts (one request in twelve asked before), answers from retrieved passages,
chats that name their conversation, runs of agents that name nothing, one-off prompts. Words are drawn as often as in running text.
From two sizes on, the slope between the last two says what a year of 100 million calls would cost.
"""

from __future__ import annotations

import argparse
import bisect
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

BEGAN = 1_767_225_600
"""2026-01-01."""
DAYS = 90
YEAR_CALLS = 100_000_000
MODELS = ("gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini")
LABELS = ("billing", "delivery", "refund", "account", "complaint", "praise", "other")


class Words:
    """Running text: a long one is made once, pieces of it are cut anywhere."""

    def __init__(self, chance: random.Random) -> None:
        letters = "etaoinshrdlucmfwypvbgkjqxz"
        weights = [1 / (rank + 2) for rank in range(len(letters))]
        words = ["".join(chance.choices(letters, weights, k=chance.randint(2, 10))) for _ in range(20_000)]
        often = list(itertools.accumulate(1 / (rank + 1) for rank in range(len(words))))
        picked = (words[bisect.bisect(often, chance.random() * often[-1]) % len(words)] for _ in range(700_000))
        self._text = " ".join(picked)
        self._random = chance.random
        self._reach = len(self._text) - 20_000

    def cut(self, least: int, most: int) -> str:
        start = int(self._random() * self._reach)
        return self._text[start : start + least + int(self._random() * (most - least))].strip()


def calls(count: int, seed: int = 1) -> Iterator[str]:
    """The log's lines."""
    chance = random.Random(seed)
    words = Words(chance)
    kinds = list(itertools.chain.from_iterable([maker] * share for maker, share in _MAKERS))
    each_s = DAYS * 86_400 / count
    state = _State(chance, words)
    for number in range(count):
        yield kinds[int(chance.random() * len(kinds))](state, number, BEGAN + number * each_s)


class _State:
    """The applications behind the log: their prompts, and what goes on in them."""

    def __init__(self, chance: random.Random, words: Words) -> None:
        self.chance, self.words = chance, words
        self.classifiers = [
            f"You sort messages, desk {desk}. {words.cut(200, 600)} Answer with one of: {', '.join(LABELS)}." for desk in range(8)
        ]
        self.extractors = [f"Read the order and answer in JSON with name, city and total. {words.cut(150, 400)}" for _ in range(3)]
        self.rag = f"Answer from the passages alone. {words.cut(300, 500)}"
        self.chat = f"You are a patient assistant. {words.cut(300, 600)}"
        self.agent = f"Use the tools until the task is done. {words.cut(300, 600)}"
        self.asked: list[str] = []
        self.chats: list[tuple[str, list[str]]] = []
        self.agents: list[list[str]] = []


def _line(
    at: float, number: int, model: str, messages: str, answer: str, chars: int, *, more: str = "", said: str = "", stop: str = "stop"
) -> str:
    wait = 300 + len(answer) * 8
    said = said or f'"content":"{answer}"'
    return (
        f'{{"timestamp":{at:.3f},"request":{{"model":"{model}","messages":[{messages}]{more}}},"response":{{"id":"chatcmpl-{number:024x}",'
        f'"object":"chat.completion","created":{int(at)},"model":"{model}","choices":[{{"index":0,"message":{{"role":"assistant",{said}}},'
        f'"finish_reason":"{stop}"}}],"usage":{{"prompt_tokens":{chars // 4 + 8},"completion_tokens":{len(answer) // 4 + 1},'
        f'"total_tokens":{chars // 4 + len(answer) // 4 + 9}}}}},"duration_ms":{wait}}}\n'
    )


def _message(role: str, text: str) -> str:
    return f'{{"role":"{role}","content":"{text}"}}'


def _classify(state: _State, number: int, at: float) -> str:
    desk = int(state.chance.random() ** 2 * len(state.classifiers))
    if state.asked and state.chance.random() < 0.08:
        text = state.asked[int(state.chance.random() * len(state.asked))]
    else:
        text = state.words.cut(40, 300)
        state.asked.append(text)
        if len(state.asked) > 2_000:
            state.asked = state.asked[1_000:]
    system = state.classifiers[desk]
    messages = ",".join((_message("system", system), _message("user", f"Message: {text}")))
    return _line(
        at,
        number,
        MODELS[desk % 2],
        messages,
        LABELS[sum(map(ord, text[:12])) % len(LABELS)],
        len(system) + len(text),
        more=',"temperature":0',
    )


def _extract(state: _State, number: int, at: float) -> str:
    system = state.extractors[number % 3]
    text = state.words.cut(150, 600)
    answer = f'{{\\"name\\": \\"{text[:8].strip()}\\", \\"city\\": \\"{text[20:28].strip()}\\", \\"total\\": {number % 900}}}'
    messages = ",".join((_message("system", system), _message("user", f"Order:\\n{text}")))
    return _line(at, number, "gpt-4.1", messages, answer, len(system) + len(text), more=',"response_format":{"type":"json_object"}')


def _retrieve(state: _State, number: int, at: float) -> str:
    passages = "\\n\\n".join(f"[{place}] {state.words.cut(200, 400)}" for place in range(3))
    question = state.words.cut(30, 120)
    messages = ",".join((_message("system", state.rag), _message("user", f"Passages:\\n{passages}\\n\\nQuestion: {question}?")))
    return _line(at, number, "gpt-4o", messages, state.words.cut(100, 500), len(state.rag) + len(passages) + len(question))


def _chat(state: _State, number: int, at: float) -> str:
    if len(state.chats) < 300 or state.chance.random() < 0.2:
        state.chats.append((f"conv-{number:x}", [_message("system", state.chat)]))
    place = int(state.chance.random() * len(state.chats))
    name, messages = state.chats[place]
    messages.append(_message("user", state.words.cut(30, 250)))
    asked, answer = ",".join(messages), state.words.cut(80, 500)
    messages.append(_message("assistant", answer))
    if len(messages) > 8 or len(state.chats) > 400:
        state.chats.pop(place)
    return _line(
        at, number, "gpt-4o", asked, answer, len(asked), more=f',"metadata":{{"conversation_id":"{name}"}},"user":"u-{place}","stream":true'
    )


_TOOLS = (
    ',"tools":[{"type":"function","function":{"name":"look_up","parameters":{"type":"object","properties":{"key":{"type":"string"}}}}}]'
)


def _agent(state: _State, number: int, at: float) -> str:
    if len(state.agents) < 50:
        state.agents.append([_message("system", state.agent), _message("user", f"Task: {state.words.cut(60, 300)}")])
    place = int(state.chance.random() * len(state.agents))
    messages = state.agents[place]
    asked = ",".join(messages)
    if len(messages) > 7:
        state.agents.pop(place)
        return _line(at, number, "gpt-4.1-mini", asked, state.words.cut(60, 300), len(asked), more=_TOOLS)
    use = (
        f'"content":null,"tool_calls":[{{"id":"call_{number:x}","type":"function","function":{{"name":"look_up",'
        f'"arguments":"{{\\"key\\": \\"{state.words.cut(5, 20)}\\"}}"}}}}]'
    )
    messages.append(f'{{"role":"assistant",{use}}}')
    messages.append(f'{{"role":"tool","tool_call_id":"call_{number:x}","content":"{state.words.cut(60, 200)}"}}')
    return _line(at, number, "gpt-4.1-mini", asked, "", len(asked), more=_TOOLS, said=use, stop="tool_calls")


def _once(state: _State, number: int, at: float) -> str:
    text = state.words.cut(40, 600)
    return _line(at, number, "gpt-4o", _message("user", text), state.words.cut(80, 600), len(text))


_MAKERS = ((_classify, 48), (_extract, 18), (_retrieve, 10), (_chat, 14), (_agent, 7), (_once, 3))


def make(count: int, out: BinaryIO) -> int:
    """Write the log; how many bytes."""
    written = 0
    lines = calls(count)
    while piece := "".join(itertools.islice(lines, 2_000)).encode():
        out.write(piece)
        written += len(piece)
    return written


def measure(name: str, arguments: list[str], *, source: int | None = None) -> dict[str, Any]:
    """One command, in a process of its own: start-up and imports counted. `source`: a log of so many calls is what it reads."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "modicum", *arguments, "--format", "json"],
        stdin=subprocess.PIPE if source is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    written: list[int] = []
    maker: subprocess.Popen[bytes] | None = None
    assert process.stdout is not None
    if source is not None:
        # In a process of its own, so that its work is not counted with the command's.
        maker = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.large", "--make", str(source)], stdout=process.stdin, stderr=subprocess.PIPE
        )
        assert process.stdin is not None and maker.stderr is not None
        process.stdin.close()
        told = maker.stderr
        threading.Thread(target=lambda: written.append(int(told.read() or 0))).start()
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    if maker is not None:
        maker.wait()
    if status:
        raise SystemExit(f"{name} failed: {said[-500:]!r}")
    return {
        "step": name,
        "cpu_s": round(used.ru_utime + used.ru_stime, 1),
        "wall_s": round(time.perf_counter() - began, 1),
        "rss_mb": round(used.ru_maxrss / 1024),
        "log_bytes": written[0] if written else None,
    }


def run(count: int, home: Path, *, import_only: bool = False) -> list[dict[str, Any]]:
    """All steps on a log of so many calls, or the first alone."""
    where = ["--home", str(home)]
    rows = [measure("import", ["import", "-", *where], source=count)]
    rows[0]["store_bytes"] = sum(file.stat().st_size for file in (home / "calls").rglob("*") if file.is_file())
    rows[0]["index_bytes"] = sum(file.stat().st_size for file in home.glob("index.db*"))
    if not import_only:
        rows.append(measure("workloads", ["workloads", *where]))
        rows.append(measure("report", ["report", *where]))
    return [{"calls": count, **row} for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", nargs="*", type=int, default=[100_000, 200_000])
    parser.add_argument("--make", type=int, metavar="N", help="Write a log of N calls to standard output instead.")
    parser.add_argument("--keep", type=Path, metavar="HOME", help="Leave the last home here.")
    parser.add_argument("--import-only", action="store_true", help="Leave the look for workloads and the report out.")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.make is not None:
        print(make(args.make, sys.stdout.buffer), file=sys.stderr)
        return
    found: list[dict[str, Any]] = []
    print(f"{'calls':>12} {'step':<12}{'CPU s':>9}{'us a call':>11}{'wall s':>9}{'peak MB':>9}")
    for size in args.sizes:
        home = args.keep if args.keep and size == args.sizes[-1] else Path(tempfile.mkdtemp(prefix="modicum-large-"))
        try:
            for row in run(size, home, import_only=args.import_only):
                found.append(row)
                a_call = row["cpu_s"] / size * 1e6
                print(f"{size:>12,} {row['step']:<12}{row['cpu_s']:>9}{a_call:>11.1f}{row['wall_s']:>9}{row['rss_mb']:>9}", flush=True)
        finally:
            if home != args.keep:
                shutil.rmtree(home, ignore_errors=True)
    for one in (row for row in found if row["step"] == "import"):
        a_call = [(one[name] or 0) / one["calls"] for name in ("log_bytes", "store_bytes", "index_bytes")]
        print(f"{one['calls']:>12,} calls: {a_call[0]:,.0f} bytes a line, {a_call[1]:,.0f} on disk, {a_call[2]:,.0f} for its identity")
    for name in ("import", "workloads", "report"):
        its = [row for row in found if row["step"] == name]
        if len(its) > 1:
            slope = (its[-1]["cpu_s"] - its[-2]["cpu_s"]) / (its[-1]["calls"] - its[-2]["calls"])
            print(f"{name}: {slope * 1e6:.1f} us for each further call; {YEAR_CALLS:,}: {slope * YEAR_CALLS / 60:,.0f} CPU minutes")
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
