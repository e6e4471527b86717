"""What a machine can run: what fits is there, what does not is counted, and the order is one that helps."""

from __future__ import annotations

from modicum.catalog.cards import Cards
from modicum.plan import listing, plan
from modicum.plan.choosing import READ_TOKENS_S, choose
from modicum.plan.machines import machine
from modicum.plan.shape import from_card

CARDS = Cards.open().all()


def test_what_fits_is_what_a_plan_of_it_alone_says() -> None:
    one = machine("rtx-3090")
    found = choose(CARDS, [one], context=16384)
    fitting = {choice.model for choice in found.fitting}
    assert {"qwen3-8b", "gpt-oss-20b", "llama-3.1-8b"} <= fitting and "llama-3.1-405b" in found.too_large
    for card in CARDS:
        if card.id in fitting:
            assert plan(from_card(card), one, context=16384).fits
    language = {card.id for card in CARDS if card.kind == "llm" and card.is_open}
    assert fitting | set(found.too_large) | set(found.unknown) | set(found.too_short) == language


def test_the_largest_that_is_fast_enough_comes_first_and_the_slow_ones_last() -> None:
    found = choose(CARDS, [machine("mac-mini-m4-16gb")]).fitting
    fast = [choice for choice in found if choice.is_fast]
    assert fast and list(found[: len(fast)]) == fast
    assert [choice.parameters for choice in fast] == sorted((choice.parameters for choice in fast), reverse=True)
    slow = [choice.plan.alone_tokens_s or 0 for choice in found[len(fast) :]]
    assert slow == sorted(slow, reverse=True) and all(speed < READ_TOKENS_S for speed in slow)


def test_of_several_machines_the_fastest_that_holds_it_is_named() -> None:
    found = {choice.model: choice.plan.machine for choice in choose(CARDS, [machine("rtx-4090"), machine("h100")]).fitting}
    assert found["llama-3.3-70b"] == "h100" and found["qwen3-0.6b"] in ("h100", "rtx-4090")
    assert set(found.values()) <= {"h100", "rtx-4090"}


def test_a_longer_context_leaves_fewer_and_models_that_were_not_made_for_it_are_counted_apart() -> None:
    short, long = (choose(CARDS, [machine("rtx-3090")], context=context) for context in (2048, 100_000))
    assert len(long.fitting) < len(short.fitting) and len(long.too_short) > len(short.too_short)


def test_the_list_is_short_says_what_is_left_and_how_to_ask_on() -> None:
    one = machine("h100")
    found = choose(CARDS, [one])
    shown = listing.models(found, [one], width=140)
    assert len(shown.splitlines()) < listing.SHOWN + 10 and "--all-models" in shown
    assert f"{len(found.fitting)} fit" in shown and f"--model {found.fitting[0].model} --machine h100" in shown
    every = listing.models(found, [one], all_of_them=True, width=140)
    assert all(choice.model in every for choice in found.fitting)
    assert "No open language model" in listing.models(choose([], [one]), [one])


def test_the_list_says_in_which_order_it_is() -> None:
    big, small, slow = machine("h100"), machine("mac-mini-m4-16gb"), machine("cpu-desktop-ddr5")
    assert "tokens, the largest first:" in listing.models(choose(CARDS, [big]), [big], width=160)
    assert "then those slower than 10 tokens a second" in listing.models(choose(CARDS, [small]), [small], width=160)
    large = [card for card in CARDS if card.id in ("qwen3-32b", "qwen2.5-72b")]
    assert "tokens, the quickest first:" in listing.models(choose(large, [slow]), [slow], width=160)
