"""How a figure reads: money, shares, counts and spans in words, the same in text and on the page."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from modicum.report.currency import written
from modicum.types import DAYS_A_MONTH, Saving

if TYPE_CHECKING:
    from modicum.report.records import Totals, WorkloadFigures  # which are made of what speaks by these words
    from modicum.report.rungs import TriedModel

UNKNOWN = "unknown"
STATES = {
    "on": "on",
    "canary": "in canary",
    "shadow": "in shadow",
    "proposed": "proposed",
    "paused": "paused",
    "rolled_back": "rolled back",
    "retired": "retired",
    "expired": "certificate expired",
    "refused": "not proposed",
    "not_tried": "not tried yet",
    "needs_reading": "needs your word",
    "unsuited": "stays with the large model",
    "ignored": "left out",
    "declared": "declared",
}
ANSWERS = {"label": "a label", "object": "a JSON record", "number": "a number", "tool": "a tool call", "text": "free text"}
_RTL = r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]"
RIGHT_TO_LEFT = re.compile(rf"{_RTL}(?:(?:{_RTL}|[\s\d.,:-])*{_RTL})?")
"""Hebrew, Arabic and their neighbours; a name of theirs within a sentence must not turn the figures around it."""
JOINERS = "\u200c\u200d"


def money(value: Decimal | None) -> str:
    """$1,240 · RM 12.40 · under $0.01, in the currency in force; whole units from 100 on, whole cents below."""
    if value is None:
        return UNKNOWN
    return written(value)


def signed(value: Decimal | None) -> str:
    """A change: +$12.40 · −$3.00 · $0."""
    return f"+{money(value)}" if value is not None and value > 0 else money(value)


def thousand(usd_call: Decimal | None) -> str:
    """What a thousand calls cost, as one call of a small model costs less than anybody can read."""
    return UNKNOWN if usd_call is None else money(usd_call * 1000)


def ms(value: float) -> str:
    """0.34 ms · 700 ms · 2,400 ms."""
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.2g} ms"


def seconds(ms: float | None) -> str:
    """0.34 · 2.1 · 14: two digits are all that a latency deserves."""
    if ms is None:
        return "–"
    value = ms / 1000
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.995 else f"{value:.2g}" if value >= 0.001 else "under 0.001"


def saving(value: Saving | None) -> str:
    """The interval where there is one, else the estimate."""
    if value is None or value.usd_month is None:
        return UNKNOWN
    if value.low_usd_month is None or value.high_usd_month is None:
        return f"about {money(value.usd_month)}"
    low, high = money(value.low_usd_month), money(value.high_usd_month)
    return low if low == high else f"{low} to {high}"


def between(low: Decimal | None, high: Decimal | None) -> str:
    """$1.90 to $2.80; one amount where both read the same."""
    first, last = money(low), money(high)
    return first if first == last else f"{first} to {last}"


def spend(of: WorkloadFigures | Totals) -> str:
    """What a month costs as it is: $259; from what was recorded to this pace all day where hours are missing: $259 to $3,104."""
    usd, low, high = of.spend_usd_month, of.spend_low_usd_month, of.spend_high_usd_month
    return between(usd, high) if is_from(usd, low) else money(usd)


def limits(of: WorkloadFigures | Totals) -> str:
    """The limits that stand below `spend`; empty where it says them, or they read the same."""
    usd, low, high = of.spend_usd_month, of.spend_low_usd_month, of.spend_high_usd_month
    told = "" if low is None or is_from(usd, low) else between(low, high)
    return told if " to " in told else ""


def is_from(usd: Decimal | None, low: Decimal | None) -> bool:
    """The range begins with what was recorded."""
    return usd is not None and low is not None and usd > 0 and low >= usd * Decimal("0.999999")


def outcome(one: TriedModel) -> str:
    """What became of a model that was tried: on, certified on 939 requests · not proven on 939 requests."""
    number = count(one.groups, "request")
    if one.verdict == "certified":
        state = "" if one.route_state is None else f"{STATES[one.route_state]}, "
        return f"{state}certified on {number}"
    return f"asked {number}, and nobody has looked yet" if one.verdict == "open" else f"not proven on {number}"


def percent(share: float | None) -> str:
    """38 % · 3.4 % · under 0.1 %; the sign stays with its number."""
    if share is None:
        return UNKNOWN
    if share == 0:
        return _with_sign("0")
    if share < 0.001:
        return f"under {_with_sign('0.1')}"
    if share > 0.999:
        return _with_sign("100") if share >= 1 else f"over {_with_sign('99.9')}"
    return _with_sign(f"{share * 100:.0f}" if 0.1 <= share <= 0.99 else f"{share * 100:.1f}".removesuffix(".0"))


def _with_sign(number: str) -> str:
    return f"{number}\u00a0%"


def share(part: float) -> str:
    """A share in a column: one digit behind the point, so that the points stand below each other."""
    return _with_sign(f"{part * 100:.1f}")


def names(lines: Sequence[WorkloadFigures], most: int = 12) -> str:
    """Workloads by name, dearest first."""
    return listing([visible(line.name, 60) for line in lines], most)


def count(number: int, one: str, many: str = "") -> str:
    """1 call · 2,100 calls."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def span(first: date, last: date) -> str:
    """1–31 Oct 2026 · 28 Sep – 3 Oct 2026 · 30 Dec 2025 – 2 Jan 2026."""
    if first == last:
        return f"{first.day} {first:%b %Y}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{last.day} {last:%b %Y}"
    if first.year == last.year:
        return f"{first.day} {first:%b} – {last.day} {last:%b %Y}"
    return f"{first.day} {first:%b %Y} – {last.day} {last:%b %Y}"


def listing(items: Sequence[str], most: int = 3) -> str:
    """a, b and 4 more."""
    shown = list(items[:most])
    if len(items) > most:
        return f"{', '.join(shown)} and {len(items) - most} more"
    return ", ".join(shown)


def days_in_words(days: float) -> str:
    """11 days · 7 months · over ten years."""
    if days <= 1:
        return "one day"
    if days < 100:
        return f"{math.ceil(days)} days"
    if days < 720:
        return f"{days / DAYS_A_MONTH:.0f} months"
    return f"{days / 365.25:.0f} years" if days < 3652 else "over ten years"


def unit(price: Decimal | None) -> str:
    """Dollars a million tokens, as the price list has them."""
    return UNKNOWN if price is None else f"{price.normalize():f}"


def answer(line: WorkloadFigures) -> str:
    """What an answer looks like; a star where it says more than that."""
    said = f"one of {count(line.labels, 'label')}" if line.contract_kind == "label" else ANSWERS[line.contract_kind]
    return said if line.can_be_served else f"{said} *"


def models(line: WorkloadFigures) -> str:
    """Who answers it today, most calls first."""
    return listing([model.model for model in sorted(line.incumbents, key=lambda model: -model.calls)])


def why(line: WorkloadFigures) -> str:
    """Why nothing of it is taken over, with the code that programs match."""
    if line.state == "not_tried":
        return "Its answers are short and fixed: `modicum fit` finds out whether a small model is good enough."
    if line.state == "ignored":
        return "Left out by the operator."
    if line.state == "declared":
        return ""
    if line.state == "paused":
        return "A certified small model was switched off by a person."
    if line.state == "retired":
        return "A certified small model was put away; `modicum fit` looks for another."
    if line.state == "rolled_back":
        since = f" Since then: {sentence(line.verdict.reason)}" if line.verdict is not None and line.verdict.verdict == "refused" else ""
        return f"A small model was sent back, by an alarm or a person; `modicum fit` looks for another that newer calls carry.{since}"
    if line.state == "expired" and line.expires_at is not None:
        day = line.expires_at.date()
        return f"Its certificate expired on {span(day, day)}; `modicum fit` looks for a new one."
    return sentence(f"{line.reason.rstrip('.')} ({line.code})" if line.code else line.reason)


def missing(line: WorkloadFigures) -> str:
    """What a refused workload lacks: 4,400 calls, 86 days · 26 labels."""
    verdict = line.verdict if line.state == "refused" else None
    said = []
    if verdict is not None and verdict.needs_calls:
        said.append(count(verdict.needs_calls, "call"))
    if verdict is not None and verdict.needs_days:
        said.append(days_in_words(verdict.needs_days))
    if verdict is not None and verdict.needs_labels:
        said.append(count(verdict.needs_labels, "label"))
    return ", ".join(said)


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""


def live(line: WorkloadFigures) -> list[tuple[str, str]]:
    """(name, value) of what the gateway saw, where it saw anything."""
    seen = line.live
    if seen is None:
        return []
    total = seen.specialist_calls + seen.incumbent_calls
    said = []
    if seen.specialist_calls:
        fast = f" in {ms(seen.specialist_p50_ms)}" if seen.specialist_p50_ms is not None else ""
        slow = f" against {ms(seen.incumbent_p50_ms)}" if seen.incumbent_p50_ms is not None and fast else ""
        said.append(("live", f"{seen.specialist_calls:,} of {count(total, 'call')} answered by the specialist{fast}{slow} (medians)"))
        said.append(("saved so far", money(seen.saved_usd)))
    if shadow := seen.shadow:
        share = percent(shadow.agreed / shadow.compared) if shadow.compared else UNKNOWN
        sure = f"sure of {shadow.would_answer:,}; {share} of the {shadow.compared:,} that could be compared agreed"
        said.append(("in shadow", f"{count(shadow.calls, 'call')}, {sure}"))
    if reasons := [f"{reason.replace('_', ' ')} {number:,}" for reason, number in seen.reasons if reason not in ("answered", "shadow")]:
        said.append(("not answered", listing(reasons, 5)))
    return said


def visible(text: str, most: int = 0) -> str:
    """Text from a log with everything that would steer a terminal or reorder a line shown as an escape.

    Kept as they are: line breaks, tabs, spaces of all scripts, and the joiners that Persian and Indic scripts and emoji
    need. `most` shortens in the middle, where names differ least.
    """
    if most and len(text) > most:
        head = most * 2 // 3
        text = f"{text[:head]}…{text[len(text) - (most - head - 1) :]}"
    return "".join(c if _harmless(c) else f"\\u{ord(c):04x}" for c in text)


def line(text: str, most: int = 0) -> str:
    """A sentence for a terminal: visible, and words that run from right to left kept to themselves."""
    return RIGHT_TO_LEFT.sub("\u2068\\g<0>\u2069", visible(text, most))


def _harmless(char: str) -> bool:
    if char in "\n\t" or char in JOINERS:
        return True
    return unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
