"""A decision in five lines: who answered a call, why, and under which promise."""

from __future__ import annotations

from modicum.store.control import Control
from modicum.types import Call, Decision

MEANING = {
    "answered": "the route's stage was sure enough",
    "shadow": "the route is in shadow: the specialist's answer was compared, never sent",
    "observe": "the gateway only records",
    "bypass": "the caller asked for the incumbent (x-modicum-bypass)",
    "control": "the coin kept this conversation with the incumbent",
    "canary": "the route answers a share of the conversations, and the coin left this one out",
    "unwatched": "nobody watches the route, and this conversation was given back to the incumbent",
    "under_way": "the conversation is under way with the incumbent, and stays there for a while",
    "not_recognised": "no known workload has this template",
    "no_route": "its workload has no route that is switched on",
    "not_covered": "the certificate does not speak of such a request",
    "expired": "the certificate has expired",
    "protected_label": "the likely label always goes to the incumbent",
    "below_threshold": "the route's stage was not sure enough",
    "failed": "something of ours failed, so the call went upstream",
    "degraded": "no provider answered, and the route may answer below its threshold then",
    "no_workloads": "no workload is looked for at this endpoint",
}


def explain(call: Call, control: Control) -> list[str]:
    """Five lines: who, why, which workload, how sure, under which promise."""
    decision = call.decision
    if decision is None:
        return [
            f"Answered by {call.response_model or call.request_model or 'an unknown model'}, as asked.",
            "This call was imported from a log; Modicum decided nothing.",
        ]
    name = next((w.name for w in control.workloads() if w.workload_id == decision.workload_id), decision.workload_id)
    return [
        f"Answered by {decision.answered_by} on {call.started_at:%Y-%m-%d %H:%M:%S} UTC.",
        f"Because {MEANING[decision.reason]}" + (f": {decision.detail}." if decision.detail else "."),
        f"Workload: {name or 'none'}" + (f", route {decision.route_id}{_chance(decision)}." if decision.route_id else "."),
        _confidence(decision),
        _promise(decision, control),
    ]


def _chance(decision: Decision) -> str:
    """How likely it was that the coin would put the call where it is: with the route, or with the incumbent."""
    if decision.propensity is None or decision.propensity == 1.0:
        return ""
    return f"; the coin put it where it is with a chance of {decision.propensity:.3g}"


def _confidence(decision: Decision) -> str:
    if decision.stage_model is not None:
        return _other(decision)
    if decision.confidence is None:
        return "The specialist could not answer." if decision.stage_failed else "The specialist was not asked."
    took = "" if decision.stage_ms is None else f" in {decision.stage_ms:,.1f} ms"
    said = f"The specialist said {decision.value!r}{took} with confidence {decision.confidence:.3f}"
    said += f" (it answers from {decision.threshold:.3f})" if decision.threshold is not None else ""
    if decision.agreed is not None:
        said += "; the incumbent agreed" if decision.agreed else "; the incumbent said something else"
    return said + "."


def _other(decision: Decision) -> str:
    """Of another model that was asked."""
    took = "" if decision.stage_ms is None else f" in {decision.stage_ms:,.0f} ms"
    cost = "at an unknown cost" if decision.stage_cost_usd is None else f"for ${decision.stage_cost_usd:f}"
    said = f"{decision.stage_model} was asked{took}, {cost}"
    if decision.value:
        said += f", and said {decision.value[:200]!r}"
        if decision.confidence is not None and decision.threshold:
            said += f" with confidence {decision.confidence:.3f} (it answers from {decision.threshold:.3f})"
    elif decision.confidence is not None:
        said += ", and its answer could not be read"
    if decision.agreed is not None:
        said += "; the incumbent agreed" if decision.agreed else "; the incumbent said something else"
    return said + "."


def _promise(decision: Decision, control: Control) -> str:
    if decision.certificate_id is None:
        return "No certificate applied."
    return f"Certificate {decision.certificate_id}: {control.certificate(decision.certificate_id).sentence}"
