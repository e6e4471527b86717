"""What the team has tried on a workload's calls is named before a model that nobody has."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

from modicum.catalog import Catalogue
from modicum.report import document, lead, page, screen, sheets, text
from modicum.report.figures import summarise
from modicum.report.ladder import LadderSettings, with_ladders
from modicum.report.records import Report
from modicum.report.rungs import Rung, TriedModel
from modicum.types import Route
from tests.report.ladder_records import SOLD, big, cards, open_4b
from tests.report.records import NOW, certificate, days, route, workload

OWN = "own/team-adapter"


def model(**fields: Any) -> TriedModel:
    defaults: dict[str, Any] = {
        "name": OWN,
        "model": "team-adapter",
        "attempt_id": "try-1",
        "at": NOW - timedelta(days=2),
        "groups": 939,
        "verdict": "unproven",
        "code": "too_few_labels",
        "reason": "whether it is as good needs labels for 97 calls",
        "needs_labels": 97,
    }
    return TriedModel(**(defaults | fields))


def reported(*tried: TriedModel, route: Route | None = None) -> Report:
    """Thirty days on `big`, which an open model of the catalogue could take over."""
    usage = [dataclasses.replace(one, input_tokens=100_000, output_tokens=10_000) for one in days(30)]
    found = summarise(
        usage,
        workloads=[workload()],
        certificates=[certificate()] if route is not None else [],
        routes=[] if route is None else [route],
        others=frozenset(("sha256:ab",)),
        catalogue=Catalogue(SOLD),
        control_share=0.05,
        now=NOW,
    )
    return with_ladders(
        found, usage, cards=cards(big(), open_4b()), catalogue=Catalogue(SOLD), settings=LadderSettings(), tried={"w1": tried}
    )


def rungs(found: Report) -> dict[str, Rung]:
    return {rung.name: rung for rung in found.ladders[0].rungs}


def test_a_trial_with_its_verdict_stands_before_a_model_that_nobody_tried() -> None:
    found = reported(model())
    its = rungs(found)[OWN]
    assert (its.kind, its.evidence, its.blocked) == ("tried", "measured", True)
    assert its.proof.startswith("Not proven on 939 requests, 30 Oct 2026. Whether it is as good needs labels for 97 calls.")
    assert any("97 labels may settle it" in one.text for one in its.obstacles)
    first, _ = lead.headline(found)
    assert first.index(f"Tried already: {OWN}: not proven on 939 requests.") < first.index("open-4b at")
    assert document.document(found)["lead"]["dearest"][0]["tried"] == f"{OWN}: not proven on 939 requests"
    assert document.document(found)["ladders"][0]["tried"][0]["groups"] == 939
    for shown in (screen.render(found, width=220), text.render(found, width=220), page.render(found)):
        assert shown.index(OWN) < shown.index("open-4b at")
    ladders = next(sheet for sheet in sheets.sheets(found) if sheet.name == "ladders")
    assert any(OWN in row for row in ladders.rows)


def test_nothing_is_said_where_nothing_was_tried() -> None:
    found = reported()
    assert "Tried already" not in lead.headline(found)[0] and found.ladders[0].tried == ()
    assert document.document(found)["lead"]["dearest"][0]["tried"] is None


def test_a_proposed_one_names_the_next_step() -> None:
    found = reported(model(verdict="certified", certificate=certificate("w9"), route_id="r_9", route_state="proposed", needs_labels=None))
    its = rungs(found)[OWN]
    assert (its.evidence, its.blocked, its.needs) == ("certified", False, ("`modicum route on r_9`, first in shadow",))
    assert "Tried already: own/team-adapter: proposed, certified on 939 requests." in lead.headline(found)[0]


def test_one_that_is_on_is_named_even_where_nobody_knows_what_it_saves() -> None:
    found = reported(model(verdict="certified", certificate=certificate(), route_id="r", route_state="on"), route=route(state="on"))
    assert OWN in rungs(found) and "specialist" not in rungs(found) and len([name for name in rungs(found) if name == OWN]) == 1
    its = rungs(found)[OWN]
    assert (its.kind, its.evidence, its.usd_call, its.cheaper_share) == ("specialist", "certified", None, None)
    (first,) = lead.dearest(found)
    assert first.rung is its and first.where == OWN and first.there == ""
    assert found.totals.saving is None or found.totals.saving.usd_month is None
    assert "own hardware" not in lead.headline(found)[0] and "not tried" not in screen.render(found, width=220)
    assert found.baselines is not None and "what is certified saves nobody knows" in found.baselines.sentence


def test_a_model_of_the_catalogue_that_was_tried_is_no_longer_called_untried() -> None:
    assert "open-4b" in {rung.model for rung in reported().ladders[0].rungs if rung.kind == "open_hosted"}
    found = reported(model(name="lab/open-4b", model="open-4b"))
    assert not [rung for rung in found.ladders[0].rungs if rung.kind == "open_hosted"]
    assert any("it was tried on these calls, as lab/open-4b" in one for one in found.ladders[0].left_out)
