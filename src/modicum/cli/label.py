"""`modicum label`: say which of two answers is right, for exactly the calls that a certificate wants to know about."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from modicum.cli.label_files import read_file, write_questions
from modicum.cli.label_judge import ask_judge
from modicum.cli.label_terminal import Keys, Terminal, progress
from modicum.cli.options import Config, actor, common, existing, print_json, printable
from modicum.pipeline.labelling import Desk, Standing, measured, next_command, open_desk
from modicum.pipeline.switching import find_workload
from modicum.report.words import count
from modicum.store.control import Control

EXAMPLES = """\b
Examples:
  modicum label tickets                          in this terminal
  modicum label tickets --web                    in a browser
  modicum label tickets --csv sheet.csv          then, filled in:  modicum label tickets --from sheet.csv
"""


@click.command("label", epilog=EXAMPLES)
@click.argument("workload")
@click.option("--by", metavar="NAME", help="Who is labelling. [default: the user of this machine]")
@click.option("--attempt", type=click.IntRange(1), metavar="N", help="Which attempt's calls. [default: the newest that wants labels]")
@click.option("--again", is_flag=True, help="Ask what others have labelled too, blind to what they said.")
@click.option("--web", is_flag=True, help="On a page of this machine, in a browser.")
@click.option("--no-open", is_flag=True, help="With --web: only print the page's address.")
@click.option("--listen", metavar="HOST:PORT", default="127.0.0.1:0", help="With --web: where; loopback only. [default: a free port]")
@click.option("--csv", "csv_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the calls for a spreadsheet.")
@click.option(
    "--from", "from_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Take the labels of a filled-in file."
)
@click.option("--judge", metavar="PROVIDER/MODEL", help="Have a model label all calls; people check some of them.")
@click.option("--audit", type=click.IntRange(50), default=100, show_default=True, help="With --judge: about how many people check.")
@click.option("--budget", type=click.FloatRange(0, min_open=True), default=5.0, show_default=True, help="With --judge: most dollars.")
@click.option("--yes", is_flag=True, help="With --judge: send without asking.")
@click.option("--enough", is_flag=True, help="Say that no more labels will come.")
@common
def command(
    workload: str,
    by: str | None,
    attempt: int | None,
    again: bool,
    web: bool,
    no_open: bool,
    listen: str,
    csv_file: Path | None,
    from_file: Path | None,
    judge: str | None,
    audit: int,
    budget: float,
    yes: bool,
    enough: bool,
    config: Config,
    as_json: bool,
) -> None:
    """Ask a person for exactly the labels that the certificate of WORKLOAD wants.

    `fit` and `try` say which calls these are: those that the small model would answer otherwise than the incumbent. Each is shown with
    both answers, in an order drawn by chance; nothing says whose is whose. What is said is kept with every keypress, and `fit` or `try`
    finds it by itself: once, when every call is labelled, or when you say that it is enough. Calls without a label then count as the
    worst case.

    With --judge a model labels all of them, and you only a part that is drawn by chance: what the judge gets wrong there is taken off
    what its labels are worth. Nothing is sent to another machine that `[policy] may_receive` does not name.
    """
    home = existing(config)
    control = Control(config.home)
    found = find_workload(control, workload)
    judged = True
    if judge is not None:
        whole = open_desk(home, control, found, by or actor(), number=attempt, whole=True)
        judged = ask_judge(config, control, whole, judge, budget=budget, audit=audit, yes=yes, quiet=as_json)
    desk = open_desk(home, control, found, by or actor(), number=attempt, again=again)
    if csv_file is not None:
        wrote = write_questions(desk, csv_file)
        click.echo(
            printable(f"{count(wrote, 'call')} written to {csv_file}: fill in `verdict` (a, b, both, neither){_or_gold(desk)}."),
            err=as_json,
        )
        click.echo(printable(f"Then: modicum label {found.name} --from {csv_file}"), err=as_json)
    if from_file is not None:
        taken = desk.take(read_file(from_file))
        click.echo(printable(f"{count(taken, 'new label')} taken from {from_file}."), err=as_json)
    if enough:
        _close(desk)
    if not (csv_file or from_file or enough or as_json or judge):
        try:
            if web:
                from modicum.cli.label_web import open_page  # loads the server

                open_page(desk, config, listen=listen, browse=not no_open)
            else:
                _in_terminal(desk)
        except KeyboardInterrupt:
            click.echo()
            reached = desk.standing()
            if not (reached.complete or reached.closed):
                _say(desk, reached, next_command(home, desk))  # what was said is kept
                raise
    standing = desk.standing()
    if as_json:
        print_json(
            {"workload": found.name, "attempt": desk.attempt.number, "by": desk.by, "standing": standing, "complete": standing.complete}
        )
    else:
        _say(desk, standing, next_command(home, desk))
    if not judged:
        click.get_current_context().exit(1)


def _in_terminal(desk: Desk) -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("this is no terminal: --web opens a page, --csv and --from go through a spreadsheet")
    with Keys() as keys:
        Terminal(desk=desk, keys=keys).run()
    standing = desk.standing()
    if standing.enough and not standing.complete and not standing.closed:
        missing = standing.wanted - standing.settled
        click.echo(
            f"\n{standing.settled:,} of {standing.wanted:,} labelled. The test looks once; {missing:,} without a label count as lost."
        )
        if click.confirm("Is that enough?", default=False):
            desk.close()


def _close(desk: Desk) -> None:
    standing = desk.standing()
    if not standing.enough:
        raise click.UsageError(
            f"{standing.settled:,} of {standing.wanted:,} calls have a label, and the test waits for four in five; "
            "`modicum fit --partial` or `modicum try --partial` looks all the same"
        )
    desk.close()


def _say(desk: Desk, standing: Standing, then: str) -> None:
    """How far it is, who said what, and what comes next."""
    click.echo(printable(f"{desk.workload.name}, attempt {desk.attempt.number}: {progress(standing)}."))
    if len(standing.people) > 1:
        click.echo(printable("  " + ", ".join(f"{name} {number:,}" for name, number in standing.people)))
    for pair in standing.agreements:
        kappa = "" if pair.kappa is None else f", kappa {pair.kappa:.2f}"
        click.echo(printable(f"  {pair.first} and {pair.second}: the same on {pair.agree:,} of {pair.both:,}{kappa}"))
    if standing.judge:
        click.echo(printable(f"  {standing.judge} labels all calls, and is measured on these {standing.wanted:,}."))
        if found := measured(desk):
            click.echo(f"  It said the same as people on {found.agree:,} of {found.checked:,}.")
    if standing.conflicts:
        click.echo(f"  {count(standing.conflicts, 'call')} labelled differently: without a label until a third person says (--by NAME).")
    if standing.complete:
        click.echo(printable(f"All there. `{then}` looks at these calls, once, with these labels."))
    elif standing.closed:
        click.echo(
            printable(f"Enough, you said. `{then}` looks once; {standing.wanted - standing.settled:,} without a label count as lost.")
        )
    elif standing.enough:
        click.echo(printable(f"Go on any time. Or `--enough`: then `{then}` looks once, and what has no label counts as lost."))
    else:
        click.echo("Go on any time: nothing is looked at before.")


def _or_gold(desk: Desk) -> str:
    return " or `gold` (the right label)" if desk.choices else ""
