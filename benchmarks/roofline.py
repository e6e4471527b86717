"""How far `modicum plan` is from published speeds: python -m benchmarks.roofline [--fit] [--rows] [--markdown] [--json FILE]

Every row of `roofline.toml` is predicted from the machine's data sheet, the model's shape and the factors in `modicum.plan.speed`. The
factors are fitted on some machines and tested on all others; `--fit` searches them again and prints what it finds.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tomllib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from modicum.plan import machines
from modicum.plan.hub import from_config
from modicum.plan.machines import Machine
from modicum.plan.memory import activation_bytes, cache_bytes, engine_bytes, weight_bytes
from modicum.plan.precision import Precision, of_name
from modicum.plan.shape import Shape
from modicum.plan.speed import EFFICIENCY, Efficiency, Engine, Roofline, measured_as, roofline

DATA = Path(__file__).with_suffix(".toml")
SEQUENCES = 2048
"""No engine runs more at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One published speed."""

    engine: str
    kind: Engine
    machine: Machine
    model: str
    shape: Shape
    precision: Precision
    cache: str
    metric: str
    measured: float
    asked: Mapping[str, Any]
    date: str
    url: str
    half: str
    """`fit`, `test`, or `aside`: on a machine of the fit, and no steady run."""

    @property
    def key(self) -> tuple[Engine, str]:
        return measured_as(self.kind, self.machine)

    def line(self, reached: Efficiency | None = None) -> Roofline:
        return roofline(self.shape, self.machine, self.precision, engine=self.kind, cache=self.cache, reached=reached)

    def at_once(self) -> float:
        """Sequences that run together: as asked, within the memory that is left for their mean length."""
        asked = self.asked.get("at_once", 1)
        input_tokens, output_tokens = self.asked.get("in", 0), self.asked.get("out", 0)
        if self.metric in ("decode", "prefill"):
            return float(asked)
        weights = weight_bytes(self.shape, self.precision)
        if self.engine.startswith("SGLang"):
            left = self.machine.memory_bytes - sglang_reserve(self.machine) - weights
        else:
            left = self.machine.usable_bytes - weights - activation_bytes(self.shape, 256) - engine_bytes(self.machine)
        room = max(1.0, left / cache_bytes(self.shape, round(input_tokens + output_tokens / 2), self.cache))
        cap = float(self.asked.get("cap", SEQUENCES))
        return min(room, cap, SEQUENCES) if asked == "memory" else min(float(asked), room)

    def predicted(self, reached: Efficiency | None = None) -> float:
        """Tokens a second."""
        line = self.line(reached)
        if self.metric == "decode":
            many = self.at_once()
            return many / line.step_s(many, float(self.asked["context"]))
        if self.metric == "prefill":
            prompt = float(self.asked["in"])
            return prompt / line.prefill_s(prompt)
        input_tokens, output_tokens = float(self.asked["in"]), float(self.asked["out"])
        if self.asked.get("tail"):
            every = int(self.asked["calls"])
            calls = every / line.batch_s(every, self.at_once(), input_tokens, output_tokens)
        else:
            calls = line.calls_a_second(self.at_once(), input_tokens, output_tokens)
        return calls * (output_tokens if self.metric == "output" else input_tokens + output_tokens)

    def error(self, reached: Efficiency | None = None) -> float:
        """Relative: 0.1 is ten per cent too fast."""
        return self.predicted(reached) / self.measured - 1


def sglang_reserve(machine: Machine) -> int:
    """Bytes that SGLang keeps from weights and cache where nobody says `mem_fraction_static`: 0.5 GiB, 1.5 MiB a token of a chunk of
    prefill, 2 MiB a sequence of its largest graph, 0.125 GiB (its pull request 10975: server_args.py, read 2026-11-22)."""
    gib = machine.memory_gib
    chunk, graphs = (2048, 8) if gib < 20 else (2048, 24) if gib < 35 else (4096, 32) if gib < 60 else (8192, 256)
    return int((512 + chunk * 1.5 + graphs * 2 + 128) * 2**20)


def rows() -> list[Row]:
    """Everything in the data file."""
    data = tomllib.loads(DATA.read_text(encoding="utf-8"))
    shapes = {name: from_config(fields, name=name) for name, fields in data["models"].items()}
    known = {
        **machines.machines(),
        **{name: machines.read({"id": name, **fields, "sources": []}) for name, fields in data["machines"].items()},
    }
    found = []
    for group in data["group"]:
        kind = _kind(group["engine"])
        for asked in group["rows"]:
            metric = next(name for name in ("decode", "prefill", "output", "total") if name in asked)
            found.append(
                Row(
                    engine=group["engine"],
                    kind=kind,
                    machine=known[group["machine"]],
                    model=group["model"],
                    shape=shapes[group["model"]],
                    precision=of_name(group["precision"]),
                    cache=group.get("cache", "fp16"),
                    metric=metric,
                    measured=float(asked[metric]),
                    asked=asked,
                    date=group["date"],
                    url=group["url"],
                    half=_half({group["machine"], f"{group['machine']} {group['model']}"} & set(data["fit"][kind]), asked),
                )
            )
    return found


def _kind(engine: str) -> Engine:
    name = engine.split()[0].lower()
    return "llama.cpp" if name == "llama.cpp" else "tensorrt-llm" if name == "tensorrt-llm" else "vllm"


def _half(seen: Collection[str], asked: Mapping[str, Any]) -> str:
    return ("aside" if asked.get("tail") else "fit") if seen else "test"


SHARED = ("bandwidth", "layer_us", "sequence_us", "experts")
"""What the generations of chips have in common under vLLM; `compute` is each one's own."""
LIMITS = {
    "bandwidth": (0.3, 0.95),
    "compute": (0.05, 1.0),
    "layer_us": (1.0, 400.0),
    "sequence_us": (1.0, 50.0),
    "experts": (0.1, 1.0),
    "beside": (0.02, 10.0),
}


def fit(found: Sequence[Row]) -> dict[tuple[Engine, str], Efficiency]:
    """Factors with the least absolute logarithmic error on the rows that are to be fitted; the others are not looked at.

    What no row of a kind can tell stays as it is: `experts` outside vLLM, `sequence_us` where nothing ran side by side. Under the serving
    engines `sequence_us` ends at 50: left free, it grows until it explains how runs start and end.
    """
    seen: dict[tuple[Engine, str], list[Row]] = defaultdict(list)
    for row in found:
        if row.half == "fit":
            seen[row.key].append(row)
    now = {key: EFFICIENCY[key] for key in EFFICIENCY if seen[key]}
    together = {key for key in now if any(row.asked.get("at_once", 1) != 1 for row in seen[key])}
    knobs = [([key], name) for key in now for name in (("compute",) if key[0] == "vllm" else ("bandwidth", "compute", "layer_us"))]
    knobs += [([key], "beside" if key[0] == "llama.cpp" else "sequence_us") for key in now if key[0] != "vllm" and key in together]
    knobs += [([key for key in now if key[0] == "vllm"], name) for name in SHARED]
    step = 0.4
    while step > 0.004:
        moved = False
        for keys, name in knobs:
            low, high = LIMITS[name]
            before = sum(_cost(now[key], seen[key]) for key in keys)
            for factor in (1 + step, 1 / (1 + step)):
                tried = {key: replace(now[key], **{name: min(high, max(low, getattr(now[key], name) * factor))}) for key in keys}
                if sum(_cost(tried[key], seen[key]) for key in keys) < before - 1e-9:
                    now, moved = {**now, **tried}, True
                    break
        if not moved:
            step /= 2
    return now


def _cost(reached: Efficiency, seen: Iterable[Row]) -> float:
    return sum(abs(math.log(row.predicted(reached) / row.measured)) for row in seen)


def summary(found: Sequence[Row]) -> list[tuple[str, int, float, float]]:
    """(which, rows, median of the error's size, share of rows within 30 %), the whole test first."""
    groups: dict[str, list[float]] = defaultdict(list)
    for row in found:
        size = abs(row.error())
        groups[row.half].append(size)
        if row.half == "test":
            groups[f"test, {row.engine.split()[0]}"].append(size)
    first = ["test", *sorted(name for name in groups if name.startswith("test,")), "fit", "aside"]
    return [(name, len(groups[name]), statistics.median(groups[name]), _within(groups[name])) for name in first if name in groups]


def _within(sizes: Sequence[float]) -> float:
    return sum(size <= 0.3 for size in sizes) / len(sizes)


def sources(found: Sequence[Row]) -> list[str]:
    """Markdown, a line for each model on each machine and page: the test first."""
    lines = ["| | engine | machine | model | rows | median error | from | to |", "|---|---|---|---|---:|---:|---:|---:|"]
    groups: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for row in _ordered(found):
        groups[row.half, f"[{row.engine}]({row.url}) {row.date}", row.machine.id, f"{row.model} {row.precision.name}"].append(row.error())
    for about, errors in groups.items():
        size = statistics.median(map(abs, errors))
        lines.append(f"| {' | '.join(about)} | {len(errors)} | {size:.0%} | {min(errors):+.0%} | {max(errors):+.0%} |")
    return lines


def summed(found: Sequence[Row]) -> list[str]:
    """The summary in Markdown."""
    lines = ["| | rows | median error | within 30 % |", "|---|---:|---:|---:|"]
    return lines + [f"| {name} | {count} | {median:.0%} | {within:.0%} |" for name, count, median, within in summary(found)]


def _ordered(found: Iterable[Row]) -> list[Row]:
    return sorted(found, key=lambda one: (("test", "fit", "aside").index(one.half), one.kind, one.machine.id, one.model, one.engine))


def table(found: Sequence[Row]) -> list[str]:
    """Every row in Markdown, the test first."""
    lines = ["| | engine | machine | model | asked | measured | predicted | error |", "|---|---|---|---|---|---:|---:|---:|"]
    for row in _ordered(found):
        lines.append(
            f"| {row.half} | [{row.engine}]({row.url}) {row.date} | {row.machine.id} | {row.model}"
            f" {row.precision.name} | {_asked(row)} | {row.measured:,.0f} | {row.predicted():,.0f} | {row.error():+.0%} |"
        )
    return lines


def _asked(row: Row) -> str:
    if row.metric == "decode":
        return f"decode at {row.asked['context']:,}" + (f", {row.at_once():g} at once" if row.at_once() != 1 else "")
    if row.metric == "prefill":
        return f"prefill of {row.asked['in']:,}"
    return f"{row.metric}, {row.asked['in']:,} in, {row.asked['out']:,} out, {row.at_once():.0f} at once"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fit", action="store_true", help="search the factors again, on the rows that are to be fitted")
    parser.add_argument("--markdown", action="store_true", help="print what docs/plan.md shows")
    parser.add_argument("--rows", action="store_true", help="print every row")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    found = rows()
    if asked.fit:
        for (engine, stack), reached in fit(found).items():
            print(
                f"({engine!r}, {stack!r}): bandwidth={reached.bandwidth:.2f}, compute={reached.compute:.2f},"
                f" layer_us={reached.layer_us:.0f}, sequence_us={reached.sequence_us:.0f}, experts={reached.experts:.2f}"
                + (f", beside={reached.beside:.2f}" if reached.beside else "")
                + f"; error {_cost(reached, [row for row in found if row.half == 'fit' and row.key == (engine, stack)]):.2f}"
            )
        return
    if asked.rows:
        print("\n".join(table(found)))
    if asked.markdown:
        print("\n".join([*summed(found), "", *sources(found)]))
        return
    print(f"\n{'':28}{'rows':>6}{'median error':>14}{'within 30 %':>13}")
    for name, count, median, within in summary(found):
        print(f"{name:28}{count:>6}{median:>14.0%}{within:>13.0%}")
    if asked.json:
        asked.json.write_text(
            json.dumps([{"which": n, "rows": c, "median_error": m, "within_30": w} for n, c, m, w in summary(found)], indent=1)
        )


if __name__ == "__main__":
    main()
