"""`modicum route`: a person switches on what `fit` proposed."""

from __future__ import annotations

from typing import Any

import click

from modicum.cli.options import Config, actor, common, existing, print_json, print_table
from modicum.pipeline import switching
from modicum.store.control import Control
from modicum.types import Route, RouteState


@click.group(epilog="Example:  modicum route shadow bank-intent    then, when it agrees,    modicum route on bank-intent")
def command() -> None:
    """Switch a proposed route to shadow, on or off.

    shadow computes the specialist's answer while the provider works and compares the two; nothing of it is sent. on answers.
    Every change is recorded with who made it and takes effect within a second on every worker of `modicum serve`, without a
    restart.
    """


def rows(control: Control, routes: list[Route]) -> list[dict[str, Any]]:
    """Routes beside what their certificates say."""
    names = {w.workload_id: w.name for w in control.workloads()}
    out = []
    for route in routes:
        certificate = control.certificate(route.certificate_id)
        out.append(
            {
                "route_id": route.route_id,
                "workload_id": route.workload_id,
                "workload": names.get(route.workload_id, certificate.workload_name),
                "scope": route.scope,
                "state": route.state,
                "coverage": certificate.coverage,
                "kind": certificate.kind,
                "margin": certificate.margin,
                "certificate_id": route.certificate_id,
                "artefact_digest": route.artefact_digest,
                "expires_at": certificate.expires_at,
                "changed_at": route.changed_at,
                "changed_by": route.changed_by,
            }
        )
    return out


@command.command("list")
@common
def list_(config: Config, as_json: bool) -> None:
    """List all routes with their states."""
    control = Control(existing(config))
    found = rows(control, list(control.routes()))
    if as_json:
        print_json(found)
    elif not found:
        click.echo("No routes yet: `modicum fit` proposes them.")
    else:
        print_table(
            ("route", "workload", "state", "answers", "kind", "certificate", "expires", "changed by"),
            [
                (
                    r["route_id"],
                    r["workload"],
                    r["state"],
                    f"{r['coverage']:.0%}",
                    r["kind"],
                    r["certificate_id"],
                    f"{r['expires_at']:%Y-%m-%d}",
                    f"{r['changed_by']}, {r['changed_at']:%Y-%m-%d %H:%M}",
                )
                for r in found
            ],
            right=(3,),
        )


@command.command()
@click.argument("ref", metavar="ROUTE|WORKLOAD")
@common
def show(ref: str, config: Config, as_json: bool) -> None:
    """Show one route, its rule and its certificate's sentence."""
    control = Control(existing(config))
    route = switching.find_route(control, ref)
    certificate = control.certificate(route.certificate_id)
    if as_json:
        print_json({"route": route, "certificate": certificate})
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


def _switch(state: RouteState) -> Any:
    @click.argument("ref", metavar="ROUTE|WORKLOAD")
    @click.option("--note", default="", help="Why, for the record.")
    @common
    def change(ref: str, note: str, config: Config, as_json: bool) -> None:
        existing(config)
        route = switching.switch(config, ref, state, actor=actor(), note=note)
        if as_json:
            print_json(route)
        else:
            click.echo(f"{route.route_id} is {route.state}.")
            if state == "on":
                share = config.route.control_share
                click.echo(f"{share:.0%} of its conversations stay with the incumbent, so that the promise can be checked.")

    return change


command.command("shadow", help="Compute answers while the provider works and compare them; send nothing of them.")(_switch("shadow"))
command.command("on", help="Let the specialist answer what its certificate covers.")(_switch("on"))
command.command("off", help="Send everything to the incumbent again.")(_switch("off"))
