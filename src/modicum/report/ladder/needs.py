"""What a workload needs of a model, and what of a model's card stands against it. What no source says is looked at, not assumed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from modicum.catalog.card import Card
from modicum.catalog.offers import OPERATOR
from modicum.report import words
from modicum.report.ladder.settings import LadderSettings
from modicum.report.records import WorkloadFigures
from modicum.report.retire import ending
from modicum.report.rungs import Obstacle
from modicum.report.traffic import WorkloadTraffic
from modicum.types import TaskKind

FEW = 0.001
"""A share below this is taken for a slip, not for a need."""
SHORT = 4096
"""Tokens that every language model of these years reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """None: the calls do not tell."""

    task: TaskKind
    images: float | None
    """Share of the calls with images, sound or files."""
    tools: bool | None
    structured: bool
    """The answers are JSON."""
    input_tokens: int | None
    """Of the longest twentieth, at least; of a mean call where only that is known."""
    is_p95: bool
    output_tokens: int | None
    """Of the longest twentieth of the answers; of a mean one where only that is known."""
    usual_tokens: int | None = None
    """In, of the call in the middle; of a mean one where only that is known."""

    @property
    def together(self) -> int:
        """Tokens of a long prompt and a long answer; 0 where the calls do not tell."""
        return (self.input_tokens or 0) + (self.output_tokens or 0)


def needs_of(line: WorkloadFigures, traffic: WorkloadTraffic | None, mean: tuple[float, float] | None) -> Needs:
    """`mean`: tokens in and out of a mean call."""
    p95 = traffic.input_tokens_p95 if traffic is not None else None
    declares = traffic.tool_share if traffic is not None else None
    tools = True if line.contract_kind == "tool" or line.task == "tool" else None if declares is None else declares > FEW
    return Needs(
        task=line.task,
        images=traffic.image_share if traffic is not None else None,
        tools=tools,
        structured=line.contract_kind == "object",
        input_tokens=p95 if p95 is not None else round(mean[0]) if mean else None,
        is_p95=p95 is not None,
        output_tokens=(traffic.output_tokens_p95 if traffic is not None else None) or (round(mean[1]) if mean else None),
        usual_tokens=(traffic.input_tokens_p50 if traffic is not None else None) or (round(mean[0]) if mean else None),
    )


def obstacles(card: Card, needs: Needs, settings: LadderSettings) -> tuple[Obstacle, ...]:
    """What of the model itself stands in the way, the hard ones first."""
    found = [*_media(card, needs), *_abilities(card, needs), *_length(card, needs, settings), *_licence(card)]
    return tuple(sorted(found, key=lambda one: not one.hard))


def at_provider(provider: str, settings: LadderSettings, *, name: str, known: bool) -> tuple[Obstacle, ...]:
    """What stands against sending the calls there. `provider`: for people, `name`: in the price list. `known`: it sees them today.

    Where the operator has a price of its own, it has terms with somebody.
    """
    found = []
    if not known and name != OPERATOR:
        agreed = name in settings.providers
        hard = settings.own_only or bool(settings.providers) and not agreed
        if hard or not settings.providers:
            why = (
                "nothing may be sent to another provider"
                if settings.own_only
                else "this organisation has no terms with it"
                if hard
                else "does not see these calls today: its terms and where it keeps data have to be read first"
            )
            found.append(Obstacle(kind="residency", text=f"{provider} {why}" if not settings.own_only else why, hard=hard))
    if settings.region:
        found.append(Obstacle(kind="region", text=f"whether {provider} answers from {settings.region} is not known here", hard=False))
    return tuple(found)


def retiring(day: date, today: date, where: str, answered_until: date | None = None) -> Obstacle:
    """It stops answering. `answered_until`: a day after it, of the last answer in the log: then nothing hard stands there."""
    gone = day <= today and answered_until is None
    if answered_until is not None:
        return Obstacle(kind="retiring", text=f"{where} {ending(day, gone=gone, answered_until=answered_until)}", hard=False)
    when = words.span(day, day)
    return Obstacle(kind="retiring", text=f"{where} {'stopped' if gone else 'stops'} answering under this name on {when}", hard=gone)


def _media(card: Card, needs: Needs) -> Iterable[Obstacle]:
    if needs.images is not None and needs.images <= FEW:
        return
    inputs = card.abilities.inputs if card.abilities is not None else None
    if needs.images is None:
        return
    share = words.percent(needs.images)
    if inputs is None:
        yield Obstacle(kind="modality", text=f"{share} of the calls hold images, sound or files; no source says whether it takes them")
    elif inputs == ("text",):
        yield Obstacle(kind="modality", text=f"takes text alone; {share} of the calls hold images, sound or files")
    else:
        takes = words.listing(inputs, 5)
        text = f"takes {takes}; {share} of the calls hold images, sound or files: whether those are of these kinds has to be looked at"
        yield Obstacle(kind="modality", text=text, hard=False)


def _abilities(card: Card, needs: Needs) -> Iterable[Obstacle]:
    tools = card.abilities.tools if card.abilities is not None else None
    structured = card.abilities.structured if card.abilities is not None else None
    if needs.tools and not tools:
        text = "does not call tools" if tools is False else "no source says that it calls tools"
        yield Obstacle(kind="tools", text=f"{text}; these calls want it", hard=True)
    if needs.structured and not structured:
        text = "does not answer under a JSON schema" if structured is False else "no source says that it answers under a JSON schema"
        yield Obstacle(kind="structured_output", text=f"{text}; these answers are JSON", hard=structured is False)


def _length(card: Card, needs: Needs, settings: LadderSettings) -> Iterable[Obstacle]:
    """Prompt and answer against the window, the prompt against the longest input, the answer against the longest output."""
    limits, slack = card.limits, 1 + settings.token_ratio
    context, most_in, most_out = (limits.context_tokens, limits.input_tokens, limits.output_tokens) if limits else (None, None, None)
    which, prompts = ("the longest twentieth of the calls has", " or more") if needs.is_p95 else ("a mean call has", "")
    if needs.input_tokens is not None:
        more = f"{which} {needs.input_tokens:,} tokens{prompts}"
        if context is None and most_in is None and needs.together * slack > SHORT:
            usual = needs.usual_tokens or 0
            half = f"half of the calls have {usual:,} tokens or more" if needs.is_p95 and usual > SHORT else more
            yield Obstacle(kind="context", text=f"no source says how much it reads; {half}", hard=usual > SHORT)
        windows = [(most, tokens) for most, tokens in ((context, needs.together), (most_in, needs.input_tokens)) if most is not None]
        over = [(most, tokens) for most, tokens in windows if tokens * slack > most]
        if over:
            most, tokens = min(over, key=lambda one: (one[1] <= one[0], one[0]))
            near = ";" if tokens > most else ", which its own count may reach:"
            yield Obstacle(kind="context", text=f"reads {most:,} tokens{near} {more}", hard=tokens > most)
    if most_out is not None and needs.output_tokens is not None and needs.output_tokens * slack > most_out:
        answers = f"the longest twentieth of the answers has {needs.output_tokens:,} or more"
        answers = answers if needs.is_p95 else f"a mean answer has {needs.output_tokens:,}"
        yield Obstacle(kind="context", text=f"writes {most_out:,} tokens at most; {answers}", hard=needs.output_tokens > most_out)


def _licence(card: Card) -> Iterable[Obstacle]:
    if not card.is_open:
        return
    if card.licence is None:
        yield Obstacle(kind="licence", text="its licence was not read", hard=False)
    elif card.licence.commercial == "no":
        yield Obstacle(kind="licence", text=f"{card.licence.spdx} forbids commercial use")
    elif card.licence.commercial == "conditions":
        yield Obstacle(kind="licence", text=f"{card.licence.spdx}: {card.licence.condition}", hard=False)
