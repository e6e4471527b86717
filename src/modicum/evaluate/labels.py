"""Labels from outside: gold answers and blind verdicts on the calls where specialist and incumbent differ.

What is asked for is shuffled and does not say whose answer is whose; the order is a keyed draw that is undone when the verdict comes back.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from modicum.errors import LogFormatError
from modicum.evaluate.table import UNREAD, Table
from modicum.types import Attempt

Choice = Literal["a", "b", "both", "neither"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What somebody who knows says of one call: the right answer, or which of two answers is right."""

    gold: str | None = None
    verdict: Choice | None = None


def read_labels(lines: Iterable[str | bytes]) -> dict[str, Label]:
    """JSON lines `{"id", "gold"}` or `{"id", "verdict": "a" | "b" | "both" | "neither"}` by response id (or call id); the last one counts.

    Other keys are ignored, so a filled-in request file reads too; a line without gold and verdict (null) is one not answered yet.
    `gold` may be a string, or JSON of another type (an object, a number). Raises LogFormatError with the line's number, and where no line
    has either of the two.
    """
    labels: dict[str, Label] = {}
    lines_read = lines_asking = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise LogFormatError(f"line {number} of the labels is not JSON: {error}") from None
        if not isinstance(row, dict) or not isinstance(row.get("id"), str):
            raise LogFormatError(f"line {number} of the labels has no id", hint='{"id": "chatcmpl-…", "gold": "refund"}')
        lines_read, lines_asking = lines_read + 1, lines_asking + ("gold" in row or "verdict" in row)
        gold, verdict = row.get("gold"), row.get("verdict")
        if verdict not in (None, "a", "b", "both", "neither"):
            raise LogFormatError(f"line {number} of the labels: verdict {verdict!r} is none of a, b, both, neither")
        if gold is not None:
            labels[row["id"]] = Label(gold=gold if isinstance(gold, str) else _canonical(gold))
        elif verdict is not None:
            labels[row["id"]] = Label(verdict=verdict)
    if lines_read and not lines_asking:
        raise LogFormatError(
            f"none of {lines_read:,} lines of labels has a 'gold' or a 'verdict'", hint='{"id": "chatcmpl-…", "gold": "refund"}'
        )
    return labels


def excess_losses(table: Table, labels: Mapping[str, Label], attempt_id: str) -> NDArray[np.float64]:
    """loss(specialist) - loss(incumbent) of each row, in {-1, 0, 1}: 0 where they agree, NaN where no label is known.

    A gold answer counts as met when it is equal but for case, surrounding white space and, for JSON, the order of keys and spacing. An
    unread answer of the incumbent is wrong under gold; in a verdict it is judged like any other.
    """
    names = [comparable(label) for label in table.labels]
    out = np.where(table.differs, np.nan, 0.0)
    for i in np.nonzero(table.differs)[0].tolist():
        ids = (table.response_ids[i], table.call_ids[i])
        label = labels.get(ids[0]) or labels.get(ids[1])
        if label is None:
            continue
        if label.gold is not None:
            gold = comparable(label.gold)
            told = int(table.told[i])
            out[i] = float(names[int(table.said[i])] != gold) - float(told == UNREAD or names[told] != gold)
        elif label.verdict in ("both", "neither"):
            out[i] = 0.0
        else:
            specialist_right = (label.verdict == "a") == specialist_is_a(attempt_id, ids[0])
            out[i] = -1.0 if specialist_right else 1.0
    return out


def label_requests(
    attempt: Attempt, table: Table, rows: Sequence[int], slots: Mapping[str, Sequence[tuple[str, str]]]
) -> list[dict[str, Any]]:
    """What a reader is asked: `{"id", "slots", "a", "b", "verdict": null}` for each of these rows of the table, shuffled and blind.

    `slots` maps call id to what the request's slots hold. The lines, with verdicts (or gold) filled in, go back through `read_labels`.
    """
    requests = []
    for i in rows:
        name = table.response_ids[i]
        told = int(table.told[i])
        specialist, incumbent = table.labels[int(table.said[i])], "(no readable answer)" if told == UNREAD else table.labels[told]
        first, second = (specialist, incumbent) if specialist_is_a(attempt.attempt_id, name) else (incumbent, specialist)
        requests.append({"id": name, "slots": dict(slots[table.call_ids[i]]), "a": first, "b": second, "verdict": None})
    return sorted(requests, key=lambda request: drawn(attempt.attempt_id, "shuffle", str(request["id"])))


def specialist_is_a(attempt_id: str, response_id: str) -> bool:
    """A fair coin for each call of an attempt: is `a` the specialist's answer?"""
    return drawn(attempt_id, "side", response_id)[0] % 2 == 0


def drawn(attempt_id: str, purpose: str, name: str) -> bytes:
    """16 bytes of chance, fixed by an attempt, what they are for and the name of a call."""
    return hashlib.blake2b(f"{purpose}\0{attempt_id}\0{name}".encode(), digest_size=16).digest()


def comparable(value: str) -> str:
    """The value as equality sees it: case folded, surrounding space dropped, JSON in one spelling."""
    text = value.strip()
    if text[:1] in ("{", "["):
        with contextlib.suppress(ValueError, RecursionError):
            text = _canonical(json.loads(text))
    return text.casefold()


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
