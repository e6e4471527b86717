"""Requests made from a schema (W1), and damaged bytes for every reader of outside bytes (W2).

W2 mutates a corpus with a fixed seed a run: coverage-guided fuzzing (atheris) has no build for every Python that this runs on, so the
readers' own property tests (`tests/*`, hypothesis) and these mutations stand in its place.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import given as given_
from schemathesis.core.result import Ok

from modicum.artefact.formats import check_format
from modicum.config import ServeConfig
from modicum.errors import ModicumError
from modicum.gateway import endpoints, limits
from modicum.store import codec
from modicum.types import Call, Endpoint
from modicum.view import Redactor
from modicum.wire import canon, chat, otlp
from modicum.wire.dialects import dialect, talks
from modicum.wire.passing import passing
from tests.faults import broken
from tests.faults.conftest import Length, Report
from tests.faults.provider import completion, delta, message
from tests.faults.world import World, world

# ------------------------------------------------------------------------------------------------------------ W1

TEXT = {"type": "string"}
PART = {
    "type": "object",
    "properties": {"type": {"enum": ["text", "image_url", "input_text", "tool_result", "tool_use", "thinking"]}, "text": TEXT},
}
TURN = {
    "type": "object",
    "properties": {
        "role": {"enum": ["system", "user", "assistant", "tool", "developer"]},
        "content": {"anyOf": [TEXT, {"type": "array", "items": PART}, {"type": "null"}]},
        "tool_calls": {"type": "array", "items": {"type": "object"}},
    },
    "required": ["role", "content"],
}
COMMON = {
    "stream": {"type": "boolean"},
    "temperature": {"type": "number"},
    "max_tokens": {"type": "integer"},
    "metadata": {"type": "object"},
    "user": TEXT,
}
SCHEMAS: dict[str, dict[str, Any]] = {
    "/chat/completions": {
        "messages": {"type": "array", "items": TURN, "minItems": 1},
        "n": {"type": "integer"},
        "tools": {"type": "array", "items": {"type": "object"}},
        "tool_choice": {},
        "response_format": {},
        "stop": {},
        "stream_options": {},
        "logit_bias": {},
    },
    "/messages": {
        "messages": {"type": "array", "items": TURN, "minItems": 1},
        "system": {},
        "thinking": {},
        "tools": {},
        "stop_sequences": {},
    },
    "/messages/count_tokens": {"messages": {"type": "array", "items": TURN, "minItems": 1}, "system": {}},
    "/responses": {"input": {}, "instructions": {}, "reasoning": {}, "text": {}, "previous_response_id": {}, "tools": {}},
    "/completions": {"prompt": {}, "best_of": {"type": "integer"}, "suffix": {}},
    "/embeddings": {"input": {}, "dimensions": {"type": "integer"}, "encoding_format": {}},
    "/rerank": {"query": {}, "documents": {"type": "array", "items": {}}, "top_n": {"type": "integer"}},
}
CODES = ("200", "400", "401", "403", "404", "405", "408", "413", "415", "429", "431")
"""All that a caller may be told while the providers answer."""


def described() -> dict[str, Any]:
    """The data plane as OpenAPI, from the table that the gateway goes by."""
    replies: dict[str, Any] = {code: {"description": "as documented"} for code in CODES}
    paths: dict[str, Any] = {}
    for path in endpoints.POSTS:
        fields = {"model": {"anyOf": [{"const": "steady"}, TEXT]}, **COMMON, **SCHEMAS[path]}
        schema = {"type": "object", "properties": fields, "required": ["model"], "additionalProperties": True}
        paths[f"/v1{path}"] = {
            "post": {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}, "responses": replies}
        }
    paths["/v1/models"] = {"get": {"responses": replies}}
    paths["/v1/models/{model}"] = {
        "get": {"parameters": [{"name": "model", "in": "path", "required": True, "schema": TEXT}], "responses": replies}
    }
    for path, (_, method) in endpoints.OURS.items():
        paths[path] = {method.lower(): {"responses": replies}}
    return {"openapi": "3.1.0", "info": {"title": "data plane", "version": "1"}, "paths": paths}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("fuzz") / "home") as found:
        yield found


@pytest.fixture(scope="module")
def told(report: Report) -> Iterator[Counter[int]]:
    """How often each code was told, over all operations."""
    found: Counter[int] = Counter()
    yield found
    report("W1", f"{found.total():,} cases in two dialects: " + ", ".join(f"{code}: {times}" for code, times in sorted(found.items())))


@pytest.mark.parametrize("path", described()["paths"])
def test_only_documented_codes_whatever_is_asked(
    made: World, length: Length, told: Counter[int], progress: Callable[[str], None], path: str
) -> None:
    whole = described()
    schema = schemathesis.openapi.from_dict({**whole, "paths": {path: whole["paths"][path]}})
    schema.config.update(base_url=f"http://127.0.0.1:{made.port}")
    number = max(length.of(150, 50_000) // len(whole["paths"]), 1)
    (operation,) = (found.ok() for found in schema.get_all_operations() if isinstance(found, Ok))

    @settings(
        max_examples=number,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given_(case=operation.as_strategy())
    def one(case: Any) -> None:
        found = case.call(headers={"x-modicum-key": made.secret}, session=session)
        told[found.status_code] += 1
        assert str(found.status_code) in CODES, (found.status_code, case.path, case.body, found.text[:300])
        if found.status_code >= 400 and case.path != "/traces":  # its refusals are OTLP's, protobuf where that was asked
            assert isinstance(found.json(), dict)

    with requests.Session() as session:
        one()
    assert "gateway:" not in made.errors() and "recorder:" not in made.errors()
    progress(f"W1 {path}: {number:,} cases at most")


# ------------------------------------------------------------------------------------------------------------ W2


def streams() -> list[bytes]:
    plain = b"".join(b"data: " + json.dumps(delta("m", content=word)).encode() + b"\n\n" for word in ("a", "b", "漢"))
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": message("m", "", 0)},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    ]
    anthropic = b"".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in events)
    return [plain + b"data: [DONE]\n\n", anthropic]


REQUEST: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "s"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "card 4111 1111 1111 1111"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "t", "content": "r"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    "max_tokens": 5,
    "input": "x",
}
REDACTOR = Redactor.open()


def in_every_dialect(data: bytes) -> None:
    """Read a request and a response as every dialect."""
    value = chat.loads(data)
    for name in ("chat_completions", "messages", "responses", "generate_content", "converse", "predictions"):
        endpoint: Endpoint = name
        if talks(endpoint):
            for read in (dialect(endpoint).read_request, dialect(endpoint).read_response):
                with contextlib.suppress(ModicumError):
                    read(value)
        canon.chat_request(endpoint, value)
        canon.chat_response(endpoint, value)
        canon.usage(endpoint, value)


def as_stream(data: bytes) -> None:
    for name in ("chat_completions", "messages", "responses", "generate_content", "converse"):
        endpoint: Endpoint = name
        reader = dialect(endpoint).reader()
        try:
            for at in range(0, len(data), 97):
                reader.feed(data[at : at + 97])
            reader.end()
        except ModicumError:
            pass
    passed: tuple[Endpoint, ...] = ("chat_completions", "messages", "responses", "completions")
    for endpoint in passed:
        one = passing(endpoint)
        handed_on = b"".join(one.feed(data[at : at + 97]) for at in range(0, len(data), 97)) + one.rest()
        assert handed_on == data
        one.response()


def as_body(data: bytes) -> None:
    request = limits.read(data, ServeConfig())
    REDACTOR.see(data, request)


def as_segment(data: bytes) -> None:
    list(codec.calls(io.BytesIO(data), len(data)))


def as_artefact(data: bytes) -> None:
    for name in ("a.json", "a.safetensors"):
        try:
            check_format(name, data)
        except ModicumError:
            continue


def as_spans(data: bytes) -> None:
    for form in ("json", "protobuf"):
        try:
            list(otlp.spans(data, form))
        except ModicumError:
            continue


def segment() -> bytes:
    call: Call = broken.imported(1)
    return codec.encode(call) + codec.encode(call)


def tensors() -> bytes:
    import numpy as np
    from safetensors.numpy import save

    return save({"weights": np.zeros((2, 2), dtype=np.int8), "bias": np.zeros(2)})


READERS: dict[str, tuple[Callable[[bytes], None], list[bytes]]] = {
    "body": (as_body, [json.dumps(REQUEST).encode()]),
    "dialects": (
        in_every_dialect,
        [json.dumps(REQUEST).encode(), json.dumps(completion("m", "hi", 1)).encode(), json.dumps(message("m", "hi", 1)).encode()],
    ),
    "streams": (as_stream, streams()),
    "segments": (as_segment, [segment()]),
    "artefacts": (as_artefact, [tensors(), b'{"kind": "linear"}']),
    "spans": (
        as_spans,
        [
            json.dumps(
                {
                    "resourceSpans": [
                        {
                            "scopeSpans": [
                                {"spans": [{"name": "chat", "attributes": [{"key": "gen_ai.system", "value": {"stringValue": "x"}}]}]}
                            ]
                        }
                    ]
                }
            ).encode(),
            b"\x0a\x10\x0a\x02\x08\x01\x12\x0a\x12\x08\x0a\x06span-1",
        ],
    ),
}
TOKENS = (
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b":",
    b",",
    b"\\u0000",
    b"\\ud800",
    b"null",
    b"true",
    b"1e999",
    b"-0",
    b"NaN",
    b"\n\n",
    b"\r",
    b"data: ",
    b"event: ",
    b"[DONE]",
    b"\xff",
    b"\xc3",
    b"\x00",
    b"\xef\xbb\xbf",
    b"9" * 400,
    b"[" * 200,
    b'{"a":' * 100,
)


def damaged(dice: random.Random, corpus: list[bytes]) -> bytes:
    """One of the corpus with a few changes of bytes, tokens, lengths and order; at most 64 KiB."""
    data = bytearray(dice.choice(corpus))
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(data) + 1)
        match dice.randrange(6):
            case 0:
                data[at : at + 1] = bytes([dice.randrange(256)])
            case 1:
                data[at:at] = dice.choice(TOKENS)
            case 2:
                del data[at : at + dice.randrange(1, 40)]
            case 3:
                end = min(at + dice.randrange(1, 200), len(data))
                data[at:at] = data[at:end] * dice.randrange(1, 20)
            case 4:
                data[at:] = b""
            case _:
                other = dice.choice(corpus)
                start = dice.randrange(len(other))
                data[at:at] = other[start : start + 100]
    return bytes(data[: 64 * 1024])


@pytest.mark.parametrize("name", READERS)
def test_damaged_bytes_raise_nothing_but_ours_and_take_no_time(name: str, length: Length, report: Report) -> None:
    read, corpus = READERS[name]
    for whole in corpus:
        read(whole)
    seed = random.randrange(1 << 32)
    dice = random.Random(seed)
    slowest = 0.0
    number = length.of(1500, 50_000)
    for _ in range(number):
        data = damaged(dice, corpus)
        began = time.thread_time()
        try:
            read(data)
        except (ModicumError, msgspec.DecodeError, UnicodeDecodeError):
            pass
        except Exception as error:
            raise AssertionError(f"seed {seed}: {type(error).__name__}: {error} for {data!r}") from error
        if (took := time.thread_time() - began) > slowest:
            # What is slow is slow again; what the collector of garbage took is not.
            began = time.thread_time()
            with contextlib.suppress(ModicumError, msgspec.DecodeError, UnicodeDecodeError):
                read(data)
            slowest = max(slowest, min(took, time.thread_time() - began))
    assert slowest < 0.1, (seed, slowest)
    report("W2", f"{name}: {number:,} damaged inputs, nothing but our errors, {slowest * 1000:.1f} ms of processor time at most (bar 100)")
