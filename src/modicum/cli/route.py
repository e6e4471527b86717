"""`modicum route`: how routes stand, and every decision of a person on one. What is shown, `route_shown` says."""

from __future__ import annotations

from typing import Any

import click

from modicum.admin import routes
from modicum.admin.operation import One, Operation, Paged
from modicum.admin.reach import Reach, everything
from modicum.admin.routes import Approve, Auto, OfOne, Promote, Switch, Switched
from modicum.cli.options import Config, Subcommands, at_home, print_json, print_table, printable, reached
from modicum.cli.route_shown import HEAD, SPARE, event, facts, row, seen_so_far
from modicum.report.words import STATES

EXAMPLES = """\b
Examples:
  modicum route list
  modicum route shadow bank-intent                  compare; callers get the incumbent's answers
  modicum route show bank-intent                    what was seen, what is wanted for the next step
  modicum route promote bank-intent                 one step forward, if its conditions hold
  modicum route auto bank-intent                    let the watcher take those steps
  modicum route rollback bank-intent --note "..."   everything to the incumbent, for good
"""


@click.group(cls=Subcommands, epilog=EXAMPLES)
def command() -> None:
    """Take a route forward or back: shadow, canary, on.

    In shadow the specialist's answers are compared and never sent; a canary answers a share of the conversations; on answers all but the
    control. Each step has conditions in [watch]. With `[watch] automatic`, or after `modicum route auto`, the watcher takes the steps
    forward, a proposal's into shadow too; else you do. Every change is recorded with who made it and takes effect within two seconds on
    every worker of `modicum serve`, without a restart. REF is a route's id or its workload.
    """


@command.command("list")
@reached
def list_(way: Reach, config: Config, as_json: bool) -> None:
    """List all routes: state, share, what the watcher saw."""
    at_home(way)
    found = everything(way, routes.list_, Paged())
    if as_json:
        print_json(found)
    elif not found:
        click.echo("No routes yet: `modicum fit` proposes them.")
    else:
        print_table(HEAD, [row(one) for one in found], right=(3, 4, 5, 6, 7), whole=(0, 1), spare=SPARE)


@command.command()
@click.argument("ref", metavar="REF")
@reached
def show(ref: str, way: Reach, config: Config, as_json: bool) -> None:
    """Show one route: its rule, its certificate, and what is still missing for its next step."""
    at_home(way)
    found = way.do(routes.show, One(ref=ref))
    if as_json:
        print_json(found)
        return
    print_table(("", ""), facts(found))
    seen_so_far(found)


@command.command(epilog="\b\nExample:\n  modicum route history bank-intent")
@click.argument("ref", metavar="REF")
@reached
def history(ref: str, way: Reach, config: Config, as_json: bool) -> None:
    """List every step of a route, or of all routes of a workload: when, who, why.

    `attempt` is the j-th attempt of the workload to certify: the more there were, the more evidence the certificate had to have.
    """
    at_home(way)
    found = everything(way, routes.history, OfOne(ref=ref))
    if as_json:
        print_json(found)
    else:
        print_table(("at", "route", "attempt", "what", "by", "why"), [event(one) for one in found], right=(2,), whole=(1,))


@command.command(
    epilog='\b\nExamples:\n  modicum route promote bank-intent\n  modicum route promote bank-intent --force --note "peak is over"'
)
@click.argument("ref", metavar="REF")
@click.option(
    "--force", is_flag=True, help="Go on without the conditions. Past a broken promise, an expired certificate or policy it never goes."
)
@click.option("--note", default="", help="Why, for the record; --force wants it.")
@click.pass_context
@reached
def promote(context: click.Context, ref: str, force: bool, note: str, way: Reach, config: Config, as_json: bool) -> None:
    """Take one step forward, if its conditions hold; else say what is missing, with exit code 1."""
    at_home(way)
    done = way.do(routes.promote, Promote(ref=ref, note=note, force=force))
    if as_json:
        print_json(done)
    elif done.moved:
        _tell(done)
    else:
        click.echo(printable(f"{done.route.route_id} stays {STATES[done.route.state]}. Missing: {'; '.join(done.lacking)}."))
    if not done.moved:
        context.exit(1)


@command.command(
    epilog='\b\nExamples:\n  modicum route approve bank-intent --note "seen by support"\n  modicum route approve bank-intent --undo'
)
@click.argument("ref", metavar="REF")
@click.option("--undo", is_flag=True, help="Take the approval back.")
@click.option("--note", default="", help="Why, for the record.")
@reached
def approve(ref: str, undo: bool, note: str, way: Reach, config: Config, as_json: bool) -> None:
    """Say that callers may have its answers. With [policy] approver its proposer cannot."""
    at_home(way)
    done = way.do(routes.approve, Approve(ref=ref, note=note, undo=undo))
    if as_json:
        print_json(done.route)
    else:
        said = f"is approved by {done.route.approved_by}" if done.route.approved_by else "is not approved"
        click.echo(printable(f"{done.route.route_id} {said}."))


@command.command(epilog="\b\nExamples:\n  modicum route auto bank-intent\n  modicum route auto bank-intent --off")
@click.argument("ref", metavar="REF")
@click.option("--off", is_flag=True, help="Back to your hands. [watch] automatic still takes every route forward.")
@click.option("--note", default="", help="Why, for the record.")
@reached
def auto(ref: str, off: bool, note: str, way: Reach, config: Config, as_json: bool) -> None:
    """Let the watcher take it forward, a step at a time, when the conditions hold. Back it goes by itself in any case."""
    at_home(way)
    done = way.do(routes.auto, Auto(ref=ref, off=off, note=note))
    if as_json:
        print_json(done.route)
    elif done.route.automatic:
        click.echo(f"{done.route.route_id} goes forward by itself from now on.")
    else:
        click.echo(f"{done.route.route_id} goes forward by your hand.")


def _switch(operation: Operation[Switch, Switched]) -> Any:
    @click.argument("ref", metavar="REF")
    @click.option("--note", default="", help="Why, for the record.")
    @reached
    def change(ref: str, note: str, way: Reach, config: Config, as_json: bool) -> None:
        at_home(way)
        switched = way.do(operation, Switch(ref=ref, note=note))
        if as_json:
            print_json(switched.route)
        else:
            _tell(switched)

    return change


def _tell(switched: Switched) -> None:
    route, kept = switched.route, f"{switched.control_share:.0%}"
    click.echo(f"{route.route_id} is {STATES[route.state]}.")
    if route.state == "canary":
        click.echo(f"It answers {route.share:.0%} of the conversations beside the {kept} that stay with the incumbent as control.")
    elif route.state == "on":
        click.echo(f"{kept} of its conversations stay with the incumbent, so that the promise can be checked.")
    elif route.state == "rolled_back":
        click.echo("Everything goes to the incumbent. `modicum fit` proposes another route where newer calls carry a certificate.")


def _add(name: str, operation: Operation[Switch, Switched], words: str, example: str = "") -> None:
    command.command(name, help=words, epilog=f"\b\nExample:\n  modicum route {name} bank-intent{example}")(_switch(operation))


_WALKS = "Walks the steps that lie between by hand, recorded so; their conditions are not waited for."
_add(
    "shadow",
    routes.shadow,
    "Compute answers while the provider works and compare them; callers get none of them. Another model is asked beside the incumbent, and"
    " paid: [route] compare_usd_day is the most that may cost.",
)
_add("on", routes.on, f"Let the specialist answer what its certificate covers. {_WALKS}")
_add("pause", routes.pause, "Send everything to the incumbent again. It comes back through shadow, or with `on`.", ' --note "sale week"')
_add("off", routes.off, "The same as pause.")
_add(
    "rollback", routes.rollback, "Send everything to the incumbent, for good. What comes again is another route.", ' --note "wrong refunds"'
)
_add("retire", routes.retire, "Put a route or a proposal away for good.", ' --note "another one is better"')
