"""What is known of an early sign of one route, and when it is looked at and told of."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self

import msgspec

from modicum.stats.sequence import spending
from modicum.types import Certificate

EVERY = timedelta(hours=12)
AGAIN = timedelta(days=7)
"""Until what was told of is told of again."""
DOUBT = 0.05
"""The chance that a route whose calls are as they should be is ever warned of, by one sign; the i-th look spends δ·6/(π²i²)."""


class Looked(msgspec.Struct):
    """What is known of it."""

    looks: int = 0
    at: datetime | None = None
    """When calls were last read for it, whether they were enough or not."""
    until: datetime | None = None
    """Calls up to here were looked at."""
    told: datetime | None = None

    @property
    def number(self) -> int:
        """Of the next look."""
        return self.looks + 1

    @property
    def level(self) -> float:
        """What the next look may spend."""
        return spending(DOUBT, self.number)

    def rests(self, now: datetime) -> bool:
        return self.at is not None and now - self.at < EVERY

    def since(self, certificate: Certificate) -> datetime:
        """The next look is at calls from here on: none that was looked at, none of the certify window."""
        return (self.until or certificate.window_to) + timedelta(microseconds=1)

    def waits(self, now: datetime) -> Self:
        """What came waits for more: no look is spent."""
        return msgspec.structs.replace(self, at=now)

    def seen(self, now: datetime, until: datetime | None) -> Self:
        return msgspec.structs.replace(self, looks=self.number, at=now, until=until)

    def tells(self, now: datetime) -> bool:
        """May a warning be given, after what was told before?"""
        return self.told is None or now - self.told >= AGAIN

    def warned(self, now: datetime) -> Self:
        return msgspec.structs.replace(self, told=now)
