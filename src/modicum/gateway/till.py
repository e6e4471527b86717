"""Who is asking, whether they may, and what it costs: virtual keys, their limits and budgets, and prices.

Before a call goes out its worst case is held (`reserve`): the input's estimated tokens and the longest answer that it allows, at the
model's price. When it ends, what it really cost takes that place (`settle`). Keys without limits cost nothing but the look-up.
"""

from __future__ import annotations

import asyncio
import subprocess
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

from modicum.backends.priced import priced
from modicum.catalog.cost import cost
from modicum.catalog.daily import DailyPrices
from modicum.catalog.prepared import COMPILE_S, prepare_prices, price_table
from modicum.config import Config
from modicum.errors import BudgetError, ForbiddenError, StoreError, StoreUnavailableError, UnauthorisedError
from modicum.gateway.alarm import Alarm, name
from modicum.gateway.exchange import PLACES
from modicum.gateway.worst import Worst
from modicum.store.keys import PREFIX, Keys, environment_key
from modicum.store.ledger import Ledger
from modicum.store.tally import pico
from modicum.types import Key, Usage

POLL_S = 0.2
REAP_S = 5.0
MOST_TOKENS = 1 << 40
"""More than this is not a number of tokens."""
Header = tuple[bytes, bytes]
BEARER = b"bearer "
_OURS = PREFIX.encode()
_BEARS_OURS = b"Bearer " + _OURS


class Hold:
    """What is held for one call, until it is settled or cancelled: once, the rest is ignored."""

    __slots__ = ("_call_id", "_ledger")

    def __init__(self, ledger: Ledger | None = None, call_id: str = "") -> None:
        self._ledger = ledger
        self._call_id = call_id

    def settle(self, cost_usd: Decimal | None, usage: Usage) -> None:
        """The call cost so much. What is not known is taken as what was held."""
        ledger, self._ledger = self._ledger, None
        if ledger is not None:
            known = usage.input_tokens is not None and usage.output_tokens is not None
            tokens = min((usage.input_tokens or 0) + (usage.output_tokens or 0), MOST_TOKENS) if known else None
            ledger.settle(self._call_id, None if cost_usd is None else pico(cost_usd), tokens, estimated=usage.estimated)

    def cancel(self) -> None:
        """The call cost nothing: it never reached a provider, or the provider refused it."""
        ledger, self._ledger = self._ledger, None
        if ledger is not None:
            ledger.cancel(self._call_id)


NOTHING_HELD = Hold()


class Till:
    """One worker's till."""

    def __init__(self, home: Path, config: Config, alarm: Alarm) -> None:
        self._home = home
        self._alarm = alarm
        self._fail_open = config.store.on_failure == "fail_open"
        self._keep_days = config.store.keep_days
        self._keys = Keys(home, environment_key(config.serve.admin_key_env))
        self.keyed = bool(self._keys)
        """Keys were made: nobody asks without one."""
        self._config = config
        self._prices = self._priced(config)
        self._compiling: threading.Thread | None = None
        self._ledger: Ledger | None = None

    @classmethod
    def open(cls, home: Path, config: Config, alarm: Alarm) -> Till:
        """Read the keys. Where the home has no list of prices of the installed version, compile it beside. Raises StoreError."""
        till = cls(home, config, alarm)
        if not price_table(home).exists():
            # A daemon: whoever stops at once need not wait for it, and the next one finds what it has made.
            till._compiling = threading.Thread(target=till._compile, daemon=True)
            till._compiling.start()
        if any(limited(key) for key in till._keys.all()):
            try:
                till._counted()
            except StoreError as error:
                alarm.ring("ledger", name(error))
        return till

    def reprice(self, config: Config) -> None:
        """Take another configuration's prices for the calls that end from now on. Raises ConfigError."""
        if config is not self._config:
            self._config, self._prices = config, self._priced(config)

    def _priced(self, config: Config) -> DailyPrices:
        own, kinds = priced(config)
        return DailyPrices(own, kinds, self._table, broken=lambda what: self._alarm.ring("prices", f"{what}; only your own are known"))

    def _compile(self) -> None:
        try:
            prepare_prices(self._home)
        except (OSError, subprocess.SubprocessError) as error:
            self._alarm.ring("prices", f"{name(error)}; only your own [prices] are known")

    def _table(self) -> bytes:
        if self._compiling is not None:
            self._compiling.join(COMPILE_S)
        return price_table(self._home).read_bytes()

    async def watch(self) -> None:
        """Look for changed keys, bring the ledger to the disk and settle what dead workers held, until cancelled."""
        round_ = 0
        while True:
            await asyncio.sleep(POLL_S)
            round_ += 1
            try:
                self._keys.refresh()
                self.keyed = bool(self._keys)
                if self._ledger is not None:
                    self._ledger.flush()
                    if round_ % round(1 / POLL_S) == 0:
                        await asyncio.to_thread(self._ledger.sync)
                    if round_ % round(REAP_S / POLL_S) == 0:
                        self._ledger.reap()
            except Exception as error:
                self._alarm.ring("keys", name(error))

    def close(self) -> None:
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    # ------------------------------------------------------------------------------------------------------- keys

    def authenticate(self, headers: Mapping[bytes, bytes]) -> Key | None:
        """The key that a request comes with; None where none were ever made. Raises UnauthorisedError."""
        if not self.keyed:
            return None
        secret = presented(headers)
        key = self._keys.find(secret) if secret else None
        if key is None:
            if not secret:
                raise UnauthorisedError("no API key", hint="send one as `authorization: Bearer mk-...` or `x-modicum-key`")
            raise UnauthorisedError("this API key is not known here", hint="`modicum keys create NAME` makes one")
        if key.revoked_at is not None:
            raise UnauthorisedError(f"the API key '{key.shown}…' was revoked")
        if key.expires_at is not None and key.expires_at <= datetime.now(UTC):
            raise UnauthorisedError(f"the API key '{key.shown}…' expired on {key.expires_at:%Y-%m-%d}")
        return key

    def permit(self, key: Key | None, model: str) -> None:
        """Raise ForbiddenError where a key may not ask for a model."""
        if key is None:
            return
        if key.admin:
            raise ForbiddenError(
                f"key '{key.name}' is for the admin API alone", hint="`modicum keys create NAME` makes one for completions"
            )
        if not may(key, model):
            raise ForbiddenError(
                f"key '{key.name}' may not ask for the model {model[:80]!r}", hint=f"it may ask for {', '.join(key.models)}"
            )

    def permit_uncounted(self, key: Key | None, what: str) -> None:
        """Raise ForbiddenError where a key has a budget or names models, and what it asks for costs what is not seen here (a batch)."""
        if key is not None and (key.admin or key.models or key.budget_day_usd is not None or key.budget_month_usd is not None):
            raise ForbiddenError(
                f"key '{key.name}' may not use {what}: neither their cost nor their models can be seen here",
                hint="use a key without a budget and without a list of models",
            )

    # ------------------------------------------------------------------------------------------------------ money

    def cost(
        self, provider: str, model_told: str | None, model_asked: str | None, usage: Usage, at: datetime, service_tier: str | None = None
    ) -> Decimal | None:
        """What a call costs; None where its tokens or its price are not known."""
        return self._prices.cost(provider, model_told, model_asked, usage, at, service_tier)

    def reserve(
        self,
        key: Key | None,
        call_id: str,
        *,
        input_tokens: int,
        max_output: int | None,
        model: str,
        provider: str,
        also: Iterable[tuple[str, str]] = (),
        worst: Worst | None = None,
        besides: Iterable[tuple[str, str]] = (),
    ) -> Hold:
        """Hold the worst case of a call. `max_output`: tokens of one answer, as the request limits them; None: not. `also`: further
        (provider, model) that may answer in its place. `worst`: what else the request lets happen. `besides`: those of which one may be
        asked first, and cost as much on top; one without a price is none that a budget pays for (`can_pay`).

        Raises LimitError, BudgetError, and StoreUnavailableError where it cannot be counted and must be.
        """
        if key is None or not limited(key):
            return NOTHING_HELD
        output = key.reserve_output_tokens if max_output is None else max_output
        if worst is not None:
            output *= worst.answers
        if not (0 <= input_tokens <= MOST_TOKENS and 0 <= output <= MOST_TOKENS):
            input_tokens, output = min(max(input_tokens, 0), MOST_TOKENS), min(max(output, 0), MOST_TOKENS)
        if worst is not None and worst.free:
            amount = 0
        else:
            amount = self._worst(key, input_tokens, output, model, provider, worst)
            for sold_by, one in also:
                if one != model or sold_by != provider:
                    amount = max(amount, self._worst(key, input_tokens, output, one, sold_by, worst))
            first = 0
            for sold_by, one in besides:
                with suppress(BudgetError):
                    first = max(first, self._worst(key, input_tokens, output, one, sold_by, None))
            amount += first
        try:
            ledger = self._ledger or self._counted()
            ledger.reserve(key, call_id, amount, input_tokens + output)
        except StoreError as error:
            if not self._fail_open:
                self._alarm.ring("ledger", f"{name(error)}; a call was refused")
                raise StoreUnavailableError("the ledger of keys cannot be written now", hint="try again") from None
            if self._ledger is None or not self._ledger.owe(key, call_id, amount, input_tokens + output):
                self._alarm.ring("ledger", f"{name(error)}; a call is served uncounted")
                return NOTHING_HELD
            self._alarm.ring("ledger", f"{name(error)}; a call is counted in memory until it can be")
        return Hold(self._ledger, call_id)

    def can_pay(self, key: Key | None, provider: str, model: str) -> bool:
        """A price is known for the model, or the key has no budget that it would have to be counted against."""
        if key is None or (key.budget_day_usd is None and key.budget_month_usd is None):
            return True
        return self.cost(provider, None, model, Usage(input_tokens=1, output_tokens=1), datetime.now(UTC)) is not None

    def _counted(self) -> Ledger:
        self._ledger = self._ledger or Ledger(self._home, keep_days=self._keep_days)
        return self._ledger

    def _worst(self, key: Key, input_tokens: int, output: int, model: str, provider: str, worst: Worst | None) -> int:
        now = datetime.now(UTC)
        if (worst is None or worst.is_plain) and (rates := self._prices.rates(provider, model, now)) is not None:
            return rates[0] * input_tokens + rates[1] * output + rates[2]
        tier = worst.tier if worst is not None else None
        usages = [Usage(input_tokens=input_tokens, output_tokens=output)]
        if worst is not None and worst.writes_cache:
            usages.append(replace(usages[0], cache_write_tokens=input_tokens))
        if worst is not None and worst.for_an_hour:
            usages.append(replace(usages[0], cache_write_tokens=input_tokens, cache_write_1h_tokens=input_tokens))
        if worst is not None and worst.speaks:
            usages += [replace(usage, audio_output_tokens=output) for usage in usages]
        most = 0
        for served in dict.fromkeys((None, tier)):
            price = self._prices.price(provider, model, now, input_tokens=input_tokens, service_tier=served)
            known = [usd for usage in usages if (usd := cost(price, usage)) is not None]
            if not known and (key.budget_day_usd is not None or key.budget_month_usd is not None):
                of = f"{model[:80]}@{served[:40]}" if served else model[:80]
                raise BudgetError(
                    f"key '{key.name}' has a budget, and no price is known for the model {of!r} at {provider!r} to count against it",
                    hint=f'write one: [prices."{of}"] input_usd_mtok = ..., output_usd_mtok = ...',
                )
            most = max(most, *map(pico, known), 0)
        return most

    def headers(self, key: Key | None) -> list[Header]:
        """What is left of a key's minute."""
        if key is None or self._ledger is None:
            return []
        requests, tokens = key.requests_minute, key.tokens_minute
        if requests is None and tokens is None:
            return []
        account, resets_s = self._ledger.minute(key.key_id)
        found = []
        if requests is not None:
            left = requests - account.requests
            limit, reset = _unchanging(b"requests", requests, resets_s)
            found += [limit, (b"x-ratelimit-remaining-requests", b"%d" % left if left > 0 else b"0"), reset]
        if tokens is not None:
            left = tokens - account.tokens
            limit, reset = _unchanging(b"tokens", tokens, resets_s)
            found += [limit, (b"x-ratelimit-remaining-tokens", b"%d" % left if left > 0 else b"0"), reset]
        return found


@lru_cache(1024)
def _unchanging(what: bytes, limit: int, resets_s: int) -> tuple[Header, Header]:
    return (b"x-ratelimit-limit-" + what, b"%d" % limit), (b"x-ratelimit-reset-" + what, b"%ds" % resets_s)


def presented(headers: Mapping[bytes, bytes]) -> bytes:
    """The secret that a request carries: in `x-modicum-key`, else the first of the usual places that holds one of ours, else any."""
    own = headers.get(b"x-modicum-key")
    if own is not None:
        return own.strip()
    usual = headers.get(b"authorization")
    if usual is not None and usual.startswith(_BEARS_OURS):
        return usual[7:].strip()
    found = []
    for place in PLACES:
        value = headers.get(place, b"").strip()
        if value[:7].lower() == BEARER:
            value = value[7:].strip()
        if value:
            found.append(value)
    return next((secret for secret in found if secret.startswith(_OURS)), found[0] if found else b"")


def may(key: Key, model: str) -> bool:
    """Do a key's patterns meet a model's name?"""
    return not key.models or any(model == one or (one.endswith("*") and model.startswith(one[:-1])) for one in key.models)


def limited(key: Key) -> bool:
    return (
        key.requests_minute is not None
        or key.tokens_minute is not None
        or key.concurrency is not None
        or key.budget_day_usd is not None
        or key.budget_month_usd is not None
    )
