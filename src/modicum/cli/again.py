"""`modicum fit --self-agreement N`: ask incumbents again what they were asked, to see how often they differ from themselves."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import click

from modicum.cli.options import Config, print_table
from modicum.cli.progress import bar
from modicum.errors import ConfigError, UpstreamError
from modicum.pipeline.again import ENOUGH, Again, Asker, SelfAgreement
from modicum.pipeline.find import find
from modicum.pipeline.inquiry import Purse
from modicum.pipeline.refusing import unfit
from modicum.pipeline.switching import find_workload
from modicum.store.control import Control

WITHOUT = "name the workloads to fit (`modicum fit WORKLOAD`), or leave out --self-agreement; answers that came are kept"


def ask_again(config: Config, refs: Sequence[str], count: int, *, budget: float, yes: bool, shown: bool) -> list[dict[str, Any]]:
    """Ask, within the budget, and print what came of it where `shown`.

    Raises ConfigError or UpstreamError where a workload's incumbent cannot be asked or too few answers came to tell a share: what follows
    opens calls that cannot be closed again. Raises ConfigError where no budget can hold it, and click.UsageError where nobody can say
    whether to send."""
    workloads = find(config, only_if_needed=True)
    control = Control(config.home)
    chosen = [find_workload(control, ref) for ref in refs] or [w for w in workloads if not w.ignored]
    asker = Asker(config, count, Purse(budget_usd=Decimal(repr(budget))))
    with bar("looking at calls") as progress:
        plans = []
        for number, workload in enumerate(chosen):
            progress(number / len(chosen), workload.name)
            plans.append(asker.plan(workload))
    if lacking := [f"{one.workload.name}: {one.why}" for one in plans if one.why and unfit(one.workload) is None]:
        raise ConfigError(_nothing_fitted(lacking), hint=WITHOUT)
    asked = [one for one in plans if one.candidate is not None and one.bill.calls > one.bill.known]
    if shown:
        _announce(asked)
    consent(asked, yes=yes, shown=shown)
    found: list[tuple[Again, SelfAgreement | None, str]] = []
    with bar("asking again") as progress:
        for number, one in enumerate(plans):

            def tell(share: float, number: int = number, name: str = one.workload.name) -> None:
                progress((number + share) / len(plans), name)

            agreement = asker.run(one, tell)
            found.append((one, agreement, one.why or _early(one, agreement, asker.stopped)))
            if asker.stopped and (agreement is None or agreement.calls < ENOUGH):
                told = f"{one.workload.name}: {_early(one, agreement, asker.stopped)}"
                raise UpstreamError(_nothing_fitted([told]), hint=WITHOUT)
    if shown:
        print_table(
            ("workload", "incumbent", "asked again", "differs from itself", ""),
            [
                (one.workload.name, ", ".join(one.workload.incumbents[:1]), f"{told.calls:,}" if told else "", _share(told), why)
                for one, told, why in found
            ],
            right=(2,),
        )
        if asker.purse.spent_usd:
            click.echo(f"Spent ${asker.purse.spent_usd:.4f}.")
    return [
        {
            "workload": one.workload.name,
            "asked": told.calls if told else 0,
            "differing": told.differing if told else None,
            "interval": told.interval if told else None,
            "why": why,
        }
        for one, told, why in found
    ]


def _nothing_fitted(lacking: Sequence[str]) -> str:
    return f"nothing is fitted, for what was to be asked first cannot be: {'; '.join(lacking)}"


def _early(one: Again, told: SelfAgreement | None, stopped: str) -> str:
    """How far it came, and why no further; empty where it came to its end."""
    return f"{told.calls if told else 0:,} of {len(one.samples):,} asked, then: {stopped}" if stopped else ""


def _share(told: SelfAgreement | None) -> str:
    if told is None:
        return "unknown"
    low, high = told.interval
    return f"{told.disagreement:.1%} ({low:.1%} to {high:.1%})"


def _announce(asked: Sequence[Again]) -> None:
    """Where, how many, what is in them, what it costs."""
    if not asked:
        return
    print_table(
        ("workload", "to ask", "where", "about", "personal data in"),
        [
            (
                one.workload.name,
                f"{one.bill.calls - one.bill.known:,}",
                one.candidate.host or "this machine" if one.candidate is not None else "",
                "unknown" if one.bill.estimate_usd is None else f"${one.bill.estimate_usd:.4f}",
                f"{one.bill.redacted:,} calls" if one.bill.redacted else "none found",
            )
            for one in asked
        ],
        right=(1, 3),
    )
    kinds = sum((Counter(one.bill.findings) for one in asked), Counter[str]())
    if kinds:
        listed = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
        click.echo(f"Taken out before anything is sent: {listed}.")


def consent(asked: Sequence[Again], *, yes: bool, shown: bool) -> None:
    """Ask before anything leaves this machine. Raises ConfigError where nothing limits what it may cost, click.UsageError where nobody can
    be asked."""
    hosts = sorted({one.candidate.host for one in asked if one.candidate is not None and not one.candidate.here})
    count = sum(one.bill.calls - one.bill.known for one in asked if one.candidate is not None and not one.candidate.here)
    if not count:
        return
    for one in asked:
        if one.candidate is not None and not one.candidate.here and one.bill.estimate_usd is None:
            name = one.candidate.deployment.name
            raise ConfigError(f"the price of {name} is not known, so no budget can hold it", hint=f'[prices."{name}"] names one')
    if yes:
        return
    where = " and ".join(hosts)
    if not (shown and sys.stdin.isatty()):
        raise click.UsageError(f"{count:,} recorded calls would be sent to {where}: say --yes where nobody can be asked")
    click.confirm(f"Send {count:,} recorded calls to {where}?", abort=True, err=True)
