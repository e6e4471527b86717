"""`modicum route`: a person switches on what `fit` proposed."""

from __future__ import annotations

from typing import Any

import click

from modicum.admin import routes
from modicum.admin.operation import One, Operation, Paged
from modicum.admin.reach import Reach, everything
from modicum.admin.routes import Switch, Switched
from modicum.cli.options import Config, at_home, print_json, print_table, reached


@click.group(epilog="Example:  modicum route shadow bank-intent    then, when it agrees,    modicum route on bank-intent")
def command() -> None:
    """Switch a proposed route to shadow, on or off.

    shadow computes the specialist's answer while the provider works and compares the two; nothing of it is sent. on answers.
    Every change is recorded with who made it and takes effect within a second on every worker of `modicum serve`, without a
    restart.
    """


@command.command("list")
@reached
def list_(way: Reach, config: Config, as_json: bool) -> None:
    """List all routes with their states."""
    at_home(way)
    found = everything(way, routes.list_, Paged())
    if as_json:
        print_json(found)
    elif not found:
        click.echo("No routes yet: `modicum fit` proposes them.")
    else:
        print_table(
            ("route", "workload", "state", "answers", "kind", "certificate", "expires", "changed by"),
            [
                (
                    r.route_id,
                    r.workload,
                    r.state,
                    f"{r.coverage:.0%}",
                    r.kind,
                    r.certificate_id,
                    f"{r.expires_at:%Y-%m-%d}",
                    f"{r.changed_by}, {r.changed_at:%Y-%m-%d %H:%M}",
                )
                for r in found
            ],
            right=(3,),
        )


@command.command()
@click.argument("ref", metavar="ROUTE|WORKLOAD")
@reached
def show(ref: str, way: Reach, config: Config, as_json: bool) -> None:
    """Show one route, its rule and its certificate's sentence."""
    at_home(way)
    found = way.do(routes.show, One(ref=ref))
    route, certificate = found.route, found.certificate
    if as_json:
        print_json(found)
        return
    rule = certificate.rule
    print_table(
        ("", ""),
        [
            ("route", route.route_id),
            ("workload", certificate.workload_name),
            ("state", f"{route.state}, by {route.changed_by} on {route.changed_at:%Y-%m-%d %H:%M}"),
            ("answers when", f"confidence >= {rule.accept_above:.4f}"),
            ("always deferred", ", ".join([*rule.protected_labels, *rule.deferred_labels]) or "no label"),
            ("last resort", " or ".join(certificate.cover.incumbents)),
            ("certificate", f"{certificate.certificate_id}: {certificate.sentence}"),
            ("specialist", route.artefact_digest),
        ],
    )


def _switch(operation: Operation[Switch, Switched]) -> Any:
    @click.argument("ref", metavar="ROUTE|WORKLOAD")
    @click.option("--note", default="", help="Why, for the record.")
    @reached
    def change(ref: str, note: str, way: Reach, config: Config, as_json: bool) -> None:
        at_home(way)
        switched = way.do(operation, Switch(ref=ref, note=note))
        if as_json:
            print_json(switched.route)
        else:
            click.echo(f"{switched.route.route_id} is {switched.route.state}.")
            if switched.route.state == "on":
                click.echo(
                    f"{switched.control_share:.0%} of its conversations stay with the incumbent, so that the promise can be checked."
                )

    return change


command.command("shadow", help="Compute answers while the provider works and compare them; send nothing of them.")(_switch(routes.shadow))
command.command("on", help="Let the specialist answer what its certificate covers.")(_switch(routes.on))
command.command("off", help="Send everything to the incumbent again.")(_switch(routes.off))
