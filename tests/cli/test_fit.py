"""What `modicum fit` prints: names that can be copied, what was tried, why each was not taken, and the way on."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from modicum.admin.fitting import Fitted
from modicum.cli.fit import _fate, _show, share_of
from modicum.cli.options import print_table
from modicum.types import Tier, TierName, Verdict


def tier(name: TierName, size: int, coverage: float, **more: Any) -> Tier:
    return Tier(name=name, size_bytes=size, cpu_ms=0.1, agreement=0.9, agreement_interval=(0.88, 0.92), coverage=coverage, **more)


def test_each_candidate_has_its_fate() -> None:
    tested = tier("taught linear", 1_000_000, 0.5, chosen=True)
    assert _fate(tested, tested) == "tested"
    assert _fate(tier("linear", 1_000_000, 0.4), tested) == "answers no more"
    assert _fate(tier("encoder", 24_000_000, 0.6), tested) == "not worth its size"
    assert _fate(tier("neighbours", 900_000, 0.6), tested) == "slower"
    assert _fate(tier("encoder", 24_000_000, 0.0, why="would probably not pass"), tested) == "would probably not pass"
    assert _fate(tier("linear", 1_000_000, 0.4), None) == "not tested"


def test_free_text_has_a_way_on_and_every_candidate_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    text = Verdict(workload_id="w_1", verdict="refused", reason="its answers are free text", code="free_text")
    one = Verdict(workload_id="w_2", verdict="refused", reason="why", tiers=(tier("linear", 1_200_000, 0.4, chosen=True),))
    two = Verdict(workload_id="w_3", verdict="refused", reason="why", tiers=(*one.tiers, tier("encoder", 24_000_000, 0.41)))
    found = tuple(Fitted(workload=name, verdict=v) for name, v in (("replies", text), ("tickets", one), ("topics", two)))
    _show(found, Decimal("0.1"), {})
    printed = capsys.readouterr().out
    assert "`modicum try PROVIDER/MODEL replies`" in printed
    assert "topics: tried, by estimate" in printed and "not worth its size" in printed
    (row,) = (line for line in printed.splitlines() if line.lstrip().startswith("tickets") and "linear" in line)
    assert "1.2" in row and "90.0%\u00a0(88–92)" in row


def test_a_name_is_not_broken_where_the_screen_is_narrow(capsys: pytest.CaptureFixture[str]) -> None:
    name = "-".join(["part"] * 24)
    print_table(("workload", "because"), [(name, "word " * 40)], whole=(0,))
    assert name in capsys.readouterr().out


@pytest.mark.parametrize(("text", "share"), [("2%", 0.02), ("0.02", 0.02), (None, None)])
def test_a_share_is_a_number_or_a_percentage(text: str | None, share: float | None) -> None:
    assert share_of(text) == share
