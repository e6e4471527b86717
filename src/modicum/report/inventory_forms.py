"""The inventory as a table for a terminal, for a spreadsheet, and as Markdown for an auditor: rows in, text out."""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from modicum.report import words
from modicum.report.inventory import Deed, Specialist
from modicum.report.sheets import Row, Sheet

NOT_YET = "not yet"
UNKNOWN = "unknown"
LONGEST = 2_000
_ESCAPED = str.maketrans(
    {mark: f"\\{mark}" for mark in string.punctuation if mark not in ".,:;-/%()+='\"?!&"} | {"\n": " ", "\r": " ", "\t": " "}
)
HEAD = ("scope", "workload", "owner", "state", "made of", "promise", "expires", "last audit", "proposed by", "approved by", "artefact")


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """When an inventory was made, by which version, and how far the record of changes had come."""

    at: datetime
    version: str
    record_lines: int
    record_head: str


def row(one: Specialist) -> tuple[str, ...]:
    """A line for a terminal, under `HEAD`."""
    return (
        one.scope,
        one.workload,
        one.owner or UNKNOWN,
        f"{state(one)}, {_day(one.state_since)}",
        made_of(one, short=True),
        f"{one.promised.kind}, {words.percent(one.promised.margin)}",
        expiry(one),
        last_audit(one, short=True),
        one.proposed.by if one.proposed else UNKNOWN,
        approval(one),
        one.artefact_digest.removeprefix("sha256:")[:12],
    )


def state(one: Specialist) -> str:
    """on · in canary (10 %) · paused."""
    share = f" ({words.percent(one.share)})" if one.share is not None else ""
    return f"{words.STATES[one.state]}{share}"


def made_of(one: Specialist, *, short: bool = False) -> str:
    """encoder, from all-MiniLM-L6-v2 (Apache-2.0)."""
    made = one.made
    if made.fault:
        return "DAMAGED OR MISSING" if short else f"cannot be used: {made.fault}"
    if made.model is not None:
        return f"another model: {made.model}"
    bases = ", ".join(f"{base.name} ({base.licence or 'licence unknown'})" for base in made.bases)
    kind = made.tier or made.kind or UNKNOWN
    return f"{kind}, from {bases}" if bases else kind


def approval(one: Specialist) -> str:
    """The approver; where nobody approved, whoever switched it on."""
    if one.approved_by:
        return one.approved_by
    return f"nobody; on by {one.switched_on.by}" if one.switched_on else "nobody"


def expiry(one: Specialist) -> str:
    return f"{_day(one.promised.expires_at)}{' (expired)' if one.promised.is_expired else ''}"


def last_audit(one: Specialist, *, short: bool = False) -> str:
    """2026-11-20 14:05, 412 audits · not yet."""
    if one.last_audit is None or one.last_audit.at is None:
        return NOT_YET
    at = f"{one.last_audit.at:%Y-%m-%d %H:%M}"
    if short:
        return f"{at}, BROKEN" if one.last_audit.broken else at
    broken = f"; THE PROMISE IS BROKEN: {one.last_audit.broken}" if one.last_audit.broken else ""
    return f"{at} UTC, {words.count(one.last_audit.audits, 'audit')} in this state{broken}"


def sheet(found: Iterable[Specialist]) -> Sheet:
    """One table; what is unknown is an empty cell."""
    head = (
        *("scope", "workload", "workload_id", "task", "owner", "purpose", "route_id", "state", "state_since", "state_by", "canary_share"),
        *("kind", "tier", "other_model", "size_bytes", "base_models", "base_licences"),
        *("trained_on_calls", "trained_from", "trained_to", "answers_of", "answers_of_providers", "erased_since"),
        *("certificate_id", "promise", "promise_kind", "margin", "max_selective", "confidence", "coverage", "distinct_requests"),
        *("window_from", "window_to", "incumbents", "proved_at", "expires_at", "expired", "last_audit_at", "audits", "broken"),
        *("proposed_by", "proposed_at", "approved_by", "switched_on_by", "switched_on_at", "artefact_digest", "artefact_fault"),
    )
    return Sheet(name="inventory", head=head, rows=tuple(map(_cells, found)))


def _cells(one: Specialist) -> Row:
    made, promised, audit = one.made, one.promised, one.last_audit
    return (
        *(one.scope, one.workload, one.workload_id, one.task or None, one.owner or None, one.purpose or None, one.route_id, one.state),
        *(one.state_since, one.state_by, one.share),
        *(made.kind or None, made.tier, made.model, made.size_bytes),
        *("; ".join(base.name for base in made.bases) or None, "; ".join(base.licence or UNKNOWN for base in made.bases) or None),
        *(made.trained_on, made.trained_from, made.trained_to),
        *("; ".join(dict.fromkeys(t.model for t in made.teachers)) or None, "; ".join(_providers(one)) or None, made.erased_since),
        *(promised.certificate_id, promised.sentence, promised.kind, promised.margin, promised.max_selective, promised.confidence),
        *(promised.coverage, promised.groups, promised.window_from, promised.window_to, "; ".join(promised.incumbents)),
        *(promised.created_at, promised.expires_at, "yes" if promised.is_expired else "no"),
        *((audit.at, audit.audits, audit.broken or None) if audit else (None, None, None)),
        *(one.proposed.by if one.proposed else None, one.proposed.at if one.proposed else None, one.approved_by),
        *(one.switched_on.by if one.switched_on else None, one.switched_on.at if one.switched_on else None),
        *(one.artefact_digest, made.fault or None),
    )


def markdown(found: Sequence[Specialist], made: Made) -> str:
    """A document for an auditor: a summary, then a section for each."""
    summary = [
        "# Inventory of specialists",
        f"Made {_moment(made.at)} by Modicum {_plain(made.version)}. The record of changes had {words.count(made.record_lines, 'line')}; "
        f"its head was `{_plain(made.record_head)}`.",
    ]
    if not found:
        return "\n\n".join([*summary, "There is none."]) + "\n"
    head = ("Workload", "Scope", "Owner", "State", "Promise", "Expires", "Last audit")
    rows = [
        (one.workload, one.scope, one.owner or UNKNOWN, state(one), one.promised.sentence, expiry(one), last_audit(one, short=True))
        for one in found
    ]
    sections = [
        f"## {_plain(one.workload)} ({_plain(one.scope)}, {_plain(one.route_id)})\n\n{_table(('', ''), facts(one))}" for one in found
    ]
    return "\n\n".join([*summary, _table(head, rows), *sections]) + "\n"


def facts(one: Specialist) -> list[tuple[str, str]]:
    """All that is known of one, in words."""
    made, promised = one.made, one.promised
    size = f", {made.size_bytes:,} bytes" if made.size_bytes is not None else ""
    teachers = [f"{t.model} ({t.provider or 'provider unknown'}), scope {t.scope}: {words.count(t.calls, 'answer')}" for t in made.teachers]
    span = f", {_day(made.trained_from)} to {_day(made.trained_to)}" if made.trained_from and made.trained_to else ""
    trained = (
        "nothing here" if made.model else UNKNOWN if made.trained_on is None else f"{words.count(made.trained_on, 'recorded call')}{span}"
    )
    gone = f"; {words.count(made.erased_since, 'of them was', 'of them were')} erased since" if made.erased_since else ""
    of_answered = "" if promised.kind == "C" else f"; of the answered at most {words.percent(promised.max_selective)}"
    return [
        ("Workload", f"{one.workload} ({one.workload_id}), scope {one.scope}" + (f", task {one.task}" if one.task else "")),
        ("Owner", one.owner or UNKNOWN),
        ("Purpose", one.purpose or UNKNOWN),
        ("State", f"{state(one)} since {_moment(one.state_since)}, by {one.state_by}"),
        ("Kind", f"{made_of(one)}{size}"),
        *[("Base model", f"{b.name}{' at ' + b.revision if b.revision else ''}, licence {b.licence or UNKNOWN}") for b in made.bases],
        ("Learnt from", f"{trained}{gone}"),
        ("Answers of", "; ".join(teachers) or ("nobody: it was not trained here" if made.model else UNKNOWN)),
        ("Stands in for", ", ".join(promised.incumbents)),
        ("Promise", promised.sentence),
        (
            "Kind and margin",
            f"{promised.kind}, {words.percent(promised.margin)} at {words.percent(promised.confidence)} confidence{of_answered}",
        ),
        (
            "Proved on",
            f"{words.count(promised.groups, 'distinct request')}, {_day(promised.window_from)} to {_day(promised.window_to)}; "
            f"certificate {promised.certificate_id} of {_day(promised.created_at)}",
        ),
        ("Answers", f"{words.percent(promised.coverage)} of the distinct requests; all others go to the incumbent"),
        ("Expires", expiry(one)),
        ("Last audit", last_audit(one)),
        ("Proposed by", _deed(one.proposed)),
        ("Approved by", one.approved_by or "nobody"),
        ("Switched on by", _deed(one.switched_on) if one.switched_on else "nobody"),
        ("Artefact", f"{one.artefact_digest}; {'CANNOT BE USED: ' + made.fault if made.fault else 'every digest of it holds'}"),
    ]


def _providers(one: Specialist) -> list[str]:
    return list(dict.fromkeys(teacher.provider or UNKNOWN for teacher in one.made.teachers))


def _deed(deed: Deed | None) -> str:
    return UNKNOWN if deed is None else f"{deed.by}, {_moment(deed.at)}"


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([_plain(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(text: str) -> str:
    """Text from elsewhere, as Markdown shows it and not as it would be obeyed."""
    return words.visible(text, LONGEST).translate(_ESCAPED)
