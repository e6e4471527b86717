"""Which days a report speaks of, and which it is held against: words in, days out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from modicum.errors import InputError

_HINT = "a month (2026-10), a day, or days from..to (2026-10-01..2026-10-15, both in it)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Days from `first` to `last`, both in it."""

    first: date
    last: date

    def holds(self, day: date) -> bool:
        return self.first <= day <= self.last

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def is_month(self) -> bool:
        return self.first.day == 1 and self.last == _month(self.first.year, self.first.month).last

    def previous(self) -> Span:
        """What lay before it: the month before a month, else as many days."""
        before = self.first - timedelta(days=1)
        return _month(before.year, before.month) if self.is_month else Span(first=before - timedelta(days=self.days - 1), last=before)


EVER = Span(first=date.min, last=date.max)


def span_of(text: str) -> Span:
    """The days that are meant by "2026-10", "2026-10-05" or "2026-10-01..2026-10-15". Raises InputError."""
    try:
        if found := re.fullmatch(r"(\d{4})-(\d{2})", text.strip(), re.ASCII):
            span = _month(int(found[1]), int(found[2]))
        else:
            first, dots, last = text.strip().partition("..")
            start = date.fromisoformat(first)
            span = Span(first=start, last=date.fromisoformat(last) if dots else start)
    except ValueError:
        raise InputError(f"{text!r} is no period", hint=_HINT) from None
    if span.last < span.first:
        raise InputError(f"the period {text!r} ends before it begins", hint=_HINT)
    if span.first.year < 1970 or span.last.year > 2999:
        raise InputError(f"{text!r} is no period that anybody recorded", hint=_HINT)
    return span


def _month(year: int, month: int) -> Span:
    first = date(year, month, 1)
    after = date(year + month // 12, month % 12 + 1, 1)
    return Span(first=first, last=after - timedelta(days=1))
