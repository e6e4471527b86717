"""What the early sign about requests sees, and how often it cries wolf: `python -m benchmarks.signs LOG TRUTH ... [--json FILE]`.

Logs with an answer key are cut into their workloads. Quiet: halves of a workload drawn by chance, its older against its newer half,
requests of which a few come again and again, and a stream of such in which nothing changes, cut in time and drawn as a look at a route
draws: all calls of the certify window against those that came after the fit. Planted: a share of the newer requests wants what none wanted
before, comes from another workload, or is respelt so that no word is known, in the same script and in another. Each row says how often a
first look would tell of it (at δ·6/π², 3 %), and the thirtieth.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from modicum.errors import NotEnoughDataError
from modicum.evaluate.groups import group_samples
from modicum.evaluate.split import find_cut, split_by_time
from modicum.stats.binomial import clopper_pearson
from modicum.stats.sequence import spending
from modicum.types import Sample
from modicum.watch.looked import DOUBT
from modicum.watch.requests import MOST
from modicum.watch.unlike import Unlike, compare

LEAST = 400
"""Calls of a workload that is looked at."""
LOOKS = (1, 30)
SIZES = (300, 1000)
SHARES = (0.1, 0.3, 0.6)
NEW = 0.25
"""Of a workload's intents are new."""
FITTED = 0.6
"""Of a stream came before the fit."""
INTENTS = 8
"""At least, of a workload into which new ones are planted."""
LETTERS = "abcdefghijklmnopqrstuvwxyz"
CYRILLIC = "абвгдежзийклмнопрстуфхцчшщ"
SHIFTED = str.maketrans(LETTERS, LETTERS[7:] + LETTERS[:7])
OTHERS = str.maketrans(LETTERS, CYRILLIC)


@dataclass(frozen=True, slots=True)
class Row:
    """One call of a log."""

    at: datetime
    text: str
    gold: str | None


Draw = Callable[[Sequence[Row], random.Random], tuple[list[str], list[str]] | None]
Plant = Callable[[random.Random], tuple[list[str], list[str]] | None]


@dataclass(frozen=True, slots=True)
class Told:
    """How often it was told of."""

    kind: str
    size: int
    draws: int
    told: tuple[int, ...]
    """By `LOOKS`."""
    signs: dict[str, int]
    """At the first look: classifier, words, script."""
    auc: float
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path, help="LOG TRUTH LOG TRUTH ...")
    parser.add_argument("--draws", type=int, default=60, help="of each planted change")
    parser.add_argument("--only", choices=("quiet", "again", "planted"))
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    workloads = [rows for log, key in zip(asked.paths[::2], asked.paths[1::2], strict=True) for rows in read(log, key)]
    print(f"{len(workloads)} workloads of {LEAST} calls or more, {sum(map(len, workloads)):,} calls")
    found = []
    if asked.only != "planted":
        found += [quiet(workloads, kind, draw, times) for kind, draw, times in QUIET if asked.only != "again" or "again" in kind]
    for size in SIZES if asked.only in (None, "planted") else ():
        found += [planted(kind, size, draw, asked.draws) for kind, draw in changes(workloads, size)]
    print("| planted | calls a side | draws | told at the first look | at the thirtieth | classifier, words, script | AUC | CPU s |")
    print("|---|---|---|---|---|---|---|---|")
    for one in found:
        if not one.draws:
            continue
        low, high = clopper_pearson(one.told[0], one.draws, 0.95)
        print(
            f"| {one.kind} | {one.size or 'as it has'} | {one.draws} | {one.told[0] / one.draws:.1%} ({low:.1%} to {high:.1%}) "
            f"| {one.told[1] / one.draws:.1%} | {', '.join(str(one.signs[name]) for name in ('classifier', 'words', 'script'))} "
            f"| {one.auc:.2f} | {one.seconds:.2f} |"
        )
    if asked.json:
        asked.json.write_text(json.dumps([{name: getattr(one, name) for name in one.__slots__} for one in found], indent=1))


def read(log: Path, key: Path) -> Iterator[list[Row]]:
    """The workloads of a log, each in the order of time: what a person wrote last in each call."""
    known = {one["id"]: one for one in map(json.loads, key.open(encoding="utf-8"))}
    workloads: defaultdict[str, list[Row]] = defaultdict(list)
    for line in log.open(encoding="utf-8"):
        try:
            one = json.loads(line)
            told, said = known[one["response"]["id"]], one["request"]["messages"][-1]["content"]
        except (ValueError, KeyError, TypeError, IndexError):
            continue
        if isinstance(said, str) and isinstance(one.get("timestamp"), str):
            workloads[told["workload"]].append(Row(datetime.fromisoformat(one["timestamp"]), said, told.get("gold")))
    for name in sorted(workloads):
        if len(workloads[name]) >= LEAST:
            yield sorted(workloads[name], key=lambda row: row.at)


def halves(rows: Sequence[Row], chance: random.Random) -> tuple[list[str], list[str]]:
    drawn = chance.sample([row.text for row in rows], len(rows))
    return drawn[::2], drawn[1::2]


def in_time(rows: Sequence[Row], chance: random.Random) -> tuple[list[str], list[str]]:
    return [row.text for row in rows[: len(rows) // 2]], [row.text for row in rows[len(rows) // 2 :]]


def again(rows: Sequence[Row], chance: random.Random) -> tuple[list[str], list[str]]:
    """As many calls as it has on either side, of the same requests: the k-th commonest comes once where the first comes k times."""
    texts = chance.sample([row.text for row in rows], len(rows))
    weights = [1 / (k + 1) for k in range(len(texts))]
    return chance.choices(texts, weights, k=len(texts)), chance.choices(texts, weights, k=len(texts))


def recurring(many: int, share: float) -> Draw:
    """A stream in which nothing changes: so many requests come again and again, as so large a share of the calls, in words of
    their own; the others come once."""

    def draw(rows: Sequence[Row], chance: random.Random) -> tuple[list[str], list[str]] | None:
        texts = chance.sample([row.text for row in rows], len(rows))
        heads, once, stream = [text.lower().translate(SHIFTED) for text in texts[:many]], texts[many:], list[str]()
        weights = [1 / (k + 1) ** 0.8 for k in range(len(heads))]
        while once:
            stream.append(chance.choices(heads, weights)[0] if chance.random() < share else once.pop())
        fitted = round(FITTED * len(stream))
        old, new = samples(stream[:fitted], 0), stream[fitted:]
        try:
            parts = split_by_time(old, group_samples(old, cut=find_cut(old)), seed=1)
        except NotEnoughDataError:
            return None
        window = [text for one, text in zip(old, stream, strict=False) if parts.window_from <= one.at <= parts.window_to]
        each = min(len(window), len(new), MOST)
        return chance.sample(window, each), chance.sample(new, each)

    return draw


QUIET = (
    ("halves drawn by chance", halves, 2),
    ("older half, newer half", in_time, 1),
    ("requests that come again (Zipf's law)", again, 1),
    ("300 requests come again, half of the calls", recurring(300, 0.5), 1),
    ("300 requests come again, a fifth of the calls", recurring(300, 0.2), 1),
    ("50 requests come again, a third of the calls", recurring(50, 0.3), 1),
)
"""With how many draws of each workload."""


def changes(workloads: Sequence[Sequence[Row]], size: int) -> Iterator[tuple[str, Plant]]:
    """What is planted into workloads, each under its name; a draw is None where the workload that it met is too small for it."""

    def intents(share: float) -> Plant:
        def draw(chance: random.Random) -> tuple[list[str], list[str]] | None:
            rows = chance.choice(workloads)
            labels = sorted({str(row.gold) for row in rows if isinstance(row.gold, str)})
            if len(labels) < INTENTS:
                return None
            new = set(chance.sample(labels, round(NEW * len(labels))))
            old_ones = [row.text for row in rows if row.gold not in new]
            return mixed(chance, old_ones, [row.text for row in rows if row.gold in new], share)

        return draw

    def foreign(share: float) -> Plant:
        def draw(chance: random.Random) -> tuple[list[str], list[str]] | None:
            rows, others = chance.sample(workloads, 2)
            return mixed(chance, [row.text for row in rows], [row.text for row in others], share)

        return draw

    def respelt(share: float, how: dict[int, int]) -> Plant:
        def draw(chance: random.Random) -> tuple[list[str], list[str]] | None:
            texts = [row.text for row in chance.choice(workloads)]
            return mixed(chance, texts, [text.lower().translate(how) for text in texts], share)

        return draw

    def mixed(chance: random.Random, usual: list[str], new: list[str], share: float) -> tuple[list[str], list[str]] | None:
        of_new = round(share * size)
        if len(usual) < 2 * size - of_new or len(new) < of_new:
            return None
        usual = chance.sample(usual, 2 * size - of_new)
        return usual[:size], usual[size:] + chance.sample(new, of_new)

    for share in SHARES:
        yield f"{share:.0%} new intents", intents(share)
    for share in SHARES:
        yield f"{share:.0%} of another workload", foreign(share)
    yield "10% in unknown words", respelt(0.1, SHIFTED)
    yield "10% in another script", respelt(0.1, OTHERS)


def quiet(workloads: Sequence[Sequence[Row]], kind: str, draw: Draw, times: int) -> Told:
    drawn = [draw(rows, random.Random(f"{kind} {number} {again}")) for number, rows in enumerate(workloads) for again in range(times)]
    return counted(kind, 0, [one for one in drawn if one is not None])


def planted(kind: str, size: int, draw: Plant, draws: int) -> Told:
    found: list[tuple[list[str], list[str]]] = []
    chance = random.Random(f"{kind} {size}")
    for _ in range(40 * draws):
        if len(found) < draws and (one := draw(chance)) is not None:
            found.append(one)
    return counted(kind, size, found)


def counted(kind: str, size: int, drawn: Sequence[tuple[list[str], list[str]]]) -> Told:
    began, aucs, told, signs, looked = time.process_time(), list[float](), [0] * len(LOOKS), Counter[str](), 0
    for number, (then, now) in enumerate(drawn):
        found = compare(samples(then, 0), samples(now, len(then)), text_of=lambda sample: sample.slots[0][1], seed=number)
        if found is None:
            continue
        looked += 1
        aucs.append(found.classifier.auc)
        for place, look in enumerate(LOOKS):
            told[place] += any(found.said(spending(DOUBT, look)))
        signs.update(names(found))
    return Told(
        kind=kind,
        size=size,
        draws=looked,
        told=tuple(told),
        signs={name: signs[name] for name in ("classifier", "words", "script")},
        auc=sum(aucs) / max(1, len(aucs)),
        seconds=(time.process_time() - began) / max(1, looked),
    )


def names(found: Unlike) -> list[str]:
    """Which of the signs a first look would tell of."""
    words = {"a classifier": "classifier", "of their words": "words", "are written": "script"}
    said = list(found.said(spending(DOUBT, 1)))
    return [name for part, name in words.items() if any(part in one for one in said)]


def samples(texts: Sequence[str], first: int) -> list[Sample]:
    start = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
    return [
        Sample(
            call_id=f"c{first + number}",
            response_id=None,
            at=start + timedelta(seconds=first + number),
            slots=(("text", text),),
            value=None,
            version_id="v1",
            incumbent="",
            provider=None,
            user_id=None,
            conversation_id=None,
            input_chars=len(text),
            turns=1,
            cost_usd=None,
            duration_ms=0.0,
        )
        for number, text in enumerate(texts)
    ]


if __name__ == "__main__":
    main()
