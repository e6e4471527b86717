"""Workloads that somebody declares where there is no log: a name, a kind of task, calls a month, tokens, a model.

    name,task,calls a month,input tokens,output tokens,model,sample
    Aduan pelanggan,classify,120000,350,5,gpt-4o,"Kelaskan aduan ini: ..."

Tokens are those of one call, on average. Nothing is guessed: what cannot be read is named by line and column, all of it at once.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import get_args

import msgspec

from modicum.errors import LogFormatError
from modicum.intake import tables
from modicum.intake.sources import Broken, opened
from modicum.intake.told import whole
from modicum.types import TaskKind

MOST_ROWS = 10_000
LONGEST_BYTES = 4 << 20
LONGEST_NAME = 120
LONGEST_SAMPLE = 100_000
MOST_TOKENS = 10_000_000
MOST_CALLS = 10**12
SHOWN_ERRORS = 10
_NAMES: Mapping[str, tuple[str, ...]] = {
    "name": ("name", "workload", "use_case", "what"),
    "task": ("task", "kind", "task_kind", "type"),
    "calls_month": ("calls_month", "calls_a_month", "calls_per_month", "monthly_calls", "calls", "requests_month", "requests"),
    "input_tokens": ("input_tokens", "tokens_in", "input", "prompt_tokens", "in"),
    "output_tokens": ("output_tokens", "tokens_out", "output", "completion_tokens", "out"),
    "model": ("model", "incumbent", "model_today"),
    "sample": ("sample", "sample_prompt", "prompt", "example"),
}
"""Our columns -> how they may be headed, in small letters with underscores."""
REQUIRED = ("name", "calls_month", "input_tokens", "output_tokens", "model")
_TASKS: tuple[TaskKind, ...] = get_args(TaskKind)
_SAME: Mapping[str, TaskKind] = {
    **dict.fromkeys(("classification", "labelling", "routing"), "classify"),
    **dict.fromkeys(("extraction", "parsing"), "extract"),
    **dict.fromkeys(("scoring", "rating", "ranking"), "score"),
    **dict.fromkeys(("tools", "agent", "agents"), "tool"),
    **dict.fromkeys(("summary", "summarize", "summarization", "summarisation"), "summarise"),
    **dict.fromkeys(("translation",), "translate"),
    **dict.fromkeys(("rag", "question answering", "search and answer"), "retrieve-and-answer"),
    **dict.fromkeys(("embedding", "embeddings"), "embed"),
    **dict.fromkeys(("reranking", "re-ranking"), "rerank"),
    **dict.fromkeys(("generation", "writing", "chat"), "generate"),
    "": "unsure",
}
"""Other words for the kinds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One workload as somebody says it is: nothing here was measured."""

    name: str
    task: TaskKind
    calls_month: int
    input_tokens: Decimal
    """Of one call, on average."""
    output_tokens: Decimal
    model: str
    sample: str | None = None


def read(path: Path) -> tuple[Declared, ...]:
    """The rows of a file, `-` being standard input. Raises LogFormatError that names every line and column that is wrong."""
    with opened(path) as source:
        try:
            body = b""
            for piece in source.pieces():
                body += piece
                if len(body) > LONGEST_BYTES:
                    raise LogFormatError(f"{source.name} is longer than {LONGEST_BYTES >> 20} MiB: no list of workloads is")
        except Broken as error:
            raise LogFormatError(f"{source.name}: {error}") from None
        return parse(body, source.name)


def parse(body: bytes, where: str = "the list") -> tuple[Declared, ...]:
    """The same of bytes."""
    found = tables.head(body.split(b"\n", 1)[0])
    if found is None:
        raise LogFormatError(f"{where} does not begin with the names of columns", hint=f"the first line is: {','.join(REQUIRED)}")
    delimiter, names = found
    columns = _columns(names, where)
    rows: list[Declared] = []
    wrong: list[str] = []
    for line, row in tables.rows([body], delimiter, names, longest=LONGEST_BYTES):
        if isinstance(row, LogFormatError):
            wrong.append(f"line {line}: {row.message}")
            continue
        cells = msgspec.json.decode(row, type=dict[str, str])
        declared, bad = check({ours: cells.get(theirs, "") for ours, theirs in columns.items()})
        wrong += [f"line {line}, column '{columns.get(ours, ours)}': {why}" for ours, why in bad]
        if declared is not None:
            rows.append(declared)
        if len(rows) > MOST_ROWS:
            raise LogFormatError(f"{where} has over {MOST_ROWS:,} rows")
    wrong += [f"two workloads are called '{name}': say which is which" for name in _twice(one.name for one in rows)]
    if wrong:
        more = f"; and {len(wrong) - SHOWN_ERRORS:,} more" if len(wrong) > SHOWN_ERRORS else ""
        raise LogFormatError(f"{where}: " + "; ".join(wrong[:SHOWN_ERRORS]) + more)
    if not rows:
        raise LogFormatError(f"{where} declares no workload")
    return tuple(rows)


def check(cells: Mapping[str, str]) -> tuple[Declared | None, list[tuple[str, str]]]:
    """(the workload, what is wrong: column and why) of a row whose cells stand under our columns' names."""
    wrong: list[tuple[str, str]] = []

    def fail(column: str, why: str) -> None:
        wrong.append((column, why))

    name, model, sample = (cells.get(column, "").strip() for column in ("name", "model", "sample"))
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        fail("name", "it is empty" if not name else f"a name has up to {LONGEST_NAME} characters on one line")
    if not model or len(model) > LONGEST_NAME or not model.isprintable():
        fail("model", "it is empty: which model answers it today?" if not model else "that is no model's name")
    if len(sample) > LONGEST_SAMPLE:
        fail("sample", f"longer than {LONGEST_SAMPLE:,} characters")
    task = _task(cells.get("task", ""))
    if task is None:
        word = cells.get("task", "").strip()
        near = difflib.get_close_matches(word.lower(), [*_TASKS, *_SAME], 1)
        fail("task", f"no kind of task '{word[:40]}'" + (f"; did you mean '{near[0]}'?" if near else f"; there are {', '.join(_TASKS)}"))
    calls = 0
    try:
        calls = whole(cells.get("calls_month", "").strip(), "") or 0
        if not 0 < calls <= MOST_CALLS:
            fail("calls_month", "calls a month are a whole number from 1 on")
    except LogFormatError:
        fail("calls_month", f"{cells.get('calls_month', '')[:40]!r} is not a whole number")
    sent, got = (_tokens(cells.get(column, ""), column, fail) for column in ("input_tokens", "output_tokens"))
    if wrong:
        return None, wrong
    assert task is not None and sent is not None and got is not None
    return (
        Declared(name=name, task=task, calls_month=calls, input_tokens=sent, output_tokens=got, model=model, sample=sample or None),
        [],
    )


def _tokens(cell: str, column: str, fail: Callable[[str, str], None]) -> Decimal | None:
    text = cell.strip()
    why = None
    try:
        counted = whole(text, "") if text and "." not in text else None
        found = Decimal(counted) if counted is not None else Decimal(text)
        if not found.is_finite() or not 0 <= found <= MOST_TOKENS:
            why = f"tokens of one call are a number from 0 to {MOST_TOKENS:,}"
    except (InvalidOperation, LogFormatError):
        why = "it is empty" if not text else f"{text[:40]!r} is not a number"
        found = Decimal(0)
    if why is not None:
        fail(column, why)
        return None
    return found


def _columns(names: Iterable[str], where: str) -> dict[str, str]:
    """Our columns -> theirs. Raises LogFormatError where one that is needed is not there."""
    listed = tables.unlike(list(names))
    plain = {re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_"): name for name in reversed(listed)}
    found = {}
    for ours, spellings in _NAMES.items():
        theirs = next((plain[spelling] for spelling in spellings if spelling in plain), None)
        if theirs is not None:
            found[ours] = theirs
    if missing := [ours for ours in REQUIRED if ours not in found]:
        raise LogFormatError(
            f"{where}, line 1: no column '{missing[0]}' among {', '.join(name[:40] for name in listed[:12])}",
            hint=f"the columns are {', '.join(_NAMES)}; task and sample may be left out",
        )
    return found


def _task(word: str) -> TaskKind | None:
    plain = word.strip().lower()
    return next((task for task in _TASKS if task == plain.replace(" ", "-")), _SAME.get(plain))


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, times in Counter(names).items() if times > 1]
