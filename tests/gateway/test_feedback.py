"""`POST /v1/feedback` over real sockets: by the id that the caller saw, on the disk when it is answered, within the key's scope."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from modicum.config import Config, StoreConfig, UpstreamConfig
from modicum.errors import RequestError
from modicum.gateway.library import Modicum
from modicum.store import feedback
from modicum.types import Feedback
from tests.gateway.rig import KEY, Gateway, Upstream, ask, gateway
from tests.gateway.test_keys import make

PATH = "/v1/feedback"
MAIL = "ann.canary@example.org"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as found:
        yield found


@pytest.fixture(scope="module")
def served(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("feedback") / "home", upstream.url, "--workers", "2") as found:
        yield found


def say(served: Gateway, headers: dict[str, str] | None = None, **row: Any) -> tuple[HTTPResponse, dict[str, Any]]:
    response, body = served.post(row, headers, path=PATH)
    return response, json.loads(body)


def kept(served: Gateway) -> list[Feedback]:
    return feedback.read(served.home)


def test_by_the_openai_client_s_response_id_and_by_ours(served: Gateway) -> None:
    client = OpenAI(base_url=served.url, api_key="any")
    raw = client.chat.completions.with_raw_response.create(**ask(text="where is my card?"))
    seen, ours = raw.parse().id, raw.headers["x-request-id"]
    response, told = say(served, call_id=seen, label="card_arrival", by="ann")
    assert response.status == 200 and told["kept"] == ["label"] and told["call_id"] == seen
    assert say(served, response_id=ours, outcome="resolved", score=True)[0].status == 200
    found = {one.call: one for one in kept(served)}
    assert found[seen].label == "card_arrival" and found[seen].by == "ann" and found[seen].scope == "default"
    assert found[ours].outcome == "resolved" and found[ours].score == 1.0
    call = served.call(ours)
    assert call.response_id == seen
    client.close()


def test_the_same_again_is_the_same(served: Gateway) -> None:
    first, second = (say(served, call_id="chatcmpl-same", label="x")[1] for _ in range(2))
    assert first["id"] == second["id"]
    assert sum(one.call == "chatcmpl-same" for one in kept(served)) == 1


def test_many_at_once_to_two_workers(served: Gateway) -> None:
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda number: say(served, call_id=f"many-{number}", score=number), range(100)))
    assert all(response.status == 200 for response, _ in replies)
    assert len([one for one in kept(served) if one.call.startswith("many-")]) == 100


def test_a_conversation_has_an_outcome(served: Gateway) -> None:
    response, told = say(served, conversation_id="talk-7", outcome="escalated")
    assert response.status == 200 and told["conversation_id"] == "talk-7"
    assert [one.outcome for one in kept(served) if one.conversation == "talk-7"] == ["escalated"]


def test_what_is_redacted_in_bodies_is_redacted_here(served: Gateway) -> None:
    assert say(served, call_id="chatcmpl-mail", comment=f"I wrote to {MAIL}", correction=f"Write to {MAIL}", by=MAIL)[0].status == 200
    text = (served.home / feedback.FILE).read_bytes()
    assert b"canary" not in text and b"<EMAIL_1>" in text


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (b'{"call_id": "c", "label": "x", "label": "y"}', 400, "twice"),
        (b'{"call_id": "c", "score": NaN}', 400, ""),
        (b"[1]", 400, ""),
        (b'{"call_id": "c"}', 400, "says nothing"),
        (b'{"call_id": "c", "correcton": "x"}', 400, "no field"),
        (b'{"call_id": "c", "comment": "' + b"x" * 200_000 + b'"}', 413, "longer"),
    ],
)
def test_what_does_not_fit_is_refused_in_the_usual_shape(served: Gateway, body: bytes, status: int, why: str) -> None:
    before = feedback.version(served.home)
    response, said = served.post(body, path=PATH)
    error = json.loads(said)["error"]
    assert response.status == status and why in error["message"] and error["code"]
    assert feedback.version(served.home) == before


def test_only_posts(served: Gateway) -> None:
    assert served.get(PATH)[0].status == 405


def test_a_key_s_scope_is_the_feedback_s_and_nothing_told_is_lost_with_a_kill(upstream: Upstream, tmp_path: Path) -> None:
    home = tmp_path / "home"
    secrets = make(home, acme={"scope": "acme"}, globex={"scope": "globex"})
    with gateway(home, upstream.url) as served:
        assert say(served, call_id="chatcmpl-1", label="x")[0].status == 401
        for name in secrets:
            assert say(served, {"x-modicum-key": secrets[name]}, call_id="chatcmpl-1", label=name)[0].status == 200
        served.stop(signal.SIGKILL)
    assert {(one.scope, one.label, one.key_id) for one in feedback.read(home)} == {
        ("acme", "acme", "k-acme"),
        ("globex", "globex", "k-globex"),
    }


@pytest.mark.parametrize("keep", ["none", "full"])
def test_no_texts_are_kept_where_no_bodies_are(upstream: Upstream, tmp_path: Path, keep: str) -> None:
    with gateway(tmp_path / "home", upstream.url, env={"MODICUM_STORE__KEEP_BODIES": keep}) as served:
        told = say(served, call_id="c", comment=f"write to {MAIL}", label="x")[1]
        assert told["kept"] == (["label"] if keep == "none" else ["label", "comment"])
        assert (MAIL.encode() in (served.home / feedback.FILE).read_bytes()) == (keep == "full")


def test_the_library_says_it_too(upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    config = Config(store=StoreConfig(home=tmp_path / "home"), upstream=UpstreamConfig(url=upstream.url))
    with Modicum(config) as modicum:
        answer = modicum.answer("where is my card?", model="gpt-4")
        given = modicum.feedback(answer.call_id, label="card_arrival")
        with pytest.raises(RequestError):
            modicum.feedback(answer.call_id, lable="card_arrival")
    (row,) = feedback.read(tmp_path / "home")
    assert (row.feedback_id, row.call, row.label) == (given, answer.call_id, "card_arrival")
