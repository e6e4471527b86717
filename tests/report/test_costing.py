"""One truth about cost: whatever rows the store sums calls up in, they cost what the calls cost one by one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from modicum.backends.priced import priced
from modicum.catalog import Catalogue, cost, tiers
from modicum.catalog.compiled import compiled
from modicum.catalog.contexts import context_tokens, is_possible
from modicum.catalog.listed import Listed
from modicum.config import Config, load
from modicum.report.costing import NO_MODEL, cost_of, list_cost, model_of
from modicum.report.gather import gather
from modicum.report.invoiced import held_against
from modicum.report.ladder.bill import bill
from modicum.report.look import traffic
from modicum.report.money import spend_by
from modicum.report.quality import gaps
from modicum.report.spend import spend, spend_by_workload, with_cost
from modicum.report.unseen import handed_out
from modicum.store.alike import STEPS
from modicum.store.calls import Calls
from modicum.store.segments import SegmentWriter
from modicum.types import Call, Decision, Reason, Usage, new_call_id
from tests.report.records import FIRST, row

START = datetime(2026, 10, 1, 9, tzinfo=UTC)
MICRO = Decimal("0.000001")
MODELS = ("gpt-4o", "gpt-4o-2024-08-06", "gemini-2.5-pro", "claude-sonnet-4-20250514", "nobody-knows-it", "own", None)


def some_calls(seed: int, count: int) -> Iterator[Call]:
    """Calls with a recorded cost (nothing, something) and without one, of unknown models, cached, in batches, broken off, refused."""
    dice = random.Random(seed)
    for _ in range(count):
        model = dice.choice(MODELS)
        sent = dice.choice((0, 12, 900, 31_999, 32_001, 199_000, 200_001, 300_000, 900_000))
        got = dice.choice((0, 3, 700))
        read = dice.choice((0, 0, sent // 2, sent, sent + 1))
        write = dice.choice((0, 0, max(0, sent - read) // 2))
        fields: dict[str, Any] = {
            "usage": Usage(
                input_tokens=sent,
                output_tokens=got,
                cache_read_tokens=dice.choice((None, read)),
                cache_write_tokens=dice.choice((None, write)),
                cache_write_1h_tokens=dice.choice((None, 0, write // 2)),
                audio_output_tokens=dice.choice((None, None, got // 2)),
                estimated=dice.random() < 0.2,
            ),
            "status": 200,
            "cost_usd": dice.choice((None, None, None, Decimal(0), Decimal("0.0000021"), Decimal("0.123456789012"))),
        }
        what = dice.random()
        if what < 0.1:  # a stream that broke before it said what it used
            fields |= {"usage": Usage(), "cost_usd": dice.choice((None, Decimal("0.5")))}
        elif what < 0.2:
            fields |= {"usage": Usage(), "cost_usd": None, "status": dice.choice((400, 429, 499, 500))}
        elif what < 0.25:
            fields |= {"usage": Usage(input_tokens=sent), "status": 502}
        elif what < 0.3:
            fields |= {"cost_usd": Decimal(0), "decision": Decision(reason="answered", workload_id=None, answered_by="modicum/w")}
        elif what < 0.4:  # a route's other model was asked, and its answer not given, only compared, or given
            fields |= asked_first(dice, fields)
        yield Call(
            call_id=new_call_id(),
            started_at=START + timedelta(minutes=dice.randrange(6 * 1440)),
            scope=dice.choice(("default", "other")),
            conversation_id=dice.choice((None, "a", "b")),
            request_model=dice.choice((model, "gpt-4o", None)),
            response_model=model,
            provider=dice.choice((None, "openai", "anthropic", "google", "azure")),
            service_tier=dice.choice((None, None, "batch", "flex", "default")),
            key_id=dice.choice((None, "k1")),
            client_id=dice.choice((None, "c1", "c2")),
            tags=dice.choice(((), ("prod",))),
            request=dice.choice((None, b'{"messages": [{"role": "user", "content": "hello"}]}')),
            **fields,
        )


def asked_first(dice: random.Random, fields: dict[str, Any]) -> dict[str, Any]:
    usd = dice.choice((None, Decimal(0), Decimal("0.0000017"), Decimal("0.25")))
    reasons: tuple[Reason, ...] = ("below_threshold", "failed", "shadow", "control", "answered")
    reason = dice.choice(reasons)
    if reason == "answered":
        stage = Decision(
            reason=reason, answered_by="modicum/w@1", stage_model="small/tiny", stage_usage=fields["usage"], stage_cost_usd=usd
        )
        return {"decision": stage, "cost_usd": usd, "status": 200}
    usage = dice.choice((None, Usage(input_tokens=dice.randrange(500), output_tokens=7)))
    model = dice.choice(("small/tiny", "other/a/b", "small/gpt-4o"))
    return {"decision": Decision(reason=reason, answered_by="gpt-4o", stage_model=model, stage_usage=usage, stage_cost_usd=usd)}


def one_by_one(calls: list[Call], catalogue: Catalogue) -> tuple[Decimal, int]:
    """(dollars, calls of unknown cost), as somebody would work it out by hand."""
    usd, unknown = Decimal(0), 0
    for call in calls:
        ours = call.decision is not None and call.decision.reason == "answered"
        if call.decision is not None and not ours:
            usd += call.decision.stage_cost_usd or 0
        if ours or call.cost_usd is not None:
            usd += call.cost_usd or 0
            continue
        if call.status and call.status >= 400 and call.status != 499 and call.usage.input_tokens is None:
            continue
        found = None
        longest = max(call.usage.input_tokens or 0, call.usage.output_tokens or 0)
        names, day = (call.response_model, call.request_model), call.started_at.date()
        if not is_possible(longest, names, day, catalogue, provider=call.provider):
            unknown += 1
            continue
        for model in dict.fromkeys((call.response_model, call.request_model)):
            price = model and tiers.price(
                catalogue,
                model,
                call.started_at.date(),
                input_tokens=call.usage.input_tokens or 0,
                provider=call.provider,
                service_tier=call.service_tier,
            )
            if price:
                found = cost(price, call.usage)
                break
        usd += found or 0
        unknown += found is None
    return usd, unknown


def kept(config: Config, calls: list[Call], *, compacted: bool) -> None:
    found, writer = Calls(config.home), SegmentWriter(config.home)
    for call in calls:
        writer.append(call)
    writer.close()
    if compacted:
        found.compact()


@pytest.mark.parametrize(("seed", "compacted"), [(1, True), (2, False)])
def test_the_report_and_spend_agree_to_the_micro_dollar(tmp_path: Path, seed: int, compacted: bool) -> None:
    toml = tmp_path / "modicum.toml"
    toml.write_text('[prices."own"]\ninput_usd_mtok = 1.1\noutput_usd_mtok = 3.3\nrequest_usd = 0.01\nsource = "contract"\n')
    config = load(toml, flags={"store.home": tmp_path / "home"})
    calls = list(some_calls(seed, 700))
    kept(config, calls, compacted=compacted)
    catalogue = Catalogue(*priced(config))
    usd, unknown = one_by_one(calls, catalogue)
    assert usd > 1 and unknown > 10

    for by in (["model"], ["day", "provider"], ["key", "client", "tag", "hour", "size", "workload", "scope"]):
        lines = spend_by(config, by)  # type: ignore[arg-type]
        assert abs(sum((line.cost_usd or Decimal(0) for line in lines), Decimal(0)) - usd) < MICRO, by
        assert sum(line.calls_of_unknown_cost for line in lines) == unknown

    report = gather(config)
    assert report.totals.spend_usd is not None and abs(report.totals.spend_usd - usd) < MICRO
    assert report.totals.unpriced_calls == unknown
    for parts in (report.models, report.scopes, report.trend.slices if report.trend else ()):
        assert abs(sum((part.spend_usd or Decimal(0) for part in parts), Decimal(0)) - usd) < MICRO
    by_model = {line.names["model"]: line.cost_usd for line in spend_by(config, ["model"])}
    for model in report.models:
        # A specialist's answers cost nothing and are no model's on the page.
        mine, theirs = model.spend_usd, by_model[None if model.model == NO_MODEL else model.model]
        assert (mine or Decimal(0)) == pytest.approx(theirs or Decimal(0), abs=MICRO), model.model


def test_conversations_cost_the_same(tmp_path: Path) -> None:
    config = load(None, flags={"store.home": tmp_path / "home"})
    calls = list(some_calls(3, 200))
    kept(config, calls, compacted=True)
    theirs = [one for one in calls if one.decision is None or one.decision.reason != "answered"]
    answered = [one for one in theirs if one.conversation_id and (one.status or 200) < 400]
    # What a conversation costs is what was asked in it, not what a route asked beside.
    usd, _ = one_by_one([replace(one, decision=None) for one in answered], Catalogue(*priced(config)))
    found = traffic(config)
    assert found.calls_in_conversations == len(answered)
    assert found.conversation_spend_usd is not None and abs(found.conversation_spend_usd - usd) < MICRO
    assert abs(sum((one.spend_usd or Decimal(0) for one in found.conversations), Decimal(0)) - usd) < MICRO


def test_every_length_at_which_a_listed_price_rises_is_a_step() -> None:
    found: set[int] = set()

    def look(value: Any) -> None:
        if isinstance(value, list | tuple):
            if len(value) == 2 and isinstance(value[0], int) and isinstance(value[1], str):
                found.add(value[0])
            for one in value:
                look(one)
        elif isinstance(value, dict):
            for one in value.values():
                look(one)

    import msgspec

    look(msgspec.json.decode(compiled()))
    assert found and found <= set(STEPS), sorted(found - set(STEPS))
    assert Listed(compiled())


def test_what_was_written_down_comes_before_the_list() -> None:
    catalogue = Catalogue({"big": {"input_usd_mtok": "10", "output_usd_mtok": "20", "source": "ours"}})
    plain = row()
    assert cost_of(plain, catalogue) == Decimal("1.2") == list_cost(plain, catalogue)
    cached = row(calls_without_cost=0)
    assert cost_of(cached, catalogue) == 0 and list_cost(cached, catalogue) == Decimal("1.2")
    contract = row(calls_without_cost=0, cost_usd=Decimal("0.9"))
    assert cost_of(contract, catalogue) == Decimal("0.9")
    assert cost_of(row(request_model="x", response_model=None), catalogue) is None
    assert cost_of(row(calls_without_usage=100), catalogue) is None
    assert cost_of(row(sound=False), catalogue) is None
    assert cost_of(row(refused=True, calls_without_usage=100), catalogue) == 0
    assert cost_of(row(specialist=True, request_model="x", response_model="modicum/w"), catalogue) == 0
    assert model_of(row(request_model=None, response_model=None)) == NO_MODEL


def test_a_bill_keeps_what_a_contract_takes_off_and_what_a_cache_answers() -> None:
    catalogue = Catalogue({"big": {"input_usd_mtok": "10", "output_usd_mtok": "20", "source": "ours"}})
    contract = row(calls_without_cost=0, cost_usd=Decimal("0.9"))  # a quarter off
    cached = row(1, calls_without_cost=0, cost_usd=Decimal(0))
    found = bill([contract, cached], [FIRST, FIRST + timedelta(days=1)], catalogue)
    assert found.by_day.tolist() == [0.9, 0.0]
    big = catalogue.price("big", date(2026, 10, 1))
    assert big is not None
    half = replace(big, input_usd_mtok=Decimal(5), output_usd_mtok=Decimal(10))
    in_batches = found.at(lambda _: half, ours=True)
    assert in_batches is not None and in_batches.by_day.tolist() == [0.45, 0.0], "half of what is paid, not of what is listed"
    elsewhere = found.at(lambda _: half)
    assert elsewhere is not None and elsewhere.by_day.tolist() == [0.6, 0.0], "a cache in front answers for any model behind it"
    free = bill([cached], [FIRST], catalogue).at(lambda _: half)
    assert free is not None and free.usd_call == Decimal("0.006"), "where all is free today, another model is not"


def long_call(tokens: int, number: int = 0, **fields: Any) -> Call:
    defaults: dict[str, Any] = {
        "call_id": new_call_id(),
        "started_at": START + timedelta(minutes=number),
        "conversation_id": "talk",
        "request_model": "gpt-4o",
        "status": 200,
        "usage": Usage(input_tokens=tokens, output_tokens=10),
    }
    return Call(**(defaults | fields))


@pytest.mark.parametrize("compacted", [True, False])
def test_a_usage_that_cannot_be_is_set_aside_everywhere(tmp_path: Path, compacted: bool) -> None:
    """One log line of 10^12 tokens must not make a bill of millions, nor take the sound calls of its day with it."""
    config = load(None, flags={"store.home": tmp_path / "home"})
    sound = [long_call(1_000, number) for number in range(40)] + [long_call(200_000)]
    wrong = [
        long_call(10**12),
        long_call(300_000),  # more than twice of what gpt-4o takes
        long_call(9, usage=Usage(input_tokens=9, output_tokens=10**9)),
        long_call(10**8, request_model="nobody-knows-it"),
        long_call(9, usage=Usage(input_tokens=9, output_tokens=1, cache_read_tokens=10)),
    ]
    paid = long_call(10**12, cost_usd=Decimal("0.25"))
    kept(config, [*sound, *wrong, paid], compacted=compacted)
    right = Decimal(41 * 10) * 10 / 10**6 + Decimal(240_000) * Decimal("2.5") / 10**6 + Decimal("0.25")

    report = gather(config)
    assert report.totals.spend_usd == right
    assert (report.totals.impossible_calls, report.totals.unpriced_calls, report.totals.calls_without_usage) == (5, 5, 0)
    (gap,) = (gap for gap in gaps(report) if gap.name == "whose usage cannot be")
    assert gap.number == 5 and gap.matters
    assert not any(gap.number for gap in gaps(report) if gap.name == "of unknown price")
    assert any("a usage that cannot be" in note for note in report.notes)

    lines = spend_by(config, ["model"])
    assert sum(line.cost_usd or 0 for line in lines) == right
    assert sum(line.input_tokens for line in lines) == 240_000 and sum(line.calls_of_unknown_cost for line in lines) == 5

    found = traffic(config)
    assert found.conversation_spend_usd == right and found.conversations[0].input_tokens == 240_000
    assert all((its.input_tokens_p95 or 0) < 10**7 for its in found.workloads.values())

    invoice = tmp_path / "usage.json"
    invoice.write_text(
        '{"object": "page", "data": [{"object": "bucket", "start_time": 1790812800, "end_time": 1790899200, "results": [{"object":'
        ' "organization.usage.completions.result", "input_tokens": 240000, "output_tokens": 410, "input_cached_tokens": 0,'
        ' "num_model_requests": 41, "model": "gpt-4o"}]}], "has_more": false}'
    )
    reconciled, _ = held_against(config, [invoice])
    assert reconciled.recorded_usd == right


def test_a_workload_is_listed_without_what_cannot_be() -> None:
    config = Config()
    rows = [
        row(request_model="gpt-4o", response_model=None, longest=1_200),
        row(1, request_model="gpt-4o", response_model=None, longest=10**7),
    ]
    assert spend_by_workload(config, rows) == {"w1": Decimal("0.35")}


def test_how_long_a_call_can_be() -> None:
    catalogue, day = Catalogue({"own": {"input_usd_mtok": "1", "output_usd_mtok": "1", "source": "ours"}}), date(2026, 10, 1)
    assert context_tokens("gpt-4o") == 128_000 == context_tokens("openai/gpt-4o-2024-08-06") and context_tokens("own") is None
    assert is_possible(256_000, ("gpt-4o",), day, catalogue) and not is_possible(256_001, ("gpt-4o",), day, catalogue)
    assert not is_possible(300_000, ("a-deployment", "gpt-4o"), day, catalogue)
    assert is_possible(900_000, ("gemini-2.5-flash", "gpt-4o"), day, catalogue), "an alias in front of a longer model"
    assert is_possible(5_000_000, ("own", None), day, catalogue) and is_possible(5_000_000, (), day, catalogue)
    assert is_possible(900_000, ("claude-sonnet-4-5",), day, catalogue), "the list sells inputs that the card does not know of"
    assert is_possible(8_192, ("bert-base",), day, catalogue)


def test_nothing_of_no_calls_is_known_to_be_nothing() -> None:
    catalogue = Catalogue()
    assert spend([], catalogue).known_usd == 0
    refused = spend([row(refused=True, calls_without_usage=100)], catalogue)
    assert refused.known_usd == 0 and refused.unpriced_calls == 0 and refused.mean_usd is None


@pytest.mark.parametrize("seed", range(20))
def test_calls_that_nobody_saw_cost_the_same_handed_out(seed: int) -> None:
    catalogue = Catalogue({"big": {"input_usd_mtok": "10", "output_usd_mtok": "20", "cache_read_usd_mtok": "1", "source": "ours"}})
    dice = random.Random(seed)
    rows = []
    for number in range(20):
        sent, seen = dice.randrange(1, 100_000), number % 2 == 0
        tokens = {"input_tokens": sent, "output_tokens": dice.randrange(1000), "cache_read_tokens": dice.choice((0, sent, sent // 2))}
        whose = dice.choice(("w1", "w2", None)) if seen else None
        rows.append(row(dice.randrange(5), workload_id=whose, seen=seen, calls=dice.randrange(1, 50), **tokens))
    before, after = spend(rows, catalogue), spend(handed_out(with_cost(rows, catalogue)), catalogue)
    assert abs(before.usd - after.usd) < MICRO and (before.calls, before.unpriced_calls) == (after.calls, after.unpriced_calls)
    assert all(list_cost(one, catalogue) is not None for one in handed_out(rows))
