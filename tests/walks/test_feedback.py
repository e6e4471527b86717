"""The whole way of a word of feedback: a served gateway, an application with the openai client, and the fit that learns from it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from openai import OpenAI

from modicum.artefact import Artefacts
from modicum.backends.specialist import load
from modicum.config import Config, FitConfig, StoreConfig
from modicum.pipeline.find import find
from modicum.pipeline.night import Night
from modicum.pipeline.wish import Wish
from modicum.report.gather import gather
from modicum.store.control import Control
from tests.gateway.rig import gateway
from tests.pipeline.traffic import SUBJECTS, SYSTEM, message

CALLS = 240


def answers(text: str) -> str:
    """An incumbent that has never heard of damage, and calls it late."""
    words = text.split()
    said = max(SUBJECTS, key=lambda label: sum(word in SUBJECTS[label] for word in words))
    return "late" if said == "damaged" and "cracked" not in words else said


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version, wbufsize, number = "HTTP/1.1", -1, 0

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            type(self).number += 1
            said: dict[str, Any] = {"role": "assistant", "content": answers(request["messages"][-1]["content"])}
            body = json.dumps(
                {
                    "id": f"chatcmpl-{self.number:06d}",
                    "object": "chat.completion",
                    "created": 1,
                    "model": request["model"],
                    "choices": [{"index": 0, "message": said, "finish_reason": "stop"}],
                    "usage": {"prompt_tokens": 60, "completion_tokens": 1, "total_tokens": 61},
                }
            ).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()
    thread.join()


def test_what_people_correct_is_learnt_and_counted(provider: str, tmp_path: Path) -> None:
    home, rng, asked = tmp_path / "home", random.Random(2), []
    with gateway(home, provider, "--workers", "2") as served:
        client = OpenAI(base_url=served.url, api_key="any", max_retries=0)
        for _ in range(CALLS):
            right = rng.choice(list(SUBJECTS))
            text = message(right, rng)
            reply = client.chat.completions.create(
                model="gpt-4o", messages=[{"role": "system", "content": SYSTEM}, {"role": "user", "content": f"Message: {text}"}]
            )
            asked.append((reply.id, text, right))
            if reply.choices[0].message.content != right:
                said = client.post("/feedback", cast_to=object, body={"call_id": reply.id, "correction": right, "outcome": "escalated"})
                assert isinstance(said, dict) and said["kept"] == ["correction", "outcome"]
            else:
                client.post("/feedback", cast_to=object, body={"call_id": reply.id, "outcome": "resolved"})
        client.close()
    config = Config(store=StoreConfig(home=home))
    find(config)
    (workload,) = Control(home).workloads()
    Night(config, Wish(fit=FitConfig(margin=0.1, max_selective=0.2), actor="tester")).fit(workload)
    artefacts = Artefacts(home / "artefacts")
    told = [load(artefacts.read(digest)) for digest in artefacts.digests()]
    damaged = [text for _, text, right in asked if right == "damaged" and answers(text) == "late"]
    learnt = max(told, key=lambda one: len(one.labels))
    relearnt = sum(learnt.predict(((learnt.used_slots[0], text),)).value == "damaged" for text in damaged)
    assert relearnt > 0.7 * len(damaged) > 10, "it says what people said, not what the incumbent did"
    (resolved,) = (one for one in gather(config).units if one.what == "resolved call")
    wrong = sum(answers(text) != right for _, text, right in asked)
    assert (resolved.units, resolved.good, resolved.who) == (CALLS, CALLS - wrong, "incumbent")
