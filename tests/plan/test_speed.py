"""The roofline: held against published speeds, and right where physics leaves no choice."""

from __future__ import annotations

import math
import random
import statistics
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import roofline as published
from modicum.plan.machines import machine
from modicum.plan.precision import of_name
from modicum.plan.speed import EFFICIENCY, TESTED, Efficiency, engine_for, measured_as, read_bytes, roofline
from tests.plan.shapes import shape

PERFECT = Efficiency(bandwidth=1, compute=1, layer_us=0, sequence_us=0, experts=1)


def test_half_of_the_published_speeds_it_was_not_fitted_on_lie_within_thirty_per_cent() -> None:
    tested = [row for row in published.rows() if row.half == "test"]
    asked = [row for row in tested if row.kind in ("vllm", "llama.cpp")]
    assert len(asked) >= 10 and {"vLLM", "SGLang", "llama.cpp"} <= {row.engine.split()[0] for row in asked}
    assert statistics.median(abs(row.error()) for row in asked) <= 0.30
    assert statistics.median(abs(row.error()) for row in tested) <= 0.30


def test_each_engine_alone_lies_within_thirty_per_cent() -> None:
    within = {name: median for name, rows, median, _ in published.summary(published.rows()) if name.startswith("test, ") and rows >= 10}
    assert {"test, vLLM", "test, SGLang", "test, llama.cpp"} <= set(within)
    assert max(within.values()) <= 0.30


def test_what_the_plan_says_of_its_errors_is_what_they_are() -> None:
    name, rows, median, within = published.summary(published.rows())[0]
    assert (name, rows, round(median, 2), round(within, 2)) == ("test", *TESTED)


def test_no_fit_is_better_than_the_factors() -> None:
    found = [row for row in published.rows() if row.half == "fit"]
    fitted = published.fit(published.rows())

    def size(row: published.Row, reached: Efficiency) -> float:
        return abs(math.log(row.predicted(reached) / row.measured))

    now = sum(size(row, EFFICIENCY[row.key]) for row in found)
    best = sum(size(row, fitted[row.key]) for row in found)
    assert best <= now <= best * 1.02
    assert set(fitted) == set(EFFICIENCY), "every factor has measurements behind it"


def test_the_test_half_has_no_pair_of_machine_and_model_that_was_fitted() -> None:
    halves: dict[str, set[tuple[str, str, str]]] = {"fit": set(), "test": set(), "aside": set()}
    for row in published.rows():
        halves[row.half].add((row.kind, row.machine.id, row.model))
    assert not halves["fit"] & halves["test"]
    fitted = {pair[:2] for pair in halves["fit"]}
    assert {pair[:2] for pair in halves["aside"]} <= fitted, "what stands aside is what was on a machine of the fit"
    assert all(row.url.startswith("https://") and row.date for row in published.rows())


def test_one_caller_waits_for_the_weights() -> None:
    line = roofline(shape("llama-3.1-8b"), machine("a100-80gb"), of_name("bf16"), reached=PERFECT)
    read = (8.03e9 - 128256 * 4096) * 2  # a table of embeddings is looked up, not read
    assert line.step_s(1, 0) == pytest.approx(read / 2039e9, rel=0.001)


def test_a_prompt_waits_for_the_arithmetic() -> None:
    llama = shape("llama-3.1-8b")
    line = roofline(llama, machine("a100-80gb"), of_name("bf16"), reached=PERFECT)
    linear = 2 * (llama.parameters - 2 * 128256 * 4096) * 2048
    attention = 4 * 32 * 128 * 32 * 2048 * 1024
    assert line.prefill_s(2048) == pytest.approx((linear + attention) / 312e12, rel=0.001)
    assert line.prefill_s(1) == pytest.approx(read_bytes(llama, of_name("bf16"), 1) / 2039e9, rel=0.001), "one token waits for the weights"


def test_a_batch_answers_more_together_and_each_of_them_more_slowly() -> None:
    line = roofline(shape("qwen3-8b"), machine("h100"), of_name("bf16"))
    steps = [line.step_s(many, 1000) for many in (1, 8, 64, 512)]
    assert steps == sorted(steps)
    rates = [many / step for many, step in zip((1, 8, 64, 512), steps, strict=True)]
    assert rates == sorted(rates) and rates[1] > 6 * rates[0]


def test_a_run_to_the_last_answer_ends_with_few_of_them() -> None:
    """Against calls drawn one by one: exponential lengths, a place taken again as soon as it is free."""
    line = roofline(shape("llama-3.1-8b"), machine("a100-80gb"), of_name("bf16"), reached=replace(PERFECT, sequence_us=40))
    draw = random.Random(7)
    calls, places, mean = 400, 100, 150
    took = []
    for _ in range(20):
        waiting = [max(1, round(draw.expovariate(1 / mean))) for _ in range(calls)]
        at, working = 0.0, [waiting.pop() for _ in range(places)]
        while working:
            steps = min(working)
            at += steps * line.step_s(len(working), 75)
            left = [one - steps for one in working if one > steps]
            working = left + [waiting.pop() for _ in range(min(len(waiting), places - len(left)))]
        took.append(at)
    assert line.batch_s(calls, places, 0, mean) == pytest.approx(statistics.mean(took), rel=0.08)
    assert line.batch_s(places, places, 0, mean) > mean * line.step_s(places, 75), "the longest answer is longer than the mean one"


def test_a_longer_context_is_slower() -> None:
    line = roofline(shape("qwen3-8b"), machine("rtx-3090"), of_name("q4_k_m"))
    assert line.step_s(1, 100) < line.step_s(1, 10_000) < line.step_s(1, 100_000)
    assert line.prefill_s(1000) < line.prefill_s(1000, before=30_000)
    assert line.engine == "llama.cpp"


def test_a_step_of_few_tokens_reads_few_experts_and_one_of_many_reads_all() -> None:
    mixture, bits = shape("qwen3-30b-a3b"), of_name("bf16")
    one, all_of_them = read_bytes(mixture, bits, 1), read_bytes(mixture, bits, 100_000)
    table = 2048 * 151936 * 2
    assert one == pytest.approx(mixture.active * 2 - table) and all_of_them == pytest.approx(mixture.parameters * 2 - table, rel=1e-6)
    between = [read_bytes(mixture, bits, tokens) for tokens in (1, 2, 8, 32, 128)]
    assert between == sorted(between) and between[1] < 2 * between[0]
    unknown = replace(mixture, experts=None, experts_active=None)
    assert one * 0.9 < read_bytes(unknown, bits, 1) < read_bytes(unknown, bits, 8) < all_of_them * 1.01


def test_two_cards_are_at_most_twice_as_fast() -> None:
    single, double = (roofline(shape("qwen3-8b"), machine("rtx-3090"), of_name("awq"), cards=cards) for cards in (1, 2))
    assert single.step_s(8, 1000) / 2 < double.step_s(8, 1000) < single.step_s(8, 1000)


def test_the_engine_is_one_that_runs_there() -> None:
    assert engine_for(machine("rtx-3090"), of_name("awq")) == "vllm"
    assert engine_for(machine("rtx-3090"), of_name("q4_k_m")) == "llama.cpp"
    assert engine_for(machine("mac-mini-m4-16gb"), of_name("bf16")) == "llama.cpp"
    assert engine_for(machine("rx-7900-xtx"), of_name("awq")) == "llama.cpp"
    assert engine_for(machine("mi300x"), of_name("fp8")) == "vllm"
    assert measured_as("vllm", machine("mi300x")) == ("vllm", "hopper"), "not measured: taken as Hopper, and said so"


def test_many_callers_of_llama_cpp_are_told_from_one() -> None:
    tested = [row for row in published.rows() if row.half == "test" and row.kind == "llama.cpp" and row.asked.get("at_once", 1) > 4]
    assert {row.machine.id for row in tested} == {"dgx-spark", "m2-ultra"} and len(tested) == 12
    assert statistics.median(abs(row.error()) for row in tested) <= 0.30
    here = roofline(shape("llama-3.1-8b"), machine("mac-mini-m4-16gb"), of_name("q4_k_m"))
    alone = here.step_s(1, 1000)
    assert here.step_s(8, 1000) > 2 * alone, "eight do not ride along with one"
    assert replace(here, reached=replace(here.reached, beside=None)).step_s(1, 1000) == alone


def test_the_page_shows_what_the_benchmark_prints() -> None:
    page = (Path(__file__).parents[2] / "docs" / "plan.md").read_text(encoding="utf-8")
    found = published.rows()
    assert "\n".join(published.summed(found)) in page
    assert "\n".join(published.sources(found)) in page
