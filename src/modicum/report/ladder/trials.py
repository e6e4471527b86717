"""The rungs of other models that were tried on these very calls (`modicum try`), with what that showed."""

from __future__ import annotations

from collections.abc import Sequence

from modicum.report import words
from modicum.report.ladder.case import Case
from modicum.report.rungs import Evidence, Obstacle, Rung, TriedModel

LONGEST_NAME = 80


def tried_models(case: Case) -> list[Rung]:
    """One a model; without the one whose certificate is in force, which has the specialist's rung."""
    in_force = case.in_force
    return [_rung(case, one) for one in case.tried if in_force is None or one.name != in_force.name]


def without_tried(case: Case, rungs: Sequence[Rung]) -> tuple[list[Rung], list[str]]:
    """Those of models that nobody tried on these calls, and why the others are left out: what was seen here counts, no estimate."""
    known = {_plain(one.model): one for one in case.tried}
    left = [
        f"{rung.name} at {rung.provider}: it was tried on these calls, as {words.visible(known[_plain(rung.model)].name, LONGEST_NAME)}"
        for rung in rungs
        if _plain(rung.model) in known
    ]
    return [rung for rung in rungs if _plain(rung.model) not in known], left


def _plain(model: str | None) -> str:
    return (model or "").rpartition("/")[2].lower()


def _rung(case: Case, one: TriedModel) -> Rung:
    day = words.span(one.at.date(), one.at.date())
    certified = one.verdict == "certified" and one.certificate is not None
    name = words.visible(one.name, LONGEST_NAME)
    again = f"`modicum try {name} {case.line.workload_id}`"
    needs: tuple[str, ...] = (f"{again} once newer calls came",)
    stands: tuple[Obstacle, ...] = ()
    evidence: Evidence = "measured"
    if certified and one.route_state == "proposed":
        needs = (f"`modicum route on {one.route_id}`, first in shadow",)
        evidence = "certified"
    elif certified:
        state = words.STATES[one.route_state] if one.route_state is not None else "not proposed"
        stands = (Obstacle(kind="data", text=f"certified once; its route is {state}"),)
    elif one.verdict == "unproven":
        labels = f": {words.count(one.needs_labels, 'label')} may settle it" if one.needs_labels else ""
        stands = (Obstacle(kind="data", text=f"not proven on these calls ({one.code}){labels}"),)
        if one.needs_labels:
            needs = (f"{again} with these labels (`--gold`)",)
    else:
        evidence = "none"
        needs = (f"{again}: it goes on where it stopped",)
    cover = one.certificate
    return Rung(
        kind="tried",
        name=one.name,
        model=one.model,
        share=None if cover is None else cover.coverage_calls * (1 - case.settings.control_share),
        saving=cover.saving if evidence == "certified" and cover is not None else None,
        one_off_usd=case.settings.one_off_usd(small=True) if evidence == "certified" else None,
        evidence=evidence,
        proof=f"{words.sentence(f'{words.outcome(one)}, {day}')} {words.sentence(one.reason)}".strip(),
        source=f"attempt {one.attempt_id}",
        needs=needs,
        obstacles=stands,
    )
