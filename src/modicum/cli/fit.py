"""`modicum fit`: build a small model for each workload and prove what it may answer."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from modicum.cli.options import Config, actor, common, existing, print_json, print_table
from modicum.cli.progress import bar
from modicum.errors import ConfigError
from modicum.evaluate.labels import Label, read_labels
from modicum.pipeline.find import find
from modicum.pipeline.night import Night, fit
from modicum.pipeline.switching import find_workload
from modicum.pipeline.wish import Wish
from modicum.store.control import Control
from modicum.types import Verdict, Workload


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
@click.option("--protect", multiple=True, metavar="LABEL", help="Always send this label to the incumbent; may be repeated.")
@click.option("--partial", is_flag=True, help="Test with the labels there are; missing ones count as the worst case.")
@click.option("--dry-run", is_flag=True, help="Say what would be tested; open nothing.")
@common
def command(
    refs: tuple[str, ...],
    margin: float | None,
    confidence: float | None,
    min_label_groups: int | None,
    gold: Path | None,
    protect: tuple[str, ...],
    partial: bool,
    dry_run: bool,
    config: Config,
    as_json: bool,
) -> None:
    """Build a small model for each workload and prove on held-out calls what it may answer.

    fit proposes, a person switches on (`modicum route`): nothing that it does changes an answer in production. What is
    going to be tested is written down before the newest calls are opened, and each window is opened once. Where nothing
    passes, the reason says how many more calls and days, or which labels, it would take; the exit code is 0 all the same.
    """
    changes: dict[str, Any] = {"margin": margin, "confidence": confidence, "min_label_groups": min_label_groups}
    settings = dataclasses.replace(config.fit, **{name: value for name, value in changes.items() if value is not None})
    existing(config)
    with bar("finding workloads") as progress:
        workloads = find(config, progress=progress, only_if_needed=True)
    control = Control(config.home)
    chosen = [find_workload(control, ref) for ref in refs] or [w for w in workloads if not w.ignored]
    wish = Wish(
        fit=settings, control_share=config.route.control_share, protect=protect, labels=_labels(gold), partial=partial, actor=actor()
    )
    _check_protected(wish, chosen)
    if dry_run:
        _show_plan(config, wish, chosen, as_json)
        return
    verdicts = []
    with bar("fitting") as progress:
        for workload, verdict in zip(chosen, fit(config, chosen, wish, progress), strict=True):
            verdicts.append((workload, verdict))
    if as_json:
        print_json([_fields(verdict) for _, verdict in verdicts])
    else:
        _show(verdicts)


def _labels(gold: Path | None) -> dict[str, Label]:
    if gold is None:
        return {}
    with gold.open("rb") as lines:
        return read_labels(lines)


def _check_protected(wish: Wish, workloads: list[Workload]) -> None:
    for label in wish.protect:
        alone = dataclasses.replace(wish, protect=(label,))
        if not any(alone.protected(workload) for workload in workloads):
            raise ConfigError(f"no workload has the label '{label}'", hint="`modicum workloads show WORKLOAD` lists the labels")


def _fields(verdict: Verdict) -> dict[str, Any]:
    return {field.name: getattr(verdict, field.name) for field in dataclasses.fields(verdict)}


def _show(verdicts: list[tuple[Workload, Verdict]]) -> None:
    certified = [(w, v) for w, v in verdicts if v.certificate is not None]
    refused = [(w, v) for w, v in verdicts if v.certificate is None]
    if certified:
        rows = []
        for workload, verdict in certified:
            certificate = verdict.certificate
            assert certificate is not None
            saving = certificate.saving
            rows.append(
                (
                    workload.name,
                    certificate.kind,
                    f"{certificate.coverage:.0%}",
                    f"{certificate.rate:.2%} differ" if certificate.kind == "A" else f"{certificate.rate:+.2%} worse",
                    f"{certificate.groups:,}",
                    "unknown" if saving.usd_month is None else f"${saving.low_usd_month:,} to ${saving.high_usd_month:,}",
                    certificate.certificate_id,
                )
            )
        print_table(("certified", "kind", "answers", "of all requests", "held out", "saves a month", "certificate"), rows, right=(2, 3, 4))
    if refused:
        print_table(("refused", "because"), [(w.name, v.reason) for w, v in refused])
    if asked := [(w, v) for w, v in verdicts if v.request_file]:
        print_table(
            ("labels would help", "how many", "fill in, then `modicum fit --gold FILE`"),
            [(w.name, v.needs_labels, v.request_file) for w, v in asked],
            right=(1,),
        )
    if certified:
        name = certified[0][0].name
        click.echo(
            f"Nothing has changed yet. `modicum route shadow {name}` compares on live calls, `modicum route on {name}` lets it answer."
        )
    if len(certified) > 1:
        confidence = max(v.certificate.confidence for _, v in certified if v.certificate is not None)
        click.echo(
            f"{len(certified)} certificates at {confidence:.0%}: expect about {len(certified) * (1 - confidence):.1f} of them to be wrong."
        )


def _show_plan(config: Config, wish: Wish, chosen: list[Workload], as_json: bool) -> None:
    night = Night(config, wish)
    plans = [night.foresee(workload) for workload in chosen]
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
