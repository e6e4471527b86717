"""How routes are shown in the terminal: a row of the list, one in full, what is still missing, a line of history."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from modicum.admin.routes import RouteRow, RouteShown
from modicum.cli.options import print_table, printable
from modicum.pipeline.newcomers import said
from modicum.pipeline.promoting import CONTROL, Condition, Event, Outlook
from modicum.report.words import STATES, percent
from modicum.route.steps import ENDED, LIVE
from modicum.types import Against, RouteState

HEAD = ("route", "workload", "state", "share", "covers", "audits", "lost / level", "suspicion", "since", "by", "")
SPARE = (9, 4, 7, 8, 10, 3)
"""Columns that a narrow screen does without, in this order."""
BAR = 20
"""Cells of a bar."""


def row(one: RouteRow) -> tuple[str, ...]:
    """What `HEAD` names."""
    lost = "" if not one.audits or one.lost is None else percent(one.lost / one.audits)
    return (
        one.route_id,
        one.workload,
        STATES[one.state],
        percent(one.share) if one.share else "–",
        f"{one.coverage:.0%}",
        "" if one.audits is None else f"{one.audits:,}",
        f"{lost or '–'} / {one.level:.2%}" if one.level else lost,
        "" if one.suspicion is None else f"{one.suspicion:.0%}",
        f"{one.changed_at:%Y-%m-%d %H:%M}",
        one.changed_by,
        ", ".join(_marks(one)),
    )


def facts(found: RouteShown) -> list[tuple[str, str]]:
    """One route in full."""
    route, certificate, outlook = found.route, found.certificate, found.outlook
    rule = certificate.rule
    return [
        ("route", route.route_id),
        ("workload", certificate.workload_name),
        ("state", f"{_state(found)}, by {route.changed_by} on {route.changed_at:%Y-%m-%d %H:%M}"),
        _onward(found),
        ("proposed, approved by", f"{outlook.proposed_by or 'unknown'}, {route.approved_by or 'nobody'}"),
        ("answers when", f"confidence >= {rule.accept_above:.4f}"),
        ("always deferred", ", ".join([*rule.protected_labels, *rule.deferred_labels]) or "no label"),
        ("last resort", " or ".join(certificate.cover.incumbents)),
        ("certificate", f"{certificate.certificate_id}, attempt {certificate.attempt_number}: {certificate.sentence}"),
        ("holds until", f"{certificate.expires_at:%Y-%m-%d}"),
        ("specialist", route.artefact_digest),
        *_watched(found),
    ]


def seen_so_far(found: RouteShown) -> None:
    """What was seen beside what is wanted, and what comes next."""
    route, outlook = found.route, found.outlook
    for warning in outlook.watch.warnings if outlook.watch is not None else ():
        click.echo(printable(f"Early sign, without a guarantee: {warning}"))
    for newcomer in found.newcomers:
        click.echo(printable(f"A version of its prompt is not certified: {said(newcomer)}."))
    if outlook.lost_calls:
        click.echo(f"Lost of late: {' '.join(reversed(outlook.lost_calls))}")
        more = f"modicum workloads calls {found.certificate.workload_name} --differed"
        click.echo(printable(f"`modicum why CALL` says what both said, `{more}` lists more."))
    if route.state in ENDED:
        click.echo(
            printable(f"Next: `modicum fit {found.certificate.workload_name}` proposes another where newer calls carry a certificate.")
        )
    if outlook.next is None:
        return
    if outlook.conditions:
        print_table(
            (f"before {_step(outlook.next)}", "seen", "wanted", ""),
            [(one.what, one.seen, one.wanted, _bar(one)) for one in outlook.conditions],
            right=(1, 2),
        )
    step = f"`modicum route promote {route.route_id}`"
    if outlook.lacking:
        click.echo(printable(f"Missing for {_step(outlook.next)}: {'; '.join(outlook.lacking)}."))
    elif outlook.automatic and route.state in LIVE:
        click.echo(f"Nothing is missing: the watcher takes it on, or {step} does.")
    else:
        click.echo(f"Next: {step}")


def event(one: Event) -> tuple[str, ...]:
    """A line of a route's history."""
    what = "share of control" if one.what == CONTROL else STATES.get(one.what, one.what.replace("_", " "))
    was = STATES.get(one.was, one.was.replace("_", " "))
    step = f"{was} -> {what}" if was else what
    return (f"{one.at:%Y-%m-%d %H:%M:%S}", one.route_id, str(one.attempt or ""), step, one.actor, one.why)


def _onward(found: RouteShown) -> tuple[str, str]:
    """Who takes it forward; of one that never comes back, why."""
    if found.route.state in ENDED:
        return ("why", found.outlook.ended or "nobody said")
    return ("forward", "by the watcher" if found.outlook.automatic else "by a person")


def _step(state: RouteState) -> str:
    return STATES[state].removeprefix("in ")


def _marks(one: RouteRow) -> list[str]:
    marks = ["automatic"] if one.automatic else []
    marks += [f"approved by {one.approved_by}"] if one.approved_by else []
    if one.warnings:
        marks.append(f"{len(one.warnings)} early sign{'s' if len(one.warnings) > 1 else ''}")
    return marks + (["expired"] if one.expires_at <= datetime.now(UTC) else [])


def _state(found: RouteShown) -> str:
    route = found.route
    return f"in canary for {percent(route.share)} of the conversations" if route.state == "canary" else STATES[route.state]


def _watched(found: RouteShown) -> list[tuple[str, str]]:
    outlook = found.outlook
    if outlook.watch is not None and (against := outlook.watch.against) is not None:
        return [("beside the live route", _beside(against)), ("missing to take its place", "; ".join(outlook.watch.lacking) or "nothing")]
    if found.route.state not in LIVE:
        return []
    return [("watched", _life(outlook)), ("seen in this step", _seen(outlook))]


def _beside(one: Against) -> str:
    if not one.calls:
        return f"{one.route_id}: nothing was compared yet"
    return (
        f"{one.route_id}, on {one.calls:,} control calls: it answers {one.answered / one.calls:.0%} and loses {one.lost}, the live one "
        f"{one.live_answered / one.calls:.0%} and {one.live_lost}; p that it loses no more {one.worse_p:.2g}, no less {one.better_p:.2g}, "
        f"answers no more {one.more_p:.2g}"
    )


def _life(outlook: Outlook) -> str:
    if outlook.watched_at is None:
        return "never: `modicum serve` or `modicum watch` starts a watcher"
    return f"last sign of the watcher {outlook.watched_at:%Y-%m-%d %H:%M:%S}"


def _seen(outlook: Outlook) -> str:
    watch = outlook.watch
    if watch is None:
        return "nothing yet"
    if watch.broken:
        return f"its promise is broken: {watch.broken}"
    rate = f", {percent(watch.lost / watch.audits)} lost" if watch.audits else ""
    waiting = f", {watch.waiting:,} wait for a label" if watch.waiting else ""
    held = f", held to {watch.level:.2%}" if watch.level else ""
    return f"{watch.audits:,} audits in {watch.calls:,} calls{rate}{waiting}{held}, suspicion {watch.suspicion:.0%}"


def _bar(one: Condition) -> str:
    if one.holds:
        return f"{'█' * BAR} holds"
    filled = min(int(one.share * BAR), BAR - 1)
    return f"{'█' * filled}{'░' * (BAR - filled)} {one.share:.0%}"
