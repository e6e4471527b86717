"""The calls that a simulated application makes, and how its world changes: a log with an answer key, cut in two.

The older part is what a fit learns from. The newer part is asked in the order in which it was recorded, then round after round in orders
drawn anew, as long as calls are wanted: what a workload asks does not drift, so every change of a promise is one that was planted. In both
parts each message is typed in one of 49 ways ("so, ... if you can"), so that no text is in both; the same message typed otherwise is
nearly the same request to the watcher, and counts again behind 200 others. Some labels of each workload are kept out of both parts: they
are the new intents of a change.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

Change = Literal["quiet", "swapped", "creeping", "new intents", "edited", "drift", "damaged", "slow", "flood"]
CHANGES: Mapping[Change, str] = {
    "quiet": "nothing changes",
    "swapped": "two of the commonest labels exchange their meaning",
    "creeping": "the same in one call of 1,500, then two, until it is so in all",
    "new intents": "three calls of five want what no call wanted before",
    "edited": "the prompt gets another sentence",
    "drift": "the incumbent answers every fifth request otherwise",
    "damaged": "a byte of each specialist flips on the disk, and a worker is killed",
    "slow": "the provider takes 0.25 s longer",
    "flood": "one user asks for what no call wanted before, two calls of three",
}
CREEPS = 1_500
"""Calls of a workload until a change that comes little by little is complete."""
BEFORE = ("", "so, ", "ok, ", "well, ", "um, ", "sorry, ", "quick question: ")
BEHIND = ("", " please", " for me", " if you can", " if possible", " when you can", " right away")
PROMPT_ADDED = " Mind that messages may hold typing errors."


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One call: what is asked, and what the incumbent would say."""

    workload: str
    request: Mapping[str, Any]
    response: Mapping[str, Any]
    gold: str
    """What is right in the world as it is."""

    @property
    def says(self) -> str:
        """The incumbent's answer."""
        return str(self.response["choices"][0]["message"]["content"] or "")

    @property
    def text(self) -> str:
        """What tells it from others of its workload."""
        return str(self.request["messages"][-1]["content"])

    def answering(self, says: str) -> Asked:
        """The same request, answered with other words."""
        (choice,) = self.response["choices"]
        changed = {**choice, "message": {**choice["message"], "content": says}}
        return replace(self, response={**self.response, "choices": [changed]})

    def asking(self, **fields: Any) -> Asked:
        """The same answer, to a request with other fields."""
        return replace(self, request={**self.request, **fields})


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """What is known of one log."""

    name: str
    learnt: tuple[bytes, ...]
    """Lines of the older part, without the new intents."""
    later: Mapping[str, tuple[Asked, ...]]
    """Of each workload that is followed, in the order of the log."""
    new: Mapping[str, tuple[Asked, ...]]
    """Calls with labels that the rest never has."""
    labels: Mapping[str, tuple[str, ...]]
    """Of each workload, the commonest first; the new ones are not among them."""


def read(log: Path, key: Path, followed: Sequence[str], *, share: float, kept_out: int = 2) -> Log:
    """Cut a log at `share` of its lines. `key` holds a line {"id", "workload", "gold"} for each call."""
    truth = {row["id"]: row for row in map(json.loads, key.read_text(encoding="utf-8").splitlines())}
    lines = log.read_bytes().splitlines(keepends=True)
    calls: dict[str, list[Asked]] = {name: [] for name in followed}
    at: list[tuple[bytes, Asked | None]] = []
    dice = random.Random(f"{log.name}/typed")
    for line in lines:
        record = json.loads(line)
        row = truth[record["response"]["id"]]
        one = None
        if row["workload"] in calls:
            one = Asked(workload=row["workload"], request=record["request"], response=record["response"], gold=str(row["gold"]))
            calls[one.workload].append(one)
            line = json.dumps({**record, "request": typed(one, dice).request}).encode() + b"\n"
        at.append((line, one))
    labels, kept = {}, {}
    for name, some in calls.items():
        common = [label for label, _ in Counter(one.gold for one in some).most_common()]
        if not common:
            raise SystemExit(f"{key} knows no workload {name!r}")
        # Drawn by name, so that another log with the same labels keeps out the same.
        ranked = sorted(common, key=lambda label: hashlib.sha256(f"{name}\0{label}".encode()).digest())
        kept[name] = frozenset(ranked[:kept_out] if len(common) > 2 * kept_out else ())
        labels[name] = tuple(label for label in common if label not in kept[name])
    cut = int(len(at) * share)
    return Log(
        name=log.name,
        learnt=tuple(line for line, one in at[:cut] if one is None or one.gold not in kept[one.workload]),
        later={name: tuple(o for _, o in at[cut:] if o and o.workload == name and o.gold not in kept[name]) for name in followed},
        new={name: tuple(one for one in calls[name] if one.gold in kept[name]) for name in followed},
        labels=labels,
    )


class World:
    """Draws the next call of a workload, before and after the change."""

    def __init__(self, log: Log, change: Change, seed: int) -> None:
        self.log, self.change, self.changed = log, change, False
        self._dice = random.Random(f"{log.name}/{change}/{seed}")
        self._since = Counter[str]()
        """Calls of each workload since the change."""
        self._seed = seed
        self._rounds = {name: self._endless(some) for name, some in log.later.items()}
        self._new = {name: self._endless(some) for name, some in log.new.items() if some}

    def calls(self, names: Sequence[str]) -> Iterator[Asked]:
        """The calls of these workloads without end, each workload as often as it is in the log."""
        weights = [len(self.log.later[name]) for name in names]
        while True:
            (name,) = self._dice.choices(names, weights)
            yield typed(self._next(name), self._dice)

    def _endless(self, calls: Sequence[Asked]) -> Iterator[Asked]:
        yield from calls
        turn = list(calls)
        while True:
            self._dice.shuffle(turn)
            yield from turn

    def _next(self, name: str) -> Asked:
        """The quiet world asks what it would have asked anyway; a change adds to it or takes its place."""
        one = next(self._rounds[name])
        if not self.changed:
            return one
        self._since[name] += 1
        match self.change:
            case "swapped":
                return swapped(one, *self.log.labels[name][:2])
            case "creeping" if self._dice.random() * CREEPS < self._since[name]:
                return swapped(one, *self.log.labels[name][:2])
            case "new intents" if name in self._new and self._dice.random() < 0.6:
                return next(self._new[name])
            case "flood" if name in self._new and self._dice.random() < 2 / 3:
                return next(self._new[name]).asking(user="user-4711")
            case "edited":
                return edited(one)
            case "drift":
                return self._drifted(one)
            case _:
                return one

    def _drifted(self, one: Asked) -> Asked:
        """A fifth of the texts get another answer, the same at each time; what is right stays what it was."""
        draw = random.Random(f"{self._seed}/{one.workload}/{one.text}")
        if draw.random() >= 0.2:
            return one
        other = draw.choice([label for label in self.log.labels[one.workload] if label != one.gold])
        return one.answering(spelled(one.says, one.gold, other))


def typed(one: Asked, dice: random.Random) -> Asked:
    """The same call in other words around what it says."""
    *rest, last = one.request["messages"]
    return one.asking(messages=[*rest, {**last, "content": f"{dice.choice(BEFORE)}{last['content']}{dice.choice(BEHIND)}"}])


def swapped(one: Asked, first: str, second: str) -> Asked:
    """The same call in a world where two labels have exchanged their meaning."""
    if one.gold not in (first, second):
        return one
    other = second if one.gold == first else first
    return replace(one.answering(spelled(one.says, one.gold, other)), gold=other)


def edited(one: Asked) -> Asked:
    """The same call under a prompt with one more sentence in its instructions."""
    first, *rest = one.request["messages"]
    if first["role"] != "system":
        return one
    instructions, line, material = first["content"].partition("\n")
    return one.asking(messages=[{**first, "content": f"{instructions}{PROMPT_ADDED}{line}{material}"}, *rest])


def spelled(says: str, label: str, other: str) -> str:
    """An answer with another label in the place of its own, dressed as it was."""
    if label.upper() in says and label.upper() != label:
        return says.replace(label.upper(), other.upper())
    return says.replace(label, other)


def meaning(says: str, labels: Iterable[str]) -> str | None:
    """The label that an answer means: the longest that stands in it as words of their own; None where there is none."""
    told = says.casefold()
    found = [label for label in labels if re.search(rf"(?<!\w){re.escape(label.casefold())}(?!\w)", told)]
    return max(found, key=len, default=None)
