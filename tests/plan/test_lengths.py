"""What a machine is sized for: long calls, not mean ones; and what is said where they are too long."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.plan import plan
from modicum.plan.lengths import lengths, percentile, too_long
from modicum.plan.machines import machine
from modicum.plan.traffic import Traffic, declared, gather
from modicum.types import Call, Usage, new_call_id
from tests.plan.shapes import shape

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)


def traffic(*prompts: int) -> Traffic:
    return gather(
        Call(
            call_id=new_call_id(),
            scope="a",
            origin="live",
            started_at=NINE + timedelta(minutes=minute),
            request_model="m",
            usage=Usage(input_tokens=prompt, output_tokens=100),
            status=200,
        )
        for minute, prompt in enumerate(prompts)
    )


def test_the_longest_twentieth_where_it_is_known_else_the_mean() -> None:
    assert lengths((900.4, 40.0), (3000, 200)).together == 3200
    assert lengths((900.4, 40.0)).together == 940 and not lengths((900.4, 40.0), (3000, None)).is_p95
    assert lengths((0.0, 0.0)).together == 2, "a call has a token each way"


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=300))
def test_no_more_than_a_twentieth_is_longer(values: list[int]) -> None:
    found = percentile(Counter(values))
    assert found in values
    assert sum(value > found for value in values) <= 0.05 * len(values) < sum(value >= found for value in values) + 1e-9
    assert percentile(Counter()) is None


def test_memory_and_the_first_token_are_those_of_long_calls_and_the_cost_that_of_the_mean() -> None:
    short, mixed = traffic(*[500] * 100), traffic(*[100] * 94, *[6767] * 6)
    assert mixed.mean_input_tokens == pytest.approx(short.mean_input_tokens, rel=0.01)
    mean, long = (plan(shape("qwen3-8b"), machine("rtx-3090"), traffic=one) for one in (short, mixed))
    assert (mean.context, long.context, long.input_tokens) == (600, 6867, 6767)
    assert long.footprint.cache > 11 * mean.footprint.cache and (long.first_token_s or 0) > 10 * (mean.first_token_s or 1)
    assert long.running is not None and mean.running is not None
    assert float(long.running.usd_month) == pytest.approx(float(mean.running.usd_month), rel=0.02)
    assert (long.running.seconds_a_long_call or 0) > 1.5 * long.running.seconds_a_call
    only_means = plan(shape("qwen3-8b"), machine("rtx-3090"), traffic=declared(100, 500, 100)).running
    assert only_means is not None and only_means.seconds_a_long_call is None


def test_prompts_longer_than_the_model_or_the_memory_are_said_plainly() -> None:
    long = traffic(*[2_000] * 18, *[48_000] * 2)
    short = replace(shape("qwen3-8b"), context=40_960)
    (said,) = [note for note in plan(short, machine("h100"), traffic=long).notes if "made for" in note]
    assert said == "1 call in 20 needs 48,100 tokens and more, qwen3-8b was made for 40,960: those calls cannot go there"
    small = plan(shape("llama-3.1-8b"), machine("rtx-3060-12gb"), traffic=long)
    assert not small.fits and any("a call of the mean 6,700 tokens would fit, one of 48,100 does not" in note for note in small.notes)
    assert any(
        "a context of 8,192 cuts them off" in note
        for note in plan(shape("llama-3.1-8b"), machine("h100"), traffic=long, context=8192).notes
    )
    assert not plan(shape("llama-3.1-8b"), machine("h100"), traffic=traffic(*[500] * 20)).notes


def test_one_call_that_is_too_long_is_said_too() -> None:
    asked = lengths((100, 10), (200, 20), longest_tokens=50_000)
    (said,) = too_long(replace(shape("qwen3-8b"), context=40_960), asked, 8192)
    assert said.startswith("the longest call has 50,000 tokens")
    assert not list(too_long(replace(shape("qwen3-8b"), context=None), asked, 8192))
