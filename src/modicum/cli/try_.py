"""`modicum try`: run another model over held-out recorded calls and prove what it may take over."""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import click

from modicum.catalog.cards import Cards
from modicum.cli.options import Config, actor, common, existing, print_json, print_table, printable
from modicum.cli.progress import bar
from modicum.errors import ConfigError, InputError, NotFoundError
from modicum.evaluate.labels import read_labels
from modicum.pipeline.candidate import Candidate, find_candidate
from modicum.pipeline.errand import Errand
from modicum.pipeline.find import find
from modicum.pipeline.gold import match
from modicum.pipeline.gone import left_behind
from modicum.pipeline.inquiry import Inquiry, Purse
from modicum.pipeline.label_wants import ready, ready_judged
from modicum.pipeline.outlines import is_open
from modicum.pipeline.planner import Planner
from modicum.pipeline.switching import find_workload
from modicum.pipeline.trial import Tried
from modicum.pipeline.trying import Trial
from modicum.pipeline.wish import Wish
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.types import Workload


@click.command(
    epilog="\b\nExamples:\n  modicum try ollama/llama3.2\n  modicum try openai/gpt-5-mini tickets --budget 2\n"
    "  modicum try mistral/ministral-8b --replace gpt-4o"
)
@click.argument("model")
@click.argument("refs", metavar="[WORKLOAD]...", nargs=-1)
@click.option("--replace", "replaced", metavar="MODEL", help="Only workloads that this model answers today.")
@click.option("--budget", type=click.FloatRange(0, min_open=True), default=5.0, show_default=True, help="Most dollars to spend.")
@click.option(
    "--calls",
    type=click.IntRange(20),
    help="Most calls to ask, of each workload; a tenth of it is the pilot (10 to 40), and below 50 no scorer can be taught. "
    "[default: 1,000; of texts 200; where a scorer pays, 400 old ones more]",
)
@click.option(
    "--margin",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Largest share of the requests that may differ or be worse. [default: 0.01]",
)
@click.option(
    "--gold", type=click.Path(exists=True, dir_okay=False, path_type=Path), help='Labels: {"id", "gold"} or {"id", "verdict"} a line.'
)
@click.option("--partial", is_flag=True, help="Test with the labels there are; missing ones count as the worst case.")
@click.option(
    "--protect",
    multiple=True,
    metavar="VALUE",
    help="Always send this label, or a record that holds this value (`return`, `kind=return`), to the incumbent; may be repeated.",
)
@click.option("--whole", is_flag=True, help="Send bodies that were kept whole as they are, not redacted.")
@click.option("--no-schema", is_flag=True, help="Do not hold JSON answers to the schema that the workload's answers have.")
@click.option("--yes", is_flag=True, help="Send without asking.")
@common
def command(
    model: str,
    refs: tuple[str, ...],
    replaced: str | None,
    budget: float,
    calls: int | None,
    margin: float | None,
    gold: Path | None,
    partial: bool,
    protect: tuple[str, ...],
    whole: bool,
    no_schema: bool,
    yes: bool,
    config: Config,
    as_json: bool,
) -> None:
    """Run another model over held-out recorded calls: which workloads could move to it, by how much, at what risk?

    MODEL is any that the configuration's providers have, as `provider/model` or by its name in [models]: hosted, or on a server of
    your own. It is asked what was asked before, with nothing changed but the model. What is sent where, and what that costs, is shown
    first; nothing goes to another machine that `[policy] may_receive` does not name. Each answer is kept as it comes: a run that was
    stopped, or
    reached its budget, goes on where it was. A model that passes becomes a proposed route; nothing in production changes by it.
    """
    existing(config)
    candidate = find_candidate(config, model)
    workloads = find(config, only_if_needed=True)
    chosen, replacing = _chosen(config, workloads, refs, replaced)
    fit = config.fit
    if margin is not None:
        fit = dataclasses.replace(fit, margin=margin)
    labels = ready(config.home, Control(config.home), chosen, partial=partial, stands=True)
    judged = ready_judged(config.home, Control(config.home), chosen, partial=partial, stands=True)
    if gold is not None:
        with gold.open("rb") as lines:
            given = read_labels(lines)
        for warning in match(Calls(config.home), chosen, {name: label.gold for name, label in given.items()}).warnings:
            click.echo(printable(f"Warning: {warning}."), err=True)
        labels |= given
    for workload in chosen:
        if lost := left_behind(config.home, Control(config.home), workload, labels, trials=True):
            click.echo(printable(f"Warning: {workload.name}: {lost}"), err=True)
    wish = Wish(
        fit=fit, control_share=config.route.control_share, protect=protect, labels=labels, judged=judged, partial=partial, actor=actor()
    )
    _protectable(wish, chosen)
    planner = Planner(
        config,
        candidate,
        wish,
        Purse(budget_usd=Decimal(repr(budget))),
        calls=calls,
        whole=whole,
        constrain=not no_schema,
        replacing=replacing,
    )
    trial = Trial(planner)
    with bar("looking at calls") as progress:
        errands = []
        for number, workload in enumerate(chosen):
            progress(number / len(chosen), workload.name)
            errands.append(planner.plan(workload))
    _allowed(candidate, errands)
    if margin is not None:
        for errand in errands:
            _declared(errand, margin)
    if not as_json:
        _announce(candidate, errands, budget, whole=whole)
    _consent(candidate, errands, yes=yes, shown=not as_json, limited=calls is not None)
    with bar(f"asking {candidate.deployment.name}") as progress:
        found = []
        for number, errand in enumerate(errands):

            def tell(share: float, number: int = number, name: str = errand.workload.name) -> None:
                progress((number + share) / len(errands), name)

            found.append(trial.run(errand, tell))
    if as_json:
        print_json({"model": candidate.deployment.name, "spent_usd": trial.inquiry.purse.spent_usd, "workloads": found})
        _end(errands, trial.inquiry)
        return
    _show(found, candidate.deployment.name, texts={e.workload.workload_id for e in errands if e.texts})
    if replaced is not None:
        _retirement(config, replaced, found)
    if trial.inquiry.purse.spent_usd:
        click.echo(f"Spent ${trial.inquiry.purse.spent_usd:.4f}.")
    _end(errands, trial.inquiry)


def _end(errands: Sequence[Errand], inquiry: Inquiry) -> None:
    """Exit code 1 where calls were to be asked, and not one was answered, now or before."""
    asked = [one for one in errands if one.bill.calls > one.bill.known]
    if asked and not inquiry.answered and not any(one.bill.known for one in errands):
        click.get_current_context().exit(1)


def _chosen(
    config: Config, workloads: Sequence[Workload], refs: tuple[str, ...], replaced: str | None
) -> tuple[list[Workload], frozenset[str]]:
    """The workloads, and the names of the model that is to be replaced."""
    control = Control(config.home)
    chosen = [find_workload(control, ref) for ref in refs] or [w for w in workloads if not w.ignored]
    if replaced is None:
        return chosen, frozenset()
    cards = Cards.open(config.home, config.prices)
    wanted = cards.of(None, replaced)
    names = {
        name for w in workloads for name in w.incumbents if name == replaced or (wanted is not None and cards.of(None, name) is wanted)
    }
    of_it = [w for w in chosen if w.incumbents and w.incumbents[0] in names]
    if not of_it:
        answering = sorted({w.incumbents[0] for w in chosen if w.incumbents})
        raise NotFoundError(f"'{replaced}' answers none of these workloads", hint=f"they are answered by {', '.join(answering[:5])}")
    return of_it, frozenset(names)


def _protectable(wish: Wish, chosen: Sequence[Workload]) -> None:
    """Raise InputError where a value to protect is none that any answer could be known by."""
    for value in wish.protect:
        alone = dataclasses.replace(wish, protect=(value,))
        if not any(alone.protects(workload.contract) or is_open(workload.contract) for workload in chosen):
            raise InputError(f"no workload has the label '{value}'", hint="`modicum workloads show WORKLOAD` lists the labels")


def _allowed(candidate: Candidate, errands: Sequence[Errand]) -> None:
    """Raise ConfigError where every workload is refused for want of a permission."""
    if errands and all(e.done is not None and "may_receive" in e.done.reason for e in errands):
        raise ConfigError(
            f"no calls may be sent to {candidate.host} ({candidate.deployment.provider})",
            hint=f'[policy]\n  may_receive = ["{candidate.deployment.provider}"]',
        )


def _declared(errand: Errand, margin: float) -> None:
    """Say that a margin is not used where another one was declared."""
    attempt, name = errand.attempt, errand.workload.name
    if attempt is None or attempt.margin == margin:
        return
    tested = f"once this attempt is tested (`modicum label {name}`, or --partial with the labels there are), " if errand.texts else ""
    click.echo(
        printable(
            f"Warning: {name}: --margin {margin:g} is not used: attempt {attempt.number} declared {attempt.margin:g} before its calls were "
            f"opened, and only that may be tested on them. To declare another, give it again {tested}when newer calls are there."
        ),
        err=True,
    )


def _announce(candidate: Candidate, errands: Sequence[Errand], budget: float, *, whole: bool) -> None:
    """Where, how many, what is in them, what it costs."""
    asked = [e for e in errands if e.bill.calls > e.bill.known]
    if not asked:
        return
    where = "this machine" if candidate.here else candidate.host
    click.echo(f"{candidate.deployment.name} at {where} ({candidate.url}):")
    print_table(
        ("workload", "to ask", "answered before", "about", "personal data in"),
        [
            (
                e.workload.name,
                f"{e.bill.calls - e.bill.known:,}",
                f"{e.bill.known:,}",
                "unknown" if e.bill.estimate_usd is None else f"${e.bill.estimate_usd:.4f}",
                f"{e.bill.redacted:,} calls" if e.bill.redacted else "none found",
            )
            for e in asked
        ],
        right=(1, 2, 3, 4),
        whole=(0,),
    )
    kinds = sum((Counter(e.bill.findings) for e in asked), Counter[str]())
    if kinds:
        listed = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
        click.echo(f"{'Sent as they are where bodies were kept whole' if whole else 'Taken out before anything is sent'}: {listed}.")
    lessons = sum(len(set(e.learn) - set(e.pilot)) for e in asked if not e.texts)
    if lessons:
        click.echo(f"Up to {lessons:,} of these are old calls, asked only where a scorer of its answers would pay.")
    known = [e.bill.estimate_usd for e in asked]
    if any(one is None for one in known):
        click.echo('Its price is not known, so no budget can hold it: `[prices."MODEL"]` names one, --calls limits the calls.')
    elif (total := sum((one for one in known if one is not None), Decimal(0))) > Decimal(repr(budget)):
        click.echo(f"About ${total:.2f} in all: more than the budget of ${budget:g}. It stops there; run it again to go on.")


def _consent(candidate: Candidate, errands: Sequence[Errand], *, yes: bool, shown: bool, limited: bool) -> None:
    """Ask before anything leaves this machine. Raises ConfigError where nothing limits what it may cost, click.UsageError where nobody can
    be asked."""
    asked = [e for e in errands if e.bill.calls > e.bill.known]
    count = sum(e.bill.calls - e.bill.known for e in asked)
    if candidate.here or not count:
        return
    if not limited and any(e.bill.estimate_usd is None for e in asked):
        name = candidate.deployment.name
        raise ConfigError(
            f"the price of {name} is not known, so no budget can hold it", hint=f'[prices."{name}"] names one, --calls limits the calls'
        )
    if yes:
        return
    if not (shown and sys.stdin.isatty()):
        raise click.UsageError(f"{count:,} recorded calls would be sent to {candidate.host}: say --yes where nobody can be asked")
    click.confirm(f"Send {count:,} recorded calls to {candidate.host}?", abort=True, err=True)


def _show(found: Sequence[Tried], model: str, texts: set[str]) -> None:
    rows = []
    for one in found:
        told, quality = one.measured, _quality(one, text=one.workload_id in texts)
        verdict = one.verdict if one.needs_calls is None else f"{one.verdict}, needs {one.needs_calls:,}"
        count = f"{told.calls:,}" if told is not None else ""
        readable = f"{told.answered:.0%}" if told is not None else ""
        times = (
            f"{told.p50_ms:,.0f} / {told.p95_ms:,.0f}" if told is not None and told.p50_ms is not None and told.p95_ms is not None else ""
        )
        cannot = ", ".join(one.cannot)
        now, then, saves = _dollars(one.incumbent_usd_month), _dollars(one.candidate_usd_month), _saving(one)
        if one.alone is None:
            rows.append((one.workload, model, verdict, count, quality, readable, readable, now, then, saves, times, cannot))
            continue
        alone, judged = f"{one.alone.coverage:.0%}", one.judged is not None
        before = "" if one.alone.excess is None else f"about {_worse(one.alone.excess)}, by old answers"
        agrees = before if judged or one.workload_id in texts else quality
        rows.append((one.workload, model, one.alone.verdict, count, agrees, readable, alone, now, "", "", times, cannot))
        coverage = "" if one.coverage is None else f"{one.coverage:.0%}"
        rows.append(
            (one.workload, f"{model} + scorer", verdict, count, quality if judged else "", "", coverage, now, then, saves, times, "")
        )
    head = ("workload", "by", "verdict", "asked", "agrees", "readable", "answers", "now a month", "then", "saves", "p50 / p95 ms", "cannot")
    print_table(head, rows, right=(3, 5, 6, 7, 8, 9, 10), whole=(0,))
    print_table(("workload", "because"), [(one.workload, one.reason) for one in found], whole=(0,))
    if asked := [one for one in found if one.request_file]:
        print_table(
            ("labels would help", "how many", "give them"),
            [(one.workload, one.needs_labels, f"modicum label {one.workload}") for one in asked],
            right=(1,),
        )
    if any(one.route_id for one in found):
        click.echo("Proposed routes: " + ", ".join(f"{one.route_id} ({one.workload})" for one in found if one.route_id) + ".")


def _worse(excess: float) -> str:
    return f"{abs(excess):.1%} {'worse' if excess >= 0 else 'better'}"


def _quality(one: Tried, *, text: bool) -> str:
    told = one.measured
    if one.judged is not None:
        return f"{_worse(one.judged)}, judged"
    if text:
        return "to be judged"
    if told is None or told.agreement is None or told.agreement_interval is None:
        return ""
    low, high = told.agreement_interval
    return f"{told.agreement:.1%} ({low:.1%} to {high:.1%})"


def _dollars(amount: Decimal | None) -> str:
    return "unknown" if amount is None else f"${amount:,}"


def _saving(one: Tried) -> str:
    if one.saving_interval is not None:
        return f"${one.saving_interval[0]:,} to ${one.saving_interval[1]:,}"
    return "unknown" if one.saving_usd_month is None else f"about ${one.saving_usd_month:,}"


def _retirement(config: Config, replaced: str, found: Sequence[Tried]) -> None:
    """When the model that is to be replaced stops answering, and what is ready by then."""
    told = Cards.open(config.home, config.prices).retirement(None, replaced)
    ready = sum(one.verdict == "certified" for one in found)
    moves = f"{ready} of its {len(found)} workload{'' if len(found) == 1 else 's'} can move"
    if told is None:
        click.echo(f"No source in the catalogue says when {replaced} retires; {moves}.")
    else:
        click.echo(f"{replaced} retires on {told.day:%Y-%m-%d}; {moves}.")
