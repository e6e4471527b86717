"""How much of the spend has something smaller, and what is missing."""

import dataclasses
from decimal import Decimal

import pytest

from modicum.report.proven import best_rung, by_evidence, evidence_of
from modicum.report.quality import gaps
from modicum.report.rungs import Ladder, Obstacle, Rung
from tests.report.everything import everything, ladder, saving
from tests.report.records import certificate, days, report, route, row, workload


def test_the_shares_add_up_to_all_spend() -> None:
    found = by_evidence(everything())
    assert [one.evidence for one in found] == ["certified", "measured", "published", "none"]
    assert sum(one.share for one in found) == pytest.approx(1.0)
    assert sum((one.usd_month for one in found), Decimal(0)) == pytest.approx(everything().totals.baseline_usd_month)
    assert [one.workloads for one in found] == [1, 2, 3, 0]  # wherever some of its calls are


def test_without_ladders_certificates_count_alone() -> None:
    it = report(
        [*days(10), *days(10, workload_id="w2")], workloads=[workload(), workload("w2")], certificates=[certificate()], routes=[route()]
    )
    assert [(one.evidence, round(one.share, 2)) for one in by_evidence(it)] == [
        ("certified", 0.25),  # half of one of two
        ("measured", 0),
        ("published", 0),
        ("none", 0.75),
    ]
    assert by_evidence(report(days(3, request_model="x", response_model="x"))) == ()


@pytest.mark.parametrize(
    ("fields", "evidence"),
    [
        ({}, "published"),
        ({"obstacles": (Obstacle(kind="licence", text="no"),)}, "none"),
        ({"obstacles": (Obstacle(kind="terms", text="look", hard=False),)}, "published"),
        ({"kind": "incumbent_batch"}, "none"),  # the same model: nothing smaller
        ({"cheaper_share": -0.5}, "none"),  # smaller and dearer
        ({"share": 0.0}, "none"),
        ({"evidence": "certified"}, "measured"),  # its certificate is not in force
    ],
)
def test_what_counts_as_something_smaller(fields: dict[str, object], evidence: str) -> None:
    rung = Rung(kind="open_hosted", name="small", evidence="published", cheaper_share=0.9)
    (line,) = report(days(3)).workloads
    assert evidence_of(line, Ladder(workload_id="w1", rungs=(dataclasses.replace(rung, **fields),))) == evidence  # type: ignore[arg-type]


def test_the_best_rung_is_the_best_proven_then_the_one_that_saves_most() -> None:
    best = best_rung(ladder("w2", "small"))
    assert best is not None and best.kind == "exact_cache"  # measured, though a published one would save more
    more, much_more = (dataclasses.replace(best, name="more", saving=saving(usd)) for usd in (9, 19))
    assert best_rung(Ladder(workload_id="w", rungs=(best, much_more))) == much_more
    assert best_rung(Ladder(workload_id="w", rungs=(best, more))) == best  # about as much: the smaller
    assert best_rung(Ladder(workload_id="w", rungs=(Rung(kind="incumbent", name="big", saving=saving(3)),))) is None


def test_gaps_are_counted_each_with_what_fills_it() -> None:
    usage = [row(0), row(1, calls=40, calls_without_usage=40, input_tokens=0, output_tokens=0, failed=3), row(20, seen=False)]
    it = dataclasses.replace(report([*usage, row(2, request_model="x", response_model="x")]), refused_lines=7)
    found = {f"{gap.unit} {gap.name}": gap for gap in gaps(it)}
    assert {name: gap.number for name, gap in found.items()} == {
        "call of unknown price": 100,
        "call without usage": 40,
        "call whose usage cannot be": 0,
        "call that failed before any token": 0,
        "call that failed later": 3,
        "call of no workload": 0,
        "call seen without their text": 100,
        "line refused": 7,
        "day taken as not observed": 17,
    }
    assert all(gap.remedy for gap in gaps(it))
    assert found["call of unknown price"].matters and found["line refused"].matters and not found["call of no workload"].matters
