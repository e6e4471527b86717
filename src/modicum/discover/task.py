"""The kind of task, told from the wire, the contract and the words. A hint for readers and shortlists: no id depends on it.

In that order: an endpoint that has one task settles it; then what the answers look like (`types.Contract`), as far as they are known;
then the wording, by the points of `rules.py`. Where the two best kinds are close, or hardly anything is said, it is `unsure`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from modicum.discover.asked import Asked, ask
from modicum.discover.formless import FORMLESS
from modicum.discover.rules import RULES
from modicum.discover.signs import signs_of
from modicum.types import Contract, Endpoint, TaskKind

_LEAST, _MARGIN = 2.0, 1.0
"""Points that the best kind must have, and by which it must lead."""
_ELSEWHERE = 0.5
"""What a rule counts whose signs stand in the middle of a long prompt."""
_SHORTEST, _NAMED = 4, 6.0
"""Letters without which nothing is asked, but for slots whose names give so many points."""
_SURE = ((5.0, 0.9), (2.0, 0.8), (0.0, 0.7))
"""Lead in points -> share right on templates that others wrote (docs/benchmarks.md, "Task kinds": .96, .85 and .84), rounded down."""
_RECORDS: tuple[TaskKind, ...] = (
    "extract",
    "retrieve-and-answer",
    "summarise",
    "translate",
    "generate",
    "classify",
    "score",
    "tool",
    "rerank",
)
_TEXTS: tuple[TaskKind, ...] = ("retrieve-and-answer", "summarise", "translate", "extract", "generate", "tool", "rerank")
"""What may be asked for where the answers are records, or free text."""
_STARS = re.compile(r"\W*(?:\d+(?:[.,]\d+)?|one|two|three|four|five)\W*(?:stars?|/ ?\d+|%|out of \d+|points?)?\W*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wire:
    """What the calls of a workload show beside their text."""

    endpoint: Endpoint = "chat_completions"
    tools: bool = False
    """Tools are declared."""
    returned: float = 0.0
    """Share of the calls that send the result of a tool back."""
    turns: float = 1.0
    """User messages of a call, on average."""
    schema: bool = False
    """A schema is given for the answers."""
    documents: bool = False
    """Documents are sent along as such, or the answers cite."""


@dataclass(frozen=True, slots=True)
class Told:
    """A kind, how sure that is (0 to 1: the share right among such cases), and why, as the end of a sentence."""

    kind: TaskKind
    sure: float
    why: str

    @property
    def traffic(self) -> Literal["retrieval", "agent", ""]:
        """The two sorts of traffic that are costly for what they send along."""
        return "retrieval" if self.kind == "retrieve-and-answer" else "agent" if self.kind == "tool" else ""


def tell_prompt(text: str, contract: Contract | None = None, wire: Wire | None = None) -> Told:
    """The kind of task of a prompt as its author wrote it, with or without places to fill."""
    return tell_task(ask(text), contract, wire)


def tell_task(asked: Asked, contract: Contract | None = None, wire: Wire | None = None) -> Told:
    """The kind of task of a workload, from all that is known of it."""
    wire = wire or Wire()
    if wire.endpoint in FORMLESS:
        return Told(FORMLESS[wire.endpoint], 1.0, f"it is asked at the endpoint for {wire.endpoint}")
    if contract is not None and contract.kind == "tool":
        return Told(
            "tool", 1.0, "agent traffic: it is answered with calls of tools" if wire.returned else "it is answered with calls of tools"
        )
    if wire.tools and wire.returned >= 0.3:
        return Told("tool", 0.95, f"agent traffic: {wire.returned:.0%} of its calls send results of tools back")
    if wire.documents:
        return Told("retrieve-and-answer", 0.95, "retrieval traffic: documents are sent along as such")
    said, why = _points(asked)
    if contract is not None:
        return _by_contract(contract, said, why)
    if wire.tools:
        return Told("tool", 0.8, "tools are declared")
    if wire.schema:
        return _rest(said, why, _RECORDS, Told("extract", 0.6, "a schema is given for its answers"))
    if asked.fixed < _SHORTEST and max(said.values(), default=0.0) < _NAMED:
        return Told("unsure", 0.0, "hardly any text of it is fixed")
    return _best(said, why)


def _points(asked: Asked) -> tuple[dict[TaskKind, float], dict[TaskKind, str]]:
    """Points by kind, and what speaks for each most."""
    found = signs_of(asked)
    said: dict[TaskKind, float] = {}
    reasons: dict[TaskKind, tuple[float, str]] = {}
    for rule in RULES:
        shown = rule.shown(found)
        if not shown:
            continue
        points = rule.points if all(sign.early for sign in shown) else rule.points * _ELSEWHERE
        said[rule.kind] = said.get(rule.kind, 0.0) + points
        if points > reasons.get(rule.kind, (0.0, ""))[0]:
            reasons[rule.kind] = points, f"{rule.says} (“{_quoted(shown[0].words)}”)"
    return said, {kind: reason for kind, (_, reason) in reasons.items()}


def _best(said: Mapping[TaskKind, float], why: Mapping[TaskKind, str]) -> Told:
    ranked = sorted(said, key=lambda kind: (-said[kind], kind))
    if not ranked or said[ranked[0]] < _LEAST:
        return Told("unsure", 0.0, "its text says too little of what is wanted")
    lead = said[ranked[0]] - (said[ranked[1]] if len(ranked) > 1 else 0.0)
    if lead < _MARGIN:
        return Told("unsure", 0.0, f"it may be {ranked[0]}, since {why[ranked[0]]}, or {ranked[1]}, since {why[ranked[1]]}")
    sure = next(share for least, share in _SURE if lead >= least)
    return Told(ranked[0], sure, ("retrieval traffic: " if ranked[0] == "retrieve-and-answer" else "") + why[ranked[0]])


def _by_contract(contract: Contract, said: dict[TaskKind, float], why: dict[TaskKind, str]) -> Told:
    """What the answers look like rules out most kinds; the words decide between those that are left."""
    asks = _best({kind: points for kind, points in said.items() if kind == "retrieve-and-answer"}, why)
    degree = said.get("score", 0.0) >= _LEAST
    if contract.kind == "label":
        few = f"its answers are {len(contract.labels)} labels"
        if contract.labels and all(_STARS.fullmatch(label) for label in contract.labels):
            return Told("score", 0.9, f"its answers are {len(contract.labels)} steps of a scale")
        return asks if asks.kind != "unsure" and said.get("classify", 0.0) < said["retrieve-and-answer"] else Told("classify", 0.97, few)
    if contract.kind == "number":
        if contract.labels or degree:
            return Told("score", 0.9, why["score"] if degree else "its answers are a few numbers")
        return _rest(said, why, ("retrieve-and-answer", "extract"), Told("generate", 0.6, "its answers are numbers, and no scale is given"))
    if contract.kind == "object":
        kinds = {field.kind for field in contract.fields}
        if kinds <= {"label", "boolean"}:
            return Told("classify", 0.95, "its answers are records of labels")
        if degree and kinds <= {"number", "label", "boolean"}:
            return Told("score", 0.9, why["score"])
        if "span" in kinds and asks.kind == "unsure":
            return Told("extract", 0.95, "its answers copy parts of the text into a record")
        return _rest(said, why, _RECORDS, Told("extract", 0.5, "its answers are records"))
    return _rest(said, why, _TEXTS, Told("generate", 0.5, "its answers are free text"))


def _rest(said: Mapping[TaskKind, float], why: Mapping[TaskKind, str], kinds: tuple[TaskKind, ...], otherwise: Told) -> Told:
    left: dict[TaskKind, float] = {kind: said[kind] for kind in kinds if kind in said}
    if max(left.values(), default=0.0) >= _LEAST:
        return _best(left, why)
    if said.get("classify", 0.0) >= 2 * _LEAST and "classify" not in left:
        return Told("classify", 0.5, f"{why['classify']}, though its answers say more than a label")
    return otherwise


def _quoted(words: str) -> str:
    shown = " ".join(words.replace("⟨⟩", "…").replace("⟨", "").replace("⟩", "").split())
    return shown if len(shown) <= 40 else f"{shown[:39]}…"
