"""Patterns: literals in order with gaps between them. Matching is greedy from the left, which is exact and never goes back."""

from __future__ import annotations

from modicum.types import Pattern, Template


def match(pattern: Pattern, text: str) -> tuple[str, ...] | None:
    """What the gaps hold, or None where the text does not fit. O(len(text)).

    A pattern of n literals has n + 1 gaps less one for each anchored end; without literals the one gap is the text.
    """
    literals = pattern.literals
    if not literals:
        return (text,)
    start, stop, at, end = 0, len(literals), 0, len(text)
    if pattern.anchored_start:
        if not text.startswith(literals[0]):
            return None
        start, at = 1, len(literals[0])
    if pattern.anchored_end:
        if start == stop:
            return () if at == end else None
        stop -= 1
        end -= len(literals[-1])
        if end < at or not text.endswith(literals[-1]):
            return None
    values = []
    for literal in literals[start:stop]:
        found = text.find(literal, at, end)
        if found < 0:
            return None
        values.append(text[at:found])
        at = found + len(literal)
    values.append(text[at:end])
    return tuple(values)


def rebuild(pattern: Pattern, values: tuple[str, ...]) -> str:
    """The text that `match` took apart."""
    if not pattern.literals:
        return values[0]
    parts = []
    rest = iter(values)
    for number, literal in enumerate(pattern.literals):
        if number or not pattern.anchored_start:
            parts.append(next(rest))
        parts.append(literal)
    parts.extend(rest)
    return "".join(parts)


def gaps(pattern: Pattern) -> int:
    """How many values `match` gives."""
    return len(pattern.literals) + 1 - pattern.anchored_start - pattern.anchored_end if pattern.literals else 1


def weight(pattern: Pattern | None) -> int:
    """Characters that are fixed."""
    return sum(map(len, pattern.literals)) if pattern else 0


def template_weight(template: Template) -> int:
    """Characters that are fixed in both segments."""
    return weight(template.system) + weight(template.user)


def slot_names(template: Template) -> tuple[str, ...]:
    """`system.0`, `system.1`, …, `user.0`, …: the gaps in order; `user.last` where the pattern is of the first user message."""
    names = [f"system.{n}" for n in range(gaps(template.system))] if template.system else []
    names += [f"user.{n}" for n in range(gaps(template.user))] if template.user else []
    return (*names, "user.last") if template.user_at == "first" else tuple(names)


def marked_lines(template: Template) -> tuple[tuple[str, str], ...]:
    """(segment, its text with every gap as `{slot name}`), the system's first: what a person is shown of a template.

    An open segment is its one slot, `("user", "{user.0}")`. Where the pattern is of the first user message, the last one,
    which has no pattern, follows as a line of its own. Braces of the prompt itself stay as they are.
    """
    lines = []
    for segment, pattern in (("system", template.system), ("user", template.user)):
        if pattern is not None:
            # a text that is fixed whole has no gap, and `rebuild` takes no name then
            lines.append((segment, rebuild(pattern, tuple(f"{{{segment}.{number}}}" for number in range(gaps(pattern))))))
    return (*lines, ("user", "{user.last}")) if template.user_at == "first" else tuple(lines)
