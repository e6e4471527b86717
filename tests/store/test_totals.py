"""What providers tell of whole days: kept once, whatever it is broken down by and however often it is told."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.store.totals import Day, Totals, identity, together
from modicum.types import ProviderTotal, Usage


def told(tokens: int = 100, **fields: Any) -> ProviderTotal:
    about: dict[str, Any] = {"day": "2026-10-01", "provider": "openai", "source": "openai-usage", "model": "gpt-4o", "requests": 1}
    return ProviderTotal(**(about | {"usage": Usage(input_tokens=tokens, output_tokens=1)} | fields))


def embedded(tokens: int = 7, **fields: Any) -> ProviderTotal:
    return told(tokens, source="openai-usage-embeddings", line_item="embeddings", model="text-embedding-3-small", **fields)


def tokens_of(found: list[ProviderTotal]) -> int:
    return sum(one.usage.input_tokens or 0 for one in found)


def test_another_kind_of_export_of_the_same_day_stays_beside(tmp_path: Path) -> None:
    totals = Totals(tmp_path)
    totals.put([told()])
    assert totals.put([embedded()]).replaced == 0
    assert tokens_of(totals.all()) == 107
    assert totals.put([told()]).known == 1 and totals.put([embedded()]).known == 1
    assert tokens_of(totals.all()) == 107


def test_what_was_kept_of_a_kind_while_all_stood_in_one_gives_way(tmp_path: Path) -> None:
    """Embeddings were once kept as line items of the usage of completions: told again they must not count twice."""
    totals = Totals(tmp_path)
    other = told(3, line_item="moderations", model="omni-moderation")
    totals.put([told(), told(7, line_item="embeddings", model="text-embedding-3-small"), other])
    assert tokens_of(totals.all()) == 110
    kept = totals.put([embedded(8)])
    assert (kept.added, kept.replaced) == (1, 1) and tokens_of(totals.all()) == 111
    assert totals.put([embedded(8)]).known == 1 and tokens_of(totals.all()) == 111


def test_what_an_export_is_broken_down_by_is_read_from_all_its_rows(tmp_path: Path) -> None:
    totals = Totals(tmp_path)
    first = [told(project="p"), told(day="2026-10-02", project="p")]
    totals.put(first)
    # On the second day nothing went to any project: that is no other breakdown.
    kept = totals.put([*first, told(5, day="2026-10-02")])
    assert (kept.known, kept.added, kept.replaced) == (2, 1, 0)
    assert tokens_of(totals.all()) == 205
    by_model = totals.put([told(100), told(105, day="2026-10-02")])
    assert (by_model.added, by_model.replaced) == (2, 3)
    assert tokens_of(totals.all()) == 205


def test_rows_of_one_export_that_are_alike_are_added_up(tmp_path: Path) -> None:
    totals = Totals(tmp_path)
    costs = told(source="openai-costs", cost_usd=Decimal("0.1"), requests=None, usage=Usage())
    assert totals.put([costs, costs]).added == 1
    assert [one.cost_usd for one in totals.all()] == [Decimal("0.2")]
    assert totals.put([costs, costs]).known == 1


def test_exports_of_one_import_never_take_each_others_place(tmp_path: Path) -> None:
    totals, days = Totals(tmp_path), dict[Day, str]()
    totals.put([told(), told(50, model="gpt-4o-mini")], days)
    by_project = totals.put([told(150, model=None, project="p"), told(9, model=None, project="p", day="2026-10-02")], days)
    assert (by_project.left_out, by_project.added, by_project.replaced) == (1, 1, 0)
    assert totals.put([told()], days).known == 1, "the same file given twice"
    assert tokens_of(totals.all()) == 159
    later = totals.put([told(150, model=None, project="p")])
    assert (later.replaced, later.left_out) == (2, 0), "a later import has the last word"


def test_the_same_totals_without_a_home() -> None:
    exports = [[told(), told(50, model="gpt-4o-mini")], [embedded()], [told(), told(50, model="gpt-4o-mini")], [told(150, model=None)]]
    found, left_out = together(exports)
    assert (tokens_of(found), len(found), left_out) == (157, 3, 1)


DIMENSIONS = st.fixed_dictionaries(
    {
        "day": st.sampled_from(["2026-10-01", "2026-10-02"]),
        "model": st.sampled_from(["gpt-4o", "o3", None]),
        "project": st.sampled_from(["p", "q", None]),
        "source": st.sampled_from(["openai-usage", "openai-usage-embeddings", "openai-costs"]),
        "part": st.sampled_from(["", "08:00"]),
    }
)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.builds(lambda about, tokens: told(tokens, **about), DIMENSIONS, st.integers(0, 2**60)), max_size=20))
def test_an_export_told_any_number_of_times_counts_once(rows: list[ProviderTotal]) -> None:
    once, none_left = together([rows])
    again, left_out = together([rows, rows, list(reversed(rows))])
    assert none_left == left_out == 0
    assert tokens_of(once) == tokens_of(again) == tokens_of(rows)
    assert {identity(one) for one in once} == {identity(one) for one in rows}
    assert all(dataclasses.replace(one, scope="other") not in once for one in once)
