"""What LiteLLM's proxy tells of a call: its StandardLoggingPayload, as its callbacks send it (`generic_api`) and its buckets keep it.

Source: docs.litellm.ai/docs/proxy/logging_spec and litellm/types/utils.py of 1.106. A payload holds what was asked and answered unless
`turn_off_message_logging` is set; the request is rebuilt from `messages` and `model_parameters`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from modicum.errors import InputError
from modicum.types import Call, Endpoint, Usage
from modicum.wire.observed import SHORTEST_ID, Observed, check_depth, code, count, moment, step, text
from modicum.wire.told import finish

_encode = msgspec.json.Encoder().encode
ENDPOINTS: Mapping[str, Endpoint] = {
    "completion": "chat_completions",
    "acompletion": "chat_completions",
    "text_completion": "completions",
    "atext_completion": "completions",
    "embedding": "embeddings",
    "aembedding": "embeddings",
    "responses": "responses",
    "aresponses": "responses",
    "anthropic_messages": "messages",
    "rerank": "rerank",
    "arerank": "rerank",
}
"""By `call_type`. Other types (images, speech, files, the proxy's own requests) are no calls that are kept."""
REDACTED = "redacted-by-litellm"


def looks_like(payload: Mapping[str, Any]) -> bool:
    """A StandardLoggingPayload, by the fields that no other log has together."""
    return "call_type" in payload and "startTime" in payload and "id" in payload


def observe(payload: Any) -> Observed | None:
    """The call in a payload; None where it tells of something that is not kept. Raises InputError for what is no payload."""
    if not isinstance(payload, dict):
        raise InputError("a payload is a JSON object")
    endpoint = ENDPOINTS.get(str(payload.get("call_type")).removeprefix("litellm."))
    if endpoint is None:
        return None
    check_depth(payload)
    started = _seconds(payload.get("startTime"))
    if started is None:
        raise InputError("'startTime' is not a time")
    started_at = moment(started)
    ended, first = _seconds(payload.get("endTime")), _seconds(payload.get("completionStartTime"))
    metadata = _record(payload.get("metadata"))
    response = payload.get("response") if isinstance(payload.get("response"), dict) else None
    failed = payload.get("status") == "failure" or bool(payload.get("error_str"))
    about = _record(payload.get("error_information"))
    endpoint, request = _request(payload, endpoint, response)
    streamed, settings = payload.get("stream") is True, _record(payload.get("model_parameters"))
    told_model = text(response.get("model")) if response else None
    error = code(about.get("error_class")) if failed else None
    call = Call(
        call_id="",
        response_id=text(payload.get("id")),
        endpoint=endpoint,
        client_id=text(metadata.get("user_api_key_alias")) or text(metadata.get("user_api_key_team_alias")),
        user_id=text(payload.get("end_user")) or text(metadata.get("user_api_key_end_user_id")) or text(settings.get("user")),
        conversation_id=_conversation(payload, metadata),
        trace_id=text(payload.get("trace_id")),
        tags=_tags(payload.get("request_tags")),
        started_at=started_at,
        duration_ms=max(0.0, (ended - started) * 1000) if ended is not None else None,
        time_to_first_chunk_ms=max(0.0, (first - started) * 1000) if streamed and first is not None else None,
        streamed=streamed,
        origin="import",
        source="litellm",
        request_model=text(payload.get("model_group")) or text(payload.get("model")),
        response_model=told_model or text(payload.get("model")),
        provider=text(payload.get("custom_llm_provider")),
        request=None if request is None else _encode(request),
        response=None if response is None or request is None or failed else _encode(response),
        status=_status(about) if failed else 200,
        finish_reason=_finish(response),
        error=error,
        usage=_usage(payload, metadata, response),
        cost_usd=_cost(payload),
        service_tier=text(response.get("service_tier")) if response else None,
    )
    known = text(payload.get("id"))
    if known is None or len(known) < SHORTEST_ID:
        known = text(payload.get("litellm_call_id"))
    if known is None:
        said = hashlib.blake2b((call.request or b"") + b"\0" + (call.response or b""), digest_size=16)
        known = f"at {started!r} {said.hexdigest()}"
    own = text(payload.get("litellm_call_id"))
    also, near = step(call.trace_id, started_at)
    names = (*also, *((own,) if own is not None and own != known else ()))
    return Observed(call=call, identity=known, also=names, near=near, lacks="" if request is not None else "litellm_redacted")


def _tags(value: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for one in value if isinstance(one, str) and one)) if isinstance(value, list) else ()


def _request(payload: dict[str, Any], endpoint: Endpoint, response: dict[str, Any] | None) -> tuple[Endpoint, dict[str, Any] | None]:
    """(the dialect of both bodies, the request); no request where messages were left out of the log."""
    said = payload.get("messages")
    if response is not None and "choices" in response and endpoint in ("messages", "responses"):
        endpoint = "chat_completions"  # LiteLLM tells of some calls as the chat completion that it made of them
    if not said or (isinstance(said, list) and len(said) == 1 and _record(said[0]).get("content") == REDACTED):
        return endpoint, None
    settings = {name: value for name, value in _record(payload.get("model_parameters")).items() if value is not None and name[:1] != "_"}
    asked: dict[str, Any] = {"model": text(payload.get("model_group")) or text(payload.get("model")) or ""}
    if endpoint in ("chat_completions", "messages"):
        listed = said.get("messages") if isinstance(said, dict) else said
        if isinstance(listed, str):
            listed = [{"role": "user", "content": listed}]
        if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
            return endpoint, None
        asked["messages"] = listed
    elif endpoint == "completions":
        asked["prompt"] = said if isinstance(said, str) else "\n".join(_words(said))
    elif endpoint == "rerank":
        asked["query"] = said
    elif endpoint == "embeddings":
        asked["input"] = _words(said) or said  # it writes texts as messages
    else:
        asked["input"] = said
    for name in ("model", "messages", "input", "prompt", "api_key", "extra_headers", "extra_body", "stream_options"):
        settings.pop(name, None)
    if payload.get("stream") is True:
        settings["stream"] = True
    return endpoint, {**asked, **settings}


def _words(said: Any) -> list[str]:
    return (
        [content for one in said if isinstance(one, dict) and isinstance(content := one.get("content"), str)]
        if isinstance(said, list)
        else []
    )


def _usage(payload: dict[str, Any], metadata: dict[str, Any], response: dict[str, Any] | None) -> Usage:
    """Tokens as LiteLLM normalised them; where it counted none it did not know."""
    told = _record(metadata.get("usage_object")) or _record(response.get("usage") if response else None)
    prompt, completion = _record(told.get("prompt_tokens_details")), _record(told.get("completion_tokens_details"))
    total = count(payload.get("total_tokens"))
    sent = count(told.get("prompt_tokens")) if told else None
    got = count(told.get("completion_tokens")) if told else None
    if total:
        sent = count(payload.get("prompt_tokens")) if sent is None else sent
        got = count(payload.get("completion_tokens")) if got is None else got
    written = told.get("cache_creation_input_tokens")
    return Usage(
        input_tokens=sent,
        output_tokens=got,
        cache_read_tokens=count(prompt.get("cached_tokens")),
        cache_write_tokens=count(written if written is not None else prompt.get("cache_creation_tokens")),
        reasoning_tokens=count(completion.get("reasoning_tokens")),
        audio_input_tokens=count(prompt.get("audio_tokens")),
        audio_output_tokens=count(completion.get("audio_tokens")),
    )


def _cost(payload: dict[str, Any]) -> Decimal | None:
    """LiteLLM's price of the call. It writes 0 for a price that it does not know: only what a cache answered costs nothing for sure."""
    value = payload.get("response_cost")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
        return None
    if value == 0 and payload.get("cache_hit") is not True:
        return None
    return Decimal(repr(value))


def _conversation(payload: dict[str, Any], metadata: dict[str, Any]) -> str | None:
    """The conversation, where the caller named one: LiteLLM gives a call that has none its own trace."""
    asked = _record(metadata.get("requester_metadata"))
    named = (text(asked.get(name)) for name in ("conversation_id", "session_id", "thread_id"))
    session = text(payload.get("session_id"))
    own = session is None or session in (payload.get("trace_id"), payload.get("litellm_call_id"), payload.get("id"))
    return next((found for found in named if found), None if own else session)


def _finish(response: dict[str, Any] | None) -> str | None:
    choices = response.get("choices") if response else None
    return finish(choices[0].get("finish_reason")) if isinstance(choices, list) and choices and isinstance(choices[0], dict) else None


def _status(about: dict[str, Any]) -> int:
    value = about.get("error_code")
    value = int(value) if isinstance(value, str) and len(value) == 3 and value.isascii() and value.isdigit() else value
    return value if isinstance(value, int) and 400 <= value <= 599 else 500


def _seconds(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e11 else None


def _record(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
