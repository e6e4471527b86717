"""Bring logs in: read them line by line, keep each call exactly once, say which lines were refused and why."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modicum.config import Config
from modicum.intake import Options, Refusal, Source, opened, read
from modicum.store.calls import Calls
from modicum.store.home import prepare
from modicum.store.key import evidence_key
from modicum.store.occurrences import Occurrences
from modicum.types import Call
from modicum.view import Redactor
from modicum.view.keeping import kept

Progress = Callable[[float, str], None]
"""(share done, what is being done)."""
_REPORT_EACH = 500
"""Lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BroughtIn:
    """What became of one log."""

    source: str
    added: int = 0
    known: int = 0
    """Brought in before."""
    erased: int = 0
    """Erased here before, and not taken again."""
    refused: int = 0
    """Lines that are no calls."""
    taken: bool = True
    """False where `strict` refused the log whole."""


def bring_in(
    config: Config,
    logs: Sequence[Path],
    options: Options | None = None,
    *,
    strict: bool = False,
    refused: Callable[[Refusal], None] | None = None,
    progress: Progress | None = None,
) -> list[BroughtIn]:
    """Bring every log in (`-` is standard input), then tidy the store; one result a log. `refused` hears of each refused line as it is met.

    `[store] keep_bodies` says what is kept of their bodies. A kill loses and doubles nothing: run it again. `strict`: a log with a refused
    line is left out whole. Raises LogFormatError where a log cannot be opened, before anything goes in.
    """
    options = options or Options()
    hear = refused or (lambda refusal: None)
    home = prepare(config.home)
    calls = Calls(home)
    redactor, key = Redactor.open(config.redact.table), evidence_key(home)

    def keep(call: Call) -> Call:
        return kept(call, config.store.keep_bodies, redactor, key)

    for log in logs:
        with opened(log):
            pass
    results = []
    for number, log in enumerate(logs):
        with opened(log) as source, tempfile.TemporaryFile(dir=home / "tmp") as spooled:

            def tell(source: Source = source, number: int = number) -> None:
                if progress is not None and source.size_bytes:
                    progress((number + min(1.0, source.read_bytes / source.size_bytes)) / len(logs), source.name)

            if strict:
                source, bad = _checked(home, source, spooled, options, hear, tell)
                if bad:
                    results.append(BroughtIn(source=source.name, refused=bad, taken=False))
                    continue
            results.append(_take(calls, source, options, keep, hear, tell))
    if progress is not None:
        progress(1.0, "storing")
    calls.compact()
    calls.expire_bodies(config.store.keep_days)
    return results


def _take(
    calls: Calls, source: Source, options: Options, keep: Callable[[Call], Call], hear: Callable[[Refusal], None], tell: Callable[[], None]
) -> BroughtIn:
    refused = 0

    def good(found: Iterator[Call | Refusal]) -> Iterator[Call]:
        nonlocal refused
        for number, one in enumerate(found):
            if number % _REPORT_EACH == 0:
                tell()
            if isinstance(one, Refusal):
                refused += 1
                hear(one)
            else:
                yield keep(one)

    with Occurrences(calls.home) as occurrence:
        done = calls.add(good(read(source, options, occurrence)))
    return BroughtIn(source=source.name, added=done.added, known=done.known, erased=done.erased, refused=refused)


def _checked(
    home: Path, source: Source, spooled: io.BufferedRandom, options: Options, hear: Callable[[Refusal], None], tell: Callable[[], None]
) -> tuple[Source, int]:
    """Read a log once for its refusals alone: how many there are, and the source to read it again from.

    Standard input cannot be read twice; it is kept in a file without a name.
    """
    if source.size_bytes is None:
        shutil.copyfileobj(source.stream, spooled, 1 << 20)
        spooled.seek(0)
        source = Source(source.name, spooled, source.modified_at, None)
    bad = 0
    with Occurrences(home) as occurrence:
        for number, one in enumerate(read(source, options, occurrence)):
            if number % _REPORT_EACH == 0:
                tell()
            if isinstance(one, Refusal):
                bad += 1
                hear(one)
    source.stream.seek(0)
    return Source(source.name, source.stream, source.modified_at, source.size_bytes), bad
