"""Virtual keys: who may use the gateway, for what, how often and for how much."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from msgspec import Meta

from modicum.admin.operation import Desk, One, Page, Paged, Scope, Takes, Time, instant, operation, paged
from modicum.errors import InputError
from modicum.pipeline import keys as work
from modicum.store.keys import environment_key
from modicum.types import Key

Count = Annotated[int, Meta(ge=0, lt=10**12)]
Dollars = Annotated[
    Decimal, Meta(extra_json_schema={"type": ["string", "number"], "pattern": r"^[0-9]{1,11}(\.[0-9]{1,9})?$", "minimum": 0})
]
SMALLEST = -12
"""Of an amount's digits behind the point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyShown:
    """A key as it may be shown: all but the digest of its secret."""

    key_id: str
    name: str
    shown: str
    """The first characters of the secret."""
    scope: str
    admin: bool
    models: tuple[str, ...]
    requests_minute: int | None
    tokens_minute: int | None
    concurrency: int | None
    budget_day_usd: Decimal | None
    budget_month_usd: Decimal | None
    reserve_output_tokens: int
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyMade:
    """A new key. Its secret is told this once and kept nowhere."""

    secret: str
    key: KeyShown


class Create(Takes, frozen=True, kw_only=True):
    """A key may do what is said here and nothing else."""

    name: Annotated[str, Meta(min_length=1, max_length=work.LONGEST_NAME)]
    scope: Scope | None = None
    admin: Annotated[bool, Meta(description="For the admin API alone.")] = False
    models: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...], Meta(max_length=100)] = ()
    requests_minute: Count | None = None
    tokens_minute: Count | None = None
    concurrency: Count | None = None
    budget_day_usd: Dollars | None = None
    budget_month_usd: Dollars | None = None
    reserve_output_tokens: Count | None = None
    expires_at: Time | None = None


@operation("GET", "/keys", role="admin")
def list_(desk: Desk, asked: Paged) -> Page[KeyShown]:
    """List all keys with their limits, revoked ones too."""
    found = work.listed(desk.config)
    if desk.office is not None and (own := environment_key(desk.config.serve.admin_key_env)) is not None:
        found = [*found, own]
    page = paged(found, asked, lambda key: key.key_id)
    return Page(items=tuple(map(_shown, page.items)), next=page.next)


@operation("POST", "/keys", role="admin", changes=True)
def create(desk: Desk, asked: Create) -> KeyMade:
    """Make a key and tell its secret, once."""
    key, secret = work.create(
        desk.config,
        asked.name,
        actor=desk.actor,
        scope=asked.scope,
        admin=asked.admin,
        models=asked.models,
        requests_minute=asked.requests_minute,
        tokens_minute=asked.tokens_minute,
        concurrency=asked.concurrency,
        budget_day_usd=_dollars(asked.budget_day_usd),
        budget_month_usd=_dollars(asked.budget_month_usd),
        reserve_output_tokens=asked.reserve_output_tokens,
        expires_at=instant(asked.expires_at),
    )
    return KeyMade(secret=secret, key=_shown(key))


@operation("POST", "/keys/{ref}/revoke", role="admin", changes=True)
def revoke(desk: Desk, asked: One) -> KeyShown:
    """Refuse a key from now on, everywhere, within a second: by its id, its name or the beginning that lists show."""
    return _shown(work.revoke(desk.config, asked.ref, actor=desk.actor))


def _dollars(usd: Decimal | None) -> Decimal | None:
    if usd is not None and not (usd.is_finite() and usd >= 0 and SMALLEST <= int(usd.as_tuple().exponent) <= -SMALLEST):
        raise InputError("a budget is an amount of US dollars, 0 or more")
    return usd


def _shown(key: Key) -> KeyShown:
    return KeyShown(**{name: getattr(key, name) for name in KeyShown.__dataclass_fields__})
