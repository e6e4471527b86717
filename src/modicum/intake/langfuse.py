"""Langfuse: observations as its exports (JSON, JSONL, CSV), its blob storage and its public API give them, alone or inside their trace.

Source: github.com/langfuse/langfuse, `packages/shared/src/server/repositories/observations_converters.ts` (names of exports),
`worker/src/features/database-read-stream/observation-stream.ts`, `fern/apis/server/definition/observations.yml` (API v2) and
`legacy/observations-v1.yml`; how LiteLLM writes to it: `litellm/integrations/langfuse/langfuse.py` of 1.106. Generations and embeddings are
calls; spans, events, agents and tools are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from modicum.errors import InputError, LogFormatError
from modicum.intake import rebuilt
from modicum.intake.times import check, moment
from modicum.intake.told import Line, Passed, loaded, number, record, whole
from modicum.types import Call, Endpoint, Usage
from modicum.wire.observed import SHORTEST_ID, Observed, step, text

_encode = msgspec.json.Encoder().encode
_ENDPOINTS: Mapping[str, Endpoint] = {"GENERATION": "chat_completions", "EMBEDDING": "embeddings"}
_TIMED_ID = re.compile(r"time-\d\d-\d\d-\d\d-\d{1,6}_(.+)")
"""The id that LiteLLM gives a generation, up to Langfuse's SDK 2: the time, then the response's."""
_SPAN = (re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9a-f]{16}"))
REDACTED = "redacted-by-litellm"
_OF_TRACE: Mapping[str, tuple[str, ...]] = {
    "id": ("traceId", "trace_id"),
    "name": ("traceName", "trace_name"),
    "userId": ("userId", "user_id"),
    "sessionId": ("sessionId", "session_id"),
    "tags": ("traceTags", "tags"),
}
"""What an observation says of its trace, by the trace's own names for it."""


def looks_like(names: Any) -> bool:
    """An observation, a trace that may hold some, or a score."""
    traced = "traceId" in names or "trace_id" in names
    begun = "startTime" in names or "start_time" in names
    return (traced and begun and ("type" in names or "model" in names)) or is_trace(names) or _is_score(names)


def is_trace(names: Any) -> bool:
    if "type" in names and ("startTime" in names or "start_time" in names):
        return False
    return ("observations" in names and "id" in names) or ("timestamp" in names and ("bookmarked" in names or "htmlPath" in names))


def _is_score(names: Any) -> bool:
    typed = "dataType" in names or "data_type" in names
    return typed and "source" in names and "value" in names and ("traceId" in names or "trace_id" in names)


def read(line: Line) -> Iterator[Observed | Passed]:
    """The calls in a record: of an observation and of those within it, or of a trace that brings its own. Raises LogFormatError."""
    row = line.record()
    if _is_score(row):
        yield Passed("score (Langfuse)")
        return
    refused: list[str] = []
    read = 0
    for one, trace in _observations(row):
        read += 1
        try:
            yield observe(one, trace)
        except InputError as error:
            if one is row:
                raise
            refused.append(error.message)
    if refused:
        raise LogFormatError(f"{len(refused)} of its {read} observations are left out: {refused[0]}")
    if not read:
        yield Passed("trace (Langfuse) without its observations: export those, or the generations, instead")


def _observations(row: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Mapping[str, Any]]]:
    """Each observation of a record with what its trace says, however deep it stands within others, in the order of the record."""
    waiting: list[tuple[dict[str, Any], Mapping[str, Any]]] = [(row, {})]
    while waiting:
        one, trace = waiting.pop()
        whole = is_trace(one)
        if not whole:
            yield one, trace
        within = [loaded(one[name]) for name in ("observations", "children") if name in one]
        listed = [inner for many in within if isinstance(many, list) for inner in many if isinstance(inner, dict)]
        if listed:
            known = {name: value for name, of in _OF_TRACE.items() if (value := _first(one, *of) or trace.get(name)) is not None}
            waiting += [(inner, one if whole else known) for inner in reversed(listed)]


def observe(row: dict[str, Any], trace: Mapping[str, Any] = {}) -> Observed | Passed:
    """The call that an observation tells of. `trace`: the one that it stands in, where the record brings it."""
    kind = str(_first(row, "type") or "GENERATION").upper()
    endpoint = _ENDPOINTS.get(kind)
    if endpoint is None:
        return Passed(f"{kind[:40].lower()} (Langfuse)")
    observation_id = text(row.get("id"))
    trace_id = text(_first(row, "traceId", "trace_id")) or text(trace.get("id"))
    if observation_id is None:
        raise LogFormatError("an observation without 'id'")
    written = _first(row, "startTime", "start_time")
    started_at = check(moment(written), written)
    about = record(row.get("metadata"))
    response_id = _response_id(row, observation_id, about)
    model = text(_first(row, "model", "providedModelName", "provided_model_name"))
    settings = record(_first(row, "modelParameters", "model_parameters"))
    said, answered = _first(row, "input"), _first(row, "output")
    if said == REDACTED:
        said = answered = None
    level = text(row.get("level"))
    failed = level == "ERROR"
    asked = rebuilt.embedded(model, said) if endpoint == "embeddings" else rebuilt.request(model, said, settings)
    response = None
    if asked is not None and not failed and endpoint == "chat_completions":
        response = rebuilt.response(model, answered, response_id=response_id or observation_id, created=int(started_at.timestamp()))
    ended, first = _since(row, started_at, "endTime", "end_time"), _since(row, started_at, "completionStartTime", "completion_start_time")
    ended = _milliseconds(row, "latencyMs") if ended is None else ended
    first = _milliseconds(row, "timeToFirstTokenMs") if first is None else first
    call = Call(
        call_id="",
        response_id=response_id,
        endpoint=endpoint,
        client_id=text(about.get("user_api_key_alias")) or text(_first(row, "traceName", "trace_name")) or text(trace.get("name")),
        user_id=text(_first(row, "userId", "user_id")) or text(_first(trace, "userId", "user_id")),
        conversation_id=text(_first(row, "sessionId", "session_id")) or text(_first(trace, "sessionId", "session_id")),
        trace_id=trace_id,
        tags=_tags(_first(row, "traceTags", "tags") or trace.get("tags")),
        started_at=started_at,
        duration_ms=ended,
        time_to_first_chunk_ms=first if first else None,
        streamed=first is not None and first > 0,
        origin="import",
        source="langfuse",
        request_model=model,
        response_model=model,
        request=None if asked is None else _encode(asked),
        response=None if response is None else _encode(response),
        status=500 if failed else 200,
        finish_reason=response["choices"][0]["finish_reason"] if response else None,
        error="error" if failed else None,
        usage=usage(row),
        cost_usd=_cost(row),
    )
    also, near = step(trace_id, started_at)
    names = [*also]
    if response_id is not None and len(response_id) >= SHORTEST_ID:
        names.append(response_id)
    if (own := text(about.get("litellm_call_id"))) is not None and own != response_id:
        names.append(own)
    if trace_id and _SPAN[0].fullmatch(trace_id) and _SPAN[1].fullmatch(observation_id):
        names.append(f"span {trace_id} {observation_id}")
    return Observed(
        call=call,
        identity=f"langfuse {trace_id or ''} {observation_id}",
        also=tuple(dict.fromkeys(names)),
        near=near,
        lacks="" if asked is not None else "langfuse_no_bodies",
    )


def _response_id(row: dict[str, Any], observation_id: str, about: dict[str, Any]) -> str | None:
    """The provider's id of the response, where Langfuse was told it."""
    if (found := _TIMED_ID.fullmatch(observation_id)) is not None:
        return found[1]
    named = (about.get(name) for name in ("response_id", "gen_ai.response.id", "responseId"))
    inner = record(about.get("attributes"))
    output = loaded(row.get("output"))
    whole_body = output.get("id") if isinstance(output, dict) and "choices" in output else None
    return next((one for value in (*named, inner.get("gen_ai.response.id"), whole_body) if (one := text(value)) is not None), None)


def usage(row: Mapping[str, Any]) -> Usage:
    """Tokens. Langfuse takes cached and audio tokens out of `input` and names them beside it; some who write to it leave them in.

    Where the total is told it says which; without it, the parts are taken to stand beside one another, as Langfuse's own rule has it.
    """
    details = {
        name: count
        for name, value in record(_first(row, "usageDetails", "usage_details")).items()
        if (count := _count(value, name)) is not None
    }
    if not details:
        return _plain_usage(row)
    total = details.pop("total", None)
    sent = details.get("input", details.get("prompt_tokens"))
    got = details.get("output", details.get("completion_tokens"))
    inputs = {name: count for name, count in details.items() if name.startswith(("input_", "cache_"))}
    outputs = {name: count for name, count in details.items() if name.startswith("output_")}
    if sent is None and got is None and not inputs and not outputs:
        return Usage()
    sent, got = sent or 0, got or 0
    beside_in, beside_out = sum(inputs.values()), sum(outputs.values())
    all_in, all_out = sent + beside_in, got + beside_out
    if total is not None and total < all_in + all_out:
        # Some parts are counted in the plain figures already: the outputs' first, then as many of the inputs' as the total leaves.
        all_out = got if total - got >= sent else all_out
        all_in = min(all_in, max(sent, total - all_out))

    def named(of: Mapping[str, int], *parts: str) -> int | None:
        found = [count for name, count in of.items() if any(part in name for part in parts)]
        return sum(found) if found else None

    written = named(inputs, "creation", "cache_write")
    read = named({name: count for name, count in inputs.items() if "creation" not in name and "write" not in name}, "cache")
    return Usage(
        input_tokens=all_in,
        output_tokens=all_out,
        cache_read_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=named(outputs, "reasoning"),
        audio_input_tokens=named(inputs, "audio"),
        audio_output_tokens=named(outputs, "audio"),
    )


def _plain_usage(row: Mapping[str, Any]) -> Usage:
    told = record(row.get("usage"))
    if str(told.get("unit") or "TOKENS").upper() != "TOKENS":
        return Usage()
    sent, got = (
        next((count for value in found if (count := _count(value, "tokens")) is not None), None)
        for found in (
            (told.get("input"), row.get("promptTokens"), row.get("inputUsage"), told.get("promptTokens")),
            (told.get("output"), row.get("completionTokens"), row.get("outputUsage"), told.get("completionTokens")),
        )
    )
    # Exports write 0 for what they do not know.
    return Usage(input_tokens=sent, output_tokens=got) if sent or got else Usage()


def _cost(row: Mapping[str, Any]) -> Decimal | None:
    """What Langfuse was told, or worked out, that it cost; 0 stands for what it did not know."""
    details = record(_first(row, "costDetails", "cost_details"))
    for value in (_first(row, "totalCost", "total_cost", "calculatedTotalCost"), details.get("total")):
        try:
            found = Decimal(str(value))
        except InvalidOperation:
            continue
        if found.is_finite() and 0 < found < 10**6:
            return found
    return None


def _count(value: Any, name: str) -> int | None:
    try:
        return whole(value, name)
    except LogFormatError:
        return None


def _since(row: Mapping[str, Any], started_at: Any, *names: str) -> float | None:
    """Milliseconds from the start to a time that the record names."""
    value = _first(row, *names)
    if value is None or value == "":
        return None
    try:
        found = float((moment(value) - started_at).total_seconds() * 1000)
    except LogFormatError:
        return None
    return number(found, "duration") if found >= 0 else None


def _milliseconds(row: Mapping[str, Any], name: str) -> float | None:
    try:
        return number(row.get(name), name)
    except LogFormatError:
        return None


def _tags(value: Any) -> tuple[str, ...]:
    listed = loaded(value)
    return tuple(dict.fromkeys(one for one in listed if isinstance(one, str) and one)) if isinstance(listed, list) else ()


def _first(row: Mapping[str, Any], *names: str) -> Any:
    for name in names:  # many fields a record: a generator takes twice as long
        value = row.get(name)
        if value is not None and value != "":
            return value
    return None
