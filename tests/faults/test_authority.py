"""Who may ask what: every route of the data plane with every kind of key, ids and paths that lead elsewhere, look-ups (S4, S7, S8, S10)."""

from __future__ import annotations

import hashlib
import json
import math
import random
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from modicum.config import Config, StoreConfig
from modicum.gateway import endpoints
from modicum.pipeline import keys
from modicum.store import keys as store_keys
from modicum.types import Key
from tests.faults.conftest import Length, Report
from tests.faults.raw import send, status
from tests.faults.world import World, world

BODIES: dict[str, dict[str, object]] = {
    "/chat/completions": {"messages": [{"role": "user", "content": "tagkeys"}]},
    "/responses": {"input": "hi"},
    "/completions": {"prompt": "hi"},
    "/embeddings": {"input": "hi"},
    "/rerank": {"query": "q", "documents": ["a"]},
    "/messages": {"max_tokens": 5, "messages": [{"role": "user", "content": "tagkeys"}]},
    "/messages/count_tokens": {"messages": [{"role": "user", "content": "tagkeys"}]},
}
FEEDBACK: dict[str, object] = {"conversation_id": "c-1", "outcome": "resolved"}
KINDS = ("none", "wrong", "revoked", "expired", "admin", "other model", "good")
OPEN = {"/healthz", "/readyz"}
"""What anybody may ask who reaches the port."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, dict[str, str]]]:
    home = tmp_path_factory.mktemp("authority") / "home"
    with world(home, serving=False) as found:
        config = Config(store=StoreConfig(home=home))
        secrets = {"none": "", "wrong": store_keys.new_secret(), "good": found.secret}
        for name, more in {
            "revoked": {},
            "expired": {"expires_at": datetime.now(UTC) + timedelta(seconds=0.3)},
            "admin": {"admin": True},
            "other model": {"models": ("only-this",)},
            "other scope": {"scope": "elsewhere"},
        }.items():
            _, secrets[name] = keys.create(config, name, actor="a test", **more)  # type: ignore[arg-type]
        keys.revoke(config, "revoked", actor="a test")
        time.sleep(0.35)
        found.start()
        yield found, secrets


def ask(world_: World, secret: str, method: str, path: str, body: object = None) -> tuple[int, bytes]:
    data = json.dumps(body).encode() if body is not None else b""
    head = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n"
    head += f"authorization: Bearer {secret}\r\n" if secret else ""
    received = send(world_.port, head.encode() + b"content-length: %d\r\n\r\n" % len(data) + data)
    return status(received), received


def routes() -> list[tuple[str, str, object]]:
    """Every route of the data plane, from the table that the gateway goes by; one that has no body here fails."""
    found: list[tuple[str, str, object]] = []
    for path in endpoints.POSTS:
        found += [("POST", prefix + path, {"model": "steady", **BODIES[path]}) for prefix in ("", "/v1")]
    for path, (_, method) in endpoints.OURS.items():
        body = FEEDBACK if path.endswith("/feedback") else {"resourceSpans": []}
        found.append((method, path, None if method == "GET" else body))
    for path in endpoints.STORES:
        found += [("GET", f"/v1{path}", None), ("GET", f"/v1{path}/x-1", None), ("DELETE", f"/v1{path}/x-1", None)]
    return [*found, ("GET", "/v1/models", None), ("GET", "/v1/models/steady", None)]


def allowed(kind: str, path: str) -> set[int]:
    """What this kind of key may be told there."""
    if path in OPEN:
        return {200}
    if kind in ("none", "wrong", "revoked", "expired"):
        return {401}
    short = path.removeprefix("/v1")
    if kind == "admin":
        return {403} if short in BODIES or short.startswith(tuple(endpoints.STORES)) else {200, 400, 403}
    if kind == "other model":
        if short in BODIES or short.startswith(tuple(endpoints.STORES)):
            return {403}
        return {404} if short.startswith("/models/") else {200, 400}
    if short.startswith(tuple(endpoints.STORES)):
        return {200, 403}
    return {200, 400} if short in ("/traces", "/tap", "/rerank", "/messages/count_tokens") else {200}  # OpenAI has no words for all of them


@pytest.mark.parametrize("kind", KINDS)
def test_every_route_with_every_kind_of_key(made: tuple[World, dict[str, str]], kind: str, report: Report) -> None:
    world_, secrets = made
    before = len(world_.provider.seen)
    for method, path, body in (all_routes := routes()):
        found, received = ask(world_, secrets[kind], method, path, body)
        assert found in allowed(kind, path), (kind, method, path, received[:300])
        if found >= 400:
            assert b'"error"' in received or b'"message"' in received
        assert secrets[kind].encode() not in received or not secrets[kind]
    if kind in ("none", "wrong", "revoked", "expired"):
        assert len(world_.provider.seen) == before, "a provider was asked for a stranger"
    if kind == "good":
        report(
            "S8",
            f"data plane: {len(all_routes)} routes x {len(KINDS)} kinds of key, each as its policy says; the "
            f"admin API has its own (tests/admin)",
        )


def test_a_scope_is_a_wall(made: tuple[World, dict[str, str]]) -> None:
    world_, secrets = made
    body = {"model": "steady", "messages": [{"role": "user", "content": "tagelsewhere"}]}
    assert ask(world_, secrets["other scope"], "POST", "/v1/chat/completions", body)[0] == 200
    until = time.monotonic() + 3
    while "tagelsewhere" not in world_.calls():
        assert time.monotonic() < until
        time.sleep(0.05)
    (call,) = world_.calls()["tagelsewhere"]
    assert call.scope == "elsewhere"


def test_the_key_is_looked_up_by_the_whole_of_its_secret(made: tuple[World, dict[str, str]], report: Report) -> None:
    """A cache by a part of it would let in who knows the part."""
    world_, _ = made
    good = world_.secret
    for number in range(3, len(good)):
        wrong = good[:number] + ("A" if good[number] != "A" else "B") + good[number + 1 :]
        assert ask(world_, good, "GET", "/v1/models")[0] == 200
        assert ask(world_, wrong, "GET", "/v1/models")[0] == 401
    for wrong in (good[:20], good[:-1], good + "A", good.upper(), hashlib.sha256(good.encode()).hexdigest()):
        assert ask(world_, wrong, "GET", "/v1/models")[0] == 401
    report(
        "S7",
        f"no tokens that are signed elsewhere are taken here, so their attacks do not apply; "
        f"{len(good) - 3 + 5} near secrets, each right after the good one: 401",
    )


def test_looking_up_tells_nothing_by_its_time(tmp_path: Path, length: Length, report: Report) -> None:
    """Welch's t between secrets that share all but their end with a real one and secrets that share nothing."""
    secret = store_keys.new_secret()
    key = Key(
        key_id="k",
        name="n",
        digest=store_keys.digest(secret),
        shown="",
        created_at=datetime.now(UTC),
        created_by="me",
        budget_day_usd=Decimal(1),
    )
    store_keys.write(tmp_path, [key])
    found = store_keys.Keys(tmp_path)
    number, dice = length.of(20_000, 100_000), random.Random(4)
    for _ in range(5):
        made = [(0, secret[:-5] + store_keys.new_secret()[-5:]) for _ in range(number // 2)]
        made += [(1, store_keys.new_secret()) for _ in range(number // 2)]
        dice.shuffle(made)
        # Copied in an order that is chance, so that where they lie in memory tells nothing either.
        copied = [(side, one.encode().decode()) for side, one in made]
        near, far = ([one for which, one in copied if which == side] for side in (0, 1))
        times: tuple[list[int], list[int]] = ([], [])
        clock, find = time.perf_counter_ns, found.find
        for pair in zip(near, far, strict=True):
            for side in (0, 1) if dice.random() < 0.5 else (1, 0):
                began = clock()
                find(pair[side])
                times[side].append(clock() - began)
        # What another process's turn costs says nothing of ours.
        cut = sorted(times[0] + times[1])[int(number * 0.95)]
        a, b = ([one for one in some if one <= cut] for some in times)
        t = (statistics.fmean(a) - statistics.fmean(b)) / math.sqrt(statistics.variance(a) / len(a) + statistics.variance(b) / len(b))
        if abs(t) < 4.5:
            break
    assert abs(t) < 4.5, t
    report("S4", f"{number:,} look-ups, near and far secrets interleaved: Welch |t| = {abs(t):.1f} (bar 4.5)")


PARTS = (
    "..", "../..", "%2e%2e", "%2e%2e%2f", "..%2f", "..%5c", "..\\", "....//",
    "%252e%252e", ".%00", "x%00y", "x%0d%0aHost:%20evil", "%c0%ae%c0%ae", "%ff", "x;y",
    "x?y", "x%3fy", "x%23y", "x#y", "~root", "$HOME", "%7e", "x/../y", "x/./y", "x//y",
)  # fmt: skip


def test_no_path_leads_elsewhere(made: tuple[World, dict[str, str]], report: Report) -> None:
    world_, secrets = made
    before = len(world_.provider.seen)
    tried = 0
    for part in PARTS:
        for path in (
            f"/v1/models/{part}",
            f"/v1/files/{part}",
            f"/v1/batches/{part}/x",
            f"/{part}/etc/passwd",
            f"/v1/{part}/chat/completions",
            f"/admin/{part}",
        ):
            found, received = ask(world_, secrets["good"], "GET", path)
            assert found in (0, 200, 400, 403, 404, 405), (path, received[:200])
            assert b"root:" not in received
            tried += 1
    for one in world_.provider.seen[before:]:
        target = one.head.split(b" ")[1]
        assert target.startswith(b"/v1/") and b".." not in target and b"%" not in target and b"\\" not in target, target
    outside = [path for path in world_.home.parent.iterdir() if path != world_.home]
    assert outside == []
    report(
        "S10",
        f"data plane: {tried} paths; none left the provider's own folder, none read a file; ids are generated, "
        f"the admin API has its own (tests/admin)",
    )
