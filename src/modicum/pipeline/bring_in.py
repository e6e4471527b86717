"""Bring logs in: read them record by record, keep each call exactly once, say which records were refused and why.

Logs that tell of the same calls are joined: each call is there once, with what all of them know of it.
"""

from __future__ import annotations

import dataclasses
import gc
import hashlib
import io
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from modicum.config import Config
from modicum.errors import InputError
from modicum.intake import Options, Pairs, Passed, Refusal, Source, Told, opened, tell
from modicum.intake.batch import is_request
from modicum.intake.lacking import notes
from modicum.intake.langfuse_api import LangfuseLog, is_langfuse
from modicum.store import identity
from modicum.store.bookmarks import Bookmarks
from modicum.store.calls import Calls, Met, Supplements
from modicum.store.home import prepare
from modicum.store.key import evidence_key
from modicum.store.occurrences import Occurrences
from modicum.store.totals import Day, Kept, Totals
from modicum.types import Call, ProviderTotal
from modicum.view import Redactor
from modicum.view.keeping import kept

Progress = Callable[[float, str], None]
"""(share done, what is being done)."""
_COLLECT_EACH = 100_000
_REPORT_EACH = 500
"""Lines."""
_PEEKED_BYTES = 1 << 16
_MOST_KINDS = 100
"""Of records that are told apart in what is said of those left aside, and of reasons for refusing some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BroughtIn:
    """What became of one log."""

    source: str
    added: int = 0
    known: int = 0
    """Brought in before."""
    joined: int = 0
    """Brought in before by another log; now with what this one knows of them too."""
    erased: int = 0
    """Erased here before, and not taken again."""
    refused: int = 0
    """Records that are no calls."""
    passed: tuple[tuple[str, int], ...] = ()
    """Records of something else than a call to a model, by what they are of."""
    totals: int = 0
    """Totals of a provider's, new or with other figures than before."""
    totals_known: int = 0
    with_text: int = 0
    """Calls that came with what was asked."""
    without_text: int = 0
    forms: tuple[tuple[str, int], ...] = ()
    """Calls that were read, by the format of their records."""
    reasons: tuple[tuple[str, int], ...] = ()
    """Why records were refused, the most frequent first."""
    lacking: tuple[tuple[str, int], ...] = ()
    """Calls that this log told without what was asked, by why (`intake.lacking`). Another log may tell it."""
    notes: tuple[str, ...] = ()
    """What the log did not hold, and how the next one would."""
    taken: bool = True
    """False where `strict` refused the log whole."""


@dataclass(slots=True)
class _Hands:
    """What all logs of an import share."""

    home: Path
    calls: Calls
    options: Options
    keep: Callable[[Call, float], Call]
    """Of a call, what is kept where this share of them keeps its text."""
    sample: float
    hear: Callable[[Refusal], None]
    pairs: Pairs
    waiting: Supplements
    days: dict[Day, str] = field(default_factory=dict)
    """What of providers' totals has been told, by the exports so far."""


def bring_in(
    config: Config,
    logs: Sequence[Path | str],
    options: Options | None = None,
    *,
    strict: bool = False,
    since: datetime | None = None,
    sample: float = 1.0,
    refused: Callable[[Refusal], None] | None = None,
    progress: Progress | None = None,
) -> list[BroughtIn]:
    """Bring every log in (`-` is standard input, `langfuse://HOST` an API), then tidy the store; one result a log.

    `refused` hears of each refused record as it is met. `[store] keep_bodies` says what is kept of bodies, `sample` of how many calls: the
    figures of all are kept. A kill loses and doubles nothing: run it again. `strict`: a log with a refused record is left out whole.
    `since`: from when on an API is asked. Raises LogFormatError where a log cannot be opened, before anything goes in.
    """
    home = prepare(config.home)
    redactor, key = Redactor.open(config.redact.table), evidence_key(home)

    def keep(call: Call, sample: float) -> Call:
        if sample < 1 and call.request is not None and not _chosen(call, sample):
            call = dataclasses.replace(call, request=None, response=None)
        return kept(call, config.store.keep_bodies, redactor, key)

    remote = {log: LangfuseLog(log, since=since, sample=sample) for log in logs if isinstance(log, str) and is_langfuse(log)}
    if remote and strict:
        raise InputError("--strict takes files: what an API gives is stored as it comes")
    files = [log if log in remote else Path(log) for log in logs]
    for file in files:
        if isinstance(file, Path):
            with opened(file):
                pass
    # The requests of a batch are read before its answers, an API last.
    order = sorted(range(len(files)), key=lambda number: _turn(files[number]) if len(files) > 1 else 0)
    results: dict[int, BroughtIn] = {}
    with ExitStack() as stack:
        stack.enter_context(_seldom_collecting())
        calls = Calls(home)
        _, _, unseen = calls.count()
        waiting, pairs = stack.enter_context(calls.supplements()), stack.enter_context(Pairs(home / "tmp"))
        hear = refused or (lambda refusal: None)
        hands = _Hands(home, calls, options or Options(), keep, sample, hear, pairs, waiting)
        try:
            for done, number in enumerate(order):

                def tell_of(share: float, name: str, done: int = done) -> None:
                    if progress is not None:
                        progress((done + min(1.0, share)) / (len(logs) + 1), name)

                file = files[number]
                results[number] = _file(hands, file, strict, tell_of) if isinstance(file, Path) else _remote(hands, remote[file], tell_of)
        finally:
            # What was brought in before something broke is joined all the same.
            waiting.join((lambda share: progress((len(logs) + share) / (len(logs) + 1), "joining")) if progress is not None else _silent)
        if waiting.met:
            told = f"{waiting.met:,} of the calls are ones that our own gateway recorded: they are counted once"
            results[order[-1]] = dataclasses.replace(results[order[-1]], notes=(*results[order[-1]].notes, told))
        if pairs.unanswered:
            told = f"{pairs.unanswered:,} requests of a batch have no answer in these logs"
            results[order[-1]] = dataclasses.replace(results[order[-1]], notes=(*results[order[-1]].notes, told))
    if progress is not None:
        progress(1.0, "storing")
    calls.compact()
    if any(log.lacking for log in results.values()):
        results |= _lacking_said(results, before=unseen, after=calls.count()[2])
    calls.expire_bodies(config.store.keep_days)
    return [results[number] for number in range(len(files))]


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """What is read lives until its batch is in: looking for cycles in it again and again finds none and takes a twelfth of the time."""
    before = gc.get_threshold()
    gc.set_threshold(_COLLECT_EACH, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _silent(share: float) -> None:
    pass


def _file(hands: _Hands, log: Path, strict: bool, tell_of: Callable[[float, str], None]) -> BroughtIn:
    with opened(log) as source, tempfile.TemporaryFile(dir=hands.home / "tmp") as spooled:

        def on(records: int, source: Source = source) -> None:
            share = source.read_bytes / source.size_bytes if source.size_bytes else 0.0
            tell_of(share, f"{source.name}, {records:,} records")

        if strict:
            source, bad = _checked(hands, source, spooled, on)
            if bad:
                return BroughtIn(source=source.name, refused=bad, taken=False)
        return _take(hands, source, on)


def _remote(hands: _Hands, log: LangfuseLog, tell_of: Callable[[float, str], None]) -> BroughtIn:
    marks = Bookmarks(hands.home)
    total = BroughtIn(source=log.name)
    for source, bookmark, share in log.slices(marks.get(log.place)):
        # The API was asked for the text of a sample already.
        before = sum(count for _, count in total.forms)

        def on(records: int, share: float = share, before: int = before) -> None:
            tell_of(share, f"{log.name}, {before + records:,} records")

        found = _take(hands, source, on, sample=1.0)
        total = _plus(total, found)
        mark = bookmark()
        if mark is None:
            marks.drop(log.place)
        else:
            marks.put(log.place, mark)
    return total


def _plus(left: BroughtIn, right: BroughtIn) -> BroughtIn:
    passed, forms, reasons, lacking = (
        tuple((Counter(dict(getattr(left, name))) + Counter(dict(getattr(right, name)))).most_common())
        for name in ("passed", "forms", "reasons", "lacking")
    )
    counts = ("added", "known", "joined", "erased", "refused", "totals", "totals_known", "with_text", "without_text")
    summed = {name: getattr(left, name) + getattr(right, name) for name in counts}
    told = tuple(dict.fromkeys((*left.notes, *right.notes)))
    return dataclasses.replace(left, passed=passed, forms=forms, reasons=reasons, lacking=lacking, notes=told, **summed)


def _take(hands: _Hands, source: Source, on: Callable[[int], None], sample: float | None = None) -> BroughtIn:
    refused = texts = 0
    lacking: Counter[str] = Counter()
    passed: Counter[str] = Counter()
    forms: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    totals: list[ProviderTotal] = []
    taken = 0

    def good(found: Iterator[Told | ProviderTotal | Passed | Refusal]) -> Iterator[Call | Met]:
        nonlocal refused, texts, taken
        for number, one in enumerate(found):
            if number % _REPORT_EACH == 0:
                on(number)
            if isinstance(one, Told):
                forms[one.call.source] += 1
                call = hands.keep(one.call, hands.sample if sample is None else sample)
                taken += 1
                texts += one.call.request is not None
                if one.lacks:
                    lacking[one.lacks] += 1
                yield Met(call=call, form=call.source, also=_keys(call.scope, one.also), near=_keys(call.scope, one.near))
            elif isinstance(one, Refusal):
                refused += 1
                _count(reasons, one.reason, "other reasons")
                hands.hear(one)
            elif isinstance(one, Passed):
                _count(passed, one.what, "of more kinds")
            else:
                totals.append(one)

    with Occurrences(hands.home) as occurrence:
        done = hands.calls.add(good(tell(source, hands.options, occurrence, hands.pairs)), supplements=hands.waiting)
    kept_totals = Totals(hands.home).put(totals, hands.days) if totals else None
    return BroughtIn(
        source=source.name,
        added=done.added,
        known=done.known,
        joined=done.joined,
        erased=done.erased,
        refused=refused,
        passed=tuple(passed.most_common()),
        totals=kept_totals.added + kept_totals.changed if kept_totals else 0,
        totals_known=kept_totals.known if kept_totals else 0,
        with_text=texts,
        without_text=taken - texts,
        forms=tuple(forms.most_common()),
        reasons=tuple(reasons.most_common()),
        lacking=tuple(lacking.most_common()),
        notes=_left_out(kept_totals),
    )


def _lacking_said(logs: Mapping[int, BroughtIn], *, before: int, after: int) -> dict[int, BroughtIn]:
    """The logs with a word on the calls that nothing told the text of. `before`, `after`: so many such calls there are in the home."""
    told = sum(count for log in logs.values() for _, count in log.lacking)
    # What was joined got its text here; of what was known nobody can say which of those without text it is.
    without = min(told, max(0, after - before) if any(log.joined for log in logs.values()) else after)
    found = {}
    for number, log in logs.items():
        lacking = [(code, -(-count * without // told)) for code, count in log.lacking]
        found[number] = dataclasses.replace(log, notes=(*notes(lacking), *log.notes))
    return found


def _left_out(kept: Kept | None) -> tuple[str, ...]:
    if kept is None or not kept.left_out:
        return ()
    return (f"{kept.left_out:,} totals are left out: another export of this import tells of the same days, broken down otherwise",)


def _count(kinds: Counter[str], one: str, rest: str) -> None:
    """Count by kind, as many kinds as are told apart."""
    kinds[one if one in kinds or len(kinds) < _MOST_KINDS else rest] += 1


def _keys(scope: str, names: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(identity.name(scope, name) for name in names)


def _chosen(call: Call, sample: float) -> bool:
    """Is this call's text among the sample? Steps of one trace or conversation are chosen together."""
    whose = call.conversation_id or call.trace_id or call.call_id
    digest = hashlib.blake2b(whose.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest) < sample * 2**64


def _turn(file: Path | str) -> int:
    """When a log is read: the requests of a batch first."""
    if not isinstance(file, Path):
        return 2
    if str(file) == "-":
        return 1
    with opened(file) as source:
        start = b""
        for piece in source.pieces():
            start += piece
            if len(start) >= _PEEKED_BYTES:
                break
    names = {name for name in ("custom_id", "url", "body", "params") if f'"{name}"'.encode() in start}
    return 0 if is_request(names) else 1


def _checked(hands: _Hands, source: Source, spooled: io.BufferedRandom, on: Callable[[int], None]) -> tuple[Source, int]:
    """Read a log once for its refusals alone: how many there are, and the source to read it again from.

    Standard input cannot be read twice; it is kept in a file without a name.
    """
    if source.size_bytes is None:
        shutil.copyfileobj(source.stream, spooled, 1 << 20)
        spooled.seek(0)
        source = Source(source.name, spooled, source.modified_at, None)
    bad = 0
    with Occurrences(hands.home) as occurrence, Pairs(hands.home / "tmp") as pairs:
        for number, one in enumerate(tell(source, hands.options, occurrence, pairs)):
            if number % _REPORT_EACH == 0:
                on(number)
            if isinstance(one, Refusal):
                bad += 1
                hands.hear(one)
    source.stream.seek(0)
    return Source(source.name, source.stream, source.modified_at, source.size_bytes), bad
