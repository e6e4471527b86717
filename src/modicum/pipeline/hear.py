"""Feedback from files: JSON lines or CSV, one row a call or conversation, in the words of `POST /v1/feedback`."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from modicum.config import Config
from modicum.errors import LogFormatError, RequestError
from modicum.store import feedback
from modicum.store.calls import Calls
from modicum.store.key import evidence_key
from modicum.types import Feedback
from modicum.view import Redactor
from modicum.view.keeping import kept_feedback
from modicum.wire import feedback as wire

LONGEST_LINE = 1 << 20
AT_ONCE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What came of one file."""

    added: int
    refused: tuple[tuple[int, str], ...]
    """(line, why)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What feedback there is in one scope."""

    scope: str
    rows: int
    labels: int
    corrections: int
    scores: int
    outcomes: tuple[tuple[str, int], ...]
    """(word, how often), most first."""
    matched: int
    """Rows that speak of a call or a conversation on record."""


def hear(config: Config, path: Path, *, scope: str) -> Heard:
    """Keep the feedback of a file; the same row again changes nothing. Raises LogFormatError where it is neither CSV nor JSON lines."""
    redactor, key, now = Redactor.open(config.redact.table), evidence_key(config.home), datetime.now(UTC)
    refused: list[tuple[int, str]] = []

    def rows() -> Iterator[Feedback]:
        for number, row in _rows(path):
            try:
                if isinstance(row, RequestError):
                    raise row
                told = wire.read(row, scope=scope, at=now)
            except RequestError as error:
                refused.append((number, error.message))
                continue
            yield wire.named(kept_feedback(told, config.store.keep_bodies, redactor, lambda name: redactor.alias(name, key)))

    found, added = rows(), 0
    while some := list(islice(found, AT_ONCE)):
        added += feedback.add(config.home, some)
    return Heard(added=added, refused=tuple(refused))


def standing(config: Config) -> tuple[Standing, ...]:
    """What feedback there is, by scope."""
    by_scope: dict[str, list[Feedback]] = {}
    for row in feedback.read(config.home):
        by_scope.setdefault(row.scope, []).append(row)
    found = []
    for scope, rows in sorted(by_scope.items()):
        calls, talks = {row.call for row in rows if row.call}, {row.conversation for row in rows if row.conversation}
        seen: set[str] = set()
        for call in Calls(config.home).scan(scope=scope, bodies=False):
            seen.update({call.call_id, call.response_id or ""} & calls)
            if call.conversation_id in talks:
                seen.add(f"\0{call.conversation_id}")
        found.append(
            Standing(
                scope=scope,
                rows=len(rows),
                labels=sum(row.label is not None for row in rows),
                corrections=sum(row.correction is not None for row in rows),
                scores=sum(row.score is not None for row in rows),
                outcomes=tuple(Counter(row.outcome for row in rows if row.outcome is not None).most_common()),
                matched=sum((row.call or f"\0{row.conversation}") in seen for row in rows),
            )
        )
    return tuple(found)


def _rows(path: Path) -> Iterator[tuple[int, Any]]:
    """(line, object) of a file; a RequestError in place of what is none."""
    with path.open("rb") as file:
        first = file.readline(LONGEST_LINE).removeprefix(b"\xef\xbb\xbf").lstrip()
        if not first.startswith(b"{"):
            yield from _table(path)
            return
        file.seek(0)
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = msgspec.json.decode(line.removeprefix(b"\xef\xbb\xbf")) if len(line) <= LONGEST_LINE else None
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                row = None
            yield number, row if isinstance(row, dict) else RequestError("not a JSON object")


def _table(path: Path) -> Iterator[tuple[int, Any]]:
    """Rows of a CSV file with a head; an empty cell says nothing, a score is a number."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if not reader.fieldnames or not {"call_id", "conversation_id", *wire.ALIASES} & set(reader.fieldnames):
                raise LogFormatError(f"{path.name} has no column 'call_id' or 'conversation_id'", hint="CSV with a head, or JSON lines")
            for row in reader:
                told: dict[str, Any] = {name or "": value for name, value in row.items() if value not in (None, "")}
                score = next((name for name in ("score", "value") if name in told), None)
                if score is not None:
                    try:
                        told[score] = float(told[score])
                    except (TypeError, ValueError):
                        yield reader.line_num, RequestError(f"score {str(told[score])[:40]!r} is no number")
                        continue
                yield reader.line_num, told
    except (UnicodeDecodeError, csv.Error) as error:
        raise LogFormatError(f"{path.name} is neither CSV in UTF-8 nor JSON lines: {error}") from None
