"""What a fit would take: grows with what there is to do, and asks for no more labels than the certificate may."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from modicum.config import FitConfig
from modicum.errors import ConfigError
from modicum.pipeline.effort import Reading, dollars, estimate, pace
from modicum.types import Contract, Field, Sample

LABELS = Contract(kind="label", labels=("a", "b", "c"))
RECORD = Contract(kind="object", reader="json", fields=(Field(path=("name",), kind="span"), Field(path=("day",), kind="span")))
PRICE = Decimal("0.08")


def samples(count: int, chars: int = 50) -> list[Sample]:
    return [
        Sample(
            call_id=f"c{i}",
            response_id=None,
            at=datetime(2026, 1, 1, tzinfo=UTC),
            slots=(("rules", "always the same"), ("message", f"{i:08d}" + "x" * (chars - 8))),
            value="a",
            version_id="v",
            incumbent="gpt",
        )
        for i in range(count)
    ]


def test_more_calls_longer_texts_and_more_labels_take_longer() -> None:
    small = estimate(LABELS, samples(500), FitConfig(), label_usd=PRICE)
    many = dataclasses.replace(LABELS, labels=tuple(map(str, range(100))))
    for larger in (
        estimate(LABELS, samples(2_000), FitConfig(), label_usd=PRICE),
        estimate(LABELS, samples(500, 5_000), FitConfig(), label_usd=PRICE),
        estimate(many, samples(500), FitConfig(), label_usd=PRICE),
        estimate(LABELS, samples(500), FitConfig(encoder=Path("folder")), label_usd=PRICE),
    ):
        assert larger.cpu_s > small.cpu_s and larger.ram_mb >= small.ram_mb
    minutes = estimate(LABELS, samples(500), FitConfig(encoder=Path("folder"), encoder_minutes=10), label_usd=PRICE)
    assert minutes.cpu_s > 600


def test_an_encoder_is_read_taught_from_and_opened() -> None:
    fit = FitConfig(encoder=Path("folder"))
    new = Reading.like(11_000_000, 384)
    opened = dataclasses.replace(new, opened=True)

    def seconds(contract: Contract, count: int, reading: Reading, minutes: float = 0.0) -> float:
        own = dataclasses.replace(fit, encoder_minutes=minutes)
        return estimate(contract, samples(count), own, label_usd=PRICE, reading=reading).cpu_s

    for contract in (LABELS, RECORD):
        alone = estimate(contract, samples(2_000), FitConfig(), label_usd=PRICE).cpu_s
        assert seconds(contract, 2_000, new) > seconds(contract, 2_000, opened) + 5 > alone + 5, "it is exported once"
        slow = dataclasses.replace(opened, text_s=10 * opened.text_s)
        assert seconds(contract, 2_000, slow) > seconds(contract, 2_000, opened) + 20
        large = dataclasses.replace(Reading.like(100_000_000, 768), opened=True)
        assert seconds(contract, 2_000, large) > 2 * seconds(contract, 2_000, opened)
        assert seconds(contract, 2_000, opened, 1.0) > seconds(contract, 2_000, opened) + 60 + 2_000 * 0.65 * new.text_s


def test_a_slower_machine_takes_longer() -> None:
    here, slow = (estimate(LABELS, samples(2_000), FitConfig(), label_usd=PRICE, pace=pace) for pace in (1.0, 3.0))
    assert slow.cpu_s == pytest.approx(3 * here.cpu_s, rel=0.1)
    assert 0.01 < pace() < 1_000


def test_what_never_varies_costs_nothing() -> None:
    long = [dataclasses.replace(s, slots=(("rules", "y" * 100_000), *s.slots[1:])) for s in samples(300)]
    assert estimate(LABELS, long, FitConfig(), label_usd=PRICE) == estimate(LABELS, samples(300), FitConfig(), label_usd=PRICE)


def test_labels_are_at_most_a_tenth_of_the_held_out_and_priced() -> None:
    found = estimate(LABELS, samples(1_000), FitConfig(), label_usd=PRICE)
    assert found.labels == 35 and found.labels_usd == Decimal("2.80") and found.calls_usd == 0 and found.vram_mb == 0
    whole = estimate(LABELS, samples(1_000), FitConfig(), label_usd=PRICE, judged_whole=True)
    assert whole.labels == 10 * found.labels, "C asks about all that is answered"
    assert estimate(RECORD, samples(1_000), FitConfig(), label_usd=PRICE).labels == 0, "of open answers agreement alone is promised"


def test_nothing_to_fit_takes_next_to_nothing() -> None:
    assert estimate(LABELS, [], FitConfig(), label_usd=PRICE).cpu_s == 0.0


@pytest.mark.parametrize("said", ["", "cheap", "-1", "nan", "inf"])
def test_a_price_that_is_none_is_refused_by_name(said: str) -> None:
    with pytest.raises(ConfigError, match="cpu_hour_usd"):
        dollars("cpu_hour_usd", said)
