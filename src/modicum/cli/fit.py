"""`modicum fit`: build a small model for each workload and prove what it may answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Literal

import click

from modicum.admin import fitting, workloads
from modicum.admin.fitting import Fit, Fitted, LabelGiven, given
from modicum.admin.reach import Reach, pages
from modicum.cli.options import Config, at_home, print_json, print_table, printable, reached
from modicum.cli.progress import bar
from modicum.pipeline.effort import dollars
from modicum.pipeline.night import Foresight
from modicum.pipeline.switching import as_what
from modicum.types import Certificate, Tier

DIGITS = len("cert-") + 8
"""Of a certificate's id; `modicum certificate show` takes it so, or the workload's name."""
NONE = "–"
"""A figure of what was not made."""


@click.command(
    epilog="\b\nExamples:\n  modicum fit\n  modicum fit tickets --margin 0.02 --protect lost_card\n  modicum fit --gold labels.jsonl"
)
@click.argument("refs", metavar="[WORKLOAD]...", nargs=-1)
@click.option(
    "--margin",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Largest share of the requests that may differ. [default: 0.01]",
)
@click.option(
    "--alpha",
    callback=lambda context, option, text: share_of(text),
    metavar="SHARE",
    help="Promise instead that of what it answers at most this is wrong (0.02 or 2%), by labels of what it answers.",
)
@click.option("--confidence", type=click.FloatRange(0.5, 1, max_open=True), help="How sure the promise is. [default: 0.95]")
@click.option("--min-label-groups", type=click.IntRange(0), help="Labels with fewer held-out requests go to the incumbent. [default: 5]")
@click.option(
    "--gold", type=click.Path(exists=True, dir_okay=False, path_type=Path), help='Labels: {"id", "gold"} or {"id", "verdict"} a line.'
)
@click.option("--objective", type=click.Choice(["smallest", "cheapest", "fastest"]), help="Which candidate is tested. [default: smallest]")
@click.option("--max-latency-ms", type=click.FloatRange(0, min_open=True), help="Largest mean CPU time of an answer.")
@click.option("--max-size-mb", type=click.FloatRange(0, min_open=True), help="Largest size of a candidate.")
@click.option(
    "--min-quality", type=click.FloatRange(0, 1), help="Smallest share of the calls on which a candidate must say what the incumbent said."
)
@click.option(
    "--protect",
    multiple=True,
    metavar="VALUE",
    help="Always send this label, tool, or a record whose field says this (`return`, `kind=return`), to the incumbent; may be repeated.",
)
@click.option("--partial", is_flag=True, help="Test with the labels there are; missing ones count as the worst case.")
@click.option(
    "--self-agreement",
    "again",
    type=click.IntRange(20, 10_000),
    metavar="N",
    help="First ask each incumbent N old requests again: how often it differs from itself.",
)
@click.option(
    "--budget", type=click.FloatRange(0, min_open=True), default=5.0, show_default=True, help="With --self-agreement: most dollars."
)
@click.option("--yes", is_flag=True, help="Send what --self-agreement asks without asking.")
@click.option("--dry-run", is_flag=True, help="Say what would be tested and what that would take; open nothing.")
@reached
def command(
    refs: tuple[str, ...],
    margin: float | None,
    alpha: float | None,
    confidence: float | None,
    min_label_groups: int | None,
    gold: Path | None,
    objective: Literal["smallest", "cheapest", "fastest"] | None,
    max_latency_ms: float | None,
    max_size_mb: float | None,
    min_quality: float | None,
    protect: tuple[str, ...],
    partial: bool,
    again: int | None,
    budget: float,
    yes: bool,
    dry_run: bool,
    way: Reach,
    config: Config,
    as_json: bool,
) -> None:
    """Build a small model for each workload and prove on held-out calls what it may answer.

    fit proposes: nothing that it does changes an answer in production. A person switches on (`modicum route`), or, with
    `[watch] automatic`, the watcher takes it into shadow and on from there, a step at a time. What is going to be tested is
    written down before the newest calls are opened, and each window is opened once. Where nothing passes, the reason says
    how many more calls and days, or which labels, it would take; the exit code is 0 all the same.

    Candidates are tried from the smallest up: answers on record to the same request or to its nearest neighbour, a linear one, and where
    `[fit] encoder` names an encoder, that one and a chain of both, and those two fine-tuned where `[fit] encoder_minutes` allows for it, as
    long as what is left to gain may pay for it. One of them is chosen on calls that are not held out, and that one is tested.
    """
    at_home(way)
    asked = Fit(
        workloads=refs,
        margin=margin,
        alpha=alpha,
        confidence=confidence,
        min_label_groups=min_label_groups,
        objective=objective,
        max_latency_ms=max_latency_ms,
        max_size_mb=max_size_mb,
        min_quality=min_quality,
        protect=protect,
        labels=_labels(gold),
        partial=partial,
    )
    if asked.labels:
        with bar("matching labels") as progress:
            matched = way.do(fitting.labels, fitting.Labels(workloads=refs, labels=asked.labels), progress)
        for warning in matched.warnings:
            click.echo(printable(f"Warning: {warning}."), err=True)
    if dry_run:
        with bar("looking ahead") as progress:
            plans = way.do(fitting.plan, asked, progress)
        _show_plan(plans, as_json)
        return
    if again is not None:
        if not way.local:
            raise click.UsageError("--self-agreement asks from where the home is: run it there")
        from modicum.cli.again import ask_again

        ask_again(config, refs, again, budget=budget, yes=yes, shown=not as_json)
    with bar("fitting") as progress:
        found = way.do(fitting.fit, asked, progress)
    if as_json:
        print_json([one.verdict for one in found])
    else:
        unread = _unread(way, found)
        _show(found, dollars("cpu_hour_usd", config.report.cpu_hour_usd), unread)
        _say_next(found, unread, automatic=way.local and config.watch.automatic and config.watch.run != "off")


def share_of(text: str | None) -> float | None:
    """`0.02` or `2%`. Raises BadParameter where it is not between 0 and 1."""
    if text is None:
        return None
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise click.BadParameter(f"{text!r} is no share between 0 and 1", param_hint="--alpha")
    return share


def _labels(gold: Path | None) -> tuple[LabelGiven, ...]:
    if gold is None:
        return ()
    with gold.open("rb") as lines:
        return given(lines)


def _show(found: tuple[Fitted, ...], cpu_hour_usd: Decimal, unread: Mapping[str, str]) -> None:
    """`unread`: the workloads whose answers say more than is read from them, each with how they could be read."""
    certified = [(one.workload, one.verdict.certificate) for one in found if one.verdict.certificate is not None]
    refused = [(one.workload, one.verdict) for one in found if one.verdict.certificate is None]
    if certified:
        print_table(
            ("certified", "kind", "answers", "of all requests", "asked again", "held out", "saves a month", "certificate"),
            [
                (
                    name + (" *" if name in unread else ""),
                    c.kind,
                    f"{c.coverage:.0%}",
                    _rate(c),
                    "unknown" if c.self_disagreement is None else f"{c.self_disagreement:.1%} differ",
                    f"{c.groups:,}",
                    "unknown" if c.saving.usd_month is None else f"${c.saving.low_usd_month:,} to ${c.saving.high_usd_month:,}",
                    c.certificate_id[:DIGITS],
                )
                for name, c in certified
            ],
            right=(2, 3, 4, 5),
            whole=(0, 7),
        )
    _show_tiers(found, cpu_hour_usd)
    if any(one.verdict.unit_costs for one in found):
        print_table(
            ("by gold answers", "who", "right (95 %)", "requests", "$ a call", "$ a right answer", "p50 ms", "p95 ms"),
            [*_unit_costs(found)],
            right=(3, 4, 5, 6, 7),
            whole=(0,),
        )
    if refused:
        print_table(("refused", "because"), [(name, v.reason) for name, v in refused], whole=(0,))
    for one in found:
        for note in one.verdict.notes:
            click.echo(printable(f"{one.workload}: {note}."))
    if asked := [(one.workload, one.verdict) for one in found if one.verdict.request_file]:
        print_table(
            ("labels would help", "how many", "give them"),
            [(name, v.needs_labels, f"modicum label {name}") for name, v in asked],
            right=(1,),
        )
    if texts := [name for name, v in refused if v.code == "free_text"]:
        click.echo(f"Free text wants a language model: `modicum try PROVIDER/MODEL {texts[0]}` runs a smaller one over it (docs/try.md).")
    if starred := [name for name, _ in certified if name in unread]:
        click.echo(f"* answers say more than is read, and are not given until readers can do without: `{unread[starred[0]]}`")
    if len(certified) > 1:
        confidence = max(one.confidence for _, one in certified)
        click.echo(
            f"{len(certified)} certificates at {confidence:.0%}: expect about {len(certified) * (1 - confidence):.1f} of them to be wrong."
        )


def _say_next(found: Sequence[Fitted], unread: Mapping[str, str], *, automatic: bool) -> None:
    """Who takes the first step of what was certified. `automatic`: the watcher does."""
    certified = sorted((one.workload in unread, number) for number, one in enumerate(found) if one.verdict.certificate is not None)
    if not certified:
        return
    first = found[certified[0][1]]
    name, route = first.workload, first.verdict.route
    if automatic or (route is not None and route.automatic):
        click.echo(
            "Nothing has changed yet. The watcher takes it into shadow by itself, where it is compared on live calls, and on when the "
            f"conditions of a step hold: `modicum route show {name}`; `modicum route retire {name}` puts it away."
        )
    else:
        click.echo(
            f"Nothing has changed yet. `modicum route shadow {name}` compares on live calls, `modicum route on {name}` lets it answer."
        )


def _unread(way: Reach, found: Sequence[Fitted]) -> dict[str, str]:
    if all(one.verdict.certificate is None for one in found):
        return {}
    rows = (row for page in pages(way, workloads.list_, workloads.Listed()) for row in page.items if not row.can_be_served)
    return {row.workload.name: f"modicum workloads set {row.workload.workload_id} --read {as_what(row.workload)}" for row in rows}


UNLIKELY = "likely none"
"""Of what no threshold has an even chance to carry: an estimate, which the held-out requests may yet prove wrong."""


def _show_tiers(found: Sequence[Fitted], cpu_hour_usd: Decimal) -> None:
    """What was tried: a table for each workload with several candidates, one row for each other."""
    head = ("tier", "MB", "CPU ms", "$ a million", "agrees (95 %)", "answers", "saves a month")
    single = [(one.workload, one.verdict.tiers[0]) for one in found if len(one.verdict.tiers) == 1]
    if single:
        rows = [(name, *_figures(tier, cpu_hour_usd)) for name, tier in single]
        print_table(("tried, by estimate", *head), rows, right=(2, 3, 4, 5, 6), whole=(0, 1))
    for one in found:
        if len(tiers := one.verdict.tiers) > 1:
            tested = next((tier for tier in tiers if tier.chosen), None)
            rows = [(*_figures(tier, cpu_hour_usd), _fate(tier, tested)) for tier in tiers]
            print_table((*head, ""), rows, right=(1, 2, 3, 4, 5), whole=(0,), title=f"{one.workload}: tried, by estimate")
    for one in found:
        certificate = one.verdict.certificate
        if certificate is not None and any(tier.chosen and tier.coverage == 0 for tier in one.verdict.tiers):
            click.echo(
                f"{one.workload}: by the estimate no threshold had an even chance to pass; on the held-out requests one did, and"
                f" {certificate.coverage:.0%} of them are answered: the certificate holds, the estimate does not."
            )


def _figures(tier: Tier, cpu_hour_usd: Decimal) -> tuple[str, ...]:
    if tier.size_bytes is None or tier.cpu_ms is None or tier.agreement is None or tier.coverage is None:
        return (tier.name, *[NONE] * 6)
    return (
        tier.name,
        f"{tier.size_bytes / 1e6:.1f}",
        f"{tier.cpu_ms:.2f}",
        f"{Decimal(repr(tier.cpu_ms)) / 3_600_000 * cpu_hour_usd * 1_000_000:.2g}",
        f"{tier.agreement:.1%}"
        + ("" if tier.agreement_interval is None else "\u00a0({:.0f}–{:.0f})".format(*(100 * limit for limit in tier.agreement_interval))),
        f"{tier.coverage:.0%}" if tier.coverage else UNLIKELY,
        "unknown" if tier.saving_usd_month is None else f"${tier.saving_usd_month:,}" if tier.coverage else UNLIKELY,
    )


def _fate(tier: Tier, tested: Tier | None) -> str:
    if tier.chosen:
        return "tested"
    if tier.why or tested is None:
        return tier.why or "not tested"
    if (tier.coverage or 0) <= (tested.coverage or 0):
        return "answers no more"
    return "not worth its size" if (tier.size_bytes or 0) > (tested.size_bytes or 0) else "slower"


def _unit_costs(found: Sequence[Fitted]) -> Iterator[tuple[str, ...]]:
    for one in found:
        for cost in one.verdict.unit_costs:
            yield (
                one.workload,
                cost.who,
                f"{cost.right:.1%} ({cost.right_interval[0]:.1%} to {cost.right_interval[1]:.1%})",
                f"{cost.requests:,}",
                *("unknown" if usd is None else f"{usd:.3g}" for usd in (cost.usd_call, cost.usd_right)),
                *("unknown" if ms is None else f"{ms:,.1f}" for ms in (cost.p50_ms, cost.p95_ms)),
            )


def _rate(certificate: Certificate) -> str:
    if certificate.kind == "C":
        return f"{certificate.rate:.2%} of its own wrong"
    if certificate.kind == "A":
        return f"{certificate.rate:.2%} differ"
    return f"{abs(certificate.rate):.2%} {'worse' if certificate.rate >= 0 else 'better'}"


def _show_plan(plans: tuple[Foresight, ...], as_json: bool) -> None:
    if as_json:
        print_json(plans)
    else:
        print_table(
            ("workload", "would", "attempt", "kinds", "may spend", "calls"),
            [
                (p.name, p.would, p.attempt_number or "", " then ".join(p.kinds), f"{p.delta:.4f}" if p.delta else "", f"{p.calls:,}")
                for p in plans
            ],
            right=(2, 4, 5),
            whole=(0,),
        )
        if efforts := [(p.name, p.effort) for p in plans if p.effort is not None]:
            print_table(
                ("would take at most, about", "CPU time", "RAM", "VRAM", "disk", "labels asked", "which cost", "calls bought"),
                [
                    (
                        name,
                        _time(e.cpu_s),
                        f"{e.ram_mb:,} MB",
                        f"{e.vram_mb:,} MB",
                        f"{e.disk_mb:g} MB",
                        f"{e.labels:,}",
                        f"${e.labels_usd:,}",
                        f"${e.calls_usd:,}",
                    )
                    for name, e in efforts
                ],
                right=(1, 2, 3, 4, 5, 6, 7),
                whole=(0,),
            )
            disk, labels = sum(e.disk_mb for _, e in efforts), sum(e.labels_usd for _, e in efforts)
            seconds, memory = sum(e.cpu_s for _, e in efforts), max(e.ram_mb for _, e in efforts)
            click.echo(
                f"One after the other: {_time(seconds)} on one core, {memory:,} MB of memory, {disk:,.0f} MB of disk, ${labels:,} if every "
                "label that may be asked for is bought. Training and testing buy nothing."
            )


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"
