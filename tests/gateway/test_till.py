"""Who may ask for what, and what is held for it."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from modicum.catalog.prepared import price_table
from modicum.config import Config, StoreConfig
from modicum.errors import BudgetError, ForbiddenError, LimitError, StoreUnavailableError, UnauthorisedError
from modicum.gateway.alarm import Alarm
from modicum.gateway.till import NOTHING_HELD, Till, presented
from modicum.store import keys
from modicum.store.home import prepare
from modicum.types import Key, Usage, new_call_id
from tests import prices

SECRET = keys.new_secret()
KEY = Key(key_id="key_1", name="app", digest=keys.digest(SECRET), shown=SECRET[: keys.SHOWN], created_at=datetime.now(UTC), created_by="me")
PRICES = {"m": {"input_usd_mtok": "1", "output_usd_mtok": "2"}, "far/m": {"input_usd_mtok": "10", "output_usd_mtok": "10"}}


def till(home: Path, *some: Key, on_failure: str = "fail_closed") -> Till:
    prepare(home)
    if some:
        keys.write(home, some)
    config = Config(store=StoreConfig(home=home, on_failure=on_failure), prices=PRICES)  # type: ignore[arg-type]
    return Till(home, config, Alarm(io.StringIO()))


def asked(secret: str = SECRET) -> dict[bytes, bytes]:
    return {b"authorization": b"Bearer " + secret.encode()}


def test_without_keys_nobody_needs_one(tmp_path: Path) -> None:
    one = till(tmp_path)
    assert not one.keyed
    assert one.authenticate({}) is None
    assert one.reserve(None, new_call_id(), input_tokens=5, max_output=None, model="m", provider="p") is NOTHING_HELD
    one.permit(None, "anything")
    assert one.headers(None) == []
    assert not (tmp_path / "ledger").exists()


def test_a_key_is_known_by_the_whole_of_its_secret(tmp_path: Path) -> None:
    one = till(tmp_path, KEY)
    assert one.keyed
    assert one.authenticate(asked()) == KEY
    for wrong in ("", SECRET[:-1], SECRET + "A", SECRET.upper(), KEY.digest, "mk-", "\xff", "a" * 10_000):
        with pytest.raises(UnauthorisedError) as refused:
            one.authenticate({b"x-api-key": wrong.encode("latin-1")})
        assert SECRET not in str(refused.value) and (len(wrong) < 9 or wrong not in str(refused.value))


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"revoked_at": datetime.now(UTC)}, "revoked"), ({"expires_at": datetime.now(UTC) - timedelta(seconds=1)}, "expired")],
)
def test_revoked_and_expired_keys_are_told_so_and_the_door_stays_shut(tmp_path: Path, changed: dict[str, datetime], said: str) -> None:
    one = till(tmp_path, dataclasses.replace(KEY, **changed))  # type: ignore[arg-type]
    assert one.keyed
    with pytest.raises(UnauthorisedError, match=said):
        one.authenticate(asked())
    with pytest.raises(UnauthorisedError, match="no API key"):
        one.authenticate({})


def test_where_the_secret_is_looked_for() -> None:
    forwarded = {b"authorization": b"Bearer sk-theirs", b"x-api-key": b"mk-ours"}
    assert presented(forwarded) == b"mk-ours"
    assert presented(forwarded | {b"x-modicum-key": b"mk-own"}) == b"mk-own"
    assert presented({b"authorization": b"bearer mk-a", b"api-key": b"mk-b"}) == b"mk-a"
    assert presented({b"api-key": b"mk-b"}) == b"mk-b"
    assert presented({b"authorization": b"Bearer sk-theirs"}) == b"sk-theirs"
    assert presented({b"x-modicum-key": b"", b"api-key": b"mk-b"}) == b""


def test_models_are_matched_whole_or_to_their_star(tmp_path: Path) -> None:
    one = till(tmp_path, KEY)
    some = dataclasses.replace(KEY, models=("gpt-4o", "claude-*"))
    for model in ("gpt-4o", "claude-", "claude-opus-4"):
        one.permit(some, model)
    for model in ("gpt-4o-mini", "GPT-4o", "", "claude"):
        with pytest.raises(ForbiddenError):
            one.permit(some, model)
    one.permit(KEY, "any")
    with pytest.raises(ForbiddenError, match="admin"):
        one.permit(dataclasses.replace(KEY, admin=True), "any")


def test_what_cannot_be_counted_is_for_keys_without_budget_and_models(tmp_path: Path) -> None:
    one = till(tmp_path, KEY)
    one.permit_uncounted(None, "batches")
    one.permit_uncounted(dataclasses.replace(KEY, requests_minute=1), "batches")
    for key in (
        dataclasses.replace(KEY, budget_day_usd=Decimal(1)),
        dataclasses.replace(KEY, models=("gpt-*",)),
        dataclasses.replace(KEY, admin=True),
    ):
        with pytest.raises(ForbiddenError):
            one.permit_uncounted(key, "batches")


async def test_a_key_made_or_revoked_counts_within_a_second(tmp_path: Path) -> None:
    one = till(tmp_path)
    watching = asyncio.create_task(one.watch())
    keys.write(tmp_path, [KEY])
    await asyncio.sleep(0.5)
    assert one.authenticate(asked()) == KEY
    keys.write(tmp_path, [dataclasses.replace(KEY, revoked_at=datetime.now(UTC))])
    await asyncio.sleep(0.5)
    with pytest.raises(UnauthorisedError, match="revoked"):
        one.authenticate(asked())
    keys.path(tmp_path).unlink()
    await asyncio.sleep(0.5)
    assert one.keyed
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching


def test_the_worst_case_is_held_and_the_cost_takes_its_place(tmp_path: Path) -> None:
    key = dataclasses.replace(KEY, budget_day_usd=Decimal("0.01"), reserve_output_tokens=500)
    one = till(tmp_path, key)
    first = one.reserve(key, new_call_id(), input_tokens=1000, max_output=None, model="m", provider="near")  # $0.002
    second = one.reserve(key, new_call_id(), input_tokens=1000, max_output=3500, model="m", provider="near")  # $0.008
    with pytest.raises(BudgetError) as refused:
        one.reserve(key, new_call_id(), input_tokens=1, max_output=0, model="m", provider="near")
    assert refused.value.status == 429 and refused.value.retry_after_s is None
    second.settle(Decimal("0.001"), Usage(input_tokens=400, output_tokens=300))
    second.settle(Decimal(5), Usage())
    second.cancel()
    third = one.reserve(key, new_call_id(), input_tokens=7000, max_output=0, model="m", provider="near")
    third.cancel()
    first.settle(None, Usage())  # not known: what was held is taken
    with pytest.raises(BudgetError, match="0.003 are spent or held"):
        one.reserve(key, new_call_id(), input_tokens=7001, max_output=0, model="m", provider="near")
    with pytest.raises(BudgetError):
        one.reserve(key, new_call_id(), input_tokens=7000, max_output=0, model="m", provider="far")
    one.close()


def test_a_budget_that_cannot_be_counted_is_not_passed(tmp_path: Path) -> None:
    key = dataclasses.replace(KEY, budget_month_usd=Decimal(5))
    one = till(tmp_path, key)
    with pytest.raises(BudgetError, match="no price is known") as refused:
        one.reserve(key, new_call_id(), input_tokens=1, max_output=1, model="nobody-knows", provider="upstream")
    assert "[prices." in refused.value.hint
    free = dataclasses.replace(KEY, concurrency=1)
    hold = one.reserve(free, new_call_id(), input_tokens=1, max_output=1, model="nobody-knows", provider="upstream")
    with pytest.raises(LimitError, match="in flight"):
        one.reserve(free, new_call_id(), input_tokens=1, max_output=1, model="m", provider="upstream")
    hold.cancel()
    one.close()


def test_headers_say_what_is_left(tmp_path: Path) -> None:
    key = dataclasses.replace(KEY, requests_minute=3, tokens_minute=1000)
    one = till(tmp_path, key)
    hold = one.reserve(key, new_call_id(), input_tokens=100, max_output=200, model="m", provider="p")
    said = dict(one.headers(key))
    assert said[b"x-ratelimit-limit-requests"] == b"3" and said[b"x-ratelimit-remaining-requests"] == b"2"
    assert said[b"x-ratelimit-remaining-tokens"] == b"700"
    assert 59 <= int(said[b"x-ratelimit-reset-tokens"].removesuffix(b"s")) <= 61
    hold.settle(None, Usage(input_tokens=90, output_tokens=10))
    assert dict(one.headers(key))[b"x-ratelimit-remaining-tokens"] == b"900"
    with pytest.raises(LimitError) as refused:
        one.reserve(key, new_call_id(), input_tokens=900, max_output=1, model="m", provider="p")
    assert refused.value.retry_after_s is not None and 0 < refused.value.retry_after_s <= 61
    with pytest.raises(LimitError) as refused:
        one.reserve(key, new_call_id(), input_tokens=10**30, max_output=10**30, model="m", provider="p")
    assert refused.value.retry_after_s is None
    one.close()


@pytest.mark.parametrize("on_failure", ["fail_closed", "fail_open"])
def test_a_ledger_that_cannot_be_written_refuses_or_lets_pass_as_configured(tmp_path: Path, on_failure: str) -> None:
    key = dataclasses.replace(KEY, requests_minute=1)
    one = till(tmp_path, key, on_failure=on_failure)
    (tmp_path / "ledger").write_text("in the way")
    if on_failure == "fail_open":
        assert one.reserve(key, new_call_id(), input_tokens=1, max_output=1, model="m", provider="p") is NOTHING_HELD
    else:
        with pytest.raises(StoreUnavailableError) as refused:
            one.reserve(key, new_call_id(), input_tokens=1, max_output=1, model="m", provider="p")
        assert refused.value.status == 503


def test_costs_are_those_of_who_answered(tmp_path: Path) -> None:
    prices.put(prepare(tmp_path))
    one = till(tmp_path)
    at = datetime(2026, 10, 15, tzinfo=UTC)
    used = Usage(input_tokens=1_000_000, output_tokens=0)
    assert one.cost("near", "m", None, used, at) == 1
    assert one.cost("far", "m", "m", used, at) == 10
    assert one.cost("near", "m-2026", "m", used, at) == 1
    assert one.cost("upstream", "gpt-4o", None, used, at) == Decimal("2.5")
    assert one.cost("upstream", "gpt-4o", None, used, at, "batch") == Decimal("1.25")
    assert one.cost("upstream", "gpt-4o", None, used, at, "no-such-tier") is None
    assert one.cost("near", "m", None, used, at, "flex") is None
    assert one.cost("vllm", "gpt-4o", None, used, at) is None
    assert one.cost("upstream", "gpt-4o", None, Usage(), at) is None
    assert one.cost("anthropic", "claude-sonnet-4-5", None, used, at) == 6


def test_the_list_is_compiled_beside_the_first_start(tmp_path: Path) -> None:
    began = time.perf_counter()
    one = Till.open(prepare(tmp_path), Config(), Alarm(io.StringIO()))
    assert time.perf_counter() - began < 0.5
    at = datetime(2026, 10, 15, tzinfo=UTC)
    assert one.cost("upstream", "gpt-4o", None, Usage(input_tokens=1_000_000, output_tokens=0), at) == Decimal("2.5")
    assert price_table(tmp_path).stat().st_mode & 0o777 == 0o600
    one.close()
