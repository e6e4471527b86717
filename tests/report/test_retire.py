"""Each model that retires stands there once, however it is spelled and wherever it is bought."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from modicum.report.retire import merged
from modicum.report.rungs import RetiringModel

DAY = date(2027, 1, 14)


def one(model: str, provider: str, usd: str | None, *, calls: int = 10, day: date = DAY, workload: str = "w1") -> RetiringModel:
    month = None if usd is None else Decimal(usd)
    return RetiringModel(
        model=model,
        provider=provider,
        day=day,
        gone=False,
        replacement="",
        source="s",
        calls=calls,
        spend_usd_month=month,
        workloads=((workload, f"name-of-{workload}", month),),
        sentence="",
    )


def test_spellings_and_providers_are_one_line() -> None:
    (found,) = merged(
        [
            one("gpt-4o", "", "4", calls=70),
            one("gpt-4o", "azure", "2", workload="w2"),
            one("gpt-4o-2024-08-06", "", "1"),
            one("openai/gpt-4o", "openrouter", None),
        ]
    )
    assert (found.model, found.calls, found.spend_usd_month, found.provider) == ("gpt-4o", 100, Decimal(7), "azure, openrouter")
    assert found.workloads == (("w1", "name-of-w1", Decimal(5)), ("w2", "name-of-w2", Decimal(2)))
    assert found.sentence == (
        "gpt-4o (called as gpt-4o-2024-08-06, openai/gpt-4o too) stops answering on 14 Jan 2027: $7.00 a month, 100 calls for name-of-w1,"
        " name-of-w2."
    )


def test_other_models_and_other_days_stay_apart_the_first_to_go_first() -> None:
    early = date(2026, 12, 1)
    found = merged([one("gpt-4o", "", "4"), one("gpt-4o-mini", "", None), one("gpt-4o", "azure", "1", day=early)])
    assert [(each.model, each.day, each.spend_usd_month) for each in found] == [
        ("gpt-4o", early, Decimal(1)),
        ("gpt-4o", DAY, Decimal(4)),
        ("gpt-4o-mini", DAY, None),
    ]
    assert "unknown a month" in found[2].sentence
