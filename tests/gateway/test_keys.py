"""With keys: who may ask from where, for what, how much, in which scope."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from modicum.store import home as store_home
from modicum.store import keys
from modicum.types import Key
from tests.gateway.rig import KEY, Gateway, Upstream, ask, gateway
from tests.gateway.routed import UP, headline, publish

NO_COIN = {"MODICUM_ROUTE__CONTROL_SHARE": "0"}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as found:
        yield found


def make(home: Path, **each: dict[str, Any]) -> dict[str, str]:
    """Keys by name; returns their secrets."""
    store_home.prepare(home)
    secrets = {name: keys.new_secret() for name in each}
    now = datetime.now(UTC)
    keys.write(
        home,
        (
            Key(
                key_id=f"k-{name}",
                name=name,
                digest=keys.digest(secrets[name]),
                shown=secrets[name][:9],
                created_at=now,
                created_by="t",
                **more,
            )
            for name, more in each.items()
        ),
    )
    return secrets


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys") / "home"


@pytest.fixture(scope="module")
def secrets(home: Path) -> dict[str, str]:
    publish(home, scope="team-a")
    return make(
        home,
        a={"scope": "team-a"},
        b={"scope": "team-b"},
        few={"models": ("gpt-4", "small-*")},
        slow={"requests_minute": 2},
        poor={"budget_day_usd": Decimal("0.0001")},
        root={"admin": True},
        gone={"revoked_at": datetime(2026, 1, 1, tzinfo=UTC)},
    )


@pytest.fixture(scope="module")
def served(home: Path, secrets: dict[str, str], upstream: Upstream) -> Iterator[Gateway]:
    assert secrets
    with gateway(home, upstream.url, env=NO_COIN) as found:
        yield found


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


@pytest.mark.parametrize("how", ["authorization", "x-api-key", "api-key", "x-modicum-key"])
def test_a_key_may_come_in_any_of_the_usual_headers(served: Gateway, upstream: Upstream, secrets: dict[str, str], how: str) -> None:
    value = f"Bearer {secrets['a']}" if how == "authorization" else secrets["a"]
    response, _ = served.post(ask(), {how: value, "host": "gateway.example"})
    assert response.status == 200
    call = served.call(response.headers["x-request-id"])
    assert (call.key_id, call.scope) == ("k-a", "team-a")
    assert secrets["a"].encode() not in upstream.heads[-1] and KEY.encode() in upstream.heads[-1]


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "invalid_api_key"),
        ({"authorization": "Bearer sk-other"}, 401, "invalid_api_key"),
        ({"authorization": "Bearer mk-" + "A" * 43}, 401, "invalid_api_key"),
        ({"x-modicum-key": ""}, 401, "invalid_api_key"),
    ],
)
def test_nobody_asks_without_one(served: Gateway, headers: dict[str, str], status: int, code: str) -> None:
    response, body = served.post(ask(), headers)
    assert response.status == status and json.loads(body)["error"]["code"] == code
    assert served.get("/v1/models", headers)[0].status == status
    assert served.get("/metrics", headers)[0].status == status
    assert served.post([], headers, path="/v1/tap")[0].status == status
    assert served.get("/healthz", {"host": "10.0.0.1:8321"})[0].status == 200
    assert "routes" not in json.loads(served.get("/readyz", headers)[1])


def test_a_revoked_key_is_told_so(served: Gateway, secrets: dict[str, str]) -> None:
    response, body = served.post(ask(), bearer(secrets["gone"]))
    assert response.status == 401 and b"revoked" in body and secrets["gone"].encode() not in body


def test_a_scope_is_a_wall(served: Gateway, secrets: dict[str, str]) -> None:
    response, body = served.post(headline(UP), bearer(secrets["a"]))
    assert response.headers["x-modicum-reason"] == "answered" and json.loads(body)["choices"][0]["message"]["content"] == "up"
    response, _ = served.post(headline(UP), bearer(secrets["b"]))
    assert response.headers["x-modicum-reason"] == "not_recognised"
    assert served.call(response.headers["x-request-id"]).scope == "team-b"


def test_a_key_asks_for_its_models_alone(served: Gateway, secrets: dict[str, str]) -> None:
    assert served.post(ask("small-1"), bearer(secrets["few"]))[0].status == 200
    response, body = served.post(ask("gpt-5"), bearer(secrets["few"]))
    assert response.status == 403 and json.loads(body)["error"]["code"] == "forbidden"
    assert served.get("/v1/models/gpt-5", bearer(secrets["few"]))[0].status == 404
    assert served.get("/v1/files", bearer(secrets["few"]))[0].status == 403
    assert served.post(ask(), bearer(secrets["root"]))[0].status == 403


def test_limits_say_when_to_ask_again(served: Gateway, secrets: dict[str, str]) -> None:
    replies = [served.post(ask(), bearer(secrets["slow"])) for _ in range(3)]
    assert [response.status for response, _ in replies] == [200, 200, 429]
    assert replies[0][0].headers["x-ratelimit-limit-requests"] == "2" and replies[0][0].headers["x-ratelimit-remaining-requests"] == "1"
    refused, body = replies[2]
    assert json.loads(body)["error"]["type"] == "rate_limit_error" and refused.headers["retry-after"].isdigit()
    response, body = served.post(
        {"model": "gpt-4", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]},
        {"x-api-key": secrets["slow"]},
        path="/v1/messages",
    )
    assert response.status == 429 and json.loads(body)["type"] == "error"


def test_a_budget_holds_before_anything_is_sent(served: Gateway, upstream: Upstream, secrets: dict[str, str]) -> None:
    before = len(upstream.bodies)
    response, body = served.post(ask(max_tokens=1000), bearer(secrets["poor"]))
    assert response.status == 429 and json.loads(body)["error"]["code"] == "budget_exceeded"
    assert response.headers["x-should-retry"] == "false" and len(upstream.bodies) == before
    assert served.call(response.headers["x-request-id"]).error == "budget_exceeded"


def test_without_keys_nobody_else_is_listened_to(tmp_path: Path, upstream: Upstream) -> None:
    command = [sys.executable, "-m", "modicum", "serve", "--home", str(tmp_path), "--upstream", upstream.url, "--listen", "0.0.0.0:0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2 and "modicum keys create" in done.stderr


def test_with_keys_it_listens_to_all_and_stays_shut_without(tmp_path: Path, upstream: Upstream) -> None:
    secret = make(tmp_path, a={})["a"]
    with gateway(tmp_path, upstream.url, "--listen", "0.0.0.0:0", "--workers", "2") as served:
        assert "for callers with a key" in served.line and secret not in served.line
        assert served.post(ask(), bearer(secret))[0].status == 200
        keys.path(tmp_path).unlink()
        for worker in subprocess.run(["pgrep", "-P", str(served.process.pid)], capture_output=True, text=True, check=True).stdout.split():
            os.kill(int(worker), signal.SIGKILL)
        until = time.monotonic() + 15
        while True:  # new workers find no key, and listen where everybody can reach them
            try:
                assert served.post(ask())[0].status == 401
                break
            except OSError:
                assert time.monotonic() < until
                time.sleep(0.05)


def test_only_named_hosts_where_the_operator_names_them(tmp_path: Path, upstream: Upstream) -> None:
    secret = make(tmp_path, a={})["a"]
    with gateway(tmp_path, upstream.url, env={"MODICUM_SERVE__HOSTS": "gateway.example,[2001:db8::1]"}) as served:
        for host, status in (
            ("gateway.example", 200),
            ("GATEWAY.example:99", 200),
            ("[2001:db8::1]:1", 200),
            ("localhost", 200),
            ("evil.example", 403),
        ):
            assert served.post(ask(), {**bearer(secret), "host": host})[0].status == status


def test_the_callers_own_key_passes_beside_ours(tmp_path: Path, upstream: Upstream) -> None:
    secret = make(tmp_path, a={})["a"]
    with gateway(tmp_path, upstream.url, "--auth", "forward") as served:
        response, _ = served.post(ask(), {"x-modicum-key": secret, "authorization": "Bearer sk-their-own-1234567890"})
        head = upstream.heads[-1].lower()
        assert response.status == 200 and b"bearer sk-their-own-1234567890" in head and b"mk-" not in head and b"x-modicum" not in head
        served.post(ask(), {"authorization": f"Bearer {secret}"})
        assert b"authorization" not in upstream.heads[-1].lower()
        written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert secret.encode() not in written and b"sk-their-own" not in written


def test_our_key_goes_to_no_provider_wherever_a_caller_puts_it(tmp_path: Path, upstream: Upstream) -> None:
    own = make(tmp_path / "home", a={}, b={})
    mine, other = own["a"], own["b"]
    with gateway(tmp_path / "home", upstream.url, env={"MODICUM_UPSTREAM__AUTH": "forward"}) as found:
        for headers in (
            {"x-api-key": mine, "authorization": f"Basic {mine}"},
            {"x-modicum-key": mine, "authorization": f'Bearer "{other}"'},
            {"x-modicum-key": mine, "authorization": f"Token {other}"},
            {"x-modicum-key": mine, "authorization": "Bearer sk-own", "user-agent": f"me/{other}"},
        ):
            before = len(upstream.heads)
            assert found.post(ask(), headers)[0].status == 200
            assert not any(secret.encode() in head for head in upstream.heads[before:] for secret in (mine, other))
        before = len(upstream.heads)
        for path in ("/v1/files", "/v1/models"):
            response, body = found.get(f"{path}?api_key={mine}", {"x-modicum-key": mine})
            assert response.status == 400 and mine.encode() not in body
        assert len(upstream.heads) == before
    assert not any(secret.encode() in file.read_bytes() for file in found.home.rglob("*") if file.is_file() for secret in (mine, other))


def test_what_is_served_is_told_of_one_scope(served: Gateway, secrets: dict[str, str]) -> None:
    routes = {name: json.loads(served.get("/readyz", bearer(secrets[name]))[1])["routes"] for name in ("a", "b", "root")}
    assert routes["a"] == routes["root"] != {} and routes["b"] == {}


def test_a_budget_is_not_passed_by_leaving(tmp_path: Path, upstream: Upstream) -> None:
    (tmp_path / "modicum.toml").write_text('[prices."hang"]\ninput_usd_mtok = 1\noutput_usd_mtok = 1000\n')
    key = make(tmp_path / "home", k={"budget_day_usd": Decimal("0.25"), "reserve_output_tokens": 100})["k"]
    with gateway(tmp_path / "home", upstream.url, "--config", str(tmp_path / "modicum.toml")) as found:
        for _ in range(2):
            connection = HTTPConnection("127.0.0.1", found.port, timeout=20)
            before, left = len(upstream.heads), len(upstream.left)
            connection.request("POST", "/v1/chat/completions", json.dumps(ask("hang")), {"content-type": "application/json", **bearer(key)})
            until(lambda before=before: len(upstream.heads) > before)  # type: ignore[misc]
            connection.close()
            until(lambda left=left: len(upstream.left) > left)  # type: ignore[misc]
        until(lambda: len(found.calls()) == 2)
        response, body = found.post(ask("hang", max_tokens=100), bearer(key))
        assert response.status == 429 and json.loads(body)["error"]["code"] == "budget_exceeded"


def test_a_torn_answer_is_paid_for_and_a_refusal_is_not(tmp_path: Path, upstream: Upstream) -> None:
    (tmp_path / "modicum.toml").write_text(
        "".join(f'[prices."{m}"]\ninput_usd_mtok = 1\noutput_usd_mtok = 1000\n' for m in ("torn", "error"))
    )
    key = make(tmp_path / "home", k={"budget_day_usd": Decimal("0.15"), "reserve_output_tokens": 100})["k"]
    with gateway(tmp_path / "home", upstream.url, "--config", str(tmp_path / "modicum.toml")) as found:
        assert [found.post(ask("error"), bearer(key))[0].status for _ in range(3)] == [401] * 3
        assert [found.post(ask("torn"), bearer(key))[0].status for _ in range(2)] == [502, 429]


def until(done: Callable[[], bool], *, within_s: float = 10.0) -> None:
    end = time.monotonic() + within_s
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_files_and_batches_are_not_for_keys_with_a_budget(served: Gateway, secrets: dict[str, str]) -> None:
    for path in ("/v1/files", "/v1/batches"):
        assert served.get(path, bearer(secrets["poor"]))[0].status == 403
