"""Published results count where they speak for a model, and for the part of the calls that it would answer."""

import pytest

from modicum.report.ladder.evidence import holds, published
from modicum.report.proven import by_evidence, evidence_of, laid, parts
from modicum.report.records import State, WorkloadFigures
from modicum.report.rungs import Ladder, Obstacle, Rung
from tests.report.ladder_records import big, card, one, open_4b, rung, score, small, traffic, weights
from tests.report.records import certificate, days, report, route, workload


def test_a_result_that_loses_is_no_evidence() -> None:
    its = one(days(10), small(scores=(score("classify", value=81.0),)), big(scores=(score("classify", value=90.0),)))
    found = rung(its, "same_laboratory")
    assert found.evidence == "none" and found.proof.startswith("It loses: Bench: 81 (accuracy, %) against 90 of big")


def test_a_result_without_the_incumbents_is_no_evidence() -> None:
    found = rung(one(days(10), small(scores=(score("classify"),))), "same_laboratory")
    assert found.evidence == "none" and "Bench: 80 (accuracy, %), and big has none there to hold it against" in found.proof
    other = big(scores=(score("classify", benchmark="Another"),))
    assert rung(one(days(10), small(scores=(score("classify"),)), other), "same_laboratory").evidence == "none"


def test_the_margin_is_a_share_of_the_incumbents_score() -> None:
    incumbent = big(scores=(score("classify", value=100.0),))
    for value, speaks in ((98.0, True), (97.9, False), (120.0, True)):
        assert holds(small(scores=(score("classify", value=value),)), incumbent, "classify", 0.02) is speaks


def test_one_benchmark_that_it_loses_outweighs_one_that_it_wins() -> None:
    mine = small(scores=(score("classify", "A", 95.0), score("classify", "B", 60.0)))
    theirs = big(scores=(score("classify", "A", 90.0), score("classify", "B", 90.0)))
    told = published(mine, theirs, "classify", near=0.02)
    assert told[0] == "none" and "B: 60" in told[1]


def test_quantised_weights_do_not_inherit_a_result_in_silence() -> None:
    scores = (score("classify"),)
    its = one(days(10), open_4b(scores=scores), big(scores=scores))
    own, hosted = rung(its, "open_own"), rung(its, "open_hosted")
    assert own.evidence == "published" and own.proof.startswith("Published for full precision; what ")
    assert not hosted.proof.startswith("Published for full precision")
    assert "Your own price serves it in full precision: nothing says so." in hosted.assumptions
    coarse = open_4b(scores=scores, weights=weights(precision="mxfp4"))
    released_so = rung(one(days(10), coarse, big(scores=scores)), "open_own")
    assert not released_so.proof.startswith("Published for full precision")


def test_the_one_that_results_speak_for_leads_its_size() -> None:
    each = {"input_usd_mtok": "0.1", "output_usd_mtok": "0.2"}
    loses = card("alpha", laboratory="theirs", weights=weights(), scores=(score("classify", value=10.0),))
    holds_up = card("omega", laboratory="theirs", weights=weights(), scores=(score("classify"),))
    sold = {"big": {"input_usd_mtok": "10", "output_usd_mtok": "20"}, "alpha": each, "omega": each}
    assert rung(one(days(10), loses, holds_up, big(scores=(score("classify"),)), sold=sold), "open_hosted").name == "omega"


def line(state: State = "not_tried") -> WorkloadFigures:
    import dataclasses

    return dataclasses.replace(report(days(3)).workloads[0], state=state)


def cache(share: float) -> Rung:
    return Rung(kind="exact_cache", name="exact cache", share=share, evidence="measured", cheaper_share=1.0)


def model(evidence: str = "published", **fields: object) -> Rung:
    return Rung(kind="open_hosted", name="m", share=0.95, evidence=evidence, cheaper_share=0.9, **fields)  # type: ignore[arg-type]


def test_two_per_cent_of_repeats_do_not_make_a_workload_measured() -> None:
    its = Ladder(workload_id="w1", rungs=(cache(0.02),))
    assert parts(line(), its, 0.05) == {"certified": 0.0, "measured": 0.02, "published": 0.0, "none": 0.98}
    assert evidence_of(line(), its, 0.05) == "none"
    both = Ladder(workload_id="w1", rungs=(cache(0.02), model()))
    # What stays as a control is answered by the incumbent on purpose, not because nothing is known.
    assert parts(line(), both, 0.05) == pytest.approx({"certified": 0.0, "measured": 0.02, "published": 0.98, "none": 0.0})
    assert evidence_of(line(), both, 0.05) == "published"


def test_the_spend_counts_by_the_share_that_is_covered() -> None:
    import dataclasses

    it = report(days(10))
    it = dataclasses.replace(it, ladders=(Ladder(workload_id="w1", rungs=(cache(0.02),)),))
    assert [round(one.share, 4) for one in by_evidence(it)] == [0.0, 0.02, 0.0, 0.98]
    proven = report(days(10), workloads=[workload()], certificates=[certificate()], routes=[route()])
    assert [round(one.share, 4) for one in by_evidence(proven)] == [0.5, 0.0, 0.0, 0.5]


def test_terms_that_forbid_it_bar_what_runs_as_well() -> None:
    forbids = Obstacle(kind="terms", text="no", hard=True)
    rungs = (Rung(kind="specialist", name="specialist", share=0.5, evidence="certified", cheaper_share=1.0, obstacles=(forbids,)),)
    its = report(days(10), workloads=[workload()], certificates=[certificate()], routes=[route(state="on")]).workloads[0]
    assert its.state == "on"
    assert parts(its, Ladder(workload_id="w1", rungs=rungs), 0.05)["certified"] == 0.0


def test_each_call_is_laid_once() -> None:
    found = laid([("none", 0.9), ("measured", 0.3), ("certified", 0.2), ("measured", 0.25)], 0.1)
    assert found == pytest.approx({"certified": 0.1, "measured": 0.1, "published": 0.0, "none": 0.6})


def test_a_few_repeats_do_not_outrank_a_model_that_saves_nearly_all() -> None:
    its = one(days(10), open_4b(), told=traffic(repeated_share=0.02))
    from modicum.report.proven import best_rung

    best = best_rung(its)
    assert best is not None and best.name == "open-4b"
