"""Make, list and revoke virtual keys: the record, its line in the audit log, and the file that running gateways watch."""

from __future__ import annotations

import dataclasses
import difflib
import os
from datetime import UTC, datetime
from decimal import Decimal

from modicum.config import Config
from modicum.errors import InputError, NotFoundError
from modicum.store import keys as store
from modicum.store.control import Control
from modicum.store.home import changing_keys
from modicum.types import Key

LONGEST_NAME = 100
RESERVE_OUTPUT_TOKENS = 1024


def create(
    config: Config,
    name: str,
    *,
    actor: str,
    scope: str | None = None,
    admin: bool = False,
    models: tuple[str, ...] = (),
    requests_minute: int | None = None,
    tokens_minute: int | None = None,
    concurrency: int | None = None,
    budget_day_usd: Decimal | None = None,
    budget_month_usd: Decimal | None = None,
    reserve_output_tokens: int | None = None,
    expires_at: datetime | None = None,
) -> tuple[Key, str]:
    """Make a key that counts within a second; (key, secret). The secret is kept nowhere. Raises InputError."""
    now = datetime.now(UTC)
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise InputError(f"{name[:40]!r} is no name for a key", hint=f"up to {LONGEST_NAME} printable characters")
    for what, limit in (
        ("requests a minute", requests_minute),
        ("tokens a minute", tokens_minute),
        ("concurrency", concurrency),
        ("reserved output tokens", reserve_output_tokens),
        ("budget a day", budget_day_usd),
        ("budget a month", budget_month_usd),
    ):
        if limit is not None and not 0 <= limit < 10**12:
            raise InputError(f"{what} = {limit} is no limit", hint="0 or more; leave it out for none")
    for pattern in models:
        if not pattern or "*" in pattern[:-1] or not pattern.isprintable():
            raise InputError(f"model pattern {pattern[:80]!r} is not one", hint="a model's name, or its beginning and one * at the end")
    if expires_at is not None and expires_at <= now:
        raise InputError(f"a key that expires on {expires_at:%Y-%m-%d %H:%M} would have expired already")
    if admin and any(limit is not None for limit in (requests_minute, tokens_minute, concurrency, budget_day_usd, budget_month_usd)):
        raise InputError("an admin key asks for no completions, so it takes no limits and no budget")
    secret = store.new_secret()
    key = Key(
        key_id=f"key_{os.urandom(8).hex()}",
        name=name.strip(),
        digest=store.digest(secret),
        shown=secret[: store.SHOWN],
        scope=scope or config.serve.scope,
        admin=admin,
        models=models,
        requests_minute=requests_minute,
        tokens_minute=tokens_minute,
        concurrency=concurrency,
        budget_day_usd=budget_day_usd,
        budget_month_usd=budget_month_usd,
        reserve_output_tokens=RESERVE_OUTPUT_TOKENS if reserve_output_tokens is None else reserve_output_tokens,
        created_at=now,
        created_by=actor,
        expires_at=expires_at,
    )
    control = Control(config.home)
    with changing_keys(control.home):
        if key.name == store.ENVIRONMENT or any(one.name == key.name and is_live(one, now) for one in control.all_keys()):
            raise InputError(f"there is a key '{key.name}' already", hint=f"`modicum keys revoke {key.name!r}` first, or take another name")
        control.put_key(key, actor=actor, action="create")
        store.write(control.home, control.all_keys())
    return key, secret


def revoke(config: Config, ref: str, *, actor: str) -> Key:
    """Refuse a key from now on: by its id, its name or the beginning that lists show. Raises NotFoundError."""
    control = Control(config.home)
    with changing_keys(control.home):
        keys = control.all_keys()
        found = [key for key in keys if ref in (key.key_id, key.name, key.shown, key.shown + "…")]
        found = [key for key in found if key.revoked_at is None] or found
        if not found:
            near = difflib.get_close_matches(ref, [word for key in keys for word in (key.name, key.key_id)], 1)
            raise NotFoundError(f"no key '{ref[:80]}'", hint=f"did you mean '{near[0]}'?" if near else "`modicum keys list` shows them")
        if len(found) > 1:
            raise NotFoundError(f"several keys answer to '{ref}'", hint="say " + " or ".join(key.key_id for key in found))
        key = found[0]
        if key.revoked_at is None:
            key = dataclasses.replace(key, revoked_at=datetime.now(UTC))
            control.put_key(key, actor=actor, action="revoke")
        store.write(control.home, control.all_keys())
    return key


def listed(config: Config) -> list[Key]:
    """All keys, oldest first. Writes the gateways' file anew where it says something else: a change may have been cut off."""
    control = Control(config.home)
    keys = control.all_keys()
    if keys:
        with changing_keys(control.home):
            keys = control.all_keys()
            try:
                told = store.read(control.home)
            except Exception:  # whatever it is, it is written anew
                told = None
            if told is None or list(told.values()) != keys:
                store.write(control.home, keys)
    return keys


def is_live(key: Key, now: datetime) -> bool:
    """Neither revoked nor expired."""
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > now)
