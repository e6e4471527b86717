"""`modicum keys`: who may use the gateway, for what, how often and for how much."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from modicum.admin import keys
from modicum.admin.keys import Create, KeyShown
from modicum.admin.operation import One, Paged
from modicum.admin.reach import Reach, everything
from modicum.cli.options import Config, Subcommands, at_home, print_json, print_table, reached
from modicum.store.home import prepare

UNITS = {"h": 1, "d": 24, "w": 24 * 7}


def dollars(ctx: click.Context, param: click.Parameter, value: str | None) -> Decimal | None:
    """An amount on the command line."""
    if value is None:
        return None
    try:
        usd = Decimal(value.removeprefix("$"))
    except InvalidOperation:
        usd = Decimal("NaN")
    if not usd.is_finite() or usd < 0:
        raise click.BadParameter(f"{value!r} is not an amount of US dollars")
    return usd


def moment(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """A time on the command line."""
    if value is None:
        return None
    if found := re.fullmatch(r"(\d{1,5})([hdw])", value):
        return datetime.now(UTC) + timedelta(hours=int(found[1]) * UNITS[found[2]])
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is neither a day like 2027-01-31 nor a time from now like 30d or 12h") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


@click.group(cls=Subcommands, epilog="Example:  modicum keys create search-team --model 'gpt-4o*' --budget-month 200 --requests-minute 60")
def command() -> None:
    """Create, list and revoke virtual keys.

    Once there is a key, the gateway answers nobody without one. Changes count within a second in every running gateway and are
    recorded with who made them. A key's secret is shown once and kept nowhere.
    """


@command.command()
@click.argument("name")
@click.option("--scope", help="The scope of its calls. [default: serve.scope]")
@click.option("--model", "models", multiple=True, metavar="PATTERN", help="A model that it may ask for, * at the end matches the rest.")
@click.option("--requests-minute", type=click.IntRange(0), help="Most requests in any minute.")
@click.option("--tokens-minute", type=click.IntRange(0), help="Most tokens in any minute, in and out.")
@click.option("--concurrency", type=click.IntRange(0), help="Most calls at once.")
@click.option("--budget-day", metavar="USD", callback=dollars, help="US dollars a day (UTC).")
@click.option("--budget-month", metavar="USD", callback=dollars, help="US dollars a calendar month (UTC).")
@click.option(
    "--reserve-output-tokens", type=click.IntRange(0), help="Held for the answer to a request that sets no limit. [default: 1024]"
)
@click.option("--expires", metavar="WHEN", callback=moment, help="A day, a time, or from now: 30d, 12h.")
@click.option("--admin", is_flag=True, help="For the admin API alone; it asks for no completions.")
@reached
def create(
    name: str,
    budget_day: Decimal | None,
    budget_month: Decimal | None,
    expires: datetime | None,
    way: Reach,
    config: Config,
    as_json: bool,
    **rest: Any,
) -> None:
    """Make a key and show its secret, once."""
    if way.local:
        prepare(config.home)
    made = way.do(keys.create, Create(name=name, budget_day_usd=budget_day, budget_month_usd=budget_month, expires_at=expires, **rest))
    if as_json:
        print_json(made)
        return
    click.echo(made.secret)
    click.echo(f"This is the secret of '{made.key.name}' ({made.key.key_id}). It is not kept and cannot be shown again.", err=True)


@command.command("list")
@reached
def list_(way: Reach, config: Config, as_json: bool) -> None:
    """List all keys with their limits."""
    at_home(way)
    found = everything(way, keys.list_, Paged())
    if as_json:
        print_json(found)
    elif not found:
        click.echo("No keys yet: `modicum keys create NAME` makes one. Until then the gateway answers this machine alone.")
    else:
        now = datetime.now(UTC)
        print_table(
            ("name", "id", "secret", "scope", "models", "limits", "budget", "state", "created by"),
            [
                (
                    key.name,
                    key.key_id,
                    f"{key.shown}…",
                    key.scope,
                    "none (admin)" if key.admin else ", ".join(key.models) or "all",
                    _limits(key),
                    _budget(key),
                    _state(key, now),
                    f"{key.created_by}, {key.created_at:%Y-%m-%d}",
                )
                for key in found
            ],
        )


@command.command()
@click.argument("ref", metavar="NAME|ID")
@reached
def revoke(ref: str, way: Reach, config: Config, as_json: bool) -> None:
    """Refuse a key from now on, everywhere, within a second."""
    at_home(way)
    key = way.do(keys.revoke, One(ref=ref))
    if as_json:
        print_json(key)
    else:
        click.echo(f"'{key.name}' ({key.key_id}) is revoked.")


def _limits(key: KeyShown) -> str:
    parts = (
        (key.requests_minute, "requests/min"),
        (key.tokens_minute, "tokens/min"),
        (key.concurrency, "at once"),
    )
    return ", ".join(f"{limit:,} {word}" for limit, word in parts if limit is not None) or "none"


def _budget(key: KeyShown) -> str:
    parts = ((key.budget_day_usd, "day"), (key.budget_month_usd, "month"))
    return ", ".join(f"${budget:f}/{word}" for budget, word in parts if budget is not None) or "none"


def _state(key: KeyShown, now: datetime) -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%d}"
    if key.expires_at is not None:
        return f"{'expired' if key.expires_at <= now else 'until'} {key.expires_at:%Y-%m-%d}"
    return "live"
