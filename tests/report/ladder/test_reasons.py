"""What a model writes to itself before it answers: in the price where that cannot be switched off, in the interval where it may happen."""

import dataclasses
import io
from decimal import Decimal

import pytest
from rich.console import Console

from modicum.catalog import Catalogue
from modicum.catalog.card import Abilities
from modicum.catalog.cards import Cards
from modicum.intake.declared import Declared
from modicum.report.ladder import LadderSettings, declared_ladders, with_ladders
from modicum.report.ladder.reasons import ALWAYS, thinking
from modicum.report.ladder.text import show
from tests.report.ladder_records import SOLD, big, built, card, cards, one, rung, score, seeing, simple_rules, small
from tests.report.records import NOW, days, report

REASONS: Abilities = dataclasses.replace(seeing("text"), reasoning=True)
MINI = card("o3-mini", abilities=REASONS)
PRICED = {**SOLD, "o3-mini": SOLD["small"]}
MONTH = 30.44


def close(value: Decimal | None, to: float) -> bool:
    return value is not None and float(value) == pytest.approx(to, abs=1e-4)


def test_what_always_reasons_pays_for_it_in_its_price_and_both_ways_in_its_interval() -> None:
    its = rung(one(days(10), MINI, sold=PRICED), "same_laboratory")
    # 1,000 tokens at $1 a million, 100 and 200 of reasoning at $2.
    assert (its.usd_call, its.reasons, its.thinking_tokens) == (Decimal("0.0016"), "always", 200)
    assert its.saving is not None and close(its.saving.usd_month, 0.95 * (1.2 - 0.16) * MONTH)
    low, estimate, high = its.saving.low_usd_month, its.saving.usd_month, its.saving.high_usd_month
    assert low is not None and estimate is not None and high is not None and low < estimate < high
    # Up to four times as much: 700 tokens more than in the estimate at most, down to 150 less.
    exact = LadderSettings(token_ratio=0.0)
    alone = rung(one(days(10), MINI, sold=PRICED, settings=exact), "same_laboratory").saving
    assert alone is not None and alone.low_usd_month is not None and alone.high_usd_month is not None and alone.usd_month is not None
    per_token = 0.95 * MONTH * 100 * 2e-6
    assert 0 < float(alone.usd_month - alone.low_usd_month) < 600 * per_token
    assert 0 < float(alone.high_usd_month - alone.usd_month) < 150 * per_token
    assert any("cannot be switched off: 200 tokens of it a call are taken, 50 to 800 in the interval" in said for said in its.assumptions)


def test_what_the_incumbent_reasons_is_counted_once() -> None:
    usage = days(10, request_model="o1", response_model="o1")
    its = rung(one(usage, card("o1", abilities=REASONS), MINI, sold={**PRICED, "o1": SOLD["big"]}), "same_laboratory")
    assert (its.usd_call, its.reasons) == (Decimal("0.0012"), None)


def test_what_may_reason_is_asked_not_to() -> None:
    its = rung(one(days(10), small(abilities=REASONS)), "same_laboratory")
    assert (its.usd_call, its.reasons) == (Decimal("0.0012"), "may")
    assert its.needs[1] == "ask it not to reason (`reasoning_effort`, `thinking`)"


def test_the_terminal_says_why_an_estimate_stands_at_the_end_of_its_interval() -> None:
    usage = days(10)
    made = report(usage, catalogue=Catalogue(PRICED))

    def shown(*known: object) -> str:
        full = with_ladders(made, usage, cards=cards(*known, sold=PRICED), catalogue=Catalogue(PRICED), settings=LadderSettings())  # type: ignore[arg-type]
        out = io.StringIO()
        show(Console(file=out, width=240), full)
        return " ".join(out.getvalue().split())

    assert "Reasoning: for small the estimate supposes that this is switched off, and so stands at or near the upper limit" in shown(
        small(abilities=REASONS)
    )
    assert "Reasoning: o3-mini cannot be asked not to; 200 tokens of it a call are in the price" in shown(MINI)
    assert "Reasoning:" not in shown(small())


def test_own_machines_work_on_what_is_written_before_the_answer() -> None:
    busy = days(10, calls=20_000, input_tokens=20_000_000, output_tokens=200_000)
    real = Cards.open().get("gpt-oss-20b")
    silent, thinks = (
        rung(one(busy, real, sold=PRICED, settings=LadderSettings(thinking_tokens=tokens)), "open_own") for tokens in (0, 200)
    )
    assert silent.usd_call is not None and thinks.usd_call is not None and thinks.usd_call > silent.usd_call
    assert thinks.reasons == "always" and any(said.startswith("It always reasons") for said in thinks.assumptions)


def test_one_cheap_model_for_all_that_always_reasons_is_charged_for_it() -> None:
    known = (dataclasses.replace(MINI, scores=(score("classify"),)), big(scores=(score("classify"),)))
    made, found = built(days(10), *known, sold=PRICED)
    its = simple_rules(days(10), made, found, *known)
    assert its.honest_model == "o3-mini" and close(its.honest_usd_month, 0.16 * MONTH)


def test_a_declared_list_has_the_interval_of_what_is_supposed() -> None:
    rows = [Declared(name="a", task="classify", calls_month=100_000, input_tokens=1000, output_tokens=100, model="big")]  # type: ignore[arg-type]
    for known, room in ((small(abilities=REASONS), "what it may write while it reasons"), (small(), "the tokens that it counts")):
        (its,) = declared_ladders(rows, cards=cards(known), catalogue=Catalogue(SOLD), now=NOW)
        saving = rung(its, "same_laboratory").saving
        assert (
            saving is not None
            and saving.usd_month == 1026
            and saving.method.startswith("declared; 95 % interval")
            and room in saving.method
        )
        assert saving.low_usd_month is not None and saving.high_usd_month is not None
        assert saving.low_usd_month < saving.usd_month <= saving.high_usd_month
        # All that varies is what is supposed: 20 % of $120, and 200 tokens at $2 a million.
        assert saving.low_usd_month > Decimal(1026) - Decimal("0.95") * (24 + 48)
    assert rung(its, "incumbent_batch").saving is not None and rung(its, "incumbent_batch").saving.low_usd_month is None  # type: ignore[union-attr]


def test_the_models_named_are_in_the_catalogue() -> None:
    known = {each.id: each for each in Cards.open().all()}
    assert set(ALWAYS) <= set(known)
    for name, source in ALWAYS.items():
        assert thinking(known[name], None, 200).reasons == "always" and source.url.startswith("https://")
    assert thinking(known["gpt-5.1"], None, 200).reasons == "may"
