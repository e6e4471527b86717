"""Versions of a workload: the values of few-valued gaps that hold a sentence.

A sentence that is inserted or changed in some of the calls falls into a gap with few values, so the tuple of those
values tells the wordings apart. A gap that holds what was cut out of a long text counts whatever it holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from modicum.discover.draft import Part, digest, sample_calls, spell
from modicum.discover.shingles import TOKEN
from modicum.types import Version
from modicum.workload.pattern import gaps, rebuild, slot_names
from modicum.workload.prompt import MARKER

_MOST_VALUES = 8
_LEAST_SHARE = 0.03
_COVERED = 0.97


@dataclass(slots=True)
class Versioned:
    """A part with its versions; `of` gives each call's version_id, "" for values that are too rare to be one."""

    versions: list[Version]
    of: dict[int, str]


def find_versions(part: Part) -> Versioned:
    """The versions among the calls of a part, the one with most calls first."""
    names = slot_names(part.template)
    marked = _marked(part)
    of: dict[int, str] = {}
    counts: Counter[tuple[tuple[str, str], ...]] = Counter()
    tuples: dict[int, tuple[tuple[str, str], ...]] = {}
    seen: dict[tuple[int, int], tuple[tuple[str, str], ...]] = {}
    forced = dict(part.marks)
    for call in part.calls.tolist():
        where = (part.corpus.system_of[call], part.corpus.user_of[call] if any(names[gap].startswith("user") for gap in marked) else 0)
        if where not in seen:
            values = part.values(call) if marked else ()
            read = () if values is None else tuple((names[gap], values[gap]) for gap in marked if names[gap] not in forced)
            seen[where] = tuple(sorted({*read, *part.marks})) if values is not None else (("", ""),)
        tuples[call] = seen[where]
        counts[seen[where]] += 1
    exceptions = counts.pop((("", ""),), 0)
    if not counts:
        counts[part.marks] = exceptions
    least = min(15, _LEAST_SHARE * sum(counts.values()))
    ids = {marks: version_id(part, marks) for marks, times in counts.items() if times >= least or len(counts) == 1}
    times: dict[str, list[datetime]] = {}
    main = ids[max(ids, key=lambda marks: (counts[marks], marks))] if ids else ""
    for call, marks in tuples.items():
        # a call that its template does not fit (a typo, a cut) is one of the commonest version
        found = ids.get(marks, "") if marks != (("", ""),) else main
        of[call] = found
        if found:
            times.setdefault(found, []).append(part.corpus.at[call])
    versions = [
        Version(
            version_id=identity,
            template=part.template,
            marks=marks,
            first_seen=min(times[identity]),
            last_seen=max(times[identity]),
            calls=len(times[identity]),
        )
        for marks, identity in ids.items()
        if identity in times
    ]
    return Versioned(sorted(versions, key=lambda version: (-version.calls, version.version_id)), of)


def version_id(part: Part, marks: tuple[tuple[str, str], ...]) -> str:
    return "v_" + digest("version", *spell(part.template), *(piece for mark in marks for piece in mark))[:8]


def keep_ids(found: Versioned, known: Sequence[Version]) -> Versioned:
    """The same versions, those whose wording was known before under the ids that they had.

    Where a prompt is edited, what was fixed in all calls becomes a gap, and the template of the calls before the edit is spelled otherwise.
    Only what spells the very same text, with the very same slots, is the same version: certificates go by these ids.
    """
    before = {_wording(version): version.version_id for version in known}
    taken = {version.version_id for version in found.versions}
    to: dict[str, str] = {}
    for version in found.versions:
        old = before.pop(_wording(version), None)
        if old is not None and old != version.version_id and old not in taken:
            to[version.version_id] = old
    if not to:
        return found
    versions = [replace(one, version_id=to.get(one.version_id, one.version_id)) for one in found.versions]
    return Versioned(versions, {call: to.get(one, one) for call, one in found.of.items()})


def _wording(version: Version) -> tuple[str | None, ...]:
    """What a version fixes: its text with the values of its marks in their gaps, and the names of the other gaps."""
    template, marks = version.template, dict(version.marks)
    spelled: list[str | None] = [template.key, template.user_at]
    for segment, pattern in (("system", template.system), ("user", template.user)):
        names = [f"{segment}.{number}" for number in range(gaps(pattern))] if pattern is not None else []
        values = tuple(marks.pop(name) if name in marks else f"\0{name}\0" for name in names)
        spelled.append(None if pattern is None else rebuild(pattern, values))
    return (*spelled, *(piece for mark in sorted(marks.items()) for piece in mark))


def _marked(part: Part) -> list[int]:
    """Gaps whose values tell versions apart."""
    system, user = part.template.system, part.template.user
    rows = [values for call in sample_calls(part.corpus, part.calls) if (values := part.values(call)) is not None]
    if not rows:
        return []
    in_system = gaps(system) if system and system.literals else 0
    offset = gaps(system) if system else 0
    candidates = [*range(in_system), *range(offset, offset + (gaps(user) if user and user.literals else 0))]
    return [gap for gap in candidates if _tells([row[gap] for row in rows], least_tokens=3 if gap < offset else 4)]


def _tells(values: list[str], least_tokens: int) -> bool:
    counts = Counter(values)
    often = {value: times for value, times in counts.items() if times >= _LEAST_SHARE * len(values)}
    if not often or len(often) > _MOST_VALUES or sum(often.values()) < _COVERED * len(values):
        return False
    if any(MARKER in value for value in often):
        return True
    return len(often) > 1 and max(len(TOKEN.findall(value)) for value in often) >= least_tokens
