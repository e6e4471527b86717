"""Recognise a request: which workload's template it has, and what its slots hold.

Each template is filed under one anchor: the start or the end of an anchored literal (8 to 1,024 characters, powers of
two), or the first 10 characters of a line inside a literal; of those the one that fewest templates share. A request
makes a bounded number of look-ups; each template found is tried once, most fixed characters first, on the windowed
text. Slots are cut from the whole text once, for the winner.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from modicum.types import Pattern, Recognised, Template, Workload
from modicum.workload.pattern import match, slot_names, template_weight
from modicum.workload.prompt import WINDOW, Prompt, see, window

ANY_TOOLS = "*"
"""The key of a template that comes with ever other tools: it fits any key but the empty one."""
LEAST_WEIGHT = 8
"""A template with fewer fixed characters matches by chance; none is built for it."""
_LINE = 10
_MOST_LINES = 200

_Anchor = tuple[str, str, int, str]
"""(segment: system, last or first; p, s or l for prefix, suffix or line; length; characters)"""


class _Entry:
    """One template and the versions of it, told apart by the values of their marked slots."""

    __slots__ = ("names", "order", "rest", "template", "versions")

    def __init__(self, template: Template) -> None:
        self.template = template
        self.names = slot_names(template)
        self.order: list[tuple[int, ...]] = []
        self.versions: dict[tuple[int, ...], dict[tuple[str, ...], tuple[str, str]]] = {}
        self.rest = ("", "")

    def add(self, workload_id: str, version_id: str, marks: tuple[tuple[str, str], ...]) -> None:
        try:
            placed = sorted((self.names.index(name), value) for name, value in marks)
        except ValueError:  # a mark on a slot that this template does not have can never hold
            return
        where = tuple(place for place, _ in placed)
        self.versions.setdefault(where, {}).setdefault(tuple(value for _, value in placed), (workload_id, version_id))
        self.order = sorted(self.versions, key=len, reverse=True)
        self.rest = self.rest if self.rest[0] else (workload_id, "")

    def choose(self, values: tuple[str, ...]) -> tuple[str, str]:
        for where in self.order:
            found = self.versions[where].get(tuple([values[place] for place in where]))
            if found:
                return found
        return self.rest

    def values(self, system: str, first: str, last: str) -> tuple[str, ...] | None:
        template = self.template
        if template.system is None:
            if system:
                return None
            values: tuple[str, ...] | None = ()
        else:
            values = match(template.system, system)
        if values is None or template.user is None:
            return values if template.user is not None or not last else None
        if template.user_at == "first":
            more = match(template.user, first)
            return None if more is None else (*values, *more, last)
        more = match(template.user, last)
        return None if more is None else values + more


class _Index:
    """The templates of one key."""

    __slots__ = ("anchored", "entries", "lines", "loose", "steps")

    def __init__(self, entries: list[_Entry]) -> None:
        self.entries = entries  # heaviest first: a smaller number wins
        choices = [sorted(set(_anchors(entry.template))) for entry in entries]
        shared = Counter(anchor for anchors in choices for anchor in anchors)
        self.anchored: dict[tuple[str, str, int], dict[str, list[int]]] = defaultdict(dict)
        self.loose: list[int] = []
        for number, anchors in enumerate(choices):
            if not anchors:
                self.loose.append(number)
                continue
            segment, side, length, text = min(anchors, key=lambda anchor: (shared[anchor], anchor[1] == "l", -anchor[2], anchor))
            self.anchored[segment, side, length].setdefault(text, []).append(number)
        self.steps = [(segment, side, length, table) for (segment, side, length), table in self.anchored.items() if side != "l"]
        self.lines = [(segment, table) for (segment, side, _), table in self.anchored.items() if side == "l"]

    def candidates(self, texts: dict[str, str]) -> list[int]:
        found: list[int] = []
        for segment, side, length, table in self.steps:
            text = texts[segment]
            numbers = table.get(text[:length] if side == "p" else text[-length:])
            if numbers:
                found += numbers
        for segment, table in self.lines:
            for line in _lines(texts[segment]):
                numbers = table.get(line)
                if numbers:
                    found += numbers
        return sorted({*found, *self.loose})


class Recogniser:
    """Recognises requests of the given workloads. Workloads of several scopes need one recogniser each: a scope is a wall.

    A template under 8 fixed characters gets no matcher: such a workload is listed, never recognised. Where the values of
    a request's marked slots were never seen, its `version_id` is "": no certificate covers it. Ignored workloads are
    recognised as others are; what to do with them is the caller's affair.
    """

    def __init__(self, workloads: Sequence[Workload]) -> None:
        entries: dict[Template, _Entry] = {}
        for workload in sorted(workloads, key=lambda one: (-one.calls, one.workload_id)):
            for version in workload.versions:
                if template_weight(version.template) < LEAST_WEIGHT:
                    continue
                entry = entries.get(version.template) or entries.setdefault(version.template, _Entry(version.template))
                entry.add(workload.workload_id, version.version_id, version.marks)
        by_key: dict[str, list[_Entry]] = defaultdict(list)
        for entry in sorted(entries.values(), key=lambda one: -template_weight(one.template)):
            by_key[entry.template.key].append(entry)
        self._indexes = {key: _Index(found) for key, found in by_key.items()}

    def recognise(self, request: dict[str, Any]) -> Recognised | None:
        """The workload, version and slots of a request, or None for what was never seen. Raises InputError for what is not a chat."""
        return self.recognise_prompt(see(request))

    def recognise_prompt(self, prompt: Prompt) -> Recognised | None:
        """The same for a prompt that was already taken from its request."""
        found = self._seek(prompt)
        if found is None:
            return None
        entry, values = found
        workload_id, version_id = entry.choose(values)
        if len(prompt.system) > 2 * WINDOW or len(prompt.last) > 2 * WINDOW or len(prompt.first) > 2 * WINDOW:
            values = entry.values(prompt.system, prompt.first, prompt.last) or values
        return Recognised(workload_id=workload_id, version_id=version_id, slots=tuple(zip(entry.names, values, strict=True)))

    def whose(self, prompt: Prompt) -> tuple[str, str] | None:
        """(workload_id, version_id) alone, for whoever asks it of millions."""
        found = self._seek(prompt)
        return found[0].choose(found[1]) if found else None

    def _seek(self, prompt: Prompt) -> tuple[_Entry, tuple[str, ...]] | None:
        """The entry that a prompt fits, and what its slots hold in the windowed text."""
        found = self._among(self._indexes.get(prompt.key), prompt)
        if found is None and prompt.key:
            found = self._among(self._indexes.get(ANY_TOOLS), prompt)
        return found

    def _among(self, index: _Index | None, prompt: Prompt) -> tuple[_Entry, tuple[str, ...]] | None:
        if index is None:
            return None
        system, last = window(prompt.system), window(prompt.last)
        first = last if prompt.turns < 2 else window(prompt.first)
        for number in index.candidates({"system": system, "last": last, "first": first}):
            values = index.entries[number].values(system, first, last)
            if values is not None:
                return index.entries[number], values
        return None


def _anchors(template: Template) -> Iterator[_Anchor]:
    for segment, pattern in (("system", template.system), (template.user_at, template.user)):
        if pattern is None or not pattern.literals:
            continue
        yield from _ends(segment, pattern)
        for literal in pattern.literals:
            at = literal.find("\n")
            while at >= 0:
                line = literal[at + 1 : at + 1 + _LINE]
                if len(line) == _LINE and "\n" not in line:
                    yield segment, "l", _LINE, line
                at = literal.find("\n", at + 1)


def _ends(segment: str, pattern: Pattern) -> Iterator[_Anchor]:
    first, last = pattern.literals[0], pattern.literals[-1]
    for power in range(3, 11):
        length = 1 << power
        if pattern.anchored_start and length <= len(first):
            yield segment, "p", length, first[:length]
        if pattern.anchored_end and length <= len(last):
            yield segment, "s", length, last[-length:]


def _lines(text: str) -> Iterator[str]:
    """The first 10 characters of the text's first and last hundred lines."""
    half = _MOST_LINES // 2
    at = 0
    for _ in range(half):
        yield text[at : at + _LINE]
        at = text.find("\n", at) + 1
        if not at:
            return
    end = len(text)
    for _ in range(half):
        end = text.rfind("\n", at, end)
        if end < 0:
            return
        yield text[end + 1 : end + 1 + _LINE]
