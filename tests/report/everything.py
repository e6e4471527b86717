"""A report with every part filled, `name` wherever a log, a catalogue or a person can put text."""

from __future__ import annotations

import dataclasses
from datetime import date
from decimal import Decimal

from modicum.catalog import Catalogue
from modicum.report.budget import Budget
from modicum.report.compare import compare
from modicum.report.currency import Currency, shown_in
from modicum.report.period import Span
from modicum.report.records import Report
from modicum.report.rungs import Baselines, Ladder, Obstacle, Part, RetiringModel, Rung, Shares, Worth
from modicum.report.traffic import Conversation, Traffic, WorkloadTraffic
from modicum.types import Contract, LabelRow, Pattern, Saving, Template, Verdict, Version
from tests.report.records import NOW, PRICES, TEXT, certificate, days, report, route, row, workload

RINGGIT = Currency(code="MYR", rate=Decimal("4.7"), source="Bank Negara", as_of=date(2026, 10, 30))


def everything(name: str = "bank-intent", currency: Currency = RINGGIT) -> Report:
    """Three workloads in two scopes: one on, one refused, one unsuited."""
    with shown_in(currency):
        return _everything(name, currency)


def _everything(name: str, currency: Currency) -> Report:
    version = Version(
        version_id=name,
        template=Template(key="k", system=Pattern(literals=(name, name), anchored_start=True), user=Pattern(literals=(name,))),
        marks=(("slot", "SECRET-SLOT-VALUE"),),
        first_seen=NOW,
        last_seen=NOW,
        calls=7,
    )
    proof = certificate(
        certificate_id=name,
        workload_name=name,
        sentence=f"of 100 at most 1 differs from {name}'s",
        label_table=(LabelRow(label=name, groups=5, answered=3, differing=1, upper_bound=0.5),),
        cover=dataclasses.replace(certificate().cover, incumbents=("big", name)),
    )
    usage = days(12) + [row(0, request_model=name, response_model=name), row(1, workload_id=None, scope=name, seen=False)]
    usage += [row(2, specialist=True, response_model="modicum/x", reasons=(("answered", 100),))]
    usage += [row(2, workload_id="w2"), row(9, workload_id="w3"), row(30, workload_id="w3")]
    refused = Verdict(workload_id="w2", verdict="refused", reason=name, code="too_few_calls", needs_calls=10, needs_days=3.0)
    workloads = [
        workload(name=name, versions=(version, version)),
        workload("w2", name=name, versions=(version,), contract=Contract(kind="label", labels=(name,))),
        workload("w3", name=name, contract=TEXT),
    ]
    whole = report(usage, workloads=workloads, verdicts=[refused], certificates=[proof], routes=[route(state="on", certificate_id=name)])
    before, after = (Span(first=date(2026, 10, a), last=date(2026, 10, b)) for a, b in ((1, 8), (9, 31)))
    return dataclasses.replace(
        whole,
        budget=Budget(amount=Decimal(100), currency=currency),
        comparison=compare(usage, workloads, before=before, after=after, catalogue=Catalogue(PRICES)),
        traffic=traffic(name),
        refused_lines=3,
        ladders=tuple(ladder(own, name) for own in ("w1", "w2", "w3")),
        baselines=Baselines(
            calls=1700,
            calls_left_out=100,
            naive_usd_month=Decimal(90),
            naive_model=name,
            honest_usd_month=Decimal(9),
            honest_model=name,
            honest_evidence="published",
            today_usd_month=Decimal(45),
            ours_usd_month=Decimal(30),
            sentence=name,
        ),
        shares=Shares(
            cheaper=0.99,
            runs=Part(calls=0.05, spend=None),
            certified=Part(calls=0.4, spend=0.3),
            measured=Part(calls=0.0, spend=0.0),
            published=Part(calls=0.2, spend=0.1),
            unproven=Part(calls=0.1, spend=0.1),
            sentence=name,
        ),
        retiring=(
            RetiringModel(
                model=name,
                provider=name,
                day=date(2026, 12, 1),
                gone=False,
                replacement=name,
                source=name,
                calls=100,
                spend_usd_month=Decimal(3),
                workloads=(("w1", name, Decimal(3)),),
                sentence=f"{name} retires",
            ),
        ),
        worth=Worth(
            changing=True,
            trying=False,
            saving=saving(3),
            one_off_usd=Decimal(5),
            rungs=(("w1", name),),
            threshold=name,
            sentence=f"worth: {name}",
        ),
    )


def saving(usd: int) -> Saving:
    low, high = sorted((Decimal(usd) / 2, Decimal(usd) * 2))
    return Saving(usd_month=Decimal(usd), low_usd_month=low, high_usd_month=high, baseline="b", method="m")


def ladder(workload_id: str, name: str) -> Ladder:
    rungs = (
        Rung(
            kind="exact_cache",
            name="exact cache",
            share=0.2,
            usd_call=Decimal(0),
            usd_month=Decimal(30),
            saving=saving(7),
            evidence="measured",
            proof=name,
        ),
        Rung(
            kind="specialist",
            name="specialist",
            share=None,
            evidence="certified" if workload_id == "w1" else "none",
            needs=(name,),
            obstacles=(Obstacle(kind="terms", text=f"{name} " * 30, hard=False),),
        ),
        Rung(
            kind="same_laboratory",
            name=name,
            model=name,
            provider=name,
            usd_call=Decimal("0.000004"),
            usd_month=Decimal("0.2"),
            one_off_usd=Decimal(20),
            saving=saving(30),
            cheaper_share=0.999,
            evidence="published",
            proof=name,
            source="somewhere",
            assumptions=(name,),
            retires=date(2027, 1, 1),
        ),
        Rung(
            kind="open_own",
            name=name,
            usd_month=Decimal(900),
            saving=saving(-400),
            obstacles=(Obstacle(kind="licence", text=name),),
            evidence="none",
        ),
        Rung(kind="incumbent", name="big", usd_call=Decimal("0.012"), usd_month=Decimal(36)),
    )
    return Ladder(workload_id=workload_id, rungs=rungs, left_out=(name,))


def traffic(name: str) -> Traffic:
    def its(workload_id: str | None, long: int) -> WorkloadTraffic:
        return WorkloadTraffic(
            workload_id=workload_id,
            calls=100,
            calls_with_body=90,
            repeated_share=0.25,
            resent_share=0.7,
            static_share=0.8,
            fixed_share=0.9,
            input_tokens_p50=long,
            input_tokens_p95=3 * long,
            output_tokens_p50=10,
            output_tokens_p95=None,
            duration_ms_p50=700.0,
            duration_ms_p95=1500.0,
            streamed_share=0.5,
            tool_share=0.0,
            image_share=0.0,
            hours=tuple(range(24)),
            peak_hour_calls=40,
        )

    return Traffic(
        workloads={"w1": its("w1", 12_000), "w2": its("w2", 40), "": its(None, 400)},
        conversations=(
            Conversation(
                conversation_id=name,
                scope=name,
                calls=20,
                spend_usd=Decimal("1.5"),
                input_tokens=90_000,
                resent_share=0.8,
                from_day=date(2026, 10, 1),
                to_day=date(2026, 10, 2),
            ),
        ),
        conversations_seen=40,
        calls_in_conversations=400,
        conversation_spend_usd=Decimal(12),
        resent_share=0.7,
        repeated_share=0.2,
        estimated_usage_calls=2,
        by_day=(),
    )
