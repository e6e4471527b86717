"""Read the times that logs write: ISO 8601, or seconds, milliseconds, microseconds or nanoseconds since 1970.

A call cannot have been made tomorrow, nor before there was anything to call: one such line would stretch the window that
certificates speak of and move the cut between old and new calls. `check` refuses it; reading alone does not.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from modicum.errors import LogFormatError
from modicum.store.codec import from_us

LAST_US = 253_402_300_799_999_999
"""The end of the year 9999."""
EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
"""No chat model of this kind was called before."""
AHEAD = timedelta(days=1)
"""How far the clock of whoever wrote the log may be ahead of ours, zones mistaken for UTC included."""
_WRITTEN = datetime(2026, 11, 22, tzinfo=UTC)
"""A clock that stands before the day these lines were written is wrong (a machine without a battery starts in 1970)."""


def moment(value: Any) -> datetime:
    """An aware UTC time; one without a zone is taken as UTC. Raises LogFormatError for what is none."""
    found = None
    if isinstance(value, str):
        found = _iso(value.strip()) or _epoch_text(value.strip())
    elif isinstance(value, int | float) and not isinstance(value, bool):
        found = epoch(value)
    if found is None:
        raise LogFormatError(f"timestamp {_short(value)} is no time: ISO 8601 or seconds since 1970 are")
    return found


def check(at: datetime, written: Any, *, now: datetime | None = None) -> datetime:
    """The time, if a call can have been made then: from 2015 to a day after `now`, this machine's clock unless given.

    Raises LogFormatError with the time as `written`.
    """
    if EARLIEST <= at <= _WRITTEN:
        return at
    if at < EARLIEST:
        raise LogFormatError(f"timestamp {_short(written)} lies before {EARLIEST.year}")
    if at > latest(now):
        raise LogFormatError(f"timestamp {_short(written)} lies in the future")
    return at


def latest(now: datetime | None = None) -> datetime:
    """The last moment at which a call in a log can have been made."""
    return max(now or datetime.now(UTC), _WRITTEN) + AHEAD


def _iso(text: str) -> datetime | None:
    for zone in (" UTC", " GMT", " Z"):
        text = f"{text.removesuffix(zone)}+00:00" if text.endswith(zone) else text
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    if "-" not in text and "T" not in text:  # digits alone are a number
        return None
    try:
        parsed = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except OverflowError:
        return None
    return parsed if parsed.year >= 1970 else None


def _epoch_text(text: str) -> datetime | None:
    try:
        number = float(text) if "." in text else int(text)
    except ValueError:
        return None
    # Fewer digits are more likely a date of some other kind than the early seventies.
    return epoch(number) if number >= 1e8 else None


def epoch(value: float) -> datetime | None:
    """A time from a number whose size tells its unit; None before 1970 and after 9999. Whole numbers are exact."""
    if not 0 <= value < 1e20:
        return None
    for below, per_second in ((1e11, 1), (1e14, 10**3), (1e17, 10**6), (1e20, 10**9)):
        if value < below:
            us = value * 10**6 // per_second if isinstance(value, int) else round(value * (10**6 / per_second))
            return from_us(int(us)) if us <= LAST_US else None
    return None


def _short(value: Any) -> str:
    text = value.isoformat() if isinstance(value, datetime) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
