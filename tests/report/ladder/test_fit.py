"""What a workload asks of a model and of who sells it, before what it costs there."""

from datetime import date

from modicum.catalog import Catalogue
from modicum.catalog.card import Limits, Released, Retirement
from modicum.intake.declared import Declared
from modicum.report.ladder import LadderSettings, declared_ladders
from modicum.report.rungs import Rung
from tests.report.ladder_records import (
    APACHE,
    SOLD,
    SOURCE,
    big,
    card,
    cards,
    ends,
    one,
    open_4b,
    rung,
    rungs,
    seeing,
    small,
    traffic,
    weights,
)
from tests.report.records import NOW, days, row, workload

LISTED = open_4b(id="llama-3.1-8b", names=("llama-3.1-8b-instruct",), weights=weights(8 * 10**9))
"""Sold by providers of the price list."""


def hard(found: Rung) -> list[str]:
    return [stands.kind for stands in found.obstacles if stands.hard]


def test_who_may_see_the_calls_is_asked_before_who_is_cheapest() -> None:
    anybody = rung(one(days(10), LISTED), "open_hosted")
    agreed = rung(one(days(10), LISTED, settings=LadderSettings(providers=("huggingface_cerebras",))), "open_hosted")
    assert anybody.provider == "novita (through Hugging Face)"
    assert agreed.provider == "cerebras (through Hugging Face)" and not agreed.blocked
    assert anybody.usd_call is not None and agreed.usd_call is not None and anybody.usd_call < agreed.usd_call


def test_where_nothing_may_leave_the_one_that_sees_the_calls_today_sells_it() -> None:
    there = days(10, provider="groq", request_model="llama-3.3-70b", response_model="llama-3.3-70b")
    large = open_4b(id="llama-3.3-70b", names=("llama-3.3-70b-versatile",), laboratory="Meta", weights=weights(70 * 10**9))
    sold = {**SOLD, "llama-3.3-70b": {"input_usd_mtok": "10", "output_usd_mtok": "20"}}
    named = open_4b(id="llama-3.1-8b", names=("llama-3.1-8b-instruct", "llama-3.1-8b-instant"), weights=weights(8 * 10**9))
    kept = rung(one(there, named, large, sold=sold, settings=LadderSettings(own_only=True)), "open_hosted")
    assert kept.provider == "Groq" and not kept.blocked


def test_a_smaller_model_is_sought_where_the_calls_are() -> None:
    lite = card("gpt-4o-mini", laboratory="OpenAI", sold_as="openai")
    full = card("gpt-4o", laboratory="OpenAI", sold_as="openai")
    there = days(10, request_model="gpt-4o", response_model="gpt-4o", provider="openrouter")
    for settings in (LadderSettings(), LadderSettings(own_only=True), LadderSettings(providers=("groq",))):
        found = rung(one(there, lite, full, settings=settings), "same_laboratory")
        assert found.provider == "OpenRouter" and not found.blocked
    elsewhere = days(10, request_model="gpt-4o", response_model="gpt-4o", provider="azure")
    assert rung(one(elsewhere, lite, full), "same_laboratory").provider == "OpenAI"
    assert rung(one(elsewhere, lite, full, settings=LadderSettings(own_only=True)), "same_laboratory").blocked


def test_a_model_of_unknown_context_does_not_lead_where_prompts_are_long() -> None:
    each = {"input_usd_mtok": "0.1", "output_usd_mtok": "0.2"}
    riddle = card("a-riddle", laboratory="theirs", weights=weights(), licence=APACHE, limits=None)
    known = card("known", laboratory="theirs", weights=weights(), licence=APACHE, limits=Limits(context_tokens=128_000, sources=SOURCE))
    long = traffic(input_tokens_p50=30_000, input_tokens_p95=48_000, output_tokens_p95=500)
    sold = {**SOLD, "a-riddle": each, "known": {"input_usd_mtok": "0.11", "output_usd_mtok": "0.22"}}
    its = one(days(10), riddle, known, told=long, sold=sold)
    assert [found.name for found in rungs(its, "open_hosted")] == ["known"]
    alone = rung(one(days(10), riddle, told=long, sold=sold), "open_hosted")
    assert hard(alone) == ["context"] and "half of the calls have 30,000 tokens or more" in alone.obstacles[0].text
    short = rung(one(days(10), riddle, told=traffic(input_tokens_p50=800, input_tokens_p95=9000), sold=sold), "open_hosted")
    assert not short.blocked and any(stands.kind == "context" for stands in short.obstacles)


def test_the_longest_answers_are_held_against_what_a_model_writes() -> None:
    limits = Limits(context_tokens=128_000, output_tokens=4096, sources=SOURCE)
    told = traffic(input_tokens_p95=2000, output_tokens_p95=6000)
    found = rung(one(days(10), small(limits=limits), told=told), "same_laboratory")
    assert hard(found) == ["context"]
    assert found.obstacles[0].text == "writes 4,096 tokens at most; the longest twentieth of the answers has 6,000 or more"
    near = rung(one(days(10), small(limits=limits), told=traffic(output_tokens_p95=3900)), "same_laboratory")
    assert not near.blocked and any(stands.text.startswith("writes 4,096") for stands in near.obstacles)


def test_a_longest_input_is_for_the_prompt_alone() -> None:
    limits = Limits(context_tokens=10_000, input_tokens=8000, output_tokens=4096, sources=SOURCE)
    fits = rung(one(days(10), small(limits=limits), told=traffic(input_tokens_p95=6000, output_tokens_p95=2000)), "same_laboratory")
    assert not fits.blocked
    together = rung(one(days(10), small(limits=limits), told=traffic(input_tokens_p95=7900, output_tokens_p95=3000)), "same_laboratory")
    assert hard(together) == ["context"] and together.obstacles[0].text.startswith("reads 10,000 tokens;")


def test_own_machines_have_room_for_the_long_calls() -> None:
    roomy = Limits(context_tokens=128_000, sources=SOURCE)
    usual = rung(one(days(10), open_4b(limits=roomy)), "open_own")
    assert "There is room for calls of 8,192 tokens: how long the longest are is not known." in usual.assumptions
    told = traffic(input_tokens_p50=900, input_tokens_p95=120_000, output_tokens_p95=400)
    long = rung(one(days(10), open_4b(limits=roomy), told=told), "open_own")
    assert "There is room for calls of 120,400 tokens: 95 of 100 prompts and answers are no longer." in long.assumptions
    assert long.usd_call is not None and usual.usd_call is not None
    assert long.name != usual.name  # 17 GB of cache for one such call do not fit on the least machine


def test_tools_that_no_source_speaks_of_stand_in_the_way_and_are_said() -> None:
    mute = open_4b(abilities=None, weights=weights(20 * 10**9))
    its = one(days(10), mute, workloads=[workload(task="tool")])
    found = rung(its, "open_hosted")
    assert hard(found) == ["tools"] and found.obstacles[0].text == "no source says that it calls tools; these calls want it"
    images = rung(one(days(10), open_4b(abilities=None), told=traffic(image_share=0.3)), "open_hosted")
    assert hard(images) == ["modality"] and "no source says whether it takes them" in images.obstacles[0].text


def test_what_the_calls_do_not_tell_is_said() -> None:
    blind = rung(one(days(10), small()), "same_laboratory")
    assert "The calls hold no images, sound or files and want no tools: nothing says so." in blind.assumptions
    told = rung(one(days(10), small(), told=traffic(image_share=0.0, tool_share=0.0)), "same_laboratory")
    assert not any("nothing says so" in said for said in told.assumptions)


def test_a_model_that_has_gone_is_not_offered_in_batches_declared_or_not() -> None:
    rows = [Declared(name="letters", task="classify", calls_month=1000, input_tokens=1000, output_tokens=100, model="big")]  # type: ignore[arg-type]
    known = cards(big(retires=(ends("big", date(2026, 8, 1)),)), small())
    (its,) = declared_ladders(rows, cards=known, catalogue=Catalogue(SOLD), now=NOW)
    assert [found.kind for found in its.rungs if found.kind.startswith("incumbent")] == ["incumbent"]
    assert any(said.endswith("big stopped answering under this name on 1 Aug 2026") for said in its.left_out)
    assert its.rungs[-1].blocked
    assert any("go to what follows the incumbent" in said for said in rung(its, "same_laboratory").assumptions)


def test_a_few_calls_to_a_model_that_has_gone_do_not_take_the_others_along() -> None:
    usage = [*days(10), row(0, request_model="old", response_model="old", calls=10, input_tokens=10_000, output_tokens=1000)]
    old = card("old", retires=(ends("old", date(2026, 10, 20)),))
    its = one(usage, old, sold={**SOLD, "old": SOLD["big"]})
    assert not rung(its, "incumbent_batch").blocked and not its.rungs[-1].blocked
    assert any(stands.kind == "retiring" and not stands.hard for stands in its.rungs[-1].obstacles)


def test_a_seeing_model_is_taken_before_a_blind_one() -> None:
    each = {"input_usd_mtok": "0.1", "output_usd_mtok": "0.2"}
    sees = open_4b(id="sees", abilities=seeing("text", "image"), weights=weights(5 * 10**9))
    its = one(days(10), open_4b(), sees, told=traffic(image_share=0.5), sold={**SOLD, "sees": each})
    assert rung(its, "open_hosted").name == "sees"


def test_no_model_stands_twice() -> None:
    each = {"input_usd_mtok": "0.1", "output_usd_mtok": "0.2"}
    incumbent = open_4b(id="open-70b", weights=weights(70 * 10**9))
    usage = days(10, request_model="open-70b", response_model="open-70b")
    its = one(usage, incumbent, open_4b(), sold={**SOLD, "open-70b": SOLD["big"], "open-4b": each})
    names = [(found.name, found.provider) for found in its.rungs if found.kind in ("same_laboratory", "open_hosted")]
    assert len(names) == len(set(names)) == 1


def test_old_and_hardly_known_models_give_way() -> None:
    each = {"input_usd_mtok": "0.1", "output_usd_mtok": "0.2"}
    vague = card("a-vague", abilities=None)
    old = card("an-old", released=Released(day=date(2023, 5, 1), sources=SOURCE))
    sold = {**SOLD, "a-vague": each, "an-old": each}
    assert [found.name for found in rungs(one(days(10), vague, old, small(), sold=sold), "same_laboratory")] == ["small"]
    assert rung(one(days(10), vague, sold=sold), "same_laboratory").name == "a-vague"


def test_what_stopped_at_a_cloud_is_said_of_the_laboratory_too() -> None:
    there = Retirement(names=("small",), provider="vertex", day=date(2026, 6, 1), sources=SOURCE)
    found = rung(one(days(10), small(retires=(there,))), "same_laboratory")
    assert not found.blocked and [stands.kind for stands in found.obstacles] == ["retiring"]
    assert found.obstacles[0].text == "it stopped answering at vertex on 1 Jun 2026; of your own price no source says"
    each = {"input_usd_mtok": "2", "output_usd_mtok": "4"}
    its = one(days(10), small(retires=(there,)), card("another"), sold={**SOLD, "another": each})
    assert [found.name for found in rungs(its, "same_laboratory")] == ["another"]
