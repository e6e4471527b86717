"""Questions out to a spreadsheet and labels back from one: CSV that runs nothing, and a reader that believes nothing."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from modicum.errors import InputError, LogFormatError
from modicum.evaluate.labels import Choice, Label, read_labels
from modicum.pipeline.labelling import MOST_AT_ONCE, Desk
from modicum.report import spreadsheet
from modicum.report.sheets import Sheet

MOST_BYTES = 256 << 20
LONGEST_CELL = 1 << 20
VERDICTS: tuple[Choice, ...] = get_args(Choice)


def write_questions(desk: Desk, path: Path) -> int:
    """Every call whose label is wanted, with what this person said so far; how many."""
    slots = list(dict.fromkeys(name for question in desk.questions for name, _ in question.slots))
    head = ("id", *(f"request {name}" for name in slots), "a", "b", "verdict", *(("gold",) if desk.choices else ()))
    rows = []
    for question in desk.questions:
        said, held = desk.said(question.id), dict(question.slots)
        verdict, gold = (said.verdict or "", said.gold or "") if said else ("", "")
        texts = (question.id, *(held.get(name, "") for name in slots), question.a, question.b, verdict)
        rows.append((*texts, *((gold,) if desk.choices else ())))
    path.touch(mode=0o600, exist_ok=True)  # requests of people stand in it
    spreadsheet.write((Sheet(name="labels", head=head, rows=tuple(rows)),), path, bom=True)
    return len(rows)


def read_file(path: Path) -> list[tuple[str, Label]]:
    """(call, label) of a filled-in CSV or request file, first to last. Raises LogFormatError with the row, InputError."""
    if path.stat().st_size > MOST_BYTES:
        raise InputError(f"{path} is larger than {MOST_BYTES >> 20} MiB")
    body = path.read_bytes()
    if body.lstrip()[:1] == b"{":
        return list(read_labels(body.splitlines()).items())
    return list(read_csv(body))


def read_csv(body: bytes) -> Iterator[tuple[str, Label]]:
    """Rows with a `verdict` (a, b, both, neither) or a `gold`, by `id`; other columns are ignored, and so are rows with neither.

    Commas, semicolons or tabs part the cells. Raises LogFormatError.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise LogFormatError("the labels are not UTF-8", hint="save the spreadsheet as `CSV UTF-8`") from None
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    before = csv.field_size_limit(LONGEST_CELL)
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        head = [name.strip().casefold() for name in next(rows, [])]
        if "id" not in head or not {"verdict", "gold"} & set(head):
            raise LogFormatError(
                "the labels have no columns `id` and `verdict` (or `gold`)", hint="`modicum label WORKLOAD --csv FILE` writes them"
            )
        for number, row in enumerate(itertools.islice(rows, MOST_AT_ONCE + 1), 2):
            if number > MOST_AT_ONCE + 1:
                raise LogFormatError(f"more than {MOST_AT_ONCE:,} rows of labels")
            if found := _label(number, dict(zip(head, row, strict=False))):
                yield found
    except csv.Error as error:
        raise LogFormatError(f"the labels are no CSV: {error}") from None
    finally:
        csv.field_size_limit(before)


def _label(number: int, row: dict[str, str]) -> tuple[str, Label] | None:
    verdict, gold = row.get("verdict", "").strip().casefold(), _bare(row.get("gold", "")).strip()
    if not verdict and not gold:
        return None
    name = _bare(row.get("id", "").strip())
    if not name:
        raise LogFormatError(f"row {number} of the labels has no id")
    if gold:
        return name, Label(gold=gold)
    for choice in VERDICTS:
        if verdict == choice:
            return name, Label(verdict=choice)
    raise LogFormatError(f"row {number} of the labels: verdict {verdict[:40]!r} is none of {', '.join(VERDICTS)}")


def _bare(text: str) -> str:
    """Without the apostrophe that kept a spreadsheet from running it."""
    return text[1:] if text[:1] == "'" and spreadsheet.safe(text[1:]) == text else text
