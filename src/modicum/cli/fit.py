"""`modicum fit`: build a small model for each workload and prove what it may answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import click

from modicum.admin import fitting
from modicum.admin.fitting import Fit, Fitted, LabelGiven, given
from modicum.admin.reach import Reach
from modicum.cli.options import Config, at_home, print_json, print_table, reached
from modicum.cli.progress import bar
from modicum.pipeline.night import Foresight


@click.command(
    epilog="Examples:  modicum fit    |    modicum fit tickets --margin 0.02 --protect lost_card    |    modicum fit --gold labels.jsonl"
)
@click.argument("refs", metavar="[WORKLOAD]...", nargs=-1)
@click.option(
    "--margin", type=click.FloatRange(0, 1, min_open=True, max_open=True), help="Most of the requests that may differ. [default: 0.01]"
)
@click.option("--confidence", type=click.FloatRange(0.5, 1, max_open=True), help="How sure the promise is. [default: 0.95]")
@click.option("--min-label-groups", type=click.IntRange(0), help="Labels with fewer held-out requests go to the incumbent. [default: 5]")
@click.option(
    "--gold", type=click.Path(exists=True, dir_okay=False, path_type=Path), help='Labels: {"id", "gold"} or {"id", "verdict"} a line.'
)
@click.option("--objective", type=click.Choice(["smallest", "cheapest", "fastest"]), help="Which candidate is tested. [default: smallest]")
@click.option("--max-latency-ms", type=click.FloatRange(0, min_open=True), help="Most CPU time of an answer, mean.")
@click.option("--max-size-mb", type=click.FloatRange(0, min_open=True), help="Largest candidate.")
@click.option("--min-quality", type=click.FloatRange(0, 1), help="Least share on which a candidate must say what the incumbent said.")
@click.option("--protect", multiple=True, metavar="LABEL", help="Always send this label to the incumbent; may be repeated.")
@click.option("--partial", is_flag=True, help="Test with the labels there are; missing ones count as the worst case.")
@click.option("--dry-run", is_flag=True, help="Say what would be tested; open nothing.")
@reached
def command(
    refs: tuple[str, ...],
    margin: float | None,
    confidence: float | None,
    min_label_groups: int | None,
    gold: Path | None,
    objective: Literal["smallest", "cheapest", "fastest"] | None,
    max_latency_ms: float | None,
    max_size_mb: float | None,
    min_quality: float | None,
    protect: tuple[str, ...],
    partial: bool,
    dry_run: bool,
    way: Reach,
    config: Config,
    as_json: bool,
) -> None:
    """Build a small model for each workload and prove on held-out calls what it may answer.

    fit proposes, a person switches on (`modicum route`): nothing that it does changes an answer in production. What is
    going to be tested is written down before the newest calls are opened, and each window is opened once. Where nothing
    passes, the reason says how many more calls and days, or which labels, it would take; the exit code is 0 all the same.

    Candidates are tried from the smallest up: a linear one, and where `[fit] encoder` names an encoder, that one and a chain of both, as
    long as what is left to gain may pay for it. One of them is chosen on calls that are not held out, and that one is tested.
    """
    at_home(way)
    asked = Fit(
        workloads=refs,
        margin=margin,
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
    if dry_run:
        with bar("looking ahead") as progress:
            plans = way.do(fitting.plan, asked, progress)
        _show_plan(plans, as_json)
        return
    with bar("fitting") as progress:
        found = way.do(fitting.fit, asked, progress)
    if as_json:
        print_json([one.verdict for one in found])
    else:
        _show(found)


def _labels(gold: Path | None) -> tuple[LabelGiven, ...]:
    if gold is None:
        return ()
    with gold.open("rb") as lines:
        return given(lines)


def _show(found: tuple[Fitted, ...]) -> None:
    certified = [(one.workload, one.verdict) for one in found if one.verdict.certificate is not None]
    refused = [(one.workload, one.verdict) for one in found if one.verdict.certificate is None]
    if certified:
        rows = []
        for name, verdict in certified:
            certificate = verdict.certificate
            assert certificate is not None
            saving = certificate.saving
            rows.append(
                (
                    name,
                    certificate.kind,
                    f"{certificate.coverage:.0%}",
                    f"{certificate.rate:.2%} differ" if certificate.kind == "A" else f"{certificate.rate:+.2%} worse",
                    f"{certificate.groups:,}",
                    "unknown" if saving.usd_month is None else f"${saving.low_usd_month:,} to ${saving.high_usd_month:,}",
                    certificate.certificate_id,
                )
            )
        print_table(("certified", "kind", "answers", "of all requests", "held out", "saves a month", "certificate"), rows, right=(2, 3, 4))
    if any(len(one.verdict.tiers) > 1 for one in found):
        print_table(
            ("tried, by estimate", "tier", "MB", "CPU ms", "agrees", "answers", "saves a month", ""), [*_tiers(found)], right=(2, 3, 4, 5)
        )
    if refused:
        print_table(("refused", "because"), [(name, v.reason) for name, v in refused])
    if asked := [(one.workload, one.verdict) for one in found if one.verdict.request_file]:
        print_table(
            ("labels would help", "how many", "give them"),
            [(name, v.needs_labels, f"modicum label {name}") for name, v in asked],
            right=(1,),
        )
    if certified:
        name = certified[0][0]
        click.echo(
            f"Nothing has changed yet. `modicum route shadow {name}` compares on live calls, `modicum route on {name}` lets it answer."
        )
    if len(certified) > 1:
        confidence = max(v.certificate.confidence for _, v in certified if v.certificate is not None)
        click.echo(
            f"{len(certified)} certificates at {confidence:.0%}: expect about {len(certified) * (1 - confidence):.1f} of them to be wrong."
        )


def _tiers(found: Sequence[Fitted]) -> Iterator[tuple[str, ...]]:
    for one in found:
        for tier in one.verdict.tiers:
            yield (
                one.workload,
                tier.name,
                f"{tier.size_bytes / 1e6:.1f}",
                f"{tier.cpu_ms:.2f}",
                f"{tier.agreement:.1%}",
                f"{tier.coverage:.0%}",
                "unknown" if tier.saving_usd_month is None else f"${tier.saving_usd_month:,}",
                "tested" if tier.chosen else tier.why or "not worth its size",
            )


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
        )
