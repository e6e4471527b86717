"""A judge model at the desk: where its questions go and what they cost is shown first; then it judges, and people check it."""

from __future__ import annotations

import sys
from decimal import Decimal

import click

from modicum.backends.priced import priced
from modicum.catalog import Catalogue
from modicum.catalog.cards import Cards
from modicum.cli.options import Config, printable
from modicum.cli.progress import bar
from modicum.errors import ConfigError, InputError
from modicum.pipeline.candidate import Candidate, find_candidate
from modicum.pipeline.inquiry import Bill, Purse
from modicum.pipeline.judging import Judge, Judgements, kin
from modicum.pipeline.labelling import Desk, answering
from modicum.report.words import count
from modicum.store.control import Control


def ask_judge(config: Config, control: Control, desk: Desk, model: str, *, budget: float, audit: int, yes: bool, quiet: bool) -> bool:
    """Have a model label every call of a desk, and write down how many of them people check; False where it said nothing that can be read.

    Raises ConfigError, InputError.
    """
    if not desk.one.better:
        raise InputError("a judge says which of two answers is better, and this attempt asks whether one is right: only people can say")
    candidate = find_candidate(config, model)
    if not candidate.may_receive(config.policy.may_receive, desk.workload.scope):
        raise ConfigError(
            f"calls of scope '{desk.workload.scope}' may not be sent to {candidate.host} ({candidate.deployment.provider})",
            hint=f'[policy]\n  may_receive = ["{candidate.deployment.provider}"]',
        )
    name = candidate.deployment.name
    judge = Judge(config, candidate, Catalogue(*priced(config)), Purse(budget_usd=Decimal(repr(budget))), control, desk)
    bill = judge.estimate()
    _announce(candidate, bill, budget, quiet=quiet)
    for other in kin(candidate, answering(config.home, desk), Cards.open(config.home, config.prices)):
        click.echo(printable(f"{name} would judge {other}, of its own kind: judges favour such."), err=True)
    desk.check_judge(name, audit)
    _consent(candidate, bill, yes=yes, quiet=quiet)
    try:
        with bar(f"asking {name}") as progress:
            said = judge.judge(lambda share: progress(share, desk.workload.name))
    finally:
        if judge.heard():  # whom nobody heard may still be another one
            desk.audit(name, audit)
    if said.labels:
        desk.keep_judgements(name, said.labels, whole=not judge.stopped)
    if not quiet:
        _say(judge, said)
    return judge.heard()


def _announce(candidate: Candidate, bill: Bill, budget: float, *, quiet: bool) -> None:
    todo = bill.calls - bill.known
    if quiet or not todo:
        return
    where = "this machine" if candidate.here else candidate.host
    about = "at a price that is not known" if bill.estimate_usd is None else f"about ${bill.estimate_usd:.4f}"
    click.echo(
        printable(
            f"{candidate.deployment.name} at {where} ({candidate.url}): {count(todo, 'question')} to ask, {bill.known:,} known, {about}."
        )
    )
    if bill.findings:
        listed = ", ".join(f"{number:,} {kind}" for kind, number in sorted(bill.findings.items(), key=lambda one: -one[1]))
        click.echo(f"Taken out of {count(bill.redacted, 'call')} before anything is sent: {listed}.")
    if bill.estimate_usd is not None and bill.estimate_usd > Decimal(repr(budget)):
        click.echo(f"That is more than the budget of ${budget:g}. It stops there; run it again to go on.")


def _consent(candidate: Candidate, bill: Bill, *, yes: bool, quiet: bool) -> None:
    todo = bill.calls - bill.known
    if candidate.here or not todo:
        return
    if bill.estimate_usd is None:
        name = candidate.deployment.name
        raise ConfigError(f"the price of {name} is not known, so no budget can hold it", hint=f'[prices."{name}"] names one')
    if yes:
        return
    if quiet or not sys.stdin.isatty():
        raise click.UsageError(f"{todo:,} questions about calls would be sent to {candidate.host}: say --yes where nobody can be asked")
    click.confirm(f"Send {todo:,} questions about recorded calls to {candidate.host}?", abort=True, err=True)


def _say(judge: Judge, said: Judgements) -> None:
    if not judge.heard():
        why = judge.stopped or "nothing it said could be read"
        click.echo(printable(f"It judged none of {count(said.asked, 'call')}, so another model may still be the judge: {why}."))
        return
    click.echo(f"It judged {len(said.labels):,} of {count(said.asked, 'call')}, each twice with the sides swapped.")
    if said.swayed:
        click.echo(f"On {said.swayed:,} of them the side decided: that counts as no preference.")
    if said.unread:
        click.echo(f"Of {said.unread:,} what it said could not be read: these count as the worst case.")
    if judge.stopped:
        click.echo(printable(f"It ended early ({judge.stopped}): run it again to go on."))
    if judge.purse.spent_usd:
        click.echo(f"Spent ${judge.purse.spent_usd:.4f}.")
